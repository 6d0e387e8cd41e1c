import { compileAnchored, METRIC_NAME, parseBytes } from '@avalanche/model';
import { durationMs, labelMap, orEmpty, scalarString, unsupported } from '@avalanche/yamlfile';
import { z } from 'zod';
import type { RelabelRule } from '../relabel.ts';

const OTHER_DISCOVERY = [
  ...['azure', 'consul', 'digitalocean', 'dns', 'docker', 'dockerswarm', 'ec2', 'eureka', 'gce', 'hetzner', 'http'],
  ...['ionos', 'kubernetes', 'kuma', 'lightsail', 'linode', 'marathon', 'nerve', 'nomad', 'openstack', 'ovhcloud'],
  ...['puppetdb', 'scaleway', 'serverset', 'stackit', 'triton', 'uyuni', 'vultr'],
].map((name) => `${name}_sd_configs`);

const labelName = z.string().min(1, 'a label name must not be empty');

const relabelConfig = z
  .strictObject({
    source_labels: z.array(labelName).default([]),
    separator: z.string().default(';'),
    regex: scalarString.default('(.*)'),
    modulus: z.number().int().min(0).default(0),
    target_label: z.string().default(''),
    replacement: scalarString.default('$1'),
    action: z
      .string()
      .toLowerCase()
      .pipe(
        z.enum([
          ...(['replace', 'keep', 'drop', 'keepequal', 'dropequal', 'hashmod'] as const),
          ...(['labelmap', 'labeldrop', 'labelkeep', 'lowercase', 'uppercase'] as const),
        ]),
      )
      .default('replace'),
  })
  .transform((raw, context): RelabelRule => {
    const fail = (message: string): never => {
      context.addIssue({ code: 'custom', message });
      return z.NEVER;
    };
    const needsTarget = ['replace', 'hashmod', 'lowercase', 'uppercase', 'keepequal', 'dropequal'];
    if (needsTarget.includes(raw.action) && raw.target_label === '') {
      fail(`relabel configuration for ${raw.action} action requires 'target_label' value`);
    }
    if (raw.action === 'hashmod' && raw.modulus === 0) {
      fail('relabel configuration for hashmod requires non-zero modulus');
    }
    try {
      return {
        sourceLabels: raw.source_labels,
        separator: raw.separator,
        regex: compileAnchored(raw.regex),
        modulus: raw.modulus,
        targetLabel: raw.target_label,
        replacement: raw.replacement,
        action: raw.action,
      };
    } catch (error) {
      return fail(`invalid regular expression ${JSON.stringify(raw.regex)}: ${(error as Error).message}`);
    }
  });

export const targetGroup = z.strictObject({ targets: z.array(scalarString), labels: orEmpty(labelMap.optional()) });

const fileSd = z.strictObject({
  files: z
    .array(
      z.string().refine((path) => /^[^*]*(\*[^/]*)?\.(json|yml|yaml|JSON|YML|YAML)$/.test(path), {
        message: 'path name is not valid for file discovery: it must end in .json, .yml or .yaml',
      }),
    )
    .min(1, 'file service discovery config must contain at least one path name'),
  refresh_interval: durationMs.default(5 * 60_000),
});

const discovery = {
  static_configs: orEmpty(z.array(targetGroup).default([])),
  file_sd_configs: orEmpty(z.array(fileSd).default([])),
  ...unsupported(...OTHER_DISCOVERY),
};

const httpClient = {
  basic_auth: z
    .strictObject({
      username: scalarString.optional(),
      username_file: z.string().optional(),
      password: scalarString.optional(),
      password_file: z.string().optional(),
    })
    .optional(),
  authorization: z
    .strictObject({
      type: z.string().default('Bearer'),
      credentials: z.string().optional(),
      credentials_file: z.string().optional(),
    })
    .optional(),
  bearer_token: z.string().optional(),
  bearer_token_file: z.string().optional(),
  follow_redirects: z.boolean().default(true),
  enable_http2: z.boolean().default(true),
  ...unsupported('oauth2', 'tls_config', 'proxy_url', 'proxy_from_environment', 'proxy_connect_header', 'http_headers'),
};

const bytes = z.union([z.literal(0), z.string()]).transform((value, context) => {
  try {
    return value === 0 ? 0 : parseBytes(value);
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message });
    return z.NEVER;
  }
});

const limit = z.number().int().min(0).default(0);

const scrapeConfig = z.strictObject({
  job_name: scalarString.refine((name) => name !== '', { message: 'job_name is empty' }),
  scrape_interval: durationMs.optional(),
  scrape_timeout: durationMs.optional(),
  metrics_path: z.string().default('/metrics'),
  scheme: z.enum(['http', 'https']).default('http'),
  params: z.record(z.string(), z.array(scalarString)).default({}),
  honor_labels: z.boolean().default(false),
  honor_timestamps: z.boolean().default(true),
  track_timestamps_staleness: z.boolean().default(false),
  relabel_configs: orEmpty(z.array(relabelConfig).default([])),
  metric_relabel_configs: orEmpty(z.array(relabelConfig).default([])),
  body_size_limit: bytes.default(0),
  sample_limit: limit,
  target_limit: limit,
  label_limit: limit,
  label_name_length_limit: limit,
  label_value_length_limit: limit,
  fallback_scrape_protocol: z
    .enum(['PrometheusText0.0.4', 'PrometheusText1.0.0', 'OpenMetricsText0.0.1', 'OpenMetricsText1.0.0'])
    .optional(),
  enable_compression: z.boolean().default(true),
  ...httpClient,
  ...discovery,
  ...unsupported(
    ...['scrape_protocols', 'scrape_classic_histograms', 'always_scrape_classic_histograms', 'keep_dropped_targets'],
    ...['native_histogram_bucket_limit', 'native_histogram_min_bucket_factor', 'convert_classic_histograms_to_nhcb'],
    ...[
      'metric_name_validation_scheme',
      'metric_name_escaping_scheme',
      'scrape_failure_log_file',
      'scrape_native_histograms',
    ],
  ),
});

const alertmanagerConfig = z.strictObject({
  scheme: z.enum(['http', 'https']).default('http'),
  path_prefix: z.string().default(''),
  timeout: durationMs.default(10_000),
  api_version: z.literal('v2').default('v2'),
  relabel_configs: orEmpty(z.array(relabelConfig).default([])),
  ...httpClient,
  ...discovery,
  ...unsupported('alert_relabel_configs', 'sigv4'),
});

const externalLabels = labelMap.refine((labels) => !(METRIC_NAME in labels), {
  message: `"${METRIC_NAME}" is not a valid external label name`,
});

/** 0 means "not given", as upstream reads it. */
const intervalOrDefault = durationMs.default(60_000).transform((ms) => ms || 60_000);

export const configSchema = z
  .strictObject({
    global: orEmpty(
      z
        .strictObject({
          scrape_interval: intervalOrDefault,
          scrape_timeout: durationMs.optional(),
          evaluation_interval: intervalOrDefault,
          external_labels: orEmpty(externalLabels.default({})),
          query_log_file: z.string().default(''),
          ...unsupported(
            ...['scrape_failure_log_file', 'rule_query_offset', 'scrape_protocols', 'body_size_limit'],
            ...['sample_limit', 'target_limit', 'label_limit', 'label_name_length_limit', 'label_value_length_limit'],
            ...['keep_dropped_targets', 'metric_name_validation_scheme', 'metric_name_escaping_scheme', 'runtime'],
            ...['always_scrape_classic_histograms', 'convert_classic_histograms_to_nhcb', 'scrape_native_histograms'],
          ),
        })
        .prefault({}),
    ),
    rule_files: orEmpty(z.array(z.string()).default([])),
    scrape_configs: orEmpty(z.array(scrapeConfig).default([])),
    alerting: orEmpty(
      z
        .strictObject({
          alert_relabel_configs: orEmpty(z.array(relabelConfig).default([])),
          alertmanagers: orEmpty(z.array(alertmanagerConfig).default([])),
        })
        .prefault({}),
    ),
    storage: orEmpty(
      z
        .strictObject({
          tsdb: orEmpty(z.strictObject({ out_of_order_time_window: durationMs.default(0) }).prefault({})),
          ...unsupported('exemplars'),
        })
        .prefault({}),
    ),
    ...unsupported('scrape_config_files', 'tracing', 'remote_write', 'remote_read', 'otlp'),
  })
  .superRefine((config, context) => {
    if ((config.global.scrape_timeout ?? 0) > config.global.scrape_interval) {
      const message = 'global scrape timeout greater than scrape interval';
      context.addIssue({ code: 'custom', path: ['global', 'scrape_timeout'], message });
    }
    const seen = new Set<string>();
    config.scrape_configs.forEach((job, i) => {
      if (seen.has(job.job_name)) {
        context.addIssue({
          code: 'custom',
          path: ['scrape_configs', i, 'job_name'],
          message: `found multiple scrape configs with job name ${JSON.stringify(job.job_name)}`,
        });
      }
      seen.add(job.job_name);
      const interval = job.scrape_interval || config.global.scrape_interval;
      if (job.scrape_timeout !== undefined && job.scrape_timeout > interval) {
        context.addIssue({
          code: 'custom',
          path: ['scrape_configs', i, 'scrape_timeout'],
          message: `scrape timeout greater than scrape interval for scrape config with job name ${JSON.stringify(job.job_name)}`,
        });
      }
    });
  });

export type PrometheusConfig = z.output<typeof configSchema>;
export type ScrapeConfig = PrometheusConfig['scrape_configs'][number];
export type AlertmanagerConfig = PrometheusConfig['alerting']['alertmanagers'][number];
export type DiscoveryConfig = Pick<ScrapeConfig, 'static_configs' | 'file_sd_configs'>;
export type HttpClientConfig = Pick<
  ScrapeConfig,
  'basic_auth' | 'authorization' | 'bearer_token' | 'bearer_token_file' | 'follow_redirects'
>;
