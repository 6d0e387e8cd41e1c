import type { Served } from '@avalanche/web';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { plainText } from './routes.ts';

const SECONDS = [0.1, 0.2, 0.4, 1, 3, 8, 20, 60, 120];
const BYTES = Array.from({ length: 8 }, (_, i) => 100 * 10 ** i);

/** When a request came, and what its connection had sent until then. */
interface Begin {
  readonly at: number;
  readonly sent: number;
}

/**
 * Counts and times requests: `handler` is the route as it is written, such as `/api/v1/label/:name/values`. The size of an
 * answer that has no length is what the connection sent, head included.
 */
export class RequestMetrics {
  private readonly requests: Counter<'handler' | 'code'>;
  private readonly seconds: Histogram<'handler'>;
  private readonly bytes: Histogram<'handler'>;

  constructor(private readonly registry: Registry) {
    const registers = [registry];
    this.requests = new Counter({
      name: 'prometheus_http_requests_total',
      help: 'HTTP requests.',
      labelNames: ['handler', 'code'],
      registers,
    });
    this.seconds = new Histogram({
      name: 'prometheus_http_request_duration_seconds',
      help: 'How long HTTP requests took.',
      labelNames: ['handler'],
      buckets: SECONDS,
      registers,
    });
    this.bytes = new Histogram({
      name: 'prometheus_http_response_size_bytes',
      help: 'Size of the answers to HTTP requests.',
      labelNames: ['handler'],
      buckets: BYTES,
      registers,
    });
  }

  served({ route: handler, status, seconds, bytes }: Served): void {
    this.requests.inc({ handler, code: status });
    this.seconds.observe({ handler }, seconds);
    this.bytes.observe({ handler }, bytes);
  }

  /** Measures every request to `app` that has a route, and its connections. */
  observe(app: FastifyInstance): void {
    app.addHook('onRoute', ({ url }) => this.requests.inc({ handler: url, code: 200 }, 0));
    this.countConnections(app);
    const begins = new WeakMap<FastifyRequest, Begin>();
    app.addHook('onRequest', (request, _reply, done) => {
      begins.set(request, { at: performance.now(), sent: request.raw.socket.bytesWritten });
      done();
    });
    app.addHook('onResponse', (request, reply, done) => {
      const begin = begins.get(request);
      const route = request.routeOptions.url;
      if (begin && route) {
        const seconds = (performance.now() - begin.at) / 1000;
        this.served({ route, status: reply.raw.statusCode, seconds, bytes: sizeOf(request, reply, begin) });
      }
      done();
    });
  }

  private countConnections(app: FastifyInstance): void {
    const counted = (what: string, help: string) => {
      const name = `net_conntrack_listener_conn_${what}_total`;
      const counter = new Counter({ name, help, labelNames: ['listener_name'], registers: [this.registry] });
      counter.inc({ listener_name: 'http' }, 0);
      return () => counter.inc({ listener_name: 'http' });
    };
    const accepted = counted('accepted', 'Connections that were accepted.');
    const closed = counted('closed', 'Connections that were accepted and are closed.');
    app.server.on('connection', (socket) => {
      accepted();
      socket.once('close', closed);
    });
  }
}

function sizeOf(request: FastifyRequest, reply: FastifyReply, { sent }: Begin): number {
  const length = Number(reply.getHeader('content-length'));
  return Number.isFinite(length) ? length : Math.max(0, request.raw.socket.bytesWritten - sent);
}

/** `/metrics` as a handler, with client_golang's metrics of itself. */
export function metricsPage(registry: Registry): (request: FastifyRequest, reply: FastifyReply) => Promise<unknown> {
  const registers = [registry];
  const scrapes = new Counter({
    name: 'promhttp_metric_handler_requests_total',
    help: 'Scrapes by HTTP status code.',
    labelNames: ['code'],
    registers,
  });
  for (const code of [200, 500, 503]) scrapes.inc({ code }, 0);
  const inFlight = new Gauge({
    name: 'promhttp_metric_handler_requests_in_flight',
    help: 'Scrapes being answered.',
    registers,
  });
  return async (_request, reply) => {
    inFlight.inc();
    try {
      const text = await registry.metrics();
      scrapes.inc({ code: 200 });
      return reply.type(registry.contentType).send(text);
    } catch (error) {
      scrapes.inc({ code: 500 });
      const reason = `An error has occurred while serving metrics:\n\n${(error as Error).message}\n`;
      return plainText(reply, 500, reason);
    } finally {
      inFlight.dec();
    }
  };
}
