import { ABSENT, type StepColumn } from '../columns.ts';
import { goMax, goMin } from './go-math.ts';
import { define, dropHistograms, type FunctionSpec, nameless, ofNumber, perSample, vectorResult } from './spec.ts';

const RADIANS_PER_DEGREE = Math.PI / 180;

/** Rounds half up to a multiple of 1/inverse; dividing by the inverse keeps more digits, as upstream does. */
function round(value: number, toNearest: number): number {
  const inverse = 1 / toNearest;
  return Math.floor(value * inverse + 0.5) / inverse;
}

const roundFunction = define(
  'round',
  ['vector', 'scalar'],
  'vector',
  async (call, scope) => {
    const op = await scope.vector(call.args[0]);
    const toNearest = call.args[1] ? await scope.scalar(call.args[1]) : null;
    const rounded = await nameless(op, scope, (column) => {
      const { v, count } = column;
      for (let s = 0; s < count; s++) v[s] = round(v[s], toNearest ? toNearest[s] : 1);
      if (column.histograms !== null) dropHistograms(column);
    });
    return vectorResult(rounded, scope);
  },
  { variadic: 1 },
);

function clamp({ v, present, count }: StepColumn, [low, high]: readonly Float64Array[]): void {
  for (let s = 0; s < count; s++) {
    if (high[s] < low[s]) present[s] = ABSENT;
    v[s] = goMax(low[s], goMin(high[s], v[s]));
  }
}

export const mathFunctions: readonly FunctionSpec[] = [
  ofNumber('abs', Math.abs),
  ofNumber('acos', Math.acos),
  ofNumber('acosh', Math.acosh),
  ofNumber('asin', Math.asin),
  ofNumber('asinh', Math.asinh),
  ofNumber('atan', Math.atan),
  ofNumber('atanh', Math.atanh),
  ofNumber('ceil', Math.ceil),
  ofNumber('cos', Math.cos),
  ofNumber('cosh', Math.cosh),
  ofNumber('deg', (value) => value / RADIANS_PER_DEGREE),
  ofNumber('exp', Math.exp),
  ofNumber('floor', Math.floor),
  ofNumber('ln', Math.log),
  ofNumber('log10', Math.log10),
  ofNumber('log2', Math.log2),
  ofNumber('rad', (value) => value * RADIANS_PER_DEGREE),
  ofNumber('sgn', (value) => (value < 0 ? -1 : value > 0 ? 1 : value)),
  ofNumber('sin', Math.sin),
  ofNumber('sinh', Math.sinh),
  ofNumber('sqrt', Math.sqrt),
  ofNumber('tan', Math.tan),
  ofNumber('tanh', Math.tanh),
  roundFunction,
  perSample('clamp', 2, clamp),
  perSample('clamp_max', 1, ({ v, count }, [high]) => {
    for (let s = 0; s < count; s++) v[s] = goMin(high[s], v[s]);
  }),
  perSample('clamp_min', 1, ({ v, count }, [low]) => {
    for (let s = 0; s < count; s++) v[s] = goMax(low[s], v[s]);
  }),
];
