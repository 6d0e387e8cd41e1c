import { allBuckets, type Bucket, type FloatHistogram, fractionBelow } from '@avalanche/model';
import { KahanSum } from '../kahan.ts';
import { fractionsExcludeNaN, type Note, quantileIsNaN, quantileIsSkewed } from './notes.ts';

/** The zero bucket lies on the one side on which the histogram has other buckets, or else on both. */
function placeZeroBucket(bucket: Bucket, { positive, negative }: FloatHistogram): void {
  if (negative.indexes.length === 0 && positive.indexes.length > 0) bucket.lower = 0;
  else if (positive.indexes.length === 0 && negative.indexes.length > 0) bucket.upper = 0;
}

/**
 * The value below which the part `q` of the observations lies: interpolated exponentially within exponential buckets,
 * and linearly within custom buckets and the zero bucket. NaN observations count, but stand in no bucket, as if they
 * were above all others.
 */
export function histogramQuantile(q: number, h: FloatHistogram, metricName: string, note: Note): number {
  if (q < 0) return Number.NEGATIVE_INFINITY;
  if (q > 1) return Number.POSITIVE_INFINITY;
  if (h.count === 0 || Number.isNaN(q)) return Number.NaN;
  const upwards = Number.isNaN(h.sum) || q < 0.5;
  const buckets = allBuckets(h);
  if (!upwards) buckets.reverse();
  const wanted = (upwards ? q : 1 - q) * h.count;
  const { at, count } = seek(buckets, wanted);
  const bucket = buckets[at] ?? { lower: 0, upper: 0, count: 0 };
  if (!h.usesCustomBuckets) {
    if (bucket.lower < 0 && bucket.upper > 0) placeZeroBucket(bucket, h);
  } else if (bucket.lower === Number.NEGATIVE_INFINITY) {
    if (bucket.upper <= 0) return bucket.upper;
    bucket.lower = 0;
  } else if (bucket.upper === Number.POSITIVE_INFINITY) {
    return bucket.lower;
  }
  const reached = Math.min(count, h.count);
  if (reached < wanted) {
    if (!Number.isNaN(h.sum)) return bucket.upper;
    note('info', quantileIsNaN(metricName));
    return Number.NaN;
  }
  const rank = upwards ? wanted - (reached - bucket.count) : reached - wanted;
  if (!Number.isNaN(h.sum)) return interpolate(bucket, rank, h.usesCustomBuckets);
  let observed = reached;
  for (let i = at + 1; i < buckets.length; i++) observed += buckets[i].count;
  if (observed < h.count) note('info', quantileIsSkewed(metricName));
  // Upstream has gone on to the last bucket by now, and interpolates within that one.
  return interpolate(at + 1 < buckets.length ? buckets[buckets.length - 1] : bucket, rank, h.usesCustomBuckets);
}

/** The first bucket up to which `wanted` observations lie, or the last one, and how many do. */
function seek(buckets: readonly Bucket[], wanted: number): { at: number; count: number } {
  let count = 0;
  let at = -1;
  for (let i = 0; i < buckets.length; i++) {
    at = i;
    if (buckets[i].count === 0) continue;
    count += buckets[i].count;
    if (count >= wanted) break;
  }
  return { at, count };
}

function interpolate({ lower, upper, count }: Bucket, rank: number, linear: boolean): number {
  const fraction = rank / count;
  if (linear || (lower <= 0 && upper >= 0)) return lower + (upper - lower) * fraction;
  const [logLower, logUpper] = [Math.log2(Math.abs(lower)), Math.log2(Math.abs(upper))];
  if (lower > 0) return 2 ** (logLower + (logUpper - logLower) * fraction);
  return -(2 ** (logUpper + (logLower - logUpper) * (1 - fraction)));
}

/** The part of the observations between two values; NaN observations are never among them. */
export function histogramFraction(
  range: { readonly lower: number; readonly upper: number },
  h: FloatHistogram,
  metricName: string,
  note: Note,
): number {
  const { lower, upper } = range;
  if (h.count === 0 || Number.isNaN(lower) || Number.isNaN(upper)) return Number.NaN;
  if (lower >= upper) return 0;
  const buckets = allBuckets(h);
  let observed = h.count;
  if (Number.isNaN(h.sum)) {
    observed = buckets.reduce((sum, { count }) => sum + count, 0);
    if (observed < h.count) note('info', fractionsExcludeNaN(metricName));
  }
  return (rankOf(upper, buckets, h, observed) - rankOf(lower, buckets, h, observed)) / h.count;
}

/** How many observations are estimated to lie below a value. */
function rankOf(value: number, buckets: readonly Bucket[], h: FloatHistogram, observed: number): number {
  let rank = 0;
  for (const each of buckets) {
    const bucket = { ...each };
    const zero = bucket.lower <= 0 && bucket.upper >= 0;
    if (zero) placeZeroBucket(bucket, h);
    if (bucket.lower >= value) return Math.min(rank, observed);
    if (bucket.upper > value) {
      // Within a bucket without a lower end nothing can be interpolated: upstream takes it whole.
      if (bucket.lower === Number.NEGATIVE_INFINITY) return Math.min(bucket.count, observed);
      const part = fractionBelow(bucket, value, h.usesCustomBuckets || zero);
      return Math.min(rank + bucket.count * part, observed);
    }
    rank += bucket.count;
  }
  return observed;
}

/** The variance of the observations, each taken to lie in the middle of its bucket. */
export function histogramVariance(h: FloatHistogram): number {
  const mean = h.sum / h.count;
  const sum = new KahanSum();
  for (const bucket of allBuckets(h)) {
    if (bucket.count === 0) continue;
    const delta = middle(bucket, h.usesCustomBuckets) - mean;
    sum.add(bucket.count * delta * delta);
  }
  return (sum.sum + sum.c) / h.count;
}

function middle({ lower, upper }: Bucket, linear: boolean): number {
  if (linear) return (upper + lower) / 2;
  if (lower <= 0 && upper >= 0) return 0;
  const geometric = Math.sqrt(upper * lower);
  return upper < 0 ? -geometric : geometric;
}
