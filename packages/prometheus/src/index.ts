export { type DiscoveryConfig, targetFileSchema } from './config/discovery.ts';
export { type LoadedConfig, loadConfig } from './config/load.ts';
export { discover, pathResolver } from './discovery/discovery.ts';
export type { PrometheusOptions, QueryFeatures } from './options.ts';
export { takeProfile } from './pprof/pprof.ts';
export { relabel } from './relabel.ts';
export { WRITE_MESSAGES, type WriteMessage } from './remote/proto/messages.ts';
export { encodeWriteRequest, type PushedSeries } from './remote/write-request.ts';
export { AlertingRule } from './rules/alerting.ts';
export { loadRuleFiles, makeRule } from './rules/manager.ts';
export type { Rule } from './rules/rule.ts';
export {
  loadRuleFile,
  MANY_DOCUMENTS,
  type ParsedRuleFile,
  parseRuleFile,
  type RuleConfig,
  type RuleFileOptions,
  type RuleGroupConfig,
  readRuleFile,
} from './rules/rule-file.ts';
export type { ScrapeFeatures } from './scrape/ingest.ts';
export { makeTarget, withDefaults } from './scrape/target.ts';
export { type RunningPrometheus, startPrometheus } from './start.ts';
