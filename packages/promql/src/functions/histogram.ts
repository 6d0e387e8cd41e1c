import { badBucketLabel, invalidQuantile } from '../annotations.ts';
import type { Call, Expr } from '../ast.ts';
import { type Bucket, bucketFraction, bucketQuantile } from '../classic-buckets.ts';
import { ColumnTable, EMPTY_VECTOR, FLOAT, type SeriesMeta, type VectorOperator } from '../columns.ts';
import { executionError } from '../error.ts';
import { formatOpenMetrics } from '../format-plain.ts';
import type { Prepared, Scope } from '../plan.ts';
import { isQuantile } from '../quantile.ts';
import { materialize } from '../query-run.ts';
import { isValidLabelName, quote } from '../quote.ts';
import { define, type FunctionSpec, vectorResult } from './spec.ts';

/** The bucket series of one classic histogram. */
interface ClassicHistogram {
  readonly meta: SeriesMeta;
  readonly metricName: string;
  readonly rows: number[];
  readonly bounds: number[];
}

/** A classic histogram's buckets at one step. */
type BucketFunction = (buckets: Bucket[], step: number, histogram: ClassicHistogram) => number;

/** Groups bucket series into histograms once per query, then computes one value per histogram and step. */
async function perHistogram(
  table: ColumnTable,
  argument: Expr,
  scope: Scope,
  compute: BucketFunction,
): Promise<VectorOperator> {
  const { run, steps } = scope;
  const histograms = groupBuckets(table, argument, scope);
  const out = new ColumnTable(steps.count, histograms.length);
  for (const histogram of histograms) {
    const base = out.appendEmpty(histogram.meta) * steps.count;
    for (let s = 0; s < steps.count; s++) {
      if (run.due()) await run.pause();
      const buckets = bucketsAt(table, histogram, s);
      if (buckets.length === 0) continue;
      out.values[base + s] = compute(buckets, s, histogram);
      out.present[base + s] = FLOAT;
    }
  }
  return out;
}

function groupBuckets(table: ColumnTable, argument: Expr, { run }: Scope): ClassicHistogram[] {
  const histograms = new Map<string, ClassicHistogram>();
  table.series.forEach((meta, row) => {
    const le = meta.labels.get('le');
    const bound = parseBound(le);
    if (bound === null) {
      run.annotations.warn(badBucketLabel(le, toldName(meta, run)), argument);
      return;
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
  });
  return [...histograms.values()];
}

/** The metric name as annotations tell it: upstream has dropped it by then unless names are dropped at the end. */
function toldName({ labels }: SeriesMeta, run: Scope['run']): string {
  return run.options.delayedNameRemoval ? labels.metricName : '';
}

/** A bucket bound as Go reads a float; null where it is none. */
function parseBound(text: string): number | null {
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

async function histogramQuantile(call: Call, scope: Scope): Promise<Prepared> {
  const [param, argument] = call.args;
  const q = await scope.scalar(param);
  for (const value of q) if (!isQuantile(value)) scope.run.annotations.warn(invalidQuantile(value), param);
  const table = await materialize(await scope.vector(argument), scope.run, scope.steps.count);
  const op = await perHistogram(table, argument, scope, quantileOf(q, argument, scope));
  return vectorResult(op, scope);
}

function quantileOf(q: Float64Array, argument: Expr, { run, steps }: Scope): BucketFunction {
  return (buckets, step, { metricName }) => {
    const { value, correction } = bucketQuantile(q[step], buckets);
    if (correction) {
      run.annotations.corrected(metricName, argument, correction, steps.startMs + step * steps.stepMs);
    }
    return value;
  };
}

/** `histogram_quantiles(v, label, q…)`: one series per quantile, which stands in `label`. */
async function histogramQuantiles(call: Call, scope: Scope): Promise<Prepared> {
  const [argument, labelArg, ...params] = call.args;
  const label = await scope.string(labelArg);
  if (!isValidLabelName(label)) throw executionError(`invalid label name ${quote(label)}`);
  const { run, steps } = scope;
  const table = await materialize(await scope.vector(argument), run, steps.count);
  const parts: VectorOperator[] = [];
  for (const param of params) {
    const q = await scope.scalar(param);
    for (const value of q) if (!isQuantile(value)) run.annotations.warn(invalidQuantile(value), param);
    const op = await perHistogram(table, argument, scope, quantileOf(q, argument, scope));
    const name = formatOpenMetrics(q[0]);
    const series = op.series.map(({ labels, dropName }) => ({ labels: labels.withLabel(label, name), dropName }));
    parts.push({ series, fill: (i, out) => op.fill(i, out) });
  }
  return vectorResult(joined(parts), scope);
}

function joined(parts: readonly VectorOperator[]): VectorOperator {
  const places = parts.flatMap((part) => part.series.map((_, i) => ({ part, i })));
  return {
    series: parts.flatMap((part) => part.series),
    fill: (i, out) => places[i].part.fill(places[i].i, out),
  };
}

async function histogramFraction(call: Call, scope: Scope): Promise<Prepared> {
  const [lowerArg, upperArg, argument] = call.args;
  const lower = await scope.scalar(lowerArg);
  const upper = await scope.scalar(upperArg);
  const table = await materialize(await scope.vector(argument), scope.run, scope.steps.count);
  const op = await perHistogram(table, argument, scope, (buckets, s) => bucketFraction(lower[s], upper[s], buckets));
  return vectorResult(op, scope);
}

/** Functions of native histograms give nothing for floats, which is all there is until we store histograms. */
function nativeOnly(name: string): FunctionSpec {
  return define(name, ['vector'], 'vector', async (call, scope) => {
    await scope.vector(call.args[0]);
    return { type: 'vector', op: EMPTY_VECTOR };
  });
}

export const histogramFunctions: readonly FunctionSpec[] = [
  define('histogram_quantile', ['scalar', 'vector'], 'vector', histogramQuantile),
  define('histogram_quantiles', ['vector', 'string', 'scalar', 'scalar'], 'vector', histogramQuantiles, {
    variadic: 9,
    experimental: true,
  }),
  define('histogram_fraction', ['scalar', 'scalar', 'vector'], 'vector', histogramFraction),
  nativeOnly('histogram_avg'),
  nativeOnly('histogram_count'),
  nativeOnly('histogram_sum'),
  nativeOnly('histogram_stddev'),
  nativeOnly('histogram_stdvar'),
];
