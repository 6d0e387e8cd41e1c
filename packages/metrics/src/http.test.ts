import { createServer, type RequestListener, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import fastify from 'fastify';
import { expect, test } from 'vitest';
import { type ApplicationMetrics, createApplicationMetrics } from './application-metrics.ts';

async function requestCounts(metrics: ApplicationMetrics): Promise<Record<string, number>> {
  const { values } = await metrics.families.httpRequests.get();
  return Object.fromEntries(
    values.map(({ labels, value }) => [`${labels.method} ${labels.endpoint} ${labels.status}`, value]),
  );
}

async function serving(listener: RequestListener, use: (url: string) => Promise<void>): Promise<void> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

test('Fastify: route patterns with prefix, thrown errors, unknown routes in one series', async () => {
  const metrics = createApplicationMetrics();
  const app = fastify();
  await app.register(metrics.http.fastify());
  await app.register(
    async (api) => {
      api.get('/jobs/:id', (request) => ({ id: (request.params as { id: string }).id }));
      api.post('/fail', () => {
        throw new Error('broken');
      });
    },
    { prefix: '/api' },
  );
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  for (const id of ['1', '2', '3']) await (await fetch(`${url}/api/jobs/${id}`)).text();
  await (
    await fetch(`${url}/api/fail`, { method: 'POST', body: 'x'.repeat(500), headers: { 'content-type': 'text/plain' } })
  ).text();
  for (const path of ['/wp-login.php', '/.env']) await (await fetch(url + path)).text();
  await app.close();
  expect(await requestCounts(metrics)).toEqual({
    'GET /api/jobs/:id 200': 3,
    'POST /api/fail 500': 1,
    'GET unmatched 404': 2,
  });
  const text = await metrics.registry.metrics();
  expect(text).toContain('http_request_size_bytes_sum{method="POST",endpoint="/api/fail"} 500');
  expect(text).toMatch(/http_request_duration_seconds_count\{method="GET",endpoint="\/api\/jobs\/:id"\} 3/);
});

test('Express: mounted routers show their pattern, and no raw path ever becomes a label', async () => {
  const metrics = createApplicationMetrics();
  const app = express();
  app.use(metrics.http.express());
  const jobs = express.Router();
  jobs.get('/:job', (_request, response) => void response.json({}));
  jobs.get('/:job/fail', () => {
    throw Object.assign(new Error('gone'), { status: 410 });
  });
  const users = express.Router();
  users.use('/jobs', jobs);
  users.get('/', (_request, response) => void response.send('ok'));
  app.use('/users/:user', users);
  const inner = express();
  inner.get('/deep', (_request, response) => void response.send('ok'));
  app.use('/inner', inner);
  await serving(app, async (url) => {
    for (const path of [
      '/users/7/jobs/1',
      '/users/8/jobs/2',
      '/users/9/jobs/3/fail',
      '/users/5',
      '/inner/deep',
      '/none',
    ]) {
      await (await fetch(url + path)).text();
    }
  });
  expect(await requestCounts(metrics)).toEqual({
    'GET /users/:user/jobs/:job 200': 2,
    'GET /users/:user/jobs/:job/fail 410': 1,
    'GET /users/:user 200': 1,
    'GET /:mount/deep 200': 1,
    'GET unmatched 404': 1,
  });
});

test('plain http: the route function names the endpoint; a client that goes away is a 499', async () => {
  const metrics = createApplicationMetrics();
  let hanging: () => void = () => {};
  const arrived = new Promise<void>((resolve) => (hanging = resolve));
  const listener = metrics.http.node(
    (request, response) => {
      if (request.url === '/hang') hanging();
      else response.end('hello');
    },
    (request) => (request.url === '/' || request.url === '/hang' ? request.url : undefined),
  );
  await serving(listener, async (url) => {
    await (await fetch(url)).text();
    await (await fetch(`${url}/x?y=1`)).text();
    const lost = request(`${url}/hang`, { method: 'PROPFIND' });
    lost.on('error', () => {});
    lost.end();
    await arrived;
    lost.destroy();
    await expect.poll(() => requestCounts(metrics)).toMatchObject({ 'OTHER /hang 499': 1 });
  });
  expect(await requestCounts(metrics)).toEqual({ 'GET / 200': 1, 'GET unmatched 200': 1, 'OTHER /hang 499': 1 });
  expect(await metrics.registry.metrics()).toContain('http_response_size_bytes_sum{method="GET",endpoint="/"} ');
});

test('active sessions are distinct clients of the last five minutes', async () => {
  let nowMs = 0;
  const metrics = createApplicationMetrics({ now: () => nowMs });
  const app = fastify();
  await app.register(metrics.http.fastify());
  app.get('/', () => 'ok');
  const visit = (agent: string) => app.inject({ url: '/', headers: { 'user-agent': agent } });
  const active = async () => (await metrics.families.httpSessions.get()).values[0]?.value;
  await visit('a');
  await visit('a');
  nowMs = 200_000;
  await visit('b');
  expect(await active()).toBe(2);
  nowMs = 310_000;
  expect(await active()).toBe(1);
  nowMs = 600_000;
  expect(await active()).toBe(0);
  await app.close();
});
