import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import Router from '@koa/router';
import { Hono } from 'hono';
import Koa from 'koa';
import { expect, test } from 'vitest';
import { createApplicationMetrics } from './application-metrics.ts';

async function requests(listener: RequestListener, asks: readonly (readonly [string, string])[]): Promise<void> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  for (const [method, path] of asks) await (await fetch(`http://127.0.0.1:${port}${path}`, { method })).text();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

const ASKED = [
  ...Array.from({ length: 3 }, (_, i) => ['GET', `/api/jobs/${i}`] as const),
  ['POST', '/api/fail'] as const,
  ['GET', '/wp-login.php'] as const,
  ['GET', '/.env'] as const,
];
const COUNTED = { 'GET /api/jobs/:id 200': 3, 'POST /api/fail 500': 1, 'GET unmatched 404': 2 };

async function counted(metrics: ReturnType<typeof createApplicationMetrics>): Promise<Record<string, number>> {
  const { values } = await metrics.families.httpRequests.get();
  return Object.fromEntries(
    values.map(({ labels, value }) => [`${labels.method} ${labels.endpoint} ${labels.status}`, value]),
  );
}

test('Koa: the router’s patterns, prefix included, errors, unknown paths in one series', async () => {
  const metrics = createApplicationMetrics();
  const app = new Koa();
  app.silent = true;
  app.use(metrics.http.koa() as unknown as Koa.Middleware);
  const router = new Router({ prefix: '/api' });
  router.get('/jobs/:id', (context) => {
    context.body = { id: context.params.id };
  });
  router.post('/fail', () => {
    throw new Error('broken');
  });
  app.use(router.routes());
  const listener = app.callback();
  await requests((request: IncomingMessage, response: ServerResponse) => void listener(request, response), ASKED);
  expect(await counted(metrics)).toEqual(COUNTED);
});

test('Hono on Node: the routes’ patterns, base path included, errors, unknown paths in one series', async () => {
  const metrics = createApplicationMetrics();
  const app = new Hono();
  app.use(metrics.http.hono());
  const api = new Hono();
  api.get('/jobs/:id', (context) => context.json({ id: context.req.param('id') }));
  api.post('/fail', () => {
    throw new Error('broken');
  });
  app.route('/api', api);
  app.onError((_error, context) => context.text('sorry', 500));
  await requests(getRequestListener(app.fetch), ASKED);
  expect(await counted(metrics)).toEqual(COUNTED);
  expect((await metrics.families.httpSessions.get()).values[0].value).toBe(1);
});
