import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Labels, silentLogger } from '@avalanche/model';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { TAIL_END, TAIL_SAMPLES, TAIL_SERIES, type WalPosition, type WalTail } from './tail.ts';
import { Wal } from './wal.ts';

let directory = '';
let wal: Wal;
let losses: string[] = [];
let tails: WalTail[] = [];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'tail-'));
  losses = [];
  await openLog();
});

afterEach(async () => {
  for (const tail of tails) tail.close();
  tails = [];
  await wal.close();
  rmSync(directory, { recursive: true });
});

async function openLog(): Promise<void> {
  const sink = { series: () => {}, samples: () => 0 };
  wal = Wal.open(directory, { compression: 'snappy', fsync: 'never', logger: silentLogger, segmentBytes: 64 * 1024 });
  await wal.replay(sink);
}

function follow(from: WalPosition): WalTail {
  const tail = wal.tail(from, {
    exemplars: true,
    metadata: true,
    onLoss: (error) => losses.push(error.message.replace(directory, '')),
  });
  tails.push(tail);
  return tail;
}

function write(ref: number, ...times: number[]): void {
  for (const time of times) {
    wal.logSamples({ refs: [ref], times: [time], bits: Uint32Array.of(0, 0), length: 1 });
    wal.flush();
  }
}

/** What comes until there is nothing new: times of samples, and references of series as texts. */
function read(tail: WalTail): (number | string)[] {
  const out: (number | string)[] = [];
  for (let kind = tail.next(); kind !== TAIL_END; kind = tail.next()) {
    if (kind === TAIL_SERIES) out.push(...tail.series.refs.map((ref) => `series ${ref}`));
    if (kind === TAIL_SAMPLES) out.push(...tail.samples.times.subarray(0, tail.samples.length));
  }
  return out;
}

function logSeries(ref: number): void {
  wal.logSeries(ref, Labels.from({ __name__: 'up', ref: String(ref) }));
  wal.flush();
}

test('what is written is read as it comes, after what was said of series before', () => {
  logSeries(1);
  write(1, 10);
  const tail = follow(wal.end);
  expect(read(tail)).toEqual(['series 1']);
  write(1, 20, 30);
  logSeries(2);
  expect(read(tail)).toEqual([20, 30, 'series 2']);
  expect(read(tail)).toEqual([]);
  expect(tail.position).toEqual(wal.end);
});

test('nothing is missed where a segment ends while its end is read', () => {
  const tail = follow(wal.end);
  write(1, 1);
  expect(tail.next()).toBe(TAIL_SAMPLES);
  write(1, 2);
  wal.nextSegment();
  write(1, 3);
  wal.nextSegment();
  expect(read(tail)).toEqual([2, 3]);
  write(1, 4);
  expect(read(tail)).toEqual([4]);
});

test('many segments', () => {
  const tail = follow(wal.end);
  const bits = Uint32Array.from({ length: 6000 }, (_, i) => (i * 2654435761) >>> 0);
  const refs = Array.from({ length: 3000 }, () => 1);
  for (let i = 0; i < 20; i++) {
    wal.logSamples({ refs, times: refs.map((_, j) => i * 3000 + j), bits, length: 3000 });
    wal.flush();
  }
  expect(wal.currentSegment).toBeGreaterThan(3);
  expect(read(tail)).toEqual(Array.from({ length: 60_000 }, (_, i) => i));
});

test('reading goes on where it was after a restart', async () => {
  logSeries(1);
  const tail = follow(wal.end);
  write(1, 1, 2, 3);
  read(tail);
  const { position } = tail;
  write(1, 4);
  await wal.close();
  await openLog();
  write(1, 5);
  expect(read(follow(position))).toEqual(['series 1', 4, 5]);
});

test('series of a checkpoint are read, and what is gone unread is told', async () => {
  logSeries(1);
  const { end } = wal;
  for (let i = 0; i < 6; i++) {
    write(1, i);
    wal.nextSegment();
  }
  const tail = follow(wal.end);
  expect(read(tail)).toEqual(['series 1']);
  await wal.truncate(100, () => true);
  expect(await tail.truncated()).toMatchObject({ refs: new Set([1]) });
  expect(await tail.truncated()).toBeUndefined();
  const late = follow(end);
  expect(losses).toEqual([expect.stringMatching(/^segments 0 to \d of the log were removed unread$/)]);
  expect(read(late)[0]).toBe('series 1');
});

test('segments that somebody holds stay', async () => {
  for (let i = 0; i < 6; i++) {
    write(1, i);
    wal.nextSegment();
  }
  const release = wal.hold(() => 2);
  await wal.truncate(100, () => true);
  expect(wal.firstSegment).toBe(2);
  release();
  await wal.truncate(100, () => true);
  expect(wal.firstSegment).toBeGreaterThan(2);
});
