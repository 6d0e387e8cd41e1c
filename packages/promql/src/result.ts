import type { FloatHistogram, Labels } from '@avalanche/model';

/** One series of a range vector: `length` points, `t` in milliseconds since the epoch. */
export interface MatrixSeries {
  readonly labels: Labels;
  readonly t: Float64Array;
  readonly v: Float64Array;
  readonly length: number;
  /** The points that are native histograms, at their index; null where there is none. */
  readonly histograms: readonly (FloatHistogram | undefined)[] | null;
}

/** One sample of an instant vector. */
export interface VectorSample {
  readonly labels: Labels;
  /** Means nothing beside a histogram. */
  readonly value: number;
  readonly histogram: FloatHistogram | null;
}

/** What a query cost, as upstream's `util/stats` divides it. Durations are wall-clock time in milliseconds. */
export interface QueryStats {
  /** From the request to the result, waiting included. */
  readonly totalMs: number;
  /** Waiting for a free slot. */
  readonly queueMs: number;
  /** All work after that: preparation, evaluation, sorting. */
  readonly evalMs: number;
  /** Finding the series, and computing what must be there before the first step. */
  readonly preparationMs: number;
  readonly innerEvalMs: number;
  /** Sorting the series of a matrix by their labels. */
  readonly resultSortMs: number;
  /** Samples that the steps looked at: of a range all in its window, at each step anew. */
  readonly totalSamples: number;
  /** Samples decoded from storage. */
  readonly samplesRead: number;
  /** Most samples held at once. */
  readonly peakSamples: number;
  /** `totalSamples` by step, where asked for. */
  readonly perStep: PerStepStats | null;
}

export interface PerStepStats {
  readonly startMs: number;
  readonly stepMs: number;
  readonly totalSamples: Float64Array;
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
