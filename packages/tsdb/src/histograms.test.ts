import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { denseBuckets, FloatHistogram, type HistogramFields, Labels, Matcher, SampleColumns } from '@avalanche/model';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Tsdb, type TsdbOptions } from './db.ts';
import { APPENDED, DUPLICATE_TIMESTAMP, OUT_OF_ORDER } from './head/head.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

let directory = '';
let db: Tsdb;

async function open(options: Partial<TsdbOptions> = {}): Promise<void> {
  db = await Tsdb.open({ directory, autoMaintenance: false, ...options });
}

async function reopen(options: Partial<TsdbOptions> = {}): Promise<void> {
  await db.close();
  await open(options);
}

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'avalanche-histograms-'));
  await open();
});
afterEach(async () => {
  await db.close();
  rmSync(directory, { recursive: true, force: true });
});

/** A counter with more observations, and now and then more buckets, the larger `n` is. */
function counter(n: number, more: Partial<HistogramFields> = {}): FloatHistogram {
  const counts = Array.from({ length: 3 + Math.floor(n / 40) }, (_, i) => (n + 1) * (i + 1));
  const count = counts.reduce((sum, each) => sum + each, n);
  return new FloatHistogram({
    ...{ schema: 3, zeroThreshold: 2 ** -128, zeroCount: n, count, sum: n * 0.7, ofIntegers: true },
    positive: denseBuckets(-2, counts),
    ...more,
  });
}

type Sample = number | FloatHistogram | 'stale';

function append(name: string, time: number, sample: Sample): number {
  const appender = db.appender();
  const ref = appender.seriesRef(Labels.from({ __name__: name }));
  const outcome = appendTo(appender, ref, time, sample);
  appender.commit();
  return outcome;
}

function appendTo(appender: ReturnType<Tsdb['appender']>, ref: number, time: number, sample: Sample): number {
  if (sample === 'stale') return appender.appendStale(ref, time);
  return typeof sample === 'number' ? appender.append(ref, time, sample) : appender.appendHistogram(ref, time, sample);
}

async function read(name: string, minTime = 0, maxTime = 1e12): Promise<[time: number, Sample][]> {
  const querier = db.querier(minTime, maxTime);
  try {
    const columns = new SampleColumns();
    for (const series of await querier.select([new Matcher('=', '__name__', name)]))
      series.read(minTime, maxTime, columns);
    return Array.from({ length: columns.length }, (_, i) => {
      const histogram = columns.histograms?.[i];
      return [columns.t[i], columns.isStale(i) ? 'stale' : (histogram ?? columns.v[i])];
    });
  } finally {
    querier.close();
  }
}

/** Equal but for reset hints and empty buckets. */
function expectSame(found: readonly [number, Sample][], wanted: readonly (readonly [number, Sample])[]): void {
  expect(found.map(([time]) => time)).toEqual(wanted.map(([time]) => time));
  found.forEach(([time, sample], i) => {
    const expected = wanted[i][1];
    if (!(sample instanceof FloatHistogram) || !(expected instanceof FloatHistogram)) expect(sample).toEqual(expected);
    else {
      if (!sample.equals(expected)) expect([time, sample]).toEqual([time, expected]);
      expect(sample.ofIntegers).toBe(expected.ofIntegers);
    }
  });
}

const CUSTOM = { schema: -53, zeroThreshold: 0, zeroCount: 0, customValues: Float64Array.of(1, 2.5) };
const custom = (n: number) =>
  new FloatHistogram({ ...CUSTOM, count: 3 * n, positive: denseBuckets(0, [n, 0, 2 * n]), ofIntegers: true });

/** Series of each kind over five hours, and how they go on. */
const KINDS: Record<string, (n: number) => Sample> = {
  integers: (n) => counter(n),
  floats: (n) => counter(n, { ofIntegers: false, count: n * 1e5 + 0.5 }),
  custom,
  gauge: (n) => counter((n * 7) % 30, { counterResetHint: 'gauge' }),
  resets: (n) => counter(n % 50),
  mixed: (n) => (n % 60 < 20 ? n : counter(n, { ofIntegers: n % 60 < 40 })),
  ending: (n) => (n % 30 < 27 ? counter(n) : 'stale'),
};

function fill(from: number, to: number): Map<string, [number, Sample][]> {
  const wanted = new Map<string, [number, Sample][]>();
  for (const [name, make] of Object.entries(KINDS)) {
    const samples: [number, Sample][] = [];
    for (let n = from; n < to; n++) samples.push([n * MINUTE, make(n)]);
    wanted.set(name, samples);
  }
  const appender = db.appender();
  for (let n = from; n < to; n++) {
    for (const [name, samples] of wanted) {
      const [time, sample] = samples[n - from];
      expect(appendTo(appender, appender.seriesRef(Labels.from({ __name__: name })), time, sample)).toBe(APPENDED);
    }
    appender.commit();
  }
  return wanted;
}

async function expectAll(wanted: ReadonlyMap<string, readonly [number, Sample][]>): Promise<void> {
  for (const [name, samples] of wanted) expectSame(await read(name), samples);
}

describe('what was appended is read', () => {
  test('from the head, from the log, and from the files of its chunks', async () => {
    const wanted = fill(0, 300);
    await expectAll(wanted);
    await reopen();
    await expectAll(wanted);
    for (const [name, samples] of fill(300, 330)) wanted.get(name)?.push(...samples);
    await reopen();
    await expectAll(wanted);
    expect(await read('integers', 17 * MINUTE, 19 * MINUTE)).toHaveLength(3);
  });

  test('from a snapshot of the head', async () => {
    await reopen({ snapshotAfterBytes: 1 });
    const wanted = fill(0, 130);
    await db.maintain(0);
    for (const [name, samples] of fill(130, 170)) wanted.get(name)?.push(...samples);
    await reopen();
    await expectAll(wanted);
    for (const [name, samples] of fill(170, 200)) wanted.get(name)?.push(...samples);
    await expectAll(wanted);
  });

  test('from blocks, and from blocks of blocks', async () => {
    await reopen({ longestBlockMs: 18 * HOUR });
    const wanted = fill(0, 60 * 24);
    await db.maintain(0);
    expect(db.blocks.all.length).toBeGreaterThan(0);
    expect(db.blocks.all[0].meta.stats.numHistogramSamples).toBeGreaterThan(1000);
    expect(db.blocks.all.some(({ meta }) => meta.compaction.level > 1)).toBe(true);
    await expectAll(wanted);
    await reopen();
    await expectAll(wanted);
  });
});

describe('one series', () => {
  test('takes the same histogram twice, and no other of its time', async () => {
    expect(append('h', 1000, counter(5))).toBe(APPENDED);
    expect(append('h', 1000, counter(5))).toBe(APPENDED);
    expect(append('h', 1000, counter(6))).toBe(DUPLICATE_TIMESTAMP);
    expect(append('h', 1000, 3)).toBe(DUPLICATE_TIMESTAMP);
    expect(append('h', 900, counter(5))).toBe(OUT_OF_ORDER);
    append('h', 2000, 7);
    expect(append('h', 2000, counter(5))).toBe(DUPLICATE_TIMESTAMP);
    expectSame(await read('h'), [
      [1000, counter(5)],
      [2000, 7],
    ]);
    expect(db.metrics.histogramsAppended).toBe(2);
  });

  test('refuses a histogram that contradicts itself', () => {
    expect(() => append('h', 1, counter(5, { count: 1 }))).toThrow(
      "41 observations found in buckets, but the Count field is 1: histogram's observation count should equal",
    );
  });

  test('ends with a marker of its kind, and a query sees only what was committed before it', async () => {
    append('h', 1000, counter(1));
    const querier = db.querier(0, 10_000);
    append('h', 2000, counter(2));
    append('h', 3000, 'stale');
    const [series] = await querier.select([new Matcher('=', '__name__', 'h')]);
    const columns = new SampleColumns();
    expect(series.read(0, 10_000, columns)).toBe(1);
    querier.close();
    await reopen();
    expectSame(await read('h'), [
      [1000, counter(1)],
      [2000, counter(2)],
      [3000, 'stale'],
    ]);
    expect(db.head.stats.chunks).toBe(1);
  });

  test('keeps its order in the log where one commit has several kinds of its histograms', async () => {
    const wanted: [number, Sample][] = [
      [1000, custom(1)],
      [2000, counter(2)],
      [3000, custom(3)],
    ];
    const appender = db.appender();
    const ref = appender.seriesRef(Labels.from({ __name__: 'h' }));
    for (const [time, sample] of wanted) appendTo(appender, ref, time, sample);
    appender.commit();
    expectSame(await read('h'), wanted);
    await reopen();
    expectSame(await read('h'), wanted);
  });

  test.each([0, 100_000])('keeps its order beside floats in one commit, late samples %i ms', async (window) => {
    await reopen({ outOfOrderWindowMs: window });
    const wanted: Record<string, [number, Sample][]> = {
      h: [1, 2, 3, 4, 5].map((n) => [n * 1000, n % 2 === 0 ? n : counter(n)]),
      f: [1, 2, 3, 4, 5].map((n) => [n * 1000, n < 4 ? n : counter(n)]),
      floats: [1, 2, 3, 4, 5].map((n) => [n * 1000, n]),
    };
    const appender = db.appender();
    for (let i = 0; i < 5; i++) {
      for (const [name, samples] of Object.entries(wanted)) {
        appendTo(appender, appender.seriesRef(Labels.from({ __name__: name })), ...samples[i]);
      }
    }
    appender.commit();
    for (const [name, samples] of Object.entries(wanted)) expectSame(await read(name), samples);
    await reopen({ outOfOrderWindowMs: window });
    for (const [name, samples] of Object.entries(wanted)) expectSame(await read(name), samples);
  });

  test('says where a counter was reset, and where it goes on', async () => {
    for (const [i, n] of [5, 6, 2, 3].entries()) append('h', i, counter(n));
    const hints = (await read('h')).map(([, sample]) => (sample as FloatHistogram).counterResetHint);
    expect(hints).toEqual(['unknown', 'not_reset', 'unknown', 'not_reset']);
  });

  test('may have chunks of more than 64 KiB', async () => {
    const wide = (n: number) =>
      new FloatHistogram({
        count: n,
        positive: denseBuckets(
          0,
          Array.from({ length: 4000 }, (_, i) => n + Math.sin(i + n)),
        ),
      });
    const wanted = Array.from({ length: 25 }, (_, n): [number, Sample] => [n * MINUTE, wide(n + 2)]);
    for (const [time, sample] of wanted) append('wide', time, sample);
    expectSame(await read('wide'), wanted);
    await reopen();
    expectSame(await read('wide'), wanted);
  });
});

test('late histograms are kept in their log, and become blocks that are merged with the others', async () => {
  await db.setOutOfOrderWindow(10 * HOUR);
  const wanted: [number, Sample][] = [];
  for (let n = 0; n < 240; n++) wanted.push([n * MINUTE, n % 3 === 1 ? n : counter(n, { ofIntegers: n % 2 === 0 })]);
  for (const odd of [0, 1]) {
    for (const [n, [time, sample]] of wanted.entries()) if (Math.floor(n / 5) % 2 === odd) append('h', time, sample);
  }
  expect(db.metrics.outOfOrderHistogramsAppended).toBeGreaterThan(50);
  expectSame(await read('h'), wanted);
  await reopen({ outOfOrderWindowMs: 10 * HOUR });
  expectSame(await read('h'), wanted);
  await db.maintain(0);
  expect(db.blocks.all.length).toBeGreaterThan(0);
  expectSame(await read('h'), wanted);
  await reopen();
  expectSame(await read('h'), wanted);
});

test('deleted histograms are gone, from the head and from blocks', async () => {
  const isGone = (time: number) => time >= 30 * MINUTE && time <= 200 * MINUTE;
  const wanted = fill(0, 240);
  for (const [name, samples] of wanted)
    wanted.set(
      name,
      samples.filter(([time]) => !isGone(time)),
    );
  await db.delete(
    30 * MINUTE,
    200 * MINUTE,
    Object.keys(KINDS).map((name) => [new Matcher('=', '__name__', name)]),
  );
  await expectAll(wanted);
  await reopen();
  await expectAll(wanted);
  await db.maintain(0);
  await expectAll(wanted);
  await db.delete(210 * MINUTE, 220 * MINUTE, [[new Matcher('=', '__name__', 'integers')]]);
  await db.delete(10 * MINUTE, 20 * MINUTE, [[new Matcher('=', '__name__', 'integers')]]);
  await db.cleanTombstones();
  wanted.set(
    'integers',
    (wanted.get('integers') ?? []).filter(
      ([t]) => !(t >= 10 * MINUTE && t <= 20 * MINUTE) && !(t >= 210 * MINUTE && t <= 220 * MINUTE),
    ),
  );
  await expectAll(wanted);
});

test('a snapshot has them', async () => {
  const wanted = fill(0, 100);
  const name = await db.snapshot(true);
  await db.close();
  await open({ directory: join(directory, 'snapshots', name) });
  await expectAll(wanted);
});
