import { type FloatHistogram, SCHEMA_MAX } from '@avalanche/model';
import type { ScrapeConfig } from '../config/schema.ts';

/** Exponential buckets are made wider no further than this schema. */
const SCHEMA_MIN = -4;

/** A native histogram has more buckets than its job allows, in any resolution. */
export class BucketLimitExceeded extends Error {
  constructor() {
    super('histogram bucket limit exceeded');
  }
}

/** What a job allows of native histograms: `native_histogram_min_bucket_factor`, `native_histogram_bucket_limit`. */
export class HistogramLimits {
  private readonly schemaMax: number;
  private readonly bucketsMax: number;

  constructor({
    native_histogram_bucket_limit: bucketsMax,
    native_histogram_min_bucket_factor: factor,
  }: Pick<ScrapeConfig, 'native_histogram_bucket_limit' | 'native_histogram_min_bucket_factor'>) {
    this.bucketsMax = bucketsMax || Number.POSITIVE_INFINITY;
    this.schemaMax = schemaOf(factor);
  }

  /** The histogram in a resolution that is allowed; undefined where there is none. */
  reduced(histogram: FloatHistogram): FloatHistogram | undefined {
    if (histogram.usesCustomBuckets) return bucketCount(histogram) > this.bucketsMax ? undefined : histogram;
    let schema = Math.min(histogram.schema, this.schemaMax);
    let reduced = histogram.reducedTo(schema);
    while (bucketCount(reduced) > this.bucketsMax) {
      if (schema <= SCHEMA_MIN) return undefined;
      reduced = reduced.reducedTo(--schema);
    }
    return reduced;
  }
}

/** The highest schema whose buckets grow by at least this factor; 0 stands for the highest of all. */
function schemaOf(factor: number): number {
  if (factor <= 1) return SCHEMA_MAX;
  const schema = Math.floor(-Math.log2(Math.log2(factor)));
  return Math.min(SCHEMA_MAX, Math.max(SCHEMA_MIN, schema));
}

function bucketCount({ positive, negative }: FloatHistogram): number {
  return positive.indexes.length + negative.indexes.length;
}
