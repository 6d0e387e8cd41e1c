export type { AlertmanagerLimits } from './alertmanager.ts';
export { type LoadedAlertmanagerConfig, loadAlertmanagerConfig } from './config/load.ts';
export { type AlertmanagerOptions, type RunningAlertmanager, startAlertmanager } from './start.ts';
