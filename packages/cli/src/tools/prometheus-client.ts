import { HttpClient, readText } from '@avalanche/web';
import { serverUrl } from './http-config.ts';

/** Labels by name, as the API has them. */
export type Metric = Readonly<Record<string, string>>;

/** A native histogram as the API has it: counts and bounds as text. */
export interface HistogramJson {
  readonly count: string;
  readonly sum: string;
  readonly buckets?: readonly (readonly [boundaries: number, lower: string, upper: string, count: string])[];
}

type Pair = readonly [seconds: number, value: string];
type HistogramPair = readonly [seconds: number, value: HistogramJson];

export interface SeriesJson {
  readonly metric: Metric;
  readonly values?: readonly Pair[];
  readonly histograms?: readonly HistogramPair[];
}

/** The `data` of a query's answer. */
export type QueryResult =
  | { readonly resultType: 'scalar' | 'string'; readonly result: Pair }
  | {
      readonly resultType: 'vector';
      readonly result: readonly {
        readonly metric: Metric;
        readonly value?: Pair;
        readonly histogram?: HistogramPair;
      }[];
    }
  | { readonly resultType: 'matrix'; readonly result: readonly SeriesJson[] };

interface Answer {
  readonly status: string;
  readonly errorType?: string;
  readonly error?: string;
  readonly data?: unknown;
  readonly warnings?: readonly string[];
}

/** What a server said, in the words of upstream's client: `query error: …`. */
export class QueryFailure extends Error {}

/** Time that a server has to answer where nothing else is said. */
const TIMEOUT_MS = 2 * 60_000;

interface ClientOptions {
  readonly http?: HttpClient;
  readonly headers?: Readonly<Record<string, string>>;
  /** Time that the server has for each answer. */
  readonly timeoutMs?: number;
}

type Parameters = readonly (readonly [name: string, value: string])[];

/** Asks a Prometheus by its API, as upstream's client does. */
export class PrometheusClient {
  private readonly base: URL;
  private readonly http: HttpClient;
  private readonly headers: Readonly<Record<string, string>>;
  private readonly timeoutMs: number;

  /** @param server with user and password where they are needed. @throws UsageError */
  constructor(server: URL | string, { http = new HttpClient(), headers = {}, timeoutMs }: ClientOptions = {}) {
    this.base = typeof server === 'string' ? serverUrl(server) : server;
    this.http = http;
    this.headers = headers;
    this.timeoutMs = timeoutMs ?? TIMEOUT_MS;
  }

  query(query: string, timeMs: number): Promise<QueryResult> {
    return this.post('query', [
      ['query', query],
      ['time', seconds(timeMs)],
    ]);
  }

  queryRange(query: string, range: { startMs: number; endMs: number; stepMs: number }): Promise<QueryResult> {
    return this.post('query_range', [
      ['query', query],
      ['start', seconds(range.startMs)],
      ['end', seconds(range.endMs)],
      ['step', seconds(range.stepMs)],
    ]);
  }

  series(matchers: readonly string[], startMs: number, endMs: number): Promise<readonly Metric[]> {
    return this.post('series', [...timeRange(startMs, endMs), ...matchers.map((text) => ['match[]', text] as const)]);
  }

  async labelValues(
    name: string,
    matchers: readonly string[],
    range: { readonly startMs: number; readonly endMs: number },
  ): Promise<{ readonly values: readonly string[]; readonly warnings: readonly string[] }> {
    const parameters = new URLSearchParams([
      ...timeRange(range.startMs, range.endMs),
      ...matchers.map((text): [string, string] => ['match[]', text]),
    ] as [string, string][]);
    const path = `label/${encodeURIComponent(name)}/values?${parameters}`;
    const { data, warnings = [] } = await this.ask(path, { method: 'GET' });
    return { values: data as readonly string[], warnings };
  }

  /** What a GET of this path of the API answers. @throws QueryFailure */
  async get<T>(path: string, parameters: Parameters): Promise<T> {
    const query = new URLSearchParams(parameters as [string, string][]);
    return (await this.ask(`${path}?${query}`, { method: 'GET' })).data as T;
  }

  private async post<T>(path: string, parameters: Parameters): Promise<T> {
    const body = new URLSearchParams(parameters as [string, string][]).toString();
    return (await this.ask(path, { method: 'POST', body })).data as T;
  }

  /** @throws QueryFailure */
  private async ask(path: string, init: { readonly method: 'GET' | 'POST'; readonly body?: string }): Promise<Answer> {
    const target = new URL(`${this.base.pathname.replace(/\/+$/, '')}/api/v1/${path}`, this.base);
    target.username = this.base.username;
    target.password = this.base.password;
    const type = init.body === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' };
    const headers = { ...type, ...this.headers };
    try {
      const response = await this.http.request(target, {
        ...init,
        headers,
        signal: AbortSignal.timeout(this.timeoutMs),
      });
      return read(response.status, await readText(response));
    } catch (error) {
      if (error instanceof QueryFailure) throw error;
      throw new QueryFailure(`query error: ${(error as Error).message}`, { cause: error });
    } finally {
      this.http.close();
    }
  }
}

/** The codes that Prometheus sends with an error of its own are 400 and 422; others are told by their number. */
function read(status: number, text: string): Answer {
  if (status >= 300 && status !== 400 && status !== 422) {
    const [type, what] = status < 400 ? ['bad_response', 'bad response code'] : clientOrServer(status);
    const detail = text.trim() === '' ? '' : ` (detail: ${text.trim()})`;
    throw new QueryFailure(`query error: ${type}: ${what}${status < 400 ? '' : ':'} ${status}${detail}`);
  }
  let answer: Answer;
  try {
    answer = JSON.parse(text) as Answer;
  } catch (error) {
    throw new QueryFailure(`query error: bad_response: ${(error as Error).message}`, { cause: error });
  }
  if (answer.status !== 'success') throw new QueryFailure(`query error: ${answer.errorType}: ${answer.error}`);
  return answer;
}

function clientOrServer(status: number): readonly [string, string] {
  return status < 500 ? ['client_error', 'client error'] : ['server_error', 'server error'];
}

function seconds(ms: number): string {
  return String(ms / 1000);
}

function timeRange(startMs: number, endMs: number): Parameters {
  return [
    ['start', seconds(startMs)],
    ['end', seconds(endMs)],
  ];
}
