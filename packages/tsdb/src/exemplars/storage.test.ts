import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Labels, Matcher } from '@avalanche/model';
import { expect, test } from 'vitest';
import { Tsdb } from '../db.ts';
import { type Exemplar, ExemplarStorage } from './storage.ts';

const series = (name: string) => Labels.from({ __name__: name });
const exemplar = (time: number, value = time, trace = 'x'): Exemplar => ({
  labels: Labels.from({ trace }),
  value,
  time,
  hasTime: true,
});
const ALL = [[new Matcher('=~', '__name__', '.+')]];
const shown = (storage: ExemplarStorage, from = 0, to = 1e6) =>
  storage
    .select(from, to, ALL)
    .map(({ seriesLabels, exemplars }) => [seriesLabels.metricName, exemplars.map(({ time }) => time)]);

test('the one that came first gives its place to a new one, whosever it is', () => {
  const storage = new ExemplarStorage(3);
  for (const [name, time] of [
    ['a', 1],
    ['b', 2],
    ['a', 3],
    ['b', 4],
    ['b', 5],
  ] as const) {
    expect(storage.add(series(name), exemplar(time))).toBe('added');
  }
  expect(shown(storage)).toEqual([
    ['a', [3]],
    ['b', [4, 5]],
  ]);
  expect(storage).toMatchObject({ size: 3, max: 3, seriesCount: 2, appended: 5, oldestSeconds: 0.003 });
  storage.add(series('c'), exemplar(6));
  expect(shown(storage, 5, 6)).toEqual([
    ['b', [5]],
    ['c', [6]],
  ]);
});

test('what the series has already, late ones and labels that are too long are not added', () => {
  const storage = new ExemplarStorage(10);
  storage.add(series('a'), exemplar(10));
  expect(storage.add(series('a'), exemplar(10))).toBe('known');
  expect(storage.add(series('a'), exemplar(9))).toBe('out of order');
  expect(storage.add(series('a'), exemplar(10, 5))).toBe('out of order');
  expect(storage.add(series('a'), exemplar(11, 1, 'y'.repeat(124)))).toBe('labels too long');
  expect(storage.add(series('a'), exemplar(11, 1, 'ü'.repeat(123)))).toBe('added');
  expect(new ExemplarStorage(0).add(series('a'), exemplar(1))).toBe('disabled');
  expect(storage.outOfOrder).toBe(2);
  storage.outOfOrderWindowMs = 5;
  expect(storage.add(series('a'), exemplar(8))).toBe('added');
  expect(storage.add(series('a'), exemplar(8, 3))).toBe('known');
  expect(storage.add(series('a'), exemplar(6))).toBe('out of order');
  expect(shown(storage)).toEqual([['a', [8, 10, 11]]]);
});

test('another size keeps the last ones', () => {
  const storage = new ExemplarStorage(4);
  for (let time = 1; time <= 6; time++) storage.add(series('a'), exemplar(time));
  storage.resize(2);
  expect(shown(storage)).toEqual([['a', [5, 6]]]);
  storage.resize(3);
  storage.add(series('b'), exemplar(7));
  storage.add(series('b'), exemplar(8));
  expect(shown(storage)).toEqual([
    ['a', [6]],
    ['b', [7, 8]],
  ]);
  storage.resize(0);
  expect(storage.seriesCount).toBe(0);
});

test('exemplars of a commit are in the log, and there again after a restart', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'exemplars-'));
  try {
    let db = await Tsdb.open({ directory, maxExemplars: 10 });
    const appender = db.appender();
    const ref = appender.seriesRef(series('a'));
    appender.append(ref, 1000, 1);
    expect(appender.appendExemplar(ref, exemplar(900))).toBe('added');
    expect(appender.appendExemplar(ref, exemplar(950))).toBe('added');
    expect(shown(db.exemplars)).toEqual([]);
    appender.commit();
    expect(shown(db.exemplars)).toEqual([['a', [900, 950]]]);
    await db.close();
    db = await Tsdb.open({ directory, maxExemplars: 10 });
    expect(shown(db.exemplars)).toEqual([['a', [900, 950]]]);
    await db.close();
  } finally {
    rmSync(directory, { recursive: true });
  }
});
