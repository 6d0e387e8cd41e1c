import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  denseBuckets,
  FloatHistogram,
  Labels,
  type Logger,
  NO_BUCKETS,
  STALE_FLOAT_HISTOGRAM,
  STALE_HISTOGRAM,
  silentLogger,
} from '@avalanche/model';
import { describe, expect, test } from 'vitest';
import { crc32c } from '../crc32c.ts';
import type { Compression } from './compression.ts';
import type { LoggedHistogram } from './histograms.ts';
import { batch, Collector, histograms, LogFixture, labels, raw, start } from './log-fixture.ts';
import { PAGE_BYTES } from './segments.ts';

const log = new LogFixture();

describe.each<Compression>(['none', 'snappy', 'zstd'])('compression %s', (compression) => {
  test('everything logged is replayed, in order', async () => {
    const wal = await log.begin({ compression });
    wal.logSeries(1, labels);
    wal.logSeries(2 ** 40 + 5, Labels.from({ __name__: 'far' }));
    wal.logMetadata(1, { type: 'gauge', unit: 'bytes', help: 'Bytes of it.' });
    wal.logSamples(batch([1, 0, 1.5], [2 ** 40 + 5, 15_000, -0], [2, -3, Infinity]));
    wal.logExemplars([{ ref: 1, time: start + 9, low: 0, high: 0, labels: Labels.from({ trace_id: 'abc' }) }]);
    wal.flush();
    wal.logTombstone(1, start - 5, start + 5);
    wal.logSamples(batch());
    wal.flush();
    wal.logSamples(batch([9, 1, 1]));
    wal.discard();
    wal.flush();
    await wal.close();
    const { lines, report } = await log.replayed();
    expect(lines).toEqual([
      `series 1 ${labels.toString()}`,
      'series 1099511627781 far',
      'metadata 1 gauge bytes Bytes of it.',
      'sample 1 0 1.5',
      'sample 1099511627781 15000 0',
      `sample 2 -3 Infinity`,
      'exemplar 1 9 {trace_id="abc"}',
      'tombstone 1 -5 5',
    ]);
    expect(report.records).toEqual({ series: 1, samples: 1, tombstones: 1, exemplars: 1, metadata: 1 });
    expect(report.samples).toBe(3);
  });

  test('records larger than pages and segments', async () => {
    const wal = await log.begin({ compression, segmentBytes: 4 * PAGE_BYTES });
    const samples = Array.from({ length: 30_000 }, (_, i): [number, number, number] => [i * 3, i, Math.sin(i)]);
    for (const size of [1000, 30_000, 5, 30_000]) {
      wal.logSamples(batch(...samples.slice(0, size)));
      wal.flush();
    }
    expect(wal.currentSegment).toBeGreaterThan(1);
    await wal.close();
    const { lines, report } = await log.replayed();
    expect(report.corruptions).toEqual([]);
    expect(lines.length).toBe(61_005);
    expect(lines.at(-1)).toBe(`sample 89997 29999 ${Math.sin(29_999)}`);
  });
});

test('histograms of all kinds are replayed as they were, before samples of other series and after those of their own', async () => {
  const one = new FloatHistogram({
    ...{ schema: 2, zeroThreshold: 0.01, zeroCount: 3, count: 12, sum: Number.NaN, counterResetHint: 'reset' },
    ...{ positive: denseBuckets(-3, [1, 0, 2]), negative: denseBuckets(7, [4, 2]), ofIntegers: true },
  });
  const custom = one.with({
    ...{ schema: -53, zeroThreshold: 0, zeroCount: 0, negative: NO_BUCKETS, positive: denseBuckets(0, [5, 7]) },
    ...{ customValues: Float64Array.of(0.1, 5), sum: 4.5, ofIntegers: true },
  });
  const all = [
    one,
    custom,
    one.with({ sum: -1 }),
    custom.with({ count: 12.5 }),
    STALE_HISTOGRAM,
    STALE_FLOAT_HISTOGRAM,
  ];
  const wal = await log.begin();
  wal.logSamples(batch([2, 5, 1], [9, 5, 1]));
  wal.logHistograms(all.map((histogram, i) => ({ ref: i, time: start + 10 + i, histogram, start: 0 })));
  wal.logSamples(batch([3, 20, 1]));
  wal.flush();
  await wal.close();
  const found: LoggedHistogram[] = [];
  const collector = new Collector();
  const told = collector.histograms.bind(collector);
  collector.histograms = (histograms) => {
    found.push(...histograms);
    return told(histograms);
  };
  const again = log.open();
  const report = await again.replay(collector);
  await again.close();
  expect(found.sort((a, b) => a.ref - b.ref).map(({ histogram }) => histogram)).toEqual(all);
  expect(found.map(({ time }) => time - start)).toEqual([10, 11, 12, 13, 14, 15]);
  expect(report.records).toMatchObject({
    ...{ histogram_samples: 1, float_histogram_samples: 1 },
    ...{ custom_buckets_histogram_samples: 1, custom_buckets_float_histogram_samples: 1 },
  });
  const kinds = collector.lines.map((line) => line.replace(/ (\d+) .*/, ' $1'));
  // Series 2 is one of floats before it is one of histograms, and keeps its order.
  expect(kinds.indexOf('sample 2')).toBeLessThan(kinds.indexOf('float histogram 2'));
  expect(kinds.at(-1)).toBe('sample 3');
});

test('records of other writers: histograms, markers, start times, types yet to come', async () => {
  const warnings: unknown[] = [];
  const logger: Logger = { ...silentLogger, warn: (message, fields) => warnings.push([message, fields]) };
  const wal = await log.begin();
  for (const type of [7, 8, 9, 10, 12, 13]) wal.logRaw(histograms(type, [10, 20]));
  wal.logRaw(raw((buffer) => buffer.putBytes(Uint8Array.of(5, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 1, 0))));
  wal.logRaw(
    raw((buffer) => {
      buffer.putByte(11);
      for (const part of [4, start + 1, start]) buffer.putVarint(part);
      buffer.putInt64(0);
      for (const part of [2, 5]) buffer.putVarint(part);
      buffer.putByte(2);
      buffer.putVarint(-7);
      buffer.putInt64(0);
      for (const part of [-1, 6]) buffer.putVarint(part);
      buffer.putByte(0);
      buffer.putInt64(0);
    }),
  );
  for (let i = 0; i < 3; i++) wal.logRaw(Uint8Array.of(99, i));
  wal.flush();
  await wal.close();
  const again = log.open({ logger });
  const collector = new Collector();
  const report = await again.replay(collector);
  await again.close();
  const expected = [7, 8, 9, 10, 12, 13].flatMap((type) => {
    const kind = [8, 10, 13].includes(type) ? 'float histogram' : 'histogram';
    const buckets =
      type === 9 || type === 10
        ? '(1,2]:100, (2,+Inf]:200'
        : '(1,1.0905077326652577]:100, (1.0905077326652577,1.189207115002721]:200';
    return [7, 8].map((ref) => `${kind} ${ref} ${ref === 7 ? 10 : 20} {count:300, sum:0, ${buckets}}`);
  });
  expect(collector.lines).toEqual([...expected, 'marker 3 2 256', 'sample 4 1 0', 'sample 6 6 0', 'sample 5 7 0']);
  expect(report.records.unknown).toBe(3);
  expect(report.unknownRefs).toMatchObject({ histogram_samples: 2, float_histogram_samples_v2: 2 });
  expect(again.metrics.unknownRecords).toBe(3);
  expect(warnings).toEqual([[expect.stringContaining('Unknown record type'), expect.objectContaining({ type: 99 })]]);
});

test('records compressed with zstd are read on every Node', async () => {
  const record = raw((buffer) => {
    buffer.putByte(3);
    buffer.putInt64(7);
    for (const time of [start, start + 4]) buffer.putVarint(time);
  });
  // A frame of one segment whose size is a byte, with one last block of raw bytes (RFC 8878).
  const frame = [0x28, 0xb5, 0x2f, 0xfd, 0x20, record.length, (record.length << 3) | 1, 0, 0, ...record];
  const fragment = Buffer.from([1 | 0x10, 0, frame.length, 0, 0, 0, 0, ...frame]);
  fragment.writeUInt32BE(crc32c(fragment, 7), 3);
  mkdirSync(log.directory);
  writeFileSync(join(log.directory, '00000000'), fragment);
  expect((await log.replayed()).lines).toEqual(['tombstone 7 0 4']);
  fragment[8] ^= 1;
  fragment.writeUInt32BE(crc32c(fragment, 7), 3);
  writeFileSync(join(log.directory, '00000002'), fragment);
  const { lines, report } = await log.replayed();
  expect(lines).toHaveLength(1);
  expect(report.corruptions[0].message).toMatch(/00000002 at byte 0: the record does not decompress: /);
});

test('samples come series by series, a million of them too, and never past a deletion', async () => {
  const wal = await log.begin();
  const rounds = 300;
  const refs = Array.from({ length: 4000 }, (_, i) => (i % 3 === 0 ? 2 ** 35 + i : 4000 - i));
  for (let round = 0; round < rounds; round++) {
    wal.logSamples(batch(...refs.map((ref): [number, number, number] => [ref, round, ref * round])));
    if (round === 1) wal.logTombstone(7, start, start);
    wal.flush();
  }
  await wal.close();
  const again = log.open();
  const lastTime = new Map<number, number>();
  let changes = 0;
  let lastRef = -1;
  let atTombstone = -1;
  let seen = 0;
  const report = await again.replay({
    series() {},
    tombstones() {
      atTombstone = seen;
      return 0;
    },
    samples({ refs, times, bits, length }) {
      const values = new Float64Array(bits.buffer, bits.byteOffset, length);
      for (let i = 0; i < length; i++) {
        const time = times[i] - start;
        if (values[i] !== refs[i] * time || (lastTime.get(refs[i]) ?? -1) !== time - 1) throw new Error('out of order');
        lastTime.set(refs[i], time);
        if (refs[i] !== lastRef) changes++;
        lastRef = refs[i];
      }
      seen += length;
      return 1;
    },
  });
  await again.close();
  expect(report.samples).toBe(refs.length * rounds);
  expect([...lastTime.values()].every((time) => time === rounds - 1)).toBe(true);
  expect(atTombstone).toBe(2 * refs.length);
  expect(changes).toBeLessThanOrEqual(refs.length * 5);
});

test('times that are no numbers are refused, not written without end', async () => {
  const wal = await log.begin();
  expect(() => wal.logTombstone(1, Number.NEGATIVE_INFINITY, 5)).toThrow(RangeError);
  wal.discard();
  expect(() => wal.logSamples(batch([1, 0, 0], [1, Number.POSITIVE_INFINITY, 0]))).toThrow(RangeError);
  wal.discard();
  wal.logSamples(batch([1, 0, 0]));
  wal.flush();
  await wal.close();
  expect((await log.replayed()).lines).toEqual(['sample 1 0 0']);
});
