import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, describe, expect, test } from 'vitest';
import { type RecordFormat, StateFile } from './state-file.ts';

const directory = mkdtempSync(join(tmpdir(), 'state-'));
const disk = mkdtempSync(join(tmpdir(), 'state-disk-'));
const mounted = spawnSync('/bin/mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk]).status === 0;

afterAll(() => {
  // lazily, as files of it are still open
  if (mounted) spawnSync('/bin/umount', ['-l', disk]);
  for (const used of [directory, disk]) rmSync(used, { recursive: true, force: true });
});

const format: RecordFormat<[string, number]> = {
  write([key, value], writer) {
    writer.string(1, key);
    writer.int64(2, value);
  },
  read(reader) {
    let [key, value] = ['', 0];
    while (reader.next()) {
      if (reader.field === 1) key = reader.string();
      else value = reader.int64();
    }
    if (key === '') throw new Error('no key');
    return [key, value];
  },
};

function open(name: string, folder = directory) {
  const state = new Map<string, number>();
  const file = join(folder, name);
  const records = StateFile.open(
    file,
    format,
    ([key, value]) => {
      if (key === 'senseless') throw new Error('of no use');
      state.set(key, value);
    },
    () => state,
  );
  const set = (key: string, value: number): void => {
    records.append([key, value]);
    state.set(key, value);
  };
  return { file, records, state, set };
}

test('what was appended is there again without a close, the last of a key', () => {
  const { set } = open('a');
  set('x', 1);
  set('y', 2);
  set('x', 3);
  const again = open('a');
  expect([...again.state]).toEqual([
    ['x', 3],
    ['y', 2],
  ]);
  expect(again.records.dropped).toBe(0);
});

test.each([
  ['a torn record', [0x04, 0x0a, 0x01]],
  ['what is no protobuf', [0x02, 0xff, 0xff]],
  ['a record without a key, and all behind it', [0x02, 0x10, 0x01, 0x05, 0x0a, 0x01, 0x7a, 0x10, 0x01]],
])('%s is left out and kept aside', (name, bytes) => {
  const { set, file } = open(name);
  set('x', 1);
  appendFileSync(file, Uint8Array.from(bytes));
  const damaged = readFileSync(file);
  const again = open(name);
  expect([...again.state]).toEqual([['x', 1]]);
  expect(again.records.dropped).toBe(bytes.length);
  expect(readFileSync(`${file}.damaged`)).toEqual(damaged);
  again.set('w', 4);
  expect([...open(name).state.keys()]).toEqual(['x', 'w']);
});

test('a record that makes no sense costs none of those behind it', () => {
  const { set, file } = open('e');
  set('x', 1);
  set('senseless', 2);
  set('y', 3);
  const before = readFileSync(file);
  const again = open('e');
  expect([...again.state.keys()]).toEqual(['x', 'y']);
  expect(again.records.dropped).toBeGreaterThan(0);
  expect(readFileSync(`${file}.damaged`)).toEqual(before);
});

const NOBODY = 65_534;

test.skipIf(process.getuid?.() !== 0)(
  'what is appended after a replacement that failed at its very end is in the new file (skipped where we are not root)',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'state-closed-'));
    chownSync(folder, NOBODY, NOBODY);
    process.seteuid?.(NOBODY);
    try {
      const { set, records } = open('f', folder);
      set('x', 1);
      chmodSync(folder, 0o300); // it takes files, but cannot be opened itself
      await expect(records.compact()).rejects.toThrow('EACCES');
      set('y', 2);
      chmodSync(folder, 0o700);
      expect([...open('f', folder).state.keys()]).toEqual(['x', 'y']);
    } finally {
      process.seteuid?.(0);
      rmSync(folder, { recursive: true });
    }
  },
);

test('a file that has nothing but what is alive is taken as it is', () => {
  const { set, file } = open('lean');
  set('x', 1);
  set('y', 2);
  const { ino } = statSync(file);
  expect([...open('lean').state.keys()]).toEqual(['x', 'y']);
  expect(statSync(file).ino).toBe(ino);
  set('x', 3);
  open('lean').set('z', 4);
  expect(statSync(file).ino).not.toBe(ino);
  expect([...open('lean').state.values()]).toEqual([3, 2, 4]);
});

test('the file does not grow with every change of the same few keys', async () => {
  const { set, file } = open('b');
  let i = 0;
  while (i < 5_000 || statSync(file).size >= 10_000) {
    // a slow disk takes its time over each new file
    set('x', ++i);
    if (i % 100 === 0) await setTimeout(1);
  }
  expect(open('b').state.get('x')).toBe(i);
});

test('what is recorded while the file is replaced is in the new one, and the last of a key counts', async () => {
  const { set, records, file } = open('turns');
  for (let i = 0; i < 100_000; i++) set(`key ${i}`, i);
  const replaced = records.compact();
  const before = statSync(file).ino;
  for (let round = 0; round < 20; round++) {
    set(`key ${round}`, -round);
    set(`later ${round}`, round);
    await setTimeout(0);
  }
  await replaced;
  expect(statSync(file).ino).not.toBe(before);
  set('last', 1);
  const { state } = open('turns');
  expect(state.size).toBe(100_021);
  expect([state.get('key 7'), state.get('key 99999'), state.get('later 19'), state.get('last')]).toEqual([
    -7, 99_999, 19, 1,
  ]);
});

test('a file that is closed while it is replaced has everything', async () => {
  const { set, records, file } = open('closed');
  for (let i = 0; i < 50_000; i++) set(`key ${i}`, i);
  const replaced = records.compact();
  await setTimeout(0);
  set('last', 1);
  records.close();
  await replaced;
  expect(() => records.append(['late', 1])).toThrow('closed is closed');
  expect(open('closed').state.size).toBe(50_001);
  expect(existsSync(`${file}.tmp`)).toBe(false);
});

describe.skipIf(!mounted)('a full disk (skipped where no tmpfs can be mounted)', () => {
  test('a record that does not fit leaves none of its bytes, and there is room again later', async () => {
    const { set, records, file } = open('d', disk);
    set('x', 1);
    const before = readFileSync(file);
    writeFileSync(join(disk, 'ballast'), new Uint8Array(48 * 1024));
    expect(() => records.append(['k'.repeat(40_000), 2])).toThrow('ENOSPC');
    await records.compact();
    expect(readFileSync(file)).toEqual(before);
    rmSync(join(disk, 'ballast'));
    set('y', 2);
    expect([...open('d', disk).state.keys()]).toEqual(['x', 'y']);
  });

  test('a process starts where there is no room, without what was torn', () => {
    const { set, file } = open('g', disk);
    set('x', 1);
    appendFileSync(file, Uint8Array.from([0x04, 0x0a, 0x01]));
    fill();
    const again = open('g', disk);
    expect([...again.state.keys()]).toEqual(['x']);
    expect(again.records.dropped).toBe(3);
    again.set('y', 2); // in what is left of the file's last page
    expect([...open('g', disk).state.keys()]).toEqual(['x', 'y']);
    rmSync(join(disk, 'ballast'));
  });

  test('records are taken where there is room for them, but not for a file beside the one that has grown', () => {
    const { set } = open('h', disk);
    for (let i = 0; i < 999; i++) set('x', 1);
    fill();
    for (let i = 0; i < 100; i++) set('x', 2); // in what is left of the last page; the file is due to be replaced
    expect(open('h', disk).state.get('x')).toBe(2);
    rmSync(join(disk, 'ballast'));
  });

  function fill(): void {
    const ballast = openSync(join(disk, 'ballast'), 'w');
    try {
      for (;;) writeSync(ballast, new Uint8Array(4096));
    } catch (error) {
      expect((error as NodeJS.ErrnoException).code).toBe('ENOSPC');
    } finally {
      closeSync(ballast);
    }
  }
});
