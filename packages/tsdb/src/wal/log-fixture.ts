import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatHistogram, Labels, silentLogger } from '@avalanche/model';
import { afterEach, beforeEach } from 'vitest';
import { EncodeBuffer } from '../encoding.ts';
import type { LoggedHistogram } from './histograms.ts';
import type { SampleBatch, SeriesMetadata } from './records.ts';
import type { ReplayReport, ReplaySink } from './replay.ts';
import { Wal, type WalOptions } from './wal.ts';

export const start = 1_700_000_000_000;

/** Everything that a log holds, as text, one item a line. */
export class Collector implements ReplaySink {
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

  histograms(histograms: readonly LoggedHistogram[]): number {
    for (const { ref, time, histogram } of histograms) {
      const kind = histogram.ofIntegers ? 'histogram' : 'float histogram';
      this.lines.push(`${kind} ${ref} ${time - start} ${formatHistogram(histogram)}`);
    }
    return histograms.length;
  }

  mmapMarkers(markers: Parameters<NonNullable<ReplaySink['mmapMarkers']>>[0]): number {
    for (const { ref, file, offset } of markers) this.lines.push(`marker ${ref} ${file} ${offset}`);
    return 0;
  }
}

/** A directory for the log of one test, and what is done with it all the time. */
export class LogFixture {
  base = '';
  directory = '';

  constructor() {
    beforeEach(() => {
      this.base = mkdtempSync(join(tmpdir(), 'wal-'));
      this.directory = join(this.base, 'wal');
    });
    afterEach(() => rmSync(this.base, { recursive: true }));
  }

  open(options: Partial<WalOptions> = {}, path = this.directory): Wal {
    return Wal.open(path, { compression: 'snappy', fsync: 'never', logger: silentLogger, ...options });
  }

  async begin(options: Partial<WalOptions> = {}): Promise<Wal> {
    const wal = this.open(options);
    await wal.replay(new Collector());
    return wal;
  }

  async replayed(path = this.directory): Promise<{ lines: string[]; report: ReplayReport }> {
    const wal = this.open({}, path);
    const collector = new Collector();
    const report = await wal.replay(collector);
    await wal.close();
    return { lines: collector.lines, report };
  }
}

export function batch(...samples: readonly (readonly [ref: number, time: number, value: number])[]): SampleBatch {
  const values = Float64Array.from(samples, ([, , value]) => value);
  return {
    refs: samples.map(([ref]) => ref),
    times: samples.map(([, time]) => start + time),
    bits: new Uint32Array(values.buffer),
    length: samples.length,
  };
}

export function raw(build: (buffer: EncodeBuffer) => void): Uint8Array {
  const buffer = new EncodeBuffer();
  build(buffer);
  return buffer.bytes.slice(0, buffer.length);
}

/** A histogram record of two samples of series 7 and 8. */
export function histograms(type: number, times: readonly [number, number]): Uint8Array {
  const isFloat = type === 8 || type === 10 || type === 13;
  const isV2 = type > 10;
  const number = (buffer: EncodeBuffer, value: number) =>
    isFloat ? buffer.putFloat64(value) : buffer.putUvarint(value);
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
      for (const span of [1, 2, 2, 0]) buffer.putUvarint(span);
      buffer.putUvarint(2);
      if (isFloat) for (const bucket of [100, 200]) buffer.putFloat64(bucket);
      else for (let i = 0; i < 2; i++) buffer.putVarint(100);
      buffer.putUvarint(0);
      if (custom) buffer.putUvarint(2);
      if (custom) for (const bound of [1, 2]) buffer.putFloat64(bound);
    });
  });
}

export const labels = Labels.from({ __name__: 'up', job: 'größe', path: '/a/b' });
