export { type GrafanaOptions, type RunningGrafana, startGrafana } from './start.ts';
