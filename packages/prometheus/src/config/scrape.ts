import { checkHttpClient, httpClientFields } from '@avalanche/web';
import { durationMs, scalarString } from '@avalanche/yamlfile';
import { z } from 'zod';
import { discoveryFields, staticTargetsProblem } from './discovery.ts';
import { isLabelName, relabelConfigs, relabelProblem, type ValidationScheme } from './relabel.ts';
import { bytes, limit, textMap } from './values.ts';

/** In upstream's order of preference. */
const TEXT_PROTOCOLS = [
  'OpenMetricsText1.0.0',
  'OpenMetricsText0.0.1',
  'PrometheusText1.0.0',
  'PrometheusText0.0.4',
] as const;
/** In the order in which they are asked for. */
export const PROTOCOLS = ['PrometheusProto', ...TEXT_PROTOCOLS] as const;
export type ScrapeProtocol = (typeof PROTOCOLS)[number];

function protocolProblem(name: string): string {
  return `unknown scrape protocol ${name}, supported: [${[...PROTOCOLS].sort().join(' ')}]`;
}

const scrapeProtocols = z
  .array(scalarString)
  .superRefine((names, context) => {
    const problem = protocolsProblem(names);
    if (problem) context.addIssue({ code: 'custom', message: problem });
  })
  .transform((names) => names as ScrapeProtocol[]);

function protocolsProblem(names: readonly string[]): string | null {
  if (names.length === 0) return 'scrape_protocols cannot be empty';
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name.toLowerCase())) return `duplicated protocol in scrape_protocols, got [${names.join(' ')}]`;
    if (!PROTOCOLS.some((protocol) => protocol === name)) return `scrape_protocols: ${protocolProblem(name)}`;
    seen.add(name.toLowerCase());
  }
  return null;
}

const protocol = scalarString.transform((name, context): ScrapeProtocol => {
  const known = PROTOCOLS.find((candidate) => candidate === name);
  if (known) return known;
  context.addIssue({ code: 'custom', message: `invalid fallback_scrape_protocol: ${protocolProblem(name)}` });
  return z.NEVER;
});

const ESCAPINGS = ['allow-utf-8', 'underscores', 'dots', 'values'] as const;
export type EscapingScheme = (typeof ESCAPINGS)[number];

const validationScheme = scalarString.transform((text, context): ValidationScheme | '' => {
  if (text === '' || text === 'legacy' || text === 'utf8') return text;
  const message = `unrecognized ValidationScheme: ${JSON.stringify(text)}`;
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
});

const escapingScheme = (where: 'global' | 'scrape config') =>
  scalarString.transform((text, context): EscapingScheme | '' => {
    const known = text === '' ? '' : ESCAPINGS.find((name) => name === text);
    if (known !== undefined) return known;
    const message = `unknown ${where} name escaping method specified, must be one of 'allow-utf-8', 'underscores', 'dots', or 'values', got ${JSON.stringify(text)}`;
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });

const limits = {
  body_size_limit: bytes.default(0),
  sample_limit: limit,
  target_limit: limit,
  label_limit: limit,
  label_name_length_limit: limit,
  label_value_length_limit: limit,
};

/** Upstream reads 0 as "not given". */
const MINUTE_MS = 60_000;
const TIMEOUT_MS = 10_000;

const globalFields = z.strictObject({
  scrape_interval: durationMs.default(0),
  scrape_timeout: durationMs.default(0),
  scrape_protocols: scrapeProtocols.optional(),
  evaluation_interval: durationMs.default(0),
  rule_query_offset: durationMs.default(0),
  query_log_file: scalarString.default(''),
  scrape_failure_log_file: scalarString.default(''),
  external_labels: textMap.default({}),
  ...limits,
  keep_dropped_targets: limit,
  metric_name_validation_scheme: validationScheme.default(''),
  metric_name_escaping_scheme: escapingScheme('global').default(''),
  scrape_native_histograms: z.boolean().default(false),
  convert_classic_histograms_to_nhcb: z.boolean().default(false),
  always_scrape_classic_histograms: z.boolean().default(false),
  extra_scrape_metrics: z.boolean().default(false),
});

/** `global`, with upstream's defaults filled in. */
export const globalConfig = globalFields.transform((raw, context) => {
  const fail = (message: string, key: string) => context.addIssue({ code: 'custom', message, path: [key] });
  const scheme: ValidationScheme = raw.metric_name_validation_scheme || 'utf8';
  for (const name of Object.keys(raw.external_labels)) {
    if (!isLabelName(name, scheme)) fail(`${JSON.stringify(name)} is not a valid label name`, 'external_labels');
  }
  const scrape_interval = raw.scrape_interval || MINUTE_MS;
  if (raw.scrape_timeout > scrape_interval)
    fail('global scrape timeout greater than scrape interval', 'scrape_timeout');
  return {
    ...raw,
    scrape_interval,
    scrape_timeout: raw.scrape_timeout || Math.min(TIMEOUT_MS, scrape_interval),
    evaluation_interval: raw.evaluation_interval || MINUTE_MS,
    metric_name_validation_scheme: scheme,
  };
});

export type GlobalConfig = z.output<typeof globalConfig>;

const scrapeFields = z.strictObject({
  job_name: scalarString.default(''),
  honor_labels: z.boolean().default(false),
  honor_timestamps: z.boolean().default(true),
  track_timestamps_staleness: z.boolean().default(false),
  params: z.record(z.string(), z.array(scalarString).default([])).default({}),
  scrape_interval: durationMs.default(0),
  scrape_timeout: durationMs.default(0),
  scrape_protocols: scrapeProtocols.optional(),
  fallback_scrape_protocol: protocol.optional(),
  scrape_native_histograms: z.boolean().optional(),
  always_scrape_classic_histograms: z.boolean().optional(),
  convert_classic_histograms_to_nhcb: z.boolean().optional(),
  scrape_failure_log_file: scalarString.default(''),
  metrics_path: scalarString.default('/metrics'),
  scheme: scalarString.default('http'),
  enable_compression: z.boolean().default(true),
  ...limits,
  native_histogram_bucket_limit: limit,
  native_histogram_min_bucket_factor: z.number().default(0),
  keep_dropped_targets: limit,
  metric_name_validation_scheme: validationScheme.default(''),
  metric_name_escaping_scheme: escapingScheme('scrape config').default(''),
  extra_scrape_metrics: z.boolean().optional(),
  ...httpClientFields,
  relabel_configs: relabelConfigs('empty or null target relabeling rule in scrape config'),
  metric_relabel_configs: relabelConfigs('empty or null metric relabeling rule in scrape config'),
  ...discoveryFields,
});

type RawScrapeConfig = z.output<typeof scrapeFields>;

/** One job as the file has it; `withGlobals` completes it. */
export const rawScrapeConfig = scrapeFields.superRefine((config, context) => {
  if (config.job_name === '') context.addIssue({ code: 'custom', message: 'job_name is empty', path: ['job_name'] });
  checkHttpClient(config, context);
  const problem = config.relabel_configs.length === 0 ? staticTargetsProblem(config) : null;
  if (problem) context.addIssue({ code: 'custom', message: problem, path: ['static_configs'] });
});

const INHERITED_LIMITS = [
  ...(['body_size_limit', 'sample_limit', 'target_limit', 'label_limit', 'label_name_length_limit'] as const),
  ...(['label_value_length_limit', 'keep_dropped_targets', 'scrape_failure_log_file'] as const),
] as const;

/** A job with what it takes over from `global`. */
export function withGlobals(raw: RawScrapeConfig, global: GlobalConfig) {
  const native = raw.scrape_native_histograms ?? global.scrape_native_histograms;
  const scrape_interval = raw.scrape_interval || global.scrape_interval;
  const inherited = INHERITED_LIMITS.map((key) => [key, raw[key] || global[key]]);
  const defaultProtocols: readonly ScrapeProtocol[] = native ? PROTOCOLS : TEXT_PROTOCOLS;
  const completed = {
    ...raw,
    ...(Object.fromEntries(inherited) as Pick<RawScrapeConfig, (typeof INHERITED_LIMITS)[number]>),
    scrape_interval,
    scrape_timeout: raw.scrape_timeout || Math.min(global.scrape_timeout, scrape_interval),
    scrape_protocols: raw.scrape_protocols ?? global.scrape_protocols ?? defaultProtocols,
    scrape_native_histograms: native,
    always_scrape_classic_histograms: raw.always_scrape_classic_histograms ?? global.always_scrape_classic_histograms,
    convert_classic_histograms_to_nhcb:
      raw.convert_classic_histograms_to_nhcb ?? global.convert_classic_histograms_to_nhcb,
    extra_scrape_metrics: raw.extra_scrape_metrics ?? global.extra_scrape_metrics,
    metric_name_validation_scheme: raw.metric_name_validation_scheme || global.metric_name_validation_scheme,
    metric_name_escaping_scheme: escapingOf(raw, global),
  };
  // In the order in which the file's keys are documented, for whoever prints it.
  const inOrder = Object.keys(scrapeFields.shape).filter((key) => key in completed);
  return Object.fromEntries(inOrder.map((key) => [key, completed[key as keyof typeof completed]])) as typeof completed;
}

export type ScrapeConfig = ReturnType<typeof withGlobals>;

/** A job that narrows the names does not take over that the names of all others need no escaping. */
function escapingOf(raw: RawScrapeConfig, global: GlobalConfig): EscapingScheme {
  if (raw.metric_name_escaping_scheme) return raw.metric_name_escaping_scheme;
  const inherits = raw.metric_name_validation_scheme === '';
  if (inherits && global.metric_name_escaping_scheme) return global.metric_name_escaping_scheme;
  const scheme = inherits ? global.metric_name_validation_scheme : raw.metric_name_validation_scheme;
  return scheme === 'legacy' ? 'underscores' : 'allow-utf-8';
}

/** What is wrong with a completed job: the key and upstream's message. */
export function* scrapeProblems(
  job: ScrapeConfig,
): Generator<readonly [path: readonly (string | number)[], message: string]> {
  if (job.scrape_timeout > job.scrape_interval) {
    const name = JSON.stringify(job.job_name);
    yield [['scrape_timeout'], `scrape timeout greater than scrape interval for scrape config with job name ${name}`];
  }
  if (job.metric_name_escaping_scheme === 'allow-utf-8' && job.metric_name_validation_scheme !== 'utf8') {
    yield [['metric_name_escaping_scheme'], 'utf8 metric names requested but validation scheme is not set to UTF8'];
  }
  for (const key of ['relabel_configs', 'metric_relabel_configs'] as const) {
    for (const [i, rule] of job[key].entries()) {
      const problem = relabelProblem(rule, job.metric_name_validation_scheme);
      if (problem) yield [[key, i], problem];
    }
  }
}
