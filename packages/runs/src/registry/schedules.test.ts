import { ManualClock } from '@avalanche/model';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { BEGIN, restarted, startForTest, type TestRole } from '../role-fixture.ts';

let role: TestRole;
beforeEach(async () => {
  role = await startForTest();
});
afterEach(async () => {
  await role.stop();
  role.remove();
});

describe('a schedule', () => {
  const missed = () => role.value('job_schedule_missed{kind="backup",name="nightly"}');
  const declare = { kind: 'backup', name: 'nightly', schedule: '09:00', grace: '1h', timezone: 'UTC' };

  test('is missed where no run has succeeded by the end of its grace, and met by the next that does', async () => {
    expect((await role.ask('POST', '/api/v1/schedules', JSON.stringify(declare))).status).toBe(200);
    expect(await missed()).toBe(0);
    expect(await role.value('job_schedule_next_timestamp_seconds{kind="backup",name="nightly"}')).toBe(
      BEGIN / 1000 + 7200,
    );
    await role.clock.advance(2.9 * 3_600_000); // 09:54
    expect(await missed()).toBe(0);
    await role.report({ event: 'done', kind: 'backup', name: 'nightly', outcome: 'failed' });
    await role.clock.advance(0.2 * 3_600_000); // 10:06
    expect(await missed()).toBe(1);
    role = await restarted(role);
    await role.clock.advance(3.1 * 3_600_000);
    expect(await missed()).toBe(1);
    await role.report({ event: 'done', kind: 'backup', name: 'nightly' });
    expect(await missed()).toBe(0);
  });

  test('asks for nothing that was due before it was declared', async () => {
    await role.report({ ...declare, event: 'start', schedule: '0 5 * * *' });
    expect(await missed()).toBe(0);
    await role.clock.advance(23.1 * 3_600_000);
    expect(await missed()).toBe(1);
  });

  test('goes when it is deleted', async () => {
    await role.report({ ...declare, event: 'start' });
    expect((await role.ask('DELETE', '/api/v1/schedules/backup/nightly')).status).toBe(200);
    expect(await missed()).toBeUndefined();
    expect((await role.ask('DELETE', '/api/v1/schedules/backup/nightly')).status).toBe(404);
  });
});

test.each([
  ['forward', '2026-03-28T20:00:00Z', '2026-03-29T01:00:00.000Z'],
  ['back', '2026-10-24T20:00:00Z', '2026-10-25T00:30:00.000Z'],
])(
  'a job that does not come in the night in which clocks go %s is missed, also after a restart',
  async (_how, begin, due) => {
    await role.stop();
    role = await startForTest({ directory: role.directory, clock: new ManualClock(Date.parse(begin)) });
    const declare = { kind: 'backup', name: 'nightly', schedule: '02:30', grace: '1h', timezone: 'Europe/Brussels' };
    await role.ask('POST', '/api/v1/schedules', JSON.stringify(declare));
    const missedAt = async () =>
      ((await role.data('/api/v1/schedules')) as { missed_at: string | null }[])[0].missed_at;
    await role.clock.advance(Date.parse(due) + 3_599_000 - Date.parse(begin));
    expect(await missedAt()).toBeNull();
    await role.clock.advance(2_000);
    expect(await missedAt()).toBe(due);
    role = await restarted(role);
    await role.clock.advance(6 * 3_600_000);
    expect(await missedAt()).toBe(due);
    await role.report({ event: 'done', kind: 'backup', name: 'nightly' });
    expect(await missedAt()).toBeNull();
    await role.clock.advance(26 * 3_600_000);
    expect(await missedAt()).not.toBeNull();
  },
);

describe('a schedule of a strange kind', () => {
  const declare = (schedule: string) =>
    role.ask(
      'POST',
      '/api/v1/schedules',
      JSON.stringify({ kind: 'x', name: 'y', schedule, timezone: 'Europe/Brussels' }),
    );
  const missedAt = async () => ((await role.data('/api/v1/schedules')) as { missed_at: string | null }[])[0]?.missed_at;

  test('one that is due on leap days only', async () => {
    expect((await declare('0 0 29 2 *')).status).toBe(200);
    expect((await role.ask('GET', '/metrics')).status).toBe(200);
    expect(await role.data('/api/v1/schedules')).toMatchObject([{ next_at: '2028-02-28T23:00:00.000Z' }]);
  });

  test('one that never comes is refused; one that does not come again is kept', async () => {
    expect((await declare('0 0 30 2 *')).status).toBe(400);
    expect((await declare('0 0 9 23 11 * 2026')).status).toBe(200);
    await role.clock.advance(3_601_000);
    role = await restarted(role);
    expect((await role.ask('GET', '/metrics')).status).toBe(200);
    await role.clock.advance(4_000_000);
    expect(await missedAt()).toBe('2026-11-23T08:00:00.000Z');
    expect(await role.data('/api/v1/schedules')).toMatchObject([{ next_at: null }]);
  });
});
