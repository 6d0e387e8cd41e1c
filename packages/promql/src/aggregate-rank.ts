import { formatG } from '@avalanche/model';
import { extremes, rowsByGroup } from './aggregate-values.ts';
import { invalidRatio } from './annotations.ts';
import type { Aggregate, Expr } from './ast.ts';
import { ColumnTable, EMPTY_VECTOR, FLOAT, type VectorOperator } from './columns.ts';
import { executionError } from './error.ts';
import { groupSeries } from './groups.ts';
import { hashFraction } from './label-hash.ts';
import type { Scope } from './plan.ts';
import { byValueNaNFirst } from './quantile.ts';
import { materialize } from './query-run.ts';

/** Chooses some of a group's rows that are present at a step. */
type Choose = (rows: readonly number[], step: number) => readonly number[];

/**
 * `topk`, `bottomk`, `limitk` and `limit_ratio` keep series of their input with all their labels, at the steps where
 * they are chosen.
 */
export async function selectRanked(
  expr: Aggregate,
  param: Float64Array,
  input: VectorOperator,
  { run, steps }: Scope,
): Promise<VectorOperator> {
  const any = expr.op === 'limit_ratio' ? choosesShare(expr, param, run.annotations) : choosesAny(param);
  if (!any) return EMPTY_VECTOR;
  const table = await materialize(input, run, steps.count);
  const choose = chooser(expr, param, table);
  const { metas, groupOf } = await groupSeries(table.series, expr, run);
  const chosen = new Uint8Array(table.series.length * steps.count);
  const order: number[] = [];
  for (const rows of rowsByGroup(groupOf, metas.length)) {
    for (let s = 0; s < steps.count; s++) {
      const there = rows.filter((row) => table.present[row * steps.count + s] !== 0);
      for (const row of choose(there, s)) {
        chosen[row * steps.count + s] = table.present[row * steps.count + s];
        if (!run.isRangeQuery) order.push(row);
      }
      if (run.due()) await run.pause();
    }
  }
  return keepChosen(table, chosen, run.isRangeQuery ? table.series.keys() : new Set(order));
}

/** An instant query gives the chosen series in their rank. */
function keepChosen(table: ColumnTable, chosen: Uint8Array, rows: Iterable<number>): VectorOperator {
  const { count } = table;
  const out = new ColumnTable(count, table.series.length);
  for (const row of rows) {
    const base = out.appendEmpty(table.series[row]) * count;
    out.values.set(table.values.subarray(row * count, (row + 1) * count), base);
    out.present.set(chosen.subarray(row * count, (row + 1) * count), base);
  }
  return out;
}

function chooser({ op }: Aggregate, param: Float64Array, table: ColumnTable): Choose {
  const value = (row: number, step: number): number => table.values[row * table.count + step];
  const ranked =
    (direction: 1 | -1): Choose =>
    (rows, step) => {
      const floats = rows.filter((row) => table.present[row * table.count + step] === FLOAT);
      floats.sort((a, b) => compareNaNLast(value(a, step), value(b, step), direction));
      return floats.slice(0, Math.max(0, Math.trunc(param[step])));
    };
  switch (op) {
    case 'topk':
      return ranked(-1);
    case 'bottomk':
      return ranked(1);
    case 'limitk':
      return (rows, step) => rows.slice(0, Math.max(0, Math.trunc(param[step])));
    default: {
      const fractions = table.series.map(({ labels }) => hashFraction(labels));
      return (rows, step) => rows.filter((row) => inRatio(fractions[row], param[step]));
    }
  }
}

/** Orders up (1) or down (-1), NaN at the end either way. */
function compareNaNLast(a: number, b: number, direction: 1 | -1): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
  return direction * byValueNaNFirst(a, b);
}

/** Whether there is anything to choose at any step. @throws PromQLError where a parameter is no count */
function choosesAny(param: Float64Array): boolean {
  const { min, max } = extremes(param);
  if (max < 1) return false;
  if (param.some(Number.isNaN)) throw executionError('Parameter value is NaN');
  if (min <= -(2 ** 63)) throw executionError(`Scalar value ${formatG(min)} underflows int64`);
  if (max >= 2 ** 63) throw executionError(`Scalar value ${formatG(max)} overflows int64`);
  return true;
}

/** Like `choosesAny`, for ratios. */
function choosesShare(expr: Aggregate, param: Float64Array, annotations: Scope['run']['annotations']): boolean {
  const { min, max } = extremes(param);
  if (min === 0 && max === 0) return false;
  if (param.some(Number.isNaN)) throw executionError('Ratio value is NaN');
  if (max > 1) annotations.warn(invalidRatio(max, 1), expr.param as Expr);
  if (min < -1) annotations.warn(invalidRatio(min, -1), expr.param as Expr);
  return true;
}

/** A negative ratio chooses what its complement does not: r and r-1 together choose everything once. */
function inRatio(fraction: number, ratio: number): boolean {
  return ratio >= 0 ? fraction < Math.min(ratio, 1) : fraction >= 1 + Math.max(ratio, -1);
}
