import type { FloatHistogram } from './float-histogram.ts';
import { exponentialBound } from './schema.ts';

/** What a histogram is when its zero bucket reaches further. */
export interface WiderZero {
  readonly threshold: number;
  /** How many of the first positive and negative buckets have gone into the zero bucket. */
  readonly positive: number;
  readonly negative: number;
}

/** A side of exponential buckets, as counts or as running sums. */
interface Side {
  readonly indexes: Int32Array;
  isEmpty(i: number): boolean;
}

function reach(side: Side, schema: number, threshold: number): number {
  let n = 0;
  while (n < side.indexes.length && exponentialBound(side.indexes[n] - 1, schema) < threshold) n++;
  return n;
}

/**
 * The least zero threshold from `threshold` on that does not lie within a populated bucket, and what it covers. Buckets
 * whose lower bound is below it are inside, also an empty one that it would cut.
 */
export function widenZero(schema: number, threshold: number, positive: Side, negative: Side): WiderZero {
  let wider = threshold;
  for (;;) {
    const covered = { positive: reach(positive, schema, wider), negative: reach(negative, schema, wider) };
    const before = wider;
    for (const [side, n] of [
      [positive, covered.positive],
      [negative, covered.negative],
    ] as const) {
      if (n === 0 || side.isEmpty(n - 1)) continue;
      wider = Math.max(wider, exponentialBound(side.indexes[n - 1], schema));
    }
    if (wider === before) return { threshold: wider, ...covered };
  }
}

/** The same question asked of a histogram. */
export function widenZeroOf({ schema, positive, negative }: FloatHistogram, threshold: number): WiderZero {
  return widenZero(
    schema,
    threshold,
    { indexes: positive.indexes, isEmpty: (i) => positive.counts[i] === 0 },
    { indexes: negative.indexes, isEmpty: (i) => negative.counts[i] === 0 },
  );
}
