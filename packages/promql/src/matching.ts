import { type Labels, METRIC_NAME } from '@avalanche/model';
import type { Binary, BinaryOp, VectorMatching } from './ast.ts';
import { isComparison } from './ast.ts';
import { arithmetic, comparison, dropsName, isTrim } from './binary.ts';
import { ABSENT, type ColumnTable, FLOAT, type SeriesMeta, type StepColumn, type VectorOperator } from './columns.ts';
import { executionError } from './error.ts';
import { fillMissing, fillValues } from './fill.ts';
import { combineHistograms, isFor, noteOn, samplePutter } from './histograms/operators.ts';
import { concatenate } from './operators.ts';
import type { Scope } from './plan.ts';
import { materialize, type QueryRun } from './query-run.ts';
import { quote } from './quote.ts';

/** The labels by which series of both sides find each other. */
export function signature(labels: Labels, { on, labels: names }: VectorMatching): Labels {
  return on ? labels.keep(...names) : labels.without(METRIC_NAME, ...names);
}

/** A string that is equal for equal signatures only. */
export function signatureKey(labels: Labels, { on, labels: names }: VectorMatching): string {
  return on ? labels.keyOf(names) : labels.keyWithout(names);
}

/** Both sides of an operation as the matching sees them: `one` is unique per signature, `many` may not be. */
export interface Sides {
  readonly many: ColumnTable;
  readonly one: ColumnTable;
  /** The rows of `one` for each row of `many`. */
  readonly partners: readonly (readonly number[])[];
}

/**
 * Arithmetic and comparison between two vectors. Who matches whom is settled once, from the labels; the steps then
 * only see numbers.
 */
export async function matchVectors(
  expr: Binary,
  lhs: VectorOperator,
  rhs: VectorOperator,
  { run, steps }: Scope,
): Promise<VectorOperator> {
  const matching = expr.matching as VectorMatching;
  const left = await materialize(lhs, run, steps.count);
  const right = await materialize(rhs, run, steps.count);
  const swapped = matching.cardinality === 'one-to-many';
  const [many, one] = swapped ? [right, left] : [left, right];
  const rowsBySignature = await groupRows(one, matching, run);
  const fills = fillValues(matching);
  const there = fills ? new Uint8Array(steps.count).fill(1) : await presentSteps(many, run);
  await checkUnique(one, rowsBySignature, there, matching, swapped ? 'left' : 'right', run);
  const partners: (readonly number[])[] = [];
  for (let row = 0; row < many.series.length; row++) {
    partners.push(rowsBySignature.get(signatureKey(many.series[row].labels, matching)) ?? NO_ROWS);
    if (run.dueAt(row)) await run.pause();
  }
  const sides = { many, one, partners };
  if (matching.cardinality === 'one-to-one') {
    await checkOneToOne(expr.op, sides, await groupRows(many, matching, run), fills?.one != null, run);
  }
  const paired = await pairUp(expr, sides, swapped, run);
  const result = fills ? concatenate(paired, await fillMissing(expr, sides, fills, swapped, run)) : paired;
  run.reads(result, left, right);
  return result;
}

const NO_ROWS: readonly number[] = [];

function groupRows({ series }: ColumnTable, matching: VectorMatching, run: QueryRun): Promise<Map<string, number[]>> {
  return groupBy(series.length, (row) => signatureKey(series[row].labels, matching), run);
}

/** The numbers 0 … count-1 by their key. */
async function groupBy(count: number, keyOf: (i: number) => string, run: QueryRun): Promise<Map<string, number[]>> {
  const groups = new Map<string, number[]>();
  for (let i = 0; i < count; i++) {
    const key = keyOf(i);
    const group = groups.get(key);
    if (group) group.push(i);
    else groups.set(key, [i]);
    if (run.dueAt(i)) await run.pause();
  }
  return groups;
}

/** The steps at which a table has any sample: where one side is empty there is nothing to match, and no error. */
async function presentSteps({ series, present, count }: ColumnTable, run: QueryRun): Promise<Uint8Array> {
  const there = new Uint8Array(count);
  let missing = count;
  for (let row = 0; row < series.length && missing > 0; row++) {
    for (let s = 0; s < count; s++) {
      if (there[s] !== 0 || present[row * count + s] === ABSENT) continue;
      there[s] = 1;
      missing--;
    }
    if (run.due()) await run.pause();
  }
  return there;
}

/** The first two members of a group that are there at the same step; null where there are none. */
export async function firstClash(
  groups: Iterable<readonly number[]>,
  steps: number,
  run: QueryRun,
  isThere: (member: number, step: number) => boolean,
): Promise<readonly [number, number] | null> {
  for (const members of groups) {
    if (members.length < 2) continue;
    for (let s = 0; s < steps; s++) {
      let first = -1;
      for (const member of members) {
        if (!isThere(member, s)) continue;
        if (first >= 0) return [first, member];
        first = member;
      }
    }
    if (run.due()) await run.pause();
  }
  return null;
}

/** @throws PromQLError where two series of the "one" side with one signature are there at one step */
async function checkUnique(
  { series, present, count }: ColumnTable,
  groups: ReadonlyMap<string, readonly number[]>,
  there: Uint8Array,
  matching: VectorMatching,
  side: 'left' | 'right',
  run: QueryRun,
): Promise<void> {
  const isThere = (row: number, s: number): boolean => there[s] !== 0 && present[row * count + s] !== ABSENT;
  const clash = await firstClash(groups.values(), count, run, isThere);
  if (clash === null) return;
  const [first, second] = clash.map((row) => series[row].labels);
  throw executionError(
    `found duplicate series for the match group ${labelsText(signature(first, matching))} on the ${side} hand-side of the operation: ` +
      `[${labelsText(first)}, ${labelsText(second)}];many-to-many matching not allowed: matching labels must be unique on one side`,
  );
}

/** Labels as Go prints them, the name among the others. */
function labelsText(labels: Labels): string {
  return `{${[...labels.entries()].map(([name, value]) => `${name}=${quote(value)}`).join(', ')}}`;
}

/**
 * @param filled something stands in for what the right side lacks, so that everything matches
 * @throws PromQLError where two series of the left side match the same series at one step
 */
async function checkOneToOne(
  op: BinaryOp,
  { many, one, partners }: Sides,
  groups: ReadonlyMap<string, readonly number[]>,
  filled: boolean,
  run: QueryRun,
): Promise<void> {
  const matches = (row: number, s: number): boolean => {
    const kind = many.present[row * many.count + s];
    if (kind === ABSENT) return false;
    const partner = partnerAt(one, partners[row], s);
    return partner >= 0 ? isFor(op, kind, one.present[partner * one.count + s]) : filled && isFor(op, kind, FLOAT);
  };
  if ((await firstClash(groups.values(), many.count, run, matches)) === null) return;
  throw executionError('multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)');
}

function partnerAt(one: ColumnTable, rows: readonly number[], step: number): number {
  for (const row of rows) if (one.present[row * one.count + step]) return row;
  return -1;
}

/** One output series per pair of rows that match. */
async function pairUp(
  expr: Binary,
  { many, one, partners }: Sides,
  swapped: boolean,
  run: QueryRun,
): Promise<VectorOperator> {
  const series: SeriesMeta[] = [];
  const pairs: (readonly [number, number])[] = [];
  for (let manyRow = 0; manyRow < partners.length; manyRow++) {
    for (const oneRow of partners[manyRow]) {
      pairs.push([manyRow, oneRow]);
      series.push(resultMeta(expr, many.series[manyRow], one.series[oneRow], run));
    }
    if (run.dueAt(manyRow)) await run.pause();
  }
  if (expr.matching?.cardinality !== 'one-to-one')
    await checkGrouped(expr, series, pairs, { many, one, partners }, run);
  const put = putter(expr, run);
  const putSamples = samplePutter(expr, noteOn(run, expr));
  const floatsOnly = many.histograms === null && one.histograms === null;
  return {
    series,
    fill(i, out) {
      const [manyRow, oneRow] = pairs[i];
      if (swapped) combine(put, one, oneRow, many, manyRow, out);
      else combine(put, many, manyRow, one, oneRow, out);
      if (floatsOnly) return;
      if (swapped) combineHistograms(putSamples, one, oneRow, many, manyRow, out);
      else combineHistograms(putSamples, many, manyRow, one, oneRow, out);
    },
  };
}

/** @throws PromQLError where the labels that are kept do not tell two results of a match group apart at a step */
async function checkGrouped(
  { op, matching }: Binary,
  series: readonly SeriesMeta[],
  pairs: readonly (readonly [number, number])[],
  { many, one }: Sides,
  run: QueryRun,
): Promise<void> {
  const swapped = matching?.cardinality === 'one-to-many';
  const keyOf = (i: number): string => groupKey(many.series[pairs[i][0]], series[i], matching as VectorMatching);
  const matches = (i: number, s: number): boolean => {
    const manyKind = many.present[pairs[i][0] * many.count + s];
    const oneKind = one.present[pairs[i][1] * one.count + s];
    if (manyKind === ABSENT || oneKind === ABSENT) return false;
    return swapped ? isFor(op, oneKind, manyKind) : isFor(op, manyKind, oneKind);
  };
  await checkDistinctGroups(series.length, keyOf, many.count, run, matches);
}

/** What two results of a match group have in common where `group_left` or `group_right` does not tell them apart. */
export function groupKey(many: SeriesMeta, result: SeriesMeta, matching: VectorMatching): string {
  return `${signatureKey(many.labels, matching)}\0${result.labels.key}`;
}

/** @throws PromQLError where two of `count` results with one key are there at a step */
export async function checkDistinctGroups(
  count: number,
  keyOf: (i: number) => string,
  steps: number,
  run: QueryRun,
  isThere: (i: number, step: number) => boolean,
): Promise<void> {
  const groups = await groupBy(count, keyOf, run);
  if ((await firstClash(groups.values(), steps, run, isThere)) === null) return;
  throw executionError('multiple matches for labels: grouping labels must ensure unique matches');
}

/** Computes the result of two floats, the left one first, at a step; or leaves it absent. */
export type Put = (a: number, b: number, out: StepColumn, step: number) => void;

export function putter(expr: Binary, run: QueryRun): Put {
  if (isTrim(expr.op)) return samplePutter(expr, noteOn(run, expr));
  if (!isComparison(expr.op)) {
    const compute = arithmetic(expr.op);
    return (a, b, out, s) => out.set(s, compute(a, b));
  }
  const holds = comparison(expr.op);
  if (expr.bool) return (a, b, out, s) => out.set(s, holds(a, b) ? 1 : 0);
  return (a, b, out, s) => {
    if (holds(a, b)) out.set(s, a);
  };
}

function combine(
  put: Put,
  left: ColumnTable,
  leftRow: number,
  right: ColumnTable,
  rightRow: number,
  out: StepColumn,
): void {
  const { count } = out;
  out.clear();
  for (let s = 0, l = leftRow * count, r = rightRow * count; s < count; s++, l++, r++) {
    if (left.present[l] === FLOAT && right.present[r] === FLOAT) put(left.values[l], right.values[r], out, s);
  }
}

export function resultMeta(expr: Binary, many: SeriesMeta, one: SeriesMeta, run: QueryRun): SeriesMeta {
  const { cardinality, on, labels: names, include } = expr.matching as VectorMatching;
  let { labels } = many;
  if (!(isComparison(expr.op) || isTrim(expr.op))) labels = run.nameless(many);
  if (cardinality === 'one-to-one') labels = on ? labels.keep(...names) : labels.without(...names);
  if (include.length > 0) {
    const taken: Record<string, string> = {};
    for (const name of include) taken[name] = one.labels.get(name);
    labels = labels.with(taken);
  }
  const meta = { labels, dropName: false };
  return dropsName(expr) ? run.withoutName(meta) : meta;
}
