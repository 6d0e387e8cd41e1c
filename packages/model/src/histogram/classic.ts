import { formatG } from '../number.ts';
import { FloatHistogram } from './float-histogram.ts';
import { CUSTOM_BUCKETS_SCHEMA } from './schema.ts';

/** A classic histogram that cannot become a native one, in upstream's words. */
export class ClassicHistogramError extends Error {}

/**
 * Collects what a classic histogram says at one time (its `_bucket`, `_count` and `_sum` samples, in any order) and
 * makes a native histogram with custom buckets of it.
 */
export class ClassicHistogram {
  private readonly cumulative = new Map<number, number>();
  private total: number | null = null;
  private sum = 0;

  /** Of two samples with one bound the first counts. */
  addBucket(upperBound: number, count: number): void {
    if (Number.isNaN(upperBound)) throw new ClassicHistogramError('bucket boundary must not be NaN');
    if (count < 0) {
      const where = `le=${formatG(upperBound)}, count=${formatG(count)}`;
      throw new ClassicHistogramError(`bucket count must be non-negative: ${where}`);
    }
    if (!this.cumulative.has(upperBound)) this.cumulative.set(upperBound, count);
  }

  setCount(count: number): void {
    if (count < 0) throw new ClassicHistogramError(`count must be non-negative: count=${formatG(count)}`);
    this.total = count;
  }

  setSum(sum: number): void {
    this.sum = sum;
  }

  /** @throws ClassicHistogramError where the counts contradict each other */
  convert(): FloatHistogram {
    const bounds = [...this.cumulative.keys()].sort((a, b) => a - b);
    const cumulative = bounds.map((bound) => this.cumulative.get(bound) ?? 0);
    const fallen = cumulative.findIndex((count, i) => count < (cumulative[i - 1] ?? 0));
    if (fallen >= 0) {
      const steps = `${formatG(cumulative[fallen])} < ${formatG(cumulative[fallen - 1])}`;
      throw new ClassicHistogramError(`count is not cumulative: ${steps}`);
    }
    const total = this.total ?? cumulative.at(-1) ?? 0;
    if (bounds.at(-1) === Number.POSITIVE_INFINITY) bounds.pop();
    else cumulative.push(total);
    const counts = cumulative.map((count, i) => count - (cumulative[i - 1] ?? 0));
    const highest = cumulative[cumulative.length - 1];
    if (highest !== total) {
      const last = `le=+Inf count=${formatG(highest)}`;
      throw new ClassicHistogramError(`count mismatch: count=${formatG(total)} != ${last}`);
    }
    return new FloatHistogram({
      schema: CUSTOM_BUCKETS_SCHEMA,
      count: total,
      sum: this.sum,
      customValues: Float64Array.from(bounds),
      positive: { indexes: Int32Array.from(counts.keys()), counts: Float64Array.from(counts) },
      ofIntegers: cumulative.every(Number.isInteger) && Number.isInteger(total),
    }).compact();
  }
}
