import { type Buckets, mapCounts, NO_BUCKETS, reduceBuckets, sameLayout, withoutEmpty } from './buckets.ts';
import { HistogramError } from './error.ts';
import { CUSTOM_BUCKETS_SCHEMA, isExponentialSchema } from './schema.ts';

/** What is known of a counter reset right before a histogram; `gauge`: it is no counter at all. */
export type CounterResetHint = 'unknown' | 'reset' | 'not_reset' | 'gauge';

export interface HistogramFields {
  readonly counterResetHint: CounterResetHint;
  /** -4 … 8 for exponential buckets, -53 where `customValues` are the bounds. */
  readonly schema: number;
  /** The zero bucket reaches from -zeroThreshold to zeroThreshold, both included. */
  readonly zeroThreshold: number;
  readonly zeroCount: number;
  readonly count: number;
  readonly sum: number;
  readonly positive: Buckets;
  readonly negative: Buckets;
  /** Upper bounds of custom buckets in ascending order, without the last one, +Inf. */
  readonly customValues: Float64Array;
  /** All counts are whole numbers, as of observations (upstream's Histogram): it is stored and sent as such. */
  readonly ofIntegers: boolean;
}

const NO_BOUNDS = new Float64Array(0);

/**
 * A native histogram with absolute float counts, as PromQL computes with it (upstream's model/histogram.FloatHistogram).
 * Immutable by convention: operations give a new one, which may share arrays with the old.
 */
export class FloatHistogram implements HistogramFields {
  readonly counterResetHint: CounterResetHint;
  readonly schema: number;
  readonly zeroThreshold: number;
  readonly zeroCount: number;
  readonly count: number;
  readonly sum: number;
  readonly positive: Buckets;
  readonly negative: Buckets;
  readonly customValues: Float64Array;
  readonly ofIntegers: boolean;

  constructor(fields: Partial<HistogramFields> = {}) {
    this.counterResetHint = fields.counterResetHint ?? 'unknown';
    this.schema = fields.schema ?? 0;
    this.zeroThreshold = fields.zeroThreshold ?? 0;
    this.zeroCount = fields.zeroCount ?? 0;
    this.count = fields.count ?? 0;
    this.sum = fields.sum ?? 0;
    this.positive = fields.positive ?? NO_BUCKETS;
    this.negative = fields.negative ?? NO_BUCKETS;
    this.customValues = fields.customValues ?? NO_BOUNDS;
    this.ofIntegers = fields.ofIntegers ?? false;
  }

  /** What is computed has counts of floats, unless `changes` says otherwise. */
  with(changes: Partial<HistogramFields>): FloatHistogram {
    // Field by field, as this is done per sample and spreading an object takes ten times as long.
    return new FloatHistogram({
      counterResetHint: changes.counterResetHint ?? this.counterResetHint,
      schema: changes.schema ?? this.schema,
      zeroThreshold: changes.zeroThreshold ?? this.zeroThreshold,
      zeroCount: changes.zeroCount ?? this.zeroCount,
      count: changes.count ?? this.count,
      sum: changes.sum ?? this.sum,
      positive: changes.positive ?? this.positive,
      negative: changes.negative ?? this.negative,
      customValues: changes.customValues ?? this.customValues,
      ofIntegers: changes.ofIntegers ?? false,
    });
  }

  get usesCustomBuckets(): boolean {
    return this.schema === CUSTOM_BUCKETS_SCHEMA;
  }

  withHint(counterResetHint: CounterResetHint): FloatHistogram {
    const { ofIntegers } = this;
    return counterResetHint === this.counterResetHint ? this : this.with({ counterResetHint, ofIntegers });
  }

  /** What it was when it began: empty, in the same layout, so that both can stand in one chunk. */
  atStart(): FloatHistogram {
    const { schema, zeroThreshold, customValues, ofIntegers } = this;
    return new FloatHistogram({ schema, zeroThreshold, customValues, ofIntegers, counterResetHint: 'reset' });
  }

  /** Without listed buckets that are empty. */
  compact(): FloatHistogram {
    const [positive, negative] = [withoutEmpty(this.positive), withoutEmpty(this.negative)];
    const { ofIntegers } = this;
    if (positive === this.positive && negative === this.negative) return this;
    return this.with({ positive, negative, ofIntegers });
  }

  /** All counts and the sum times `factor`; a negative factor makes a gauge of it. */
  times(factor: number): FloatHistogram {
    return this.scaled((value) => value * factor, factor < 0);
  }

  /** All counts and the sum divided; a negative divisor makes a gauge of it, 0 takes away the buckets. */
  dividedBy(divisor: number): FloatHistogram {
    const scaled = this.scaled((value) => value / divisor, divisor < 0);
    return divisor === 0 ? scaled.with({ positive: NO_BUCKETS, negative: NO_BUCKETS }) : scaled;
  }

  private scaled(change: (value: number) => number, gauge: boolean): FloatHistogram {
    return this.with({
      zeroCount: change(this.zeroCount),
      count: change(this.count),
      sum: change(this.sum),
      positive: mapCounts(this.positive, change),
      negative: mapCounts(this.negative, change),
      counterResetHint: gauge ? 'gauge' : this.counterResetHint,
    });
  }

  /** In a lower exponential schema; the counts do not become less exact, their places do. */
  reducedTo(schema: number): FloatHistogram {
    const shift = this.schema - schema;
    if (shift === 0) return this;
    if (!isExponentialSchema(schema) || this.usesCustomBuckets || shift < 0) {
      throw new Error(`BUG: a histogram of schema ${this.schema} has no schema ${schema}`);
    }
    return this.with({
      schema,
      positive: reduceBuckets(this.positive, shift),
      negative: reduceBuckets(this.negative, shift),
      ofIntegers: this.ofIntegers,
    });
  }

  /**
   * The same data to the last bit. Neither the counter reset hint counts nor empty buckets that are listed: upstream
   * compares them too, but the samples of a chunk, which it compares, all list the same ones.
   */
  equals(other: FloatHistogram): boolean {
    return (
      this.schema === other.schema &&
      Object.is(this.count, other.count) &&
      Object.is(this.sum, other.sum) &&
      this.zeroThreshold === other.zeroThreshold &&
      Object.is(this.zeroCount, other.zeroCount) &&
      sameBounds(this.customValues, other.customValues) &&
      sameBuckets(this.positive, other.positive) &&
      sameBuckets(this.negative, other.negative)
    );
  }

  /** @throws HistogramError, in upstream's words */
  validate(): void {
    if (this.usesCustomBuckets) this.validateCustom();
    else if (isExponentialSchema(this.schema)) this.validateExponential();
    else throw new HistogramError('invalid-schema', `got schema ${this.schema}`);
    if (this.count < 0) throw new HistogramError('negative-count', `observation count is ${this.count}`);
    checkCounts('positive side', this.positive);
    if (this.ofIntegers) this.validateTotal();
  }

  /** Observations of NaN are in no bucket, and only they. */
  private validateTotal(): void {
    const found = total(this.positive) + total(this.negative) + this.zeroCount;
    const where = `${found} observations found in buckets, but the Count field is ${this.count}`;
    if (Number.isNaN(this.sum)) {
      if (found > this.count) throw new HistogramError('count-not-big-enough', where);
    } else if (found !== this.count) throw new HistogramError('count-mismatch', where);
  }

  private validateCustom(): void {
    checkCustomBounds(this.customValues, this.positive.indexes);
    if (this.zeroCount !== 0) throw new HistogramError('custom-zero-count');
    if (this.zeroThreshold !== 0) throw new HistogramError('custom-zero-threshold');
    if (this.negative.indexes.length > 0) throw new HistogramError('custom-negative-buckets');
  }

  private validateExponential(): void {
    checkCounts('negative side', this.negative);
    if (this.zeroCount < 0) {
      throw new HistogramError('negative-bucket-count', `zero bucket has observation count of ${this.zeroCount}`);
    }
    if (this.customValues.length > 0) throw new HistogramError('exponential-custom-bounds');
  }
}

function total({ counts }: Buckets): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

function sameBuckets(a: Buckets, b: Buckets): boolean {
  if (sameLayout(a.indexes, b.indexes)) return a.counts.every((count, i) => Object.is(count, b.counts[i]));
  const [left, right] = [withoutEmpty(a), withoutEmpty(b)];
  const trimmed = left !== a || right !== b;
  return trimmed && sameBuckets(left, right);
}

export function sameBounds(a: Float64Array, b: Float64Array): boolean {
  return a === b || (a.length === b.length && a.every((bound, i) => bound === b[i]));
}

function checkCounts(where: string, { counts }: Buckets): void {
  counts.forEach((count, i) => {
    if (count < 0) {
      throw new HistogramError(
        'negative-bucket-count',
        `${where}: bucket number ${i + 1} has observation count of ${count}`,
      );
    }
  });
}

function checkCustomBounds(bounds: Float64Array, indexes: Int32Array): void {
  bounds.forEach((bound, i) => {
    if (Number.isNaN(bound)) throw new HistogramError('custom-bounds-nan', 'custom buckets');
    if (i > 0 && bound <= bounds[i - 1]) {
      throw new HistogramError(
        'custom-bounds-order',
        `custom buckets: previous bound is ${bounds[i - 1].toFixed(6)} and current is ${bound.toFixed(6)}`,
      );
    }
  });
  if (bounds.at(-1) === Number.POSITIVE_INFINITY) {
    throw new HistogramError(
      'custom-bounds-infinite',
      'custom buckets: last +Inf bound must not be explicitly defined',
    );
  }
  const reach = (indexes.at(-1) ?? -1) + 1;
  if (bounds.length + 1 >= reach && (indexes[0] ?? 0) >= 0) return;
  throw new HistogramError(
    'custom-bounds-too-few',
    `custom buckets: only ${bounds.length} custom bounds defined which is insufficient to cover total span length of ${reach}`,
  );
}

/** Staleness markers among histograms of integers and of floats: the series has ended for now. Known by identity. */
export const STALE_HISTOGRAM = new FloatHistogram({ sum: Number.NaN, ofIntegers: true });
export const STALE_FLOAT_HISTOGRAM = new FloatHistogram({ sum: Number.NaN });

export function isStaleHistogram(histogram: FloatHistogram): boolean {
  return histogram === STALE_HISTOGRAM || histogram === STALE_FLOAT_HISTOGRAM;
}
