import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import * as https from 'node:https';
import type { HttpClientConfig } from '../config/schema.ts';
import { type Body, BodyBuffer, gunzipBody } from './body.ts';
import { HttpClient, requestHead } from './http-client.ts';
import type { ResponseHead, ResponseSink } from './http-response.ts';

const REDIRECTS_MAX = 10;
const ACCEPT = 'application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1';
/** A body larger than this fails even without `body_size_limit`, so that no target can take all memory. */
const BODY_BYTES_MAX = 256 * 1024 * 1024;

const agent = new https.Agent({ keepAlive: true, maxFreeSockets: 64, timeout: 120_000 });

export interface ClientOptions {
  readonly timeoutMs: number;
  /** 0 is the built-in bound. */
  readonly bodyBytesMax: number;
  readonly compression: boolean;
  readonly client: HttpClientConfig;
}

export interface FetchedBody {
  readonly contentType: string | undefined;
  /** To be released by the caller. */
  readonly body: Body;
}

/** What is asked for: headers are names in turn with their values. */
interface Request {
  readonly path: string;
  readonly headers: readonly string[];
}

/** Asks one server. */
interface Connection {
  get(request: Request, sink: ResponseSink): Promise<void>;
  /** Gives up the request under way, which rejects with `reason`. */
  abort(reason: Error): void;
  close(): void;
}

/** Collects one answer. */
class Answer implements ResponseSink {
  location = '';
  contentType: string | undefined = undefined;
  gzipped = false;
  readonly collected: BodyBuffer;

  constructor(
    bytesMax: number,
    private readonly followRedirects: boolean,
  ) {
    this.collected = new BodyBuffer(bytesMax);
  }

  /** @throws Error where the status is another than 200, and no redirect to be followed */
  head({ status, statusText, headers }: ResponseHead): boolean {
    const location = headers.get('location');
    if (status >= 300 && status < 400 && location && this.followRedirects) {
      this.location = location;
      return false;
    }
    if (status !== 200) throw new Error(`server returned HTTP status ${status} ${statusText}`.trimEnd());
    this.contentType = headers.get('content-type');
    this.gzipped = headers.get('content-encoding') === 'gzip';
    return true;
  }

  body(bytes: Buffer, start: number, end: number): void {
    this.collected.add(bytes, start, end);
  }
}

/** Fetches the exposition of one target, one request at a time. What stays the same of requests is made once. */
export class ScrapeClient {
  private readonly bodyBytesMax: number;
  private target: URL | undefined = undefined;
  private connection: Connection | undefined = undefined;
  /** Made once where its credentials cannot change. */
  private request: Request | undefined = undefined;
  /** Ends the exchange under way. */
  private fail: (reason: Error) => void = () => {};

  constructor(
    private readonly url: string,
    private readonly options: ClientOptions,
  ) {
    this.bodyBytesMax = options.bodyBytesMax || BODY_BYTES_MAX;
  }

  /** Fetches the body. @throws Error with the reason that a target's `lastError` shows */
  async fetch(): Promise<FetchedBody> {
    const deadline = setTimeout(() => {
      this.fail(new Error(`context deadline exceeded (no answer within ${this.options.timeoutMs} ms)`));
    }, this.options.timeoutMs);
    try {
      this.target ??= new URL(this.url);
      this.connection ??= connectionTo(this.target);
      const request = this.request ?? this.requestFor(this.target, true);
      if (!hasCredentialFiles(this.options.client)) this.request = request;
      const answer = await this.get(this.connection, request);
      const { contentType, gzipped, collected } =
        answer.location === '' ? answer : await this.follow(answer, this.target);
      return { contentType, body: gzipped ? await this.decompress(collected) : collected };
    } finally {
      clearTimeout(deadline);
      this.fail = () => {};
    }
  }

  /** Gives up the fetch under way, which rejects, and the connection. */
  close(): void {
    this.fail(new Error('aborted'));
    this.connection?.close();
  }

  private async follow(redirect: Answer, target: URL): Promise<Answer> {
    let answer = redirect;
    let from = target;
    for (let hop = 0; answer.location !== ''; hop++) {
      if (hop === REDIRECTS_MAX) throw new Error(`stopped after ${REDIRECTS_MAX} redirects`);
      const url = new URL(answer.location, from);
      const connection = connectionTo(url);
      answer = await this.get(connection, this.requestFor(url, mayKnow(url, target)));
      connection.close();
      from = url;
    }
    return answer;
  }

  private async get(connection: Connection, request: Request): Promise<Answer> {
    const answer = new Answer(this.bodyBytesMax, this.options.client.follow_redirects);
    this.fail = (reason) => connection.abort(reason);
    try {
      await connection.get(request, answer);
      return answer;
    } catch (error) {
      answer.collected.release();
      throw error;
    }
  }

  /** @param trusted whether credentials may be sent */
  private requestFor(url: URL, trusted: boolean): Request {
    const { client, compression, timeoutMs } = this.options;
    const headers = ['host', url.host, 'accept', ACCEPT, 'user-agent', 'avalanche-monitor'];
    headers.push('x-prometheus-scrape-timeout-seconds', String(timeoutMs / 1000));
    if (compression) headers.push('accept-encoding', 'gzip');
    if (trusted) addCredentials(headers, client, url);
    return { path: url.pathname + url.search, headers };
  }

  private decompress(body: BodyBuffer): Promise<Body> {
    return gunzipBody(body, this.bodyBytesMax, (cancel) => {
      this.fail = cancel;
    });
  }
}

/** Whether credentials of `target` may go where it redirects to: not to another host, nor in the clear. */
function mayKnow(url: URL, target: URL): boolean {
  return url.hostname === target.hostname && (url.protocol === target.protocol || url.protocol === 'https:');
}

/** @throws Error where the scheme is not http or https */
function connectionTo({ protocol, hostname, port }: URL): Connection {
  // An IPv6 address stands in brackets.
  const host = hostname.replace(/^\[|\]$/g, '');
  if (protocol === 'http:') return new PlainConnection({ host, port: Number(port || 80) });
  if (protocol === 'https:') return new HttpsConnection({ host, port: Number(port || 443) });
  throw new Error(`unsupported scheme ${protocol}`);
}

class PlainConnection implements Connection {
  private readonly client: HttpClient;
  private last: Request | undefined = undefined;
  /** `last` as it is sent. */
  private head = '';

  constructor(server: { readonly host: string; readonly port: number }) {
    this.client = new HttpClient(server);
  }

  async get(request: Request, sink: ResponseSink): Promise<void> {
    if (request !== this.last) this.head = requestHead(request.path, request.headers);
    this.last = request;
    await this.client.get(this.head, sink);
  }

  abort(reason: Error): void {
    this.client.abort(reason);
  }

  close(): void {
    this.client.close();
  }
}

/** Node's client, for what is not plain HTTP. */
class HttpsConnection implements Connection {
  private fail: (reason: Error) => void = () => {};

  constructor(private readonly server: { readonly host: string; readonly port: number }) {}

  /** Where a kept connection turns out to be closed, another one is tried. */
  async get(request: Request, sink: ResponseSink): Promise<void> {
    while (!(await this.send(request, sink)));
  }

  abort(reason: Error): void {
    this.fail(reason);
  }

  close(): void {
    // The agent keeps idle connections.
  }

  /** @returns false where a kept connection was closed before the answer began */
  private send({ path, headers }: Request, sink: ResponseSink): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const request = https.request({ ...this.server, path, headers, agent, setHost: false });
      let answered = false;
      this.fail = (reason) => {
        reject(reason);
        request.destroy();
      };
      request.on('error', (error: NodeJS.ErrnoException) => {
        if (request.reusedSocket && !answered && error.code === 'ECONNRESET') resolve(false);
        else reject(error);
      });
      request.on('response', (response) => {
        answered = true;
        response.on('error', reject);
        response.on('end', () => resolve(true));
        response.on('data', (chunk: Buffer) => this.attempt(() => sink.body(chunk, 0, chunk.length)));
        this.attempt(() => {
          if (sink.head(headOf(response))) return;
          resolve(true);
          response.destroy();
        });
      });
      request.end();
    });
  }

  private attempt(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.fail(error as Error);
    }
  }
}

function headOf({ statusCode = 0, statusMessage = '', headersDistinct }: IncomingMessage): ResponseHead {
  const headers = new Map(Object.entries(headersDistinct).map(([name, values]) => [name, values?.[0] ?? '']));
  return { status: statusCode, statusText: statusMessage, headers };
}

function hasCredentialFiles({ basic_auth, authorization, bearer_token_file }: HttpClientConfig): boolean {
  const files = [
    basic_auth?.username_file,
    basic_auth?.password_file,
    authorization?.credentials_file,
    bearer_token_file,
  ];
  return files.some((file) => file !== undefined);
}

function addCredentials(headers: string[], client: HttpClientConfig, { username, password }: URL): void {
  const configured = Object.entries(authorizationHeader(client)).flat();
  headers.push(...configured);
  if (configured.length > 0 || username === '') return;
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  headers.push('authorization', `Basic ${Buffer.from(credentials).toString('base64')}`);
}

/** Credentials are read at each request, so that a rotated file needs no reload. */
export function authorizationHeader(client: HttpClientConfig): Record<string, string> {
  const fromFile = (path: string) => readFileSync(path, 'utf8').trim();
  if (client.basic_auth) {
    const { username, username_file, password, password_file } = client.basic_auth;
    const user = username_file ? fromFile(username_file) : (username ?? '');
    const secret = password_file ? fromFile(password_file) : (password ?? '');
    return { authorization: `Basic ${Buffer.from(`${user}:${secret}`).toString('base64')}` };
  }
  const type = client.authorization?.type ?? 'Bearer';
  const file = client.authorization?.credentials_file ?? client.bearer_token_file;
  const credentials = file ? fromFile(file) : (client.authorization?.credentials ?? client.bearer_token);
  return credentials === undefined ? {} : { authorization: `${type} ${credentials}` };
}
