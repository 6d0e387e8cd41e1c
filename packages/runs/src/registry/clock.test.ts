import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ManualClock } from '@avalanche/model';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { BEGIN, restarted, startForTest, type TestRole, TRAINING } from '../role-fixture.ts';

const DAY = 86_400_000;
let role: TestRole;
beforeEach(async () => {
  role = await startForTest();
});
afterEach(async () => {
  await role.stop();
  role.remove();
});

test('a jump of the clock that is put right costs no runs', async () => {
  await role.report({ ...TRAINING, event: 'done' });
  await role.stop();
  const wrong = new ManualClock(BEGIN + 400 * DAY);
  role = await startForTest({ directory: role.directory, clock: wrong });
  await wrong.advance(30 * 60_000);
  await role.stop();
  role = await startForTest({ directory: role.directory, clock: new ManualClock(BEGIN + DAY) });
  await role.clock.advance(2 * 3_600_000);
  expect(await role.runIds()).toEqual(['r1']);
});

describe('after a clock that was ahead was set back', () => {
  const DAYS_AHEAD = 300;
  const ahead = async (then: () => Promise<unknown>) => {
    await role.stop();
    role = await startForTest({ directory: role.directory, clock: new ManualClock(BEGIN + DAYS_AHEAD * DAY) });
    await then();
    await role.stop();
    role = await startForTest({ directory: role.directory, clock: new ManualClock(BEGIN) });
  };
  const job = { kind: 'backup', name: 'nightly' };
  const end = () => role.value('job_last_end_timestamp_seconds{kind="backup",name="nightly"}');
  const missed = () => role.value('job_schedule_missed{kind="backup",name="nightly"}');

  test('a job that fails or does not come is told of', async () => {
    await ahead(async () => {
      await role.report({ ...job, event: 'start', run_id: 'a', schedule: '09:00', timezone: 'UTC' });
      await role.report({ event: 'done', run_id: 'a' });
    });
    expect(await end()).toBe((BEGIN + DAYS_AHEAD * DAY) / 1000);
    await role.clock.advance(3_590_000);
    expect(await end()).toBe((BEGIN + DAYS_AHEAD * DAY) / 1000);
    await role.clock.advance(30_000);
    await expect.poll(end).toBeLessThanOrEqual(BEGIN / 1000 + 3_620);
    expect(await missed()).toBe(0);
    await role.clock.advance(2.1 * 3_600_000);
    expect(await missed()).toBe(1);
    await role.report({ ...job, event: 'done', outcome: 'failed' });
    expect(await end()).toBe(role.clock.now() / 1000);
  });

  test('a clock that was behind for a moment costs nothing', async () => {
    await role.report({ ...job, event: 'done' });
    await role.stop();
    role = await startForTest({ directory: role.directory, clock: new ManualClock(BEGIN - DAYS_AHEAD * DAY) });
    await role.clock.advance(1_800_000);
    await role.stop();
    role = await startForTest({ directory: role.directory, clock: new ManualClock(BEGIN + DAY) });
    expect(await end()).toBe(BEGIN / 1000);
  });

  test('a run under way is lost in time, and one that ends did not end before it began', async () => {
    await ahead(async () => {
      await role.report({ ...job, event: 'start', run_id: 'a', ttl: '10m' });
      await role.report({ ...job, event: 'start', run_id: 'b' });
    });
    await role.report({ event: 'done', run_id: 'b' });
    expect(await role.run('b')).toMatchObject({ ended_at: '2026-11-23T07:00:00.000Z', duration_seconds: 0 });
    await role.clock.advance(620_000);
    await expect.poll(async () => (await role.run('a')).outcome).toBe('lost');
  });
});

test('a job whose clock is ahead ends now, and took as long as it says', async () => {
  const at = (seconds: number) => BEGIN / 1000 + 3600 + seconds;
  await role.report({ ...TRAINING, started_at: at(0) });
  await role.clock.advance(30_000);
  const done = { ...TRAINING, event: 'done', started_at: at(0), ended_at: at(30) };
  await role.report(done);
  expect(await role.run('r1')).toMatchObject({ started_at: '2026-11-23T07:00:00.000Z', duration_seconds: 30 });
  await role.report({ ...done, run_id: 'r2' });
  expect(await role.run('r2')).toMatchObject({ ended_at: '2026-11-23T07:00:30.000Z', duration_seconds: 30 });
  expect(await role.report(done)).toMatchObject({ data: { repeated: true } });
  role = await restarted(role);
  expect(await role.report(done)).toMatchObject({ data: { repeated: true } });
  expect(readdirSync(join(role.directory, 'runs'))).toContain('2026-11-23.jsonl');
});
