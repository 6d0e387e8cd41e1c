import { readFileSync } from 'node:fs';
import * as http from 'node:http';
import * as https from 'node:https';
import type { HttpClientConfig } from '../config/schema.ts';
import { type Body, BodyBuffer, gunzipBody } from './body.ts';

const REDIRECTS_MAX = 10;
const ACCEPT = 'application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1';
/** A body larger than this fails even without `body_size_limit`, so that no target can take all memory. */
const BODY_BYTES_MAX = 256 * 1024 * 1024;

const agentOptions: http.AgentOptions = { keepAlive: true, maxFreeSockets: 64, timeout: 120_000 };
const agents = { 'http:': new http.Agent(agentOptions), 'https:': new https.Agent(agentOptions) };

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

/** What an answer is if not an error: a body, or another place to ask. */
type Answer =
  | {
      readonly kind: 'body';
      readonly contentType: string | undefined;
      readonly gzipped: boolean;
      readonly body: BodyBuffer;
    }
  | { readonly kind: 'redirect'; readonly location: string };

interface Address {
  readonly options: http.RequestOptions;
  /** Whom credentials are meant for. */
  readonly hostname: string;
  /** Headers in turn with their values. */
  readonly headers: readonly string[];
}

/** Fetches the exposition of one target, one request at a time. What stays the same of requests is made once. */
export class ScrapeClient {
  private readonly bodyBytesMax: number;
  private address: Address | undefined = undefined;
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
      this.address ??= addressOf(new URL(this.url), this.options);
      let answer = await this.get(this.address, true);
      let url = this.url;
      for (let hop = 0; answer.kind === 'redirect'; hop++) {
        if (hop === REDIRECTS_MAX) throw new Error(`stopped after ${REDIRECTS_MAX} redirects`);
        const next = new URL(answer.location, url);
        url = next.href;
        answer = await this.get(addressOf(next, this.options), next.hostname === this.address.hostname);
      }
      return { contentType: answer.contentType, body: await this.decoded(answer) };
    } finally {
      clearTimeout(deadline);
      this.fail = () => {};
    }
  }

  private decoded({ gzipped, body }: Extract<Answer, { kind: 'body' }>): Body | Promise<Body> {
    if (!gzipped) return body;
    return gunzipBody(body, this.bodyBytesMax, (cancel) => {
      this.fail = cancel;
    });
  }

  /** Gives up the fetch under way, which rejects. */
  abort(): void {
    this.fail(new Error('aborted'));
  }

  /** @param trusted whether credentials may be sent: not to another host that the target redirects to */
  private get(address: Address, trusted: boolean): Promise<Answer> {
    const headers = trusted ? [...address.headers, ...credentials(this.options.client)] : address.headers;
    return new Promise((resolve, reject) => {
      const send = address.options.protocol === 'https:' ? https.request : http.request;
      const request = send({ ...address.options, headers });
      this.fail = (reason) => {
        reject(reason);
        request.destroy();
      };
      request.on('error', reject);
      request.on('response', (response) => this.receive(response, resolve));
      request.end();
    });
  }

  private receive(response: http.IncomingMessage, resolve: (answer: Answer) => void): void {
    const { statusCode: status = 0, statusMessage = '', headers } = response;
    response.on('error', (error) => this.fail(error));
    if (status >= 300 && status < 400 && headers.location && this.options.client.follow_redirects) {
      response.destroy();
      resolve({ kind: 'redirect', location: headers.location });
      return;
    }
    if (status !== 200) {
      this.fail(new Error(`server returned HTTP status ${status} ${statusMessage}`.trimEnd()));
      return;
    }
    const body = new BodyBuffer(this.bodyBytesMax);
    response.on('data', (chunk: Buffer) => {
      try {
        body.add(chunk);
      } catch (error) {
        this.fail(error as Error);
      }
    });
    response.on('end', () => {
      const gzipped = headers['content-encoding'] === 'gzip';
      resolve({ kind: 'body', contentType: headers['content-type'], gzipped, body });
    });
  }
}

/** @throws Error where the scheme is not http or https */
function addressOf(url: URL, { timeoutMs, compression }: ClientOptions): Address {
  const { protocol, hostname, port, host, pathname, search, username, password } = url;
  if (protocol !== 'http:' && protocol !== 'https:') throw new Error(`unsupported scheme ${protocol}`);
  const auth = username === '' ? {} : { auth: `${decodeURIComponent(username)}:${decodeURIComponent(password)}` };
  const headers = ['host', host, 'accept', ACCEPT, 'user-agent', 'avalanche-monitor'];
  headers.push('x-prometheus-scrape-timeout-seconds', String(timeoutMs / 1000));
  if (compression) headers.push('accept-encoding', 'gzip');
  const options = {
    protocol,
    // A bracketed IPv6 address is written without its brackets.
    host: hostname.replace(/^\[|\]$/g, ''),
    port,
    path: pathname + search,
    agent: agents[protocol],
    setHost: false,
    ...auth,
  };
  return { options, hostname, headers };
}

function credentials(client: HttpClientConfig): string[] {
  return Object.entries(authorizationHeader(client)).flat();
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
