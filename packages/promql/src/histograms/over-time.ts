import {
  BOUNDS_RECONCILED,
  detectReset,
  type FloatHistogram,
  HistogramSum,
  INCOMPATIBLE,
  sameBounds,
} from '@avalanche/model';
import type { MixedFunction } from './mixed-windows.ts';
import { boundsReconciled, mixedExponentialCustom, mixedFloatsHistograms, resetCollision } from './notes.ts';
import { type FloatPoints, type HistogramPoints, type MixedParts, size } from './points.ts';
import { SlidingHistogramSum } from './sliding-sum.ts';
import { startsAnew } from './starts.ts';

/** Sums histograms up, or averages them, and remembers what there is to say about it. */
export class HistogramMean {
  private sum: HistogramSum;
  /** Set where a sum would have overflowed: from there on the mean is carried on from histogram to histogram. */
  private incremental = false;
  private count = 1;
  /** No number of the sum can be greater. */
  private bound = 0;
  private resetSeen = false;
  private notResetSeen = false;
  reconciled = false;
  incompatible = false;

  constructor(
    first: FloatHistogram,
    private readonly average: boolean,
  ) {
    this.sum = new HistogramSum(first);
    this.bound = boundOf(first);
    this.see(first);
  }

  private see({ counterResetHint }: FloatHistogram): void {
    if (counterResetHint === 'reset') this.resetSeen = true;
    else if (counterResetHint === 'not_reset') this.notResetSeen = true;
  }

  /** Whether some said that the counter was reset and others that it was not. */
  get collision(): boolean {
    return this.resetSeen && this.notResetSeen;
  }

  /** Adds a histogram; none any more after one that is incompatible. */
  add(h: FloatHistogram): void {
    if (this.incompatible) return;
    this.see(h);
    this.count++;
    if (!this.average) this.addTo(this.sum, h);
    else if (this.incremental) this.addPart(h);
    else this.addWhole(h);
  }

  private addWhole(h: FloatHistogram): void {
    this.bound += boundOf(h);
    if (this.bound < Number.MAX_VALUE) {
      this.addTo(this.sum, h);
      return;
    }
    const sum = new HistogramSum(this.sum);
    this.addTo(sum, h);
    if (!sum.overflows) {
      this.sum = sum;
      return;
    }
    this.incremental = true;
    this.sum.divide(this.count - 1);
    this.addPart(h);
  }

  private addPart(h: FloatHistogram): void {
    this.sum.scale((this.count - 1) / this.count);
    this.addTo(this.sum, h.dividedBy(this.count));
  }

  private addTo(sum: HistogramSum, h: FloatHistogram): void {
    const outcome = sum.add(h);
    if (outcome & INCOMPATIBLE) this.incompatible = true;
    if (outcome & BOUNDS_RECONCILED) this.reconciled = true;
  }

  result(): FloatHistogram {
    if (this.average && !this.incremental) this.sum.divide(this.count);
    return this.sum.result();
  }
}

/** More than any number of a histogram, however its buckets are merged. */
function boundOf({ count, sum, zeroCount, positive, negative }: FloatHistogram): number {
  let bound = Math.abs(count) + Math.abs(sum) + Math.abs(zeroCount);
  for (const { counts } of [positive, negative]) {
    for (let i = 0; i < counts.length; i++) bound += Math.abs(counts[i]);
  }
  return bound;
}

/** What there is to say of the sum of a window, found for all windows of a series at once: how often up to each histogram. */
interface SumNotes {
  readonly customs: Int32Array;
  readonly resets: Int32Array;
  readonly notResets: Int32Array;
  /** Custom bounds other than those of the histogram before. */
  readonly boundsChanges: Int32Array;
}

function counted(h: readonly FloatHistogram[], holds: (each: FloatHistogram, i: number) => boolean): Int32Array {
  const counts = new Int32Array(h.length + 1);
  h.forEach((each, i) => {
    counts[i + 1] = counts[i] + (holds(each, i) ? 1 : 0);
  });
  return counts;
}

function sumNotes(h: readonly FloatHistogram[]): SumNotes {
  return {
    customs: counted(h, ({ usesCustomBuckets }) => usesCustomBuckets),
    resets: counted(h, ({ counterResetHint }) => counterResetHint === 'reset'),
    notResets: counted(h, ({ counterResetHint }) => counterResetHint === 'not_reset'),
    boundsChanges: counted(h, ({ customValues }, i) => i > 0 && !sameBounds(customValues, h[i - 1].customValues)),
  };
}

/** Windows with fewer histograms are summed up one by one, in upstream's order: that takes no longer. */
const SLIDES_FROM = 48;

/** `sum_over_time` and `avg_over_time` of windows of histograms. */
export function meansOverTime(average: boolean): (parts: MixedParts) => MixedFunction {
  return ({ histograms: { h } }) => {
    const sums = new SlidingHistogramSum(h);
    const { customs, resets, notResets, boundsChanges } = sumNotes(h);
    return ({ floats, histograms: { from, to } }, { note, metricName }) => {
      if (size(floats) > 0) {
        note('warn', mixedFloatsHistograms(metricName));
        return null;
      }
      const custom = customs[to] - customs[from];
      if (custom !== 0 && custom !== to - from) {
        note('warn', mixedExponentialCustom(metricName));
        return null;
      }
      const collide = resets[to] > resets[from] && notResets[to] > notResets[from];
      if (collide) note('warn', resetCollision('aggregation'));
      if (boundsChanges[to] > boundsChanges[from + 1]) note('info', boundsReconciled('aggregation'));
      const sum = to - from < SLIDES_FROM ? sums.plain(from, to) : sums.over(from, to);
      if (sum.overflows) return meanOneByOne(h, from, to, average);
      if (average) sum.divide(to - from);
      return sum.result();
    };
  };
}

/** Where a sum overflows, the order of addition matters, and a mean must not. */
function meanOneByOne(h: readonly FloatHistogram[], from: number, to: number, average: boolean): FloatHistogram {
  const mean = new HistogramMean(h[from], average);
  for (let i = from + 1; i < to; i++) mean.add(h[i]);
  return mean.result();
}

/** One sample of a window whose two kinds are walked through together. */
interface Walked {
  readonly time: number;
  readonly start: number;
  readonly value: number | FloatHistogram;
}

/** All samples of a window in the order of their times. */
function* inOrder({ floats, histograms }: MixedParts): Generator<Walked> {
  let f = floats.from;
  let i = histograms.from;
  while (f < floats.to || i < histograms.to) {
    if (i >= histograms.to || (f < floats.to && floats.t[f] < histograms.t[i])) {
      yield walkedFloat(floats, f++);
    } else {
      yield walkedHistogram(histograms, i++);
    }
  }
}

export function firstSample({ floats, histograms }: MixedParts): Walked {
  const float = size(floats) > 0 ? walkedFloat(floats, floats.from) : null;
  const histogram = size(histograms) > 0 ? walkedHistogram(histograms, histograms.from) : null;
  return float && (!histogram || float.time < histogram.time) ? float : (histogram as Walked);
}

export function lastSample({ floats, histograms }: MixedParts): Walked {
  const float = size(floats) > 0 ? walkedFloat(floats, floats.to - 1) : null;
  const histogram = size(histograms) > 0 ? walkedHistogram(histograms, histograms.to - 1) : null;
  return float && (!histogram || float.time > histogram.time) ? float : (histogram as Walked);
}

function walkedFloat({ t, v, starts }: FloatPoints, i: number): Walked {
  return { time: t[i], start: starts?.[i] ?? 0, value: v[i] };
}

function walkedHistogram({ t, h, starts }: HistogramPoints, i: number): Walked {
  return { time: t[i], start: starts?.[i] ?? 0, value: h[i] };
}

/** Says how often something `happens` from one sample to the next; from one kind to the other it always does. */
function successionCounter(happens: (before: Walked, now: Walked) => boolean): (parts: MixedParts) => MixedFunction {
  return ({ floats, histograms }) => {
    const all = {
      floats: { ...floats, from: 0, to: floats.t.length },
      histograms: { ...histograms, from: 0, to: histograms.t.length },
    };
    const before = new Int32Array(floats.t.length + histograms.t.length);
    let previous: Walked | null = null;
    let i = 0;
    for (const now of inOrder(all)) {
      const event = previous !== null && (typeof previous.value !== typeof now.value || happens(previous, now));
      before[i] = (i > 0 ? before[i - 1] : 0) + (event ? 1 : 0);
      previous = now;
      i++;
    }
    // In the order of times the window begins with as many samples before it as there are of both kinds.
    return (window) =>
      before[window.floats.to + window.histograms.to - 1] - before[window.floats.from + window.histograms.from];
  };
}

export const countResets = successionCounter((before, now) => {
  const succession = { startBefore: before.start, timeBefore: before.time, start: now.start, time: now.time };
  if (startsAnew(succession)) return true;
  if (typeof before.value === 'number' || typeof now.value === 'number') return now.value < before.value;
  return detectReset(now.value, before.value);
});

export const countChanges = successionCounter(({ value: before }, { value: now }) => {
  if (typeof before !== 'number' && typeof now !== 'number') return !now.equals(before);
  return now !== before && !(Number.isNaN(now) && Number.isNaN(before));
});
