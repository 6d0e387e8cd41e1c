import { Labels, SampleColumns } from '@avalanche/model';
import { type ColumnTable, FLOAT, type SeriesMeta, type VectorOperator } from './columns.ts';
import { executionError } from './error.ts';
import type { Prepared } from './plan.ts';
import { materialize, mergeEqualSeries, type QueryRun, SAME_LABELSET } from './query-run.ts';
import type { InstantResult, MatrixResult, MatrixSeries, RangeResult, VectorSample } from './result.ts';
import type { MatrixSource } from './window.ts';

/** What is known of a query beside its value. */
export type Outcome = Pick<MatrixResult, 'warnings' | 'infos' | 'stats'>;

export async function finishInstant(prepared: Prepared, run: QueryRun, outcome: () => Outcome): Promise<InstantResult> {
  const timeMs = run.steps.startMs;
  switch (prepared.type) {
    case 'scalar':
      return { type: 'scalar', timeMs, value: prepared.values[0], ...outcome() };
    case 'string':
      return { type: 'string', timeMs, value: prepared.value, ...outcome() };
    case 'vector': {
      const table = await finalTable(prepared.op, run);
      return { type: 'vector', timeMs, samples: instantSamples(table), ...outcome() };
    }
    case 'matrix': {
      const series = await rawSeries(prepared.source, run);
      return { type: 'matrix', series, ...outcome() };
    }
    default:
      return prepared satisfies never;
  }
}

export async function finishRange(prepared: Prepared, run: QueryRun, outcome: () => Outcome): Promise<RangeResult> {
  if (prepared.type === 'scalar') {
    run.hold(prepared.values.length);
    return { type: 'matrix', series: [scalarSeries(prepared.values, run)], ...outcome() };
  }
  if (prepared.type !== 'vector') throw new Error(`BUG: a range query gave a ${prepared.type}`);
  const table = await finalTable(prepared.op, run);
  const series: MatrixSeries[] = [];
  for (let row = 0; row < table.series.length; row++) {
    const points = rowPoints(table, row, run);
    if (points.length > 0) series.push(points);
    if (run.due()) await run.pause();
  }
  return { type: 'matrix', series: sorted(series, run), ...outcome() };
}

/** Computes the whole vector and drops the names whose removal was delayed. */
async function finalTable(op: VectorOperator, run: QueryRun): Promise<ColumnTable> {
  const { count } = run.steps;
  const delayed = op.series.some(({ dropName }) => dropName);
  const named = delayed ? withFinalNames(op, run) : op;
  return materialize(await mergeEqualSeries(named, run, count), run, count);
}

function withFinalNames(op: VectorOperator, run: QueryRun): VectorOperator {
  return { series: op.series.map((meta) => finalMeta(meta, run)), fill: (i, out) => op.fill(i, out) };
}

function finalMeta(meta: SeriesMeta, run: QueryRun): SeriesMeta {
  return meta.dropName ? { labels: run.nameless(meta), dropName: false } : meta;
}

function instantSamples(table: ColumnTable): VectorSample[] {
  const samples: VectorSample[] = [];
  table.series.forEach(({ labels }, row) => {
    if (table.present[row] === FLOAT) samples.push({ labels, value: table.values[row] });
  });
  return samples;
}

function rowPoints(table: ColumnTable, row: number, { steps }: QueryRun): MatrixSeries {
  const base = row * steps.count;
  const t = new Float64Array(steps.count);
  const v = new Float64Array(steps.count);
  let length = 0;
  for (let s = 0; s < steps.count; s++) {
    if (table.present[base + s] !== FLOAT) continue;
    t[length] = steps.startMs + s * steps.stepMs;
    v[length++] = table.values[base + s];
  }
  return { labels: table.series[row].labels, t, v, length };
}

function scalarSeries(values: Float64Array, { steps }: QueryRun): MatrixSeries {
  const t = values.map((_, s) => steps.startMs + s * steps.stepMs);
  return { labels: Labels.EMPTY, t, v: values, length: values.length };
}

/** A range vector as it was selected, for instant queries such as `metric[5m]`. */
async function rawSeries(source: MatrixSource, run: QueryRun): Promise<MatrixSeries[]> {
  const samples = new SampleColumns();
  const out: MatrixSeries[] = [];
  const seen = new Set<string>();
  for (let i = 0; i < source.series.length; i++) {
    source.load(i, samples);
    const { length } = samples;
    if (length === 0) continue;
    run.hold(length);
    const { labels } = finalMeta(source.series[i], run);
    if (seen.has(labels.key)) throw executionError(SAME_LABELSET);
    seen.add(labels.key);
    out.push({ labels, t: samples.t.slice(0, length), v: samples.v.slice(0, length), length });
    if (run.due()) await run.pause();
  }
  return sorted(out, run);
}

function sorted(series: MatrixSeries[], run: QueryRun): MatrixSeries[] {
  const begin = performance.now();
  series.sort((a, b) => a.labels.compare(b.labels));
  run.sortMs += performance.now() - begin;
  return series;
}
