import type { ArithmeticOp, Binary, BinaryOp, ComparisonOp } from './ast.ts';
import { isComparison, isSetOp } from './ast.ts';
import { ABSENT, FLOAT, type StepColumn, type VectorOperator } from './columns.ts';
import { executionError } from './error.ts';
import { histogramsWithScalar, noteOn } from './histograms/operators.ts';
import { matchVectors } from './matching.ts';
import { mapColumns } from './operators.ts';
import type { Prepared, Scope } from './plan.ts';
import { mergeEqualSeries } from './query-run.ts';
import { combineSets } from './set-operators.ts';

export async function prepareBinary(expr: Binary, scope: Scope): Promise<Prepared> {
  const lhs = await scope.prepare(expr.lhs);
  const rhs = await scope.prepare(expr.rhs);
  if (lhs.type === 'scalar' && rhs.type === 'scalar') {
    return { type: 'scalar', values: scalars(expr.op, lhs.values, rhs.values) };
  }
  return {
    type: 'vector',
    op: await mergeEqualSeries(await vectors(expr, lhs, rhs, scope), scope.run, scope.steps.count),
  };
}

function vectors(expr: Binary, lhs: Prepared, rhs: Prepared, scope: Scope): Promise<VectorOperator> {
  if (lhs.type === 'vector' && rhs.type === 'vector') {
    return isSetOp(expr.op) ? combineSets(expr, lhs.op, rhs.op, scope) : matchVectors(expr, lhs.op, rhs.op, scope);
  }
  if (lhs.type === 'vector' && rhs.type === 'scalar') return withScalar(expr, lhs.op, rhs.values, false, scope);
  if (lhs.type === 'scalar' && rhs.type === 'vector') return withScalar(expr, rhs.op, lhs.values, true, scope);
  throw new Error(`BUG: the type check let ${lhs.type} ${expr.op} ${rhs.type} through`);
}

/** Whether the metric name means nothing any more after an operation. */
export function dropsName(expr: Binary): boolean {
  return expr.bool || !(isComparison(expr.op) || isTrim(expr.op));
}

/** `</` and `>/` cut native histograms off; they are not for floats. */
export function isTrim(op: BinaryOp): op is '</' | '>/' {
  return op === '</' || op === '>/';
}

function scalars(op: BinaryOp, lhs: Float64Array, rhs: Float64Array): Float64Array {
  if (isComparison(op)) {
    const holds = comparison(op);
    return lhs.map((value, s) => (holds(value, rhs[s]) ? 1 : 0));
  }
  const compute = arithmetic(op);
  return lhs.map((value, s) => compute(value, rhs[s]));
}

async function withScalar(
  expr: Binary,
  op: VectorOperator,
  scalar: Float64Array,
  scalarFirst: boolean,
  { run }: Scope,
): Promise<VectorOperator> {
  const series = dropsName(expr) ? await run.withoutNames(op.series) : op.series;
  const change = withScalarChange(expr, scalar, scalarFirst);
  const onHistograms = histogramsWithScalar(expr, scalar, scalarFirst, noteOn(run, expr));
  return mapColumns(op, series, (column) => {
    if (column.histograms !== null || isTrim(expr.op)) onHistograms(column);
    change(column);
  });
}

/** What is done to each float. */
function withScalarChange(expr: Binary, scalar: Float64Array, scalarFirst: boolean): (column: StepColumn) => void {
  if (isTrim(expr.op)) return () => {};
  if (!isComparison(expr.op)) {
    const compute = arithmetic(expr.op);
    return ({ v, count }) => {
      if (scalarFirst) for (let s = 0; s < count; s++) v[s] = compute(scalar[s], v[s]);
      else for (let s = 0; s < count; s++) v[s] = compute(v[s], scalar[s]);
    };
  }
  const holds = comparison(expr.op);
  return ({ v, present, count }) => {
    for (let s = 0; s < count; s++) {
      if (present[s] !== FLOAT) continue;
      const keep = scalarFirst ? holds(scalar[s], v[s]) : holds(v[s], scalar[s]);
      if (expr.bool) v[s] = keep ? 1 : 0;
      else if (!keep) present[s] = ABSENT;
    }
  };
}

export function comparison(op: ComparisonOp): (a: number, b: number) => boolean {
  switch (op) {
    case '==':
      return (a, b) => a === b;
    case '!=':
      return (a, b) => a !== b;
    case '>':
      return (a, b) => a > b;
    case '<':
      return (a, b) => a < b;
    case '>=':
      return (a, b) => a >= b;
    case '<=':
      return (a, b) => a <= b;
    default:
      return op satisfies never;
  }
}

const ARITHMETIC: Readonly<Record<ArithmeticOp, (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
  '%': (a, b) => a % b,
  '^': power,
  atan2: Math.atan2,
};

export function arithmetic(op: BinaryOp): (a: number, b: number) => number {
  const compute = ARITHMETIC[op as ArithmeticOp];
  if (!compute) throw executionError(`operator "${op}" not allowed for Scalar operations`);
  return compute;
}

/** IEEE 754 (and Go) say 1 where JavaScript says NaN: 1^NaN and (-1)^±Inf. */
function power(base: number, exponent: number): number {
  if (base === 1) return 1;
  if (base === -1 && (exponent === Number.POSITIVE_INFINITY || exponent === Number.NEGATIVE_INFINITY)) return 1;
  return base ** exponent;
}
