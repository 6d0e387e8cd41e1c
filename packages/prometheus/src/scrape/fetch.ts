import { readFileSync } from 'node:fs';
import * as http from 'node:http';
import * as https from 'node:https';
import { createGunzip } from 'node:zlib';
import type { HttpClientConfig } from '../config/schema.ts';

const REDIRECTS_MAX = 10;
const ACCEPT = 'application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1';
/** A body larger than this fails even without `body_size_limit`, so that no target can take all memory. */
const BODY_BYTES_MAX = 256 * 1024 * 1024;

const agents = {
  'http:': new http.Agent({ keepAlive: true, maxFreeSockets: 1, timeout: 120_000 }),
  'https:': new https.Agent({ keepAlive: true, maxFreeSockets: 1, timeout: 120_000 }),
};

export interface FetchOptions {
  readonly timeoutMs: number;
  /** 0 is the built-in bound. */
  readonly bodyBytesMax: number;
  readonly compression: boolean;
  readonly client: HttpClientConfig;
  readonly signal: AbortSignal;
}

export interface FetchedBody {
  readonly contentType: string | undefined;
  readonly body: string;
}

/** Fetches an exposition body. @throws Error with the reason that a target's `lastError` shows */
export async function fetchBody(url: string, options: FetchOptions): Promise<FetchedBody> {
  // Not AbortSignal.any: it would tie something to the caller's long-lived signal at every scrape.
  const abort = new AbortController();
  const { signal } = abort;
  let expired = false;
  const deadline = setTimeout(() => {
    expired = true;
    abort.abort();
  }, options.timeoutMs);
  const stop = () => abort.abort();
  options.signal.addEventListener('abort', stop, { once: true });
  try {
    let next = url;
    for (let hop = 0; hop <= REDIRECTS_MAX; hop++) {
      const response = await request(next, options, signal, sameHost(url, next));
      const status = response.statusCode ?? 0;
      const location = response.headers.location;
      if (status >= 300 && status < 400 && location && options.client.follow_redirects) {
        response.destroy();
        next = new URL(location, next).href;
        continue;
      }
      if (status !== 200) {
        response.destroy();
        throw new Error(`server returned HTTP status ${status} ${response.statusMessage ?? ''}`.trimEnd());
      }
      return { contentType: response.headers['content-type'], body: await readBody(response, options, signal) };
    }
    throw new Error(`stopped after ${REDIRECTS_MAX} redirects`);
  } catch (error) {
    if (expired) throw new Error(`context deadline exceeded (no answer within ${options.timeoutMs} ms)`);
    throw error;
  } finally {
    clearTimeout(deadline);
    options.signal.removeEventListener('abort', stop);
  }
}

function sameHost(a: string, b: string): boolean {
  return new URL(a).hostname === new URL(b).hostname;
}

/** @param trusted whether credentials may be sent: not to another host that the target redirects to */
function request(
  url: string,
  options: FetchOptions,
  signal: AbortSignal,
  trusted: boolean,
): Promise<http.IncomingMessage> {
  const target = new URL(url);
  if (target.protocol !== 'http:' && target.protocol !== 'https:') {
    return Promise.reject(new Error(`unsupported scheme ${target.protocol}`));
  }
  const send = target.protocol === 'https:' ? https.get : http.get;
  const headers = {
    accept: ACCEPT,
    'user-agent': 'avalanche-monitor',
    'x-prometheus-scrape-timeout-seconds': String(options.timeoutMs / 1000),
    ...(options.compression ? { 'accept-encoding': 'gzip' } : {}),
    ...(trusted ? authorizationHeader(options.client) : {}),
  };
  return new Promise((resolve, reject) => {
    send(target, { agent: agents[target.protocol as keyof typeof agents], headers, signal }, resolve).on(
      'error',
      reject,
    );
  });
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

async function readBody(response: http.IncomingMessage, options: FetchOptions, signal: AbortSignal): Promise<string> {
  const limit = options.bodyBytesMax || BODY_BYTES_MAX;
  const gzipped = response.headers['content-encoding'] === 'gzip';
  const stream = gzipped ? response.pipe(createGunzip()) : response;
  const stop = () => stream.destroy(new Error('aborted'));
  signal.addEventListener('abort', stop, { once: true });
  response.on('error', (error) => stream.destroy(error));
  try {
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > limit) throw new Error(`body size limit exceeded (${limit} bytes)`);
      chunks.push(chunk);
    }
    return chunks.length === 1 ? chunks[0].toString('utf8') : Buffer.concat(chunks, size).toString('utf8');
  } finally {
    signal.removeEventListener('abort', stop);
    if (!response.complete) response.destroy();
  }
}
