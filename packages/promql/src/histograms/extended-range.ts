import { detectReset, type FloatHistogram, type SampleColumns } from '@avalanche/model';
import { FLOAT, type StepColumn } from '../columns.ts';
import { interpolate, search } from '../extension.ts';
import type { References } from '../selector.ts';
import { combined, type Extrapolation, type Remarks } from './increase.ts';
import type { MixedFunction } from './mixed-windows.ts';
import { mixedExponentialCustom, mixedFloatsHistograms, notCounter, notGauge } from './notes.ts';
import { type HistogramPoints, type MixedParts, type MixedWindow, size, split } from './points.ts';

/** The line between two histograms; a counter that was reset starts again at nothing. Null where they do not fit. */
function between(
  { t, h }: HistogramPoints,
  before: number,
  time: number,
  counter: boolean,
  remarks: Remarks,
): FloatHistogram | null {
  const [first, second] = [h[before], h[before + 1]];
  if (time === t[before]) return first;
  if (time === t[before + 1]) return second;
  const fraction = (time - t[before]) / (t[before + 1] - t[before]);
  if (counter && detectReset(second, first)) return second.times(fraction);
  const difference = combined(second, first, -1, remarks);
  return difference && combined(difference.times(fraction), first, 1, remarks);
}

/** Upstream's extendedHistogramRate: `rate` and its like of an anchored or smoothed range of native histograms. */
export function extendedIncrease({ counter, perSecond }: Extrapolation): MixedFunction {
  return (window, remarks) => {
    if (size(window.floats) > 0) {
      remarks.note('warn', mixedFloatsHistograms(remarks.metricName));
      return null;
    }
    const ends = endsOf(window, counter, remarks);
    if (ends === null) return null;
    if (!counter && (ends.left.counterResetHint !== 'gauge' || ends.right.counterResetHint !== 'gauge')) {
      remarks.note('warn', notGauge(remarks.metricName));
    }
    const difference = combined(ends.right, ends.left, -1, remarks);
    const increase = difference && counter ? withResets(difference, ends, remarks) : difference;
    return increase && (perSecond ? increase.dividedBy(window.rangeMs / 1000) : increase).withHint('gauge').compact();
  };
}

/** The histograms at the ends of a range, and the indexes of those that they come from. */
interface Ends {
  readonly points: HistogramPoints;
  readonly first: number;
  readonly last: number;
  readonly left: FloatHistogram;
  readonly right: FloatHistogram;
  /** The left end lies between the first and the second histogram. */
  readonly atStart: boolean;
}

function endsOf(
  { histograms, endMs, rangeMs, extension }: MixedWindow,
  counter: boolean,
  remarks: Remarks,
): Ends | null {
  const { t, h, from, to } = histograms;
  const smoothed = extension?.kind === 'smoothed';
  const startMs = endMs - rangeMs;
  const first = Math.max(from, search(t, from, to - 1, startMs) - 1);
  const last = smoothed ? search(t, from, to - 1, endMs, true) : to - 1;
  if (t[last] <= startMs || (smoothed && t[first] > endMs)) return null;
  if (!fitTogether(h.slice(first, last + 1), counter, remarks)) return null;
  const atStart = smoothed && t[first] < startMs;
  const left = atStart ? between(histograms, first, startMs, counter, remarks) : h[first];
  if (left === null) return null;
  const atEnd = smoothed && last > from && t[last] > endMs;
  const right = atEnd ? between(histograms, last - 1, endMs, counter, remarks) : h[last];
  return right && { points: histograms, first, last, left, right, atStart };
}

function fitTogether(histograms: readonly FloatHistogram[], counter: boolean, { note, metricName }: Remarks): boolean {
  for (const { usesCustomBuckets, counterResetHint } of histograms) {
    if (usesCustomBuckets !== histograms[0].usesCustomBuckets) {
      note('warn', mixedExponentialCustom(metricName));
      return false;
    }
    if (counter && counterResetHint === 'gauge') note('warn', notCounter(metricName));
  }
  return true;
}

/** Adds what was lost in resets between the ends. A reset that the left end lies in has been made up for already. */
function withResets(increase: FloatHistogram, ends: Ends, remarks: Remarks): FloatHistogram | null {
  const { h } = ends.points;
  const counted = ends.atStart && detectReset(h[ends.first + 1], h[ends.first]);
  let previous = counted ? h[ends.first + 1] : ends.left;
  const next = ends.first + (counted ? 2 : 1);
  if (next > ends.last) return increase;
  let lost: FloatHistogram | null = null;
  for (const now of [...h.slice(next, ends.last), ends.right]) {
    if (detectReset(now, previous)) {
      lost = lost === null ? previous : combined(lost, previous, 1, remarks);
      if (lost === null) return null;
    }
    previous = now;
  }
  return lost === null ? increase : combined(increase, lost, 1, remarks);
}

/** Counts in an anchored range of whatever kinds: from the latest sample at or before its start on. */
export function anchored(counter: (parts: MixedParts) => MixedFunction): (parts: MixedParts) => MixedFunction {
  return (parts) => {
    const count = counter(parts);
    return (window, remarks) => (moveToAnchor(window) ? count(window, remarks) : null);
  };
}

/** @returns false where there is no sample after the start of the window */
function moveToAnchor({ floats, histograms, endMs, rangeMs }: MixedWindow): boolean {
  const startMs = endMs - rangeMs;
  const float = search(floats.t, floats.from, floats.to, startMs);
  const histogram = search(histograms.t, histograms.from, histograms.to, startMs);
  if (float === floats.to && histogram === histograms.to) return false;
  const floatTime = float > floats.from ? floats.t[float - 1] : Number.NEGATIVE_INFINITY;
  const histogramTime = histogram > histograms.from ? histograms.t[histogram - 1] : Number.NEGATIVE_INFINITY;
  const floatIsAnchor = float > floats.from && floatTime >= histogramTime;
  floats.from = floatIsAnchor ? float - 1 : float;
  histograms.from = histogramTime > floatTime ? histogram - 1 : histogram;
  return true;
}

/** A smoothed instant vector of series that have native histograms; for floats alone there is `pickSmoothed`. */
export function pickSmoothedRare(
  samples: SampleColumns,
  refs: References,
  lookbackMs: number,
  remarks: Remarks,
  out: StepColumn,
): void {
  const { floats, histograms } = split(samples);
  out.clear();
  for (let s = 0; s < out.count; s++) {
    const time = refs.firstMs + s * refs.stepMs;
    for (const points of [floats, histograms]) {
      points.from = search(points.t, 0, points.t.length, time - lookbackMs);
      points.to = search(points.t, points.from, points.t.length, time + lookbackMs);
    }
    if (size(floats) > 0 && size(histograms) > 0) {
      remarks.note('warn', mixedFloatsHistograms(remarks.metricName));
    } else if (size(histograms) > 0) {
      const smoothed = smoothedAt(histograms, time, remarks);
      if (smoothed) out.setHistogram(s, smoothed);
    } else if (size(floats) > 0) {
      const { t, v, from, to } = floats;
      const at = search(t, from, to, time, true);
      if (at < to && t[at] === time) out.v[s] = v[at];
      else if (at === from) continue;
      else out.v[s] = at < to ? interpolate(floats, at - 1, time, false) : v[at - 1];
      out.present[s] = FLOAT;
    }
  }
}

function smoothedAt(points: HistogramPoints, time: number, remarks: Remarks): FloatHistogram | null {
  const { t, h, from, to } = points;
  const at = search(t, from, to, time, true);
  if (at < to && t[at] === time) return h[at];
  if (at === from) return null;
  // The hint is about the succession of two samples, not about a value that is carried on.
  if (at === to) return h[at - 1].withHint('unknown');
  const [before, after] = [h[at - 1], h[at]];
  if (before.usesCustomBuckets !== after.usesCustomBuckets) {
    remarks.note('warn', mixedExponentialCustom(remarks.metricName));
    return null;
  }
  const counter = before.counterResetHint !== 'gauge' || after.counterResetHint !== 'gauge';
  return between(points, at - 1, time, counter, remarks);
}
