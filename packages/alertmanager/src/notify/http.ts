import type { HttpConfig } from '../config/values.ts';
import type { Outcome } from './integration.ts';
import { Secret, SecretMissing } from './secret-file.ts';

/** How much of a receiver's answer is kept for the log. */
const ANSWER_BYTES_MAX = 1024;

export interface HttpPost {
  readonly url: string;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly followRedirects: boolean;
  /** 0: only `signal` ends it. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** The answer, or why there is none. */
export type HttpAnswer =
  | { readonly status: number; readonly text: string; readonly type: string; readonly retryAfterMs?: number }
  | { readonly error: Outcome };

/** Posts JSON. Never throws: whatever goes wrong on the way is an outcome that is worth another try. */
export async function postJson({
  url,
  body,
  headers,
  followRedirects,
  timeoutMs,
  signal,
}: HttpPost): Promise<HttpAnswer> {
  try {
    const target = withoutUserInfo(url);
    const response = await fetch(target.url, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json', ...target.headers, ...headers },
      redirect: followRedirects ? 'follow' : 'manual',
      signal: timeoutMs > 0 ? AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]) : signal,
    });
    const text = await readBounded(response);
    const retryAfterMs = parseRetryAfter(response.headers.get('retry-after'));
    const type = response.headers.get('content-type') ?? '';
    return { status: response.status, text, type, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
  } catch (error) {
    return { error: networkFailure(error, signal) };
  }
}

/** Name and password of `https://name:password@host/` as a header, as Go's client sends them; `fetch` refuses such URLs. */
function withoutUserInfo(text: string): { readonly url: string; readonly headers: Readonly<Record<string, string>> } {
  const url = new URL(text);
  if (url.username === '' && url.password === '') return { url: text, headers: {} };
  const pair = [url.username, url.password].map(decodeURIComponent).join(':');
  url.username = '';
  url.password = '';
  return { url: url.href, headers: { authorization: `Basic ${Buffer.from(pair).toString('base64')}` } };
}

/** What a status means: 2xx is sent, 5xx and 429 are worth another try, the rest is not (upstream notify.Retrier). */
export function outcomeOfStatus(answer: HttpAnswer): Outcome {
  if ('error' in answer) return answer.error;
  const { status, text, retryAfterMs } = answer;
  if (status >= 200 && status < 300) return { kind: 'sent' };
  const reason = `unexpected status code ${status}${text ? `: ${text}` : ''}`;
  const retry = status >= 500 || status === 429;
  const category = status >= 500 ? 'serverError' : status >= 400 ? 'clientError' : 'other';
  return { kind: 'failed', reason, retry, category, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}

/** The secrets of an `http_config` and the header that they make. */
export class HttpIdentity {
  readonly secrets: readonly (Secret | undefined)[];
  readonly followRedirects: boolean;
  private readonly username: Secret | undefined;
  private readonly password: Secret | undefined;
  private readonly credentials: Secret | undefined;
  private readonly type: string;

  constructor(config: HttpConfig | undefined, resolvePath: (path: string) => string) {
    const { basic_auth: basic, authorization } = config ?? {};
    this.username = Secret.of(basic?.username, basic?.username_file, resolvePath);
    this.password = Secret.of(basic?.password, basic?.password_file, resolvePath);
    this.credentials =
      Secret.of(authorization?.credentials, authorization?.credentials_file, resolvePath) ??
      Secret.of(config?.bearer_token, config?.bearer_token_file, resolvePath);
    this.type = authorization?.type ?? 'Bearer';
    this.followRedirects = config?.follow_redirects ?? true;
    this.secrets = [this.username, this.password, this.credentials];
  }

  /** @throws SecretMissing, or Error where a secret's file cannot be read */
  async headers(): Promise<Readonly<Record<string, string>>> {
    if (this.credentials) return { authorization: `${this.type} ${await this.credentials.read()}` };
    if (!this.username && !this.password) return {};
    const pair = `${(await this.username?.read()) ?? ''}:${(await this.password?.read()) ?? ''}`;
    return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
  }
}

/** What an error outside the network means: templates and secrets do not get better by another try. */
export function outcomeOfError(error: unknown): Outcome {
  const reason = (error as Error).message;
  if (error instanceof SecretMissing) return { kind: 'not-configured', reason };
  return { kind: 'failed', reason, retry: false, category: 'other' };
}

function networkFailure(error: unknown, signal: AbortSignal): Outcome {
  const { message, cause } = error as Error;
  const reason = cause instanceof Error ? cause.message || (cause as NodeJS.ErrnoException).code || message : message;
  return { kind: 'failed', reason, retry: true, category: signal.aborted ? 'contextDeadlineExceeded' : 'other' };
}

async function readBounded(response: Response): Promise<string> {
  let bytes = 0;
  const chunks: Uint8Array[] = [];
  if (!response.body) return '';
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    chunks.push(chunk);
    bytes += chunk.byteLength;
    if (bytes >= ANSWER_BYTES_MAX) break;
  }
  return Buffer.concat(chunks).subarray(0, ANSWER_BYTES_MAX).toString('utf8').trim();
}

/** Seconds, or a date. */
function parseRetryAfter(text: string | null): number | undefined {
  if (text === null) return undefined;
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return ms >= 0 ? ms : undefined;
}
