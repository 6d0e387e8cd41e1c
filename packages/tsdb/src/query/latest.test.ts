import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Labels, Matcher, SampleColumns } from '@avalanche/model';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Tsdb } from '../db.ts';

let directory = '';
let db: Tsdb;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'avalanche-latest-'));
  db = await Tsdb.open({ directory, autoMaintenance: false });
  await db.setOutOfOrderWindow(10_000_000);
});
afterEach(async () => {
  await db.close();
  rmSync(directory, { recursive: true, force: true });
});

function append(i: number, time: number, value: number | null): void {
  const appender = db.appender();
  const ref = appender.seriesRef(Labels.from({ __name__: 'm', i: `${i}` }));
  if (value === null) appender.appendStale(ref, time);
  else appender.append(ref, time, value);
  appender.commit();
}

const RANGES = [
  [0, 1e7],
  [0, 400],
  [350, 900],
  [900, 1e7],
  [1001, 1e7],
  [950, 999],
] as const;

type Range = readonly [from: number, to: number];

/** What `readLatest` leaves as the last sample is what `read` does, in every range. */
async function compare(ranges: readonly Range[] = RANGES): Promise<void> {
  const querier = db.querier(0, 1e8);
  for (const series of await querier.select([new Matcher('=', '__name__', 'm')])) {
    for (const [from, to] of ranges) {
      const [all, latest] = [new SampleColumns(), new SampleColumns()];
      series.read(from, to, all);
      series.readLatest(from, to, latest);
      const last = (samples: SampleColumns): readonly unknown[] => {
        const i = samples.length - 1;
        return i < 0 ? [] : [samples.t[i], samples.isStale(i) ? 'stale' : samples.v[i]];
      };
      expect([`${series.labels}`, from, to, ...last(latest)]).toEqual([`${series.labels}`, from, to, ...last(all)]);
    }
  }
  querier.close();
}

test('the latest sample of a series is told without its chunk, and is the one that reading all gives', async () => {
  for (let time = 100; time <= 1000; time += 100) append(1, time, time / 10);
  append(2, 100, 1);
  append(2, 200, null);
  append(3, 900, 7);
  append(3, 350, 8); // late
  append(4, 1000, 9);
  append(4, 1000, 9);
  append(5, 300, 5);
  await compare();
  await db.delete(950, 2000, [[new Matcher('=', 'i', '4')]]);
  await compare();
  const view = db.view();
  append(1, 1100, 1);
  const querier = view.querier(0, 2000);
  const [first] = await querier.select([new Matcher('=', 'i', '1')]);
  const seen = new SampleColumns();
  first.readLatest(0, 2000, seen);
  expect(seen.t[seen.length - 1]).toBe(1000); // what was committed later does not show
  querier.close();
  view.close();
});

test('also of a series whose last sample is older than what the head takes in order', async () => {
  append(1, 1000, 1);
  append(2, 9_000_000, 2);
  append(1, 1_000_500, 3); // late for the head, newer than the series' last
  const querier = db.querier(0, 10_000_000);
  const [series] = await querier.select([new Matcher('=', 'i', '1')]);
  const latest = new SampleColumns();
  series.readLatest(0, 10_000_000, latest);
  expect(latest.t[latest.length - 1]).toBe(1_000_500);
  querier.close();
});

test('of a series in blocks it is told from memory the second time, unless samples were deleted', async () => {
  const hour = 3_600_000;
  for (let time = hour; time <= 9 * hour; time += 60_000) {
    append(1, time, time / 1000);
    append(2, time, time === 3 * hour ? null : Math.sin(time));
  }
  await db.maintain(9 * hour);
  expect(db.blocks.all.length).toBeGreaterThan(1);
  const ranges: Range[] = [];
  for (let end = hour - 1; end < 9 * hour; end += 13 * 60_000) ranges.push([end - 300_000, end], [0, end]);
  for (let round = 0; round < 2; round++) await compare(ranges);
  await db.delete(hour, 4 * hour, [[new Matcher('=', 'i', '1')]]);
  for (let round = 0; round < 2; round++) await compare(ranges);
});
