import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { loadConfig } from './load.ts';

const directory = mkdtempSync(join(tmpdir(), 'avalanche-config-'));
afterAll(() => rmSync(directory, { recursive: true }));

function file(name: string, text: string): string {
  mkdirSync(join(directory, 'jobs'), { recursive: true });
  writeFileSync(join(directory, name), text);
  return join(directory, name);
}

const load = (text: string) => loadConfig(file('prometheus.yml', text), { environment: { SITE: 'north' } });

/** What is refused of a configuration, without the file's name. */
async function problems(text: string): Promise<string> {
  const failure: unknown = await load(text).catch((error: unknown) => error);
  return failure instanceof Error ? failure.message.replaceAll(`${directory}/prometheus.yml:`, '') : 'accepted';
}

describe('defaults', () => {
  test('are those of upstream', async () => {
    const { config } = await load('scrape_configs: [{job_name: a}]');
    expect(config.global).toMatchObject({
      scrape_interval: 60_000,
      scrape_timeout: 10_000,
      evaluation_interval: 60_000,
    });
    expect(config.scrape_configs[0]).toMatchObject({
      scrape_interval: 60_000,
      scrape_timeout: 10_000,
      metrics_path: '/metrics',
      scrape_protocols: ['OpenMetricsText1.0.0', 'OpenMetricsText0.0.1', 'PrometheusText1.0.0', 'PrometheusText0.0.4'],
      metric_name_validation_scheme: 'utf8',
      metric_name_escaping_scheme: 'allow-utf-8',
    });
    expect(config.storage.exemplars.max_exemplars).toBe(100_000);
  });

  test('protobuf comes first where start times are wanted and nothing else is asked for', async () => {
    const first = async (text: string) => {
      const { config, maskedYaml } = await loadConfig(file('prometheus.yml', text), { protobufFirst: true });
      return [config.scrape_configs[0].scrape_protocols[0], maskedYaml.includes('PrometheusProto')];
    };
    const job = 'scrape_configs: [{job_name: a}]';
    expect(await first(job)).toEqual(['PrometheusProto', true]);
    expect(await first(`global:\n${job}`)).toEqual(['PrometheusProto', true]);
    expect(await first(`global: {scrape_protocols: }\n${job}`)).toEqual(['PrometheusProto', true]);
    const text = 'OpenMetricsText1.0.0';
    expect(await first(`global: {scrape_protocols: [${text}]}\n${job}`)).toEqual([text, false]);
    expect(await first(`scrape_configs: [{job_name: a, scrape_protocols: [${text}]}]`)).toEqual([text, true]);
    await expect(first('global: 5')).rejects.toThrow('prometheus.yml:1: global');
  });

  test('of a job come from global, keys without a value count as absent', async () => {
    const { config } = await load(`
global: {scrape_interval: 5s, sample_limit: 7, body_size_limit: 1MB, metric_name_validation_scheme: legacy, scrape_native_histograms: true}
rule_files:
scrape_configs:
- {job_name: a, params: }
- {job_name: b, sample_limit: 1, scrape_interval: 20s, metric_name_validation_scheme: utf8}`);
    expect(config.scrape_configs).toMatchObject([
      {
        scrape_interval: 5000,
        scrape_timeout: 5000,
        sample_limit: 7,
        body_size_limit: 1024 * 1024,
        metric_name_escaping_scheme: 'underscores',
        scrape_native_histograms: true,
      },
      { scrape_timeout: 5000, sample_limit: 1, metric_name_escaping_scheme: 'allow-utf-8' },
    ]);
    expect(config.scrape_configs[0]?.scrape_protocols[0]).toBe('PrometheusProto');
  });
});

test('texts stay as they are written, external labels take variables in', async () => {
  const { config } = await load(`
global:
  external_labels: {version: 1.10, on: yes, site: '\${SITE}-$SITE-$$-\${MISSING}.', empty: }`);
  expect(config.global.external_labels).toEqual({ version: '1.10', on: 'yes', site: 'north-north-$-.', empty: '' });
});

test('paths are those of the file that names them, other files bring jobs', async () => {
  file('jobs/more.yml', 'scrape_configs: [{job_name: more, tls_config: {ca_file: ca.pem}}]');
  const main = `
rule_files: [rules.yml]
scrape_config_files: [jobs/*.yml]
scrape_configs:
- {job_name: own, basic_auth: {password_file: p}, http_headers: {X: {files: [h]}}, file_sd_configs: [{files: [t.json]}]}`;
  const { config } = await load(main);
  const [own, more] = config.scrape_configs;
  expect(config.rule_files).toEqual([`${directory}/rules.yml`]);
  expect(own?.basic_auth?.password_file).toBe(`${directory}/p`);
  expect(own?.http_headers?.X?.files).toEqual([`${directory}/h`]);
  expect(own?.file_sd_configs[0]?.files).toEqual([`${directory}/t.json`]);
  expect(more?.tls_config.ca_file).toBe(`${directory}/jobs/ca.pem`);
  await expect(load(main.replace('own', 'more'))).rejects.toThrow(
    `found multiple scrape configs with job name "more", first found in main config file`,
  );
});

test('the effective configuration masks secrets and is laid out as upstream lays it out', async () => {
  const { maskedYaml } = await load(`
global: {external_labels: {zone: "5"}}
scrape_configs:
- job_name: a
  authorization: {credentials: geheim}
  relabel_configs: [{source_labels: [a, b], regex: x, action: drop}]
  static_configs: [{targets: ["x:1"], labels: {empty: ""}}]
remote_write:
- {url: "http://u:geheim@h/", basic_auth: {username: u, password: geheim}, http_headers: {X: {secrets: [geheim]}}}`);
  expect(maskedYaml).not.toContain('geheim');
  expect(maskedYaml).toContain(`  external_labels:
    zone: "5"
`);
  expect(maskedYaml).toContain(`  authorization:
    type: Bearer
    credentials: <secret>
  follow_redirects: true
  enable_http2: true
  relabel_configs:
  - source_labels: [a, b]
    separator: ;
    regex: x
    replacement: $1
    action: drop
  static_configs:
  - targets:
    - x:1
    labels:
      empty: ""
`);
  expect(maskedYaml).toContain('url: http://u:xxxxx@h/');
});

const job = (text: string) => `scrape_configs: [{job_name: a, ${text}}]`;

test.each([
  ['scrape_configs: [{}]', '1: scrape_configs[0].job_name: job_name is empty'],
  ['scrape_configs: [null]', '1: scrape_configs[0]: empty or null scrape config section'],
  [job('nonsense: 1'), '1: scrape_configs[0].nonsense: unknown key'],
  [
    job('kubernetes_sd_configs: []'),
    '1: scrape_configs[0].kubernetes_sd_configs: kubernetes_sd_configs is not supported yet',
  ],
  ['tracing: {endpoint: x}', '1: tracing: tracing is not supported yet'],
  [
    job('static_configs: [{targets: ["http://x"]}]'),
    '1: scrape_configs[0].static_configs: "http://x" is not a valid hostname',
  ],
  [
    job('scrape_interval: 1s, scrape_timeout: 2s'),
    '1: scrape_configs[0].scrape_timeout: scrape timeout greater than scrape interval for scrape config with job name "a"',
  ],
  [
    job('scrape_protocols: [OpenMetricsText2]'),
    '1: scrape_configs[0].scrape_protocols: scrape_protocols: unknown scrape protocol OpenMetricsText2, supported: [OpenMetricsText0.0.1 OpenMetricsText1.0.0 PrometheusProto PrometheusText0.0.4 PrometheusText1.0.0]',
  ],
  [
    job('relabel_configs: [{action: labelmap, replacement: ""}]'),
    `1: scrape_configs[0].relabel_configs[0]: "" is invalid 'replacement' for labelmap action`,
  ],
  [
    job('metric_relabel_configs: [{action: sort}]'),
    '1: scrape_configs[0].metric_relabel_configs[0].action: unknown relabel action "sort"',
  ],
  [
    job('metric_name_validation_scheme: legacy, metric_name_escaping_scheme: allow-utf-8'),
    '1: scrape_configs[0].metric_name_escaping_scheme: utf8 metric names requested but validation scheme is not set to UTF8',
  ],
  [
    'global: {metric_name_validation_scheme: legacy, external_labels: {a.b: x}}',
    '1: global.external_labels: "a.b" is not a valid label name',
  ],
  [
    job('http_sd_configs: [{url: "ftp://x"}]'),
    "1: scrape_configs[0].http_sd_configs[0]: URL scheme must be 'http' or 'https'",
  ],
  [
    job('dns_sd_configs: [{names: [x], type: A}]'),
    '1: scrape_configs[0].dns_sd_configs[0]: a port is required in DNS-SD configs for all record types except SRV',
  ],
  ['remote_write: [{}]', '1: remote_write[0].url: url for remote_write is empty'],
  [
    'remote_write: [{url: "http://x", queue_config: {max_shards: 0}}]',
    '1: remote_write[0].queue_config: remote write queue max_shards must be positive',
  ],
  ['remote_write: [{url: "http://x", sigv4: {}}]', '1: remote_write[0].sigv4: sigv4 is not supported yet'],
  [
    'remote_read: [{url: "http://x", headers: {Authorization: x}}]',
    '1: remote_read[0].headers: authorization header must be changed via the basic_auth, authorization, oauth2, sigv4, azuread or google_iam parameter',
  ],
  [
    'alerting: {alertmanagers: [{api_version: v1}]}',
    '1: alerting.alertmanagers[0].api_version: expected Alertmanager api version to be one of [v2] but got v1',
  ],
  ['rule_files: ["a/*/b"]', '1: rule_files[0]: invalid rule file path "a/*/b"'],
  [
    'otlp: {translation_strategy: Other}',
    '1: otlp.translation_strategy: unsupported OTLP translation strategy "Other"',
  ],
])('%s is refused', async (text, message) => {
  expect(await problems(text)).toBe(message);
});
