import { appendFileSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { BEGIN, type RunJson, restarted, startForTest, type TestRole, TRAINING } from '../role-fixture.ts';

const DAY = 86_400_000;
let role: TestRole;
beforeEach(async () => {
  role = await startForTest();
});
afterEach(async () => {
  await role.stop();
  role.remove();
});

test('a run from its start to its end', async () => {
  await role.report({ ...TRAINING, host: 'n1', user: 'lena', command: 'train.py' });
  expect(await role.value('job_active_runs{kind="training",name="cnn"}')).toBe(1);
  await role.clock.advance(60_000);
  await role.report({ event: 'log', run_id: 'r1', epoch: 1, loss: 2.5, accuracy: 0.4 });
  await role.report({ event: 'log', run_id: 'r1', epoch: 2, loss: 'NaN' });
  expect(await role.value('training_problem{model_type="cnn",run_id="r1",problem="nan"}')).toBe(1);
  await role.report({ event: 'log', run_id: 'r1', epoch: 3, loss: 1.5, accuracy: 0.6 });
  await role.report({ event: 'heartbeat', run_id: 'r1', progress: 0.5, parameters: { gpu: 'a100' } });
  expect(await role.value('training_loss{model_type="cnn",run_id="r1"}')).toBe(1.5);
  await role.clock.advance(60_000);
  const used = { cpu_seconds: 100, peak_memory_bytes: 5e9, read_bytes: 10, written_bytes: 20 };
  expect(await role.report({ event: 'done', run_id: 'r1', exit_status: 0, ...used })).toMatchObject({ code: 200 });
  expect(await role.run('r1')).toEqual({
    ...{
      run_id: 'r1',
      kind: 'training',
      name: 'cnn',
      outcome: 'success',
      host: 'n1',
      user: 'lena',
      command: 'train.py',
    },
    started_at: '2026-11-23T07:00:00.000Z',
    reported_at: '2026-11-23T07:02:00.000Z',
    ended_at: '2026-11-23T07:02:00.000Z',
    duration_seconds: 120,
    ...{
      progress: 0.5,
      parameters: { lr: 0.01, layers: 3, gpu: 'a100' },
      loss: 1.5,
      accuracy: 0.6,
      exit_status: 0,
      ...used,
    },
    problems: [],
    curve: [
      { epoch: 1, loss: 2.5, accuracy: 0.4 },
      { epoch: 2, loss: 'NaN' },
      { epoch: 3, loss: 1.5, accuracy: 0.6 },
    ],
  });
  expect(await role.value('training_runs_total{model_type="cnn",status="success"}')).toBe(1);
  expect(await role.value('training_accuracy{model_type="cnn",run_id="r1"}')).toBe(0.6);
  expect(await role.value('job_active_runs{kind="training",name="cnn"}')).toBe(0);
  expect(await role.value('job_peak_memory_bytes{kind="training",name="cnn"}')).toBe(5e9);
});

test('reports that come twice, or late, are counted once', async () => {
  const done = { ...TRAINING, event: 'done', started_at: BEGIN / 1000 - 10 };
  expect(await role.report(done)).toMatchObject({ data: { outcome: 'success' } });
  expect(await role.report(TRAINING)).toMatchObject({ code: 200, data: { repeated: true } });
  expect(await role.report([TRAINING, done])).toMatchObject({ data: [{ repeated: true }, { repeated: true }] });
  role = await restarted(role);
  expect(await role.report(done)).toMatchObject({ data: { repeated: true, outcome: 'success' } });
  expect(await role.runIds()).toEqual(['r1']);
  expect((await role.run('r1')).duration_seconds).toBe(10);
});

test('a run that its application counts is kept, and not counted again', async () => {
  await role.report({ ...TRAINING, counted: true });
  await role.report({ event: 'log', run_id: 'r1', kind: 'training', name: 'cnn', epoch: 1, loss: 2, counted: true });
  await role.report({ ...TRAINING, event: 'done', counted: true, accuracy: 0.9 });
  expect(await role.run('r1')).toMatchObject({ outcome: 'success', accuracy: 0.9, curve: [{ epoch: 1, loss: 2 }] });
  const { text } = await role.ask('GET', '/metrics');
  expect(text).not.toMatch(/^(?:job|training)_/m);
});

describe('one call from a shell', () => {
  test('begins a run and gives its id, by a form', async () => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const body = 'event=start&kind=backup&name=nightly&parameters.target=nas';
    const { text } = await role.ask('POST', '/api/v1/runs?format=id', body, headers);
    expect(text).toMatch(/^[0-9A-HJKMNP-TV-Z]{26}\n$/);
    expect(await role.run(text.trim())).toMatchObject({ outcome: 'running', parameters: { target: 'nas' } });
    await role.ask('POST', '/api/v1/runs', `event=done&run_id=${text.trim()}&size_bytes=12`, headers);
    expect(await role.value('backup_size_bytes{backup_type="nightly"}')).toBe(12);
  });

  test('reports a run that is over', async () => {
    await role.ask('POST', '/api/v1/runs?event=done&kind=download&name=sra&duration_seconds=30&exit_status=4&bytes=99');
    const [id] = await role.runIds();
    expect(await role.run(id)).toMatchObject({ outcome: 'failed', exit_status: 4, duration_seconds: 30 });
    expect(await role.value('download_bytes_total{source="sra"}')).toBe(99);
  });
});

test.each<[string, unknown, string]>([
  ['no event', { kind: 'x', name: 'y' }, 'event: '],
  ['a run that is new without its kind', { event: 'start', name: 'y' }, 'kind: a run that is new must say it'],
  ['a heartbeat of nobody', { event: 'heartbeat' }, 'run_id: a report of heartbeat must say it'],
  ['a heartbeat of a run that is not known', { event: 'heartbeat', run_id: 'zz' }, 'run_id: no run zz is under way'],
  ['a word that is no number', { ...TRAINING, cpu_seconds: 'much' }, 'cpu_seconds: not a number: much'],
  ['a negative size', { ...TRAINING, bytes: -1 }, 'bytes: must be a number that is not negative'],
  ['an unknown key', { ...TRAINING, colour: 'red' }, 'colour: no such key in a report'],
  ['a strange id', { ...TRAINING, run_id: '../x' }, 'run_id: must be'],
  ['a strange time', { ...TRAINING, started_at: 'yesterday' }, 'started_at: neither Unix seconds nor'],
  ['a strange schedule', { ...TRAINING, schedule: '61 * * * *' }, 'schedule: 61 * * * *: '],
  ['a strange time zone', { ...TRAINING, schedule: '02:00', timezone: 'Mars/Base' }, 'schedule: 02:00: '],
  ['a text', 'hello', 'report: '],
])('%s is refused, and nothing of it is known', async (_name, report, reason) => {
  const answer = await role.report(report);
  expect(answer).toMatchObject({ code: 400 });
  expect(answer.error).toContain(reason);
  expect(await role.runIds()).toEqual([]);
  expect(await role.data('/api/v1/schedules')).toEqual([]);
});

test.each([
  ['JavaScript', JSON.stringify({ event: 'log', run_id: 'r1', epoch: 1, loss: Number.NaN })],
  ['Python', '{"event": "log", "run_id": "r1", "epoch": 1, "loss": NaN}'],
  ['a shell', 'event=log&run_id=r1&epoch=1&loss=nan'],
])('a loss that is no number, as %s writes it', async (_name, body) => {
  await role.report(TRAINING);
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  expect((await role.ask('POST', '/api/v1/runs', body, headers)).status).toBe(200);
  expect((await role.run('r1')).curve).toEqual([{ epoch: 1, loss: 'NaN' }]);
});

test('the list can be filtered and paged', async () => {
  for (let i = 0; i < 5; i++) {
    await role.report({ ...TRAINING, event: 'done', run_id: `t${i}`, started_at: BEGIN / 1000 - 100 + i });
  }
  await role.report({ ...TRAINING, kind: 'analysis', run_id: 'a', host: 'n7' });
  await role.report({ event: 'done', kind: 'analysis', name: 'x', run_id: 'b', outcome: 'cancelled' });
  expect(await role.runIds()).toEqual(['a', 'b', 't4', 't3', 't2', 't1', 't0']);
  expect(await role.runIds('?kind=analysis')).toEqual(['a', 'b']);
  expect(await role.runIds('?outcome=running')).toEqual(['a']);
  expect(await role.runIds('?host=n7')).toEqual(['a']);
  expect(await role.runIds('?kind=training&limit=2&offset=1')).toEqual(['t3', 't2']);
  expect(await role.runIds(`?since=${BEGIN / 1000 - 98}&until=${BEGIN / 1000 - 96}`)).toEqual(['t3', 't2']);
  expect((await role.ask('GET', '/api/v1/runs?limit=x')).text).toContain('limit: must be 0 to 10000');
  expect((await role.ask('GET', '/api/v1/runs/none')).status).toBe(404);
});

describe('after a restart', () => {
  test('a run under way goes on, with its curve', async () => {
    await role.report(TRAINING);
    await role.report({ event: 'log', run_id: 'r1', epoch: 1, loss: 2 });
    await role.report({ event: 'log', run_id: 'r1', epoch: 2, loss: Number.POSITIVE_INFINITY });
    await role.report({ event: 'heartbeat', run_id: 'r1', progress: 0.2 });
    role = await restarted(role);
    expect(await role.value('job_active_runs{kind="training",name="cnn"}')).toBe(1);
    await role.report({ event: 'log', run_id: 'r1', epoch: 3, loss: 1 });
    const { curve, progress } = await role.run('r1');
    expect(curve).toEqual([
      { epoch: 1, loss: 2 },
      { epoch: 2, loss: 'NaN' },
      { epoch: 3, loss: 1 },
    ]);
    expect(progress).toBe(0.2);
  });

  test('what a crash has torn costs nothing else', async () => {
    await role.report({ ...TRAINING, run_id: 'r0', event: 'done' });
    await role.report(TRAINING);
    const folder = join(role.directory, 'runs');
    for (const name of readdirSync(folder)) appendFileSync(join(folder, name), '{"run_id":"torn","sta');
    role = await restarted(role);
    await role.report({ event: 'done', run_id: 'r1' });
    role = await restarted(role);
    expect(await role.runIds()).toEqual(['r1', 'r0']);
  });

  test('the last good backup is still known', async () => {
    await role.report({ event: 'done', kind: 'backup', name: 'nightly' });
    role = await restarted(role);
    expect(await role.value('backup_last_success_timestamp{backup_type="nightly"}')).toBe(BEGIN / 1000);
    expect(await role.value('job_last_success_timestamp_seconds{kind="backup",name="nightly"}')).toBe(BEGIN / 1000);
  });
});

test('a job whose last run failed is still one after restarts', async () => {
  const job = { event: 'done', kind: 'analysis', name: 'x' };
  await role.report({ ...job, run_id: 'good', ended_at: BEGIN / 1000 - 60 });
  await role.report({ ...job, run_id: 'bad', exit_status: 2 });
  await role.report({ ...job, kind: 'backup', run_id: 'never', outcome: 'failed' });
  await role.report({ ...job, name: 'application', run_id: 'counted', counted: true, outcome: 'failed' });
  await role.clock.advance(11_000);
  role = await restarted(role);
  // of the file alone, as where many runs have ended since
  rmSync(join(role.directory, 'runs', '2026-11-23.jsonl'));
  role = await restarted(role);
  const [end, success] = ['job_last_end_timestamp_seconds', 'job_last_success_timestamp_seconds'];
  expect(await role.value(`${end}{kind="analysis",name="x"}`)).toBe(BEGIN / 1000);
  expect(await role.value(`${success}{kind="analysis",name="x"}`)).toBe(BEGIN / 1000 - 60);
  expect(await role.value(`${end}{kind="backup",name="x"}`)).toBe(BEGIN / 1000);
  expect(await role.value(`${success}{kind="backup",name="x"}`)).toBeUndefined();
  expect(await role.value(`${end}{kind="analysis",name="application"}`)).toBeUndefined();
});

test('runs older than the retention are removed', async () => {
  await role.stop();
  role.remove();
  role = await startForTest({ runRetentionMs: 2 * DAY });
  await role.report({ ...TRAINING, event: 'done' });
  await role.clock.advance(4 * DAY);
  await expect.poll(() => role.runIds()).toEqual([]);
});

test('many changes of a run do not make its file grow for ever', async () => {
  await role.report(TRAINING);
  const reports = Array.from({ length: 5_000 }, (_, i) => ({ event: 'heartbeat', run_id: 'r1', progress: i / 5_000 }));
  await role.report(reports);
  expect((await role.run('r1')).progress).toBe(4_999 / 5_000);
  const linesAfterOneMore = async () => {
    await role.report({ event: 'heartbeat', run_id: 'r1', progress: 1 });
    const text = readFileSync(join(role.directory, 'runs', 'running.jsonl'), 'utf8');
    return text.split('\n').filter((line) => line !== '').length;
  };
  await expect.poll(linesAfterOneMore).toBeLessThan(1_500);
});

test('an id that is used again by a later run is another run', async () => {
  const night = (from: number) => ({ ...TRAINING, started_at: BEGIN / 1000 + from });
  for (const from of [-200, -100]) {
    await role.report(night(from));
    await role.report({ ...night(from), event: 'done', ended_at: BEGIN / 1000 + from + 10 });
  }
  expect(await role.report({ ...night(-100), event: 'done' })).toMatchObject({ data: { repeated: true } });
  expect(await role.runIds()).toEqual(['r1', 'r1']);
  await role.report(night(-50));
  role = await restarted(role);
  expect(await role.runIds('?outcome=running')).toEqual(['r1']);
});

test('of several reports those that make sense are taken, and the answer names the others', async () => {
  const answer = await role.report([TRAINING, { event: 'no' }, { ...TRAINING, run_id: 'r2' }]);
  expect(answer).toMatchObject({ code: 400 });
  expect(answer.error).toContain('report 2: event');
  expect(await role.runIds()).toHaveLength(2);
});

test('points that are sent again are there once, and what else their report says is on disk', async () => {
  await role.report({ ...TRAINING, event: 'log', epoch: 1, loss: 2 });
  const points = [1, 2].map((epoch) => ({ event: 'log', run_id: 'r1', epoch, loss: 2 }));
  await role.report(points);
  await role.report(points);
  await role.report({ event: 'log', run_id: 'r1', epoch: 3, loss: 'nan', progress: 0.3 });
  role = await restarted(role);
  expect(await role.run('r1')).toMatchObject({ progress: 0.3, loss: 'NaN' });
  expect(((await role.run('r1')).curve as unknown[]).length).toBe(3);
});

test('a parameter by the name of a measure stays the text that it is', async () => {
  await role.report({ ...TRAINING, parameters: { loss: 'cross-entropy' } });
  await role.report({ ...TRAINING, run_id: 'r2', event: 'done', parameters: { loss: 'cross-entropy' } });
  role = await restarted(role);
  for (const id of ['r1', 'r2']) expect(await role.run(id)).toMatchObject({ parameters: { loss: 'cross-entropy' } });
});

test('words in texts are left alone where a number is no number', async () => {
  await role.report(TRAINING);
  const body = '{"event": "log", "run_id": "r1", "error": "loss: NaN, \\"stop\\"", "loss": NaN, "accuracy": -Infinity}';
  expect((await role.ask('POST', '/api/v1/runs', body)).status).toBe(200);
  expect(await role.run('r1')).toMatchObject({ error: 'loss: NaN, "stop"', loss: 'NaN', accuracy: '-Infinity' });
});

test.each([
  `{${' '.repeat(300_000)}`,
  `{${'\\"'.repeat(150_000)}`,
  `[${',NaN'.repeat(75_000)}`,
  `{${':  '.repeat(100_000)}`,
])('a body that is no JSON is refused at once (%#)', async (body) => {
  // else the test's own time is over
  expect((await role.ask('POST', '/api/v1/runs', body)).status).toBe(400);
});

describe('reports that come late', () => {
  test('do not set back what is known of a later run', async () => {
    const backup = { event: 'done', kind: 'backup', name: 'nightly', duration_seconds: 1 };
    await role.report({ ...backup, ended_at: BEGIN / 1000 - 100, size_bytes: 5 });
    await role.report({ ...backup, ended_at: BEGIN / 1000 - 500, exit_status: 3, size_bytes: 7 });
    expect(await role.value('job_last_success_timestamp_seconds{kind="backup",name="nightly"}')).toBe(
      BEGIN / 1000 - 100,
    );
    expect(await role.value('backup_last_success_timestamp{backup_type="nightly"}')).toBe(BEGIN / 1000 - 100);
    expect(await role.value('backup_success{backup_type="nightly"}')).toBe(1);
    expect(await role.value('job_exit_status{kind="backup",name="nightly"}')).toBeUndefined();
    expect(await role.value('job_runs_total{kind="backup",name="nightly",outcome="failed"}')).toBe(1);
  });

  test('do not change a schedule that was declared after they began', async () => {
    const declare = { kind: 'backup', name: 'nightly', schedule: '09:00' };
    await role.ask('POST', '/api/v1/schedules', JSON.stringify(declare));
    await role.report({ ...declare, event: 'done', schedule: '03:00', started_at: BEGIN / 1000 - 3600 });
    expect(await role.data('/api/v1/schedules')).toMatchObject([{ schedule: '09:00' }]);
  });
});

test('when a job last succeeded is known for longer than its run is among the newest', async () => {
  await role.report({ event: 'done', kind: 'backup', name: 'monthly', run_id: 'm' });
  const many = Array.from({ length: 10_000 }, (_, i) => ({ ...TRAINING, event: 'done', run_id: `x${i}` }));
  await role.report({ ...TRAINING, run_id: 'n' });
  await role.report({ ...TRAINING, run_id: 'n', event: 'done' });
  await role.report(many);
  await role.clock.advance(11_000);
  role = await restarted(role);
  expect(await role.value('backup_last_success_timestamp{backup_type="monthly"}')).toBe(BEGIN / 1000);
  expect(await role.runIds('?outcome=running')).toEqual([]);
  const { runs, more } = (await role.data('/api/v1/runs?limit=10000&offset=1')) as { runs: RunJson[]; more: boolean };
  expect([runs.length, new Set(runs.map(({ run_id }) => run_id)).size, more]).toEqual([10_000, 10_000, true]);
}, 60_000);

test.each([
  ['POST', '/api/v1/runs', '{"event":"done","kind":"x","name":"y"}'],
  ['POST', '/metrics/job/j', 'x 1\n'],
  ['GET', '/api/v1/runs/snakemake/create_workflow', undefined],
])('%s %s of a web page of another site is refused', async (method, path, body) => {
  expect((await role.ask(method, path, body, { 'sec-fetch-site': 'cross-site' })).status).toBe(403);
  expect(await role.runIds()).toEqual([]);
  expect((await role.ask(method, path, body, { 'sec-fetch-site': 'same-origin' })).status).toBe(200);
});
