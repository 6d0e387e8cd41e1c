import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readSegment } from './reader.ts';
import { listSegments, PAGE_BYTES } from './segments.ts';
import { WalWriter } from './writer.ts';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'wal-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

test.each([100, 20_000, 40_000, PAGE_BYTES - 7, 2 * (PAGE_BYTES - 7)])(
  'records of %i bytes never cross a segment, and each segment reads on its own',
  (size) => {
    const wal = new WalWriter(directory, 0, 3 * PAGE_BYTES);
    const written: number[] = [];
    for (let i = 0; i < 5000 && wal.currentSegment < 4; i++) {
      wal.log(new Uint8Array(size).fill(i & 0xff));
      if (i % 3 === 0) wal.flush();
      written.push(i & 0xff);
    }
    wal.close();
    const read: number[] = [];
    for (const { path } of listSegments(directory)) for (const record of readSegment(path)) read.push(record[0]);
    expect(read).toEqual(written);
    expect(listSegments(directory).length).toBeGreaterThan(3);
  },
);

test('a segment that cannot be begun leaves the log as it was, and later records are whole', () => {
  const wal = new WalWriter(directory, 0, PAGE_BYTES);
  const record = new Uint8Array(20_000).fill(1);
  wal.log(record);
  wal.flush();
  const blocked = new WalWriter(directory, 1, PAGE_BYTES); // takes the name of the next segment
  expect(() => wal.log(record)).toThrow('EEXIST');
  wal.discard();
  wal.log(new Uint8Array(10).fill(2));
  wal.close();
  blocked.close();
  expect([...readSegment(join(directory, '00000000'))].length).toBe(2);
});
