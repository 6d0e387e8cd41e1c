import { expect, test } from 'vitest';
import { createApplicationMetrics } from './application-metrics.ts';

function setUp() {
  let now = 1_700_000_000_000;
  const metrics = createApplicationMetrics({ now: () => now, trainingRunsMax: 2 });
  const value = async (line: string): Promise<number | undefined> => {
    const text = await metrics.registry.metrics();
    const found = text.split('\n').find((one) => one.startsWith(`${line} `));
    return found === undefined ? undefined : Number(found.slice(line.length + 1));
  };
  return { metrics, value, pass: (seconds: number) => (now += seconds * 1000) };
}

test('a run of a kind of its own is counted as a job', async () => {
  const { metrics, value, pass } = setUp();
  const run = metrics.startRun({ kind: 'report', name: 'monthly' });
  expect(await value('job_active_runs{kind="report",name="monthly"}')).toBe(1);
  pass(20);
  const used = { cpuSeconds: 12.5, peakMemoryBytes: 4096, readBytes: 10, writtenBytes: 20 };
  run.end({ outcome: 'failed', exitStatus: 3, ...used });
  run.end({ outcome: 'success' });
  expect(await value('job_active_runs{kind="report",name="monthly"}')).toBe(0);
  expect(await value('job_runs_total{kind="report",name="monthly",outcome="failed"}')).toBe(1);
  expect(await value('job_runs_total{kind="report",name="monthly",outcome="success"}')).toBeUndefined();
  expect(await value('job_duration_seconds_sum{kind="report",name="monthly"}')).toBe(20);
  expect(await value('job_exit_status{kind="report",name="monthly"}')).toBe(3);
  expect(await value('job_cpu_seconds_total{kind="report",name="monthly"}')).toBe(12.5);
  expect(await value('job_last_end_timestamp_seconds{kind="report",name="monthly"}')).toBe(1_700_000_020);
  expect(await value('job_last_success_timestamp_seconds{kind="report",name="monthly"}')).toBeUndefined();
});

test.each([
  ['analysis', 'analysis_runs_total{analysis_type="x",status="failed"}'],
  ['training', 'training_runs_total{model_type="x",status="failed"}'],
  ['download', 'download_jobs_total{source="x",status="failed"}'],
])('a cancelled %s counts as failed in the metrics of its kind', async (kind, line) => {
  const { metrics, value } = setUp();
  metrics.startRun({ kind, name: 'x' }).end({ outcome: 'cancelled' });
  expect(await value(line)).toBe(1);
  expect(await value(`job_runs_total{kind="${kind}",name="x",outcome="cancelled"}`)).toBe(1);
});

test('a lost run is no run that ended, and no failure of its kind', async () => {
  const { metrics, value } = setUp();
  metrics.startRun({ kind: 'analysis', name: 'x' }).end({ outcome: 'lost' });
  const lines = (await metrics.registry.metrics()).split('\n').filter((line) => /^(?:job|analysis)_.*"x"/.test(line));
  expect(lines.sort()).toEqual([
    'analysis_active_runs{analysis_type="x"} 0',
    'job_active_runs{kind="analysis",name="x"} 0',
    'job_last_end_timestamp_seconds{kind="analysis",name="x"} 1700000000',
    'job_lost_runs_total{kind="analysis",name="x"} 1',
  ]);
  expect(await value('job_last_success_timestamp_seconds{kind="analysis",name="x"}')).toBeUndefined();
});

test('a training shows where it is, and what is wrong with it while it runs', async () => {
  const { metrics, value } = setUp();
  const run = metrics.startRun({ kind: 'training', name: 'cnn', runId: 'r1' });
  run.log({ epoch: 1, loss: 2, accuracy: 0.3 });
  run.log({ epoch: 2, loss: Number.NaN });
  expect(await value('training_epoch{model_type="cnn",run_id="r1"}')).toBe(2);
  expect(await value('training_accuracy{model_type="cnn",run_id="r1"}')).toBe(0.3);
  expect(await value('training_loss{model_type="cnn",run_id="r1"}')).toBeNaN();
  expect(await value('training_problem{model_type="cnn",run_id="r1",problem="nan"}')).toBe(1);
  expect(await value('training_problem{model_type="cnn",run_id="r1",problem="plateau"}')).toBe(0);
  run.end({ outcome: 'failed' });
  expect(await value('training_problem{model_type="cnn",run_id="r1",problem="nan"}')).toBeUndefined();
});

test('only the newest trainings keep their series', async () => {
  const { metrics, value } = setUp();
  for (const runId of ['r1', 'r2', 'r3']) {
    metrics.startRun({ kind: 'training', name: 'cnn', runId }).log({ epoch: 1, loss: 1 });
  }
  expect(await value('training_loss{model_type="cnn",run_id="r1"}')).toBeUndefined();
  expect(await value('training_problem{model_type="cnn",run_id="r1",problem="nan"}')).toBeUndefined();
  expect(await value('training_epoch{model_type="cnn",run_id="r3"}')).toBe(1);
});
