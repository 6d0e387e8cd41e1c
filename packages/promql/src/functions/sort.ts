import { compareStrings } from '@avalanche/model';
import { SORT_IN_RANGE_QUERY } from '../annotations.ts';
import type { Call } from '../ast.ts';
import { ABSENT, ColumnTable, FLOAT, type VectorOperator } from '../columns.ts';
import { isStepInvariant } from '../invariant.ts';
import { mapColumns } from '../operators.ts';
import type { Prepared, Scope } from '../plan.ts';
import { byValueNaNFirst } from '../quantile.ts';
import { materialize } from '../query-run.ts';
import { define, dropHistograms, type FunctionSpec, type Implementation } from './spec.ts';

/** Orders the rows of a one-step table. */
type Compare = (table: ColumnTable, a: number, b: number) => number;

/** Whether it is evaluated from one time to another; what is the same at every step is not, even in a range query. */
function isRange(call: Call, { run, steps }: Scope): boolean {
  return (steps.count > 1 || run.options.endMs > run.steps.startMs) && !isStepInvariant(call);
}

/**
 * Sorts the result of an instant query; in a range query the series are ordered by labels, so it only warns.
 * @param floatsOnly leave native histograms out, which have no order
 */
function sorting(comparison: (call: Call, scope: Scope) => Promise<Compare>, floatsOnly: boolean): Implementation {
  return async (call, scope): Promise<Prepared> => {
    const { run, steps } = scope;
    const op = await scope.vector(call.args[0]);
    if (isRange(call, scope)) run.annotations.warn(SORT_IN_RANGE_QUERY, call);
    if (run.isRangeQuery || steps.count !== 1) return { type: 'vector', op: floatsOnly ? withoutHistograms(op) : op };
    const compare = await comparison(call, scope);
    const table = await materialize(op, run, 1);
    const rows = [...table.series.keys()].filter((row) =>
      floatsOnly ? table.present[row] === FLOAT : table.present[row] !== ABSENT,
    );
    rows.sort((a, b) => compare(table, a, b));
    const sorted = new ColumnTable(1, rows.length);
    for (const row of rows) {
      sorted.copyCell(sorted.appendEmpty(table.series[row]), table, row);
    }
    return { type: 'vector', op: sorted };
  };
}

function withoutHistograms(op: VectorOperator): VectorOperator {
  return mapColumns(op, op.series, (column) => {
    if (column.histograms !== null) dropHistograms(column);
  });
}

/** Up (1) or down (-1), NaN at the end either way. */
function byValue(direction: 1 | -1): Implementation {
  return sorting(
    async () =>
      ({ values }, a, b) => {
        const nan = Number(Number.isNaN(values[a])) - Number(Number.isNaN(values[b]));
        return nan || direction * byValueNaNFirst(values[a], values[b]);
      },
    true,
  );
}

function byLabels(direction: 1 | -1): Implementation {
  return sorting(async (call, scope) => {
    const names: string[] = [];
    for (const arg of call.args.slice(1)) names.push(await scope.string(arg));
    return ({ series }, a, b) => {
      const [left, right] = [series[a].labels, series[b].labels];
      for (const name of names) {
        const order = compareNaturally(left.get(name), right.get(name));
        if (order !== 0) return direction * order;
      }
      return direction * left.compare(right);
    };
  }, false);
}

/** Digits of a number of 64 bits; longer ones upstream compares as text. */
function isInteger(chunk: string): boolean {
  return /^0*\d{1,18}$/.test(chunk);
}

/** Digits compare as numbers: `a9` before `a10`. */
function compareNaturally(a: string, b: string): number {
  const [left, right] = [a.match(/\d+|\D+/g) ?? [], b.match(/\d+|\D+/g) ?? []];
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const numeric = isInteger(left[i]) && isInteger(right[i]);
    const order = numeric ? Number(left[i]) - Number(right[i]) : compareStrings(left[i], right[i]);
    if (order !== 0) return order;
  }
  return left.length - right.length || compareStrings(a, b);
}

export const sortFunctions: readonly FunctionSpec[] = [
  define('sort', ['vector'], 'vector', byValue(1)),
  define('sort_desc', ['vector'], 'vector', byValue(-1)),
  define('sort_by_label', ['vector', 'string'], 'vector', byLabels(1), { variadic: -1, experimental: true }),
  define('sort_by_label_desc', ['vector', 'string'], 'vector', byLabels(-1), { variadic: -1, experimental: true }),
];
