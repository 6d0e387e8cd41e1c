import { BOUNDS_RECONCILED, combine, detectReset, FloatHistogram } from '@avalanche/model';
import {
  boundsReconciled,
  mixedExponentialCustom,
  mixedFloatsHistograms,
  type Note,
  notCounter,
  notGauge,
} from './notes.ts';
import { type FloatPoints, type HistogramPoints, type MixedWindow, size } from './points.ts';
import { overlaps, startsAnew, successionAt } from './starts.ts';

export interface Extrapolation {
  readonly counter: boolean;
  readonly perSecond: boolean;
}

/** What is computed for one window says this besides. */
export interface Remarks {
  readonly note: Note;
  /** A start timestamp that lies before the sample before. */
  readonly overlap: () => void;
  readonly metricName: string;
}

/**
 * Upstream's extrapolatedRate for windows of native histograms, and of floats with start timestamps: as for plain
 * floats, but where the first sample says that it started within the window, it counts from there, from zero.
 */
export function extrapolatedIncrease(
  window: MixedWindow,
  { counter, perSecond }: Extrapolation,
  remarks: Remarks,
): number | FloatHistogram | null {
  const { floats, histograms } = window;
  if (size(floats) > 0 && size(histograms) > 0) {
    remarks.note('warn', mixedFloatsHistograms(remarks.metricName));
    return null;
  }
  const points = size(histograms) > 0 ? histograms : floats;
  if (size(points) === 0) return null;
  const increase =
    points === histograms ? increaseOf(histograms, counter, remarks) : floatIncrease(floats, counter, remarks);
  if (increase === null) return null;
  const first = points === histograms ? histograms.h[points.from] : floats.v[points.from];
  const start = counter && points.starts !== null ? points.starts[points.from] : 0;
  const started = start !== 0 && start > window.endMs - window.rangeMs && start < points.t[points.from];
  const factor = started
    ? stretchFromStart(window, points, start)
    : stretch(window, points, counter ? { first: sizeOf(first), increase: sizeOf(increase) } : null);
  if (factor === null) return null;
  const whole = started ? plus(increase, first, remarks) : increase;
  if (whole === null) return null;
  const scale = perSecond ? factor / (window.rangeMs / 1000) : factor;
  return typeof whole === 'number' ? whole * scale : whole.times(scale);
}

function sizeOf(value: number | FloatHistogram): number {
  return typeof value === 'number' ? value : value.count;
}

function plus(
  a: number | FloatHistogram,
  b: number | FloatHistogram,
  remarks: Remarks,
): number | FloatHistogram | null {
  if (typeof a === 'number' || typeof b === 'number') return (a as number) + (b as number);
  return combined(a, b, 1, remarks);
}

/** From the start of the first sample to the last, and on to the end of the window where that is near. */
function stretchFromStart(
  { endMs }: MixedWindow,
  { t, from, to }: FloatPoints | HistogramPoints,
  start: number,
): number {
  const sampled = (t[to - 1] - start) / 1000;
  const average = to - from > 1 ? (t[to - 1] - t[from]) / 1000 / (to - from - 1) : 0;
  const toEnd = (endMs - t[to - 1]) / 1000;
  return (sampled + (toEnd >= average * 1.1 ? average / 2 : toEnd)) / sampled;
}

/** By what the increase over the samples is stretched to the ends of the window; null for a single sample. */
function stretch(
  { endMs, rangeMs }: MixedWindow,
  { t, from, to }: FloatPoints | HistogramPoints,
  counter: { readonly first: number; readonly increase: number } | null,
): number | null {
  if (to - from < 2) return null;
  const sampled = (t[to - 1] - t[from]) / 1000;
  const average = sampled / (to - from - 1);
  let toStart = (t[from] - (endMs - rangeMs)) / 1000;
  let toEnd = (endMs - t[to - 1]) / 1000;
  if (toStart >= average * 1.1) toStart = average / 2;
  if (counter && counter.increase > 0 && counter.first >= 0) {
    toStart = Math.min(toStart, sampled * (counter.first / counter.increase));
  }
  if (toEnd >= average * 1.1) toEnd = average / 2;
  return sampled === 0 ? 1 : (sampled + toStart + toEnd) / sampled;
}

function floatIncrease({ t, v, starts, from, to }: FloatPoints, counter: boolean, remarks: Remarks): number {
  let increase = v[to - 1] - v[from];
  if (!counter) return increase;
  let overlapping = false;
  for (let i = from + 1; i < to; i++) {
    const succession = starts && successionAt(t, starts, i);
    if (succession && !overlapping && overlaps(succession)) {
      overlapping = true;
      remarks.overlap();
    }
    if (v[i] < v[i - 1] || (succession && startsAnew(succession))) increase += v[i - 1];
  }
  return increase;
}

/** Upstream's histogramRate; a histogram of nothing for a single sample, null where they do not fit together. */
function increaseOf(points: HistogramPoints, counter: boolean, remarks: Remarks): FloatHistogram | null {
  const { h, from, to } = points;
  if (to - from < 2) return nothingLike(h[from]);
  const last = h[to - 1];
  const first = counter && isResetAt(points, from + 1) ? nothingLike(h[from + 1]) : h[from];
  const schema = points.alike ? first.schema : commonSchema(points, first, counter);
  if (schema === null) {
    remarks.note('warn', mixedExponentialCustom(remarks.metricName));
    return null;
  }
  if (!points.alike || !counter) remarkOnHints(points, counter, remarks);
  const increase = combined(schema < last.schema ? last.reducedTo(schema) : last, first, -1, remarks);
  const whole = counter && increase ? withResets(points, first, increase, remarks) : increase;
  return whole?.withHint('gauge') ?? null;
}

/** The least schema of a window that begins with `first`; null where exponential and custom buckets meet. */
function commonSchema({ h, from, to }: HistogramPoints, first: FloatHistogram, counter: boolean): number | null {
  let { schema } = first;
  for (let i = counter ? from + 1 : to - 1; i < to; i++) {
    if (h[i].usesCustomBuckets !== first.usesCustomBuckets) return null;
    if (h[i].schema < schema) schema = h[i].schema;
  }
  return schema;
}

/** Adds what the counter had before each of its resets. Before the first, `first` stands in for what there is. */
function withResets(
  points: HistogramPoints,
  first: FloatHistogram,
  increase: FloatHistogram,
  remarks: Remarks,
): FloatHistogram | null {
  const { t, h, starts, from, to } = points;
  let sum: FloatHistogram | null = increase;
  let overlapping = false;
  for (let i = from + 1; i < to && sum !== null; i++) {
    if (!overlapping && starts !== null && overlaps(successionAt(t, starts, i))) {
      overlapping = true;
      remarks.overlap();
    }
    const counts = i > from + 1 || first === h[from];
    if (counts && isResetAt(points, i)) sum = combined(sum, h[i - 1], 1, remarks);
  }
  return sum;
}

/** Windows overlap, so what was found out between two histograms is kept. */
function isResetAt({ t, h, starts, resets }: HistogramPoints, i: number): boolean {
  if (resets[i] < 0) {
    const reset = (starts !== null && startsAnew(successionAt(t, starts, i))) || detectReset(h[i], h[i - 1]);
    resets[i] = reset ? 1 : 0;
  }
  return resets[i] === 1;
}

function remarkOnHints({ h, from, to }: HistogramPoints, counter: boolean, { note, metricName }: Remarks): void {
  if (counter) {
    const gauge = h.slice(from, to).some(({ counterResetHint }) => counterResetHint === 'gauge');
    if (gauge) note('warn', notCounter(metricName));
  } else if (h[from].counterResetHint !== 'gauge' || h[to - 1].counterResetHint !== 'gauge') {
    note('warn', notGauge(metricName));
  }
}

/** What a counter with this layout is when it begins. */
function nothingLike({ schema, customValues }: FloatHistogram): FloatHistogram {
  return new FloatHistogram({ schema, customValues });
}

export function combined(
  a: FloatHistogram,
  b: FloatHistogram,
  sign: 1 | -1,
  { note, metricName }: Remarks,
): FloatHistogram | null {
  const result = combine(a, b, sign);
  if (result === null) {
    note('warn', mixedExponentialCustom(metricName));
    return null;
  }
  if (result.outcome & BOUNDS_RECONCILED) note('info', boundsReconciled(sign === 1 ? 'addition' : 'subtraction'));
  return result.histogram;
}

/** `irate` and `idelta` from the last two samples, whatever their kinds. */
export function lastTwoIncrease(
  window: MixedWindow,
  counter: boolean,
  remarks: Remarks,
): number | FloatHistogram | null {
  const { floats, histograms } = window;
  if (size(floats) + size(histograms) < 2) return null;
  const newest = (points: FloatPoints | HistogramPoints, back: number): number =>
    size(points) >= back ? points.t[points.to - back] : Number.NEGATIVE_INFINITY;
  const bothAre = (mine: FloatPoints | HistogramPoints, other: FloatPoints | HistogramPoints): boolean =>
    newest(mine, 2) > newest(other, 1);
  if (bothAre(floats, histograms)) return lastTwoFloats(floats, counter);
  if (bothAre(histograms, floats)) return lastTwoHistograms(histograms, counter, remarks);
  remarks.note('warn', mixedFloatsHistograms(remarks.metricName));
  return null;
}

function lastTwoFloats({ t, v, starts, to }: FloatPoints, counter: boolean): number {
  if (!counter) return v[to - 1] - v[to - 2];
  const reset = v[to - 1] < v[to - 2] || (starts !== null && startsAnew(successionAt(t, starts, to - 1)));
  return (reset ? v[to - 1] : v[to - 1] - v[to - 2]) / ((t[to - 1] - t[to - 2]) / 1000);
}

function lastTwoHistograms(points: HistogramPoints, counter: boolean, remarks: Remarks): FloatHistogram | null {
  const { t, h, to } = points;
  remarkOnHints({ ...points, from: to - 2 }, counter, remarks);
  const reset = counter && isResetAt(points, to - 1);
  const increase = reset ? h[to - 1].compact() : combined(h[to - 1], h[to - 2], -1, remarks);
  if (increase === null) return null;
  const gauge = increase.withHint('gauge');
  return counter ? gauge.dividedBy((t[to - 1] - t[to - 2]) / 1000) : gauge;
}
