import { type Buckets, CUSTOM_BUCKETS_SCHEMA, FloatHistogram, SCHEMA_MAX } from '@avalanche/model';
import type { DenseBuckets, ExponentialBuckets, Point } from './model.ts';

/** The lowest resolution of native histograms. */
const SCHEMA_MIN = -4;
/** Upstream's, as the protocol says little of it. */
const ZERO_THRESHOLD = 1e-128;

/** An exponential histogram as a native one. @throws Error in upstream's words where its buckets are too wide */
export function nativeHistogram({ count, sum }: Point, exponential: ExponentialBuckets): FloatHistogram {
  const { scale, zeroCount, positive, negative } = exponential;
  if (scale < SCHEMA_MIN) {
    throw new Error(`cannot convert exponential to native histogram. Scale must be >= ${SCHEMA_MIN}, was ${scale}`);
  }
  const schema = Math.min(scale, SCHEMA_MAX);
  return new FloatHistogram({
    ...{ schema, count, sum: sum ?? 0, zeroCount, zeroThreshold: ZERO_THRESHOLD, ofIntegers: true },
    positive: merged(positive, scale - schema),
    negative: merged(negative, scale - schema),
  });
}

/** A histogram with explicit bounds as a native one with custom buckets. */
export function customHistogram({ count, sum, bounds, bucketCounts }: Point): FloatHistogram {
  return new FloatHistogram({
    ...{ schema: CUSTOM_BUCKETS_SCHEMA, count, sum: sum ?? 0, ofIntegers: true },
    customValues: Float64Array.from(bounds),
    positive: sparse(bucketCounts.map((bucket, i) => [i, bucket])),
  });
}

/** In a resolution that is lower by `shift`. OpenTelemetry's bucket 0 is the one after 1, which has index 1 here. */
function merged({ offset, counts }: DenseBuckets, shift: number): Buckets {
  const buckets: [index: number, count: number][] = [];
  counts.forEach((count, i) => {
    if (count === 0) return;
    const index = Math.floor((offset + i) / 2 ** shift) + 1;
    const last = buckets.at(-1);
    if (last?.[0] === index) last[1] += count;
    else buckets.push([index, count]);
  });
  return sparse(buckets);
}

/** Without those that are empty. */
function sparse(buckets: readonly (readonly [index: number, count: number])[]): Buckets {
  const filled = buckets.filter(([, count]) => count !== 0);
  return {
    indexes: Int32Array.from(filled, ([index]) => index),
    counts: Float64Array.from(filled, ([, count]) => count),
  };
}
