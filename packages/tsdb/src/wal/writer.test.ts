import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
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
