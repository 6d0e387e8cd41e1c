import { AGGREGATORS, functionSignatures, MODIFIERS, OPERATORS } from '@avalanche/promql';
import { FUZZ_ALGORITHMS } from './api/search/score.ts';
import type { PrometheusOptions } from './options.ts';
import { templateFunctions } from './rules/template-functions.ts';

type Category = Readonly<Record<string, boolean>>;

const EXPERIMENTAL_AGGREGATORS: ReadonlySet<string> = new Set(['limitk', 'limit_ratio']);
const DISCOVERY = ['static', 'file', 'http', 'dns', 'docker'];

/** `GET /api/v1/features`: upstream's categories and names. What upstream has and we have not is false. */
export function featuresResponse(options: PrometheusOptions): Readonly<Record<string, Category>> {
  const { features = {}, scraping, web = {} } = options;
  const { experimentalFunctions = false, typeAndUnitLabels = false } = features;
  const isOn = (name: string) => !EXPERIMENTAL_AGGREGATORS.has(name) || experimentalFunctions;
  const categories: Record<string, Category> = {
    api: {
      ...allOf('label_values_match query_warnings query_stats time_range_series time_range_labels exclude_alerts'),
      'openapi_3.1': true,
      'openapi_3.2': false,
      admin: options.enableAdminApi ?? false,
      lifecycle: options.enableLifecycle ?? false,
      otlp_write_receiver: web.enableOtlpReceiver ?? false,
      remote_write_receiver: options.remoteWrite?.receiver ?? false,
      search: web.search?.enabled ?? false,
      ...allOf(FUZZ_ALGORITHMS.map((name) => `search_fuzz_alg_${name}`).join(' ')),
    },
    otlp_receiver: { delta_conversion: false, native_delta_ingestion: false },
    prometheus: { agent_mode: false, server_mode: true, auto_reload_config: (options.autoReloadMs ?? 0) > 0 },
    promql: {
      ...allOf('at_modifier negative_offset per_query_lookback_delta subqueries duration_expr'),
      ...Object.fromEntries(modifiers(features)),
      delayed_name_removal: features.delayedNameRemoval ?? false,
      per_step_stats: features.perStepStats ?? false,
      type_and_unit_labels: typeAndUnitLabels,
    },
    promql_functions: Object.fromEntries(
      functionSignatures.map(({ name, experimental }) => [name, !experimental || experimentalFunctions]),
    ),
    promql_operators: Object.fromEntries([...OPERATORS, ...AGGREGATORS].map((name) => [name, isOn(name)])),
    rules: { concurrent_rule_eval: (options.concurrentRules ?? 0) > 0, keep_firing_for: true, query_offset: true },
    scrape: {
      extra_scrape_metrics: true,
      start_timestamp_zero_ingestion: scraping?.features?.startTimeZeros ?? false,
      type_and_unit_labels: typeAndUnitLabels,
    },
    service_discovery_providers: allOf(DISCOVERY.join(' ')),
    templating_functions: allOf(Object.keys(templateFunctions).join(' ')),
    tsdb: {
      delayed_compaction: false,
      exemplar_storage: scraping?.features?.exemplars ?? false,
      histograms_st_encoding: false,
      isolation: true,
      native_histograms: true,
      st_storage: scraping?.features?.startTimes ?? false,
      use_uncached_io: false,
      xor2_encoding: false,
    },
    ui: { ui_v2: false, ui_v3: false },
  };
  return sorted(Object.entries(categories).map(([name, category]) => [name, sorted(Object.entries(category))]));
}

function modifiers({
  extendedRangeSelectors = false,
  fillModifiers = false,
}: NonNullable<PrometheusOptions['features']>) {
  const optional: Readonly<Record<string, boolean>> = {
    ...{ anchored: extendedRangeSelectors, smoothed: extendedRangeSelectors },
    ...{ fill: fillModifiers, fill_left: fillModifiers, fill_right: fillModifiers },
  };
  return [...MODIFIERS].map((name): readonly [string, boolean] => [name, optional[name] ?? true]);
}

function allOf(names: string): Category {
  return Object.fromEntries(names.split(' ').map((name) => [name, true]));
}

function sorted<T>(entries: readonly (readonly [string, T])[]): Record<string, T> {
  return Object.fromEntries([...entries].sort(([a], [b]) => (a < b ? -1 : 1)));
}
