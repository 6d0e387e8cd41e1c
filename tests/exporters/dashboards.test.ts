import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  defaultNodeCollectors,
  startNodeExporter,
  startPostgresExporter,
  startRedisExporter,
} from '@avalanche/exporters';
import { createApplicationMetrics } from '@avalanche/metrics';
import { silentLogger } from '@avalanche/model';
import { type RunningPrometheus, startPrometheus } from '@avalanche/prometheus';
import pg from 'pg';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { afterAll, describe, expect, test } from 'vitest';
import {
  freePort,
  hasPostgres,
  hasRedis,
  type RunningService,
  startPostgres,
  startRedis,
  withParentDeathSignal,
} from '../support/services.ts';
import { eventually, query } from '../support/stack.ts';
import { missing, type PanelQuery, panelQueries } from './dashboard-queries.ts';

const dashboard = (name: string) => new URL(`../../../shared/samples/grafana-dashboards/${name}.json`, import.meta.url);
const hasDashboards = existsSync(dashboard('node-exporter-full'));
const runs = (program: string) => spawnSync(program, ['--version']).status === 0;

/** Some scrapes, of which the rates are. */
const RECORDED_MS = 12_000;
/** Values of a moment agree at one of these looks, a second apart. */
const LOOKS = 8;

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const common = { listen: { host: '127.0.0.1', port: 0 }, logger: silentLogger, version: 'test' };
/** What runs while a dashboard is compared, last started first ended. */
type Stop = () => Promise<unknown> | unknown;

/** An original of Debian's, scraped at this address. */
async function startOriginal(
  stops: Stop[],
  program: string,
  args: (address: string) => string[],
  env: NodeJS.ProcessEnv = {},
): Promise<string> {
  const address = `127.0.0.1:${await freePort()}`;
  const [command, ...rest] = withParentDeathSignal([program, ...args(address)]);
  const child: ChildProcess = spawn(command, rest, { stdio: 'ignore', env: { ...process.env, ...env } });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  stops.push(() => {
    child.kill();
    return ended;
  });
  await eventually(
    () => fetch(`http://${address}/metrics`),
    ({ ok }) => ok,
  );
  return address;
}

/** Our Prometheus over both; the label `instance` says which is which, too, for dashboards that ask by it alone. */
async function record(stops: Stop[], original: string, ours: string): Promise<RunningPrometheus> {
  const directory = mkdtempSync(join(tmpdir(), 'avalanche-dashboards-'));
  const configFile = join(directory, 'prometheus.yml');
  const job = (name: string, target: string) => ({
    job_name: name,
    scrape_interval: '1s',
    static_configs: [{ targets: [target], labels: { instance: name, namespace: 'n' } }],
  });
  writeFileSync(configFile, JSON.stringify({ scrape_configs: [job('original', original), job('ours', ours)] }));
  const data = join(directory, 'data');
  const prometheus = await startPrometheus({ ...common, configFile, directory: data });
  stops.push(async () => {
    await prometheus.stop();
    rmSync(directory, { recursive: true, maxRetries: 3 });
  });
  return prometheus;
}

interface Expectation {
  /** Labels that only one of the versions has. */
  readonly ignoredLabels?: readonly string[];
  /** Queries whose values are not compared: they are each exporter's own, or change from moment to moment. */
  readonly ownValues?: RegExp;
  /** At least so many of the dashboard's queries are filled by the original. */
  readonly filled: number;
}

/** Every query that finds something at the original must find the same at ours. */
async function expectFilled({ url }: RunningPrometheus, name: string, expected: Expectation): Promise<void> {
  const of = (job: string) =>
    panelQueries(dashboard(name), {
      ...{ job, instance: job, node: job, namespace: 'n', db: '.+' },
      ...{ __rate_interval: '1m', __interval: '15s', __range: '1h' },
    });
  const ours = of('ours');
  const filled = new Set<string>();
  const compare = async ({ panel, text }: PanelQuery, i: number): Promise<string[]> => {
    const [there, here] = await Promise.all([query(url, text), query(url, ours[i].text)]);
    if (there.length > 0) filled.add(text);
    const values = expected.ownValues?.test(text) ? undefined : /rate\(/.test(text) ? 'rates' : 'gauges';
    const lacks = missing(there, here, { ignoredLabels: expected.ignoredLabels ?? [], values });
    return lacks.map((problem) => `${panel}: ${text}: ${problem}`);
  };
  const queries = of('original');
  let differing = queries.map((_query, i) => i);
  let problems: string[] = [];
  for (let look = 0; look < LOOKS && differing.length > 0; look++) {
    if (look > 0) await sleep(1_000);
    const results = await Promise.all(differing.map((i) => compare(queries[i], i)));
    differing = differing.filter((_query, k) => results[k].length > 0);
    problems = results.flat();
  }
  expect(problems).toEqual([]);
  expect(filled.size).toBeGreaterThanOrEqual(expected.filled);
}

/** Does something ten times a second until it is stopped. */
function keepDoing(stops: Stop[], step: (i: number) => unknown): void {
  let goesOn = true;
  const done = (async () => {
    for (let i = 0; goesOn; i++) {
      await step(i);
      await sleep(100);
    }
  })();
  stops.push(() => {
    goesOn = false;
    return done;
  });
}

describe
  .skipIf(!hasDashboards)
  .concurrent('public dashboards (../shared) have what the originals fill, with', { timeout: 50_000 }, () => {
    const stops: Stop[] = [];
    afterAll(async () => {
      for (const stop of stops.reverse()) await stop();
    });

    test.skipIf(!runs('prometheus-node-exporter'))(
      'node-exporter (Debian package prometheus-node-exporter)',
      async () => {
        const more = ['buddyinfo', 'interrupts', 'processes', 'tcpstat'];
        const original = await startOriginal(stops, 'prometheus-node-exporter', (address) => [
          `--web.listen-address=${address}`,
          ...more.map((name) => `--collector.${name}`),
          // What Debian's package sets otherwise.
          ...['--no-collector.systemd', '--collector.textfile.directory=', '--collector.netdev.device-exclude='],
        ]);
        const ours = await startNodeExporter({
          ...common,
          collectors: [...defaultNodeCollectors(), ...more],
          flags: { 'diskstats.device-exclude': ['^(ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\\d+n\\d+p)\\d+$'] },
        });
        stops.push(ours.stop);
        const prometheus = await record(stops, original, new URL(ours.url).host);
        await sleep(RECORDED_MS);
        await expectFilled(prometheus, 'node-exporter-full', {
          ignoredLabels: ['device_error', 'rotational', 'adminstate'],
          ownValues:
            /process_|node_scrape_collector|node_procs_|node_tcp_connection_states|node_sockstat|io_now|CurrEstab/,
          filled: 200,
        });
      },
    );

    test.skipIf(!hasPostgres || !runs('prometheus-postgres-exporter'))(
      'postgres-exporter (Debian packages postgresql, prometheus-postgres-exporter)',
      async () => {
        const server = await startPostgres();
        stops.push(server.stop);
        const source = `${server.url}?sslmode=disable`;
        const original = await startOriginal(
          stops,
          'prometheus-postgres-exporter',
          (address) => [`--web.listen-address=${address}`],
          { DATA_SOURCE_NAME: source },
        );
        const ours = await startPostgresExporter({ ...common, dataSourceNames: [source] });
        stops.push(ours.stop);
        const prometheus = await record(stops, original, new URL(ours.url).host);
        await loadPostgres(stops, server);
        await sleep(RECORDED_MS);
        await expectFilled(prometheus, 'postgres-exporter-overview', {
          ignoredLabels: ['server'],
          // The newest exporter opens more connections of its own.
          ownValues: /numbackends/,
          filled: 15,
        });
      },
    );

    test.skipIf(!hasRedis || !runs('prometheus-redis-exporter'))(
      'redis-exporter (Debian packages redis-server, prometheus-redis-exporter)',
      async () => {
        const server = await startRedis({ args: ['--maxmemory', '100mb'] });
        stops.push(server.stop);
        const original = await startOriginal(stops, 'prometheus-redis-exporter', (address) => [
          `-web.listen-address=${address}`,
          `-redis.addr=${server.url}`,
        ]);
        const ours = await startRedisExporter({ ...common, address: server.url });
        stops.push(ours.stop);
        const prometheus = await record(stops, original, new URL(ours.url).host);
        loadRedis(stops, server);
        await sleep(RECORDED_MS);
        await expectFilled(prometheus, 'redis-exporter', { filled: 19 });
      },
    );

    test('@avalanche/metrics of a Node.js application', async () => {
      const registry = new Registry();
      collectDefaultMetrics({ register: registry });
      const metrics = createApplicationMetrics({ registry: new Registry() });
      metrics.collectProcess();
      const original = await serve(stops, () => registry.metrics());
      const ours = await serve(stops, () => metrics.registry.metrics());
      const prometheus = await record(stops, original, ours);
      await sleep(RECORDED_MS);
      // The young generation is another one at each scrape.
      const ownValues = /eventloop|active_(?:handles|requests)|gc_duration|heap_|external_memory/;
      await expectFilled(prometheus, 'nodejs-overview', { ownValues, filled: 19 });
      await expectFilled(prometheus, 'nodejs-application-11159', { ownValues, filled: 14 });
    });
  });

/** Serves an exposition; the address. */
async function serve(stops: Stop[], text: () => Promise<string>): Promise<string> {
  const server = createServer(async (_request, response) => {
    response.setHeader('content-type', 'text/plain; version=0.0.4');
    response.end(await text());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stops.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Rows written, read, changed, deleted and rolled back in a database of its own. */
async function loadPostgres(stops: Stop[], { url }: RunningService): Promise<void> {
  const root = new pg.Client({ connectionString: url });
  await root.connect();
  await root.query('CREATE DATABASE shop');
  await root.end();
  const client = new pg.Client({ connectionString: url.replace(/postgres$/, 'shop') });
  await client.connect();
  stops.push(() => client.end());
  await client.query('CREATE TABLE item (id serial PRIMARY KEY, text text)');
  keepDoing(stops, async () => {
    await client.query("INSERT INTO item (text) SELECT repeat('x', 100) FROM generate_series(1, 50)");
    await client.query("UPDATE item SET text = 'y' WHERE id % 7 = 0 AND text <> 'y'");
    await client.query('SELECT count(*) FROM item');
    await client.query('DELETE FROM item WHERE id % 11 = 0');
    for (const statement of ['BEGIN', 'INSERT INTO item DEFAULT VALUES', 'ROLLBACK']) await client.query(statement);
  });
}

/** Keys set, read, missed, counted and expired. */
function loadRedis(stops: Stop[], { port }: RunningService): void {
  keepDoing(stops, (i) => {
    const lines = ['SET key:I 1', 'SETEX long:I 600 1', 'GET key:I', 'GET none', 'SET gone:I 1 PX 200', 'INCR n'];
    execFileSync('redis-cli', ['-p', String(port)], { input: `${lines.join('\n').replaceAll(':I', `:${i}`)}\n` });
  });
}
