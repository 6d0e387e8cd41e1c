import { formatGoDuration } from '@avalanche/model';
import type { HttpClient, HttpResponse } from '@avalanche/web';
import { type HttpConfig, SECRET } from '../config/values.ts';
import { type FailureCategory, NotifyFailure } from './failure.ts';
import { Secret } from './secret-file.ts';
import type { Talk } from './talk.ts';

/** More of an answer is not read. */
const ANSWER_BYTES_MAX = 1024 * 1024;
/** How much of an answer is told of a failure. */
const REASON_CHARACTERS_MAX = 1024;
/** How much of it the notification history keeps. */
const REPLY_CHARACTERS_MAX = 200;
/** An answer that nobody needs but the history is not waited for any longer, once its status has come. */
const UNNEEDED_BODY_MS = 2000;

/** A request of an integration to its service. */
export interface HttpCall {
  readonly url: string;
  readonly method?: 'GET' | 'POST' | 'PUT';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** Whether the path and query are secret, as those of a webhook. */
  readonly isSecret?: boolean;
  /** Whether the answer holds a secret, which nobody is told. */
  readonly hidesAnswer?: boolean;
  /** What it was about, before what is told of a refusal. */
  readonly about?: string;
  /** Whether the answer's text says whether it was taken: it is waited for, and one that is cut off is a failure. */
  readonly needsBody?: boolean;
  /** Milliseconds, for what may not be there at all; by default only the attempt's end is waited for. */
  readonly timeoutMs?: number;
}

/** What was answered with 2xx. */
export interface HttpAnswer {
  readonly status: number;
  /** Media type with its parameters; '' where there is none. */
  readonly type: string;
  readonly text: string;
}

/** How an integration's requests are made and their answers judged. */
export interface HttpRules {
  /** Worth another try besides 5xx and 429: these, or whatever is refused. */
  readonly retryCodes?: readonly number[] | 'all';
  /** What of an error's answer is told; by default all of it. */
  readonly details?: (status: number, body: string) => string;
  /** Milliseconds; 0: only the attempt's own signal ends it. */
  readonly timeoutMs?: number;
  /** The integration's kind, for messages. */
  readonly kind: string;
}

/** The files of an `http_config` that hold secrets: until they are there, the integration is not configured. */
export function secretsOfHttpConfig(config: HttpConfig | undefined): readonly (Secret | undefined)[] {
  const { basic_auth: basic, authorization, oauth2 } = config ?? {};
  return [
    Secret.of(basic?.username, basic?.username_file),
    Secret.of(basic?.password, basic?.password_file),
    Secret.of(authorization?.credentials, authorization?.credentials_file),
    Secret.of(config?.bearer_token, config?.bearer_token_file),
    Secret.of(oauth2?.client_secret, oauth2?.client_secret_file),
  ];
}

/** The requests of one attempt. */
export class HttpExchange {
  /** The last answer in one line, for the notification history. */
  reply: string | undefined;
  private readonly deadline: AbortSignal | undefined;
  private readonly signal: AbortSignal;

  constructor(
    private readonly client: HttpClient,
    private readonly rules: HttpRules,
    signal: AbortSignal,
    readonly talk: Talk,
  ) {
    this.deadline = rules.timeoutMs ? AbortSignal.timeout(rules.timeoutMs) : undefined;
    this.signal = this.deadline ? AbortSignal.any([signal, this.deadline]) : signal;
  }

  /** @throws NotifyFailure where it cannot be asked, or answers with anything but 2xx */
  async request(call: HttpCall): Promise<HttpAnswer> {
    const url = parseTarget(call.url);
    await this.tellRequest(url, call);
    const response = await this.send(url, call);
    const { text, error } = await this.readBody(response, call.needsBody === true || response.status >= 300);
    this.tellAnswer(response, call.hidesAnswer && response.status < 300 ? SECRET : text);
    const { status } = response;
    if (status < 200 || status > 299) throw this.refused(response, text).within(call.about ?? '');
    if (error && call.needsBody) throw this.failure(`could not read response body: ${error}`, true, 'other');
    return { status, text, type: String(response.headers['content-type'] ?? '') };
  }

  /** A failure that the answer's text tells of. */
  failure(reason: string, retry: boolean, category: FailureCategory): NotifyFailure {
    return new NotifyFailure({ kind: 'failed', reason: this.talk.mask.hide(reason), retry, category });
  }

  private async send(url: URL, { method = 'POST', headers = {}, body, timeoutMs }: HttpCall): Promise<HttpResponse> {
    const signal = timeoutMs ? AbortSignal.any([this.signal, AbortSignal.timeout(timeoutMs)]) : this.signal;
    try {
      return await this.client.request(url, { method, headers, signal, ...(body === undefined ? {} : { body }) });
    } catch (error) {
      const reason = this.networkReason(error as Error);
      this.talk.note(reason);
      const category = this.signal.aborted ? 'contextDeadlineExceeded' : 'other';
      throw new NotifyFailure({ kind: 'failed', reason, retry: true, category });
    }
  }

  /** As upstream, the address is left out: it may be a secret. */
  private networkReason({ message }: Error): string {
    const reason = message.replace(/^(\w+) "(?:[^"\\]|\\.)*": /, '$1 "<redacted>": ');
    const { timeoutMs = 0, kind } = this.rules;
    const timedOut = this.deadline?.aborted
      ? `: configured ${kind} timeout reached (${formatGoDuration(timeoutMs)})`
      : '';
    return this.talk.mask.hide(reason + timedOut);
  }

  private refused({ status, headers }: HttpResponse, text: string): NotifyFailure {
    const { retryCodes = [], details } = this.rules;
    const told = details ? details(status, text) : text.trim();
    const retryAfterMs = parseRetryAfter(headers['retry-after']);
    return new NotifyFailure({
      kind: 'failed',
      reason: this.talk.mask.hide(
        `unexpected status code ${status}${told === '' ? '' : `: ${told.slice(0, REASON_CHARACTERS_MAX)}`}`,
      ),
      retry: status >= 500 || status === 429 || retryCodes === 'all' || retryCodes.includes(status),
      category: categoryOf(status),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    });
  }

  private async readBody({ body }: HttpResponse, isNeeded: boolean): Promise<{ text: string; error?: string }> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const giveUp = (): void => {
      body.destroy(new Error('context deadline exceeded'));
    };
    const timer = isNeeded ? undefined : setTimeout(giveUp, UNNEEDED_BODY_MS);
    this.signal.addEventListener('abort', giveUp, { once: true });
    let error: string | undefined;
    try {
      for await (const chunk of body as AsyncIterable<Buffer>) {
        chunks.push(chunk);
        bytes += chunk.length;
        if (bytes >= ANSWER_BYTES_MAX) break;
      }
    } catch (cause) {
      error = (cause as Error).message;
    } finally {
      clearTimeout(timer);
      this.signal.removeEventListener('abort', giveUp);
    }
    const text = Buffer.concat(chunks).toString('utf8', 0, ANSWER_BYTES_MAX);
    return error === undefined ? { text } : { text, error };
  }

  private async tellRequest(url: URL, { method = 'POST', headers = {}, body = '', isSecret }: HttpCall): Promise<void> {
    if (!this.talk.isHeard) return;
    const path = isSecret ? `/${SECRET}` : url.pathname + url.search;
    this.talk.sent(`${method} ${url.protocol}//${url.host}${path}`);
    for (const [name, value] of Object.entries(headers)) {
      const shown = /^(?:authorization|x-auth-token|x-amz-security-token)$/i.test(name) ? SECRET : value;
      this.talk.sent(`${name}: ${shown}`);
    }
    for (const name of Object.keys(await this.client.headers(url))) this.talk.sent(`${name}: ${SECRET}`);
    const text = typeof body === 'string' ? body : new TextDecoder().decode(body);
    this.talk.sent(text.trimEnd());
  }

  private tellAnswer({ status, statusText, headers }: HttpResponse, text: string): void {
    const line = `${status} ${statusText}`.trim();
    const told = text.replace(/\s+/g, ' ').trim().slice(0, REPLY_CHARACTERS_MAX);
    this.reply = this.talk.mask.hide(told === '' ? line : `${line}: ${told}`);
    if (!this.talk.isHeard) return;
    this.talk.received(line);
    for (const name of ['content-type', 'retry-after', 'location']) {
      if (headers[name] !== undefined) this.talk.received(`${name}: ${String(headers[name])}`);
    }
    this.talk.received(text.trimEnd());
  }
}

/** @throws NotifyFailure where a template has made something else of an address than one of a web server */
function parseTarget(address: string): URL {
  const fail = (reason: string) => new NotifyFailure({ kind: 'failed', reason, retry: false, category: 'other' });
  // the URL parser would leave them out without a word
  if (/\p{Cc}/u.test(address)) throw fail('net/url: invalid control character in URL');
  if (!URL.canParse(address)) throw fail('invalid URL');
  const url = new URL(address);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw fail(`unsupported protocol scheme ${JSON.stringify(url.protocol.slice(0, -1))}`);
  }
  return url;
}

/** Upstream notify.GetFailureReasonFromStatusCode. */
export function categoryOf(status: number): FailureCategory {
  if (status === 401 || status === 403) return 'authError';
  if (status === 429) return 'rateLimited';
  if (status >= 500) return 'serverError';
  return status >= 400 ? 'clientError' : 'other';
}

/** Seconds, or a date. */
function parseRetryAfter(header: string | string[] | undefined): number | undefined {
  if (typeof header !== 'string') return undefined;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return ms >= 0 ? ms : undefined;
}
