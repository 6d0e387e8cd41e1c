import { executionError } from '../error.ts';
import { KahanSum } from '../kahan.ts';
import type { Window } from '../window.ts';
import { type FunctionSpec, overRange, type RangeCall, type RangeFunction } from './spec.ts';

/** Least squares over a window; the intercept is the value of the line at `originMs`. */
function linearRegression({ t, v, from, to }: Window, originMs: number): { slope: number; intercept: number } {
  const [sumX, sumY, sumXY, sumXX] = [new KahanSum(), new KahanSum(), new KahanSum(), new KahanSum()];
  let constant = true;
  for (let i = from; i < to; i++) {
    const x = (t[i] - originMs) / 1000;
    if (v[i] !== v[from]) constant = false;
    sumX.add(x);
    sumY.add(v[i]);
    sumXY.add(x * v[i]);
    sumXX.add(x * x);
  }
  if (constant) {
    const level = v[from];
    return Number.isFinite(level) ? { slope: 0, intercept: level } : { slope: Number.NaN, intercept: Number.NaN };
  }
  const n = to - from;
  const [x, y] = [sumX.sum + sumX.c, sumY.sum + sumY.c];
  const covariance = sumXY.sum + sumXY.c - (x * y) / n;
  const slope = covariance / (sumXX.sum + sumXX.c - (x * x) / n);
  return { slope, intercept: y / n - (slope * x) / n };
}

const deriv: RangeFunction = (window, out) => {
  if (window.size < 2) return;
  out.set(window.step, linearRegression(window, window.t[window.from]).slope);
};

const predictLinear: RangeFunction = (window, out, { scalars }) => {
  if (window.size < 2) return;
  const { slope, intercept } = linearRegression(window, window.evalMs);
  out.set(window.step, slope * scalars[0][window.step] + intercept);
};

/** Holt's linear method; `factor` weighs recent values, `trendFactor` recent trends. */
const smooth: RangeFunction = ({ v, from, to, step }, out, { scalars }) => {
  if (to - from < 2) return;
  const [factor, trendFactor] = [scalars[0][step], scalars[1][step]];
  let before = 0;
  let level = v[from];
  let trend = v[from + 1] - v[from];
  for (let i = from + 1; i < to; i++) {
    if (i > from + 1) trend = trendFactor * (level - before) + (1 - trendFactor) * trend;
    const next = factor * v[i] + (1 - factor) * (level + trend);
    before = level;
    level = next;
  }
  out.set(step, level);
};

function checkFactors({ scalars }: RangeCall): void {
  for (const [which, values] of [
    ['smoothing', scalars[0]],
    ['trend', scalars[1]],
  ] as const) {
    const bad = values.find((value) => value <= 0 || value >= 1);
    if (bad === undefined) continue;
    const letter = which === 'smoothing' ? 's' : 't';
    throw executionError(`invalid ${which} factor. Expected: 0 < ${letter}f < 1, got: ${bad.toFixed(6)}`);
  }
}

export const regressionFunctions: readonly FunctionSpec[] = [
  overRange('deriv', deriv),
  overRange('predict_linear', predictLinear, { scalars: 1 }),
  overRange('double_exponential_smoothing', smooth, { scalars: 2, experimental: true, check: checkFactors }),
];
