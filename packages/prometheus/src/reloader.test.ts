import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger, systemClock } from '@avalanche/model';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { Authority, hasOpenssl } from '../../../tests/support/certificates.ts';
import { loadConfig } from './config/load.ts';
import { checkTlsFiles } from './config/tls-files.ts';
import { loadFiles, Reloader } from './reloader.ts';
import { type RunningPrometheus, startPrometheus } from './start.ts';

const directory = mkdtempSync(join(tmpdir(), 'avalanche-reload-'));
afterAll(() => rmSync(directory, { recursive: true, maxRetries: 3 }));

const dialect = { experimental: false, extendedRangeSelectors: false, fillModifiers: false };
const configFile = join(directory, 'prometheus.yml');
const write = (name: string, text: string) => writeFileSync(join(directory, name), text);

describe('files that have changed', () => {
  async function reloader() {
    write('prometheus.yml', 'rule_files: [a.rules]\n');
    write('a.rules', 'groups: []\n');
    const applied: string[][] = [];
    const outcomes: boolean[] = [];
    const load = () => loadFiles(configFile, dialect);
    const files = await load();
    const made = new Reloader(
      {
        file: configFile,
        load,
        autoReloadMs: 3_600_000,
        clock: systemClock,
        logger: silentLogger,
        metrics: { reloaded: (ok) => void outcomes.push(ok) },
        apply: async ({ config }) =>
          void applied.push(config.config.rule_files.map((path) => path.slice(directory.length))),
      },
      files.config,
    );
    await made.start(files);
    return { made, applied, outcomes };
  }

  test('are applied, those of rules too, and those that are named only now', async () => {
    const { made, applied } = await reloader();
    await made.reloadIfChanged();
    expect(applied).toHaveLength(1);
    write('a.rules', 'groups: [{name: g, rules: []}]\n');
    await made.reloadIfChanged();
    expect(applied).toHaveLength(2);
    write('b.rules', 'groups: []\n');
    write('prometheus.yml', 'rule_files: [a.rules, b.rules]\n');
    await made.reloadIfChanged();
    await made.reloadIfChanged();
    expect(applied.slice(2)).toEqual([['/a.rules', '/b.rules']]);
    write('b.rules', 'groups: [{name: b, rules: []}]\n');
    await made.reloadIfChanged();
    expect(applied).toHaveLength(4);
    await made.stop();
  });

  test('are refused once, and what ran goes on', async () => {
    const { made, applied, outcomes } = await reloader();
    write('a.rules', 'groups: 1\n');
    await made.reloadIfChanged();
    await made.reloadIfChanged();
    expect([applied.length, outcomes, made.status.success]).toEqual([1, [true, false], false]);
    write('a.rules', 'groups: []\n');
    await made.reloadIfChanged();
    expect([applied.length, made.status.success]).toEqual([2, true]);
    await made.stop();
  });
});

describe.skipIf(!hasOpenssl)('certificates that cannot be used (needs openssl)', () => {
  const tls = (file: string) => `tls_config: {ca_file: ${file}}`;
  const sections = (file: string) => [
    ['alerting.alertmanagers[0]', `alerting: {alertmanagers: [{${tls(file)}}]}`, ''],
    ['remote_write[0]', `remote_write: [{url: 'http://x', ${tls(file)}}]`, ''],
    ['remote_read[0]', `remote_read: [{url: 'http://x', ${tls(file)}}]`, ''],
    ['scrape_configs[0]', `scrape_configs: [{job_name: a, ${tls(file)}}]`, 'error creating HTTP client: '],
  ];
  const running = () => loadConfig(configFile);

  test('are refused by name in every section that upstream reads them of', async () => {
    new Authority(directory, 'ca');
    write('prometheus.yml', 'scrape_configs: [{job_name: a}]\n');
    const before = await running();
    write('none.pem', 'no certificate');
    for (const [key, text, prefix] of sections('none.pem')) {
      write('prometheus.yml', `${text}\n`);
      const problem = `${configFile}: ${key}.tls_config: ${prefix}unable to use specified CA cert file ${directory}/none.pem`;
      const loaded = await running();
      expect(() => checkTlsFiles(loaded, before), key).toThrow(problem);
    }
    for (const [key, text] of sections('ca.pem')) {
      write('prometheus.yml', `${text}\n`);
      const loaded = await running();
      expect(() => checkTlsFiles(loaded, before), key).not.toThrow();
    }
  });

  test('but of a job that is new or as it was, they fail its scrapes alone; passwords are read when they are needed', async () => {
    write('prometheus.yml', `${sections('/does/not/exist')[3][1]}\n`);
    const loaded = await running();
    expect(() => checkTlsFiles(loaded)).not.toThrow();
    expect(() => checkTlsFiles(loaded, loaded)).not.toThrow();
    write('prometheus.yml', `remote_write: [{url: 'http://x', bearer_token_file: /does/not/exist}]\n`);
    expect(checkTlsFiles(await running())).toBeUndefined();
  });

  test('end a start, and a reload leaves what runs', async () => {
    write('prometheus.yml', `${sections('/does/not/exist')[0][1]}\n`);
    const listen = { host: '127.0.0.1', port: 0 };
    const options = { configFile, listen, logger: silentLogger, version: 'test', directory: join(directory, 'tls') };
    const missing = 'unable to read CA cert: unable to read file /does/not/exist: open /does/not/exist';
    await expect(startPrometheus(options)).rejects.toMatchObject({
      message: expect.stringContaining(missing),
      exitCode: 1,
    });
    write('prometheus.yml', '');
    const prometheus = await startPrometheus(options);
    try {
      write('prometheus.yml', `${sections('/does/not/exist')[1][1]}\n`);
      await expect(prometheus.reload()).rejects.toThrow(missing);
      const { data } = (await (await fetch(`${prometheus.url}/api/v1/status/config`)).json()) as {
        data: { yaml: string };
      };
      expect(data.yaml).not.toContain('remote_write');
    } finally {
      await prometheus.stop();
    }
  });
});

test('a reload that fails half way takes back what it has changed', async () => {
  write('prometheus.yml', '');
  const load = () => loadFiles(configFile, dialect);
  const files = await load();
  const intervals: number[] = [];
  const made = new Reloader(
    {
      file: configFile,
      load,
      clock: systemClock,
      logger: silentLogger,
      metrics: { reloaded: () => {} },
      apply: async ({ config: { config } }) => {
        intervals.push(config.global.scrape_interval);
        if (config.scrape_configs.length > 0) throw new Error('no file for the log');
      },
    },
    files.config,
  );
  await made.start(files);
  write('prometheus.yml', 'global: {scrape_interval: 7s}\nscrape_configs: [{job_name: a}]\n');
  await expect(made.reload()).rejects.toThrow('no file for the log');
  expect(intervals).toEqual([60_000, 7000, 60_000]);
  expect([made.status.success, made.config]).toEqual([false, files.config]);
});

describe('a reload', () => {
  let prometheus: RunningPrometheus;
  let target: Server;
  let asked = 0;
  beforeAll(async () => {
    target = createServer((_request, response) => {
      asked++;
      response.setHeader('content-type', 'text/plain; version=0.0.4').end('value 1\n');
    });
    await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve));
  });
  afterEach(() => prometheus.stop());
  afterAll(() => void target.close());

  const config = (more = '', relabelling = '') => `
rule_files: [alert.rules]
scrape_configs:
- job_name: kept
  scrape_interval: 200ms
  scrape_timeout: 100ms
  static_configs: [{targets: ["127.0.0.1:${(target.address() as AddressInfo).port}"]}]
  metric_relabel_configs: [{source_labels: [__name__], regex: "${relabelling}never", action: drop}]
${more}`;

  async function api<T>(path: string): Promise<T> {
    return ((await (await fetch(`${prometheus.url}/api/v1/${path}`)).json()) as { data: T }).data;
  }

  interface Group {
    readonly rules: readonly { readonly alerts: readonly { readonly activeAt: string }[] }[];
  }
  const activeAt = async () => {
    const { groups } = await api<{ groups: Group[] }>('rules');
    return groups[0]?.rules[0]?.alerts[0]?.activeAt;
  };
  const scrapedAt = async () => {
    const { activeTargets } = await api<{ activeTargets: { lastScrape: string }[] }>('targets');
    return activeTargets[0]?.lastScrape;
  };

  test('leaves what has not changed as it is', async () => {
    write('alert.rules', 'groups: [{name: g, interval: 50ms, rules: [{alert: A, expr: vector(1), for: 1h}]}]');
    write('prometheus.yml', config());
    const listen = { host: '127.0.0.1', port: 0 };
    const options = { configFile, listen, logger: silentLogger, version: 'test' };
    prometheus = await startPrometheus({ ...options, directory: join(directory, 'data') });
    await vi.waitFor(async () => expect([asked > 0, await activeAt()]).toEqual([true, expect.any(String)]), 5000);
    const active = await activeAt();
    const scraped = await scrapedAt();
    write('prometheus.yml', config('- {job_name: more, static_configs: [{targets: ["127.0.0.1:1"]}]}'));
    await prometheus.reload();
    // A target that was made anew has not been scraped yet.
    expect(scraped).not.toMatch(/^0001/);
    expect(await scrapedAt()).not.toMatch(/^0001/);
    expect(await activeAt()).toBe(active);
  });

  test('sees that only the expression of a relabelling has changed', async () => {
    write('alert.rules', 'groups: []');
    write('prometheus.yml', config());
    const listen = { host: '127.0.0.1', port: 0 };
    const options = { configFile, listen, logger: silentLogger, version: 'test' };
    prometheus = await startPrometheus({ ...options, directory: join(directory, 'other') });
    const kept = async () => {
      const query = 'query?query=scrape_samples_post_metric_relabeling';
      const { result } = await api<{ result: { value: [number, string] }[] }>(query);
      return result[0]?.value[1];
    };
    await vi.waitFor(async () => expect(await kept()).toBe('1'), 5000);
    write('prometheus.yml', config('', 'value|'));
    await prometheus.reload();
    await vi.waitFor(async () => expect(await kept()).toBe('0'), 5000);
  });
});
