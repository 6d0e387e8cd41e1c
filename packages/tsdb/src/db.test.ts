import { execFileSync, spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Labels, Matcher, SampleColumns } from '@avalanche/model';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Tsdb } from './db.ts';
import { APPENDED, DUPLICATE_TIMESTAMP, OUT_OF_ORDER } from './head/head.ts';
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
  for (const series of await db.querier(0, Number.MAX_SAFE_INTEGER).select(matchers)) {
    const samples = new SampleColumns();
    series.read(0, Number.MAX_SAFE_INTEGER, samples);
    out[series.labels.toString()] = Array.from({ length: samples.length }, (_, i) => [samples.t[i], samples.v[i]]);
  }
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

test('retention drops old chunks, then series, and a series may come back', async () => {
  add({ __name__: 'up', job: 'old' }, [[start, 1]]);
  add({ __name__: 'up', job: 'new' }, [[start + 20 * 24 * hour, 1]]);
  await db.enforceRetention(start + 20 * 24 * hour);
  expect(Object.keys(await query(up))).toEqual(['up{job="new"}']);
  expect(db.querier(0, Infinity).labelValues('job', [])).toEqual(['new']);
  add({ __name__: 'up', job: 'old' }, [[start + 21 * 24 * hour, 2]]);
  await reopen();
  expect((await query(up))['up{job="old"}']).toContainEqual([start + 21 * 24 * hour, 2]);
});

test('a crash right after a checkpoint leaves nothing that a restart does not clear away', async () => {
  for (let day = 0; day < 40; day += 10) {
    add({ __name__: 'up', job: `${day}` }, [[start + day * 24 * hour, 1]]);
    await reopen();
  }
  await db.close();
  const wal = join(directory, 'wal');
  const kept = join(directory, 'kept');
  cpSync(wal, kept, { recursive: true });
  db = await Tsdb.open({ directory });
  await db.enforceRetention(start + 36 * 24 * hour);
  await db.enforceRetention(start + 36 * 24 * hour);
  await db.close();
  cpSync(kept, wal, { recursive: true }); // the segments that the checkpoint stands for are back
  db = await Tsdb.open({ directory });
  expect(Object.keys(await query(up))).toEqual(['up{job="30"}']);
  expect(readdirSync(wal)).not.toContain('00000000');
});

test('a series made while its scrape goes on outlives a retention run', async () => {
  const appender = db.appender();
  const ref = appender.seriesRef(Labels.from({ __name__: 'up' }));
  appender.append(ref, start, 1);
  await db.enforceRetention(start);
  appender.commit();
  expect(await query(up)).toEqual({ up: [[start, 1]] });
});

test('a torn tail is cut, told, and nothing before it is lost', async () => {
  add({ __name__: 'up' }, [[start, 1]]);
  await db.close();
  appendFileSync(join(directory, 'wal', '00000000'), Buffer.from([1, 0, 200, 1, 2, 3, 4, 9, 9]));
  db = await Tsdb.open({ directory });
  expect(db.walCorruptions).toBe(1);
  expect(await query(up)).toEqual({ up: [[start, 1]] });
  expect(readdirSync(join(directory, 'wal'))).toContain('00000000.corrupt');
  await reopen();
  expect(db.walCorruptions).toBe(0);
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
