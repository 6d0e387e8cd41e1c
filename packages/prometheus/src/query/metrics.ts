import type { Engine, QueryReport } from '@avalanche/promql';
import type { Registry } from 'prom-client';
import { collectedCounters, collectedGauges, registerFamily, sample } from '../collected.ts';
import type { QueryLog } from './query-log.ts';
import { RecentValues } from './recent-values.ts';

const SLICES = ['inner_eval', 'prepare_time', 'queue_time', 'result_sort'] as const;
type Slice = (typeof SLICES)[number];

const QUANTILES = [0.5, 0.9, 0.99];
/** How far back the quantiles look (client_golang's default). */
const MAX_AGE_MS = 10 * 60_000;

/** What queries cost, summed up for `prometheus_engine_…`. */
export class QueryMetrics {
  samples = 0;
  samplesRead = 0;
  readonly durations: Readonly<Record<Slice, Durations>> = {
    inner_eval: new Durations(),
    prepare_time: new Durations(),
    queue_time: new Durations(),
    result_sort: new Durations(),
  };

  /** A slice counts where it was reached. */
  observe({ stats, stepMs, error }: QueryReport): void {
    this.samples += stats.totalSamples;
    this.samplesRead += stats.samplesRead;
    this.durations.queue_time.observe(stats.queueMs / 1000);
    if (stats.evalMs === 0) return;
    this.durations.prepare_time.observe(stats.preparationMs / 1000);
    this.durations.inner_eval.observe(stats.innerEvalMs / 1000);
    if (stepMs > 0 && error === null) this.durations.result_sort.observe(stats.resultSortMs / 1000);
  }
}

/** Bounds of the histogram, in seconds. */
const BOUNDS = [0.01, 0.1, 1, 10];

/** Durations of one slice in seconds. */
class Durations {
  /** By bound, those up to the bound before included. */
  readonly cumulative = BOUNDS.map(() => 0);
  count = 0;
  sum = 0;
  readonly recent = new RecentValues(MAX_AGE_MS);

  observe(seconds: number): void {
    BOUNDS.forEach((bound, i) => {
      if (seconds <= bound) this.cumulative[i]++;
    });
    this.count++;
    this.sum += seconds;
    this.recent.add(seconds, performance.now());
  }
}

/** Publishes what an engine says of itself, under upstream's names. */
export function registerQueryMetrics(registry: Registry, engine: Engine, metrics: QueryMetrics, log: QueryLog): void {
  collectedGauges(registry, [
    ['prometheus_engine_queries', 'The current number of queries being executed or waiting.', () => engine.queries],
    ['prometheus_engine_queries_concurrent_max', 'The max number of concurrent queries.', () => engine.maxConcurrency],
    ['prometheus_engine_query_log_enabled', 'State of the query log.', () => Number(log.enabled)],
  ]);
  collectedCounters(registry, [
    ['prometheus_engine_query_log_failures_total', 'The number of query log failures.', () => log.failures],
    [
      'prometheus_engine_query_samples_total',
      'The total number of samples loaded by all queries (full window per step for range-vector).',
      () => metrics.samples,
    ],
    [
      'prometheus_engine_query_samples_read_total',
      'The total number of samples read by all queries (only new points per step for range-vector).',
      () => metrics.samplesRead,
    ],
  ]);
  const summary = { name: 'prometheus_engine_query_duration_seconds', help: 'Query timings', type: 'summary' } as const;
  registerFamily(registry, summary, () => SLICES.flatMap((slice) => summaryOf(summary.name, slice, metrics)));
  const histogram = {
    name: 'prometheus_engine_query_duration_histogram_seconds',
    help: 'The duration of various parts of PromQL query execution.',
    type: 'histogram',
  } as const;
  registerFamily(registry, histogram, () => SLICES.flatMap((slice) => histogramOf(histogram.name, slice, metrics)));
}

function summaryOf(name: string, slice: Slice, { durations }: QueryMetrics) {
  const { recent } = durations[slice];
  const values = recent.quantiles(QUANTILES, performance.now());
  return [
    ...QUANTILES.map((quantile, i) => sample(name, values[i], { slice, quantile })),
    ...totalsOf(name, slice, durations[slice]),
  ];
}

function histogramOf(name: string, slice: Slice, { durations }: QueryMetrics) {
  const { cumulative, count } = durations[slice];
  return [
    ...BOUNDS.map((le, i) => sample(`${name}_bucket`, cumulative[i], { slice, le })),
    sample(`${name}_bucket`, count, { slice, le: '+Inf' }),
    ...totalsOf(name, slice, durations[slice]),
  ];
}

function totalsOf(name: string, slice: Slice, { sum, count }: Durations) {
  return [sample(`${name}_sum`, sum, { slice }), sample(`${name}_count`, count, { slice })];
}
