import { Counter, Gauge, Histogram, type Metric, type Registry, Summary } from 'prom-client';
import { limitSeries, overflowCounter, type SeriesLimits } from './series/limit.ts';

/**
 * Upper bounds, in seconds, of the duration histograms. The first and last bound of each list are part of the
 * contract with dashboards and alerts; a service whose jobs are much shorter or longer gives lists of its own.
 */
export interface DurationBuckets {
  readonly httpRequest: readonly number[];
  readonly analysis: readonly number[];
  readonly training: readonly number[];
  readonly download: readonly number[];
  readonly backup: readonly number[];
  readonly databaseQuery: readonly number[];
}

export const DEFAULT_BUCKETS: DurationBuckets = {
  httpRequest: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
  analysis: [30, 60, 120, 300, 600, 1200, 1800, 3600, 5400, 7200],
  training: [300, 600, 1200, 1800, 3600, 7200, 10_800, 14_400, 21_600, 28_800],
  download: [60, 120, 300, 600, 1200, 1800, 3600, 7200, 14_400],
  backup: [30, 60, 120, 300, 600, 900, 1800, 3600],
  databaseQuery: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
};

export type MetricFamilies = ReturnType<typeof createFamilies>;

/** Makes limited metrics on a registry; one that is there already is used as it is. Its methods throw an Error for another type. */
export function metricMaker(registry: Registry, prefix: string, limits: SeriesLimits) {
  const limited = { ...limits, overflows: overflowCounter(registry) };
  // a gauge that is set once must stay: when a backup last succeeded, what runs here, how many runs are under way
  const { expireAfterMs: _, ...limitedForGood } = limited;
  const named = (name: string, help: string) => ({ name: prefix + name, help, registers: [registry] });
  const known = <M extends Metric>(name: string, type: abstract new (...args: never[]) => M): M | undefined => {
    const metric = registry.getSingleMetric(prefix + name);
    if (metric === undefined || metric instanceof type) return metric;
    throw new Error(`the metric ${prefix + name} is there already and no ${type.name}`);
  };
  return {
    counter: <L extends string>(name: string, help: string, labelNames: readonly L[]): Counter<L> =>
      known<Counter<L>>(name, Counter) ?? limitSeries(new Counter<L>({ ...named(name, help), labelNames }), limited),
    gauge: <L extends string>(name: string, help: string, labelNames: readonly L[] = []): Gauge<L> =>
      known<Gauge<L>>(name, Gauge) ?? limitSeries(new Gauge<L>({ ...named(name, help), labelNames }), limitedForGood),
    histogram: <L extends string>(
      name: string,
      help: string,
      labelNames: readonly L[],
      bounds: readonly number[],
    ): Histogram<L> =>
      known<Histogram<L>>(name, Histogram) ??
      limitSeries(new Histogram<L>({ ...named(name, help), labelNames, buckets: [...bounds] }), limited),
    // Quantiles over the last ten minutes: a summary that never forgets would show last month's uploads for ever.
    summary: <L extends string>(name: string, help: string, labelNames: readonly L[]): Summary<L> =>
      known<Summary<L>>(name, Summary) ??
      new Summary<L>({
        ...named(name, help),
        labelNames,
        percentiles: [0.5, 0.9, 0.99],
        maxAgeSeconds: 600,
        ageBuckets: 5,
      }),
  };
}

/**
 * Creates every metric of the contract on `registry`; one that the application has there already is used as it is.
 * @throws Error where one of the names is taken by a metric of another type
 */
export function createFamilies(
  registry: Registry,
  {
    prefix,
    buckets,
    limits,
  }: { readonly prefix: string; readonly buckets: DurationBuckets; readonly limits: SeriesLimits },
) {
  const { counter, gauge, histogram, summary } = metricMaker(registry, prefix, limits);
  return {
    httpRequests: counter('http_requests_total', 'HTTP requests answered.', ['method', 'endpoint', 'status']),
    httpDuration: histogram(
      'http_request_duration_seconds',
      'Time from the request line to the end of the response.',
      ['method', 'endpoint'],
      buckets.httpRequest,
    ),
    httpRequestSize: summary('http_request_size_bytes', 'Size of request bodies.', ['method', 'endpoint']),
    httpResponseSize: summary('http_response_size_bytes', 'Size of response bodies.', ['method', 'endpoint']),
    httpSessions: gauge('http_active_sessions', 'Distinct clients that sent a request in the last five minutes.'),

    analysisRuns: counter('analysis_runs_total', 'Analyses ended.', ['analysis_type', 'status']),
    analysisDuration: histogram(
      'analysis_duration_seconds',
      'Duration of analyses.',
      ['analysis_type'],
      buckets.analysis,
    ),
    analysisSequences: counter('analysis_sequences_processed_total', 'Sequences read by analyses.', ['analysis_type']),
    analysisActive: gauge('analysis_active_runs', 'Analyses running now.', ['analysis_type']),

    trainingRuns: counter('training_runs_total', 'Trainings ended.', ['model_type', 'status']),
    trainingDuration: histogram(
      'training_duration_seconds',
      'Duration of trainings.',
      ['model_type'],
      buckets.training,
    ),
    trainingAccuracy: gauge('training_accuracy', 'Accuracy on held-out data, 0 to 1.', ['model_type', 'run_id']),
    trainingLoss: gauge('training_loss', 'Log-loss on held-out data, in nats.', ['model_type', 'run_id']),
    trainingEpoch: gauge('training_epoch', 'The epoch or step that was logged last.', ['model_type', 'run_id']),
    trainingProblem: gauge(
      'training_problem',
      '1 where a training that runs has this problem: its loss is no number, stays, or goes back up.',
      ['model_type', 'run_id', 'problem'],
    ),

    downloadJobs: counter('download_jobs_total', 'Downloads ended.', ['source', 'status']),
    downloadDuration: histogram('download_duration_seconds', 'Duration of downloads.', ['source'], buckets.download),
    downloadBytes: counter('download_bytes_total', 'Bytes received by downloads.', ['source']),
    downloadActive: gauge('download_active_jobs', 'Downloads running now.', ['source']),

    backupSuccess: gauge('backup_success', '1 where the last backup succeeded, 0 where it failed.', ['backup_type']),
    backupLastSuccess: gauge(
      'backup_last_success_timestamp',
      'Unix time in seconds of the last backup that succeeded.',
      ['backup_type'],
    ),
    backupSize: gauge('backup_size_bytes', 'Size of the last backup that succeeded.', ['backup_type']),
    backupDuration: histogram('backup_duration_seconds', 'Duration of backups.', ['backup_type'], buckets.backup),

    databaseConnections: gauge('database_connections_active', 'Database connections this application holds.'),
    databaseTables: gauge('database_tables_count', 'Tables in the application’s database.'),
    databaseQuery: histogram(
      'database_query_duration_seconds',
      'Duration of database queries as the application sees it.',
      ['operation'],
      buckets.databaseQuery,
    ),
    databaseSize: gauge('database_size_bytes', 'Size of the database on its server.', ['database']),

    info: gauge('avalanche_application_info', 'Always 1; what runs here is in the labels.', [
      'version',
      'name',
      'environment',
    ]),
  };
}
