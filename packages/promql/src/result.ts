import type { Labels } from '@avalanche/model';

/** One series of a range vector: `length` points, `t` in milliseconds since the epoch. */
export interface MatrixSeries {
  readonly labels: Labels;
  readonly t: Float64Array;
  readonly v: Float64Array;
  readonly length: number;
}

/** One sample of an instant vector. */
export interface VectorSample {
  readonly labels: Labels;
  readonly value: number;
}

export interface QueryStats {
  /** Wall-clock time, in milliseconds. */
  readonly totalMs: number;
  /** Time spent waiting for a free slot, in milliseconds. */
  readonly queueMs: number;
  /** Samples decoded from storage. */
  readonly totalSamples: number;
  /** Most samples held at once. */
  readonly peakSamples: number;
}

interface ResultBase {
  /** As the HTTP API shows them: `PromQL warning: … (line:column)`. */
  readonly warnings: readonly string[];
  readonly infos: readonly string[];
  readonly stats: QueryStats;
}

export interface VectorResult extends ResultBase {
  readonly type: 'vector';
  readonly timeMs: number;
  /** In the order the query gives: ranked for `topk` and `sort`, else as the storage has them. */
  readonly samples: readonly VectorSample[];
}

export interface ScalarResult extends ResultBase {
  readonly type: 'scalar';
  readonly timeMs: number;
  readonly value: number;
}

export interface StringResult extends ResultBase {
  readonly type: 'string';
  readonly timeMs: number;
  readonly value: string;
}

export interface MatrixResult extends ResultBase {
  readonly type: 'matrix';
  /** Sorted by labels. */
  readonly series: readonly MatrixSeries[];
}

export type InstantResult = VectorResult | ScalarResult | StringResult | MatrixResult;
export type RangeResult = MatrixResult;
