import fs, { mkdtempSync, rmSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { SegmentReader } from './reader.ts';
import { listSegments, PAGE_BYTES } from './segments.ts';
import { WalWriter } from './writer.ts';

let directory = '';
function readRecords(path: string): Uint8Array[] {
  const reader = new SegmentReader();
  reader.open(path);
  const records: Uint8Array[] = [];
  while (reader.next()) records.push(new Uint8Array(reader.bytes.subarray(reader.start, reader.end)));
  reader.close();
  return records;
}

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'wal-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

test.each([100, 20_000, 40_000, PAGE_BYTES - 7, 2 * (PAGE_BYTES - 7)])(
  'records of %i bytes never cross a segment, and each segment reads on its own',
  async (size) => {
    const wal = new WalWriter(directory, 0, { segmentBytes: 3 * PAGE_BYTES });
    const written: number[] = [];
    for (let i = 0; i < 5000 && wal.currentSegment < 4; i++) {
      wal.log(new Uint8Array(size).fill(i & 0xff));
      if (i % 3 === 0) wal.flush();
      written.push(i & 0xff);
    }
    wal.flush();
    await wal.close();
    const read: number[] = [];
    for (const { path } of listSegments(directory)) for (const record of readRecords(path)) read.push(record[0]);
    expect(read).toEqual(written);
    expect(listSegments(directory).length).toBeGreaterThan(3);
  },
);

test('a segment that cannot be begun leaves the log as it was, and later records are whole', async () => {
  const wal = new WalWriter(directory, 0, { segmentBytes: PAGE_BYTES });
  const record = new Uint8Array(20_000).fill(1);
  wal.log(record);
  wal.flush();
  const blocked = new WalWriter(directory, 1); // takes the name of the next segment
  wal.log(record);
  expect(() => wal.flush()).toThrow('EEXIST');
  expect(wal.metrics.writesFailed).toBe(1);
  wal.log(new Uint8Array(10).fill(2));
  wal.flush();
  await wal.close();
  await blocked.close();
  expect(readRecords(join(directory, '00000000')).map((bytes) => bytes.length)).toEqual([20_000, 10]);
});

/** Lets a call of the file system fail: `before` is what the disk still does of it. */
function failing(call: 'writeSync' | 'ftruncateSync', before?: typeof fs.writeSync): void {
  const real = fs.writeSync;
  vi.spyOn(fs, call).mockImplementation(((fd: number, bytes: Buffer, from: number, size: number, at: number) => {
    if (before) real(fd, bytes, from, size >> 1, at);
    throw new Error('EIO: i/o error');
  }) as never);
  syncBuiltinESMExports();
}

test.each(['next segment', 'close'])('half a record that could not be cut off is cut off later: %s', async (then) => {
  const wal = new WalWriter(directory, 0);
  wal.log(new Uint8Array(100).fill(1));
  wal.flush();
  wal.log(new Uint8Array(5000).fill(2));
  failing('writeSync', fs.writeSync);
  failing('ftruncateSync');
  expect(() => wal.flush()).toThrow('EIO');
  if (then === 'next segment') expect(() => wal.nextSegment()).toThrow('EIO');
  vi.restoreAllMocks();
  syncBuiltinESMExports();
  if (then === 'next segment') wal.nextSegment();
  await wal.close();
  expect(readRecords(join(directory, '00000000'))).toEqual([new Uint8Array(100).fill(1)]);
});
