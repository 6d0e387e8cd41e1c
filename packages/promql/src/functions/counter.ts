import { possibleNonCounter } from '../annotations.ts';
import type { StepColumn } from '../columns.ts';
import type { Window } from '../window.ts';
import { type FunctionSpec, metricNameOf, overRange, type RangeFunction } from './spec.ts';

const COUNTER_NAME = /_(total|sum|count|bucket)$/;

/** The increase over the samples of a window: what was lost in resets is added again. */
function resetCorrected(window: Window): number {
  const { v, from, to } = window;
  let increase = v[to - 1] - v[from];
  for (const fall of window.falls()) if (fall > from && fall < to) increase += v[fall - 1];
  return increase;
}

interface Extrapolation {
  readonly counter: boolean;
  readonly perSecond: boolean;
}

/**
 * Upstream's extrapolatedRate: the difference over the samples is stretched to the ends of the window, but by no more
 * than half an average sample interval where the series seems to start or end inside, and a counter not below zero.
 */
function extrapolate(window: Window, out: StepColumn, { counter, perSecond }: Extrapolation): void {
  const { t, from, to, endMs, rangeMs } = window;
  if (to - from < 2) return;
  const difference = counter ? resetCorrected(window) : window.last - window.first;
  const sampledSeconds = (t[to - 1] - t[from]) / 1000;
  const average = sampledSeconds / (to - from - 1);
  const threshold = average * 1.1;
  let toStart = (t[from] - (endMs - rangeMs)) / 1000;
  let toEnd = (endMs - t[to - 1]) / 1000;
  if (toStart >= threshold) toStart = average / 2;
  if (counter && difference > 0 && window.first >= 0) {
    const toZero = sampledSeconds * (window.first / difference);
    if (toZero < toStart) toStart = toZero;
  }
  if (toEnd >= threshold) toEnd = average / 2;
  let factor = (sampledSeconds + toStart + toEnd) / sampledSeconds;
  if (perSecond) factor /= rangeMs / 1000;
  out.set(window.step, difference * factor);
}

function extrapolated(name: string, extrapolation: Extrapolation): FunctionSpec {
  const compute: RangeFunction = (window, out, range, series) => {
    if (extrapolation.counter && window.size > 1) hintNonCounter(series, range);
    extrapolate(window, out, extrapolation);
  };
  return overRange(name, compute);
}

const hintNonCounter = (series: Parameters<RangeFunction>[3], { call, scope }: Parameters<RangeFunction>[2]): void => {
  const name = metricNameOf(series);
  if (name !== '' && !COUNTER_NAME.test(name)) scope.run.annotations.info(possibleNonCounter(name), call.args[0]);
};

/** From the last two samples; a counter that fell was reset to zero in between. */
function lastTwo(counter: boolean): RangeFunction {
  return (window, out) => {
    if (window.size < 2) return;
    const { t, v, to } = window;
    const [before, last] = [v[to - 2], v[to - 1]];
    if (!counter) {
      out.set(window.step, last - before);
      return;
    }
    const increase = last < before ? last : last - before;
    out.set(window.step, increase / ((t[to - 1] - t[to - 2]) / 1000));
  };
}

const changes: RangeFunction = ({ v, from, to, step }, out) => {
  let n = 0;
  for (let i = from + 1; i < to; i++) {
    if (v[i] !== v[i - 1] && !(Number.isNaN(v[i]) && Number.isNaN(v[i - 1]))) n++;
  }
  out.set(step, n);
};

const resets: RangeFunction = (window, out) => {
  let n = 0;
  for (const fall of window.falls()) if (fall > window.from && fall < window.to) n++;
  out.set(window.step, n);
};

export const counterFunctions: readonly FunctionSpec[] = [
  extrapolated('rate', { counter: true, perSecond: true }),
  extrapolated('increase', { counter: true, perSecond: false }),
  extrapolated('delta', { counter: false, perSecond: false }),
  overRange('irate', lastTwo(true)),
  overRange('idelta', lastTwo(false)),
  overRange('changes', changes),
  overRange('resets', resets),
];
