import { type Buckets, type FloatHistogram, sameBounds } from '@avalanche/model';
import type { HistogramLiteral } from '../histogram-literal.ts';

const TOLERANCE = 1e-6;
const MIN_NORMAL = 2.2250738585072014e-308;

/** Upstream's almost.Equal: a relative difference below the tolerance; next to 0 none that matters. */
export function almostEqual(a: number, b: number, tolerance = TOLERANCE): boolean {
  if (a === b || (Number.isNaN(a) && Number.isNaN(b))) return true;
  const sum = Math.abs(a) + Math.abs(b);
  const difference = Math.abs(a - b);
  if (a === 0 || b === 0 || sum < MIN_NORMAL) return difference < tolerance * MIN_NORMAL;
  return difference / Math.min(sum, Number.MAX_VALUE) < tolerance;
}

/** The same populated buckets with almost the same counts. The counter reset hint counts only where it was written. */
export function almostEqualHistograms({ histogram, hintGiven }: HistogramLiteral, other: FloatHistogram): boolean {
  const [wanted, got] = [histogram.compact(), other.compact()];
  return (
    wanted.schema === got.schema &&
    almostEqual(wanted.count, got.count) &&
    almostEqual(wanted.sum, got.sum) &&
    (!hintGiven || wanted.counterResetHint === got.counterResetHint) &&
    sameBounds(wanted.customValues, got.customValues) &&
    wanted.zeroThreshold === got.zeroThreshold &&
    almostEqual(wanted.zeroCount, got.zeroCount) &&
    almostEqualBuckets(wanted.positive, got.positive) &&
    almostEqualBuckets(wanted.negative, got.negative)
  );
}

function almostEqualBuckets(a: Buckets, b: Buckets): boolean {
  if (a.indexes.length !== b.indexes.length) return false;
  return a.indexes.every((index, i) => index === b.indexes[i] && almostEqual(a.counts[i], b.counts[i]));
}
