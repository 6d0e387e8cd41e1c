import { HttpClient, type HttpClientConfig, type HttpResponse } from '@avalanche/web';
import { WRITE_V1, type WriteMessage } from '../proto/messages.ts';

/** What a receiver says that it has written. */
export interface Written {
  readonly samples: number;
  readonly histograms: number;
  readonly exemplars: number;
}

/** How one request went: whether it was taken, and if not, whether the same may be sent again. */
export interface SendOutcome {
  readonly ok: boolean;
  readonly isRecoverable: boolean;
  /** How long the receiver asks us to wait, in milliseconds; 0 where it does not say. */
  readonly retryAfterMs: number;
  /** Why it was not taken. */
  readonly error: string;
  /** Undefined where the answer does not say, as of receivers of 1.0. */
  readonly written: Written | undefined;
}

export interface WriteClientOptions {
  readonly url: string;
  readonly message: WriteMessage;
  readonly http: HttpClientConfig;
  readonly headers: Readonly<Record<string, string>>;
  /** Milliseconds that one request may take. */
  readonly timeoutMs: number;
  readonly retryOn429: boolean;
  readonly roundRobinDns: boolean;
  readonly version: string;
}

/** What is read of the text of an error. */
const ERROR_BYTES_MAX = 1024;

/** Posts requests to one receiver (upstream storage/remote/client.go). */
export class WriteClient {
  private readonly http: HttpClient;
  private readonly headers: Readonly<Record<string, string>>;

  constructor(private readonly options: WriteClientOptions) {
    const { message, version } = options;
    this.http = new HttpClient(options.http, `Prometheus/${version}`, options.roundRobinDns);
    this.headers = {
      'content-encoding': 'snappy',
      'content-type': message === WRITE_V1 ? 'application/x-protobuf' : `application/x-protobuf;proto=${message}`,
      'x-prometheus-remote-write-version': message === WRITE_V1 ? '0.1.0' : '2.0.0',
      ...Object.fromEntries(Object.entries(options.headers).map(([name, value]) => [name.toLowerCase(), value])),
    };
  }

  /** @param attempt 0 for the first. Whatever fails is an outcome, never thrown */
  async send(body: Uint8Array, attempt: number, signal: AbortSignal): Promise<SendOutcome> {
    const { url, timeoutMs } = this.options;
    const limit = limitedBy(signal, timeoutMs);
    try {
      const response = await this.http.request(url, {
        method: 'POST',
        body,
        headers: { ...this.headers, ...(attempt > 0 ? { 'retry-attempt': String(attempt) } : {}) },
        signal: limit.signal,
      });
      return this.outcomeOf(response, await firstText(response));
    } catch (error) {
      return { ok: false, isRecoverable: true, retryAfterMs: 0, error: (error as Error).message, written: undefined };
    } finally {
      limit.end();
    }
  }

  close(): void {
    this.http.close();
  }

  private outcomeOf({ status, statusText, headers }: HttpResponse, text: string): SendOutcome {
    const written = writtenOf(headers);
    const none = { isRecoverable: false, retryAfterMs: 0, error: '', written };
    if (status >= 200 && status < 300) return { ...none, ok: true };
    const error = `server returned HTTP status ${status} ${statusText}: ${text}`;
    const isRecoverable = (status >= 500 && status < 600) || (status === 429 && this.options.retryOn429);
    const retryAfterMs = isRecoverable ? retryAfter(headers['retry-after'], Date.now()) : 0;
    return { ok: false, isRecoverable, retryAfterMs, error, written };
  }
}

/** A signal that follows another and ends by itself. `AbortSignal.any` of Node 20 keeps something of each call. */
function limitedBy(signal: AbortSignal, timeoutMs: number): { readonly signal: AbortSignal; readonly end: () => void } {
  const controller = new AbortController();
  const abort = () => controller.abort(signal.reason);
  const expire = () => controller.abort(new DOMException('The operation timed out', 'TimeoutError'));
  const timer = setTimeout(expire, timeoutMs);
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  const end = () => {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
  };
  return { signal: controller.signal, end };
}

/** Milliseconds that a Retry-After header, seconds or a date, asks for; 0 where it makes no sense. */
export function retryAfter(header: string | string[] | undefined, now: number): number {
  if (typeof header !== 'string') return 0;
  if (/^\d+$/.test(header)) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? 0 : Math.max(0, date - now);
}

function writtenOf(headers: HttpResponse['headers']): Written | undefined {
  const values = ['samples', 'histograms', 'exemplars'].map(
    (what) => headers[`x-prometheus-remote-write-${what}-written`],
  );
  if (values.every((value) => value === undefined)) return undefined;
  const [samples, histograms, exemplars] = values.map((value) => (/^\d+$/.test(String(value)) ? Number(value) : 0));
  return { samples, histograms, exemplars };
}

/** The beginning of an answer; the rest is read and forgotten, so that the connection can be used again. */
async function firstText({ body }: HttpResponse): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    if (length < ERROR_BYTES_MAX) chunks.push(chunk);
    length += chunk.length;
  }
  return Buffer.concat(chunks).subarray(0, ERROR_BYTES_MAX).toString();
}
