import { rowsByGroup } from './aggregate-values.ts';
import { invalidRatio } from './annotations.ts';
import type { Aggregate, Expr } from './ast.ts';
import { ColumnTable, FLOAT, type VectorOperator } from './columns.ts';
import { executionError } from './error.ts';
import { groupSeries } from './groups.ts';
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
  if (expr.op === 'limit_ratio') checkRatio(expr, param, run.annotations);
  else checkCount(param);
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
    default:
      return (rows, step) => rows.filter((row) => inRatio(hashFraction(table.series[row].labels.key), param[step]));
  }
}

/** Orders up (1) or down (-1), NaN at the end either way. */
function compareNaNLast(a: number, b: number, direction: 1 | -1): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
  return direction * byValueNaNFirst(a, b);
}

function checkCount(param: Float64Array): void {
  for (const k of param) {
    if (Number.isNaN(k)) throw executionError('Parameter value is NaN');
    if (Math.abs(k) >= 2 ** 63) throw executionError(`Scalar value ${k} ${k < 0 ? 'underflows' : 'overflows'} int64`);
  }
}

function checkRatio(expr: Aggregate, param: Float64Array, annotations: Scope['run']['annotations']): void {
  for (const ratio of param) {
    if (Number.isNaN(ratio)) throw executionError(`Ratio value is NaN`);
    if (Math.abs(ratio) > 1) annotations.warn(invalidRatio(ratio, Math.sign(ratio)), expr.param as Expr);
  }
}

/** A negative ratio chooses what its complement does not: r and r-1 together choose everything once. */
function inRatio(fraction: number, ratio: number): boolean {
  return ratio >= 0 ? fraction < ratio : fraction >= 1 + ratio;
}

/** A label set's place in [0, 1), evenly spread and always the same (FNV-1a with a final mix). */
function hashFraction(key: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
