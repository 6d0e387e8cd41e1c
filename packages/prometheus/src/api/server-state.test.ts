import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@avalanche/model';
import fastify from 'fastify';
import { Counter, Gauge, Histogram, Registry, Summary } from 'prom-client';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { RELOAD_FAILED } from '../notifications/notifications.ts';
import { Readiness } from '../readiness.ts';
import { type RunningPrometheus, startPrometheus } from '../start.ts';
import { Params } from './params.ts';
import { selfMetricsResponse } from './self-metrics.ts';

let directory: string;
let configFile: string;
let role: RunningPrometheus;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'state-'));
  configFile = join(directory, 'prometheus.yml');
  writeFileSync(configFile, 'global: { external_labels: { site: north } }\n');
  mkdirSync(join(directory, 'user'));
  writeFileSync(join(directory, 'user', 'note.txt'), 'hello');
  role = await startPrometheus({
    configFile,
    directory: join(directory, 'data'),
    listen: { host: '127.0.0.1', port: 0 },
    logger: silentLogger,
    version: '1.2.3',
    enableLifecycle: true,
    features: { experimentalFunctions: true },
    web: { notificationListenersMax: 1, userAssets: join(directory, 'user') },
  });
});

afterEach(async () => {
  await role.stop();
  rmSync(directory, { recursive: true });
});

async function get(path: string): Promise<{ readonly status: number; readonly text: string }> {
  const answer = await fetch(`${role.url}${path}`);
  return { status: answer.status, text: await answer.text() };
}

const dataOf = async (path: string) => JSON.parse((await get(`/api/v1/${path}`)).text).data;

describe('notifications', () => {
  test('a reload that failed is told, live as well, and taken back', async () => {
    expect(await dataOf('notifications')).toEqual([]);
    const live = await fetch(`${role.url}/api/v1/notifications/live`);
    expect([live.status, live.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
    expect((await fetch(`${role.url}/api/v1/notifications/live`)).status).toBe(204);
    const reader = (live.body as ReadableStream<Uint8Array>).getReader();
    const event = async () => {
      const { value } = await reader.read();
      return JSON.parse(
        Buffer.from(value ?? [])
          .toString()
          .replace(/^data: /, ''),
      );
    };
    writeFileSync(configFile, 'nothing: 1\n');
    await fetch(`${role.url}/-/reload`, { method: 'POST' });
    expect(await event()).toMatchObject({ text: RELOAD_FAILED, active: true });
    expect(await dataOf('notifications')).toMatchObject([{ text: RELOAD_FAILED, active: true }]);
    writeFileSync(configFile, '{}\n');
    await fetch(`${role.url}/-/reload`, { method: 'POST' });
    expect(await event()).toMatchObject({ text: RELOAD_FAILED, active: false });
    expect(await dataOf('notifications')).toEqual([]);
    await reader.cancel();
  });
});

test('features say what is on', async () => {
  const features = await dataOf('features');
  expect(Object.keys(features)).toEqual([
    ...['api', 'otlp_receiver', 'prometheus', 'promql', 'promql_functions', 'promql_operators', 'rules', 'scrape'],
    ...['service_discovery_providers', 'templating_functions', 'tsdb', 'ui'],
  ]);
  expect(features.api).toMatchObject({ lifecycle: true, admin: false, search: false, query_stats: true });
  expect(features.promql_operators).toMatchObject({ '>=': true, limitk: true, '@': true });
  expect(features.promql).toMatchObject({ anchored: false, offset: true, per_step_stats: false });
  expect(features.promql_functions).toMatchObject({ rate: true, double_exponential_smoothing: true });
  expect(features.service_discovery_providers).toEqual({
    dns: true,
    docker: true,
    file: true,
    http: true,
    static: true,
  });
});

test('what the server says of itself', async () => {
  expect(await dataOf('status/walreplay')).toEqual({ min: 0, max: 0, current: 0 });
  expect(await dataOf('status/tsdb/blocks')).toEqual({ blocks: [] });
  expect(JSON.parse((await get('/version')).text)).toMatchObject({ version: '1.2.3' });
  expect(await dataOf('status/self_metrics?metric_name_pattern=prometheus_ready')).toEqual([
    expect.objectContaining({ name: 'prometheus_ready', type: 'GAUGE', metric: [{ gauge: { value: 1 } }] }),
  ]);
  expect(await get('/api/v1/status/self_metrics?metric_name_pattern=(')).toMatchObject({ status: 400 });
  expect(await get('/api/v1/search/metric_names')).toEqual({
    status: 500,
    text: '{"status":"error","errorType":"unavailable","error":"search API disabled"}',
  });
  expect(await get('/debug/pprof/trace')).toMatchObject({ status: 501 });
  expect(await get('/user/note.txt')).toEqual({ status: 200, text: 'hello' });
});

test('every route is described', async () => {
  const { paths } = parse((await get('/api/v1/openapi.yaml')).text);
  expect(Object.keys(paths)).toEqual(expect.arrayContaining(['/query', '/label/{name}/values', '/read']));
  expect(paths['/query'].post).toMatchObject({
    operationId: 'postQuery',
    requestBody: { content: { 'application/x-www-form-urlencoded': { schema: { required: ['query'] } } } },
  });
  expect(paths['/admin/tsdb/delete_series'].put.parameters[0]).toMatchObject({ name: 'match[]', required: true });
});

test('requests are counted by route and code', async () => {
  await get('/api/v1/query?query=1');
  await get('/api/v1/query?query=(');
  await get('/api/v1/label/x/values');
  await get('/nothing');
  const { text } = await get('/metrics');
  expect(text).toContain('prometheus_http_requests_total{handler="/api/v1/query",code="200"} 1');
  expect(text).toContain('prometheus_http_requests_total{handler="/api/v1/query",code="400"} 1');
  expect(text).toContain('prometheus_http_request_duration_seconds_count{handler="/api/v1/label/:name/values"} 1');
  expect(text).toMatch(/prometheus_http_response_size_bytes_sum\{handler="\/api\/v1\/query"\} \d{2,3}\n/);
  expect(text).toContain('prometheus_ready 1');
  expect(text).toContain('net_conntrack_listener_conn_accepted_total{listener_name="http"}');
  expect((await get('/metrics')).text).toContain('promhttp_metric_handler_requests_total{code="200"} 1');
});

test('while it starts and stops, the server says so', async () => {
  const readiness = new Readiness(new Registry());
  const app = fastify();
  app.get('/', (_request, reply) => (readiness.isReady ? reply.send('yes') : readiness.refuse(reply)));
  const answer = async () => {
    const { statusCode, headers, body } = await app.inject('/');
    return [statusCode, headers['x-prometheus-stopping'], body];
  };
  expect(await answer()).toEqual([503, 'false', 'Service Unavailable']);
  readiness.started();
  expect(await answer()).toEqual([200, undefined, 'yes']);
  readiness.stopping();
  expect(await answer()).toEqual([503, 'true', 'Service Unavailable']);
});

test('families as the JSON of protobuf has them', async () => {
  const registry = new Registry();
  const registers = [registry];
  new Counter({ name: 'c_total', help: 'C.', labelNames: ['a'], registers }).inc({ a: 'x' }, 2);
  new Gauge({ name: 'g', help: 'G.', registers }).set(Number.POSITIVE_INFINITY);
  new Histogram({ name: 'h', help: 'H.', buckets: [1], registers }).observe(0.5);
  new Summary({ name: 's', help: 'S.', percentiles: [0.5], registers }).observe(3);
  expect(await selfMetricsResponse(registry, new Params({}))).toEqual([
    {
      name: 'c_total',
      help: 'C.',
      type: 'COUNTER',
      metric: [{ label: [{ name: 'a', value: 'x' }], counter: { value: 2 } }],
    },
    { name: 'g', help: 'G.', type: 'GAUGE', metric: [{ gauge: { value: 'Infinity' } }] },
    {
      name: 'h',
      help: 'H.',
      type: 'HISTOGRAM',
      metric: [{ histogram: { bucket: [{ cumulativeCount: '1', upperBound: 1 }], sampleSum: 0.5, sampleCount: '1' } }],
    },
    {
      name: 's',
      help: 'S.',
      type: 'SUMMARY',
      metric: [{ summary: { quantile: [{ quantile: 0.5, value: 3 }], sampleSum: 3, sampleCount: '1' } }],
    },
  ]);
});
