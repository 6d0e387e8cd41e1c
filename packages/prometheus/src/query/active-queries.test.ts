import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { type Logger, silentLogger } from '@avalanche/model';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ActiveQueries } from './active-queries.ts';

let directory: string;
let told: unknown[];
const logger: Logger = { ...silentLogger, info: (message, fields) => told.push([message, fields]) };

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'active-'));
  told = [];
});

afterEach(() => rmSync(directory, { recursive: true }));

const file = () => join(directory, 'queries.active');
const content = () => readFileSync(file(), 'latin1');
const entries = () => JSON.parse(`${readFileSync(file(), 'utf8').replaceAll('\0', '').slice(0, -1)}]`);

test("the file is upstream's: a bracket, and 1000 bytes a query", () => {
  const active = ActiveQueries.open(directory, 3, logger);
  expect(statSync(file()).size).toBe(3001);
  const leave = active.insert('up');
  active.insert('sum(x)');
  expect(content().slice(0, 16)).toBe('[{"query":"up","');
  expect(content().slice(1000, 1010)).toBe(',{"query":');
  expect(entries()).toEqual([
    { query: 'up', timestamp_sec: expect.any(Number) },
    { query: 'sum(x)', timestamp_sec: expect.any(Number) },
  ]);
  leave();
  expect(content().slice(1, 1001)).toBe('\0'.repeat(1000));
  active.insert('again');
  expect(entries().map(({ query }: { query: string }) => query)).toEqual(['again', 'sum(x)']);
  active.close();
});

test.each([
  ['a'.repeat(5000), 'a'],
  ['\u0001'.repeat(5000), '\u0001'],
  ['é"\\'.repeat(5000), 'é'],
  ['😀'.repeat(5000), '😀'],
])('a long query is cut so that its entry is whole', (text, begin) => {
  const active = ActiveQueries.open(directory, 2, logger);
  active.insert(text);
  active.insert('next');
  const [first, second] = entries();
  expect(first.query.startsWith(begin)).toBe(true);
  expect(second.query).toBe('next');
  expect(content().slice(1, 1001).replaceAll('\0', '').length).toBeGreaterThan(980);
  active.close();
});

test('a query that was quick once is written down only where it is not quick again', async () => {
  const active = ActiveQueries.open(directory, 2, logger);
  active.insert('up')();
  const leave = active.insert('up');
  expect(content().slice(1)).toBe('\0'.repeat(2000));
  await turn();
  expect(entries()).toEqual([{ query: 'up', timestamp_sec: expect.any(Number) }]);
  leave();
  expect(content().slice(1)).toBe('\0'.repeat(2000));
  active.insert('up');
  active.close();
  expect(content().slice(1)).toBe('\0'.repeat(2000));
});

test('what did not finish is told at the next start, once', () => {
  const active = ActiveQueries.open(directory, 2, logger);
  active.insert('left{a="b"}');
  active.close();
  expect(told).toEqual([]);
  ActiveQueries.open(directory, 1, logger).close();
  expect(told).toEqual([
    [
      "These queries didn't finish in prometheus' last run:",
      { queries: expect.stringMatching(/^\[\{"query":"left\{a=\\"b\\"\}","timestamp_sec":\d+\}\]$/) },
    ],
  ]);
  ActiveQueries.open(directory, 1, logger).close();
  expect(told).toHaveLength(1);
});

test('a file of anything else does no harm', () => {
  writeFileSync(file(), 'x');
  ActiveQueries.open(directory, 1, logger).close();
  writeFileSync(file(), Buffer.from([0xff, 0xfe, 0x2c]));
  ActiveQueries.open(directory, 1, logger).close();
  expect(statSync(file()).size).toBe(1001);
});
