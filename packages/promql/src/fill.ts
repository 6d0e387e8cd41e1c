import type { Labels } from '@avalanche/model';
import type { Binary, VectorMatching } from './ast.ts';
import { ABSENT, type ColumnTable, FLOAT, type SeriesMeta, type StepColumn, type VectorOperator } from './columns.ts';
import { isFor, noteOn, type PutSample, sampleAt, samplePutter } from './histograms/operators.ts';
import { checkDistinctGroups, groupKey, type Put, putter, resultMeta, type Sides, signature } from './matching.ts';
import type { QueryRun } from './query-run.ts';

/** What stands in for a sample that a side lacks; null: nothing does. */
export interface Fills {
  readonly one: number | null;
  readonly many: number | null;
}

/**
 * With `group_right` upstream swaps the sides but not the fill values, so that `fill_left` always stands in for the
 * "many" side; its test files hold that down.
 */
export function fillValues({ fillLeft, fillRight }: VectorMatching): Fills | null {
  return fillLeft === null && fillRight === null ? null : { one: fillRight, many: fillLeft };
}

/** A row whose partner is missing at some steps. */
interface Lone {
  readonly meta: SeriesMeta;
  readonly table: ColumnTable;
  readonly row: number;
  /** Rows of the other side; where none of them is there, the value stands in. */
  readonly others: readonly number[];
  readonly otherTable: ColumnTable;
  /** Whether a sample of one kind and one of the other side match. */
  readonly matches: (kind: number, otherKind: number) => boolean;
  readonly value: number;
  readonly valueIsLeft: boolean;
}

/** `fill`, `fill_left` and `fill_right`: the results at the steps where one side of a match group is missing. */
export async function fillMissing(
  expr: Binary,
  sides: Sides,
  fills: Fills,
  swapped: boolean,
  run: QueryRun,
): Promise<VectorOperator> {
  const many = fills.one === null ? [] : await loneMany(expr, sides, fills.one, swapped, run);
  if (expr.matching?.cardinality !== 'one-to-one') await checkGrouped(many, expr.matching as VectorMatching, run);
  const lone = [...many, ...(fills.many === null ? [] : await loneOne(expr, sides, fills.many, swapped, run))];
  const put = putter(expr, run);
  const putSample = samplePutter(expr, noteOn(run, expr));
  return {
    series: lone.map(({ meta }) => meta),
    fill(i, out) {
      fillColumn(lone[i], put, putSample, out);
    },
  };
}

async function loneMany(
  expr: Binary,
  { many, one, partners }: Sides,
  value: number,
  swapped: boolean,
  run: QueryRun,
): Promise<Lone[]> {
  const matching = expr.matching as VectorMatching;
  const matches = (): boolean => true;
  const lone: Lone[] = [];
  for (let row = 0; row < many.series.length; row++) {
    const series = many.series[row];
    // What is missing has the labels of the match group.
    const missing = { labels: signature(series.labels, matching), dropName: false };
    const meta = resultMeta(expr, series, missing, run);
    lone.push({ meta, table: many, row, others: partners[row], otherTable: one, matches, value, valueIsLeft: swapped });
    if (run.dueAt(row)) await run.pause();
  }
  return lone;
}

function isLone({ table, row, others, otherTable, matches }: Lone, step: number): boolean {
  const kind = table.present[row * table.count + step];
  if (kind === ABSENT) return false;
  for (const other of others) {
    const otherKind = otherTable.present[other * table.count + step];
    if (otherKind !== ABSENT && matches(kind, otherKind)) return false;
  }
  return true;
}

/** @throws PromQLError where the labels that are kept do not tell two results of a match group apart at a step */
async function checkGrouped(lone: readonly Lone[], matching: VectorMatching, run: QueryRun): Promise<void> {
  const keyOf = (i: number): string => groupKey(lone[i].table.series[lone[i].row], lone[i].meta, matching);
  const steps = lone.length > 0 ? lone[0].table.count : 0;
  await checkDistinctGroups(lone.length, keyOf, steps, run, (i, s) => isLone(lone[i], s));
}

/** What `group_left` or `group_right` takes over from a series of the "one" side. */
function included(labels: Labels, { include }: VectorMatching): Record<string, string> {
  return Object.fromEntries(include.map((name) => [name, labels.get(name)]));
}

/** What the "many" side would have been is unknown but for the labels of the match group, and those included. */
async function loneOne(
  expr: Binary,
  { many, one, partners }: Sides,
  value: number,
  swapped: boolean,
  run: QueryRun,
): Promise<Lone[]> {
  const others: number[][] = one.series.map(() => []);
  partners.forEach((rows, manyRow) => {
    for (const row of rows) others[row].push(manyRow);
  });
  const matching = expr.matching as VectorMatching;
  const matches: Lone['matches'] = (kind, otherKind) =>
    swapped ? isFor(expr.op, kind, otherKind) : isFor(expr.op, otherKind, kind);
  const lone: Lone[] = [];
  for (let row = 0; row < one.series.length; row++) {
    const { labels } = one.series[row];
    const meta = { labels: signature(labels, matching).with(included(labels, matching)), dropName: false };
    lone.push({ meta, table: one, row, others: others[row], otherTable: many, matches, value, valueIsLeft: !swapped });
    if (run.dueAt(row)) await run.pause();
  }
  return lone;
}

function fillColumn(lone: Lone, put: Put, putSample: PutSample, out: StepColumn): void {
  const { table, row, value, valueIsLeft } = lone;
  out.clear();
  for (let s = 0; s < out.count; s++) {
    if (!isLone(lone, s)) continue;
    const cell = row * out.count + s;
    const sample = table.present[cell] === FLOAT ? null : sampleAt(table, cell);
    if (sample !== null) putSample(valueIsLeft ? value : sample, valueIsLeft ? sample : value, out, s);
    else if (valueIsLeft) put(value, table.values[cell], out, s);
    else put(table.values[cell], value, out, s);
  }
}
