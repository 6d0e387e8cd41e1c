import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const BYTES = Array.from({ length: 7 }, (_, i) => 100 * 10 ** i);

/** Times requests by the route as it is written, and bounds how many GET requests are answered at once. */
export function measureRequests(app: FastifyInstance, registry: Registry, getConcurrency: number): void {
  const registers = [registry];
  const seconds = new Histogram({
    name: 'alertmanager_http_request_duration_seconds',
    help: 'How long HTTP requests took.',
    labelNames: ['handler', 'method', 'code'],
    buckets: SECONDS,
    registers,
  });
  const bytes = new Histogram({
    name: 'alertmanager_http_response_size_bytes',
    help: 'Size of the answers to HTTP requests.',
    labelNames: ['handler', 'method'],
    buckets: BYTES,
    registers,
  });
  const refused = new Counter({
    name: 'alertmanager_http_concurrency_limit_exceeded_total',
    help: 'GET requests that were refused, as too many were being answered.',
    labelNames: ['method'],
    registers,
  });
  refused.inc({ method: 'get' }, 0);
  const inFlight = new Set<FastifyRequest>();
  new Gauge({
    name: 'alertmanager_http_requests_in_flight',
    help: 'GET requests being answered.',
    labelNames: ['method'],
    registers,
    collect() {
      this.set({ method: 'get' }, inFlight.size);
    },
  });
  app.addHook('onRequest', async (request, reply) => {
    if (request.method !== 'GET') return;
    if (inFlight.size >= getConcurrency) {
      refused.inc({ method: 'get' });
      await reply
        .code(503)
        .type('text/plain; charset=utf-8')
        .send(`Limit of concurrent GET requests reached (${getConcurrency}), try again later.\n\n`);
      return;
    }
    inFlight.add(request);
    reply.raw.once('close', () => inFlight.delete(request));
  });
  app.addHook('onResponse', (request, reply, done) => {
    inFlight.delete(request);
    const handler = request.routeOptions.url?.replace(/:(\w+)/g, '{$1}');
    if (handler) {
      const method = request.method.toLowerCase();
      seconds.observe({ handler, method, code: reply.raw.statusCode }, reply.elapsedTime / 1000);
      bytes.observe({ handler, method }, sizeOf(reply));
    }
    done();
  });
}

function sizeOf(reply: FastifyReply): number {
  const length = Number(reply.getHeader('content-length'));
  return Number.isFinite(length) ? length : 0;
}
