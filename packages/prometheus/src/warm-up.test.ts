import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Labels, silentLogger } from '@avalanche/model';
import { Tsdb } from '@avalanche/tsdb';
import fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { WarmUp } from './warm-up.ts';

let directory = '';
let tsdb: Tsdb;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'avalanche-warm-up-test-'));
  tsdb = await Tsdb.open({ directory, autoMaintenance: false });
});

afterEach(async () => {
  await tsdb.close();
  rmSync(directory, { recursive: true, force: true });
});

/** Answers that there are two metrics, and keeps what it was asked. */
function api(asked: string[]): () => Promise<FastifyInstance> {
  return async () => {
    const app = fastify();
    app.get('/api/v1/*', async (request) => {
      asked.push(request.url);
      const result = ['up', 'http_bucket'].map((name) => ({ metric: { __name__: name }, value: [0, '3'] }));
      return { status: 'success', data: { resultType: 'vector', result } };
    });
    return app;
  };
}

test('asks for the newest data until it is stopped', async () => {
  const appender = tsdb.appender();
  appender.append(appender.seriesRef(Labels.from({ __name__: 'up' })), 1_700_000_000_000, 1);
  appender.commit();
  const asked: string[] = [];
  const warmUp = new WarmUp(tsdb, api(asked), silentLogger);
  warmUp.start();
  await expect.poll(() => asked.length, { timeout: 10_000 }).toBeGreaterThan(30);
  await warmUp.stop();
  const { length } = asked;
  const queries = asked.map((url) => new URL(url, 'http://localhost').searchParams);
  expect(queries.some((params) => params.get('time') === '1700000000')).toBe(true);
  expect(queries.some((params) => params.get('query')?.startsWith('histogram_quantile'))).toBe(true);
  expect(queries.some((params) => params.get('start') === '1699999100' && params.get('end') === '1700000000')).toBe(
    true,
  );
  expect(asked.length).toBe(length);
});

test('asks nothing where there is no data', async () => {
  const asked: string[] = [];
  const warmUp = new WarmUp(tsdb, api(asked), silentLogger);
  warmUp.start();
  await new Promise((resolve) => setTimeout(resolve, 400));
  await warmUp.stop();
  expect(asked).toEqual([]);
});
