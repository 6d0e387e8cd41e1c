import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { replaceFile, replaceFileNow } from './replace-file.ts';

let directory: string;
let file: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'replace-file-'));
  file = join(directory, 'state.json');
  writeFileSync(file, 'old');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const state = () =>
  Object.fromEntries(readdirSync(directory).map((name) => [name, readFileSync(join(directory, name), 'utf8')]));

test('the new text is on the disk, whole, before it takes the place of the old', async () => {
  const seen: unknown[] = [];
  await replaceFile(file, ['new ', 'text'], async () => void seen.push(state()));
  expect(seen).toEqual([{ 'state.json': 'old', 'state.json.tmp': 'new text' }]);
  expect(state()).toEqual({ 'state.json': 'new text' });
});

test('what fails while it is made or synced leaves the old one, and nothing else', async () => {
  async function* broken(): AsyncGenerator<string> {
    yield 'half';
    throw new Error('broken');
  }
  await expect(replaceFile(file, broken())).rejects.toThrow('broken');
  expect(state()).toEqual({ 'state.json': 'old' });
  const unsynced = replaceFile(file, ['new'], () => Promise.reject(new Error('EIO')));
  await expect(unsynced).rejects.toThrow('EIO');
  expect(state()).toEqual({ 'state.json': 'old' });
});

test('what a crash has left of an attempt is in nobody’s way', async () => {
  writeFileSync(`${file}.tmp`, 'half of a longer text');
  await replaceFile(file, ['new']);
  expect(state()).toEqual({ 'state.json': 'new' });
  writeFileSync(`${file}.tmp`, 'half of a longer text');
  replaceFileNow(file, 'newer');
  expect(state()).toEqual({ 'state.json': 'newer' });
});

describe.skipIf(!existsSync('/dev/full'))('a disk that is full leaves the old one (skipped without /dev/full)', () => {
  beforeEach(() => symlinkSync('/dev/full', `${file}.tmp`));

  test('later', async () => {
    await expect(replaceFile(file, ['new'])).rejects.toThrow('ENOSPC');
    expect(state()).toEqual({ 'state.json': 'old' });
  });

  test('now', () => {
    expect(() => replaceFileNow(file, 'new')).toThrow('ENOSPC');
    expect(state()).toEqual({ 'state.json': 'old' });
  });
});
