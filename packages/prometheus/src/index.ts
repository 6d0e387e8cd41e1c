export { type LoadedConfig, loadConfig } from './config/load.ts';
export { loadRuleFile, loadRuleFiles } from './rules/manager.ts';
export { type PrometheusOptions, type QueryFeatures, type RunningPrometheus, startPrometheus } from './start.ts';
