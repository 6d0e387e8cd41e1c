import { absentLabels } from '../absent-labels.ts';
import { argumentSpan, invalidQuantile } from '../annotations.ts';
import { FLOAT } from '../columns.ts';
import type { MixedFunction, MixedTreatment } from '../histograms/mixed-windows.ts';
import { firstSample, lastSample, meansOverTime } from '../histograms/over-time.ts';
import { size } from '../histograms/points.ts';
import { KahanSum, mean } from '../kahan.ts';
import { isQuantile, quantile } from '../quantile.ts';
import { slidingExtremes, slidingSums } from '../sliding.ts';
import { slidingQuantiles } from '../sliding-quantiles.ts';
import { overWindows, type Windows } from '../window.ts';
import { absentWhere } from './absent.ts';
import { define, type FunctionSpec, overRange, type RangeFunction, type RangeOptions } from './spec.ts';

/** What is known of a window from its place alone, or from one sample. */
function perWindow(
  name: string,
  value: (windows: Windows, step: number) => number,
  options?: RangeOptions,
): FunctionSpec {
  const compute: RangeFunction = (windows, out) => {
    for (let s = windows.firstStep; s < windows.endStep; s++) {
      if (windows.from[s] === windows.to[s]) continue;
      out.v[s] = value(windows, s);
      out.present[s] = FLOAT;
    }
  };
  return overRange(name, compute, options);
}

const sumOverTime: RangeFunction = (windows, out) => {
  const { sums, cs } = slidingSums(windows);
  for (let s = windows.firstStep; s < windows.endStep; s++) {
    if (windows.from[s] === windows.to[s]) continue;
    out.v[s] = Number.isFinite(sums[s]) ? sums[s] + cs[s] : sums[s];
    out.present[s] = FLOAT;
  }
};

const avgOverTime: RangeFunction = (windows, out) => {
  const { v, from, to } = windows;
  const { sums, cs, settled } = slidingSums(windows);
  for (let s = windows.firstStep; s < windows.endStep; s++) {
    const count = to[s] - from[s];
    if (count === 0) continue;
    // Beyond the largest number upstream goes on with an incremental mean.
    const direct = settled[s] === 1 || Number.isFinite(sums[s]);
    out.v[s] = direct ? sums[s] / count + cs[s] / count : mean(v, from[s], to[s]);
    out.present[s] = FLOAT;
  }
};

function extremeOverTime(sign: 1 | -1): RangeFunction {
  return (windows, out) => {
    const indices = slidingExtremes(windows, sign, 'first');
    for (let s = windows.firstStep; s < windows.endStep; s++) {
      if (windows.from[s] === windows.to[s]) continue;
      out.v[s] = windows.v[indices[s]];
      out.present[s] = FLOAT;
    }
  };
}

function extremeTime(sign: 1 | -1): RangeFunction {
  return (windows, out) => {
    const indices = slidingExtremes(windows, sign, 'last');
    for (let s = windows.firstStep; s < windows.endStep; s++) {
      if (windows.from[s] === windows.to[s]) continue;
      out.v[s] = windows.t[indices[s]] / 1000;
      out.present[s] = FLOAT;
    }
  };
}

/** Population variance by Welford, with compensated means and squares. */
function variance({ v, from, to }: Windows, step: number): number {
  const average = new KahanSum();
  const squares = new KahanSum();
  const first = from[step];
  for (let i = first; i < to[step]; i++) {
    const delta = v[i] - (average.sum + average.c);
    average.add(delta / (i - first + 1));
    squares.add(delta * (v[i] - (average.sum + average.c)));
  }
  return (squares.sum + squares.c) / (to[step] - first);
}

/** Median absolute deviation; with a NaN among the values it is NaN. */
function medianAbsoluteDeviation({ v, from, to }: Windows, step: number): number {
  const values = v.slice(from[step], to[step]);
  if (values.some(Number.isNaN)) return Number.NaN;
  const median = quantile(0.5, values);
  for (let i = 0; i < values.length; i++) values[i] = Math.abs(values[i] - median);
  return quantile(0.5, values);
}

const quantileOverTime: RangeFunction = (windows, out, { call, scalars, scope }) => {
  const [q] = scalars;
  slidingQuantiles(windows, q, out);
  for (let s = windows.firstStep; s < windows.endStep; s++) {
    if (isQuantile(q[s]) || windows.from[s] === windows.to[s]) continue;
    scope.run.annotations.warn(invalidQuantile(q[s]), argumentSpan(call.args[0]));
  }
};

const absentOverTime = define('absent_over_time', ['matrix'], 'vector', async (call, scope) => {
  const source = await scope.matrix(call.args[0]);
  const present = overWindows(source, source.series, scope.steps, scope.run, ({ from, to }, out) => {
    for (let s = 0; s < out.count; s++) if (from[s] < to[s]) out.present[s] = FLOAT;
  });
  return { type: 'vector', op: await absentWhere(present, absentLabels(call.args[0]), scope) };
});

function mixed(compute: MixedFunction): { readonly mixed: MixedTreatment } {
  return { mixed: { compute: () => compute, starts: false } };
}

const experimental = true;
const rescans = true;
const keepName = true;

export const overTimeFunctions: readonly FunctionSpec[] = [
  overRange('avg_over_time', avgOverTime, { mixed: { compute: meansOverTime(true), starts: false } }),
  overRange('sum_over_time', sumOverTime, { mixed: { compute: meansOverTime(false), starts: false } }),
  perWindow(
    'count_over_time',
    ({ from, to }, s) => to[s] - from[s],
    mixed(({ floats, histograms }) => size(floats) + size(histograms)),
  ),
  perWindow(
    'present_over_time',
    () => 1,
    mixed(() => 1),
  ),
  overRange('min_over_time', extremeOverTime(1)),
  overRange('max_over_time', extremeOverTime(-1)),
  perWindow('stdvar_over_time', variance, { rescans }),
  perWindow('stddev_over_time', (windows, s) => Math.sqrt(variance(windows, s)), { rescans }),
  perWindow('mad_over_time', medianAbsoluteDeviation, { rescans, experimental }),
  perWindow('ts_of_first_over_time', ({ t, from }, s) => t[from[s]] / 1000, {
    experimental,
    ...mixed((window) => firstSample(window).time / 1000),
  }),
  perWindow('ts_of_last_over_time', ({ t, to }, s) => t[to[s] - 1] / 1000, {
    experimental,
    ...mixed((window) => lastSample(window).time / 1000),
  }),
  overRange('ts_of_min_over_time', extremeTime(1), { experimental }),
  overRange('ts_of_max_over_time', extremeTime(-1), { experimental }),
  perWindow('last_over_time', ({ v, to }, s) => v[to[s] - 1], {
    keepName,
    ...mixed((window) => lastSample(window).value),
  }),
  perWindow('first_over_time', ({ v, from }, s) => v[from[s]], {
    keepName,
    ...mixed((window) => firstSample(window).value),
  }),
  overRange('quantile_over_time', quantileOverTime, {
    matrixAt: 1,
    scalars: 1,
  }),
  absentOverTime,
];
