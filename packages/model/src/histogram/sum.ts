import { type Buckets, sameLayout, withoutEmpty } from './buckets.ts';
import { CompensatedBuckets, CompensatedSums } from './compensated.ts';
import { coarserCustomIndex, intersectBounds } from './custom-bounds.ts';
import { type CounterResetHint, FloatHistogram, sameBounds } from './float-histogram.ts';
import { CUSTOM_BUCKETS_SCHEMA, exponentialBound } from './schema.ts';
import { type WiderZero, widenZero, widenZeroOf } from './zero-bucket.ts';

/** Both had exponential or both had custom buckets, and nothing had to be said about it. */
export const ADDED = 0;
/** One says that the counter was reset, the other that it was not. */
export const RESET_COLLISION = 1;
/** Custom bounds differed; the sum has those that both had. */
export const BOUNDS_RECONCILED = 2;
/** Exponential and custom buckets do not add up; nothing has been added. */
export const INCOMPATIBLE = 4;

/** What adding has to say: an or of the bits above. */
export type AddOutcome = number;

/** Places in `totals`. */
const COUNT = 0;
const SUM = 1;
const ZERO = 2;

/**
 * A histogram that others are added to, every number of it with compensation (upstream's KahanAdd). Resolutions, zero
 * thresholds and custom bounds are brought together as histograms come.
 */
export class HistogramSum {
  private schema: number;
  private zeroThreshold: number;
  private customValues: Float64Array;
  private hint: CounterResetHint;
  private readonly totals: CompensatedSums;
  private readonly positive: CompensatedBuckets;
  private readonly negative: CompensatedBuckets;

  constructor(from: FloatHistogram | HistogramSum) {
    if (from instanceof HistogramSum) {
      ({ schema: this.schema, zeroThreshold: this.zeroThreshold } = from);
      ({ customValues: this.customValues, hint: this.hint } = from);
      this.totals = new CompensatedSums(from.totals.sums.slice(), from.totals.carries.slice());
      this.positive = from.positive.clone();
      this.negative = from.negative.clone();
      return;
    }
    ({ schema: this.schema, zeroThreshold: this.zeroThreshold, customValues: this.customValues } = from);
    this.hint = from.counterResetHint;
    this.totals = new CompensatedSums(Float64Array.of(from.count, from.sum, from.zeroCount));
    this.positive = new CompensatedBuckets(from.positive);
    this.negative = new CompensatedBuckets(from.negative);
  }

  /** Adds `sign` times a histogram. */
  add(other: FloatHistogram, sign: 1 | -1 = 1): AddOutcome {
    const custom = other.usesCustomBuckets;
    if (custom !== (this.schema === CUSTOM_BUCKETS_SCHEMA)) return INCOMPATIBLE;
    let outcome = hintsCollide(this.hint, other.counterResetHint) ? RESET_COLLISION : ADDED;
    this.hint = combinedHint(this.hint, other.counterResetHint);
    this.totals.add(COUNT, sign * other.count);
    this.totals.add(SUM, sign * other.sum);
    if (custom) outcome |= this.addCustom(other, sign);
    else this.addExponential(other, sign);
    return outcome;
  }

  private addCustom(other: FloatHistogram, sign: 1 | -1): AddOutcome {
    if (sameBounds(this.customValues, other.customValues)) {
      this.positive.addAll(other.positive, 0, sign);
      return ADDED;
    }
    const bounds = intersectBounds(this.customValues, other.customValues);
    const moved = new CompensatedBuckets(other.positive);
    moved.remap(coarserCustomIndex(other.customValues, bounds));
    this.positive.remap(coarserCustomIndex(this.customValues, bounds));
    this.positive.addAll(moved.result(), 0, sign);
    this.customValues = bounds;
    return BOUNDS_RECONCILED;
  }

  private addExponential(other: FloatHistogram, sign: 1 | -1): void {
    const { positive, negative } = this.reconcileZero(other, sign);
    let added = other;
    if (other.schema < this.schema) {
      this.positive.reduce(this.schema - other.schema);
      this.negative.reduce(this.schema - other.schema);
      this.schema = other.schema;
    } else if (other.schema > this.schema) {
      // What has gone into the zero bucket must not come back with the rest of a coarser bucket.
      added = withoutFirst(other, positive, negative).reducedTo(this.schema);
    }
    this.positive.addAll(added.positive, this.firstOutsideZero(added.positive), sign);
    this.negative.addAll(added.negative, this.firstOutsideZero(added.negative), sign);
  }

  /** Buckets within the zero bucket are not added: they have been, or (as upstream) are ignored. */
  private firstOutsideZero({ indexes }: Buckets): number {
    let n = 0;
    while (n < indexes.length && exponentialBound(indexes[n], this.schema) <= this.zeroThreshold) n++;
    return n;
  }

  /** Finds a zero bucket for both that cuts no populated bucket. Says which buckets of `other` it takes. */
  private reconcileZero(other: FloatHistogram, sign: 1 | -1): WiderZero {
    let theirs: WiderZero = { threshold: other.zeroThreshold, positive: 0, negative: 0 };
    while (theirs.threshold !== this.zeroThreshold) {
      if (this.zeroThreshold > theirs.threshold) theirs = widenZeroOf(other, this.zeroThreshold);
      if (theirs.threshold > this.zeroThreshold) this.widen(theirs.threshold);
    }
    this.totals.add(ZERO, sign * other.zeroCount);
    for (let i = 0; i < theirs.positive; i++) this.totals.add(ZERO, sign * other.positive.counts[i]);
    for (let i = 0; i < theirs.negative; i++) this.totals.add(ZERO, sign * other.negative.counts[i]);
    return theirs;
  }

  private widen(threshold: number): void {
    const wider = widenZero(this.schema, threshold, sideOf(this.positive), sideOf(this.negative));
    for (const [side, n] of [
      [this.positive, wider.positive],
      [this.negative, wider.negative],
    ] as const) {
      for (let i = 0; i < n; i++) {
        this.totals.add(ZERO, side.sums[i]);
        this.totals.add(ZERO, side.carries[i]);
      }
      side.dropFirst(n);
    }
    this.zeroThreshold = wider.threshold;
  }

  /** Adds another sum, without losing what its compensation holds. */
  addSum(other: HistogramSum): AddOutcome {
    const outcome = this.add(other.histogramOf('sums'));
    const exact = [other.totals, other.positive, other.negative].every((part) =>
      part.carries.every((carry) => carry === 0),
    );
    if (!exact) this.add(other.histogramOf('carries'));
    return outcome;
  }

  private histogramOf(part: 'sums' | 'carries'): FloatHistogram {
    const totals = this.totals[part];
    return new FloatHistogram({
      counterResetHint: this.hint,
      schema: this.schema,
      zeroThreshold: this.zeroThreshold,
      zeroCount: totals[ZERO],
      count: totals[COUNT],
      sum: totals[SUM],
      positive: { indexes: this.positive.indexes, counts: this.positive[part] },
      negative: { indexes: this.negative.indexes, counts: this.negative[part] },
      customValues: this.customValues,
    });
  }

  scale(factor: number): void {
    for (const part of [this.totals, this.positive, this.negative]) part.scale(factor);
  }

  divide(divisor: number): void {
    for (const part of [this.totals, this.positive, this.negative]) part.divide(divisor);
  }

  /** Whether a number has become infinite. */
  get overflows(): boolean {
    return this.totals.overflows || this.positive.overflows || this.negative.overflows;
  }

  /** What it has come to, without empty buckets. The sum can go on. */
  result(): FloatHistogram {
    return new FloatHistogram({
      counterResetHint: this.hint,
      schema: this.schema,
      zeroThreshold: this.zeroThreshold,
      zeroCount: this.totals.value(ZERO),
      count: this.totals.value(COUNT),
      sum: this.totals.value(SUM),
      positive: this.positive.result(),
      negative: this.negative.result(),
      customValues: this.customValues,
    });
  }
}

function sideOf(buckets: CompensatedBuckets): { indexes: Int32Array; isEmpty(i: number): boolean } {
  return { indexes: buckets.indexes, isEmpty: (i) => buckets.sums[i] === 0 };
}

function withoutFirst(h: FloatHistogram, positive: number, negative: number): FloatHistogram {
  if (positive === 0 && negative === 0) return h;
  return h.with({
    positive: { indexes: h.positive.indexes.subarray(positive), counts: h.positive.counts.subarray(positive) },
    negative: { indexes: h.negative.indexes.subarray(negative), counts: h.negative.counts.subarray(negative) },
  });
}

/** Two hints make a third: a gauge makes a gauge, and what is not known of one is not known of both. */
function combinedHint(a: CounterResetHint, b: CounterResetHint): CounterResetHint {
  if (a === b) return a;
  return a === 'gauge' || b === 'gauge' ? 'gauge' : 'unknown';
}

function hintsCollide(a: CounterResetHint, b: CounterResetHint): boolean {
  return (a === 'reset' && b === 'not_reset') || (a === 'not_reset' && b === 'reset');
}

/** Whether two histograms have their buckets at the same places, and none within the zero bucket. */
function alike(a: FloatHistogram, b: FloatHistogram): boolean {
  return (
    a.schema === b.schema &&
    a.zeroThreshold === b.zeroThreshold &&
    sameBounds(a.customValues, b.customValues) &&
    sameLayout(a.positive.indexes, b.positive.indexes) &&
    sameLayout(a.negative.indexes, b.negative.indexes) &&
    (a.zeroThreshold === 0 || (outsideZero(a, a.positive) && outsideZero(a, a.negative)))
  );
}

function outsideZero({ schema, zeroThreshold }: FloatHistogram, { indexes }: Buckets): boolean {
  return indexes.length === 0 || exponentialBound(indexes[0], schema) > zeroThreshold;
}

/** Bucket by bucket: what histograms that are alike need, and most are. */
function combineAlike(a: FloatHistogram, b: FloatHistogram, sign: 1 | -1): FloatHistogram {
  return new FloatHistogram({
    counterResetHint: combinedHint(a.counterResetHint, b.counterResetHint),
    schema: a.schema,
    zeroThreshold: a.zeroThreshold,
    zeroCount: a.zeroCount + sign * b.zeroCount,
    count: a.count + sign * b.count,
    sum: a.sum + sign * b.sum,
    positive: addCounts(a.positive, b.positive, sign),
    negative: addCounts(a.negative, b.negative, sign),
    customValues: a.customValues,
  });
}

function addCounts({ indexes, counts }: Buckets, other: Buckets, sign: 1 | -1): Buckets {
  const sums = new Float64Array(counts.length);
  for (let i = 0; i < sums.length; i++) sums[i] = counts[i] + sign * other.counts[i];
  return withoutEmpty({ indexes, counts: sums });
}

/** The sum or difference of two histograms, and what there is to say about it; null where they are incompatible. */
export function combine(
  a: FloatHistogram,
  b: FloatHistogram,
  sign: 1 | -1,
): { readonly histogram: FloatHistogram; readonly outcome: AddOutcome } | null {
  if (alike(a, b)) {
    const collide = hintsCollide(a.counterResetHint, b.counterResetHint);
    return { histogram: combineAlike(a, b, sign), outcome: collide ? RESET_COLLISION : ADDED };
  }
  const sum = new HistogramSum(a);
  const outcome = sum.add(b, sign);
  return outcome & INCOMPATIBLE ? null : { histogram: sum.result(), outcome };
}
