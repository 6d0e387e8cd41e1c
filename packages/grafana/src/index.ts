export { type GrafanaOptions, startGrafana } from './start.ts';
