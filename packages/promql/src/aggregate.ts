import { selectRanked } from './aggregate-rank.ts';
import { countValues, groupQuantile } from './aggregate-values.ts';
import { argumentSpan } from './annotations.ts';
import type { Aggregate, AggregateOp } from './ast.ts';
import { ColumnTable, FLOAT, StepColumn, type VectorOperator } from './columns.ts';
import { groupSeries } from './groups.ts';
import { type HistogramCells, histogramCells } from './histograms/aggregate.ts';
import type { Note } from './histograms/notes.ts';
import { compensation, infinityAbsorbs } from './kahan.ts';
import type { Scope } from './plan.ts';
import { mergeEqualSeries } from './query-run.ts';

export async function prepareAggregate(expr: Aggregate, scope: Scope): Promise<VectorOperator> {
  const { run, steps } = scope;
  const param = expr.param && expr.op !== 'count_values' ? await scope.scalar(expr.param) : null;
  const input = await scope.vector(expr.expr);
  switch (expr.op) {
    case 'topk':
    case 'bottomk':
    case 'limitk':
    case 'limit_ratio':
      return selectRanked(expr, param as Float64Array, input, scope);
    case 'quantile':
      return groupQuantile(expr, param as Float64Array, input, scope);
    case 'count_values':
      return mergeEqualSeries(await countValues(expr, input, scope), run, steps.count);
    default:
      return accumulate(expr, ACCUMULATORS[expr.op], input, scope);
  }
}

/** The state of all groups × steps while the input streams by, series by series. */
interface Accumulator {
  /** Adds one series' column to the cells from `base` on. */
  add(column: StepColumn, base: number): void;
  /** The finished value of a cell that got at least one sample. */
  result(cell: number): number;
  /** Samples per cell; 0 means that the group is absent at that step. */
  readonly counts: Uint32Array;
}

type SimpleOp = Exclude<AggregateOp, 'topk' | 'bottomk' | 'limitk' | 'limit_ratio' | 'quantile' | 'count_values'>;

const ACCUMULATORS: Readonly<Record<SimpleOp, (cells: number) => Accumulator>> = {
  sum: sumAccumulator,
  avg: avgAccumulator,
  min: (cells) => extremeAccumulator(cells, (value, best) => value < best),
  max: (cells) => extremeAccumulator(cells, (value, best) => value > best),
  count: (cells) => countAccumulator(cells, (count) => count),
  group: (cells) => countAccumulator(cells, () => 1),
  stdvar: (cells) => varianceAccumulator(cells, (variance) => variance),
  stddev: (cells) => varianceAccumulator(cells, Math.sqrt),
};

async function accumulate(
  expr: Aggregate,
  make: (cells: number) => Accumulator,
  input: VectorOperator,
  { run, steps }: Scope,
): Promise<VectorOperator> {
  const { metas, groupOf } = await groupSeries(input.series, expr, run);
  const cells = metas.length * steps.count;
  run.hold(cells);
  const state = make(cells);
  const column = new StepColumn(steps.count);
  const at = argumentSpan(expr.expr);
  const note: Note = (kind, text) => run.annotations[kind](text, at);
  let histograms: HistogramCells | null = null;
  for (let i = 0; i < input.series.length; i++) {
    input.fill(i, column);
    state.add(column, groupOf[i] * steps.count);
    if (column.histograms !== null) {
      histograms ??= histogramCells(expr.op, note);
      histograms.add(column, groupOf[i] * steps.count, state.counts, input.series[i].labels.metricName);
    }
    if (run.due()) await run.pause();
  }
  const table = new ColumnTable(steps.count, metas.length);
  for (const meta of metas) table.appendEmpty(meta);
  for (let cell = 0; cell < cells; cell++) {
    if (state.counts[cell] === 0) continue;
    table.values[cell] = state.result(cell);
    table.present[cell] = FLOAT;
    if (run.dueAt(cell)) await run.pause();
  }
  histograms?.finish(table, state.counts);
  run.distinct.add(table.series);
  return table;
}

function sumAccumulator(cells: number): Accumulator {
  const counts = new Uint32Array(cells);
  const sums = new Float64Array(cells);
  const cs = new Float64Array(cells);
  return {
    counts,
    add({ v, present, count }, base) {
      for (let s = 0; s < count; s++) {
        if (present[s] !== FLOAT) continue;
        const cell = base + s;
        cs[cell] = compensation(v[s], sums[cell], cs[cell]);
        sums[cell] += v[s];
        counts[cell]++;
      }
    },
    result: (cell) => (Number.isFinite(sums[cell]) ? sums[cell] + cs[cell] : sums[cell]),
  };
}

/** A plain mean that turns into an incremental one in cells whose sum would overflow, as upstream has it. */
function avgAccumulator(cells: number): Accumulator {
  const counts = new Uint32Array(cells);
  const sums = new Float64Array(cells);
  const cs = new Float64Array(cells);
  const incremental = new Uint8Array(cells);
  const addOne = (cell: number, value: number): void => {
    const n = ++counts[cell];
    if (incremental[cell] === 0) {
      const total = sums[cell] + value;
      if (n === 1 || Number.isFinite(total) || Number.isNaN(total)) {
        if (n > 1) cs[cell] = compensation(value, sums[cell], cs[cell]);
        sums[cell] = n === 1 ? value : total;
        return;
      }
      incremental[cell] = 1;
      sums[cell] /= n - 1;
      cs[cell] /= n - 1;
    }
    if (infinityAbsorbs(sums[cell], value)) return;
    const kept = (n - 1) / n;
    const scaled = kept * sums[cell];
    cs[cell] = compensation(value / n, scaled, kept * cs[cell]);
    sums[cell] = scaled + value / n;
  };
  return {
    counts,
    add({ v, present, count }, base) {
      for (let s = 0; s < count; s++) if (present[s] === FLOAT) addOne(base + s, v[s]);
    },
    result(cell) {
      if (incremental[cell]) return sums[cell] + cs[cell];
      return sums[cell] / counts[cell] + cs[cell] / counts[cell];
    },
  };
}

function extremeAccumulator(cells: number, better: (value: number, best: number) => boolean): Accumulator {
  const counts = new Uint32Array(cells);
  const best = new Float64Array(cells);
  return {
    counts,
    add({ v, present, count }, base) {
      for (let s = 0; s < count; s++) {
        if (present[s] !== FLOAT) continue;
        const cell = base + s;
        if (counts[cell]++ === 0 || better(v[s], best[cell]) || Number.isNaN(best[cell])) best[cell] = v[s];
      }
    },
    result: (cell) => best[cell],
  };
}

function countAccumulator(cells: number, value: (count: number) => number): Accumulator {
  const counts = new Uint32Array(cells);
  return {
    counts,
    add({ present, count }, base) {
      for (let s = 0; s < count; s++) if (present[s] !== 0) counts[base + s]++;
    },
    result: (cell) => value(counts[cell]),
  };
}

/** Welford's population variance. */
function varianceAccumulator(cells: number, finish: (variance: number) => number): Accumulator {
  const counts = new Uint32Array(cells);
  const means = new Float64Array(cells);
  const squares = new Float64Array(cells);
  return {
    counts,
    add({ v, present, count }, base) {
      for (let s = 0; s < count; s++) {
        if (present[s] !== FLOAT) continue;
        const cell = base + s;
        const n = ++counts[cell];
        if (n === 1) {
          means[cell] = v[s];
          squares[cell] = Number.isFinite(v[s]) ? 0 : Number.NaN;
          continue;
        }
        const delta = v[s] - means[cell];
        means[cell] += delta / n;
        squares[cell] += delta * (v[s] - means[cell]);
      }
    },
    result: (cell) => finish(squares[cell] / counts[cell]),
  };
}
