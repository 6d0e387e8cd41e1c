import type { Readable } from 'node:stream';
import type { ConnectionOptions } from 'node:tls';
import type { Agent, Dispatcher } from 'undici';
import { isAbsoluteForm, openConnection, proxyAuthorization } from './connect.ts';
import { describeNetworkError } from './errors.ts';
import { TokenSource } from './oauth2.ts';
import { hostOf, type ProxyFor, proxyFunction } from './proxy.ts';
import type { HttpClientConfig, ProxyConfig, TlsConfig } from './schema.ts';
import { readSecret } from './secrets.ts';
import { ClientTls } from './tls.ts';

const REDIRECTS_MAX = 10;
const CONNECT_MS = 30_000;
/** Less than what servers keep idle connections for. */
const IDLE_MS = 60_000;
/** An answer that is read as a whole. */
const TEXT_BYTES_MAX = 64 * 1024 * 1024;

/** What a request adds to its method and address. */
export interface RequestOptions {
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly signal?: AbortSignal;
}

export interface HttpResponse {
  readonly status: number;
  /** `OK`. */
  readonly statusText: string;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** To be read or destroyed. Compressed as the server sent it. */
  readonly body: Readable;
  /** After redirects. */
  readonly url: URL;
}

/** A connection as `HttpClient.connect` opens it, with what requests over it must know. */
export interface Connection {
  readonly socket: import('node:net').Socket;
  /** Whether the request line names the whole address, as a proxy for plain http wants it. */
  readonly absoluteForm: boolean;
  /** Headers for that proxy. */
  readonly proxyHeaders: Readonly<Record<string, string>>;
}

const NO_CONFIG: HttpClientConfig = {
  tls_config: { insecure_skip_verify: false },
  follow_redirects: true,
  enable_http2: true,
  proxy_from_environment: false,
};

/**
 * Requests as one HTTPClientConfig wants them: credentials, headers, TLS and proxy. Files are read again at each use;
 * connections are kept while they say the same. HTTP/1.1 is spoken, also where `enable_http2` would allow more.
 */
export class HttpClient {
  private readonly transport: Transport;
  private readonly tokens: TokenSource | undefined;

  constructor(
    private readonly config: HttpClientConfig = NO_CONFIG,
    private readonly userAgent = 'avalanche-monitor',
    /** Whether each connection goes to any one of the addresses of the server's name (`round_robin_dns`). */
    anyAddress = false,
  ) {
    this.transport = new Transport(config.tls_config, config, anyAddress);
    if (config.oauth2) this.tokens = new TokenSource(config.oauth2, postForm(config.oauth2, userAgent));
  }

  /**
   * What the configuration adds to a request for `url`: `Authorization` and `http_headers`, by lower-case name. A user
   * in the address counts where the configuration has no credentials. @throws Error where a file cannot be read
   */
  async headers(url: URL): Promise<Record<string, string | string[]>> {
    const headers = await this.configuredHeaders();
    const authorization = (await this.authorization()) ?? userOf(url);
    if (authorization) headers.authorization = authorization;
    return headers;
  }

  /** Options for `tls.connect`; the same object while no file has changed. @throws Error */
  tlsOptions(): ConnectionOptions {
    return this.transport.tls.options();
  }

  /** The proxy before `url`, or null. */
  proxyFor(url: URL): URL | null {
    return this.transport.proxyFor(url);
  }

  /** Opens a connection for whoever speaks HTTP by itself. @throws Error, see `describeNetworkError` */
  async connect(url: URL, signal?: AbortSignal): Promise<Connection> {
    const proxy = this.transport.proxyFor(url);
    const absoluteForm = isAbsoluteForm(url, proxy);
    const authorization = absoluteForm && proxy ? proxyAuthorization(proxy) : undefined;
    return {
      socket: await this.transport.open(url, signal),
      absoluteForm,
      proxyHeaders: authorization ? { 'proxy-authorization': authorization } : {},
    };
  }

  /**
   * Asks, and follows redirects where the configuration says so; credentials go to no other host.
   * @throws Error as Go's client words it: `Get "http://…": dial tcp …: connect: connection refused`
   */
  async request(address: string | URL, options: RequestOptions = {}): Promise<HttpResponse> {
    const { method = 'GET' } = options;
    let url: URL;
    try {
      url = new URL(address);
    } catch {
      throw new Error(`parse ${JSON.stringify(String(address))}: invalid URL`);
    }
    try {
      return await this.follow(url, { ...options, method });
    } catch (error) {
      const { signal } = options;
      const reason = signal?.aborted && error === signal.reason ? abortReason(signal) : describeNetworkError(error);
      const verb = `${method[0]}${method.slice(1).toLowerCase()}`;
      throw new Error(`${verb} ${JSON.stringify(withoutPassword(url))}: ${reason}`, { cause: error });
    }
  }

  /** Loads in advance what the first request would wait for. Opens no connection. */
  prepare(): void {
    this.transport.prepare();
  }

  /** Closes idle connections, and those under way when they have ended. */
  close(): void {
    this.transport.close();
  }

  private async follow(first: URL, options: RequestOptions): Promise<HttpResponse> {
    let url = first;
    let { method, body } = options;
    let trusted = true;
    for (let hop = 0; ; hop++) {
      const headers = trusted ? await this.headers(url) : withoutSecrets(await this.configuredHeaders());
      const own = trusted ? options.headers : withoutSecrets({ ...options.headers });
      const response = await this.transport.send(url, {
        method: method ?? 'GET',
        headers: { 'user-agent': this.userAgent, ...headers, ...own },
        body: body ?? null,
        ...(options.signal ? { signal: options.signal } : {}),
      });
      const location = this.config.follow_redirects ? redirectOf(response) : null;
      if (location === null) return response;
      response.body.destroy();
      if (hop === REDIRECTS_MAX - 1) throw new Error(`stopped after ${REDIRECTS_MAX} redirects`);
      url = new URL(location, url);
      trusted &&= isDomainOrSubdomain(hostOf(url), hostOf(first));
      if (response.status < 307 && method !== 'HEAD') {
        method = 'GET';
        body = undefined as never;
      }
    }
  }

  private async authorization(): Promise<string | undefined> {
    const { basic_auth, authorization, bearer_token, bearer_token_file } = this.config;
    if (basic_auth) {
      const { username, username_file, password, password_file } = basic_auth;
      const user = await readSecret({ text: username, file: username_file }, 'basic auth username');
      const secret = await readSecret({ text: password, file: password_file }, 'basic auth password');
      return basic(user, secret);
    }
    if (this.tokens) return this.tokens.header();
    const source = authorization
      ? { text: authorization.credentials, file: authorization.credentials_file }
      : { text: bearer_token, file: bearer_token_file };
    if (!authorization && !source.text && !source.file) return undefined;
    const credentials = await readSecret(source, 'authorization credentials');
    return `${authorization?.type ?? 'Bearer'} ${credentials}`;
  }

  private async configuredHeaders(): Promise<Record<string, string | string[]>> {
    const out: Record<string, string | string[]> = {};
    for (const [name, { values = [], secrets = [], files = [] }] of Object.entries(this.config.http_headers ?? {})) {
      const read = await Promise.all(files.map((file) => readSecret({ file }, `headers file ${file}`)));
      out[name.toLowerCase()] = [...values, ...secrets, ...read];
    }
    return out;
  }
}

/** Connections of one `tls_config` and proxy. */
class Transport {
  readonly tls: ClientTls;
  readonly proxyFor: ProxyFor;
  private agent: Agent | undefined = undefined;
  /** What the connections of `agent` were made with. */
  private agentTls: ConnectionOptions | undefined = undefined;

  constructor(
    tls: TlsConfig,
    private readonly proxy: ProxyConfig,
    private readonly anyAddress = false,
  ) {
    this.tls = new ClientTls(tls);
    this.proxyFor = proxyFunction(proxy);
  }

  open(url: URL, signal?: AbortSignal) {
    const proxyHeaders = this.proxy.proxy_connect_header ?? {};
    const [tls, proxy] = [this.tls.options(), this.proxyFor(url)];
    return openConnection({ url, tls, proxy, proxyHeaders, anyAddress: this.anyAddress, signal });
  }

  async send(url: URL, options: Omit<Dispatcher.RequestOptions, 'origin' | 'path'>): Promise<HttpResponse> {
    const agent = await this.currentAgent();
    const request = () => agent.request({ ...options, ...this.addressOf(url, options.headers) });
    let response: Dispatcher.ResponseData;
    try {
      response = await request();
    } catch (error) {
      // A kept connection may have been closed just then; what changes nothing is asked again.
      const { code } = error as NodeJS.ErrnoException;
      if (options.method !== 'GET' || (code !== 'UND_ERR_SOCKET' && code !== 'ECONNRESET')) throw error;
      response = await request();
    }
    const { statusCode, statusText, headers, body } = response as Dispatcher.ResponseData & { statusText: string };
    body.on('error', () => {}); // whoever reads it learns of it; whoever destroys it unread must not fail of it
    return { status: statusCode, statusText, headers, body, url };
  }

  prepare(): void {
    void import('undici');
  }

  close(): void {
    void this.agent?.close();
    this.agent = undefined;
  }

  private addressOf(url: URL, headers: Dispatcher.RequestOptions['headers']) {
    const path = url.pathname + url.search;
    const proxy = this.proxyFor(url);
    if (proxy === null || !isAbsoluteForm(url, proxy)) return { origin: url.origin, path };
    const authorization = proxyAuthorization(proxy);
    return {
      origin: url.origin,
      path: url.origin + path,
      headers: {
        ...(headers as Record<string, string>),
        ...(authorization ? { 'proxy-authorization': authorization } : {}),
      },
    };
  }

  /** Undici is loaded when it is asked of: most roles ask nobody. */
  private async currentAgent(): Promise<Agent> {
    const { Agent } = await import('undici');
    const options = this.tls.options();
    if (this.agent && options === this.agentTls) return this.agent;
    this.close();
    this.agentTls = options;
    this.agent = new Agent({
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: IDLE_MS,
      connect: ({ protocol, hostname, port }, done) => {
        const url = new URL(`${protocol}//${hostname}${port ? `:${port}` : ''}`);
        this.open(url, AbortSignal.timeout(CONNECT_MS)).then(
          (socket) => done(null, socket),
          (error: unknown) => done(error as Error, null),
        );
      },
    });
    return this.agent;
  }
}

/** Asks a token server, by its own TLS and proxy. */
function postForm(config: { readonly tls_config: TlsConfig } & ProxyConfig, userAgent: string) {
  const transport = new Transport(config.tls_config, config);
  return async (address: string, form: URLSearchParams, headers: Readonly<Record<string, string>>) => {
    const response = await transport.send(new URL(address), {
      method: 'POST',
      headers: { ...headers, 'user-agent': userAgent, 'content-type': 'application/x-www-form-urlencoded' },
      body: form.toString(),
      signal: AbortSignal.timeout(CONNECT_MS),
    });
    const type = String(response.headers['content-type'] ?? '');
    return { status: response.status, statusText: response.statusText, type, body: await readText(response) };
  };
}

/** The whole of an answer as text. @throws Error where it is longer than `bytesMax` */
export async function readText({ body }: HttpResponse, bytesMax = TEXT_BYTES_MAX): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > bytesMax) throw new Error(`the answer is longer than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function redirectOf({ status, headers }: HttpResponse): string | null {
  if (![301, 302, 303, 307, 308].includes(status)) return null;
  const { location } = headers;
  return typeof location === 'string' && location !== '' ? location : null;
}

/** As net/http decides to which host credentials may go on. */
function isDomainOrSubdomain(host: string, parent: string): boolean {
  if (host === parent) return true;
  return !/[:%]/.test(host) && host.endsWith(`.${parent}`);
}

const SENSITIVE = [
  'authorization',
  'www-authenticate',
  'cookie',
  'cookie2',
  'proxy-authorization',
  'proxy-authenticate',
];

function withoutSecrets<Headers extends Record<string, unknown>>(headers: Headers): Headers {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !SENSITIVE.includes(name.toLowerCase())),
  ) as Headers;
}

function userOf({ username, password }: URL): string | undefined {
  if (username === '' && password === '') return undefined;
  return basic(decodeURIComponent(username), decodeURIComponent(password));
}

function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

/** As Go prints an address in an error: a password is `***`. */
function withoutPassword(url: URL): string {
  if (url.password === '') return url.href;
  const shown = new URL(url);
  shown.password = '***';
  return shown.href;
}

function abortReason(signal: AbortSignal): string {
  const reason: unknown = signal.reason;
  if (reason instanceof Error && reason.name === 'TimeoutError') return 'context deadline exceeded';
  return reason instanceof Error && reason.name !== 'AbortError' ? reason.message : 'context canceled';
}
