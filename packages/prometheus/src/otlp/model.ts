/** Attributes of OTLP with their values as text, by key. */
export type Attributes = ReadonlyMap<string, string>;

/** What one request has: the same whether it came as protobuf or as JSON. */
export interface ResourceMetrics {
  readonly attributes: Attributes;
  readonly scopes: readonly ScopeMetrics[];
}

export interface ScopeMetrics {
  readonly name: string;
  readonly version: string;
  readonly schemaUrl: string;
  readonly attributes: Attributes;
  readonly metrics: readonly Metric[];
}

export type MetricKind = 'gauge' | 'sum' | 'histogram' | 'exponential' | 'summary';

/** The temporality of what counts from a fixed start; 1 is what counts from the point before. */
export const CUMULATIVE = 2;

export interface Metric {
  readonly name: string;
  readonly description: string;
  readonly unit: string;
  /** Null where it has no data of a kind that is known. */
  readonly kind: MetricKind | null;
  /** `CUMULATIVE` or another number. */
  readonly temporality: number;
  readonly isMonotonic: boolean;
  readonly points: readonly Point[];
}

/** A data point of any kind; what its kind does not have is zero or empty. */
export interface Point {
  readonly attributes: Attributes;
  /** Milliseconds since the epoch; 0 is none. */
  readonly start: number;
  readonly time: number;
  /** The series has ended: there is no value. */
  readonly isStale: boolean;
  /** Of a number. */
  readonly value: number;
  readonly count: number;
  /** Null where a histogram has none. */
  readonly sum: number | null;
  readonly bucketCounts: readonly number[];
  readonly bounds: readonly number[];
  /** Of an exponential histogram. */
  readonly exponential: ExponentialBuckets | null;
  /** Pairs of a quantile and its value. */
  readonly quantiles: readonly (readonly [number, number])[];
  readonly exemplars: readonly OtlpExemplar[];
}

/** Bucket `i` of a sign reaches from base^(offset + i) to base^(offset + i + 1), where base is 2^(2^-scale). */
export interface ExponentialBuckets {
  readonly scale: number;
  readonly zeroCount: number;
  readonly positive: DenseBuckets;
  readonly negative: DenseBuckets;
}

export interface DenseBuckets {
  readonly offset: number;
  readonly counts: readonly number[];
}

export interface OtlpExemplar {
  readonly time: number;
  readonly value: number;
  /** In hexadecimal; '' where there is none. */
  readonly traceId: string;
  readonly spanId: string;
  readonly attributes: Attributes;
}

const HIGH = 0x1_0000_0000;

/** Nanoseconds in two halves as whole milliseconds, exactly. */
export function millisecondsOf(low: number, high: number): number {
  // 2^32 is 4294 millions and 967 296.
  return high * 4294 + Math.floor((high * 967_296 + low) / 1e6);
}

/** The number that two halves are, with its sign. */
export function signedOf(low: number, high: number): number {
  return (high | 0) * HIGH + low;
}

/** A body that is no request. */
export class OtlpError extends Error {
  override readonly name = 'OtlpError';
}
