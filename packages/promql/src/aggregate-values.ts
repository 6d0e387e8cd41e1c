import { formatHistogram } from '@avalanche/model';
import { argumentSpan, invalidQuantile } from './annotations.ts';
import type { Aggregate, Expr } from './ast.ts';
import { ABSENT, ColumnTable, FLOAT, HISTOGRAM, type SeriesMeta, StepColumn, type VectorOperator } from './columns.ts';
import { executionError } from './error.ts';
import { formatPlain } from './format-plain.ts';
import { groupSeries } from './groups.ts';
import { ignoredInAggregation } from './histograms/notes.ts';
import type { Scope } from './plan.ts';
import { quantileInPlace } from './quantile.ts';
import { materialize } from './query-run.ts';
import { isValidLabelName, quote } from './quote.ts';

/** `quantile`: needs all values of a group at a step, so the input is materialised. */
export async function groupQuantile(
  expr: Aggregate,
  q: Float64Array,
  input: VectorOperator,
  { run, steps }: Scope,
): Promise<VectorOperator> {
  const { min, max } = extremes(q);
  const wrong = [...(q.some(Number.isNaN) ? [Number.NaN] : []), ...(max > 1 ? [max] : []), ...(min < 0 ? [min] : [])];
  for (const value of wrong) run.annotations.warn(invalidQuantile(value), argumentSpan(expr.param as Expr));
  const table = await materialize(input, run, steps.count);
  if (table.histograms !== null && table.present.includes(HISTOGRAM)) {
    run.annotations.info(ignoredInAggregation(expr.op), argumentSpan(expr.expr));
  }
  const { metas, groupOf } = await groupSeries(table.series, expr, run);
  const members = rowsByGroup(groupOf, metas.length);
  const out = new ColumnTable(steps.count, metas.length);
  const values = new Float64Array(members.reduce((most, rows) => Math.max(most, rows.length), 0));
  for (let group = 0; group < metas.length; group++) {
    const base = out.appendEmpty(metas[group]) * steps.count;
    for (let s = 0; s < steps.count; s++) {
      if (run.due()) await run.pause();
      const size = valuesAt(table, members[group], s, values);
      if (size === 0) continue;
      out.values[base + s] = quantileInPlace(q[s], values, size);
      out.present[base + s] = FLOAT;
    }
  }
  return out;
}

/** The least and the greatest of a parameter at all steps, on which upstream judges it. */
export function extremes(param: Float64Array): { readonly min: number; readonly max: number } {
  let [min, max] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of param) {
    min = Math.min(min, value);
    max = Math.max(max, value);
  }
  return { min, max };
}

export function rowsByGroup(groupOf: Int32Array, groups: number): number[][] {
  const rows: number[][] = Array.from({ length: groups }, () => []);
  groupOf.forEach((group, row) => {
    rows[group].push(row);
  });
  return rows;
}

/** Copies the floats of some rows at a step to the front of `into` and returns how many there are. */
function valuesAt(
  { values, present, count }: ColumnTable,
  rows: readonly number[],
  step: number,
  into: Float64Array,
): number {
  let size = 0;
  for (const row of rows) {
    const cell = row * count + step;
    if (present[cell] === FLOAT) into[size++] = values[cell];
  }
  return size;
}

/** `count_values`: one output series per group and distinct value, found as the values come. */
export async function countValues(expr: Aggregate, input: VectorOperator, scope: Scope): Promise<VectorOperator> {
  const { run, steps } = scope;
  const label = await scope.string(expr.param as Expr);
  if (!isValidLabelName(label)) throw executionError(`invalid label name ${quote(label)}`);
  const { metas, groupOf } = await groupSeries(input.series, expr, run);
  const out = new ColumnTable(steps.count, metas.length);
  const rowOf = new Map<string, number>();
  const column = new StepColumn(steps.count);
  for (let i = 0; i < input.series.length; i++) {
    input.fill(i, column);
    for (let s = 0; s < steps.count; s++) {
      if (column.present[s] === ABSENT) continue;
      const cell = rowFor(out, rowOf, metas[groupOf[i]], label, valueText(column, s)) * steps.count + s;
      if (out.present[cell] === 0) run.hold(1);
      out.present[cell] = FLOAT;
      out.values[cell]++;
    }
    run.checkCells(out.series.length * steps.count);
    if (run.due()) await run.pause();
  }
  return out;
}

function valueText({ v, present, histograms }: StepColumn, step: number): string {
  const histogram = present[step] === HISTOGRAM ? histograms?.[step] : undefined;
  return histogram ? formatHistogram(histogram) : formatPlain(v[step]);
}

function rowFor(out: ColumnTable, rowOf: Map<string, number>, meta: SeriesMeta, label: string, value: string): number {
  const labels = meta.labels.withLabel(label, value);
  let row = rowOf.get(labels.key);
  if (row === undefined) {
    // Counts keep a name that they are grouped by, even one that was to be dropped.
    row = out.appendEmpty({ labels, dropName: false });
    rowOf.set(labels.key, row);
  }
  return row;
}
