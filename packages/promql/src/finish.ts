import { type FloatHistogram, Labels, SampleColumns, Slices } from '@avalanche/model';
import { ABSENT, type ColumnTable, FLOAT, HISTOGRAM, type SeriesMeta, type VectorOperator } from './columns.ts';
import { executionError } from './error.ts';
import { extendSamples } from './extension.ts';
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
  const times = stepTimes(run);
  const series: MatrixSeries[] = [];
  for (let row = 0; row < table.series.length; row++) {
    const points = rowPoints(table, row, times);
    if (points.length > 0) series.push(points);
    if (run.due()) await run.pause();
  }
  return { type: 'matrix', series: await sorted(series, run), ...outcome() };
}

/** Computes the whole vector and drops the names whose removal was delayed. */
async function finalTable(op: VectorOperator, run: QueryRun): Promise<ColumnTable> {
  const { count } = run.steps;
  const delayed = op.series.some(({ dropName }) => dropName);
  const named = delayed ? await withFinalNames(op, run) : op;
  return materialize(await mergeEqualSeries(named, run, count), run, count);
}

async function withFinalNames(op: VectorOperator, run: QueryRun): Promise<VectorOperator> {
  const series: SeriesMeta[] = [];
  for (let i = 0; i < op.series.length; i++) {
    series.push(finalMeta(op.series[i], run));
    if (run.dueAt(i)) await run.pause();
  }
  return { series, fill: (i, out) => op.fill(i, out) };
}

function finalMeta(meta: SeriesMeta, run: QueryRun): SeriesMeta {
  return meta.dropName ? { labels: run.nameless(meta), dropName: false } : meta;
}

function instantSamples(table: ColumnTable): VectorSample[] {
  const samples: VectorSample[] = [];
  table.series.forEach(({ labels }, row) => {
    if (table.present[row] === ABSENT) return;
    const histogram = table.present[row] === HISTOGRAM ? table.histograms?.[row] : undefined;
    samples.push({ labels, value: table.values[row], histogram: histogram ?? null });
  });
  return samples;
}

function stepTimes({ steps }: QueryRun): Float64Array {
  const times = new Float64Array(steps.count);
  for (let s = 0; s < steps.count; s++) times[s] = steps.startMs + s * steps.stepMs;
  return times;
}

/** Where a row has a sample at every step its values are not copied, nor the times that all such rows have. */
function rowPoints(table: ColumnTable, row: number, times: Float64Array): MatrixSeries {
  const { count } = table;
  const base = row * count;
  const { labels } = table.series[row];
  let length = 0;
  for (let s = 0; s < count; s++) if (table.present[base + s] === FLOAT) length++;
  if (length === count) {
    return { labels, t: times, v: table.values.subarray(base, base + count), length, histograms: null };
  }
  if (table.histograms !== null) return mixedPoints(table, row, times);
  const t = new Float64Array(length);
  const v = new Float64Array(length);
  for (let s = 0, i = 0; s < count; s++) {
    if (table.present[base + s] !== FLOAT) continue;
    t[i] = times[s];
    v[i++] = table.values[base + s];
  }
  return { labels, t, v, length, histograms: null };
}

/** A row that may have native histograms. */
function mixedPoints(table: ColumnTable, row: number, times: Float64Array): MatrixSeries {
  const base = row * table.count;
  const t = new Float64Array(table.count);
  const v = new Float64Array(table.count);
  const histograms: FloatHistogram[] = [];
  let length = 0;
  for (let s = 0; s < table.count; s++) {
    const cell = base + s;
    if (table.present[cell] === ABSENT) continue;
    if (table.present[cell] === HISTOGRAM) histograms[length] = table.histograms?.[cell] as FloatHistogram;
    t[length] = times[s];
    v[length++] = table.values[cell];
  }
  return { labels: table.series[row].labels, t, v, length, histograms: histograms.length > 0 ? histograms : null };
}

function scalarSeries(values: Float64Array, run: QueryRun): MatrixSeries {
  return { labels: Labels.EMPTY, t: stepTimes(run), v: values, length: values.length, histograms: null };
}

/** A range vector as it was selected, for instant queries such as `metric[5m]`. */
async function rawSeries(source: MatrixSource, run: QueryRun): Promise<MatrixSeries[]> {
  const samples = new SampleColumns();
  const { refs, rangeMs } = source;
  const out: MatrixSeries[] = [];
  const seen = new Set<string>();
  for (let i = 0; i < source.series.length; i++) {
    if (run.due()) await run.pause(); // here, as a series may cost much and have nothing in the end
    source.load(i, samples);
    if (source.extension) extendSamples(samples, refs.firstMs - rangeMs, refs.firstMs, source.extension);
    const { length } = samples;
    if (length === 0) continue;
    run.hold(length);
    run.counter.range(length);
    const { labels } = finalMeta(source.series[i], run);
    if (seen.has(labels.key)) throw executionError(SAME_LABELSET);
    seen.add(labels.key);
    out.push({
      labels,
      t: samples.t.slice(0, length),
      v: samples.v.slice(0, length),
      length,
      histograms: samples.histograms,
    });
  }
  return sorted(out, run);
}

async function sorted(series: MatrixSeries[], run: QueryRun): Promise<MatrixSeries[]> {
  const begin = performance.now();
  const inOrder = await new Slices().sort(series, (a, b) => a.labels.compare(b.labels));
  run.sortMs += performance.now() - begin;
  return inOrder;
}
