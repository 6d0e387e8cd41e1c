import type { Engine, QueryReport } from '@avalanche/promql';
import { collectedCounters, collectedGauges, registerFamily } from '@avalanche/web';
import type { Registry } from 'prom-client';
import { Durations } from '../durations.ts';
import type { QueryLog } from './query-log.ts';

const SLICES = ['inner_eval', 'prepare_time', 'queue_time', 'result_sort'] as const;
type Slice = (typeof SLICES)[number];

const QUANTILES = [0.5, 0.9, 0.99];
/** Bounds of the histogram, in seconds. */
const BOUNDS = [0.01, 0.1, 1, 10];

/** What queries cost, summed up for `prometheus_engine_…`. */
export class QueryMetrics {
  samples = 0;
  samplesRead = 0;
  readonly durations: Readonly<Record<Slice, Durations>> = {
    inner_eval: new Durations(BOUNDS),
    prepare_time: new Durations(BOUNDS),
    queue_time: new Durations(BOUNDS),
    result_sort: new Durations(BOUNDS),
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
  const { durations } = metrics;
  const summary = { name: 'prometheus_engine_query_duration_seconds', help: 'Query timings', type: 'summary' } as const;
  registerFamily(registry, summary, () =>
    SLICES.flatMap((slice) => durations[slice].summary(summary.name, { slice }, QUANTILES)),
  );
  const histogram = {
    name: 'prometheus_engine_query_duration_histogram_seconds',
    help: 'The duration of various parts of PromQL query execution.',
    type: 'histogram',
  } as const;
  registerFamily(registry, histogram, () =>
    SLICES.flatMap((slice) => durations[slice].histogram(histogram.name, { slice })),
  );
}
