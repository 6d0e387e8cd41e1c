export { type LoadedConfig, loadConfig } from './config/load.ts';
export { loadRuleFiles } from './rules/manager.ts';
export { loadRuleFile } from './rules/rule-file.ts';
export { type PrometheusOptions, type QueryFeatures, type RunningPrometheus, startPrometheus } from './start.ts';
