import { FLOAT } from '../columns.ts';
import { executionError } from '../error.ts';
import { KahanSum } from '../kahan.ts';
import type { Windows } from '../window.ts';
import { type FunctionSpec, overRange, type RangeCall, type RangeFunction } from './spec.ts';

interface Line {
  readonly slope: number;
  /** The value at the origin. */
  readonly intercept: number;
}

/** Least squares over the samples from … to-1; times count from `originMs`, in seconds. */
function linearRegression({ t, v }: Windows, from: number, to: number, originMs: number): Line {
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

/** A function of each window with at least two samples, from … to-1. */
function ofTwoOrMore(
  compute: (windows: Windows, from: number, to: number, step: number, range: RangeCall) => number,
): RangeFunction {
  return (windows, out, range) => {
    for (let s = windows.firstStep; s < windows.endStep; s++) {
      const from = windows.from[s];
      const to = windows.to[s];
      if (to - from < 2) continue;
      out.v[s] = compute(windows, from, to, s, range);
      out.present[s] = FLOAT;
    }
  };
}

const deriv = ofTwoOrMore((windows, from, to) => linearRegression(windows, from, to, windows.t[from]).slope);

const predictLinear = ofTwoOrMore((windows, from, to, step, { scalars }) => {
  const { slope, intercept } = linearRegression(windows, from, to, windows.evalMs(step));
  return slope * scalars[0][step] + intercept;
});

/** Holt's linear method; `factor` weighs recent values, `trendFactor` recent trends. */
const smooth = ofTwoOrMore(({ v }, from, to, step, { scalars }) => {
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
  return level;
});

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
  overRange('deriv', deriv, { rescans: true }),
  overRange('predict_linear', predictLinear, { rescans: true, scalars: 1 }),
  overRange('double_exponential_smoothing', smooth, {
    rescans: true,
    scalars: 2,
    experimental: true,
    check: checkFactors,
  }),
];
