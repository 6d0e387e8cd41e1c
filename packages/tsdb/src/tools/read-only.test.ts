import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Labels, Matcher } from '@avalanche/model';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { writeFixture } from '../block/block-fixture.ts';
import { Tsdb } from '../db.ts';
import { openBlock, openBlocks, openReadOnly } from './read-only.ts';

const START_MS = 1_700_000_000_000;
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'read-only-'));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** `name t:v t:v …` for each series, in the order they come in. */
async function dump(matchers: readonly Matcher[] = [], minTime = -Infinity, maxTime = Infinity): Promise<string[]> {
  const db = await openReadOnly(directory);
  try {
    const lines: string[] = [];
    for (const { labels, parts } of db.series([matchers], minTime, maxTime)) {
      let line = labels.metricName;
      for (const { t, v, length } of parts()) for (let i = 0; i < length; i++) line += ` ${t[i] - START_MS}:${v[i]}`;
      lines.push(line);
    }
    return lines;
  } finally {
    db.close();
  }
}

function block(series: Readonly<Record<string, readonly (readonly [number, number])[]>>): string {
  const list = Object.entries(series).map(([name, samples]) => ({
    labels: { __name__: name },
    samples: samples.map(([t, v]) => [START_MS + t, v] as const),
  }));
  return writeFixture(directory, list).ulid;
}

test('series of several blocks come together, in the order of labels and of time', async () => {
  block({ b: [[0, 1]], c: [[0, 5]] });
  block({
    a: [[10, 2]],
    b: [
      [10, 3],
      [20, 4],
    ],
  });
  expect(await dump()).toEqual(['a 10:2', 'b 0:1 10:3 20:4', 'c 0:5']);
  expect(await dump([new Matcher('=', '__name__', 'b')], START_MS + 5, START_MS + 10)).toEqual(['b 10:3']);
  expect(await dump([], START_MS + 11, START_MS + 30)).toEqual(['b 20:4']);
});

test('samples of blocks that overlap come once', async () => {
  block({
    a: [
      [0, 1],
      [20, 3],
    ],
    b: [[0, 1]],
  });
  block({
    a: [
      [10, 2],
      [20, 3],
      [30, 4],
    ],
  });
  expect(await dump()).toEqual(['a 0:1 10:2 20:3 30:4', 'b 0:1']);
});

test('blocks, log and late samples of a database in use are read, and nothing is changed', async () => {
  const db = await Tsdb.open({ directory, outOfOrderWindowMs: 60_000, autoMaintenance: false });
  const appender = db.appender();
  const ref = appender.seriesRef(Labels.from({ __name__: 'a' }));
  for (const time of [0, 20, 10, 30]) {
    appender.append(ref, START_MS + time, time);
    appender.commit();
  }
  const files = () =>
    readdirSync(directory, { recursive: true })
      .sort()
      .map((name) => [name, statSync(join(directory, String(name))).size]);
  const before = files();
  expect(await dump()).toEqual(['a 0:0 10:10 20:20 30:30']);
  expect(files()).toEqual(before);
  await db.close();
});

test('a torn end of the log is where reading ends; damage before is an error', async () => {
  const db = await Tsdb.open({ directory, autoMaintenance: false });
  const appender = db.appender();
  const ref = appender.seriesRef(Labels.from({ __name__: 'a' }));
  appender.append(ref, START_MS, 1);
  appender.commit();
  await db.close();
  const segment = join(directory, 'wal', '00000000');
  const whole = readFileSync(segment);
  appendFileSync(segment, Buffer.from([1, 0xff, 0xff, 0, 0]));
  expect(await dump()).toEqual(['a 0:1']);
  const read = await openReadOnly(directory);
  expect(read.tornTail?.path).toBe(segment);
  read.close();
  writeFileSync(join(directory, 'wal', '00000001'), whole);
  await expect(dump()).rejects.toThrow(segment);
});

test('what cannot be read is named', async () => {
  await expect(openReadOnly(join(directory, 'none'))).rejects.toThrow(
    `opening the db dir: stat ${join(directory, 'none')}: no such file or directory`,
  );
  const good = block({ a: [[0, 1]] });
  const bad = block({ a: [[10, 1]] });
  writeFileSync(join(directory, bad, 'index'), 'nonsense');
  expect(() => openBlocks(directory)).toThrow(`corrupted block ${bad}: `);
  expect(() => openBlock(directory, 'nope')).toThrow('invalid block ID nope');
  openBlock(directory, good).close();
});

test('a damaged block that another has replaced does not matter', () => {
  const bad = block({ a: [[0, 1]] });
  const good = block({ a: [[0, 1]] });
  writeFileSync(join(directory, bad, 'index'), 'nonsense');
  const file = join(directory, good, 'meta.json');
  const meta = JSON.parse(readFileSync(file, 'utf8'));
  delete meta.avalanche; // our checksum
  meta.compaction.parents = [{ ulid: bad, minTime: 0, maxTime: 1 }];
  writeFileSync(file, JSON.stringify(meta));
  const blocks = openBlocks(directory);
  expect(blocks.map((one) => one.meta.ulid)).toEqual([good]);
  for (const one of blocks) one.close();
});

test('foreign files are passed over', async () => {
  mkdirSync(join(directory, 'lost+found'));
  writeFileSync(join(directory, 'queries.active'), '');
  block({ a: [[0, 1]] });
  expect(await dump()).toEqual(['a 0:1']);
});
