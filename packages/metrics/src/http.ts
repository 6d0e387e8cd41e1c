import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { type ExpressRequest, watchExpressRoute } from './express-route.ts';
import type { MetricFamilies } from './families.ts';
import type { SessionWindow } from './sessions.ts';

/** The endpoint of a request that no route took. One constant, so that a scanner makes one series and not thousands. */
export const UNMATCHED = 'unmatched';

/** The status of a request whose client went away before the response was complete (nginx's number for it). */
const CLIENT_CLOSED_REQUEST = 499;

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

export interface RequestRecord {
  readonly method: string;
  /** A route pattern such as `/api/jobs/:id`, never the path that was asked for. */
  readonly endpoint: string;
  readonly status: number;
  readonly durationSeconds: number;
  readonly requestBytes?: number;
  readonly responseBytes?: number;
}

export interface MiddlewareOptions {
  /** What one session is. Default: remote address and user agent. The key is counted, never shown. */
  readonly sessionOf?: (request: IncomingMessage) => string;
}

/** What the middleware needs of Fastify. Of frameworks only this much is named, so that nobody needs the types of all. */
interface FastifyApp {
  addHook(
    name: 'onRequest',
    hook: (
      request: { readonly raw: IncomingMessage; readonly routeOptions: { readonly url?: string | undefined } },
      reply: { readonly raw: ServerResponse },
      next: () => void,
    ) => void,
  ): unknown;
}

/** What the middleware needs of Koa's context. */
interface KoaContext {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  /** Set by `@koa/router`. */
  readonly _matchedRoute?: unknown;
  readonly routerPath?: unknown;
}

interface HonoRoute {
  readonly method: string;
  readonly path: string;
}

/** What the middleware needs of Hono's context; `env.incoming` is there on `@hono/node-server`. */
interface HonoContext {
  readonly req: {
    readonly method: string;
    readonly matchedRoutes: readonly HonoRoute[];
    header(name: string): string | undefined;
  };
  readonly res: { readonly status: number; readonly headers: { get(name: string): string | null } };
  readonly env: unknown;
}

/** The middleware for the kinds of servers. Each sees every request, also those that no route takes. */
export class HttpMetrics {
  constructor(
    private readonly families: MetricFamilies,
    private readonly sessions: SessionWindow,
    private readonly now: () => number,
  ) {
    // prom-client asks a metric to `collect` when it is scraped: the window moves on even when no request comes.
    Object.assign(families.httpSessions, { collect: () => families.httpSessions.set(sessions.count()) });
  }

  /** Counts one answered request. */
  record(request: RequestRecord): void {
    const { httpRequests, httpDuration, httpRequestSize, httpResponseSize } = this.families;
    const method = METHODS.has(request.method) ? request.method : 'OTHER';
    const { endpoint } = request;
    const labels = { method, endpoint };
    httpRequests.inc({ method, endpoint, status: request.status });
    httpDuration.observe(labels, request.durationSeconds);
    if (request.requestBytes !== undefined) httpRequestSize.observe(labels, request.requestBytes);
    if (request.responseBytes !== undefined) httpResponseSize.observe(labels, request.responseBytes);
  }

  /** A Fastify plugin: `await app.register(metrics.http.fastify())` before the routes. */
  fastify(options: MiddlewareOptions = {}): (app: FastifyApp, options: object, done: () => void) => void {
    const plugin = (app: FastifyApp, _options: object, done: () => void): void => {
      app.addHook('onRequest', (request, reply, next) => {
        this.watch(request.raw, reply.raw, options, () => request.routeOptions.url);
        next();
      });
      done();
    };
    // Fastify's own switch (as fastify-plugin sets it) for hooks that hold for the scope that registers them.
    return Object.assign(plugin, { [Symbol.for('skip-override')]: true });
  }

  /** Express middleware: `app.use(metrics.http.express())` before the routes. */
  express(
    options: MiddlewareOptions = {},
  ): (request: ExpressRequest, response: ServerResponse, next: () => void) => void {
    return (request, response, next) => {
      this.watch(request, response, options, watchExpressRoute(request));
      next();
    };
  }

  /** Koa middleware: `app.use(metrics.http.koa())` before the router (`@koa/router`), whose patterns it takes. */
  koa(options: MiddlewareOptions = {}): (context: KoaContext, next: () => Promise<unknown>) => Promise<unknown> {
    return (context, next) => {
      this.watch(context.req, context.res, options, () => patternText(context._matchedRoute ?? context.routerPath));
      return next();
    };
  }

  /** Hono middleware: `app.use(metrics.http.hono())` before the routes. Sizes are those that headers announce. */
  hono(
    options: Pick<MiddlewareOptions, 'sessionOf'> = {},
  ): (context: HonoContext, next: () => Promise<void>) => Promise<void> {
    return async (context, next) => {
      const startedMs = this.now();
      const { incoming } = (context.env ?? {}) as { readonly incoming?: IncomingMessage };
      if (incoming) this.sessions.seen((options.sessionOf ?? addressAndAgent)(incoming));
      await next(); // what a handler throws has become a response by then
      const { req, res } = context;
      this.record({
        method: req.method,
        endpoint: honoRoute(req.matchedRoutes) ?? UNMATCHED,
        status: res.status,
        durationSeconds: Math.max(0, this.now() - startedMs) / 1000,
        requestBytes: bodyBytes(req.header('content-length'), 0),
        responseBytes: bodyBytes(res.headers.get('content-length') ?? undefined, 0),
      });
    };
  }

  /** Wraps a listener of `http.createServer`. `routeOf` gives the pattern of a request, or undefined for none. */
  node(
    listener: RequestListener,
    routeOf: (request: IncomingMessage) => string | undefined,
    options: MiddlewareOptions = {},
  ): RequestListener {
    return (request, response) => {
      this.watch(request, response, options, () => routeOf(request));
      listener(request, response);
    };
  }

  /** Records the request when its response has been sent or its connection was lost, whichever comes first. */
  private watch(
    request: IncomingMessage,
    response: ServerResponse,
    options: MiddlewareOptions,
    routeOf: () => string | undefined,
  ): void {
    const startedMs = this.now();
    const { socket } = request;
    const read = socket?.bytesRead ?? 0;
    const written = socket?.bytesWritten ?? 0;
    this.sessions.seen((options.sessionOf ?? addressAndAgent)(request));
    let recorded = false;
    const end = (): void => {
      if (recorded) return;
      recorded = true;
      this.record({
        method: request.method ?? 'GET',
        endpoint: routeOf() ?? UNMATCHED,
        status: response.writableEnded ? response.statusCode : CLIENT_CLOSED_REQUEST,
        durationSeconds: Math.max(0, this.now() - startedMs) / 1000,
        requestBytes: bodyBytes(request.headers['content-length'], (socket?.bytesRead ?? 0) - read),
        responseBytes: bodyBytes(response.getHeader('content-length'), (socket?.bytesWritten ?? 0) - written),
      });
    };
    response.once('finish', end);
    response.once('close', end);
  }
}

/** The announced length, or for a body without one what went over the connection, framing included. */
function bodyBytes(contentLength: unknown, transferred: number): number {
  const announced = contentLength === undefined ? Number.NaN : Number(contentLength);
  return Number.isFinite(announced) && announced >= 0 ? announced : Math.max(0, transferred);
}

function addressAndAgent(request: IncomingMessage): string {
  // Only the start of the agent: the header may be kilobytes long, and the key is kept.
  return `${request.socket?.remoteAddress ?? ''} ${String(request.headers['user-agent'] ?? '').slice(0, 200)}`;
}

/** A pattern that is a text or a regular expression; undefined for none. */
function patternText(pattern: unknown): string | undefined {
  return pattern === undefined || pattern === null ? undefined : String(pattern);
}

/** The last handler that matched; middleware is registered for all methods, with a wildcard. */
function honoRoute(routes: readonly HonoRoute[]): string | undefined {
  return routes.findLast(({ method, path }) => method !== 'ALL' || !path.includes('*'))?.path;
}
