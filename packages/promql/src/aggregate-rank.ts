import { formatG } from '@avalanche/model';
import { extremes } from './aggregate-values.ts';
import { argumentSpan, invalidRatio } from './annotations.ts';
import type { Aggregate, Expr } from './ast.ts';
import { ABSENT, ColumnTable, EMPTY_VECTOR, FLOAT, HISTOGRAM, StepColumn, type VectorOperator } from './columns.ts';
import { executionError } from './error.ts';
import { groupSeries } from './groups.ts';
import { ignoredInAggregation } from './histograms/notes.ts';
import { hashFraction } from './label-hash.ts';
import { mapColumns } from './operators.ts';
import type { Scope } from './plan.ts';
import { SampleHeaps } from './sample-heaps.ts';

/**
 * `topk`, `bottomk`, `limitk` and `limit_ratio` keep series of their input with all their labels, at the steps where
 * they are chosen. The input streams by: what is held are the samples that may be chosen, not all of them.
 */
export async function selectRanked(
  expr: Aggregate,
  param: Float64Array,
  input: VectorOperator,
  scope: Scope,
): Promise<VectorOperator> {
  if (expr.op === 'limit_ratio') {
    return choosesShare(expr, param, scope.run.annotations) ? limitRatio(param, input) : EMPTY_VECTOR;
  }
  if (!choosesAny(param)) return EMPTY_VECTOR;
  return expr.op === 'limitk' ? limitCount(expr, param, input, scope) : rank(expr, param, input, scope);
}

function limitRatio(ratio: Float64Array, input: VectorOperator): VectorOperator {
  return mapColumns(input, input.series, ({ present, count }, i) => {
    const fraction = hashFraction(input.series[i].labels);
    for (let s = 0; s < count; s++) if (!inRatio(fraction, ratio[s])) present[s] = ABSENT;
  });
}

/** The first k series of each group that are there at a step. */
async function limitCount(
  expr: Aggregate,
  k: Float64Array,
  input: VectorOperator,
  { run, steps }: Scope,
): Promise<VectorOperator> {
  const { metas, groupOf } = await groupSeries(input.series, expr, run);
  run.checkCells(metas.length * steps.count);
  const taken = new Uint32Array(metas.length * steps.count);
  const out = new ColumnTable(steps.count, 0);
  const column = new StepColumn(steps.count);
  for (let i = 0; i < input.series.length; i++) {
    input.fill(i, column);
    const base = groupOf[i] * steps.count;
    for (let s = 0; s < steps.count; s++) {
      if (column.present[s] === ABSENT) continue;
      if (taken[base + s] < Math.trunc(k[s])) taken[base + s]++;
      else column.present[s] = ABSENT;
    }
    const points = column.points();
    run.hold(points);
    if (points > 0) out.append(input.series[i], column);
    if (run.due()) await run.pause();
  }
  return out;
}

async function rank(expr: Aggregate, k: Float64Array, input: VectorOperator, scope: Scope): Promise<VectorOperator> {
  const { run, steps } = scope;
  const { metas, groupOf } = await groupSeries(input.series, expr, run);
  const cells = metas.length * steps.count;
  const width = Math.trunc(Math.min(extremes(k).max, largestGroup(groupOf, metas.length)));
  run.hold(cells * width);
  const heaps = new SampleHeaps(cells, width, expr.op === 'topk' ? 1 : -1);
  const column = new StepColumn(steps.count);
  for (let i = 0; i < input.series.length; i++) {
    input.fill(i, column);
    const base = groupOf[i] * steps.count;
    for (let s = 0; s < steps.count; s++) {
      if (column.present[s] === FLOAT) heaps.offer(base + s, i, column.v[s], Math.trunc(k[s]));
    }
    const ignored = column.histograms !== null && column.present.includes(HISTOGRAM);
    if (ignored) run.annotations.info(ignoredInAggregation(expr.op), expr);
    if (run.due()) await run.pause();
  }
  return rankedTable(heaps, input, metas.length, scope);
}

function largestGroup(groupOf: Int32Array, groups: number): number {
  const sizes = new Uint32Array(groups);
  for (const group of groupOf) sizes[group]++;
  return sizes.reduce((most, size) => Math.max(most, size), 0);
}

/** The chosen samples, series by series; an instant query gives them in their rank, group by group. */
async function rankedTable(
  heaps: SampleHeaps,
  input: VectorOperator,
  groups: number,
  { run, steps }: Scope,
): Promise<VectorOperator> {
  const out = new ColumnTable(steps.count, 0);
  const rowOf = new Map<number, number>();
  for (let cell = 0; cell < groups * steps.count; cell++) {
    const s = cell % steps.count;
    for (const [series, value] of run.isRangeQuery ? heaps.of(cell) : heaps.ranked(cell)) {
      let row = rowOf.get(series);
      if (row === undefined) {
        row = out.appendEmpty(input.series[series]);
        rowOf.set(series, row);
      }
      out.values[row * steps.count + s] = value;
      out.present[row * steps.count + s] = FLOAT;
    }
    run.checkCells(out.series.length * steps.count);
    if (run.dueAt(cell)) await run.pause();
  }
  return out;
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
  if (max > 1) annotations.warn(invalidRatio(max, 1), argumentSpan(expr.param as Expr));
  if (min < -1) annotations.warn(invalidRatio(min, -1), argumentSpan(expr.param as Expr));
  return true;
}

/** A negative ratio chooses what its complement does not: r and r-1 together choose everything once. */
function inRatio(fraction: number, ratio: number): boolean {
  return ratio >= 0 ? fraction < Math.min(ratio, 1) : fraction >= 1 + Math.max(ratio, -1);
}
