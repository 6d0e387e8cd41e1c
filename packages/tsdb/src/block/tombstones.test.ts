import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { BlockCorruption } from './corruption.ts';
import { Tombstones, TombstonesBuilder } from './tombstones.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tombstones-'));
});

afterEach(() => rmSync(directory, { recursive: true }));

test('intervals of many series are written and read; those that touch are one', () => {
  const builder = new TombstonesBuilder();
  builder.add(7, 100, 200);
  builder.add(4_000_000_000, -5, -1);
  builder.add(7, 400, 500);
  builder.add(7, 201, 300);
  const tombstones = builder.build();
  tombstones.write(directory);
  for (const read of [tombstones, Tombstones.read(directory)]) {
    expect(read.count).toBe(3);
    expect([...read.refs]).toEqual([7, 4_000_000_000]);
    expect(Array.from(read.intervals(7))).toEqual([100, 300, 400, 500]);
    expect(Array.from(read.intervals(4_000_000_000))).toEqual([-5, -1]);
    expect(read.intervals(8)).toHaveLength(0);
  }
});

test('adding to tombstones leaves those there were', () => {
  const first = new TombstonesBuilder();
  first.add(1, 10, 20);
  const before = first.build();
  const second = new TombstonesBuilder(before);
  second.add(1, 15, 30);
  expect(Array.from(second.build().intervals(1))).toEqual([10, 30]);
  expect(Array.from(before.intervals(1))).toEqual([10, 20]);
});

test('none are the bytes that upstream writes, and what a missing file means', () => {
  expect(Tombstones.read(directory)).toBe(Tombstones.NONE);
  Tombstones.NONE.write(directory);
  expect(readFileSync(join(directory, 'tombstones')).toString('hex')).toBe('0130ba300100000000');
  expect(Tombstones.read(directory).count).toBe(0);
});

test.each([
  ['', '0 bytes are too few'],
  ['00000000010000000000', 'magic number'],
  ['0130ba300200000000', 'version 2 is not supported'],
  ['0130ba300100000001', 'checksum mismatch'],
])('damage is named: %s', (hex, message) => {
  writeFileSync(join(directory, 'tombstones'), Buffer.from(hex, 'hex'));
  expect(() => Tombstones.read(directory)).toThrow(BlockCorruption);
  expect(() => Tombstones.read(directory)).toThrow(message);
});
