import { argumentSpan, possibleNonCounter, possibleNonCounterType } from '../annotations.ts';
import { FLOAT } from '../columns.ts';
import { anchored, extendedIncrease } from '../histograms/extended-range.ts';
import { type Extrapolation, extrapolatedIncrease, lastTwoIncrease } from '../histograms/increase.ts';
import { countChanges, countResets } from '../histograms/over-time.ts';
import { eventsBefore, slidingSums } from '../sliding.ts';
import type { Windows } from '../window.ts';
import { anchoredCount, extendedRate } from './extended.ts';
import { type FunctionSpec, overRange, type RangeFunction, type RangeOptions } from './spec.ts';

const COUNTER_NAME = /_(total|sum|count|bucket)$/;

let falls = new Int32Array(256);

/** Fills `falls` with where a series falls (v[i] < v[i-1]) and returns how often: counters rarely do. */
function findFalls({ v, length }: Windows): number {
  let count = 0;
  for (let i = 1; i < length; i++) {
    if (!(v[i] < v[i - 1])) continue;
    if (count === falls.length) {
      const more = new Int32Array(2 * count);
      more.set(falls);
      falls = more;
    }
    falls[count++] = i;
  }
  return count;
}

/** Falls in all windows together that are worth adding up anew for each; counters have few. */
const FALLS_MAX = 1_000_000;

/**
 * What was lost in the falls of each window, from sums that slide: a gauge that is taken for a counter falls all the time.
 * Null where the falls are few, and better added one by one as upstream does.
 */
function slidingLosses({ v, from, to, length, total, firstStep, endStep }: Windows, fallCount: number) {
  if (fallCount * total <= FALLS_MAX * length) return null;
  const losses = new Float64Array(fallCount);
  for (let k = 0; k < fallCount; k++) losses[k] = v[falls[k] - 1];
  const spans = { v: losses, length: fallCount, total: 0, firstStep, endStep };
  const [fromFall, toFall] = [new Int32Array(to.length), new Int32Array(to.length)];
  let a = 0;
  let b = 0;
  for (let s = 0; s < to.length; s++) {
    while (a < fallCount && falls[a] <= from[s]) a++;
    while (b < fallCount && (b < a || falls[b] < to[s])) b++;
    fromFall[s] = a;
    toFall[s] = b;
    spans.total += b - a;
  }
  return slidingSums({ ...spans, from: fromFall, to: toFall });
}

/**
 * Upstream's extrapolatedRate: the difference over the samples is stretched to the ends of the window, but by no more
 * than half an average sample interval where the series seems to start or end inside, and a counter not below zero.
 * What a counter lost in resets is added again.
 */
function extrapolated({ counter, perSecond }: Extrapolation): RangeFunction {
  return (windows, out) => {
    const { t, v, from, to, rangeMs, endStep } = windows;
    const fallCount = counter ? findFalls(windows) : 0;
    const lost = slidingLosses(windows, fallCount);
    const unit = perSecond ? rangeMs / 1000 : 1;
    let nextFall = 0;
    for (let s = windows.firstStep; s < endStep; s++) {
      const first = from[s];
      const last = to[s] - 1;
      if (last <= first) continue;
      let difference = v[last] - v[first];
      if (lost) {
        difference += lost.sums[s] + lost.cs[s];
      } else {
        while (nextFall < fallCount && falls[nextFall] <= first) nextFall++;
        for (let k = nextFall; k < fallCount && falls[k] <= last; k++) difference += v[falls[k] - 1];
      }
      const end = windows.refs.firstMs + s * windows.refs.stepMs;
      const sampled = (t[last] - t[first]) / 1000;
      const average = sampled / (last - first);
      let toStart = (t[first] - (end - rangeMs)) / 1000;
      let toEnd = (end - t[last]) / 1000;
      if (toStart >= average * 1.1) toStart = average / 2;
      if (counter && difference > 0 && v[first] >= 0) {
        const toZero = sampled * (v[first] / difference);
        if (toZero < toStart) toStart = toZero;
      }
      if (toEnd >= average * 1.1) toEnd = average / 2;
      let factor = (sampled + toStart + toEnd) / sampled;
      if (perSecond) factor /= unit;
      out.v[s] = difference * factor;
      out.present[s] = FLOAT;
    }
  };
}

/** Hints that a metric may be no counter, where there are floats. */
const hintNonCounter: NonNullable<RangeOptions['remark']> = ({ present }, { labels }, { call, scope }) => {
  const name = labels.metricName;
  if (name === '') return;
  const { annotations, options } = scope.run;
  const type = labels.get('__type__');
  const isCounter = options.typeAndUnitLabels ? type === 'counter' || type === 'histogram' : isCounterName(name);
  if (isCounter || !present.includes(FLOAT)) return;
  const text = options.typeAndUnitLabels ? possibleNonCounterType(name, type) : possibleNonCounter(name);
  annotations.info(text, argumentSpan(call.args[0]));
};

/** The name that was last found to be a counter's: mostly the next series has the same. */
let counterName = '';

function isCounterName(name: string): boolean {
  if (name === counterName) return true;
  if (!COUNTER_NAME.test(name)) return false;
  counterName = name;
  return true;
}

/** From the last two samples; a counter that fell was reset to zero in between. */
function lastTwo(counter: boolean): RangeFunction {
  return ({ t, v, from, to, firstStep, endStep }, out) => {
    for (let s = firstStep; s < endStep; s++) {
      const last = to[s] - 1;
      if (last <= from[s]) continue;
      const difference = v[last] - v[last - 1];
      if (!counter) out.v[s] = difference;
      else out.v[s] = (v[last] < v[last - 1] ? v[last] : difference) / ((t[last] - t[last - 1]) / 1000);
      out.present[s] = FLOAT;
    }
  };
}

function eventCount(happens: 'fall' | 'change'): RangeFunction {
  return (windows, out) => {
    const { from, to } = windows;
    const before = eventsBefore(windows, happens);
    for (let s = windows.firstStep; s < windows.endStep; s++) {
      if (from[s] === to[s]) continue;
      out.v[s] = before[to[s] - 1] - before[from[s]];
      out.present[s] = FLOAT;
    }
  };
}

function increase(name: string, extrapolation: Extrapolation): FunctionSpec {
  return overRange(name, extrapolated(extrapolation), {
    mixed: {
      compute: () => (window, remarks) => extrapolatedIncrease(window, extrapolation, remarks),
      starts: extrapolation.counter,
    },
    extended: {
      compute: extendedRate(extrapolation),
      mixed: { compute: () => extendedIncrease(extrapolation), starts: false },
    },
    ...(extrapolation.counter ? { remark: hintNonCounter } : {}),
  });
}

function lastTwoOf(name: string, counter: boolean): FunctionSpec {
  return overRange(name, lastTwo(counter), {
    mixed: { compute: () => (window, remarks) => lastTwoIncrease(window, counter, remarks), starts: counter },
  });
}

function isChange(before: number, value: number): boolean {
  return before !== value && !(Number.isNaN(before) && Number.isNaN(value));
}

function isFall(before: number, value: number): boolean {
  return value < before;
}

export const counterFunctions: readonly FunctionSpec[] = [
  increase('rate', { counter: true, perSecond: true }),
  increase('increase', { counter: true, perSecond: false }),
  increase('delta', { counter: false, perSecond: false }),
  lastTwoOf('irate', true),
  lastTwoOf('idelta', false),
  overRange('changes', eventCount('change'), {
    mixed: { compute: countChanges, starts: false },
    extended: { compute: anchoredCount(isChange), mixed: { compute: anchored(countChanges), starts: false } },
  }),
  overRange('resets', eventCount('fall'), {
    mixed: { compute: countResets, starts: true },
    extended: { compute: anchoredCount(isFall), mixed: { compute: anchored(countResets), starts: false } },
  }),
];
