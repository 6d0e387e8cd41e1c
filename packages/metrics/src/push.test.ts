import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Counter, Registry } from 'prom-client';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createApplicationMetrics } from './application-metrics.ts';
import { deletePushed, pushMetrics, startPushing } from './push.ts';

interface Asked {
  readonly method: string;
  readonly url: string;
  readonly authorization: string | undefined;
  readonly body: string;
}

let server: Server;
let url: string;
let asked: Asked[];
let status: number;

beforeEach(async () => {
  asked = [];
  status = 200;
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      asked.push({ method, url, authorization: headers.authorization, body });
      response.writeHead(status).end(status === 200 ? '' : 'no room');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

function registryWithOne(): Registry {
  const registry = new Registry();
  new Counter({ name: 'done_total', help: 'x', registers: [registry] }).inc(3);
  return registry;
}

test('a registry is pushed under its grouping, values that need it encoded', async () => {
  const registry = registryWithOne();
  await pushMetrics({ url: `${url.replace('//', '//lena:p%40ss@')}/prefix/`, job: 'nightly', registry });
  await pushMetrics({ url, job: 'a/b', grouping: { path: '/var', empty: '' }, registry, method: 'POST', ttl: '1h' });
  await deletePushed({ url, job: 'nightly' });
  expect(asked.map(({ method, url: path }) => `${method} ${path}`)).toEqual([
    'PUT /prefix/metrics/job/nightly',
    'POST /metrics/job@base64/YS9i/path@base64/L3Zhcg/empty@base64/=?ttl=1h',
    'DELETE /metrics/job/nightly',
  ]);
  expect(asked[0].authorization).toBe(`Basic ${Buffer.from('lena:p@ss').toString('base64')}`);
  expect(asked[0].body).toBe('# HELP done_total x\n# TYPE done_total counter\ndone_total 3\n');
});

test('a refusal says what the server said', async () => {
  status = 507;
  await expect(pushMetrics({ url, job: 'j', registry: registryWithOne() })).rejects.toThrow('answered 507: no room');
});

test('a pusher goes on after failures, and pushes a last time', async () => {
  const errors: string[] = [];
  status = 500;
  const options = { url, job: 'j', registry: registryWithOne(), intervalMs: 20 };
  const pusher = startPushing({ ...options, onError: (error) => errors.push(error.message) });
  await expect.poll(() => errors.length).toBeGreaterThan(1);
  status = 200;
  const before = asked.length;
  await pusher.stop();
  expect(asked.length).toBeGreaterThan(before);
});

test('runs are reported to the registry, also what waited while it was away', async () => {
  status = 500;
  const metrics = createApplicationMetrics({ runsUrl: url });
  const run = metrics.startRun({ kind: 'training', name: 'cnn', runId: 'r1', parameters: { lr: 0.1 } });
  run.log({ epoch: 1, loss: 2 });
  await expect.poll(() => asked.length).toBeGreaterThan(0);
  status = 200;
  run.end({ outcome: 'success', accuracy: 0.9 });
  await metrics.flushRuns();
  const events = (JSON.parse(asked.at(-1)?.body ?? '[]') as { event: string }[]).map(({ event }) => event);
  expect(events).toEqual(['start', 'log', 'done']);
  expect(asked.at(-1)?.url).toBe('/api/v1/runs');
  expect(JSON.parse(asked.at(-1)?.body ?? '[]')).toMatchObject([
    { run_id: 'r1', kind: 'training', name: 'cnn', parameters: { lr: 0.1 } },
    { run_id: 'r1', epoch: 1, loss: 2 },
    { run_id: 'r1', outcome: 'success', accuracy: 0.9 },
  ]);
});
