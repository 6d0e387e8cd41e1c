import type { Logger } from '@avalanche/model';
import type { QueryFeatures, ScrapeFeatures } from '@avalanche/prometheus';

/** Features that have an effect on queries, with what upstream logs of each. */
const QUERY_FEATURES: Readonly<Record<string, readonly [name: keyof QueryFeatures, told: string]>> = {
  'promql-experimental-functions': ['experimentalFunctions', 'Experimental PromQL functions enabled.'],
  'promql-extended-range-selectors': [
    'extendedRangeSelectors',
    'Experimental PromQL extended range selectors enabled.',
  ],
  'promql-binop-fill-modifiers': ['fillModifiers', 'Experimental PromQL binary operator fill modifiers enabled.'],
  'promql-delayed-name-removal': ['delayedNameRemoval', 'Experimental PromQL delayed name removal enabled.'],
  'promql-per-step-stats': ['perStepStats', 'Experimental per-step statistics reporting'],
  'type-and-unit-labels': ['typeAndUnitLabels', 'Experimental type and unit labels enabled'],
  'use-start-timestamps': ['startTimestamps', 'Experimental usage of start timestamps in PromQL engine is enabled.'],
};

const PROTOBUF_FIRST =
  'OpenMetrics 1.0 parsing will parse <metric>_created metrics as ST instead of normal sample. Changed default scrape_protocols to prefer PrometheusProto format.';
/** Features of scraping, with what upstream logs of each. */
const SCRAPE_FEATURES: Readonly<Record<string, readonly [name: keyof ScrapeFeatures, told: string]>> = {
  'exemplar-storage': ['exemplars', 'Experimental in-memory exemplar storage enabled'],
  'metadata-wal-records': ['metadataRecords', 'Experimental metadata records in WAL enabled'],
  'created-timestamp-zero-ingestion': [
    'startTimeZeros',
    `Experimental start timestamp zero ingestion enabled. ${PROTOBUF_FIRST}`,
  ],
  'st-storage': ['startTimes', `Experimental start timestamp storage enabled. ${PROTOBUF_FIRST}`],
  'extra-scrape-metrics': [
    'extraMetrics',
    'This option for --enable-feature is being phased out. Set extra_scrape_metrics in the configuration instead.',
  ],
};

const PERMANENT_TOLD = 'This option for --enable-feature is now permanently enabled and therefore a no-op.';
/** Features that are always on, with the warning about their names. */
const PERMANENT: Readonly<Record<string, string>> = {
  'promql-duration-expr': PERMANENT_TOLD,
  'promql-at-modifier': PERMANENT_TOLD,
  'promql-negative-offset': PERMANENT_TOLD,
  'ooo-native-histograms': PERMANENT_TOLD,
  'native-histograms':
    'This option for --enable-feature is a no-op. To scrape native histograms, set the scrape_native_histograms scrape config setting to true.',
};

/** Features of upstream that nothing here stands behind. */
const WITHOUT_EFFECT: readonly string[] = [
  ...['memory-snapshot-on-shutdown'],
  ...['xor2-encoding', 'histograms-st-encoding', 'st-synthesis'],
  ...['delayed-compaction', 'old-ui', 'otlp-deltatocumulative', 'otlp-native-delta-ingestion'],
  ...['use-uncached-io', 'fast-startup'],
];

export const FEATURE_NAMES: readonly string[] = [
  ...Object.keys(QUERY_FEATURES),
  ...Object.keys(SCRAPE_FEATURES),
  'concurrent-rule-eval',
  'search-api',
  'auto-reload-config',
];

export interface Features {
  readonly query: QueryFeatures;
  readonly scraping: ScrapeFeatures;
  readonly autoReload: boolean;
  readonly concurrentRules: boolean;
  readonly searchApi: boolean;
}

/** What `--enable-feature` names; what it names in vain is told in the log, unknown names with upstream's words. */
export function featuresOf(given: readonly string[], logger: Logger): Features {
  const query: { -readonly [name in keyof QueryFeatures]: boolean } = {};
  const scraping: { -readonly [name in keyof ScrapeFeatures]: boolean } = {};
  let autoReload = false;
  let concurrentRules = false;
  let searchApi = false;
  for (const option of given.flatMap((text) => text.split(','))) {
    const known = Object.hasOwn(QUERY_FEATURES, option) ? QUERY_FEATURES[option] : undefined;
    if (known) {
      query[known[0]] = true;
      logger.info(known[1]);
    } else if (Object.hasOwn(SCRAPE_FEATURES, option)) {
      const [name, told] = SCRAPE_FEATURES[option];
      scraping[name] = true;
      logger.info(told);
    } else if (option === 'auto-reload-config') {
      autoReload = true;
      logger.warn('This option for --enable-feature is deprecated. Use --config.auto-reload instead.', { option });
    } else if (option === 'concurrent-rule-eval') {
      concurrentRules = true;
      logger.info('Experimental concurrent rule evaluation enabled.');
    } else if (option === 'search-api') {
      searchApi = true;
      logger.info('Experimental search API enabled.');
    } else if (Object.hasOwn(PERMANENT, option)) logger.warn(PERMANENT[option], { option });
    else if (WITHOUT_EFFECT.includes(option)) logger.warn('This feature has no effect yet', { option });
    else if (option !== '') logger.warn('Unknown option for --enable-feature', { option });
  }
  return { query, scraping, autoReload, concurrentRules, searchApi };
}
