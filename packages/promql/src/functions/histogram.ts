import type { FloatHistogram } from '@avalanche/model';
import { badBucketLabel, invalidQuantile } from '../annotations.ts';
import { type Call, type Expr, unparen } from '../ast.ts';
import { type Bucket, bucketFraction, bucketQuantile } from '../classic-buckets.ts';
import { ABSENT, ColumnTable, FLOAT, HISTOGRAM, type SeriesMeta, type VectorOperator } from '../columns.ts';
import { formatOpenMetrics } from '../format-plain.ts';
import { mixedClassicNative } from '../histograms/notes.ts';
import { histogramFraction, histogramQuantile, histogramVariance } from '../histograms/quantile.ts';
import type { Prepared, Scope } from '../plan.ts';
import { isQuantile } from '../quantile.ts';
import { materialize } from '../query-run.ts';
import { define, type FunctionSpec, nameless, vectorResult } from './spec.ts';

/** The bucket series of one classic histogram. */
interface ClassicHistogram {
  readonly meta: SeriesMeta;
  readonly metricName: string;
  readonly rows: number[];
  readonly bounds: number[];
}

/** What is computed of a histogram at one step: of a classic one's buckets, or of a native one. */
interface HistogramFunction {
  readonly classic: (buckets: Bucket[], step: number, metricName: string) => number;
  readonly native: (histogram: FloatHistogram, step: number, metricName: string) => number;
}

/**
 * Groups bucket series into histograms once per query, then computes one value per histogram and step. Where there is a
 * native histogram with the same labels, neither is looked at.
 */
async function perHistogram(
  table: ColumnTable,
  argument: Expr,
  scope: Scope,
  compute: HistogramFunction,
): Promise<VectorOperator> {
  const { run, steps } = scope;
  const histograms = await groupBuckets(table, argument, scope);
  const out = new ColumnTable(steps.count, histograms.size);
  const natives = table.histograms === null ? null : rowsByLabels(table);
  if (natives) await perNative(table, histograms, { argument, scope, compute, out });
  for (const [key, histogram] of histograms) {
    const base = out.appendEmpty(histogram.meta) * steps.count;
    const native = natives?.get(key);
    for (let s = 0; s < steps.count; s++) {
      if (run.due()) await run.pause();
      const buckets = bucketsAt(table, histogram, s);
      if (buckets.length === 0) continue;
      if (native !== undefined && table.present[native * steps.count + s] === HISTOGRAM) continue;
      out.values[base + s] = compute.classic(buckets, s, histogram.metricName);
      out.present[base + s] = FLOAT;
    }
  }
  return out;
}

function rowsByLabels({ series }: ColumnTable): ReadonlyMap<string, number> {
  return new Map(series.map(({ labels }, row) => [labels.key, row]));
}

interface NativeWork {
  readonly argument: Expr;
  readonly scope: Scope;
  readonly compute: HistogramFunction;
  readonly out: ColumnTable;
}

async function perNative(
  table: ColumnTable,
  classics: ReadonlyMap<string, ClassicHistogram>,
  { argument, scope: { run, steps }, compute, out }: NativeWork,
): Promise<void> {
  for (let row = 0; row < table.series.length; row++) {
    const { labels, dropName } = table.series[row];
    const classic = classics.get(labels.key);
    const metricName = toldName(table.series[row], run);
    let base = -1;
    for (let s = 0; s < steps.count; s++) {
      const cell = row * steps.count + s;
      const histogram = table.present[cell] === HISTOGRAM ? table.histograms?.[cell] : undefined;
      if (!histogram) continue;
      if (classic && bucketsAt(table, classic, s).length > 0) {
        run.annotations.warn(mixedClassicNative(metricName), argument);
        continue;
      }
      if (base < 0) base = out.appendEmpty(run.withoutName({ labels, dropName })) * steps.count;
      out.values[base + s] = compute.native(histogram, s, metricName);
      out.present[base + s] = FLOAT;
      if (run.due()) await run.pause();
    }
  }
}

/** By the key of their labels without `le`. */
async function groupBuckets(
  table: ColumnTable,
  argument: Expr,
  { run }: Scope,
): Promise<ReadonlyMap<string, ClassicHistogram>> {
  const histograms = new Map<string, ClassicHistogram>();
  for (let row = 0; row < table.series.length; row++) {
    if (run.dueAt(row)) await run.pause();
    const meta = table.series[row];
    const le = meta.labels.get('le');
    const bound = parseBound(le);
    if (bound === null) {
      const floats = table.present.subarray(row * table.count, (row + 1) * table.count).includes(FLOAT);
      if (floats) run.annotations.warn(badBucketLabel(le, toldName(meta, run)), argument);
      continue;
    }
    const labels = meta.labels.without('le');
    let histogram = histograms.get(labels.key);
    if (!histogram) {
      const metricName = toldName(meta, run);
      histogram = { meta: run.withoutName({ labels, dropName: meta.dropName }), metricName, rows: [], bounds: [] };
      histograms.set(labels.key, histogram);
    }
    histogram.rows.push(row);
    histogram.bounds.push(bound);
  }
  return histograms;
}

/** The metric name as annotations tell it: upstream has dropped it by then unless names are dropped at the end. */
function toldName({ labels }: SeriesMeta, run: Scope['run']): string {
  return run.options.delayedNameRemoval ? labels.metricName : '';
}

/** A bucket bound as Go reads a float; null where it is none. */
export function parseBound(text: string): number | null {
  if (/^[+]?inf(inity)?$/i.test(text)) return Number.POSITIVE_INFINITY;
  if (/^-inf(inity)?$/i.test(text)) return Number.NEGATIVE_INFINITY;
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : null;
}

function bucketsAt(table: ColumnTable, { rows, bounds }: ClassicHistogram, step: number): Bucket[] {
  const buckets: Bucket[] = [];
  rows.forEach((row, i) => {
    const cell = row * table.count + step;
    if (table.present[cell] === FLOAT) buckets.push({ bound: bounds[i], count: table.values[cell] });
  });
  return buckets;
}

async function quantiles(call: Call, scope: Scope): Promise<Prepared> {
  const [param, argument] = call.args.map(unparen);
  const q = await scope.scalar(param);
  for (const value of q) if (!isQuantile(value)) scope.run.annotations.warn(invalidQuantile(value), param);
  const table = await materialize(await scope.vector(argument), scope.run, scope.steps.count);
  const op = await perHistogram(table, argument, scope, quantileOf(q, argument, scope));
  return vectorResult(op, scope);
}

function quantileOf(q: Float64Array, argument: Expr, { run, steps }: Scope): HistogramFunction {
  return {
    classic(buckets, step, metricName) {
      const { value, correction } = bucketQuantile(q[step], buckets);
      if (correction) {
        run.annotations.corrected(metricName, argument, correction, steps.startMs + step * steps.stepMs);
      }
      return value;
    },
    native: (histogram, step, metricName) =>
      histogramQuantile(q[step], histogram, metricName, (kind, text) => run.annotations[kind](text, argument)),
  };
}

/** `histogram_quantiles(v, label, q…)`: one series per quantile, which stands in `label`. */
async function labelledQuantiles(call: Call, scope: Scope): Promise<Prepared> {
  const [argument, labelArg, ...params] = call.args.map(unparen);
  const label = await scope.string(labelArg);
  const { run, steps } = scope;
  const table = await materialize(await scope.vector(argument), run, steps.count);
  const parts: VectorOperator[] = [];
  for (const param of params) {
    const q = await scope.scalar(param);
    for (const value of q) if (!isQuantile(value)) run.annotations.warn(invalidQuantile(value), param);
    const op = await perHistogram(table, argument, scope, quantileOf(q, argument, scope));
    for (const value of new Set(q)) parts.push(labelled(op, label, q, value));
  }
  return vectorResult(joined(parts), scope);
}

/** The steps at which the quantile is `value`, with that in `label`. */
function labelled(op: VectorOperator, label: string, q: Float64Array, value: number): VectorOperator {
  const name = formatOpenMetrics(value);
  const always = q.every((each) => Object.is(each, value));
  return {
    series: op.series.map(({ labels, dropName }) => ({ labels: labels.withLabel(label, name), dropName })),
    fill(i, out) {
      op.fill(i, out);
      for (let s = 0; !always && s < out.count; s++) {
        if (q[s] !== value && !(Number.isNaN(q[s]) && Number.isNaN(value))) out.present[s] = ABSENT;
      }
    },
  };
}

function joined(parts: readonly VectorOperator[]): VectorOperator {
  const places = parts.flatMap((part) => part.series.map((_, i) => ({ part, i })));
  return {
    series: parts.flatMap((part) => part.series),
    fill: (i, out) => places[i].part.fill(places[i].i, out),
  };
}

async function fractions(call: Call, scope: Scope): Promise<Prepared> {
  const [lowerArg, upperArg, argument] = call.args.map(unparen);
  const lower = await scope.scalar(lowerArg);
  const upper = await scope.scalar(upperArg);
  const table = await materialize(await scope.vector(argument), scope.run, scope.steps.count);
  const { annotations } = scope.run;
  const op = await perHistogram(table, argument, scope, {
    classic: (buckets, s) => bucketFraction(lower[s], upper[s], buckets),
    native: (histogram, s, metricName) =>
      histogramFraction({ lower: lower[s], upper: upper[s] }, histogram, metricName, (kind, text) =>
        annotations[kind](text, argument),
      ),
  });
  return vectorResult(op, scope);
}

/** A number that a native histogram has; floats have it not. */
function ofHistogram(name: string, compute: (histogram: FloatHistogram) => number): FunctionSpec {
  return define(name, ['vector'], 'vector', async (call, scope) => {
    const op = await scope.vector(call.args[0]);
    const numbers = await nameless(op, scope, (column) => {
      const { histograms, present, count } = column;
      for (let s = 0; s < count; s++) {
        const histogram = present[s] === HISTOGRAM ? histograms?.[s] : undefined;
        if (histogram) column.set(s, compute(histogram));
        else present[s] = ABSENT;
      }
      column.histograms = null;
    });
    return vectorResult(numbers, scope);
  });
}

export const histogramFunctions: readonly FunctionSpec[] = [
  define('histogram_quantile', ['scalar', 'vector'], 'vector', quantiles),
  define('histogram_quantiles', ['vector', 'string', 'scalar', 'scalar'], 'vector', labelledQuantiles, {
    variadic: 9,
    experimental: true,
  }),
  define('histogram_fraction', ['scalar', 'scalar', 'vector'], 'vector', fractions),
  ofHistogram('histogram_avg', ({ sum, count }) => sum / count),
  ofHistogram('histogram_count', ({ count }) => count),
  ofHistogram('histogram_sum', ({ sum }) => sum),
  ofHistogram('histogram_stddev', (histogram) => Math.sqrt(histogramVariance(histogram))),
  ofHistogram('histogram_stdvar', histogramVariance),
];
