import { checkHttpClient, httpClientFields } from '@avalanche/web';
import { durationMs, scalarString, unsupported } from '@avalanche/yamlfile';
import { z } from 'zod';
import { discoveryFields, staticTargetsProblem } from './discovery.ts';
import { relabelConfigs, relabelProblem } from './relabel.ts';
import { otlpConfig, remoteReadConfig, remoteWriteConfig } from './remote.ts';
import { globalConfig, PROTOCOLS, rawScrapeConfig, scrapeProblems, withGlobals } from './scrape.ts';
import { bytes, items, nullsAsAbsent, pathPatterns } from './values.ts';

export { type DiscoveryConfig, targetGroup } from './discovery.ts';
export type { ScrapeConfig } from './scrape.ts';

const apiVersion = scalarString.transform((version, context): 'v2' => {
  if (version === 'v2') return version;
  const message = `expected Alertmanager api version to be one of [v2] but got ${version}`;
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
});

const alertmanagerConfig = z
  .strictObject({
    ...httpClientFields,
    ...unsupported('sigv4'),
    scheme: scalarString.default('http'),
    path_prefix: scalarString.default(''),
    timeout: durationMs.default(10_000),
    api_version: apiVersion.default('v2'),
    relabel_configs: relabelConfigs('empty or null Alertmanager target relabeling rule'),
    alert_relabel_configs: relabelConfigs('empty or null Alertmanager alert relabeling rule'),
    ...discoveryFields,
  })
  .superRefine((config, context) => {
    checkHttpClient(config, context);
    const problem = config.relabel_configs.length === 0 ? staticTargetsProblem(config) : null;
    if (problem) context.addIssue({ code: 'custom', message: problem, path: ['static_configs'] });
  });

const alerting = z.strictObject({
  alert_relabel_configs: relabelConfigs('empty or null alert relabeling rule'),
  alertmanagers: z.array(alertmanagerConfig).default([]),
});

const percentage = z
  .number()
  .default(0)
  .superRefine((value, context) => {
    if (value >= 0 && value <= 100) return;
    const message = `'storage.tsdb.retention.percentage' must be in the range [0, 100], got ${value}`;
    context.addIssue({ code: 'custom', message });
  });

const tsdb = z.strictObject({
  out_of_order_time_window: durationMs.default(0),
  stale_series_compaction_threshold: z.number().default(0),
  chunk_encoding: z
    .strictObject({
      floats: scalarString.default('').superRefine((name, context) => {
        if (['', 'xor', 'xor2'].includes(name)) return;
        const message = `'storage.tsdb.chunk_encoding.floats' must be 'xor' or 'xor2', or the field must be omitted entirely, got ${JSON.stringify(name)}`;
        context.addIssue({ code: 'custom', message });
      }),
    })
    .prefault({}),
  retention: z.strictObject({ time: durationMs.default(0), size: bytes.default(0), percentage }).optional(),
});

/** Upstream's default; 0 or less is none. */
const MAX_EXEMPLARS = 100_000;

const storage = z.strictObject({
  tsdb: tsdb.prefault({}),
  exemplars: z.strictObject({ max_exemplars: z.number().int().default(0) }).prefault({ max_exemplars: MAX_EXEMPLARS }),
});

const GOGC = 75;

export const rawScrapeConfigs = items(rawScrapeConfig, 'empty or null scrape config section');

const fields = z.strictObject({
  global: globalConfig.prefault({}),
  runtime: z.strictObject({ gogc: z.number().int().default(GOGC) }).prefault({}),
  alerting: alerting.prefault({}),
  rule_files: pathPatterns('rule file'),
  scrape_config_files: pathPatterns('scrape config file'),
  scrape_configs: rawScrapeConfigs,
  storage: storage.prefault({}),
  remote_write: items(remoteWriteConfig, 'empty or null remote write config section'),
  remote_read: items(remoteReadConfig, 'empty or null remote read config section'),
  otlp: otlpConfig.prefault({}),
  ...unsupported('tracing'),
});

type RawConfig = z.output<typeof fields>;
type Tell = (path: readonly (string | number)[], message: string) => void;

/** `prometheus.yml` as of Prometheus 3.14, jobs completed with what they take over from `global`. */
export const configSchema = z.preprocess(
  nullsAsAbsent,
  fields.transform((raw, context) => {
    const tell: Tell = (path, message) => void context.addIssue({ code: 'custom', path: [...path], message });
    const scrape_configs = raw.scrape_configs.map((job) => withGlobals(job, raw.global));
    scrape_configs.forEach((job, i) => {
      for (const [path, message] of scrapeProblems(job)) tell(['scrape_configs', i, ...path], message);
    });
    tellNames(
      raw.scrape_configs.map((job) => job.job_name),
      'scrape',
      ['scrape_configs', 'job_name'],
      tell,
    );
    tellNames(
      raw.remote_write.map(({ name }) => name),
      'remote write',
      ['remote_write', 'name'],
      tell,
    );
    tellNames(
      raw.remote_read.map(({ name }) => name),
      'remote read',
      ['remote_read', 'name'],
      tell,
    );
    checkRelabelling(raw, tell);
    checkOtlp(raw, tell);
    checkStorage(raw, tell);
    return { ...raw, scrape_configs };
  }),
);

function tellNames(names: readonly string[], what: string, [list, key]: readonly [string, string], tell: Tell): void {
  names.forEach((name, i) => {
    if (name === '' || names.indexOf(name) === i) return;
    tell([list, i, key], `found multiple ${what} configs with job name ${JSON.stringify(name)}`);
  });
}

function checkRelabelling(
  { global, alerting: { alert_relabel_configs, alertmanagers }, remote_write }: RawConfig,
  tell: Tell,
) {
  const check = (rules: RawConfig['alerting']['alert_relabel_configs'], path: readonly (string | number)[]) => {
    rules.forEach((rule, i) => {
      const problem = relabelProblem(rule, global.metric_name_validation_scheme);
      if (problem) tell([...path, i], problem);
    });
  };
  check(alert_relabel_configs, ['alerting', 'alert_relabel_configs']);
  alertmanagers.forEach((alertmanager, i) => {
    check(alertmanager.alert_relabel_configs, ['alerting', 'alertmanagers', i, 'alert_relabel_configs']);
    check(alertmanager.relabel_configs, ['alerting', 'alertmanagers', i, 'relabel_configs']);
  });
  remote_write.forEach((remote, i) => {
    check(remote.write_relabel_configs, ['remote_write', i, 'write_relabel_configs']);
  });
}

/** What of the storage is known and not supported: refused where it would change something. */
function checkStorage({ storage: { tsdb } }: RawConfig, tell: Tell): void {
  const given: Readonly<Record<string, boolean>> = {
    stale_series_compaction_threshold: tsdb.stale_series_compaction_threshold > 0,
    'retention.percentage': (tsdb.retention?.percentage ?? 0) > 0,
  };
  for (const name of Object.keys(given).filter((key) => given[key])) {
    tell(['storage', 'tsdb', name.split('.')[0]], `${name} is not supported yet`);
  }
}

function checkOtlp({ global, otlp: { translation_strategy: strategy } }: RawConfig, tell: Tell): void {
  if (global.metric_name_validation_scheme !== 'legacy') return;
  if (strategy !== 'NoTranslation' && strategy !== 'NoUTF8EscapingWithSuffixes') return;
  const message = `OTLP translation strategy ${JSON.stringify(strategy)} is not allowed when UTF8 is disabled`;
  tell(['otlp', 'translation_strategy'], message);
}

/** As `configSchema`; where `global` says nothing else, targets are asked for protobuf before any text. */
export const protobufFirstSchema = z.preprocess((file) => {
  if (typeof file !== 'object' || file === null) return file;
  const { global } = file as { readonly global?: unknown };
  if (typeof (global ?? {}) !== 'object') return file;
  const asked = (global as { readonly scrape_protocols?: unknown } | null | undefined)?.scrape_protocols;
  return { ...file, global: { ...(global as object | null), scrape_protocols: asked ?? [...PROTOCOLS] } };
}, configSchema);

export type PrometheusConfig = z.output<typeof configSchema>;
export type AlertmanagerConfig = PrometheusConfig['alerting']['alertmanagers'][number];
