import { parseGoDuration } from '@avalanche/model';
import { type HttpClient, readText } from '@avalanche/web';
import { UsageError } from '../flags.ts';
import { goJson } from '../tools/go-format.ts';
import { httpClientOf } from '../tools/http-config.ts';
import type { ToolInput } from '../tools/tool-command.ts';
import { Fatal } from './fatal.ts';
import type { AlertJson, ServerStatus, Silence } from './models.ts';

/** An operation of API v2 with the failures that its description names, and whether a text comes with them. */
interface Operation {
  readonly name: string;
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly failures: Readonly<Record<number, readonly [name: string, hasText: boolean]>>;
}

const BAD_REQUEST = { 400: ['BadRequest', true] } as const;
const BROKEN = { 500: ['InternalServerError', true] } as const;
const MISSING = { 404: ['NotFound', false] } as const;

const GET_ALERTS: Operation = {
  ...{ name: 'getAlerts', method: 'GET', path: '/alerts' },
  failures: { ...BAD_REQUEST, ...BROKEN },
};
const POST_ALERTS: Operation = {
  ...{ name: 'postAlerts', method: 'POST', path: '/alerts' },
  failures: { ...BAD_REQUEST, ...BROKEN },
};
const GET_SILENCES: Operation = {
  ...{ name: 'getSilences', method: 'GET', path: '/silences' },
  failures: { ...BAD_REQUEST, ...BROKEN },
};
const POST_SILENCES: Operation = {
  ...{ name: 'postSilences', method: 'POST', path: '/silences' },
  failures: { ...BAD_REQUEST, 404: ['NotFound', true] },
};
const GET_SILENCE: Operation = {
  ...{ name: 'getSilence', method: 'GET', path: '/silence/{silenceID}' },
  failures: { ...MISSING, ...BROKEN },
};
const DELETE_SILENCE: Operation = {
  ...{ name: 'deleteSilence', method: 'DELETE', path: '/silence/{silenceID}' },
  failures: { ...MISSING, ...BROKEN },
};
const GET_STATUS: Operation = { name: 'getStatus', method: 'GET', path: '/status', failures: {} };

/** An answer that is no success, in the words of upstream's client. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';

  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

export type Query = readonly (readonly [name: string, value: string])[];

interface Call {
  readonly silenceId?: string;
  readonly query?: Query;
  readonly body?: unknown;
}

/** Asks an Alertmanager by API v2 as upstream's client does. */
export class AlertmanagerClient {
  private readonly signal: AbortSignal;

  constructor(
    private readonly base: URL,
    private readonly http: HttpClient,
    /** For all that is asked together, in milliseconds. */
    timeoutMs: number,
  ) {
    this.signal = AbortSignal.timeout(timeoutMs);
  }

  /** What `--alertmanager.url`, `--http.config.file` and `--timeout` say. @throws Fatal, UsageError */
  static of(input: ToolInput): AlertmanagerClient {
    const url = requiredUrl(input);
    const timeoutMs = input.parsed('timeout', parseGoDuration);
    if (url.username !== '' && input.flags.string('http.config.file') !== '') {
      throw new Fatal('basic authentication and http.config.file are mutually exclusive');
    }
    return new AlertmanagerClient(url, httpClientOf(input, url), Math.max(0, timeoutMs));
  }

  alerts(query: Query): Promise<readonly AlertJson[]> {
    return this.call(GET_ALERTS, { query });
  }

  async addAlert(alert: unknown): Promise<void> {
    await this.call(POST_ALERTS, { body: [alert] });
  }

  silences(filters: readonly string[]): Promise<readonly Silence[]> {
    return this.call(GET_SILENCES, { query: filters.map((filter) => ['filter', filter] as const) });
  }

  silence(silenceId: string): Promise<Silence> {
    return this.call(GET_SILENCE, { silenceId });
  }

  /** @returns the silence's identifier */
  async setSilence(silence: unknown): Promise<string> {
    return (await this.call<{ silenceID: string }>(POST_SILENCES, { body: silence })).silenceID;
  }

  async expireSilence(silenceId: string): Promise<void> {
    await this.call(DELETE_SILENCE, { silenceId });
  }

  status(): Promise<ServerStatus> {
    return this.call(GET_STATUS);
  }

  /** Asks for what upstream does not serve; null where the server does not either. @throws Error */
  async ours<Answer>(method: 'GET' | 'POST', path: string, { query = [], body }: Call = {}): Promise<Answer | null> {
    const { status, text } = await this.send(method, path, query, body);
    if (status === 404 && !text.startsWith('"')) return null;
    if (status !== 200) throw new RefusedError(status, `${method} ${path}: ${plain(text) || `status ${status}`}`);
    return parse<Answer>(path, text);
  }

  private async call<Answer>(operation: Operation, { silenceId, query = [], body }: Call = {}): Promise<Answer> {
    const { method } = operation;
    const path = operation.path.replace('{silenceID}', encodeURIComponent(silenceId ?? ''));
    const { status, text } = await this.send(method, path, query, body);
    if (status !== 200) throw refusal(operation, status, text);
    return (text === '' ? undefined : parse(path, text)) as Answer;
  }

  private async send(method: Operation['method'], path: string, query: Query, body: unknown) {
    const url = new URL(this.base);
    url.pathname = `${this.base.pathname.replace(/\/+$/, '')}/api/v2${path}`;
    url.search = encodeQuery(query);
    const type: Readonly<Record<string, string>> = body === undefined ? {} : { 'content-type': 'application/json' };
    try {
      const response = await this.http.request(url, {
        method,
        headers: { accept: 'application/json', ...type },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: this.signal,
      });
      return { status: response.status, text: await readText(response) };
    } finally {
      this.http.close();
    }
  }
}

/** As Go writes it: sorted by name. */
function encodeQuery(query: Query): string {
  const sorted = [...query].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return new URLSearchParams(sorted as [string, string][]).toString().replace(/%7E/g, '~').replace(/\*/g, '%2A');
}

/** An answer's text, where it is a JSON string or holds a message the same without its quotes. */
function plain(text: string): string {
  try {
    const value = JSON.parse(text) as unknown;
    if (typeof value === 'string') return value;
    const { message } = value as { message?: unknown };
    return typeof message === 'string' ? message : text.trim();
  } catch {
    return text.trim();
  }
}

function refusal({ name, method, path, failures }: Operation, status: number, text: string): RefusedError {
  const known = failures[status];
  if (!known) {
    // Upstream prints {} for whatever there is.
    const detail = text.trim() === '' ? '{}' : text.trim();
    return new RefusedError(status, `[${method} ${path}] ${name} (status ${status}): ${detail}`);
  }
  const [kind, hasText] = known;
  return new RefusedError(status, `[${method} ${path}][${status}] ${name}${kind}${hasText ? ` ${goText(text)}` : ''}`);
}

function goText(text: string): string {
  try {
    return goJson(JSON.parse(text));
  } catch {
    return goJson(text.trim());
  }
}

function parse<Answer>(path: string, text: string): Answer {
  try {
    return JSON.parse(text) as Answer;
  } catch {
    throw new Error(`the answer to ${path} is not JSON; is this the address of an Alertmanager?`);
  }
}

/** Whether the flag is there. @throws Fatal where it is not */
export function requiredUrl(input: ToolInput): URL {
  const url = givenUrl(input);
  if (url === null) throw new Fatal('required flag --alertmanager.url not provided');
  return url;
}

/** @throws UsageError where the address cannot be used */
export function givenUrl({ flags }: ToolInput): URL | null {
  const text = flags.string('alertmanager.url');
  if (text === '') return null;
  // As upstream, where there is a path alone it is one of the default server; HOST:PORT, which it refuses, is taken.
  const hasScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(text);
  const address = hasScheme ? text : /^[^/]+:\d+(\/|$)/.test(text) ? `http://${text}` : `http://localhost:9093/${text}`;
  if (!URL.canParse(address)) throw new UsageError(`parse ${JSON.stringify(text)}: invalid URL`);
  return new URL(address);
}
