import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Journal } from './journal.ts';

let directory = '';
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'journal-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

function open(file: string) {
  const state = new Map<string, number>();
  const journal = Journal.open<[string, number]>(
    join(directory, file),
    ([key, value]) => {
      if (typeof value !== 'number') throw new Error('not a record');
      state.set(key, value);
    },
    () => state,
  );
  const set = (key: string, value: number): void => {
    journal.append([key, value]);
    state.set(key, value);
  };
  return { journal, state, set };
}

test('what was appended is there again without a close, the last of a key; a torn or foreign line is left out', () => {
  const { set } = open('a');
  set('x', 1);
  set('y', 2);
  set('x', 3);
  appendFileSync(join(directory, 'a'), 'null\n["z"]\n["torn",');
  const again = open('a');
  expect([...again.state]).toEqual([
    ['x', 3],
    ['y', 2],
  ]);
  expect(again.journal.dropped).toBe(3);
  again.set('w', 4);
  expect(readFileSync(join(directory, 'a'), 'utf8')).toBe('["x",3]\n["y",2]\n["w",4]\n');
});

test('the file does not grow with every change of the same few keys', () => {
  const { set } = open('b');
  for (let i = 0; i < 5_000; i++) set('x', i);
  expect(readFileSync(join(directory, 'b'), 'utf8').split('\n').length).toBeLessThan(1_100);
  expect(open('b').state.get('x')).toBe(4_999);
});
