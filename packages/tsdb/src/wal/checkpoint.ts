import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { nextTurn } from '@avalanche/model';
import { EncodeBuffer } from '../encoding.ts';
import {
  decodeExemplars,
  decodeMetadata,
  decodeSamples,
  decodeTombstones,
  SampleRecord,
  visitSeries,
} from './decode.ts';
import { histogramPlaces, isHistogramRecord } from './histograms.ts';
import { SegmentReader } from './reader.ts';
import {
  encodeExemplars,
  encodeSamples,
  encodeTombstone,
  RECORD_EXEMPLARS,
  RECORD_METADATA,
  RECORD_MMAP_MARKERS,
  RECORD_SAMPLES,
  RECORD_SAMPLES_V2,
  RECORD_SERIES,
  RECORD_TOMBSTONES,
} from './records.ts';
import { checkpointPath, listUnfinishedCheckpoints, syncDirectory } from './segments.ts';
import { WalWriter, type WalWriterOptions } from './writer.ts';

export interface CheckpointOptions {
  /** The log's directory, where the checkpoint goes. */
  readonly directory: string;
  /** What it stands for: the segments of the checkpoint before it, then those up to `index`. */
  readonly paths: readonly string[];
  readonly index: number;
  /** Samples, exemplars and tombstones that end before this are left out. Milliseconds since the epoch. */
  readonly minTime: number;
  /** Whether the log still needs a series. Must not change its answer for one reference meanwhile. */
  readonly isAlive: (ref: number) => boolean;
  readonly writer: WalWriterOptions;
  /** Ends the work; nothing stays of it. */
  readonly signal: AbortSignal;
}

const FLUSH_BYTES = 1024 * 1024;
const SLICE_MS = 5;

/**
 * Writes `checkpoint.INDEX`: a log of what is still needed of the segments that it stands for. It is complete on the
 * disk before it has its name.
 * @throws WalCorruption where a segment is damaged (upstream too does not repair here), or the file system's error;
 * nothing stays of the checkpoint then
 */
export async function writeCheckpoint(options: CheckpointOptions): Promise<void> {
  const path = checkpointPath(options.directory, options.index);
  const temporary = `${path}.tmp`;
  for (const left of listUnfinishedCheckpoints(options.directory)) rmSync(left, { recursive: true });
  mkdirSync(temporary);
  try {
    await new CheckpointWriter(options, new WalWriter(temporary, 0, options.writer)).run();
    syncDirectory(temporary);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    throw error;
  }
  syncDirectory(options.directory);
}

/** Filters records into a new log. What it does not understand it carries through. */
class CheckpointWriter {
  private readonly reader = new SegmentReader();
  private readonly columns = new SampleRecord();
  private readonly buffer = new EncodeBuffer(64 * 1024);
  /** The last metadata of each series, as logged. */
  private readonly metadata = new Map<number, Uint8Array>();
  private unflushed = 0;

  constructor(
    private readonly options: CheckpointOptions,
    private readonly writer: WalWriter,
  ) {}

  async run(): Promise<void> {
    try {
      for (const path of this.options.paths) await this.filterSegment(path);
      this.logMetadata();
      this.writer.flush();
    } finally {
      this.reader.close();
      await this.writer.close();
    }
  }

  private async filterSegment(path: string): Promise<void> {
    const { reader } = this;
    let sliceEnd = performance.now() + SLICE_MS;
    this.options.signal.throwIfAborted();
    reader.open(path);
    while (reader.next()) {
      if (reader.end > reader.start) this.filterRecord();
      if (performance.now() > sliceEnd) {
        await nextTurn();
        this.options.signal.throwIfAborted();
        sliceEnd = performance.now() + SLICE_MS;
      }
    }
  }

  private filterRecord(): void {
    const { bytes, start, end } = this.reader;
    this.buffer.reset();
    try {
      this.keep(bytes[start], bytes, start, end);
    } catch (error) {
      if (error instanceof RangeError) throw this.reader.corruption(error.message);
      throw error;
    }
    this.log(this.buffer.bytes, this.buffer.length);
  }

  /** Puts what is needed of a record into the buffer, or logs it whole. */
  private keep(type: number, bytes: Uint8Array, start: number, end: number): void {
    if (type === RECORD_SERIES) this.keepSeries(bytes, start, end);
    else if (type === RECORD_SAMPLES) this.keepSamples(bytes, start, end);
    else if (type === RECORD_TOMBSTONES) this.keepTombstones(bytes, start, end);
    else if (type === RECORD_EXEMPLARS) this.keepExemplars(bytes, start, end);
    else if (type === RECORD_METADATA) this.keepMetadata(bytes, start, end);
    else if (type === RECORD_MMAP_MARKERS || this.isNeeded(type, bytes, start, end)) {
      this.log(bytes.subarray(start, end), end - start);
    }
  }

  /** Of the types that are kept whole or not at all. */
  private isNeeded(type: number, bytes: Uint8Array, start: number, end: number): boolean {
    const { minTime } = this.options;
    if (type === RECORD_SAMPLES_V2) {
      this.columns.length = 0;
      decodeSamples(bytes, start, end, this.columns);
      return this.columns.times.subarray(0, this.columns.length).some((time) => time >= minTime);
    }
    return !isHistogramRecord(type) || histogramPlaces(bytes, start, end).times.some((time) => time >= minTime);
  }

  private keepSeries(bytes: Uint8Array, start: number, end: number): void {
    visitSeries(bytes, start, end, (ref, from, to) => {
      if (!this.options.isAlive(ref)) return;
      if (this.buffer.length === 0) this.buffer.putByte(RECORD_SERIES);
      this.buffer.putBytes(bytes.subarray(from, to));
    });
  }

  private keepSamples(bytes: Uint8Array, start: number, end: number): void {
    const { columns } = this;
    columns.length = 0;
    decodeSamples(bytes, start, end, columns);
    const { refs, times, bits } = columns;
    let kept = 0;
    for (let i = 0; i < columns.length; i++) {
      if (times[i] < this.options.minTime) continue;
      refs[kept] = refs[i];
      times[kept] = times[i];
      bits[2 * kept] = bits[2 * i];
      bits[2 * kept + 1] = bits[2 * i + 1];
      kept++;
    }
    if (kept === columns.length) this.log(bytes.subarray(start, end), end - start);
    else {
      columns.length = kept;
      encodeSamples(this.buffer, columns);
    }
  }

  private keepTombstones(bytes: Uint8Array, start: number, end: number): void {
    const { minTime, isAlive } = this.options;
    for (const stone of decodeTombstones(bytes, start, end)) {
      if (stone.maxTime >= minTime && isAlive(stone.ref)) {
        encodeTombstone(this.buffer, stone.ref, stone.minTime, stone.maxTime);
      }
    }
  }

  private keepExemplars(bytes: Uint8Array, start: number, end: number): void {
    const exemplars = decodeExemplars(bytes, start, end);
    encodeExemplars(
      this.buffer,
      exemplars.filter(({ time }) => time >= this.options.minTime),
    );
  }

  private keepMetadata(bytes: Uint8Array, start: number, end: number): void {
    for (const entry of decodeMetadata(bytes, start, end)) {
      if (this.options.isAlive(entry.ref)) this.metadata.set(entry.ref, new Uint8Array(entry.bytes));
    }
  }

  private logMetadata(): void {
    this.buffer.reset();
    for (const entry of this.metadata.values()) {
      if (this.buffer.length === 0) this.buffer.putByte(RECORD_METADATA);
      this.buffer.putBytes(entry);
    }
    this.log(this.buffer.bytes, this.buffer.length);
  }

  private log(bytes: Uint8Array, length: number): void {
    if (length === 0) return;
    this.writer.log(bytes, length);
    this.unflushed += length;
    if (this.unflushed < FLUSH_BYTES) return;
    this.writer.flush();
    this.unflushed = 0;
  }
}
