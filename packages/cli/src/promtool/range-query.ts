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
export async function queryRange(url: string, range: RangeQuery): Promise<readonly RangeSeries[]> {
  const target = new URL(`${url.replace(/\/+$/, '')}/api/v1/query_range`);
  const answer = await post(target, range);
  if (answer.status !== 'success') throw new Error(`query range: ${answer.errorType}: ${answer.error}`);
  const { resultType, result } = answer.data ?? { resultType: 'none', result: [] };
  if (resultType !== 'matrix') throw new Error(`rule result is wrong type ${resultType}`);
  return result;
}

async function post(target: URL, { query, start, end, step }: RangeQuery): Promise<Answer> {
  const headers: Record<string, string> = {};
  if (target.username !== '') {
    const credentials = `${decodeURIComponent(target.username)}:${decodeURIComponent(target.password)}`;
    headers.authorization = `Basic ${Buffer.from(credentials).toString('base64')}`;
    target.username = '';
    target.password = '';
  }
  const body = new URLSearchParams({ query, start: String(start), end: String(end), step: String(step) });
  const response = await fetch(target, { method: 'POST', body, headers }).catch((error: Error) => {
    const reason = error.cause instanceof Error ? error.cause.message : error.message;
    throw new Error(`query range: Post "${target}": ${reason}`, { cause: error });
  });
  const text = await response.text();
  try {
    return JSON.parse(text) as Answer;
  } catch (error) {
    throw new Error(`query range: server_error: ${response.status} from ${target}`, { cause: error });
  }
}
