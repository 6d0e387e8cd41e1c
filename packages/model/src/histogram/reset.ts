import { type Buckets, reduceBuckets, sameLayout } from './buckets.ts';
import { coarserCustomIndex, intersectBounds } from './custom-bounds.ts';
import { type FloatHistogram, sameBounds } from './float-histogram.ts';
import { exponentialBound } from './schema.ts';
import { widenZeroOf } from './zero-bucket.ts';

/**
 * Whether a counter has been reset between two histograms: the current one says so, or something in it has become less.
 * A higher resolution or a narrower zero bucket only come with a reset; the opposite is made up for. The sum does not
 * count, as it may fall. A gauge is treated as a counter.
 */
export function detectReset(current: FloatHistogram, previous: FloatHistogram): boolean {
  if (current.counterResetHint === 'reset') return true;
  if (current.counterResetHint === 'not_reset') return false;
  if (current.count < previous.count) return true;
  if (!current.usesCustomBuckets) return exponentialReset(current, previous);
  if (!previous.usesCustomBuckets) return true;
  if (sameBounds(current.customValues, previous.customValues)) return someFell(current.positive, previous.positive);
  return someFellBetweenBounds(current, previous);
}

function exponentialReset(current: FloatHistogram, previous: FloatHistogram): boolean {
  const { schema, zeroThreshold } = current;
  if (schema > previous.schema || zeroThreshold < previous.zeroThreshold) return true;
  let before = previous;
  if (zeroThreshold !== previous.zeroThreshold) {
    const wider = widenZeroOf(previous, zeroThreshold);
    if (wider.threshold !== zeroThreshold) return true;
    let zeroCount = previous.zeroCount;
    for (let i = 0; i < wider.positive; i++) zeroCount += previous.positive.counts[i];
    for (let i = 0; i < wider.negative; i++) zeroCount += previous.negative.counts[i];
    before = previous.with({ zeroCount });
  }
  if (current.zeroCount < before.zeroCount) return true;
  const shift = before.schema - schema;
  return (
    someFell(outside(current.positive, current), outside(reduceBuckets(before.positive, shift), current)) ||
    someFell(outside(current.negative, current), outside(reduceBuckets(before.negative, shift), current))
  );
}

/** The buckets that are not wholly within the zero bucket of `layout`. */
function outside(buckets: Buckets, { schema, zeroThreshold }: FloatHistogram): Buckets {
  const { indexes, counts } = buckets;
  let n = 0;
  while (n < indexes.length && exponentialBound(indexes[n], schema) <= zeroThreshold) n++;
  return n === 0 ? buckets : { indexes: indexes.subarray(n), counts: counts.subarray(n) };
}

/** Whether a bucket has less than before, or is gone although it was populated. */
function someFell(current: Buckets, previous: Buckets): boolean {
  if (sameLayout(current.indexes, previous.indexes)) {
    return current.counts.some((count, i) => count < previous.counts[i]);
  }
  let at = 0;
  for (let i = 0; i < previous.indexes.length; i++) {
    while (at < current.indexes.length && current.indexes[at] < previous.indexes[i]) at++;
    if (current.indexes[at] === previous.indexes[i]) {
      if (current.counts[at] < previous.counts[i]) return true;
    } else if (previous.counts[i] !== 0) {
      return true;
    }
  }
  return false;
}

function someFellBetweenBounds(current: FloatHistogram, previous: FloatHistogram): boolean {
  const bounds = intersectBounds(current.customValues, previous.customValues);
  const [now, before] = [current, previous].map(({ positive, customValues }) => {
    const place = coarserCustomIndex(customValues, bounds);
    const counts = new Float64Array(bounds.length + 1);
    positive.indexes.forEach((index, i) => {
      counts[place(index)] += positive.counts[i];
    });
    return counts;
  });
  return now.some((count, i) => count < before[i]);
}
