import type { Labels, Logger } from '@avalanche/model';
import {
  decodeExemplars,
  decodeMetadata,
  decodeMmapMarkers,
  decodeSamples,
  decodeTombstones,
  type MmapMarker,
  SeriesRecord,
  type Tombstone,
} from './decode.ts';
import { SampleGrouper } from './grouping.ts';
import { decodeHistograms, type HistogramRecord, isHistogramRecord } from './histograms.ts';
import { SegmentReader, type WalCorruption } from './reader.ts';
import {
  type LoggedExemplar,
  RECORD_EXEMPLARS,
  RECORD_METADATA,
  RECORD_MMAP_MARKERS,
  RECORD_NAMES,
  RECORD_SAMPLES,
  RECORD_SAMPLES_V2,
  RECORD_SERIES,
  RECORD_TOMBSTONES,
  type SampleBatch,
  type SeriesMetadata,
} from './records.ts';
import type { Segment } from './segments.ts';

/**
 * Takes what a log holds, in the order in which it was logged, but for samples: those of many records come together,
 * series by series; within a series, and before and after the log's other kinds of records but new series, the order
 * stays. References are as logged: any whole number up to 2^53, sparse in other people's logs. The methods that return
 * a number say how many of the items were of series that the sink does not know.
 */
export interface ReplaySink {
  /** A reference or a label set may come more than once. */
  series(ref: number, labels: Labels): void;
  /** Valid during the call. */
  samples(samples: SampleBatch): number;
  tombstones?(tombstones: readonly Tombstone[]): number;
  exemplars?(exemplars: readonly LoggedExemplar[]): number;
  metadata?(entries: readonly (SeriesMetadata & { readonly ref: number })[]): number;
  histograms?(record: HistogramRecord): number;
  /** In a log of out-of-order samples: what came before for this series is in a head chunk. */
  mmapMarkers?(markers: readonly MmapMarker[]): number;
}

export interface ReplayReport {
  readonly segments: number;
  /** Records read, by upstream's name of their type. */
  readonly records: Readonly<Record<string, number>>;
  readonly samples: number;
  /** Items of series that the sink did not know, by upstream's name of the record type. */
  readonly unknownRefs: Readonly<Record<string, number>>;
  readonly corruptions: readonly WalCorruption[];
  readonly tookMs: number;
}

/** How long replay holds the event loop at a time. */
const SLICE_MS = 10;
const UNKNOWN_TYPE = 0;

/** Hands the records of segments to a sink, a slice of time at a time. */
export class Replayer {
  samples = 0;
  private readonly reader = new SegmentReader();
  private readonly grouper = new SampleGrouper();
  private readonly series = new SeriesRecord();
  private readonly recordCounts = new Float64Array(RECORD_NAMES.length);
  private readonly unknownCounts = new Float64Array(RECORD_NAMES.length);
  private readonly unknownTypes = new Set<number>();
  private sliceEnd = 0;

  constructor(
    private readonly sink: ReplaySink,
    private readonly logger: Logger,
  ) {}

  get unknownRecords(): number {
    return this.recordCounts[UNKNOWN_TYPE];
  }

  /** Records read and items of unknown series, by type. */
  get counts(): Pick<ReplayReport, 'records' | 'unknownRefs'> {
    return { records: named(this.recordCounts), unknownRefs: named(this.unknownCounts) };
  }

  /** @throws WalCorruption at the first record that cannot be read; those before it were handed on */
  async replaySegment(segment: Segment): Promise<void> {
    const { reader } = this;
    reader.open(segment.path);
    try {
      while (reader.next()) {
        if (this.mustHandOnSamples()) await this.finish();
        this.replayRecord();
        if (performance.now() > this.sliceEnd) await this.pause();
      }
    } finally {
      reader.close();
    }
  }

  /** Hands on the samples that are still collected. */
  async finish(): Promise<void> {
    for (const _ of this.grouper.handOn(this.takeSamples)) if (performance.now() > this.sliceEnd) await this.pause();
  }

  private async pause(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.sliceEnd = performance.now() + SLICE_MS;
  }

  private readonly takeSamples = (samples: SampleBatch): void => {
    this.samples += samples.length;
    this.unknownCounts[RECORD_SAMPLES] += this.sink.samples(samples);
  };

  /** Before the next record: where enough are collected, or where it is of a kind that must come after them. */
  private mustHandOnSamples(): boolean {
    const { bytes, start, end } = this.reader;
    if (this.grouper.isFull) return true;
    if (this.grouper.collected.length === 0 || start === end) return false;
    const type = bytes[start];
    return type !== RECORD_SAMPLES && type !== RECORD_SAMPLES_V2 && type !== RECORD_SERIES;
  }

  private replayRecord(): void {
    const { reader } = this;
    if (reader.end === reader.start) return;
    const type = reader.bytes[reader.start];
    const known = type < RECORD_NAMES.length && type !== UNKNOWN_TYPE;
    this.recordCounts[known ? type : UNKNOWN_TYPE]++;
    if (known) this.unknownCounts[type] += this.handOn(type);
    else this.tellUnknown(type);
  }

  /** @returns how many items were of unknown series */
  private handOn(type: number): number {
    const { sink } = this;
    const { bytes, start, end } = this.reader;
    if (type === RECORD_SAMPLES || type === RECORD_SAMPLES_V2) {
      this.decode(() => decodeSamples(bytes, start, end, this.grouper.collected));
      return 0;
    }
    if (type === RECORD_SERIES) {
      this.decode(() => this.series.decode(bytes, start, end));
      const { refs, labels } = this.series;
      for (let i = 0; i < refs.length; i++) sink.series(refs[i], labels[i]);
      return 0;
    }
    if (isHistogramRecord(type)) {
      const record = this.decode(() => decodeHistograms(bytes, start, end));
      this.samples += record.refs.length;
      return sink.histograms?.(record) ?? 0;
    }
    if (type === RECORD_TOMBSTONES) {
      return sink.tombstones?.(this.decode(() => decodeTombstones(bytes, start, end))) ?? 0;
    }
    if (type === RECORD_EXEMPLARS) {
      return sink.exemplars?.(this.decode(() => decodeExemplars(bytes, start, end))) ?? 0;
    }
    if (type === RECORD_METADATA) {
      return sink.metadata?.(this.decode(() => decodeMetadata(bytes, start, end))) ?? 0;
    }
    if (type === RECORD_MMAP_MARKERS) {
      return sink.mmapMarkers?.(this.decode(() => decodeMmapMarkers(bytes, start, end))) ?? 0;
    }
    return 0;
  }

  /** Runs a decoder; a record that matches its checksum and still does not decode is damage like any other. */
  private decode<T>(run: () => T): T {
    try {
      return run();
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw this.reader.corruption(error.message);
    }
  }

  private tellUnknown(type: number): void {
    if (this.unknownTypes.has(type)) return;
    this.unknownTypes.add(type);
    const path = this.reader.segmentPath;
    this.logger.warn('Unknown record type in the write-ahead log, passed over and kept', { type, path });
  }
}

function named(counts: Float64Array): Record<string, number> {
  const out: Record<string, number> = {};
  counts.forEach((count, type) => {
    if (count > 0) out[RECORD_NAMES[type]] = count;
  });
  return out;
}
