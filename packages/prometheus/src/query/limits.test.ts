import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Labels, silentLogger } from '@avalanche/model';
import { Tsdb } from '@avalanche/tsdb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PrometheusOptions } from '../options.ts';
import { startPrometheus } from '../start.ts';

const SERIES = 100;
const SAMPLES = 400;
const STEP_MS = 15_000;
const START_MS = Date.now() - (Date.now() % 60_000) - SAMPLES * STEP_MS;
const END_MS = START_MS + (SAMPLES - 1) * STEP_MS;
/** Takes seconds: a regression over 3600 points at each of thousands of steps, for each series. */
const LONG = `query_range?query=sum(deriv(m[1h:1s]))&start=${START_MS / 1000}&end=${END_MS / 1000}&step=1`;

let directory: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'limits-'));
  writeFileSync(join(directory, 'prometheus.yml'), 'global: {query_log_file: query.log}\n');
  const tsdb = await Tsdb.open({ directory: join(directory, 'data'), logger: silentLogger });
  const appender = tsdb.appender();
  const refs = Array.from({ length: SERIES }, (_, i) => appender.seriesRef(Labels.from({ __name__: 'm', i: `${i}` })));
  for (let s = 0; s < SAMPLES; s++) {
    refs.forEach((ref, i) => {
      appender.append(ref, START_MS + s * STEP_MS, Math.sin(s * i));
    });
    appender.commit();
  }
  await tsdb.close();
});

afterAll(() => rmSync(directory, { recursive: true }));

/** Runs a server over the data, with these options. */
async function withServer(options: Partial<PrometheusOptions>, use: (url: string) => Promise<void>): Promise<void> {
  const server = await startPrometheus({
    configFile: join(directory, 'prometheus.yml'),
    directory: join(directory, 'data'),
    listen: { host: '127.0.0.1', port: 0 },
    logger: silentLogger,
    version: 'test',
    ...options,
  });
  try {
    await use(server.url);
  } finally {
    await server.stop();
  }
}

async function ask(url: string, path: string): Promise<{ readonly code: number; readonly data?: unknown }> {
  const response = await fetch(`${url}/api/v1/${path}`);
  return { code: response.status, ...((await response.json()) as Record<string, unknown>) };
}

async function until(check: () => Promise<boolean>): Promise<void> {
  for (let i = 0; !(await check()); i++) {
    if (i > 200) throw new Error('not reached');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const runningQueries = async (url: string) =>
  Number(/^prometheus_engine_queries (\d+)$/m.exec(await (await fetch(`${url}/metrics`)).text())?.[1]);

describe('limits of a query', () => {
  test.each([
    ['--query.timeout', { queryTimeoutMs: 100 }, LONG],
    ['the parameter timeout', {}, `${LONG}&timeout=100ms`],
    ['the smaller of both', { queryTimeoutMs: 100 }, `${LONG}&timeout=1h`],
  ])('%s', async (_, options, path) => {
    await withServer(options, async (url) => {
      expect(await ask(url, path)).toEqual({
        code: 503,
        status: 'error',
        errorType: 'timeout',
        error: 'query timed out in expression evaluation',
      });
    });
  });

  test('--query.max-samples', async () => {
    await withServer({ queryMaxSamples: SERIES - 1 }, async (url) => {
      expect(await ask(url, `query?query=m&time=${END_MS / 1000}`)).toEqual({
        code: 422,
        status: 'error',
        errorType: 'execution',
        error: 'query processing would load too many samples into memory in query execution',
      });
      expect((await ask(url, `query?query=m{i=~"1."}&time=${END_MS / 1000}`)).code).toBe(200);
    });
  });

  test('--query.lookback-delta and lookback_delta', async () => {
    const time = END_MS / 1000 + 100;
    const count = async (url: string, more = '') => {
      const { data } = await ask(url, `query?query=count(m)&time=${time}${more}`);
      return (data as { result: unknown[] }).result.length;
    };
    await withServer({ lookbackMs: 60_000 }, async (url) => {
      expect(await count(url)).toBe(0);
      expect(await count(url, '&lookback_delta=2m')).toBe(1);
      expect(await count(url, '&lookback_delta=0')).toBe(0);
    });
  });

  test('--query.max-concurrency: the others wait, not longer than a query may take, and are counted', async () => {
    await withServer({ queryMaxConcurrency: 1 }, async (url) => {
      const abort = new AbortController();
      const long = fetch(`${url}/api/v1/${LONG}`, { signal: abort.signal }).catch(() => null);
      await until(async () => (await runningQueries(url)) === 1);
      const waiting = ask(url, 'query?query=2&timeout=1m');
      expect(await ask(url, 'query?query=1&timeout=100ms')).toMatchObject({
        code: 503,
        errorType: 'timeout',
        error: 'query timed out in query queue',
      });
      expect(await runningQueries(url)).toBe(2);
      const leaving = new AbortController();
      const left = fetch(`${url}/api/v1/query?query=3`, { signal: leaving.signal }).catch(() => null);
      await until(async () => (await runningQueries(url)) === 3);
      leaving.abort();
      await left;
      await until(async () => (await runningQueries(url)) === 2);
      abort.abort();
      await long;
      expect(await waiting).toMatchObject({ code: 200 });
    });
  });

  test('a client that goes away ends its query', async () => {
    await withServer({}, async (url) => {
      const socket = connect(Number(new URL(url).port), '127.0.0.1');
      socket.write(`GET /api/v1/${LONG} HTTP/1.1\r\nHost: x\r\n\r\n`);
      await until(async () => (await runningQueries(url)) === 1);
      const left = performance.now();
      socket.destroy();
      await until(async () => (await runningQueries(url)) === 0);
      expect(performance.now() - left).toBeLessThan(500);
      const last = JSON.parse(readFileSync(join(directory, 'query.log'), 'utf8').trimEnd().split('\n').at(-1) ?? '');
      expect(last.error).toBe('query was canceled in expression evaluation');
    });
  });
});
