/** Answers of `/api/v1/query` and `/api/v1/query_range`. */
export type Labels = Readonly<Record<string, string>>;

/** Seconds since the epoch, and the value as text (`NaN`, `+Inf` among them). */
export type SamplePair = readonly [timestamp: number, value: string];

interface VectorSample {
  readonly metric: Labels;
  readonly value?: SamplePair;
  readonly histogram?: unknown;
}

export interface MatrixSeries {
  readonly metric: Labels;
  readonly values?: readonly SamplePair[];
  readonly histograms?: unknown;
}

export type QueryResult =
  | { readonly resultType: 'vector'; readonly result: readonly VectorSample[] }
  | { readonly resultType: 'matrix'; readonly result: readonly MatrixSeries[] }
  | { readonly resultType: 'scalar' | 'string'; readonly result: SamplePair };

/** What was answered, with the annotations that came along. */
export interface Answer<T> {
  readonly data: T;
  readonly warnings: readonly string[];
  readonly infos: readonly string[];
}

/** `1.5`, `+Inf`, `-Inf` and `NaN` as Prometheus prints them. */
export function sampleValue(text: string): number {
  if (text === '+Inf' || text === 'Inf') return Number.POSITIVE_INFINITY;
  if (text === '-Inf') return Number.NEGATIVE_INFINITY;
  return Number(text);
}

/** A series as PromQL writes it: `up{job="node"}`. */
export function seriesName(metric: Labels): string {
  const { __name__: name = '', ...labels } = metric;
  const inner = Object.entries(labels)
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join(', ');
  return inner === '' && name !== '' ? name : `${name}{${inner}}`;
}
