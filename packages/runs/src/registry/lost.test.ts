import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { BEGIN, restarted, startForTest, type TestRole, TRAINING } from '../role-fixture.ts';

let role: TestRole;
beforeEach(async () => {
  role = await startForTest();
});
afterEach(async () => {
  await role.stop();
  role.remove();
});

test('a run that is not heard of any more is lost', async () => {
  await role.report({ ...TRAINING, ttl: '2m' });
  await role.clock.advance(110_000);
  await role.report({ event: 'heartbeat', run_id: 'r1' });
  await role.clock.advance(110_000);
  expect((await role.run('r1')).outcome).toBe('running');
  await role.clock.advance(30_000);
  await expect.poll(async () => (await role.run('r1')).outcome).toBe('lost');
  expect(await role.run('r1')).toMatchObject({ ended_at: '2026-11-23T07:01:50.000Z' });
  expect(await role.value('job_lost_runs_total{kind="training",name="cnn"}')).toBe(1);
  expect((await role.ask('GET', '/metrics')).text).not.toMatch(/^(?:job_runs_total|training_runs_total).*cnn/m);
});

describe('a run that was given up for lost', () => {
  const lose = async () => {
    await role.report({ ...TRAINING, ttl: '2m' });
    await role.report({ event: 'log', run_id: 'r1', epoch: 1, loss: 2 });
    await role.clock.advance(140_000);
    await expect.poll(async () => (await role.run('r1')).outcome).toBe('lost');
  };

  test('goes on where it stopped when it is heard of again, and is there once', async () => {
    await lose();
    expect(await role.report(TRAINING)).toMatchObject({ data: { repeated: true, outcome: 'lost' } });
    await role.report({ event: 'heartbeat', run_id: 'r1' });
    expect(await role.run('r1')).toMatchObject({ outcome: 'running', curve: [{ epoch: 1, loss: 2 }] });
    expect(await role.value('job_active_runs{kind="training",name="cnn"}')).toBe(1);
    role = await restarted(role);
    await role.report({ event: 'done', run_id: 'r1' });
    expect(await role.run('r1')).toMatchObject({ outcome: 'success', duration_seconds: 140, curve: [{ epoch: 1 }] });
    expect(await role.runIds()).toEqual(['r1']);
    role = await restarted(role);
    expect(await role.report({ ...TRAINING, event: 'done' })).toMatchObject({
      data: { outcome: 'success', repeated: true },
    });
    expect(await role.runIds()).toEqual(['r1']);
  });

  test('has the end that it reports late', async () => {
    await lose();
    role = await restarted(role);
    await role.report({ ...TRAINING, event: 'done', exit_status: 3 });
    expect(await role.run('r1')).toMatchObject({ outcome: 'failed', exit_status: 3 });
    expect(await role.runIds()).toEqual(['r1']);
    expect(await role.report({ event: 'done', run_id: 'r1' })).toMatchObject({ data: { repeated: true } });
  });

  const [END, SUCCESS] = ['job_last_end_timestamp_seconds', 'job_last_success_timestamp_seconds'].map(
    (name) => `${name}{kind="training",name="cnn"}`,
  );

  test('is counted once when it is heard of again, and the job is as it was before', async () => {
    await role.report({ ...TRAINING, run_id: 'r0', event: 'done' });
    await role.clock.advance(60_000);
    await lose();
    expect([await role.value(END), await role.value(SUCCESS)]).toEqual([BEGIN / 1000 + 60, BEGIN / 1000]);
    role = await restarted(role);
    expect([await role.value(END), await role.value(SUCCESS)]).toEqual([BEGIN / 1000 + 60, BEGIN / 1000]);
    await role.report({ event: 'heartbeat', run_id: 'r1' });
    expect([await role.value(END), await role.value(SUCCESS)]).toEqual([BEGIN / 1000, BEGIN / 1000]);
    await role.clock.advance(11_000);
    role = await restarted(role);
    expect([await role.value(END), await role.value(SUCCESS)]).toEqual([BEGIN / 1000, BEGIN / 1000]);
    await role.report({ event: 'done', run_id: 'r1' });
    const now = role.clock.now() / 1000;
    expect([await role.value(END), await role.value(SUCCESS)]).toEqual([now, now]);
    expect(await role.value('job_runs_total{kind="training",name="cnn",outcome="success"}')).toBe(1);
    expect(await role.value('training_runs_total{model_type="cnn",status="success"}')).toBe(1);
    expect(await role.value('training_runs_total{model_type="cnn",status="failed"}')).toBeUndefined();
  });

  test('leaves the job without an end where it is the only one, and is heard of again', async () => {
    await lose();
    expect(await role.value(END)).toBe(BEGIN / 1000);
    await role.report({ event: 'log', run_id: 'r1', epoch: 2, loss: 1 });
    expect(await role.value(END)).toBeUndefined();
  });

  test('leaves the end of another that is lost', async () => {
    await role.report({ ...TRAINING, run_id: 'r0', ttl: '1m' });
    await lose();
    await role.report({ event: 'done', run_id: 'r1', exit_status: 1, ended_at: BEGIN / 1000 - 5 });
    expect(await role.value(END)).toBe(BEGIN / 1000);
    await role.report({ event: 'heartbeat', run_id: 'r0' });
    expect(await role.value(END)).toBe(BEGIN / 1000);
  });

  test('is not one that could not reach us as we did not run', async () => {
    await role.report({ ...TRAINING, ttl: '2m' });
    await role.stop();
    await role.clock.advance(600_000);
    role = await startForTest({ directory: role.directory, clock: role.clock });
    await role.clock.advance(60_000);
    expect((await role.run('r1')).outcome).toBe('running');
    await role.clock.advance(80_000);
    await expect.poll(async () => (await role.run('r1')).outcome).toBe('lost');
  });
});
