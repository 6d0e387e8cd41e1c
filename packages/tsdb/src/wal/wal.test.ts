import { execFileSync, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Labels, type Logger, silentLogger } from '@avalanche/model';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { crc32c } from '../crc32c.ts';
import { EncodeBuffer } from '../encoding.ts';
import type { Compression } from './compression.ts';
import { WalCorruption } from './reader.ts';
import type { SampleBatch, SeriesMetadata } from './records.ts';
import type { ReplayReport, ReplaySink } from './replay.ts';
import { PAGE_BYTES, WalGap } from './segments.ts';
import { Wal, type WalOptions } from './wal.ts';

let base = '';
let directory = '';
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'wal-'));
  directory = join(base, 'wal');
});
afterEach(() => {
  rmSync(base, { recursive: true });
});

const start = 1_700_000_000_000;

/** Everything that a log holds, as text, one item a line. */
class Collector implements ReplaySink {
  readonly lines: string[] = [];

  series(ref: number, labels: Labels): void {
    this.lines.push(`series ${ref} ${labels.toString()}`);
  }

  samples({ refs, times, bits, length }: SampleBatch): number {
    const values = new Float64Array(bits.buffer, bits.byteOffset, length);
    for (let i = 0; i < length; i++) this.lines.push(`sample ${refs[i]} ${times[i] - start} ${values[i]}`);
    return 0;
  }

  tombstones(tombstones: Parameters<NonNullable<ReplaySink['tombstones']>>[0]): number {
    for (const { ref, minTime, maxTime } of tombstones)
      this.lines.push(`tombstone ${ref} ${minTime - start} ${maxTime - start}`);
    return 0;
  }

  exemplars(exemplars: Parameters<NonNullable<ReplaySink['exemplars']>>[0]): number {
    for (const { ref, time, labels } of exemplars)
      this.lines.push(`exemplar ${ref} ${time - start} ${labels.toString()}`);
    return 0;
  }

  metadata(entries: readonly (SeriesMetadata & { readonly ref: number })[]): number {
    for (const { ref, type, unit, help } of entries) this.lines.push(`metadata ${ref} ${type} ${unit} ${help}`);
    return 0;
  }

  histograms(record: { type: number; refs: readonly number[]; times: readonly number[]; bytes: Uint8Array }): number {
    const times = record.times.map((time) => time - start);
    this.lines.push(`histograms ${record.type} ${record.refs.join(',')} ${times.join(',')} ${record.bytes.length}`);
    return 1;
  }

  mmapMarkers(markers: Parameters<NonNullable<ReplaySink['mmapMarkers']>>[0]): number {
    for (const { ref, file, offset } of markers) this.lines.push(`marker ${ref} ${file} ${offset}`);
    return 0;
  }
}

function open(options: Partial<WalOptions> = {}, path = directory): Wal {
  return Wal.open(path, { compression: 'snappy', fsync: 'never', logger: silentLogger, ...options });
}

async function begin(options: Partial<WalOptions> = {}): Promise<Wal> {
  const wal = open(options);
  await wal.replay(new Collector());
  return wal;
}

async function replayed(path = directory): Promise<{ lines: string[]; report: ReplayReport }> {
  const wal = open({}, path);
  const collector = new Collector();
  const report = await wal.replay(collector);
  await wal.close();
  return { lines: collector.lines, report };
}

function batch(...samples: readonly (readonly [ref: number, time: number, value: number])[]): SampleBatch {
  const values = Float64Array.from(samples, ([, , value]) => value);
  return {
    refs: samples.map(([ref]) => ref),
    times: samples.map(([, time]) => start + time),
    bits: new Uint32Array(values.buffer),
    length: samples.length,
  };
}

function raw(build: (buffer: EncodeBuffer) => void): Uint8Array {
  const buffer = new EncodeBuffer();
  build(buffer);
  return buffer.bytes.slice(0, buffer.length);
}

/** A histogram record of two samples; what is in the histograms is of no matter here. */
function histograms(type: number, times: readonly [number, number]): Uint8Array {
  const isFloat = type === 8 || type === 10 || type === 13;
  const isV2 = type > 10;
  const number = (buffer: EncodeBuffer, value: number) => (isFloat ? buffer.putInt64(value) : buffer.putUvarint(value));
  return raw((buffer) => {
    buffer.putByte(type);
    if (!isV2) for (const base of [7, start + times[0]]) buffer.putInt64(base);
    times.forEach((time, i) => {
      if (isV2) {
        buffer.putVarint(i === 0 ? 7 : 1);
        buffer.putVarint(i === 0 ? start + time : time - times[0]);
        if (i === 0) buffer.putVarint(start);
        else buffer.putByte(1);
      } else for (const delta of [i, time - times[0]]) buffer.putVarint(delta);
      const custom = type === 9 || type === 10;
      buffer.putByte(0);
      buffer.putVarint(custom ? -53 : 3);
      buffer.putInt64(0);
      for (const count of [0, 300]) number(buffer, count);
      buffer.putInt64(0);
      for (const span of [1, 2, 4, 0]) buffer.putUvarint(span);
      buffer.putUvarint(2);
      for (const bucket of [100, 200]) number(buffer, bucket);
      buffer.putUvarint(0);
      if (custom) for (const part of [0, 1, 2]) part === 0 ? buffer.putUvarint(2) : buffer.putInt64(part);
    });
  });
}

const labels = Labels.from({ __name__: 'up', job: 'größe', path: '/a/b' });

describe.each<Compression>(['none', 'snappy', 'zstd'])('compression %s', (compression) => {
  test('everything logged is replayed, in order', async () => {
    const wal = await begin({ compression });
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
    const { lines, report } = await replayed();
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
    const wal = await begin({ compression, segmentBytes: 4 * PAGE_BYTES });
    const samples = Array.from({ length: 30_000 }, (_, i): [number, number, number] => [i * 3, i, Math.sin(i)]);
    for (const size of [1000, 30_000, 5, 30_000]) {
      wal.logSamples(batch(...samples.slice(0, size)));
      wal.flush();
    }
    expect(wal.currentSegment).toBeGreaterThan(1);
    await wal.close();
    const { lines, report } = await replayed();
    expect(report.corruptions).toEqual([]);
    expect(lines.length).toBe(61_005);
    expect(lines.at(-1)).toBe(`sample 89997 29999 ${Math.sin(29_999)}`);
  });
});

test('records of other writers: histograms, markers, start times, types yet to come', async () => {
  const warnings: unknown[] = [];
  const logger: Logger = { ...silentLogger, warn: (message, fields) => warnings.push([message, fields]) };
  const wal = await begin();
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
  const again = open({ logger });
  const collector = new Collector();
  const report = await again.replay(collector);
  await again.close();
  const expected = [7, 8, 9, 10, 12, 13].map(
    (type) => `histograms ${type} 7,8 10,20 ${histograms(type, [10, 20]).length}`,
  );
  expect(collector.lines).toEqual([...expected, 'marker 3 2 256', 'sample 4 1 0', 'sample 6 6 0', 'sample 5 7 0']);
  expect(report.records.unknown).toBe(3);
  expect(report.unknownRefs).toMatchObject({ histogram_samples: 1, float_histogram_samples_v2: 1 });
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
  mkdirSync(directory);
  writeFileSync(join(directory, '00000000'), fragment);
  expect((await replayed()).lines).toEqual(['tombstone 7 0 4']);
  fragment[8] ^= 1;
  fragment.writeUInt32BE(crc32c(fragment, 7), 3);
  writeFileSync(join(directory, '00000002'), fragment);
  const { lines, report } = await replayed();
  expect(lines).toHaveLength(1);
  expect(report.corruptions[0].message).toMatch(/00000002 at byte 0: the record does not decompress: /);
});

/** A log of several segments: one sample a segment, after the series in the first. */
async function segments(count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const wal = await begin();
    if (i === 0) wal.logSeries(1, labels);
    wal.logSamples(batch([1, i, i]));
    wal.flush();
    await wal.close();
  }
}

test('samples come series by series, a million of them too, and never past a deletion', async () => {
  const wal = await begin();
  const rounds = 300;
  const refs = Array.from({ length: 4000 }, (_, i) => (i % 3 === 0 ? 2 ** 35 + i : 4000 - i));
  for (let round = 0; round < rounds; round++) {
    wal.logSamples(batch(...refs.map((ref): [number, number, number] => [ref, round, ref * round])));
    if (round === 1) wal.logTombstone(7, start, start);
    wal.flush();
  }
  await wal.close();
  const again = open();
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

describe('damage', () => {
  test('a torn tail is cut and kept, what was before it stays', async () => {
    await segments(1);
    appendFileSync(join(directory, '00000000'), Buffer.from([1, 0, 200, 1, 2, 3, 4, 9, 9]));
    const { lines, report } = await replayed();
    expect(lines).toEqual([`series 1 ${labels.toString()}`, 'sample 1 0 0']);
    expect(report.corruptions[0]).toBeInstanceOf(WalCorruption);
    expect(report.corruptions[0].message).toMatch(/00000000 at byte \d+: /);
    expect(readdirSync(directory).sort()).toEqual(['00000000', '00000000.corrupt', '00000001']);
    expect((await replayed()).report.corruptions).toEqual([]);
  });

  test('in the middle: replay stops there, what follows is set aside and never deleted', async () => {
    await segments(4);
    const path = join(directory, '00000001');
    const bytes = readFileSync(path);
    bytes[9] ^= 1;
    writeFileSync(path, bytes);
    const { lines, report } = await replayed();
    expect(lines).toEqual([`series 1 ${labels.toString()}`, 'sample 1 0 0']);
    expect(report.corruptions[0]).toMatchObject({ path, offset: 0, goodBytes: 0 });
    expect(report.corruptions[0].message).toContain('the checksum does not match');
    expect(readdirSync(directory).sort()).toEqual([
      '00000000',
      '00000001',
      '00000001.corrupt',
      '00000002',
      '00000002.corrupt',
      '00000003.corrupt',
    ]);
    expect(readFileSync(`${path}.corrupt`)).toEqual(bytes);
    writeFileSync(path, bytes);
    expect((await replayed()).report.corruptions).toHaveLength(1);
    expect(readdirSync(directory)).toContain('00000001.corrupt.1');
  });

  test('a record that matches its checksum and does not decode', async () => {
    const wal = await begin({ compression: 'none' });
    wal.logSamples(batch([1, 0, 1]));
    wal.logRaw(Uint8Array.of(2, 0, 0, 0));
    wal.logSamples(batch([1, 1, 1]));
    wal.flush();
    await wal.close();
    const { lines, report } = await replayed();
    expect(lines).toEqual(['sample 1 0 1']);
    expect(report.corruptions[0].message).toContain('the record ends too early');
  });

  test('a flipped bit anywhere never makes another value', async () => {
    await segments(1);
    const wal = await begin({ compression: 'none' });
    wal.logSamples(batch([1, 1, 1], [2, 1, 2]));
    wal.logTombstone(1, start, start + 5);
    wal.flush();
    await wal.close();
    const intact = join(base, 'intact');
    const names = ['00000000', '00000001'];
    const files = names.map((name) => readFileSync(join(directory, name)));
    const all = (await replayed()).lines;
    // Beyond the records there is the padding of the page: a few offsets of it will do.
    for (let file = 0; file < files.length; file++) {
      for (let at = 0; at < files[file].length; at += at < 110 ? 1 : 9001) {
        rmSync(intact, { recursive: true, force: true });
        mkdirSync(intact);
        files.forEach((bytes, i) => {
          const copy = Buffer.from(bytes);
          if (i === file) copy[at] ^= 1 << ((at * 7) % 8);
          writeFileSync(join(intact, names[i]), copy);
        });
        const { lines, report } = await replayed(intact);
        expect(lines).toEqual(all.slice(0, lines.length));
        if (lines.length < all.length) expect(report.corruptions).toHaveLength(1);
      }
    }
  });

  test('segments with a gap are refused and stay as they are; foreign files are left alone', async () => {
    await segments(3);
    writeFileSync(join(directory, 'notes.txt'), 'mine');
    expect((await replayed()).lines).toHaveLength(4);
    rmSync(join(directory, '00000001'));
    const before = readdirSync(directory);
    await expect(replayed()).rejects.toThrow(WalGap);
    expect(readdirSync(directory)).toEqual(before);
  });
});

test('times that are no numbers are refused, not written without end', async () => {
  const wal = await begin();
  expect(() => wal.logTombstone(1, Number.NEGATIVE_INFINITY, 5)).toThrow(RangeError);
  wal.discard();
  expect(() => wal.logSamples(batch([1, 0, 0], [1, Number.POSITIVE_INFINITY, 0]))).toThrow(RangeError);
  wal.discard();
  wal.logSamples(batch([1, 0, 0]));
  wal.flush();
  await wal.close();
  expect((await replayed()).lines).toEqual(['sample 1 0 0']);
});

describe('truncation', () => {
  /** Segments 0 to 5 with one sample each of two series, and of everything else in the first. */
  async function fill(): Promise<void> {
    for (let i = 0; i < 6; i++) {
      const wal = await begin();
      if (i === 0) {
        wal.logSeries(1, labels);
        wal.logSeries(2, Labels.from({ __name__: 'gone' }));
        wal.logMetadata(1, { type: 'gauge', unit: '', help: 'old' });
        wal.logMetadata(1, { type: 'gauge', unit: '', help: 'new' });
        wal.logMetadata(2, { type: 'gauge', unit: '', help: 'gone' });
        for (const [ref, end] of [
          [1, 1],
          [1, 2],
          [2, 9],
        ] as const)
          wal.logTombstone(ref, start, start + end);
        const none = { low: 0, high: 0, labels: Labels.EMPTY };
        wal.logExemplars([1, 2].map((time) => ({ ref: 1, time: start + time, ...none })));
        for (const times of [
          [0, 1],
          [1, 2],
        ] as const)
          for (const type of [7, 13]) wal.logRaw(histograms(type, times));
        wal.logRaw(Uint8Array.of(99, 1, 2, 3));
      }
      wal.logSamples(batch([1, i, i], [2, 3 - i, i]));
      wal.flush();
      await wal.close();
    }
  }

  const isAlive = (ref: number) => ref !== 2;
  const kept = [
    `series 1 ${labels.toString()}`,
    'tombstone 1 0 2',
    'exemplar 1 2 {}',
    `histograms 7 7,8 1,2 ${histograms(7, [1, 2]).length}`,
    `histograms 13 7,8 1,2 ${histograms(13, [1, 2]).length}`,
    'sample 2 3 0',
    'sample 2 2 1',
    'sample 1 2 2',
    'sample 1 3 3',
    'metadata 1 gauge  new',
    'sample 2 -1 4',
    'sample 2 -2 5',
    'sample 1 4 4',
    'sample 1 5 5',
  ];

  test('a checkpoint keeps what is still needed of the lower two thirds', async () => {
    await fill();
    const wal = await begin();
    wal.logSamples(batch([1, 6, 6]));
    wal.flush();
    await wal.truncate(start + 2, isAlive);
    wal.logSamples(batch([1, 7, 7]));
    wal.flush();
    expect(wal.metrics).toMatchObject({ checkpointCreations: 1, checkpointCreationsFailed: 0, truncations: 1 });
    await wal.close();
    expect(readdirSync(directory).sort()).toEqual([
      '00000004',
      '00000005',
      '00000006',
      '00000007',
      'checkpoint.00000003',
    ]);
    const { lines, report } = await replayed();
    expect(lines).toEqual([...kept, 'sample 1 6 6', 'sample 1 7 7']);
    expect(report.records.unknown).toBe(1);
  });

  test('a second checkpoint takes in the first', async () => {
    await fill();
    const wal = await begin();
    await wal.truncate(start + 2, isAlive);
    for (let i = 7; i < 11; i++) {
      wal.logSamples(batch([1, i, i]));
      wal.flush();
      wal.nextSegment();
    }
    await wal.truncate(start + 5, isAlive);
    await wal.close();
    expect(readdirSync(directory).filter((name) => name.startsWith('checkpoint'))).toHaveLength(1);
    const { lines, report } = await replayed();
    expect(lines).toEqual([
      `series 1 ${labels.toString()}`,
      'sample 1 5 5',
      'sample 1 7 7',
      'sample 1 8 8',
      'metadata 1 gauge  new',
      'sample 1 9 9',
      'sample 1 10 10',
    ]);
    expect(report.records.unknown).toBe(1);
  });

  test('a crash after any step leaves a log that replays to the same', async () => {
    await fill();
    const before = join(base, 'before');
    cpSync(directory, before, { recursive: true });
    const wal = await begin();
    await wal.truncate(start + 2, isAlive);
    await wal.close();
    const all = (await replayed(before)).lines;
    const after = (await replayed()).lines;
    expect(after).toEqual(kept);
    const state = join(base, 'state');
    const checkpoint = 'checkpoint.00000003';
    const layOut = () => {
      rmSync(state, { recursive: true, force: true });
      cpSync(before, state, { recursive: true });
    };
    // While it is written, under its temporary name.
    layOut();
    mkdirSync(join(state, `${checkpoint}.tmp`));
    writeFileSync(join(state, `${checkpoint}.tmp`, '00000000'), 'half');
    expect((await replayed(state)).lines).toEqual(all);
    expect(readdirSync(state)).not.toContain(`${checkpoint}.tmp`);
    // With its name, and none to all of the segments deleted that it stands for; or with an older one still there.
    for (let deleted = 0; deleted <= 4; deleted++) {
      layOut();
      cpSync(join(directory, checkpoint), join(state, checkpoint), { recursive: true });
      if (deleted === 4) cpSync(join(directory, checkpoint), join(state, 'checkpoint.00000001'), { recursive: true });
      for (let i = 0; i < deleted; i++) rmSync(join(state, `0000000${i}`));
      expect((await replayed(state)).lines).toEqual(after);
      expect(readdirSync(state).filter((name) => name < '00000004' || name === 'checkpoint.00000001')).toEqual([]);
    }
  });

  test('a damaged checkpoint is told, nothing is changed; a damaged segment makes no checkpoint', async () => {
    await fill();
    const wal = await begin();
    const path = join(directory, '00000001');
    const bytes = readFileSync(path);
    writeFileSync(path, Buffer.from(bytes).fill(7, 8, 9));
    await expect(wal.truncate(start + 2, isAlive)).rejects.toThrow(WalCorruption);
    expect(wal.metrics).toMatchObject({ checkpointCreations: 1, checkpointCreationsFailed: 1, corruptions: 1 });
    expect(readdirSync(directory).filter((name) => name.includes('checkpoint'))).toEqual([]);
    writeFileSync(path, bytes);
    await wal.truncate(start + 2, isAlive);
    await wal.close();
    const checkpoint = join(directory, 'checkpoint.00000003', '00000000');
    const good = readFileSync(checkpoint);
    writeFileSync(checkpoint, Buffer.from(good).fill(7, 8, 9));
    const files = readdirSync(directory);
    await expect(replayed()).rejects.toThrow(/checkpoint.00000003.00000000 at byte 0: /);
    expect(readdirSync(directory)).toEqual(files);
    writeFileSync(checkpoint, good);
    expect((await replayed()).lines).toEqual(kept);
  });

  test('closing ends it and nothing stays of it', async () => {
    await fill();
    const wal = await begin();
    const truncation = wal.truncate(start + 2, isAlive);
    await Promise.all([wal.close(), expect(truncation).rejects.toThrow('abort')]);
    expect(readdirSync(directory).filter((name) => name.startsWith('checkpoint'))).toEqual([]);
    expect((await replayed()).report.records.samples).toBe(6);
  });
});

test.each(['never', 'interval', 'always'] as const)('fsync=%s: who asks the disk', async (fsync) => {
  const wal = await begin({ fsync, syncIntervalMs: 3_600_000 });
  for (let i = 0; i < 3; i++) {
    wal.logSamples(batch([1, i, i]));
    wal.flush();
  }
  expect(wal.metrics.fsyncs).toBe(fsync === 'always' ? 3 : 0);
  await wal.sync();
  await wal.sync();
  expect(wal.metrics.fsyncs).toBe(fsync === 'always' ? 3 : 1);
  await wal.close();
  expect(wal.metrics.fsyncSeconds).toBeGreaterThan(0);
});

test('a sync that fails is counted and asked again', async () => {
  const wal = await begin();
  wal.logSamples(batch([1, 0, 0]));
  wal.flush();
  // Takes the directory from under the log: its entry for the new segment cannot be synced.
  const away = join(base, 'away');
  renameSync(directory, away);
  await expect(wal.sync()).rejects.toThrow('ENOENT');
  expect(wal.metrics).toMatchObject({ fsyncs: 0, fsyncsFailed: 1 });
  renameSync(away, directory);
  await wal.sync();
  expect(wal.metrics).toMatchObject({ fsyncs: 1, fsyncsFailed: 1 });
  await wal.close();
});

const mounted = mkdtempSync(join(tmpdir(), 'wal-full-'));
const canMount = spawnSync('/bin/mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', mounted]).status === 0;
afterAll(() => {
  if (canMount) execFileSync('/bin/umount', [mounted]);
  rmSync(mounted, { recursive: true });
});

describe.skipIf(!canMount)('a full disk (needs the right to mount a tmpfs)', () => {
  test('a commit fails whole, and the log goes on when there is room again', async () => {
    const path = join(mounted, 'wal');
    const wal = open({ compression: 'none', segmentBytes: 8 * PAGE_BYTES }, path);
    await wal.replay(new Collector());
    const samples = Array.from({ length: 3000 }, (_, i): [number, number, number] => [i, 0, i]);
    let commits = 0;
    const commit = () => {
      wal.logSamples(batch(...samples));
      wal.flush();
      commits++;
    };
    const full = join(mounted, 'ballast');
    expect(() => {
      for (let i = 0; i < 100; i++) commit();
    }).toThrow('ENOSPC');
    expect(commits).toBeGreaterThan(10);
    expect(() => commit()).toThrow('ENOSPC');
    expect(wal.metrics.writesFailed).toBe(2);
    await expect(wal.truncate(start, () => true)).rejects.toThrow('ENOSPC');
    expect(readdirSync(path).filter((name) => name.startsWith('checkpoint'))).toEqual([]);
    await wal.truncate(start + 1, () => true); // a checkpoint without samples has room, and makes room
    commit();
    const before = commits;
    writeFileSync(full, '');
    expect(() => {
      for (let i = 0; i < 1000; i++) appendFileSync(full, Buffer.alloc(4096));
    }).toThrow('ENOSPC');
    for (let i = 0; i < 2; i++) expect(() => commit()).toThrow('ENOSPC');
    rmSync(full);
    commit();
    await wal.close();
    expect(commits).toBe(before + 1);
    const { lines, report } = await replayed(path);
    expect(report.corruptions).toEqual([]);
    expect(lines.length % 3000).toBe(0);
    expect(lines.length).toBeGreaterThanOrEqual(6000);
  });
});
