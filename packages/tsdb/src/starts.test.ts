import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FloatHistogram, Labels, Matcher, SampleColumns } from '@avalanche/model';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Tsdb, type TsdbOptions } from './db.ts';
import { TAIL_END, TAIL_HISTOGRAMS, TAIL_SAMPLES } from './wal/tail.ts';

const MINUTE = 60_000;

let directory = '';
let db: Tsdb;

async function open(options: Partial<TsdbOptions> = {}): Promise<void> {
  db = await Tsdb.open({ directory, autoMaintenance: false, startTimes: true, ...options });
}

async function reopen(options: Partial<TsdbOptions> = {}): Promise<void> {
  await db.close();
  await open(options);
}

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'avalanche-starts-'));
  await open();
});
afterEach(async () => {
  await db.close();
  rmSync(directory, { recursive: true, force: true });
});

type Started = readonly [time: number, value: number | 'stale', start: number];

async function read(name: string): Promise<Started[]> {
  const querier = db.querier(0, 1e12);
  const columns = new SampleColumns();
  for (const series of await querier.select([new Matcher('=', '__name__', name)])) series.read(0, 1e12, columns);
  querier.close();
  const { t, v, starts, length } = columns;
  return Array.from({ length }, (_, i) => [t[i], columns.isStale(i) ? 'stale' : v[i], starts?.[i] ?? 0]);
}

/** A counter that begins again every 50 minutes, one that does not say when, and one that says it at times. */
const KINDS: Record<string, (n: number) => number> = {
  counter: (n) => (Math.floor(n / 50) * 50 + 1) * MINUTE - 7000,
  plain: () => 0,
  at_times: (n) => (n % 90 < 30 ? 0 : 5),
};

function fill(from: number, to: number, wanted: Map<string, Started[]>): void {
  const appender = db.appender();
  for (let n = from; n < to; n++) {
    for (const [name, startOf] of Object.entries(KINDS)) {
      const ref = appender.seriesRef(Labels.from({ __name__: name }));
      const time = (n + 1) * MINUTE;
      const isLast = n % 70 === 69;
      if (isLast) appender.appendStale(ref, time);
      else {
        appender.append(ref, time, n % 50);
        appender.setStart(startOf(n));
      }
      const all = wanted.get(name) ?? [];
      wanted.set(name, all);
      all.push(isLast ? [time, 'stale', 0] : [time, n % 50, startOf(n)]);
    }
    appender.commit();
  }
}

test('start times are read from the head, the log, snapshots, head chunks and blocks', async () => {
  const wanted = new Map<string, Started[]>();
  const check = async () => {
    for (const [name, samples] of wanted) expect(await read(name)).toEqual(samples);
  };
  fill(0, 150, wanted);
  await check();
  await reopen({ snapshotAfterBytes: 1 });
  await check();
  await db.maintain(0);
  fill(150, 160, wanted);
  await reopen();
  await check();
  fill(160, 1000, wanted);
  await db.maintain(0);
  expect(db.blocks.all.some(({ meta }) => meta.compaction.level > 1)).toBe(true);
  await check();
  await db.delete(300 * MINUTE, 310 * MINUTE, [[new Matcher('=', '__name__', 'counter')]]);
  await db.cleanTombstones();
  const counter = (wanted.get('counter') ?? []).filter(([time]) => time < 300 * MINUTE || time > 310 * MINUTE);
  wanted.set('counter', counter);
  await check();
  // Without the feature what is there stays readable, and nothing new is stored of them.
  await reopen({ startTimes: false });
  await check();
  const appender = db.appender();
  appender.append(appender.seriesRef(Labels.from({ __name__: 'counter' })), 1001 * MINUTE, 1);
  appender.setStart(5);
  appender.commit();
  expect((await read('counter')).at(-1)).toEqual([1001 * MINUTE, 1, 0]);
});

test('who follows the log gets them, of histograms too', () => {
  const tail = db.wal.tail(db.wal.end, { exemplars: false, histograms: true, metadata: false, onLoss: () => {} });
  const appender = db.appender();
  const [a, b] = ['a', 'b'].map((name) => appender.seriesRef(Labels.from({ __name__: name })));
  appender.append(a, 2000, 1);
  appender.setStart(1500);
  appender.append(b, 2000, 2);
  const histogram = new FloatHistogram({ count: 1, zeroCount: 1, ofIntegers: true });
  appender.appendHistogram(a, 3000, histogram, 1500);
  appender.appendHistogram(b, 3000, histogram, 1500);
  appender.commit();
  const found: unknown[] = [];
  for (let kind = tail.next(); kind !== TAIL_END; kind = tail.next()) {
    const { samples, histograms } = tail;
    if (kind === TAIL_SAMPLES) found.push([...(samples.starts?.subarray(0, samples.length) ?? [])]);
    if (kind === TAIL_HISTOGRAMS) found.push(histograms.map(({ time, start }) => [time, start]));
  }
  tail.close();
  expect(found).toEqual([
    [1500, 0],
    [
      [3000, 1500],
      [3000, 1500],
    ],
  ]);
});
