import { type AddressInfo, createServer } from 'node:net';
import { FamilyWriter } from '@avalanche/exposition';
import { type Logger, silentLogger } from '@avalanche/model';
import { afterEach, expect, test } from 'vitest';
import { type Collector, CollectorRunner, NoDataError } from './collector.ts';
import { scrapeOf } from './scrape.ts';
import { type ExporterWebOptions, ScrapeRequestError, startExporterServer } from './server.ts';

/** Keeps what is logged from info on. */
function keepingLogger(lines: string[]): Logger {
  const keep = (message: string, fields: Readonly<Record<string, unknown>> = {}) =>
    void lines.push(`${message} ${String(fields.collector)}`);
  return { ...silentLogger, info: keep, warn: keep, error: keep };
}

const good: Collector = { name: 'good', collect: (families) => void families.gauge('good', 'Good.').add(1) };

function successes(results: readonly { name: string; ok: boolean }[]): Record<string, boolean> {
  return Object.fromEntries(results.map(({ name, ok }) => [name, ok]));
}

test('a collector that throws or hangs fails alone, what it wrote stays, and the log tells each once', async () => {
  const log: string[] = [];
  let release = () => {};
  let hangs = 0;
  const hung: Collector = {
    name: 'hung',
    timeoutMs: 10,
    collect(families) {
      families.gauge('before_the_hang', 'Before.').add(1);
      hangs++;
      return new Promise((resolve) => {
        release = resolve;
      });
    },
  };
  let broken = true;
  const throwing: Collector = {
    name: 'throwing',
    collect(families) {
      families.gauge('before_the_throw', 'Before.').add(1);
      if (broken) throw new Error('malformed');
    },
  };
  const absent: Collector = {
    name: 'absent',
    collect() {
      throw new NoDataError('no such hardware');
    },
  };
  const runner = new CollectorRunner([hung, throwing, absent, good], 1000, keepingLogger(log));
  for (let i = 0; i < 3; i++) {
    const { families, results } = await runner.collect();
    expect(successes(results)).toEqual({ hung: false, throwing: false, absent: false, good: true });
    expect(families.text()).toMatch(/^before_the_throw 1$/m);
    expect(families.text()).toMatch(/^good 1$/m);
    expect(/^before_the_hang 1$/m.test(families.text())).toBe(i === 0);
  }
  expect(hangs).toBe(1);
  broken = false;
  release();
  await new Promise((resolve) => setImmediate(resolve));
  const again = runner.collect();
  release();
  expect(successes((await again).results)).toMatchObject({ hung: true, throwing: true });
  expect(log).toEqual([
    'Collector failed throwing',
    'Collector failed hung',
    'Collector works again throwing',
    'Collector works again hung',
  ]);
});

test('the deadline of a scrape holds for all collectors', async () => {
  const never: Collector = { name: 'never', collect: () => new Promise(() => {}) };
  const runner = new CollectorRunner([never, good], 60_000, silentLogger);
  const scrape = scrapeOf({ 'x-prometheus-scrape-timeout-seconds': '0.05' });
  expect(successes((await runner.collect(undefined, scrape)).results)).toEqual({ never: false, good: true });
});

test.each([
  ['10', 9_500],
  ['1', 900],
  [undefined, Number.POSITIVE_INFINITY],
  ['-1', Number.POSITIVE_INFINITY],
  ['soon', Number.POSITIVE_INFINITY],
])('a scrape timeout of %s seconds leaves %d ms', (header, left) => {
  expect(scrapeOf({ 'x-prometheus-scrape-timeout-seconds': header }, 0).deadline).toBe(left);
});

let stop: () => Promise<void> = async () => {};
afterEach(() => stop());

async function serve(scrape: () => Promise<FamilyWriter>, web: ExporterWebOptions = {}): Promise<string> {
  const role = await startExporterServer({
    role: 'test-exporter',
    title: 'Test Exporter',
    prefix: 'test',
    listen: { host: '127.0.0.1', port: 0 },
    version: '1.2.3',
    telemetryPath: '/metrics',
    web,
    scrape,
  });
  stop = role.stop;
  return role.url;
}

test('any method is served, other paths are 404, and the page of / leads to the metrics', async () => {
  const url = await serve(async () => new FamilyWriter());
  for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS']) {
    const answer = await fetch(`${url}/metrics`, { method, ...(method === 'POST' ? { body: 'x' } : {}) });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(await answer.text()).toContain('test_exporter_build_info{');
  }
  const head = await fetch(`${url}/metrics`, { method: 'HEAD' });
  expect([head.status, await head.text()]).toEqual([200, '']);
  expect(await (await fetch(`${url}/`)).text()).toContain('href="/metrics"');
  const unknown = await fetch(`${url}/nope`);
  expect([unknown.status, await unknown.text()]).toEqual([404, '404 page not found\n']);
});

test('its own families: process_*, promhttp_*, build info', async () => {
  let failure: Error | null = new ScrapeRequestError('wrong');
  const url = await serve(async () => {
    if (failure) throw failure;
    return new FamilyWriter();
  });
  expect((await fetch(`${url}/metrics`)).status).toBe(400);
  failure = new Error('no broker');
  const failed = await fetch(`${url}/metrics`);
  expect([failed.status, await failed.text()]).toEqual([500, 'no broker\n']);
  failure = null;
  await fetch(`${url}/metrics`);
  const text = await (await fetch(`${url}/metrics`)).text();
  expect(text).toMatch(/^promhttp_metric_handler_requests_total\{code="200"\} 1$/m);
  expect(text).toMatch(/^promhttp_metric_handler_requests_total\{code="500"\} 1$/m);
  expect(text).toMatch(/^promhttp_metric_handler_requests_total\{code="503"\} 0$/m);
  expect(text).toMatch(/^promhttp_metric_handler_requests_in_flight 1$/m);
  expect(text).toMatch(/^process_cpu_seconds_total \S+$/m);
  expect(text).toMatch(/^process_open_fds \d+$/m);
  expect(text).toMatch(
    /^test_exporter_build_info\{branch="",goarch="\w+",goos="\w+",goversion="",revision="",tags="",version="1.2.3"\} 1$/m,
  );
});

test('too many scrapes at the same time are refused; own families can be left out', async () => {
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const url = await serve(
    async () => {
      await held;
      return new FamilyWriter();
    },
    { maxRequests: 1, disableExporterMetrics: true },
  );
  const answers = [fetch(`${url}/metrics`), fetch(`${url}/metrics`)];
  const refused = await Promise.race(answers);
  expect([refused.status, await refused.text()]).toEqual([
    503,
    'Limit of concurrent requests reached (1), try again later.\n',
  ]);
  release();
  const statuses = (await Promise.all(answers)).map(({ status }) => status);
  expect(statuses.sort()).toEqual([200, 503]);
  expect(await (await fetch(`${url}/metrics`)).text()).not.toMatch(/process_|promhttp_/);
});

test('it listens on further addresses', async () => {
  const port = await freePort('127.0.0.2');
  await serve(async () => new FamilyWriter(), { alsoListen: [{ host: '127.0.0.2', port }] });
  expect((await fetch(`http://127.0.0.2:${port}/metrics`)).status).toBe(200);
});

async function freePort(host: string): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
