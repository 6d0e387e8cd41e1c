import type { FloatHistogram } from './float-histogram.ts';
import { type Bucket, fractionBelow, negativeBuckets, positiveBuckets } from './iterate.ts';

/** Which observations stay: those below (`</`) or those above (`>/`) the trim point. */
export type TrimSide = 'below' | 'above';

interface Kept {
  readonly count: number;
  /** Where its observations are taken to lie, for the new sum. */
  readonly middle: number;
}

/**
 * The histogram without the observations on one side of `point`. A bucket that holds the point is divided by
 * interpolation; where something goes, count and sum are estimated anew from what is left of the buckets.
 */
export function trim(h: FloatHistogram, point: number, side: TrimSide): FloatHistogram {
  const totals = { count: 0, sum: 0, trimmed: false };
  const keep = (before: number, { count, middle }: Kept): number => {
    if (count !== before) totals.trimmed = true;
    totals.count += count;
    totals.sum += middle * count;
    return count;
  };
  const trimAll = (buckets: Bucket[], positive: boolean): Float64Array =>
    Float64Array.from(buckets, (bucket) => {
      if (bucket.count === 0) return 0;
      return keep(bucket.count, trimBucket(bucket, point, side, { positive, linear: h.usesCustomBuckets }));
    });
  const positive = { indexes: h.positive.indexes, counts: trimAll(positiveBuckets(h), true) };
  const negative = { indexes: h.negative.indexes, counts: trimAll(negativeBuckets(h), false) };
  const zeroCount = h.zeroCount > 0 ? keep(h.zeroCount, trimZero(h, point, side)) : h.zeroCount;
  if (!totals.trimmed) return h;
  return h.with({ positive, negative, zeroCount, count: totals.count, sum: totals.sum }).compact();
}

interface BucketKind {
  readonly positive: boolean;
  readonly linear: boolean;
}

const NOTHING: Kept = { count: 0, middle: 0 };

function trimBucket(bucket: Bucket, point: number, side: TrimSide, kind: BucketKind): Kept {
  const { lower, upper, count } = bucket;
  if (side === 'below' ? upper <= point : lower >= point) return { count, middle: middleOf(lower, upper, kind) };
  if (!(side === 'below' ? lower < point : upper > point)) return NOTHING;
  if (lower === Number.NEGATIVE_INFINITY) return trimFirst(bucket, point, side);
  if (upper === Number.POSITIVE_INFINITY) return side === 'below' ? NOTHING : { count, middle: point };
  const under = count * fractionBelow(bucket, point, kind.linear);
  return side === 'below'
    ? { count: under, middle: middleOf(lower, point, kind) }
    : { count: count - under, middle: middleOf(point, upper, kind) };
}

/** The first custom bucket reaches down to -Inf, but counts as beginning at 0 where it ends above it. */
function trimFirst({ upper, count }: Bucket, point: number, side: TrimSide): Kept {
  const finite = upper > 0 && upper !== Number.POSITIVE_INFINITY;
  if (side === 'above') {
    return finite && point >= 0 ? { count: count * (1 - point / upper), middle: (point + upper) / 2 } : NOTHING;
  }
  if (finite && point > 0) return { count: (count * point) / upper, middle: point / 2 };
  return upper <= 0 ? { count, middle: point } : NOTHING;
}

/** Arithmetic for custom buckets, geometric for exponential ones; one infinite bound leaves the other. */
function middleOf(lower: number, upper: number, { positive, linear }: BucketKind): number {
  const infinite = { lower: !Number.isFinite(lower), upper: !Number.isFinite(upper) };
  if (infinite.lower && infinite.upper) return 0;
  if (infinite.lower) return upper > 0 ? upper / 2 : upper;
  if (infinite.upper) return lower;
  if (linear) return (lower + upper) / 2;
  const geometric = Math.sqrt(Math.abs(lower * upper));
  return positive ? geometric : -geometric;
}

/** The zero bucket lies on the one side on which the histogram has other observations, or else on both. */
function trimZero(h: FloatHistogram, point: number, side: TrimSide): Kept {
  const populated = { positive: h.positive.counts.some(Boolean), negative: h.negative.counts.some(Boolean) };
  const lower = populated.positive && !populated.negative ? 0 : -h.zeroThreshold;
  const upper = populated.negative && !populated.positive ? 0 : h.zeroThreshold;
  const count = h.zeroCount;
  const all = { count, middle: (lower + upper) / 2 };
  if (side === 'below') {
    if (point <= lower) return NOTHING;
    if (point >= upper) return all;
    return { count: (count * (point - lower)) / (upper - lower), middle: (lower + point) / 2 };
  }
  if (point <= lower) return all;
  if (point >= upper) return NOTHING;
  return { count: (count * (upper - point)) / (upper - lower), middle: (point + upper) / 2 };
}
