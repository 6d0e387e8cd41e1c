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

/** Time that a server has to answer. */
const TIMEOUT_MS = 2 * 60_000;

type Parameters = readonly (readonly [name: string, value: string])[];

/** Asks a Prometheus by its API, as upstream's client does. */
export class PrometheusClient {
  private readonly base: URL;

  /** @param url with or without a scheme, and with user and password where they are needed. @throws Error */
  constructor(
    url: string,
    private readonly headers: Readonly<Record<string, string>> = {},
  ) {
    this.base = new URL(/^[a-z]+:\/\//i.test(url) ? url : `http://${url}`);
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

  private async post<T>(path: string, parameters: Parameters): Promise<T> {
    const body = new URLSearchParams(parameters as [string, string][]);
    return (await this.ask(path, { method: 'POST', body })).data as T;
  }

  /** @throws QueryFailure */
  private async ask(path: string, init: RequestInit): Promise<Answer> {
    const target = new URL(`${this.base.pathname.replace(/\/+$/, '')}/api/v1/${path}`, this.base);
    const headers = { ...credentials(this.base), ...this.headers };
    const response = await fetch(target, { ...init, headers, signal: AbortSignal.timeout(TIMEOUT_MS) }).catch(
      (error: Error) => {
        const reason = error.cause instanceof Error ? error.cause.message : error.message;
        const method = init.method === 'GET' ? 'Get' : 'Post';
        throw new QueryFailure(`query error: ${method} "${target}": ${reason}`, { cause: error });
      },
    );
    return read(response.status, await response.text());
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

function credentials({ username, password }: URL): Record<string, string> {
  if (username === '') return {};
  const text = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { authorization: `Basic ${Buffer.from(text).toString('base64')}` };
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
