import { HttpClient, readText } from '@avalanche/web';

/** One series of a range query's answer. */
export interface RangeSeries {
  readonly metric: Readonly<Record<string, string>>;
  /** Seconds and the value as text. */
  readonly values: readonly (readonly [number, string])[];
}

/** Times and step in seconds. */
export interface RangeQuery {
  readonly query: string;
  readonly start: number;
  readonly end: number;
  readonly step: number;
}

interface Answer {
  readonly status: string;
  readonly errorType?: string;
  readonly error?: string;
  readonly data?: { readonly resultType: string; readonly result: readonly RangeSeries[] };
}

/** Asks a Prometheus. @throws Error with upstream's words where it cannot be asked or answers with an error */
export async function queryRange(
  server: URL,
  { query, start, end, step }: RangeQuery,
  http = new HttpClient(),
): Promise<readonly RangeSeries[]> {
  const target = new URL(server);
  target.pathname = `${server.pathname.replace(/\/+$/, '')}/api/v1/query_range`;
  const body = new URLSearchParams({ query, start: String(start), end: String(end), step: String(step) }).toString();
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const answer = await http.request(target, { method: 'POST', body, headers }).catch((error: Error) => {
    throw new Error(`query range: ${error.message}`, { cause: error });
  });
  return seriesOf(await readText(answer), `${answer.status} from ${target}`);
}

/** @throws Error */
function seriesOf(text: string, source: string): readonly RangeSeries[] {
  let answer: Answer;
  try {
    answer = JSON.parse(text) as Answer;
  } catch (error) {
    throw new Error(`query range: server_error: ${source}`, { cause: error });
  }
  if (answer.status !== 'success') throw new Error(`query range: ${answer.errorType}: ${answer.error}`);
  const { resultType, result } = answer.data ?? { resultType: 'none', result: [] };
  if (resultType !== 'matrix') throw new Error(`rule result is wrong type ${resultType}`);
  return result;
}
