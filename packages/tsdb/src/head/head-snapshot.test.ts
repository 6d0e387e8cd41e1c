import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Labels, type Logger, Matcher, SampleColumns, silentLogger } from '@avalanche/model';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Tsdb } from '../db.ts';

const SERIES = 20;
const STEP = 15_000;
const HOUR = 3_600_000;
const start = 1_700_000_000_000 - (1_700_000_000_000 % (2 * HOUR));

let directory = '';
let db: Tsdb;
let told: string[] = [];
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'head-snapshot-'));
  told = [];
  db = await open();
});
afterEach(async () => {
  await db.close();
  rmSync(directory, { recursive: true, force: true });
});

const tell = (message: string) => void told.push(message);
const logger: Logger = { ...silentLogger, warn: tell, error: tell };

/** Every `maintain` writes a snapshot. */
function open(): Promise<Tsdb> {
  return Tsdb.open({
    directory,
    autoMaintenance: false,
    noLockFile: true,
    logger,
    retentionMs: 0,
    snapshotAfterBytes: 1,
  });
}

async function reopen(): Promise<void> {
  await db.close();
  db = await open();
}

function labelsOf(i: number): Labels {
  return Labels.from({ __name__: 'm', i: `${i}` });
}

/** Appends scrapes `from` … `to` of all series. */
function append(from: number, to: number): void {
  const appender = db.appender();
  const refs = Array.from({ length: SERIES }, (_, i) => appender.seriesRef(labelsOf(i)));
  for (let n = from; n < to; n++) {
    for (const [i, ref] of refs.entries()) appender.append(ref, start + n * STEP, Math.sin(n * i));
    appender.commit();
  }
}

async function read(): Promise<Record<string, string[]>> {
  const querier = db.querier(0, Number.MAX_SAFE_INTEGER);
  const out: Record<string, string[]> = {};
  for (const series of await querier.select([new Matcher('=', '__name__', 'm')])) {
    const samples = new SampleColumns();
    series.read(0, Number.MAX_SAFE_INTEGER, samples);
    out[series.labels.toString()] = Array.from({ length: samples.length }, (_, i) => `${samples.t[i]} ${samples.v[i]}`);
  }
  querier.close();
  return out;
}

function expected(scrapes: number): Record<string, string[]> {
  const samples = (i: number) => Array.from({ length: scrapes }, (_, n) => `${start + n * STEP} ${Math.sin(n * i)}`);
  return Object.fromEntries(Array.from({ length: SERIES }, (_, i) => [labelsOf(i).toString(), samples(i)]));
}

function snapshots(): string[] {
  return readdirSync(directory).filter((name) => name.startsWith('head_snapshot.'));
}

/** Damages what the log has before the snapshot: a start that reads it finds that. */
function spoilOldSegments(): void {
  const log = join(directory, 'wal');
  const from = Number(snapshots()[0].split('.')[1]);
  for (const name of readdirSync(log).filter((name) => Number(name) < from)) {
    const path = join(log, name);
    writeFileSync(path, readFileSync(path).fill(0x55));
  }
}

test('a start reads the snapshot and the log after it, and chunks are continued where they were', async () => {
  append(0, 300);
  await db.maintain();
  append(300, 310);
  expect(snapshots()).toEqual(['head_snapshot.00000001']);
  spoilOldSegments();
  await reopen();
  expect(await read()).toEqual(expected(310));
  append(310, 500); // closes the chunks that came from the snapshot
  expect(await read()).toEqual(expected(500));
  await db.maintain();
  expect(snapshots()).toHaveLength(1);
  spoilOldSegments();
  await reopen();
  expect(await read()).toEqual(expected(500));
  expect(told).toEqual([]);
});

test('a chunk that was closed after the snapshot is taken from its file', async () => {
  append(0, 300);
  await db.maintain();
  append(300, 600);
  spoilOldSegments();
  await reopen();
  expect(await read()).toEqual(expected(600));
  const chunks = db.stats.chunks;
  await reopen();
  expect(db.stats.chunks).toBe(chunks);
  expect(told).toEqual([]);
});

test('a snapshot while samples come in has whole chunks', async () => {
  append(0, 100);
  for (let n = 100; n < 400; n += 10) {
    const done = db.maintain();
    append(n, n + 10);
    await done;
  }
  spoilOldSegments();
  await reopen();
  expect(await read()).toEqual(expected(400));
});

test('whatever byte of it is flipped, and wherever it is cut: the log has everything', async () => {
  append(0, 50);
  await db.maintain();
  append(50, 60);
  await db.close();
  const path = join(directory, snapshots()[0]);
  const bytes = readFileSync(path);
  for (let at = 0; at < bytes.length; at += 97) {
    const damaged = at % 2 === 0 ? Buffer.from(bytes) : bytes.subarray(0, at);
    if (at % 2 === 0) damaged[at] ^= 1 << (at % 8);
    writeFileSync(path, damaged);
    told = [];
    db = await open();
    expect(await read(), `byte ${at}`).toEqual(expected(60));
    expect(told, `byte ${at}`).toHaveLength(1);
    expect(snapshots()).toEqual([]);
    await db.close();
  }
  db = await open();
});

test('without its chunk files it is not used', async () => {
  append(0, 400);
  await db.maintain();
  await db.close();
  rmSync(join(directory, 'chunks_head'), { recursive: true });
  db = await open();
  expect(await read()).toEqual(expected(400));
  expect(told).toHaveLength(1);
});

test('without its log it is not used', async () => {
  append(0, 50);
  await db.maintain();
  await db.close();
  rmSync(join(directory, 'wal'), { recursive: true });
  db = await open();
  expect(await read()).toEqual({});
});

test('a log that another program has continued under other references is read whole', async () => {
  append(0, 50);
  db.wal.logSeries(77, labelsOf(3));
  db.wal.flush();
  await db.maintain();
  const bits = new Uint32Array(Float64Array.of(Math.sin(50 * 3)).buffer);
  db.wal.logSamples({ refs: [77], times: [start + 50 * STEP], bits, length: 1 });
  db.wal.flush();
  await reopen();
  expect((await read())[labelsOf(3).toString()]).toEqual(expected(51)[labelsOf(3).toString()]);
  expect(told).toHaveLength(1);
});

test('a series that the log does not know yet is not in it, a deletion is, and references are not given out again', async () => {
  append(0, 50);
  db.appender().seriesRef(Labels.from({ __name__: 'm', i: 'unlogged' }));
  await db.delete(start, start + 10 * STEP, [[new Matcher('=', 'i', '3')]]);
  db.head.series.lastWalRef = 1000;
  await db.maintain();
  await reopen();
  expect(db.stats.series).toBe(SERIES);
  expect(db.head.series.lastWalRef).toBe(1000);
  expect((await read())[labelsOf(3).toString()]).toHaveLength(39);
  expect(told).toEqual([]);
});
