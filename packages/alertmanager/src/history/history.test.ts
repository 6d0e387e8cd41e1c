import { appendFileSync, chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManualClock, silentLogger } from '@avalanche/model';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { alertOf, START } from '../testing.ts';
import { NotificationHistory } from './history.ts';
import { type NotificationRecord, notificationRecord } from './record.ts';

const DAY_MS = 86_400_000;

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'history-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function open(clock: ManualClock, retentionMs = 3 * DAY_MS): NotificationHistory {
  return new NotificationHistory({ directory, clock, logger: silentLogger, retentionMs });
}

function record(id: string, reply = 'HTTP 200'): NotificationRecord {
  return {
    ...{ id, at: '', receiver: 'ops', integration: 'webhook', index: 0, groupKey: '{}', groupLabels: {}, reply },
    ...{ reason: 'first notification', status: 'sent', attempts: 1, durationSeconds: 0.1, firing: 1, resolved: 0 },
    ...{ alerts: [], otherFingerprints: [] },
  };
}

async function ids(history: NotificationHistory, max = Number.POSITIVE_INFINITY): Promise<string[]> {
  const found: string[] = [];
  for await (const { id } of history.newestFirst()) {
    if (found.push(id) >= max) break;
  }
  return found;
}

test('records come back newest first, over days, files and restarts', async () => {
  const clock = new ManualClock(START);
  const history = open(clock);
  const big = 'x'.repeat(300_000);
  for (let i = 0; i < 40; i++) {
    history.add(record(`a${i}`, i % 3 === 0 ? big : 'é'));
    if (i % 10 === 9) await history.flush();
  }
  await clock.advance(DAY_MS);
  history.add(record('b'));
  const expected = ['b', ...Array.from({ length: 40 }, (_, i) => `a${39 - i}`)];
  expect(await ids(history)).toEqual(expected);
  expect(await ids(open(clock))).toEqual(expected);
  expect(await ids(history, 2)).toEqual(['b', 'a39']);
});

test('a file is followed by another one when it is full', async () => {
  const history = open(new ManualClock(START));
  for (let i = 0; i < 12; i++) {
    history.add(record(`${i}`, 'x'.repeat(2_000_000)));
    await history.flush();
  }
  expect(readdirSync(directory)).toEqual(['2026-01-05.1.jsonl', '2026-01-05.2.jsonl', '2026-01-05.jsonl']);
  expect(await ids(history)).toEqual(Array.from({ length: 12 }, (_, i) => `${11 - i}`));
});

test('what a crash has torn is left out', async () => {
  const clock = new ManualClock(START);
  const history = open(clock);
  history.add(record('a'));
  await history.flush();
  appendFileSync(join(directory, readdirSync(directory)[0]), '{"id":"torn"\nnull\n{}\n{"id":"to');
  const again = open(clock);
  again.add(record('b'));
  expect(await ids(again)).toEqual(['b', 'a']);
});

test('of huge alerts only fingerprints are kept', () => {
  const alerts = ['a', 'b', 'c'].map((n) => alertOf({ n }, { annotations: { text: 'x'.repeat(200_000) } }));
  const notification = {
    ...{ receiver: 'ops', groupKey: '{}', groupLabels: {}, routeLabels: {}, reason: 'first notification' },
    ...{ externalUrl: '', now: START, alerts },
  };
  const integration = {
    ...{ receiver: 'ops', kind: 'webhook' as const, index: 0, sendResolved: true },
    missing: async () => undefined,
    notify: async () => ({ kind: 'sent' as const }),
  };
  const course = { outcome: { kind: 'sent' as const }, at: START, attempts: 1, ms: 1 };
  const kept = notificationRecord(notification, integration, course);
  expect(kept.alerts.map(({ labels }) => labels.n)).toEqual(['a']);
  expect(kept.otherFingerprints).toEqual(alerts.slice(1).map(({ fingerprint }) => fingerprint));
});

test('a day that the retention removes while records are read is none, and no error', async () => {
  const clock = new ManualClock(START);
  const history = open(clock);
  for (const id of ['a', 'b']) {
    history.add(record(id));
    await history.flush();
    await clock.advance(DAY_MS);
  }
  const records = history.newestFirst();
  expect((await records.next()).value).toMatchObject({ id: 'b' });
  await clock.advance(4 * DAY_MS);
  await history.maintain();
  await clock.advance(3_600_000);
  await history.maintain();
  expect((await records.next()).done).toBe(true);
});

test('days that have passed the retention go', async () => {
  const clock = new ManualClock(START);
  const history = open(clock);
  for (const id of ['a', 'b', 'c', 'd', 'e']) {
    history.add(record(id));
    await history.flush();
    await clock.advance(DAY_MS);
  }
  await history.maintain();
  await clock.advance(3_600_000);
  await history.maintain();
  expect(await ids(history)).toEqual(['e', 'd', 'c']);
});

test.skipIf(process.getuid?.() === 0)(
  'a directory that takes nothing costs records, no error (skipped as root)',
  async () => {
    const history = open(new ManualClock(START));
    chmodSync(directory, 0o500);
    history.add(record('a'));
    await history.flush();
    chmodSync(directory, 0o700);
    history.add(record('b'));
    expect(await ids(history)).toEqual(['b']);
  },
);
