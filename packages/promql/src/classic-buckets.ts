/** One bucket of a classic histogram: how many observations were at most `bound`. */
export interface Bucket {
  readonly bound: number;
  count: number;
}

/** Differences below this (relative) are rounding, not observations (upstream's smallDeltaTolerance). */
const SMALL_DELTA = 1e-12;
const MIN_NORMAL = 2.2250738585072014e-308;

/** Sorts by bound and adds up buckets of one bound. False where there is no +Inf bucket. */
function normalise(buckets: Bucket[]): Bucket[] | null {
  const sorted = [...buckets].sort((a, b) => a.bound - b.bound);
  if (sorted[sorted.length - 1]?.bound !== Number.POSITIVE_INFINITY) return null;
  const merged: Bucket[] = [];
  for (const { bound, count } of sorted) {
    const last = merged[merged.length - 1];
    if (last && last.bound === bound) last.count += count;
    else merged.push({ bound, count });
  }
  return merged;
}

function almostEqual(a: number, b: number): boolean {
  const sum = Math.abs(a) + Math.abs(b);
  const difference = Math.abs(a - b);
  if (a === 0 || b === 0 || sum < MIN_NORMAL) return difference < SMALL_DELTA * MIN_NORMAL;
  return difference / Math.min(sum, Number.MAX_VALUE) < SMALL_DELTA;
}

/** What it took to make counts never fall, beyond levelling rounding errors. */
interface Correction {
  readonly minBound: number;
  readonly maxBound: number;
  readonly maxDiff: number;
}

/** Makes counts never fall; null where that took no more than levelling rounding errors. */
function makeMonotonic(buckets: Bucket[]): Correction | null {
  let correction = null as Correction | null;
  let before = buckets[0].count;
  for (const bucket of buckets.slice(1)) {
    const { bound, count } = bucket;
    const level = almostEqual(before, count);
    if (level || count < before) bucket.count = before;
    if (!level && count < before) {
      const maxDiff = Math.max(before - count, correction?.maxDiff ?? 0);
      correction = { minBound: correction?.minBound ?? bound, maxBound: bound, maxDiff };
    }
    before = bucket.count;
  }
  return correction;
}

/** Upstream's BucketQuantile: linear interpolation inside the bucket that holds the rank. */
export function bucketQuantile(q: number, unsorted: Bucket[]): { value: number; correction: Correction | null } {
  const plain = (value: number) => ({ value, correction: null });
  if (Number.isNaN(q)) return plain(Number.NaN);
  if (q < 0) return plain(Number.NEGATIVE_INFINITY);
  if (q > 1) return plain(Number.POSITIVE_INFINITY);
  const buckets = normalise(unsorted);
  if (!buckets) return plain(Number.NaN);
  const correction = makeMonotonic(buckets);
  return { value: interpolateQuantile(q, buckets), correction };
}

function interpolateQuantile(q: number, buckets: readonly Bucket[]): number {
  const last = buckets.length - 1;
  const observations = buckets[last].count;
  if (buckets.length < 2 || observations === 0) return Number.NaN;
  const rank = q * observations;
  let at = buckets.findIndex(({ count }) => count >= rank);
  if (at < 0) at = last;
  if (at === last) return buckets[last - 1].bound;
  if (at === 0 && buckets[0].bound <= 0) return buckets[0].bound;
  const below = at === 0 ? { bound: 0, count: 0 } : buckets[at - 1];
  const { bound, count } = buckets[at];
  return below.bound + (bound - below.bound) * ((rank - below.count) / (count - below.count));
}

/** Upstream's BucketFraction: the share of observations between two values. */
export function bucketFraction(lower: number, upper: number, unsorted: Bucket[]): number {
  const buckets = normalise(unsorted);
  const count = buckets?.[buckets.length - 1].count ?? 0;
  if (!buckets || count === 0 || Number.isNaN(lower) || Number.isNaN(upper) || Number.isNaN(count)) return Number.NaN;
  if (lower >= upper) return 0;
  const rank = (value: number): number => Math.min(rankOf(value, buckets), count);
  return (rank(upper) - rank(lower)) / count;
}

/** How many observations are below `value`. Nothing is interpolated in a bucket of infinite width. */
function rankOf(value: number, buckets: readonly Bucket[]): number {
  let rank = 0;
  let from = buckets[0].bound > 0 ? 0 : Number.NEGATIVE_INFINITY;
  for (const { bound, count } of buckets) {
    if (from >= value) return rank;
    if (bound > value) {
      if (from === Number.NEGATIVE_INFINITY) return count;
      return rank + (count - rank) * ((value - from) / (bound - from));
    }
    rank = count;
    from = bound;
  }
  return rank;
}
