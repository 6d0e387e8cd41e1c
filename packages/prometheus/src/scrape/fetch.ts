import { quote } from '@avalanche/model';
import { describeNetworkError } from '@avalanche/web';
import { type Body, BodyBuffer, gunzipBody } from './body.ts';
import { type Request, TargetConnection } from './connection.ts';
import type { ResponseHead, ResponseSink } from './http-response.ts';
import type { JobClient } from './job-client.ts';
import { ScrapeError } from './scrape-error.ts';

/** As Go's client. */
const REDIRECTS_MAX = 10;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
/** A body larger than this fails even without `body_size_limit`, so that no target can take all memory. */
const BODY_BYTES_MAX = 256 * 1024 * 1024;

export interface ClientOptions {
  readonly timeoutMs: number;
  /** 0 is the built-in bound. */
  readonly bodyBytesMax: number;
  readonly compression: boolean;
  /** The header of that name. */
  readonly accept: string;
  readonly job: JobClient;
  /** Path of a socket that is asked instead of the address; empty for none. */
  readonly unixSocket?: string;
}

export interface FetchedBody {
  readonly contentType: string | undefined;
  /** To be released by the caller. */
  readonly body: Body;
}

/** Collects one answer. */
class Answer implements ResponseSink {
  location = '';
  contentType: string | undefined = undefined;
  gzipped = false;
  /** Whether the head has come: what fails from then on, fails as upstream's reading of the body does. */
  hasHead = false;
  readonly collected: BodyBuffer;

  constructor(
    bytesMax: number,
    private readonly followRedirects: boolean,
  ) {
    this.collected = new BodyBuffer(bytesMax);
  }

  /** @throws ScrapeError where the status is another than 200, and no redirect to be followed */
  head({ status, statusText, headers }: ResponseHead): boolean {
    const location = headers.get('location');
    this.hasHead = true;
    if (REDIRECTS.has(status) && location && this.followRedirects) {
      this.location = location;
      return false;
    }
    if (status !== 200) throw new ScrapeError(`server returned HTTP status ${status} ${statusText}`.trimEnd());
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
  private connection: TargetConnection | undefined = undefined;
  /** Made once where its headers cannot change. */
  private request: Request | undefined = undefined;
  /** Ends the exchange under way. */
  private fail: (reason: Error) => void = () => {};

  constructor(
    private readonly url: string,
    private readonly options: ClientOptions,
  ) {
    this.bodyBytesMax = options.bodyBytesMax || BODY_BYTES_MAX;
  }

  /** Fetches the body. @throws ScrapeError with the reason that a target's `lastError` shows, in upstream's words */
  async fetch(): Promise<FetchedBody> {
    const { timeoutMs, job, unixSocket } = this.options;
    let timedOut = false;
    const deadline = setTimeout(() => {
      timedOut = true;
      this.fail(new Error('context deadline exceeded'));
    }, timeoutMs);
    try {
      this.target ??= new URL(this.url);
      this.connection ??= new TargetConnection(this.target, job, unixSocket);
      this.request ??= await this.requestFor(this.target, true);
      const request = this.request;
      if (!job.isFixed) this.request = undefined;
      const answer = await this.get(this.connection, request);
      const { contentType, gzipped, collected } =
        answer.location === '' ? answer : await this.follow(answer, this.target);
      return { contentType, body: gzipped ? await this.decompress(collected) : collected };
    } catch (error) {
      if (error instanceof ScrapeError) throw error;
      throw requestError(this.target ?? this.url, timedOut ? new Error('context deadline exceeded') : error);
    } finally {
      clearTimeout(deadline);
      this.fail = () => {};
    }
  }

  /** Gives up the fetch under way, which rejects, and the connection. */
  close(): void {
    this.fail(new Error('context canceled'));
    this.connection?.close();
  }

  private async follow(redirect: Answer, target: URL): Promise<Answer> {
    let answer = redirect;
    let from = target;
    for (let hop = 1; answer.location !== ''; hop++) {
      if (hop === REDIRECTS_MAX) throw requestError(from, new Error(`stopped after ${REDIRECTS_MAX} redirects`));
      const url = new URL(answer.location, from);
      const connection = this.redirected(url);
      try {
        answer = await this.get(connection, await this.requestFor(url, mayKnow(url, target)));
      } finally {
        connection.close();
      }
      from = url;
    }
    return answer;
  }

  private redirected(url: URL): TargetConnection {
    try {
      return new TargetConnection(url, this.options.job, this.options.unixSocket);
    } catch (error) {
      throw requestError(url, error);
    }
  }

  private async get(connection: TargetConnection, request: Request): Promise<Answer> {
    const answer = new Answer(this.bodyBytesMax, this.options.job.followRedirects);
    this.fail = (reason) => connection.abort(reason);
    try {
      await connection.get(request, answer);
      return answer;
    } catch (error) {
      answer.collected.release();
      if (error instanceof ScrapeError) throw error;
      throw answer.hasHead ? new ScrapeError(bodyProblem(error)) : requestError(request.url, error);
    }
  }

  /** @param trusted whether credentials may be sent */
  private async requestFor(url: URL, trusted: boolean): Promise<Request> {
    const { job, compression, timeoutMs, accept } = this.options;
    const headers = ['host', url.host, 'accept', accept, 'accept-encoding', compression ? 'gzip' : 'identity'];
    const configured = await job.http.headers(url);
    if (!Object.hasOwn(configured, 'user-agent')) headers.push('user-agent', 'avalanche-monitor');
    headers.push('x-prometheus-scrape-timeout-seconds', String(timeoutMs / 1000));
    for (const [name, values] of Object.entries(configured)) {
      if (!trusted && name === 'authorization') continue;
      for (const value of [values].flat()) headers.push(name, value);
    }
    return { url, headers };
  }

  private async decompress(body: BodyBuffer): Promise<Body> {
    let abandoned: Error | undefined;
    try {
      return await gunzipBody(body, this.bodyBytesMax, (cancel) => {
        this.fail = (reason) => {
          abandoned = reason;
          cancel(reason);
        };
      });
    } catch (error) {
      throw error instanceof ScrapeError ? error : new ScrapeError(abandoned?.message ?? gzipProblem(error));
    }
  }
}

/** Whether credentials of `target` may go where it redirects to: not to another host, nor in the clear. */
function mayKnow(url: URL, target: URL): boolean {
  return url.hostname === target.hostname && (url.protocol === target.protocol || url.protocol === 'https:');
}

/** As Go's client words it. */
function requestError(url: URL | string, cause: unknown): ScrapeError {
  const shown = new URL(url);
  if (shown.password !== '') shown.password = '***';
  return new ScrapeError(`Get ${quote(shown.href)}: ${describeNetworkError(cause)}`, { cause });
}

function bodyProblem(error: unknown): string {
  const reason = describeNetworkError(error);
  return reason === 'aborted' || reason === 'EOF' ? 'unexpected EOF' : reason;
}

const GZIP_PROBLEMS: ReadonlyMap<string, string> = new Map([
  ['unexpected end of file', 'unexpected EOF'],
  ['incorrect header check', 'gzip: invalid header'],
  ['unknown compression method', 'gzip: invalid header'],
  ['unknown header flags set', 'gzip: invalid header'],
  ['incorrect data check', 'gzip: invalid checksum'],
  ['incorrect length check', 'gzip: invalid checksum'],
]);

function gzipProblem(error: unknown): string {
  const { message } = error as Error;
  return GZIP_PROBLEMS.get(message) ?? `flate: corrupt input: ${message}`;
}
