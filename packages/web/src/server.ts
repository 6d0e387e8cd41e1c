import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Server as HttpServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { join, resolve } from 'node:path';
import { Server as TlsServer } from 'node:tls';
import fastify, {
  type FastifyHttpOptions,
  type FastifyInstance,
  type FastifyRequest,
  type FastifyServerOptions,
} from 'fastify';
import type { Registry } from 'prom-client';
import type { WebConfig } from './config/web-config.ts';
import { StartupError } from './role.ts';

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Parses `--web.listen-address` values: `:9090`, `127.0.0.1:9090`, `[::1]:9090`. @throws Error on anything else */
export function parseListenAddress(text: string): ListenAddress {
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (!match || port > 65_535) throw new Error(`not a listen address (HOST:PORT): ${JSON.stringify(text)}`);
  return { host: match[1] ?? (match[2] || '0.0.0.0'), port };
}

/** What Go's servers take of a request's line and headers: a query of a dashboard may stand in the address. */
const HEAD_BYTES_MAX = 1024 * 1024;

/** What the `--web.*` flags of upstream's servers say of one. */
export interface WebOptions {
  /** The file of `--web.config.file`. */
  readonly config?: WebConfig | undefined;
  /** What every path begins with, such as `/prometheus`; whoever asks for `/` is sent there. */
  readonly routePrefix?: string | undefined;
  /** Connections above it are closed at once. */
  readonly maxConnections?: number | undefined;
  /** How long a request may take to come in, and how long a connection may be idle. */
  readonly readTimeoutMs?: number | undefined;
}

/** A Fastify instance with our defaults: no own logging, quick close, bounded body, repeated query keys kept. */
export function createServer(options: FastifyServerOptions = {}, web: WebOptions = {}): FastifyInstance {
  const prefix = web.routePrefix?.replace(/\/+$/, '') ?? '';
  const settings: FastifyHttpOptions<HttpServer> = {
    ...(prefix === '' ? {} : { rewriteUrl: ({ url = '/' }) => withoutPrefix(url, prefix) }),
    ...web.config?.serverOptions({ maxHeaderSize: HEAD_BYTES_MAX }),
    logger: false,
    bodyLimit: 16 * 1024 * 1024,
    forceCloseConnections: true,
    http: { maxHeaderSize: HEAD_BYTES_MAX },
    ...(web.readTimeoutMs ? { http2SessionTimeout: web.readTimeoutMs } : {}),
    routerOptions: { ignoreTrailingSlash: true, querystringParser: parseQuery, maxParamLength: HEAD_BYTES_MAX },
    // The compilers of JSON schemas take 25 ms to load, and no route of ours has one.
    schemaController: { compilersFactory: { buildValidator: noSchemas, buildSerializer: noSchemas } },
    ...options,
  };
  const app = fastify(settings) as FastifyInstance;
  const { maxConnections, readTimeoutMs } = web;
  if (maxConnections) app.server.maxConnections = maxConnections;
  if (readTimeoutMs) Object.assign(app.server, { requestTimeout: readTimeoutMs, keepAliveTimeout: readTimeoutMs });
  web.config?.install(app);
  if (prefix !== '') servePrefix(app, prefix);
  return app;
}

/** Sends whoever asks for `/` below the prefix, and for the prefix to its slash, by which pages find what they need. */
function servePrefix(app: FastifyInstance, prefix: string): void {
  app.addHook('onRequest', async ({ originalUrl }, reply) => {
    const rest = originalUrl.startsWith(prefix) ? originalUrl.slice(prefix.length) : undefined;
    if (rest === '' || rest?.startsWith('?')) return reply.redirect(`${prefix}/${rest}`, 301);
  });
  app.get(OUTSIDE, async (request, reply) => {
    if (request.originalUrl.split('?', 1)[0] === '/') return reply.redirect(prefix, 302);
    return reply.code(404).type('text/plain; charset=utf-8').send('404 page not found\n');
  });
}

/** Where requests go that do not begin with the prefix. */
const OUTSIDE = '/-/outside-of-the-prefix';

function withoutPrefix(url: string, prefix: string): string {
  if (!url.startsWith(prefix)) return OUTSIDE;
  const rest = url.slice(prefix.length);
  if (rest === '' || rest.startsWith('?')) return `/${rest}`;
  return rest.startsWith('/') ? rest : OUTSIDE;
}

function noSchemas(): never {
  throw new Error('BUG: a route with a JSON schema; the compilers of schemas are not loaded');
}

/**
 * Parses a query string or form body; a key given more than once becomes an array, as `match[]=a&match[]=b` does.
 * Whoever asks chooses the keys, so the result inherits none, such as `constructor`.
 */
export function parseQuery(text: string): Record<string, string | string[]> {
  const out: Record<string, string | string[]> = Object.create(null);
  for (let from = 0; from < text.length; ) {
    const next = text.indexOf('&', from);
    const to = next < 0 ? text.length : next;
    if (to > from) addPair(out, text.slice(from, to));
    from = to + 1;
  }
  return out;
}

function addPair(out: Record<string, string | string[]>, pair: string): void {
  const equals = pair.indexOf('=');
  const key = unescaped(equals < 0 ? pair : pair.slice(0, equals));
  const value = equals < 0 ? '' : unescaped(pair.slice(equals + 1));
  const before = out[key];
  if (before === undefined) out[key] = value;
  else if (typeof before === 'string') out[key] = [before, value];
  else before.push(value);
}

/** As `URLSearchParams` does, which takes several times as long for what has no wrong escapes. */
function unescaped(text: string): string {
  if (!/[%+]/.test(text)) return text;
  const spaced = text.replaceAll('+', ' ');
  try {
    return decodeURIComponent(spaced);
  } catch {
    return new URLSearchParams(`=${text.replaceAll('&', '%26')}`).get('') ?? '';
  }
}

/**
 * Makes `app` take forms, as the Prometheus API's POST endpoints do: `application/x-www-form-urlencoded` and
 * `multipart/form-data` (`curl -F`). A body of another type is read and has no values, as in upstream.
 */
export function acceptForms(app: FastifyInstance): void {
  type Done = (error: Error | null, body?: unknown) => void;
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string' },
    (_request: unknown, body: string | Buffer, done: Done) => done(null, parseQuery(body.toString())),
  );
  app.addContentTypeParser(
    'multipart/form-data',
    { parseAs: 'buffer' },
    async ({ headers }: FastifyRequest, body: string | Buffer) => parseMultipart(headers['content-type'] ?? '', body),
  );
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request: unknown, _body: string | Buffer, done: Done) =>
    done(null, {}),
  );
}

/** The texts of a multipart form; nothing of what is none. */
async function parseMultipart(type: string, body: string | Buffer): Promise<unknown> {
  try {
    const form = await new Response(body, { headers: { 'content-type': type } }).formData();
    const texts = [...form].filter((entry): entry is [string, string] => typeof entry[1] === 'string');
    return parseQuery(new URLSearchParams(texts).toString());
  } catch {
    return {};
  }
}

export interface Bound {
  /** Base URL without a trailing slash. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
}

/**
 * Listens and returns the base URL.
 * @throws StartupError naming `role` where the port is taken, privileged or not ours to bind
 */
export async function listen(app: FastifyInstance, role: string, { host, port }: ListenAddress): Promise<Bound> {
  await told(role, host, port, app.listen({ host, port }));
  return boundTo(app, host, app.server.address() as AddressInfo);
}

/** Lets `app`, which listens already, listen on one more address, until it is closed. @throws StartupError */
export async function listenAlso(app: FastifyInstance, role: string, { host, port }: ListenAddress): Promise<Bound> {
  // Who connects there is served as if he had come by the first address.
  const more = createTcpServer((socket) => void app.server.emit('connection', socket));
  const listening = new Promise<void>((resolve, reject) => {
    more.once('error', reject);
    more.listen({ host, port }, resolve);
  });
  await told(role, host, port, listening);
  app.server.once('close', () => more.close());
  return boundTo(app, host, more.address() as AddressInfo);
}

/** Of roles whose namesakes have no `--web.listen-address`. */
const LISTEN_FLAGS: Readonly<Record<string, string>> = {
  application: '--listen and --port',
  'celery-exporter': '--host and --port',
};

async function told(role: string, host: string, port: number, listening: Promise<unknown>): Promise<void> {
  try {
    await listening;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const where = `${host}:${port}`;
    const hint = `choose another address with ${LISTEN_FLAGS[role] ?? '--web.listen-address'}`;
    if (code === 'EADDRINUSE') throw new StartupError(role, `${where} is already in use`, hint, { cause: error });
    if (code === 'EACCES') throw new StartupError(role, `no permission to listen on ${where}`, hint, { cause: error });
    if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
      throw new StartupError(role, `${host} is not an address of this machine`, hint, { cause: error });
    }
    throw error;
  }
}

function boundTo(app: FastifyInstance, host: string, { port }: AddressInfo): Bound {
  const scheme = (app.server as unknown) instanceof TlsServer ? 'https' : 'http';
  const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  return { url: `${scheme}://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`, host, port };
}

/** Serves `registry` on `path` as a scrape target. */
export function serveMetrics(app: FastifyInstance, registry: Registry, path = '/metrics'): void {
  app.get(path, async (_request, reply) => {
    reply.header('content-type', registry.contentType);
    return registry.metrics();
  });
}

/** What the UI needs to know of the server that it was loaded from; it asks for it at `/ui/boot.json`. */
export interface UiBoot {
  /** Which front door this is: it decides the page that `/` opens. */
  readonly door: 'grafana' | 'prometheus' | 'alertmanager';
  /** Base URLs of the APIs as the browser reaches them, without a trailing slash; '' is this origin, null is "not here". */
  readonly prometheusUrl: string | null;
  readonly alertmanagerUrl: string | null;
  readonly grafanaUrl: string | null;
  /** The pushgateway role, where the browser reaches it by this server. */
  readonly runsUrl?: string | null;
  readonly version: string;
  /** Whether whoever asks is signed in; only on the door that has a login. */
  readonly signedIn?: boolean;
}

/**
 * Serves the built UI from `directory`: hashed assets for ever, and `index.html` for every page address. `isApi` says
 * which paths are the server's own, so that an unknown API path stays a 404 and never becomes a page.
 */
export async function serveUi(
  app: FastifyInstance,
  options: {
    readonly directory: string;
    readonly boot: (request: FastifyRequest) => UiBoot | Promise<UiBoot>;
    /** A folder of `NAME.md` that the UI shows at `/runbooks/NAME`. */
    readonly runbooksDirectory?: string;
    readonly isApi: (path: string) => boolean;
    /** Title of the pages, in place of the UI's own. */
    readonly title?: string | undefined;
  },
): Promise<void> {
  const indexFile = join(options.directory, 'index.html');
  if (!existsSync(indexFile)) {
    throw new StartupError('grafana', `the web UI is not built in ${options.directory}`, 'run `npm run build`');
  }
  app.get('/ui/boot.json', async (request) => options.boot(request));
  app.get('/ui/runbooks/:name', async (request, reply) => {
    const { name } = request.params as { readonly name: string };
    const text = options.runbooksDirectory && (await readRunbook(options.runbooksDirectory, name));
    if (!text) return reply.code(404).type('text/plain').send('there is no such runbook\n');
    return reply.type('text/markdown; charset=utf-8').send(text);
  });
  await app.register(await fastifyStatic(), {
    root: join(options.directory, 'assets'),
    prefix: '/assets/',
    immutable: true,
    maxAge: '365d',
    preCompressed: true,
    decorateReply: false,
  });
  app.setNotFoundHandler(async (request, reply) => {
    const path = request.url.split('?', 1)[0] ?? '/';
    const isPage = (request.method === 'GET' || request.method === 'HEAD') && !options.isApi(path);
    if (!isPage || path.startsWith('/assets/')) return reply.code(404).type('text/plain').send('404 page not found\n');
    // Read each time: after a build it names other assets, and the old ones are gone.
    const index = rooted(titled(await readFile(indexFile, 'utf8'), options.title), path);
    return reply.type('text/html; charset=utf-8').header('cache-control', 'no-cache').send(index);
  });
}

function titled(page: string, title: string | undefined): string {
  if (title === undefined) return page;
  const text = title.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
  return page.replace(/<title>[^<]*<\/title>/, () => `<title>${text}</title>`);
}

/**
 * The UI's page for an address below `/`: its paths, which begin with `./`, lead to the root from there. Relative ones hold
 * behind a prefix too, be it our own or one that a proxy takes away.
 */
function rooted(page: string, path: string): string {
  const up = '../'.repeat(path.split('/').length - 2) || './';
  return page.replaceAll('="./', `="${up}`);
}

/** Loaded by servers that have files to serve: exporters have none. */
async function fastifyStatic() {
  return (await import('@fastify/static')).default;
}

/** Serves the files of a folder below `prefix`, such as `/user/`. */
export async function serveDirectory(app: FastifyInstance, root: string, prefix: string): Promise<void> {
  await app.register(await fastifyStatic(), { root: resolve(root), prefix, decorateReply: false });
}

/** A runbook's text; '' where there is none or the name is not that of an alert. */
async function readRunbook(directory: string, name: string): Promise<string> {
  if (!/^\w+$/.test(name)) return '';
  return readFile(join(directory, `${name}.md`), 'utf8').catch(() => '');
}
