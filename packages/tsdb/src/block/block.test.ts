import { existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Labels, newUlid, SampleColumns } from '@avalanche/model';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ChunkColumns, ENCODING_HISTOGRAM } from '../chunk-columns.ts';
import { Block } from './block.ts';
import { type FixtureOptions, type FixtureSeries, writeFixture } from './block-fixture.ts';
import { BlockWriter } from './block-writer.ts';
import { BlockCorruption, UnsupportedChunk } from './corruption.ts';
import { PageCache } from './page-cache.ts';
import { SeriesEntry } from './series-entry.ts';
import { TombstonesBuilder } from './tombstones.ts';

let parent: string;
const open: Block[] = [];

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'block-'));
});

afterEach(() => {
  for (const block of open.splice(0)) block.close();
  rmSync(parent, { recursive: true, force: true });
});

function openFixture(series: readonly FixtureSeries[], options?: FixtureOptions, cache = new PageCache()): Block {
  const block = Block.open(join(parent, writeFixture(parent, series, options).ulid), cache);
  open.push(block);
  return block;
}

function ramp(count: number, start = 1_700_000_000_000): [number, number][] {
  return Array.from({ length: count }, (_, i) => [start + i * 15_000, i / 3]);
}

function samplesOf(
  block: Block,
  ref: number,
  minTime = Number.NEGATIVE_INFINITY,
  maxTime = Number.POSITIVE_INFINITY,
): [number, number][] {
  const into = new SampleColumns(4);
  const count = block.read(ref, minTime, maxTime, into);
  return Array.from({ length: count }, (_, i) => [into.t[i], into.v[i]]);
}

describe('a block that was written', () => {
  const series: FixtureSeries[] = [
    { labels: { __name__: 'up', instance: 'a', job: 'node' }, samples: ramp(300) },
    { labels: { __name__: 'up', instance: 'b', job: 'node' }, samples: ramp(1) },
    { labels: { __name__: 'up', instance: 'b', job: 'redis', zone: '' }, samples: ramp(5) },
    { labels: { __name__: 'größe', 'ключ.имя': 'значение', emoji: '😀', private: '\uffff' }, samples: ramp(7) },
    { labels: { a: '1' }, samples: [[-62_135_596_800_000, -0]] },
  ];

  test('is read back: meta, labels, postings and samples', () => {
    const block = openFixture(series);
    const { index, meta } = block;
    expect(meta.stats).toMatchObject({ numSamples: 314, numFloatSamples: 314, numSeries: 5, numChunks: 7 });
    expect(index.labelNames()).toEqual(['__name__', 'a', 'emoji', 'instance', 'job', 'private', 'ключ.имя']);
    expect(index.labelValues('instance')).toEqual(['a', 'b']);
    expect(index.labelValues('zone')).toEqual([]);
    expect(index.postings('job', 'node')).toHaveLength(2);
    expect(index.postings('job', 'no such')).toHaveLength(0);
    expect(index.postings('no such', '')).toHaveLength(0);
    const found = [...index.all()].map((ref) => ({ labels: index.labels(ref), samples: samplesOf(block, ref) }));
    const wanted = series
      .map(({ labels, samples }) => ({ labels: Labels.from(labels), samples }))
      .sort((a, b) => a.labels.compare(b.labels));
    expect(found.map(({ labels, samples }) => [labels.toJSON(), samples])).toEqual(
      wanted.map(({ labels, samples }) => [labels.toJSON(), samples]),
    );
  });

  test('gives the samples of a range, its ends included', () => {
    const block = openFixture(series);
    const [ref] = block.index.postings('instance', 'a');
    const all = ramp(300);
    expect(samplesOf(block, ref, all[119][0], all[121][0])).toEqual(all.slice(119, 122));
    expect(samplesOf(block, ref, all[299][0] + 1)).toEqual([]);
  });

  test('keeps the offsets of values together for reading many lists', () => {
    const { index } = openFixture(series);
    const [{ values, offsets }] = index.valuePostings('instance');
    expect(values).toEqual(['a', 'b']);
    expect(index.postingsAt(offsets[1])).toEqual(index.postings('instance', 'b'));
    expect([...index.valuePostings('zone')]).toEqual([]);
  });

  test('has all of many values and finds each, with pages smaller than its entries', () => {
    const many = Array.from({ length: 1000 }, (_, i) => ({
      labels: { id: `${i}`.repeat(1 + (i % 7)) },
      samples: ramp(1),
    }));
    const { index } = openFixture(many, {}, new PageCache(0, 64));
    const values = many.map(({ labels }) => labels.id).sort();
    expect(index.labelValues('id')).toEqual([...new Set(values)]);
    for (const value of values) {
      const refs = index.postings('id', value);
      expect(refs.length).toBeGreaterThan(0);
      expect(index.labels(refs[0]).get('id')).toBe(value);
    }
    for (const missing of ['', '!', '1000000', '5x', '~']) expect(index.postings('id', missing)).toHaveLength(0);
    expect([...index.allSymbols()]).toHaveLength(index.symbolCount);
  });

  test('carries a label value of more than 64 KiB', () => {
    const value = 'long'.repeat(40_000);
    const block = openFixture([{ labels: { __name__: 'x', value }, samples: ramp(2) }]);
    expect(block.index.labelValues('value')).toEqual([value]);
    expect(block.index.postings('value', value)).toHaveLength(1);
    expect(block.index.labels(block.index.all()[0]).get('value')).toBe(value);
  });

  test('goes on in further segments', () => {
    const data = Array.from({ length: 20 }, (_, i) => ({
      labels: { n: String(i).padStart(2, '0') },
      samples: ramp(240),
    }));
    const block = openFixture(data, { segmentBytes: 4096 });
    expect(readdirSync(join(block.directory, 'chunks')).length).toBeGreaterThan(3);
    for (const ref of block.index.all()) expect(samplesOf(block, ref)).toEqual(ramp(240));
  });

  test('without series is empty', () => {
    const ulid = newUlid(0);
    new BlockWriter(parent, ulid, []).finish({ minTime: 0, maxTime: 1, compaction: { level: 1, sources: [ulid] } });
    const block = Block.open(join(parent, ulid), new PageCache());
    open.push(block);
    expect(block.index.all()).toHaveLength(0);
    expect(block.index.labelNames()).toEqual([]);
  });
});

describe('chunks of other encodings', () => {
  const data = Uint8Array.from([0, 3, 1, 2, 3, 4, 5, 250]);
  const labels = { __name__: 'latency', job: 'x' };
  const chunk = { data, minTime: 1000, maxTime: 3000 };
  const histograms = [{ labels, samples: [], raw: { ...chunk, encoding: ENCODING_HISTOGRAM } }];

  test('are refused where samples are asked for, naming the series', () => {
    const block = openFixture([{ labels, samples: [], raw: { ...chunk, encoding: 7 } }]);
    const read = () => block.read(block.index.all()[0], 0, 5000, new SampleColumns());
    expect(read).toThrow(UnsupportedChunk);
    expect(read).toThrow('latency{job="x"} holds chunks of encoding 7, which are not supported yet');
    expect(block.read(block.index.all()[0], 3001, 5000, new SampleColumns())).toBe(0);
  });

  test('are damage where they cannot be histograms, though their checksum is right', () => {
    const block = openFixture(histograms);
    const read = () => block.read(block.index.all()[0], 0, 5000, new SampleColumns());
    expect(read).toThrow(BlockCorruption);
    expect(read).toThrow('a chunk ends too early');
  });

  test('are carried through byte for byte and counted', () => {
    const block = openFixture(histograms);
    const entry = new SeriesEntry();
    block.index.readSeries(block.index.all()[0], entry);
    const { bytes, start, end, encoding } = block.chunks.read(entry.chunkRef[0]);
    expect(encoding).toBe(ENCODING_HISTOGRAM);
    expect([...bytes.subarray(start, end)]).toEqual([...data]);
    expect(block.meta.stats).toMatchObject({ numSamples: 3, numHistogramSamples: 3 });
  });
});

test('a label with an empty value is no label', () => {
  const ulid = newUlid(0);
  const writer = new BlockWriter(parent, ulid, ['', 'a', 'b']);
  const chunks = new ChunkColumns();
  chunks.add(1, 1, 1, new Uint8Array([0, 0]), 0, 2);
  writer.addSeries(Uint32Array.from([1, 0, 2, 1]), 2, chunks);
  writer.finish({ minTime: 0, maxTime: 2, compaction: { level: 1, sources: [ulid] } });
  const block = Block.open(join(parent, ulid), new PageCache());
  open.push(block);
  expect(block.index.labels(block.index.all()[0]).toJSON()).toEqual({ b: 'a' });
  expect(block.index.postings('a', '')).toHaveLength(1);
});

describe('tombstones', () => {
  test('leave samples out and survive opening again', () => {
    const block = openFixture([{ labels: { a: '1' }, samples: ramp(240) }]);
    const [ref] = block.index.all();
    const all = ramp(240);
    const builder = new TombstonesBuilder(block.tombstones);
    builder.add(ref, all[100][0], all[130][0]);
    builder.add(ref, 0, all[0][0]);
    block.setTombstones(builder.build());
    const left = all.filter((_, i) => i !== 0 && (i < 100 || i > 130));
    expect(samplesOf(block, ref)).toEqual(left);
    const again = Block.open(block.directory, new PageCache());
    open.push(again);
    expect(samplesOf(again, ref)).toEqual(left);
    expect(again.meta.stats.numTombstones).toBe(2);
    rmSync(join(block.directory, 'tombstones'));
    const without = Block.open(block.directory, new PageCache());
    open.push(without);
    expect(samplesOf(without, ref)).toEqual(all);
  });
});

describe('a deleted block', () => {
  test('is read to the end by who retained it, and closed by the last', () => {
    const block = openFixture([{ labels: { a: '1' }, samples: ramp(240) }]);
    const [ref] = block.index.all();
    block.retain();
    block.close();
    rmSync(block.directory, { recursive: true });
    expect(samplesOf(block, ref)).toEqual(ramp(240));
    block.release();
    expect(() => samplesOf(block, ref)).toThrow('BUG');
    expect(() => block.retain()).toThrow('BUG');
  });
});

test.skipIf(!existsSync('/proc/self/fd'))('files are closed again, those of a damaged block too (Linux)', () => {
  const block = openFixture([{ labels: { a: '1' }, samples: ramp(240) }]);
  expect(openFilesIn(parent)).toBe(2);
  block.close();
  rmSync(join(block.directory, 'chunks'), { recursive: true });
  expect(() => Block.open(block.directory, new PageCache())).toThrow('ENOENT');
  writeFileSync(join(block.directory, 'index'), 'not an index');
  expect(() => Block.open(block.directory, new PageCache())).toThrow('12 bytes are too few for an index');
  expect(openFilesIn(parent)).toBe(0);
});

function openFilesIn(directory: string): number {
  const targetOf = (fd: string) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return ''; // the descriptor of the listing itself
    }
  };
  return readdirSync('/proc/self/fd').filter((fd) => targetOf(fd).startsWith(directory)).length;
}

describe('the writer', () => {
  const symbols = ['', 'a', 'b', 'c'];
  const oneChunk = new ChunkColumns();
  oneChunk.add(1, 10, 20, new Uint8Array([0, 1, 0]), 0, 3);
  const overlapping = new ChunkColumns();
  overlapping.add(1, 10, 20, new Uint8Array([0, 1, 0]), 0, 3);
  overlapping.add(1, 20, 30, new Uint8Array([0, 1, 0]), 0, 3);

  test.each([
    [
      'series out of order',
      [
        [1, 3],
        [1, 2],
      ],
      oneChunk,
      '{a="b"} is added out of the order',
    ],
    [
      'a series twice',
      [
        [1, 2],
        [1, 2],
      ],
      oneChunk,
      'out of the order',
    ],
    ['no labels', [[]], oneChunk, 'out of the order'],
    ['labels out of order', [[2, 1, 1, 1]], oneChunk, 'are not sorted'],
    ['a label without a name', [[0, 1]], oneChunk, 'without a name'],
    ['an unknown symbol', [[1, 4]], oneChunk, 'symbols 1 and 4 of 4'],
    ['chunks that overlap', [[1, 2]], overlapping, 'overlaps the one before'],
  ])('refuses %s', (_, series, chunks, message) => {
    const writer = new BlockWriter(parent, newUlid(0), symbols);
    const add = () => {
      for (const pairs of series) writer.addSeries(Uint32Array.from(pairs), pairs.length / 2, chunks);
    };
    expect(add).toThrow(message);
    writer.abort();
    expect(readdirSync(parent)).toEqual([]);
  });

  test('refuses symbols that are not sorted and leaves nothing', () => {
    expect(() => new BlockWriter(parent, newUlid(0), ['b', 'a'])).toThrow('"a" comes after "b"');
    expect(readdirSync(parent)).toEqual([]);
  });

  test('begins anew where a crash left a temporary directory', () => {
    const ulid = newUlid(0);
    new BlockWriter(parent, ulid, symbols).addSeries(Uint32Array.from([1, 2]), 1, oneChunk);
    const writer = new BlockWriter(parent, ulid, symbols);
    writer.addSeries(Uint32Array.from([1, 3]), 1, oneChunk);
    writer.finish({ minTime: 10, maxTime: 21, compaction: { level: 1, sources: [ulid] } });
    expect(readdirSync(parent)).toEqual([ulid]);
    expect(readdirSync(join(parent, ulid)).sort()).toEqual(['chunks', 'index', 'meta.json', 'tombstones']);
  });

  test('leaves nothing when it cannot finish', () => {
    const ulid = newUlid(0);
    const writer = new BlockWriter(parent, ulid, symbols);
    writeFileSync(join(parent, ulid), 'in the way of the rename');
    expect(() => writer.finish({ minTime: 0, maxTime: 1, compaction: { level: 1, sources: [] } })).toThrow();
    expect(existsSync(join(parent, `${ulid}.tmp-for-creation`))).toBe(false);
  });
});
