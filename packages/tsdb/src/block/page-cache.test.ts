import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runToEnd } from '@avalanche/model';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { crc32c } from '../crc32c.ts';
import { BlockCorruption } from './corruption.ts';
import { PageCache } from './page-cache.ts';

let directory: string;
const content = Uint8Array.from({ length: 1000 }, (_, i) => (i * 7) % 251);

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'page-cache-'));
  for (const name of ['a', 'b']) writeFileSync(join(directory, name), content);
});

afterEach(() => rmSync(directory, { recursive: true }));

test('any range of several files is given, however few pages there are', () => {
  const cache = new PageCache(0, 64);
  const files = ['a', 'b'].map((name) => cache.open(join(directory, name)));
  for (let i = 0; i < 2000; i++) {
    const file = files[i % 2];
    const offset = (i * 37) % 1000;
    const length = Math.min((i * 13) % 200, 1000 - offset);
    const at = file.locate(offset, length);
    expect(Buffer.compare(file.bytes.subarray(at, at + length), content.subarray(offset, offset + length))).toBe(0);
    expect(file.checksum(offset, length)).toBe(crc32c(content, offset, offset + length));
  }
  expect(cache.bytes).toBe(8 * 64);
  for (const file of files) file.close();
  expect(() => files[0].locate(0, 1)).toThrow('BUG');
});

test('pages used lately stay, and those of a closed file go first', () => {
  const cache = new PageCache(8 * 100, 100);
  const [a, b] = ['a', 'b'].map((name) => cache.open(join(directory, name)));
  for (let page = 0; page < 8; page++) a.locate(page * 100, 1);
  const slotOfFirst = cache.find(0);
  for (let page = 0; page < 4; page++) b.locate(page * 100, 1);
  expect(cache.find(0)).toBe(slotOfFirst);
  expect(cache.find(1)).toBe(-1);
  b.close();
  for (let page = 1; page < 4; page++) a.locate(page * 100, 1);
  expect(cache.find(0)).toBe(slotOfFirst);
});

test('what is guarded is compared whenever it is read again', () => {
  const file = new PageCache(0, 64).open(join(directory, 'a'));
  runToEnd(file.guard(100, 300));
  const changed = content.slice();
  changed[50] ^= 1;
  changed[250] ^= 1;
  writeFileSync(join(directory, 'a'), changed);
  for (let page = 8; page < 16; page++) file.locate(page * 64, 1); // pushes the others out
  const at = file.locate(50, 1);
  expect(file.bytes[at]).toBe(changed[50]);
  expect(() => file.locate(200, 1)).toThrow(`${file.path} is damaged at offset 192: changed since`);
  expect(() => file.locate(110, 200)).toThrow(BlockCorruption);
  file.close();
});

test('reading past the end is damage, also of a file that became shorter', () => {
  const file = new PageCache(0, 64).open(join(directory, 'a'));
  expect(() => file.locate(990, 11)).toThrow(BlockCorruption);
  expect(() => file.locate(2 ** 40, 1)).toThrow('1 bytes are expected here, the file has 1000');
  expect(() => file.locate(Number.NaN, 1)).toThrow(BlockCorruption);
  truncateSync(join(directory, 'a'), 500);
  expect(() => file.locate(900, 10)).toThrow('the file has become shorter');
  file.close();
});
