import { absentLabels } from '../absent-labels.ts';
import { invalidQuantile } from '../annotations.ts';
import { compensation, KahanSum, mean } from '../kahan.ts';
import { isQuantile, quantile } from '../quantile.ts';
import { overWindows, type Window } from '../window.ts';
import { absentWhere } from './absent.ts';
import { define, type FunctionSpec, overRange, type RangeFunction } from './spec.ts';

/** A function of the values in a window. */
function overTime(name: string, compute: (window: Window) => number, experimental = false): FunctionSpec {
  return overRange(name, (window, out) => out.set(window.step, compute(window)), { experimental });
}

function sum({ v, from, to }: Window): number {
  let total = 0;
  let c = 0;
  for (let i = from; i < to; i++) {
    c = compensation(v[i], total, c);
    total += v[i];
  }
  return Number.isFinite(total) ? total + c : total;
}

/** The index of the extreme value; NaN loses to anything. */
function extremeIndex({ v, from, to }: Window, better: (value: number, best: number) => boolean): number {
  let best = from;
  for (let i = from + 1; i < to; i++) if (better(v[i], v[best]) || Number.isNaN(v[best])) best = i;
  return best;
}

/** Population variance by Welford, with compensated means and squares. */
function variance({ v, from, to }: Window): number {
  const average = new KahanSum();
  const squares = new KahanSum();
  for (let i = from; i < to; i++) {
    const delta = v[i] - (average.sum + average.c);
    average.add(delta / (i - from + 1));
    squares.add(delta * (v[i] - (average.sum + average.c)));
  }
  return (squares.sum + squares.c) / (to - from);
}

/** Median absolute deviation; with a NaN among the values it is NaN. */
function medianAbsoluteDeviation({ v, from, to }: Window): number {
  const values = v.slice(from, to);
  if (values.some(Number.isNaN)) return Number.NaN;
  const median = quantile(0.5, values);
  return quantile(
    0.5,
    values.map((value) => Math.abs(value - median)),
  );
}

const quantileOverTime: RangeFunction = ({ v, from, to, step }, out, { scalars }) => {
  out.set(step, quantile(scalars[0][step], v.slice(from, to)));
};

const absentOverTime = define('absent_over_time', ['matrix'], 'vector', async (call, scope) => {
  const source = await scope.matrix(call.args[0]);
  const present = overWindows(source, source.series, scope.steps, scope.run, (window, out) => out.set(window.step, 1));
  return { type: 'vector', op: await absentWhere(present, absentLabels(call.args[0]), scope) };
});

export const overTimeFunctions: readonly FunctionSpec[] = [
  overTime('avg_over_time', ({ v, from, to }) => mean(v, from, to)),
  overTime('sum_over_time', sum),
  overTime('count_over_time', ({ size }) => size),
  overTime('present_over_time', () => 1),
  overTime('min_over_time', (window) => window.v[extremeIndex(window, (value, best) => value < best)]),
  overTime('max_over_time', (window) => window.v[extremeIndex(window, (value, best) => value > best)]),
  overTime('stdvar_over_time', variance),
  overTime('stddev_over_time', (window) => Math.sqrt(variance(window))),
  overTime('mad_over_time', medianAbsoluteDeviation, true),
  overTime('ts_of_first_over_time', ({ t, from }) => t[from] / 1000, true),
  overTime('ts_of_last_over_time', ({ t, to }) => t[to - 1] / 1000, true),
  overTime(
    'ts_of_min_over_time',
    (window) => window.t[extremeIndex(window, (value, best) => value <= best)] / 1000,
    true,
  ),
  overTime(
    'ts_of_max_over_time',
    (window) => window.t[extremeIndex(window, (value, best) => value >= best)] / 1000,
    true,
  ),
  overRange('last_over_time', (window, out) => out.set(window.step, window.last), { keepName: true }),
  overRange('first_over_time', (window, out) => out.set(window.step, window.first), {
    keepName: true,
    experimental: true,
  }),
  overRange('quantile_over_time', quantileOverTime, {
    matrixAt: 1,
    scalars: 1,
    check({ call, scalars, scope }) {
      for (const q of scalars[0]) if (!isQuantile(q)) scope.run.annotations.warn(invalidQuantile(q), call.args[0]);
    },
  }),
  absentOverTime,
];
