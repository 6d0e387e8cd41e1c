import { execFileSync, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Labels, Matcher, SampleColumns } from '@avalanche/model';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Tsdb } from './db.ts';
import { APPENDED, DUPLICATE_TIMESTAMP, OUT_OF_ORDER, TOO_OLD } from './head/head.ts';
import { DirectoryLocked } from './lock.ts';

let directory = '';
let db: Tsdb;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'tsdb-'));
  db = await Tsdb.open({ directory });
});
afterEach(async () => {
  await db.close();
  rmSync(directory, { recursive: true });
});

const hour = 3_600_000;
const start = 1_700_000_000_000;

function add(labels: Record<string, string>, samples: readonly (readonly [number, number])[]): void {
  const appender = db.appender();
  const ref = appender.seriesRef(Labels.from(labels));
  for (const [time, value] of samples) {
    appender.append(ref, time, value);
    appender.commit();
  }
}

async function query(...matchers: Matcher[]): Promise<Record<string, [number, number][]>> {
  const out: Record<string, [number, number][]> = {};
  const querier = db.querier(0, Number.MAX_SAFE_INTEGER);
  for (const series of await querier.select(matchers)) {
    const samples = new SampleColumns();
    series.read(0, Number.MAX_SAFE_INTEGER, samples);
    out[series.labels.toString()] = Array.from({ length: samples.length }, (_, i) => [samples.t[i], samples.v[i]]);
  }
  querier.close();
  return out;
}

const up = new Matcher('=', '__name__', 'up');

async function reopen(): Promise<void> {
  await db.close();
  db = await Tsdb.open({ directory });
}

test('samples over many chunks are there before and after a restart', async () => {
  const samples = Array.from({ length: 3000 }, (_, i): [number, number] => [start + i * 15_000, Math.sin(i)]);
  add({ __name__: 'up', job: 'node' }, samples);
  expect(db.stats.chunks).toBeGreaterThan(20);
  expect(await query(up)).toEqual({ 'up{job="node"}': samples });
  await reopen();
  expect(await query(up)).toEqual({ 'up{job="node"}': samples });
  add({ __name__: 'up', job: 'node' }, [[start + 3000 * 15_000, 7]]);
  expect((await query(up))['up{job="node"}']).toHaveLength(3001);
});

test('a commit is invisible until it is made', async () => {
  const appender = db.appender();
  const ref = appender.seriesRef(Labels.from({ __name__: 'up' }));
  appender.append(ref, start, 1);
  expect(await query(up)).toEqual({});
  appender.rollback();
  appender.append(ref, start + 1, 2);
  appender.commit();
  expect(await query(up)).toEqual({ up: [[start + 1, 2]] });
});

test('old and double samples are judged as upstream does', () => {
  const appender = db.appender();
  const ref = appender.seriesRef(Labels.from({ __name__: 'up' }));
  expect(appender.append(ref, start, 1)).toBe(APPENDED);
  appender.commit();
  expect(appender.append(ref, start, 1)).toBe(APPENDED);
  expect(appender.append(ref, start, 2)).toBe(DUPLICATE_TIMESTAMP);
  expect(appender.append(ref, start - 1, 1)).toBe(OUT_OF_ORDER);
});

test.each([
  [['='], ['a'], ['{x="a"}']],
  [['!='], ['a'], ['{x="b"}', '{x="c"}', '{y="1"}']],
  [['=~'], ['a|c'], ['{x="a"}', '{x="c"}']],
  [['=~'], ['[bc]'], ['{x="b"}', '{x="c"}']],
  [['!~'], ['a|c'], ['{x="b"}', '{y="1"}']],
  [['='], [''], ['{y="1"}']],
  [['=~'], ['.*'], ['{x="a"}', '{x="b"}', '{x="c"}', '{y="1"}']],
  [['!='], [''], ['{x="a"}', '{x="b"}', '{x="c"}']],
] as const)('x%s%j selects %j', async ([type], [value], expected) => {
  for (const labels of [{ x: 'a' }, { x: 'b' }, { x: 'c' }, { y: '1' }]) add(labels, [[start, 1]]);
  expect(Object.keys(await query(new Matcher(type, 'x', value)))).toEqual(expected);
});

test('the head becomes blocks, blocks become longer ones, retention drops the oldest, and all reads on', async () => {
  const times = Array.from({ length: 4 * 24 * 12 }, (_, i) => start + i * 300_000); // four days, every 5 minutes
  const series = Array.from({ length: 10 }, (_, i) => ({ __name__: 'up', i: `${i}` }));
  const refs = series.map((labels) => db.appender().seriesRef(Labels.from(labels)));
  const appender = db.appender();
  for (const [n, time] of times.entries()) {
    for (const [i, ref] of refs.entries()) appender.append(ref, time, n * i);
    appender.commit();
    if (n % 100 === 0) await db.maintain();
  }
  await db.maintain();
  const expected = Object.fromEntries(
    series.map((labels, i) => [
      Labels.from(labels).toString(),
      times.map((time, n): [number, number] => [time, n * i]),
    ]),
  );
  expect(await query(up)).toEqual(expected);
  expect(db.blocks.all.map(({ meta }) => meta.compaction.level)).toContain(3);
  expect(db.head.minTime).toBeGreaterThan(times[times.length - 1] - 4 * hour);
  await reopen();
  expect(await query(up)).toEqual(expected);
  await db.close();
  db = await Tsdb.open({ directory, retentionMs: 24 * hour });
  await db.maintain();
  const kept = (await query(up))['up{i="1"}'];
  expect(kept.length).toBeLessThan(2 * 24 * 12);
  expect(kept.length).toBeGreaterThan(24 * 12);
});

test('a series that is gone leaves its slot to another, and may come back', async () => {
  add({ __name__: 'up', job: 'old' }, [[start, 1]]);
  for (let i = 1; i < 20; i++) {
    add({ __name__: 'up', job: 'new' }, [[start + i * hour, 1]]);
    add({ __name__: 'up', job: `${i}` }, [[start + i * hour, 1]]);
    await db.maintain();
  }
  expect(db.stats.series).toBeLessThan(8);
  expect(db.head.series.highestSlot).toBeLessThan(12);
  add({ __name__: 'up', job: 'old' }, [[start + 20 * hour, 2]]);
  const expected = [
    [start, 1],
    [start + 20 * hour, 2],
  ];
  expect((await query(up))['up{job="old"}']).toEqual(expected);
  await reopen();
  expect((await query(up))['up{job="old"}']).toEqual(expected);
  expect(Object.keys(await query(up))).toHaveLength(21);
});

test('deleted samples are gone from head and blocks, at once and after a restart, and their room is freed', async () => {
  for (let i = 0; i < 10; i++) for (const job of ['a', 'b']) add({ __name__: 'up', job }, [[start + i * hour, i]]);
  await db.maintain();
  expect(db.blocks.all.length).toBeGreaterThan(1);
  await db.delete(start + hour, start + 8 * hour, [[new Matcher('=', 'job', 'a')]]);
  const expected = [
    [start, 0],
    [start + 9 * hour, 9],
  ];
  expect((await query(up))['up{job="a"}']).toEqual(expected);
  await reopen();
  expect((await query(up))['up{job="a"}']).toEqual(expected);
  await db.cleanTombstones();
  expect(db.blocks.all.every(({ tombstones }) => tombstones.count === 0)).toBe(true);
  expect((await query(up))['up{job="a"}']).toEqual(expected);
  expect((await query(up))['up{job="b"}']).toHaveLength(10);
});

test('late samples within the window are kept, in memory, over a restart and in blocks', async () => {
  await db.close();
  db = await Tsdb.open({ directory, outOfOrderWindowMs: 5 * hour });
  add({ __name__: 'up' }, [[start + 6 * hour, 6]]);
  const appender = db.appender();
  const ref = appender.seriesRef(Labels.from({ __name__: 'up' }));
  expect(appender.append(ref, start, 0)).toBe(TOO_OLD);
  for (const i of [4, 2, 3, 5]) expect(appender.append(ref, start + i * hour, i)).toBe(APPENDED);
  appender.commit();
  const expected = [2, 3, 4, 5, 6].map((i) => [start + i * hour, i]);
  expect(await query(up)).toEqual({ up: expected });
  await db.close();
  db = await Tsdb.open({ directory, outOfOrderWindowMs: 5 * hour });
  expect(await query(up)).toEqual({ up: expected });
  add({ __name__: 'up' }, [[start + 10 * hour, 10]]);
  await db.maintain();
  expect(db.head.late.size).toBe(0);
  const after = { up: [...expected, [start + 10 * hour, 10]] };
  expect(await query(up)).toEqual(after);
  await db.close();
  db = await Tsdb.open({ directory });
  expect(await query(up)).toEqual(after);
});

test('a sample that is late by another of its own batch is there after a restart too', async () => {
  await db.setOutOfOrderWindow(hour);
  const appender = db.appender();
  const ref = appender.seriesRef(Labels.from({ __name__: 'up' }));
  for (const time of [start + 10, start + 5, start + 7]) appender.append(ref, time, time - start);
  appender.commit();
  const expected = { up: [5, 7, 10].map((n) => [start + n, n]) };
  expect(await query(up)).toEqual(expected);
  await reopen();
  expect(await query(up)).toEqual(expected);
});

test('a query that has begun reads on while the head is compacted and its blocks are merged', async () => {
  for (let i = 0; i < 40; i++) add({ __name__: 'up' }, [[start + i * hour, i]]);
  const querier = db.querier(0, Number.MAX_SAFE_INTEGER);
  const [series] = await querier.select([up]);
  const maintained = db.maintain();
  add({ __name__: 'up' }, [[start + 40 * hour, 40]]);
  await new Promise((resolve) => setTimeout(resolve, 50));
  const samples = new SampleColumns();
  expect(series.read(0, Number.MAX_SAFE_INTEGER, samples)).toBe(40); // and not the one committed later
  querier.close();
  await maintained;
  expect((await query(up)).up).toHaveLength(41);
});

test('a sample that is late by another of its own batch is refused and counted', async () => {
  const appender = db.appender();
  const ref = appender.seriesRef(Labels.from({ __name__: 'up' }));
  for (const time of [start + 2000, start + 1000, start + 2000]) appender.append(ref, time, 1);
  appender.commit();
  expect(await query(up)).toEqual({ up: [[start + 2000, 1]] });
  expect(db.head.outOfOrderRefused).toBe(1);
});

test('all that is read through one view shows the same commits', async () => {
  const appender = db.appender();
  const refs = ['a', 'b', 'c'].map((job) => appender.seriesRef(Labels.from({ __name__: 'up', job })));
  const scrape = (n: number, which = refs) => {
    for (const ref of which) appender.append(ref, start + n * 1000, n);
    appender.commit();
  };
  scrape(1);
  const view = db.view();
  const last = async (job: string) => {
    const [series] = await view.querier(0, Number.MAX_SAFE_INTEGER).select([new Matcher('=', 'job', job)]);
    const samples = new SampleColumns();
    const count = series?.read(0, Number.MAX_SAFE_INTEGER, samples) ?? 0;
    return count === 0 ? undefined : samples.v[count - 1];
  };
  scrape(2, [refs[1]]);
  expect(await last('a')).toBe(1);
  scrape(3);
  add({ __name__: 'up', job: 'new' }, [[start + 4000, 4]]);
  expect([await last('b'), await last('c'), await last('new')]).toEqual([1, 1, undefined]);
  view.close();
  expect((await query(up))['up{job="b"}']).toHaveLength(3);
});

test('a snapshot is a directory that opens, with the head and without', async () => {
  for (let i = 0; i < 10; i++) add({ __name__: 'up' }, [[start + i * hour, i]]);
  await db.maintain();
  const all = await query(up);
  for (const withHead of [true, false]) {
    const name = await db.snapshot(withHead);
    const copy = await Tsdb.open({ directory: join(directory, 'snapshots', name) });
    const own = db;
    db = copy;
    if (withHead) expect(await query(up)).toEqual(all);
    else expect((await query(up)).up.length).toBeLessThan(10);
    db = own;
    await copy.close();
  }
});

test('a snapshot that is cut short leaves nothing, and keeps nobody waiting', async () => {
  for (let i = 0; i < 3000; i++) add({ __name__: 'up', i: `${i}` }, [[start, i]]);
  const snapshot = db.snapshot(true);
  const refused = expect(snapshot).rejects.toThrow('the database is being closed');
  await new Promise((resolve) => setImmediate(resolve));
  await db.close();
  await refused;
  expect(readdirSync(join(directory, 'snapshots'))).toEqual([]);
  const left = join(directory, 'snapshots', '20240101T000000Z-0123456789abcdef.tmp');
  mkdirSync(left);
  await reopen();
  expect(existsSync(left)).toBe(false);
});

test('blocks that others put into the directory or take out of it are noticed', async () => {
  for (let i = 0; i < 10; i++) add({ __name__: 'up' }, [[start + i * hour, i]]);
  await db.maintain();
  const all = await query(up);
  const [{ directory: first }] = db.blocks.all;
  const aside = join(directory, 'aside');
  renameSync(first, aside);
  await db.maintain();
  expect((await query(up)).up).toEqual(all.up.slice(-(await query(up)).up.length));
  expect((await query(up)).up.length).toBeLessThan(10);

  mkdirSync(first); // as `cp` has it before it has copied everything
  await db.maintain();
  await db.maintain();
  expect(db.blocks.reloadsFailed).toBe(2);
  rmSync(first, { recursive: true });
  renameSync(aside, first);
  await db.maintain();
  expect(await query(up)).toEqual(all);
});

test('a series made while its scrape goes on outlives a retention run', async () => {
  const appender = db.appender();
  const ref = appender.seriesRef(Labels.from({ __name__: 'up' }));
  appender.append(ref, start, 1);
  await db.maintain();
  appender.commit();
  expect(await query(up)).toEqual({ up: [[start, 1]] });
});

test('a torn tail is cut, told, and nothing before it is lost', async () => {
  add({ __name__: 'up' }, [[start, 1]]);
  await db.close();
  appendFileSync(join(directory, 'wal', '00000000'), Buffer.from([1, 0, 200, 1, 2, 3, 4, 9, 9]));
  db = await Tsdb.open({ directory });
  expect(db.wal.metrics.corruptions).toBe(1);
  expect(await query(up)).toEqual({ up: [[start, 1]] });
  expect(readdirSync(join(directory, 'wal'))).toContain('00000000.corrupt');
  await reopen();
  expect(db.wal.metrics.corruptions).toBe(0);
});

test('a directory in use is refused, one left by a dead process is not', async () => {
  await expect(Tsdb.open({ directory })).rejects.toThrow(DirectoryLocked);
  const { pid } = spawnSync(process.execPath, ['-e', '']);
  // The last: our own id in a lock that we did not take, as after a crash in a container.
  for (const left of [pid, process.pid]) {
    await db.close();
    writeFileSync(join(directory, 'lock'), `${left}\n`);
    db = await Tsdb.open({ directory });
    expect(existsSync(join(directory, 'lock'))).toBe(true);
  }
});

test('a series created by a batch that was rolled back is logged with the next commit', async () => {
  const appender = db.appender();
  const ref = appender.seriesRef(Labels.from({ __name__: 'up', job: 'late' }));
  appender.rollback();
  add({ __name__: 'up' }, [[start + 1, 1]]);
  appender.append(ref, start + 2, 3);
  appender.commit();
  await reopen();
  expect((await query(up))['up{job="late"}']).toEqual([[start + 2, 3]]);
});

const promtool = spawnSync('promtool', ['--version']).status === 0;
describe.skipIf(!promtool)('with the real promtool (Debian package prometheus)', () => {
  test('it dumps what we logged', async () => {
    add({ __name__: 'up', job: 'größe' }, [
      [start, 1],
      [start + 15_000, 0.5],
    ]);
    await db.close();
    const dump = execFileSync('promtool', ['tsdb', 'dump', directory], { encoding: 'utf8' });
    expect(dump.trim().split('\n')).toEqual([
      `{__name__="up", job="größe"} 1 ${start}`,
      `{__name__="up", job="größe"} 0.5 ${start + 15_000}`,
    ]);
  });
});
