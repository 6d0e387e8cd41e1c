import type { FloatHistogram } from './float-histogram.ts';
import { boundOf } from './schema.ts';

/** One bucket with its bounds worked out. */
export interface Bucket {
  lower: number;
  upper: number;
  readonly lowerInclusive: boolean;
  readonly upperInclusive: boolean;
  readonly count: number;
}

/** The listed positive buckets, upwards from zero. */
export function positiveBuckets({ schema, positive, customValues }: FloatHistogram): Bucket[] {
  return Array.from(positive.indexes, (index, i) => {
    const lower = boundOf(index - 1, schema, customValues);
    const upper = boundOf(index, schema, customValues);
    return { lower, upper, lowerInclusive: lower < 0 && index === 0, upperInclusive: true, count: positive.counts[i] };
  });
}

/** The listed negative buckets, downwards from zero. */
export function negativeBuckets({ schema, negative, customValues }: FloatHistogram): Bucket[] {
  return Array.from(negative.indexes, (index, i) => ({
    lower: -boundOf(index, schema, customValues),
    upper: -boundOf(index - 1, schema, customValues),
    lowerInclusive: true,
    upperInclusive: false,
    count: negative.counts[i],
  }));
}

export function zeroBucket({ zeroThreshold, zeroCount }: FloatHistogram): Bucket {
  return { lower: -zeroThreshold, upper: zeroThreshold, lowerInclusive: true, upperInclusive: true, count: zeroCount };
}

/**
 * All listed buckets in ascending order, the zero bucket among them where it is populated. Buckets that overlap with the
 * zero bucket are cut at the zero threshold.
 */
export function allBuckets(h: FloatHistogram): Bucket[] {
  const buckets = negativeBuckets(h).reverse();
  for (const bucket of buckets) if (bucket.upper > -h.zeroThreshold) bucket.upper = -h.zeroThreshold;
  if (h.zeroCount > 0) buckets.push(zeroBucket(h));
  for (const bucket of positiveBuckets(h)) {
    if (bucket.lower > 0 && bucket.lower < h.zeroThreshold) bucket.lower = h.zeroThreshold;
    buckets.push(bucket);
  }
  return buckets;
}

/**
 * The part (0 … 1) of a bucket below `value`, which lies strictly inside its finite bounds: by linear interpolation, or
 * by exponential interpolation, as if the next higher resolutions were populated evenly.
 */
export function fractionBelow({ lower, upper }: Bucket, value: number, linear: boolean): number {
  if (linear) return (value - lower) / (upper - lower);
  const [logLower, logUpper] = [Math.log2(Math.abs(lower)), Math.log2(Math.abs(upper))];
  const logValue = Math.log2(Math.abs(value));
  if (value > 0) return (logValue - logLower) / (logUpper - logLower);
  return 1 - (logValue - logUpper) / (logLower - logUpper);
}
