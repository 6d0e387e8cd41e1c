import { Counter, Registry, register } from 'prom-client';
import { expect, test } from 'vitest';
import { applicationMetrics, createApplicationMetrics } from './application-metrics.ts';

test('names, types and labels are the contract with the dashboards', async () => {
  const metrics = createApplicationMetrics();
  expect(metrics.registry.getMetricsAsArray()).toEqual([]); // unused, it costs nothing
  void metrics.families;
  const rows = metrics.registry.getMetricsAsArray().map((metric) => {
    const { name, labelNames } = metric as unknown as { name: string; labelNames: string[] };
    return `${name} ${metric.constructor.name.toLowerCase()} ${labelNames.join(',')}`.trim();
  });
  expect(rows.sort()).toEqual([
    'analysis_active_runs gauge analysis_type',
    'analysis_duration_seconds histogram analysis_type',
    'analysis_runs_total counter analysis_type,status',
    'analysis_sequences_processed_total counter analysis_type',
    'avalanche_application_info gauge version,name,environment',
    'backup_duration_seconds histogram backup_type',
    'backup_last_success_timestamp gauge backup_type',
    'backup_size_bytes gauge backup_type',
    'backup_success gauge backup_type',
    'database_connections_active gauge',
    'database_query_duration_seconds histogram operation',
    'database_size_bytes gauge database',
    'database_tables_count gauge',
    'download_active_jobs gauge source',
    'download_bytes_total counter source',
    'download_duration_seconds histogram source',
    'download_jobs_total counter source,status',
    'http_active_sessions gauge',
    'http_request_duration_seconds histogram method,endpoint',
    'http_request_size_bytes summary method,endpoint',
    'http_requests_total counter method,endpoint,status',
    'http_response_size_bytes summary method,endpoint',
    'metrics_series_overflow_total counter metric',
    'training_accuracy gauge model_type,run_id',
    'training_duration_seconds histogram model_type',
    'training_epoch gauge model_type,run_id',
    'training_loss gauge model_type,run_id',
    'training_problem gauge model_type,run_id,problem',
    'training_runs_total counter model_type,status',
  ]);
});

test.each([
  ['analysis_duration_seconds', '30', '7200'],
  ['training_duration_seconds', '300', '28800'],
  ['download_duration_seconds', '60', '14400'],
  ['backup_duration_seconds', '30', '3600'],
])('%s has buckets from %s to %s', async (name, first, last) => {
  const metrics = createApplicationMetrics();
  metrics.recordAnalysis({ type: 't', status: 'success', durationSeconds: 1 });
  metrics.recordTraining({ modelType: 't', status: 'success', durationSeconds: 1 });
  metrics.recordDownload({ source: 't', status: 'success', durationSeconds: 1 });
  metrics.recordBackup({ type: 't', status: 'success', durationSeconds: 1 });
  const text = await metrics.registry.metrics();
  const bounds = [...text.matchAll(new RegExp(`^${name}_bucket\\{le="([^"]+)"`, 'gm'))].map((match) => match[1]);
  expect([bounds[0], bounds.at(-2), bounds.at(-1)]).toEqual([first, last, '+Inf']);
});

test('each record moves its own series', async () => {
  const metrics = createApplicationMetrics({ now: () => 1_700_000_000_000 });
  metrics.recordAnalysis({ type: 'taxonomic', status: 'success', durationSeconds: 31, sequences: 1500 });
  metrics.recordAnalysis({ type: 'taxonomic', status: 'failed', durationSeconds: 1 });
  metrics.recordTraining({
    modelType: 'nb',
    status: 'success',
    durationSeconds: 2,
    runId: 'r1',
    accuracy: 0.9,
    loss: 0.2,
  });
  metrics.recordDownload({ source: 'ncbi', status: 'failed', durationSeconds: 2, bytes: 77 });
  metrics.recordBackup({ type: 'full', status: 'success', durationSeconds: 2, sizeBytes: 1000 });
  metrics.recordBackup({ type: 'full', status: 'failed', durationSeconds: 2 });
  metrics.setInfo({ version: '1', name: 'edna', environment: 'demo' });
  metrics.setInfo({ version: '2', name: 'edna', environment: 'demo' });
  const lines = (await metrics.registry.metrics()).split('\n');
  expect(lines).toEqual(
    expect.arrayContaining([
      'analysis_runs_total{analysis_type="taxonomic",status="success"} 1',
      'analysis_runs_total{analysis_type="taxonomic",status="failed"} 1',
      'analysis_sequences_processed_total{analysis_type="taxonomic"} 1500',
      'analysis_duration_seconds_bucket{le="30",analysis_type="taxonomic"} 1',
      'training_accuracy{model_type="nb",run_id="r1"} 0.9',
      'training_loss{model_type="nb",run_id="r1"} 0.2',
      'download_bytes_total{source="ncbi"} 77',
      'backup_success{backup_type="full"} 0',
      'backup_last_success_timestamp{backup_type="full"} 1700000000',
      'backup_size_bytes{backup_type="full"} 1000',
      'avalanche_application_info{version="2",name="edna",environment="demo"} 1',
    ]),
  );
  expect(lines.filter((line) => line.startsWith('avalanche_application_info'))).toHaveLength(1);
});

test('only the newest trainings keep their run_id series', async () => {
  const metrics = createApplicationMetrics({ trainingRunsMax: 3 });
  for (const runId of ['a', 'b', 'c', 'a', 'd']) {
    metrics.recordTraining({ modelType: 'nb', status: 'success', durationSeconds: 1, runId, accuracy: 1, loss: 0 });
  }
  const text = await metrics.registry.metrics();
  for (const name of ['training_accuracy', 'training_loss']) {
    const runs = [...text.matchAll(new RegExp(`^${name}\\{.*run_id="(.)"`, 'gm'))].map((match) => match[1]);
    expect(runs.sort()).toEqual(['a', 'c', 'd']);
  }
});

test('a registry may be given, with metrics that the application has already', async () => {
  const registry = new Registry();
  const own = new Counter({
    name: 'b_analysis_runs_total',
    help: 'x',
    labelNames: ['analysis_type', 'status'],
    registers: [registry],
  });
  new Counter({ name: 'c_analysis_active_runs', help: 'x', registers: [registry] });
  for (const prefix of ['a_', 'b_', 'b_']) {
    createApplicationMetrics({ registry, prefix }).recordAnalysis({ type: 'x', status: 'success', durationSeconds: 1 });
  }
  expect(registry.getSingleMetric('a_analysis_runs_total')).toBeDefined();
  expect((await own.get()).values).toEqual([{ value: 2, labels: { analysis_type: 'x', status: 'success' } }]);
  expect(() => createApplicationMetrics({ registry, prefix: 'c_' }).families).toThrow(
    'the metric c_analysis_active_runs is there already and no Gauge',
  );
  expect(applicationMetrics.registry).toBe(register);
});
