import { BOUNDS_RECONCILED, detectReset, type FloatHistogram, HistogramSum, INCOMPATIBLE } from '@avalanche/model';
import { boundsReconciled, mixedExponentialCustom, mixedFloatsHistograms, type Note, resetCollision } from './notes.ts';
import { type FloatPoints, type HistogramPoints, type MixedWindow, size } from './points.ts';
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

/** `sum_over_time` and `avg_over_time` of a window of histograms; null where there is no result. */
export function meanOverTime(
  { floats, histograms }: MixedWindow,
  average: boolean,
  { note, metricName }: { readonly note: Note; readonly metricName: string },
): FloatHistogram | null {
  if (size(floats) > 0) {
    note('warn', mixedFloatsHistograms(metricName));
    return null;
  }
  const { h, from, to } = histograms;
  const mean = new HistogramMean(h[from], average);
  for (let i = from + 1; i < to; i++) mean.add(h[i]);
  if (mean.incompatible) {
    note('warn', mixedExponentialCustom(metricName));
    return null;
  }
  if (mean.collision) note('warn', resetCollision('aggregation'));
  if (mean.reconciled) note('info', boundsReconciled('aggregation'));
  return mean.result();
}

/** One sample of a window whose two kinds are walked through together. */
interface Walked {
  readonly time: number;
  readonly start: number;
  readonly value: number | FloatHistogram;
}

/** All samples of a window in the order of their times. */
function* inOrder({ floats, histograms }: MixedWindow): Generator<Walked> {
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

export function firstSample({ floats, histograms }: MixedWindow): Walked {
  const float = size(floats) > 0 ? walkedFloat(floats, floats.from) : null;
  const histogram = size(histograms) > 0 ? walkedHistogram(histograms, histograms.from) : null;
  return float && (!histogram || float.time < histogram.time) ? float : (histogram as Walked);
}

export function lastSample({ floats, histograms }: MixedWindow): Walked {
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

/** How often `happens` from one sample to the next; from one kind to the other it always does. */
function countSuccessions(window: MixedWindow, happens: (before: Walked, now: Walked) => boolean): number {
  let count = 0;
  let before: Walked | null = null;
  for (const now of inOrder(window)) {
    if (before !== null && (typeof before.value !== typeof now.value || happens(before, now))) count++;
    before = now;
  }
  return count;
}

export function countResets(window: MixedWindow): number {
  return countSuccessions(window, (before, now) => {
    const succession = { startBefore: before.start, timeBefore: before.time, start: now.start, time: now.time };
    if (startsAnew(succession)) return true;
    if (typeof before.value === 'number' || typeof now.value === 'number') return now.value < before.value;
    return detectReset(now.value, before.value);
  });
}

export function countChanges(window: MixedWindow): number {
  return countSuccessions(window, ({ value: before }, { value: now }) => {
    if (typeof before !== 'number' && typeof now !== 'number') return !now.equals(before);
    return now !== before && !(Number.isNaN(now) && Number.isNaN(before));
  });
}
