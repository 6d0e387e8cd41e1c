import { type Labels, type Logger, nextTurn } from '@avalanche/model';
import {
  decodeExemplars,
  decodeMetadata,
  decodeMmapMarkers,
  decodeSamples,
  decodeTombstones,
  type MmapMarker,
  SampleRecord,
  SeriesRecord,
  type Tombstone,
} from './decode.ts';
import { decodeHistograms, isHistogramRecord, type LoggedHistogram } from './histograms.ts';
import { LogReader, type RecordConsumer, type RecordPlace, UndecodableRecord } from './log-reader.ts';
import type { WalCorruption } from './reader.ts';
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
  histograms?(histograms: readonly LoggedHistogram[]): number;
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
/** Samples handed on at a time. */
const SLICE_SAMPLES = 4096;
const UNKNOWN_TYPE = 0;

/** Gives the event loop a turn where ten milliseconds have gone by. */
export class Pace {
  private sliceEnd = 0;

  get isDue(): boolean {
    return performance.now() > this.sliceEnd;
  }

  async pause(): Promise<void> {
    await nextTurn();
    this.sliceEnd = performance.now() + SLICE_MS;
  }
}

/** Decodes records for a sink, and counts. */
export class SinkFeeder implements RecordConsumer {
  samplesRead = 0;
  readonly recordCounts = new Float64Array(RECORD_NAMES.length);
  private readonly unknownCounts = new Float64Array(RECORD_NAMES.length);
  private readonly unknownTypes = new Set<number>();
  private readonly series = new SeriesRecord();
  private readonly slice = new SampleRecord(SLICE_SAMPLES);
  /** Samples of one record with start times. */
  private readonly started = new SampleRecord();

  constructor(
    private readonly sink: ReplaySink,
    private readonly logger: Logger,
  ) {}

  /** Records read and items of unknown series, by type. */
  get counts(): Pick<ReplayReport, 'records' | 'unknownRefs' | 'samples'> {
    return { records: named(this.recordCounts), unknownRefs: named(this.unknownCounts), samples: this.samplesRead };
  }

  columns(): SampleRecord {
    return this.slice;
  }

  samples(samples: SampleBatch): void {
    this.samplesRead += samples.length;
    this.unknownCounts[RECORD_SAMPLES] += this.sink.samples(samples);
  }

  record(bytes: Uint8Array, start: number, end: number, place: RecordPlace): void {
    const type = bytes[start];
    const known = type < RECORD_NAMES.length && type !== UNKNOWN_TYPE;
    if (known) this.unknownCounts[type] += this.handOn(type, bytes, start, end);
    else this.tellUnknown(type, place.path);
    this.recordCounts[known ? type : UNKNOWN_TYPE]++;
  }

  /** @returns how many items were of unknown series */
  private handOn(type: number, bytes: Uint8Array, start: number, end: number): number {
    const { sink } = this;
    if (type === RECORD_SERIES) {
      decoded(() => this.series.decode(bytes, start, end));
      const { refs, labels } = this.series;
      for (let i = 0; i < refs.length; i++) sink.series(refs[i], labels[i]);
      return 0;
    }
    if (type === RECORD_SAMPLES_V2) {
      const { started } = this;
      started.length = 0;
      decoded(() => decodeSamples(bytes, start, end, started));
      this.samplesRead += started.length;
      return sink.samples(started);
    }
    if (isHistogramRecord(type)) {
      const histograms = decoded(() => decodeHistograms(bytes, start, end));
      this.samplesRead += histograms.length;
      return sink.histograms?.(histograms) ?? 0;
    }
    if (type === RECORD_TOMBSTONES) return sink.tombstones?.(decoded(() => decodeTombstones(bytes, start, end))) ?? 0;
    if (type === RECORD_EXEMPLARS) return sink.exemplars?.(decoded(() => decodeExemplars(bytes, start, end))) ?? 0;
    if (type === RECORD_METADATA) return sink.metadata?.(decoded(() => decodeMetadata(bytes, start, end))) ?? 0;
    if (type === RECORD_MMAP_MARKERS) {
      return sink.mmapMarkers?.(decoded(() => decodeMmapMarkers(bytes, start, end))) ?? 0;
    }
    return 0;
  }

  private tellUnknown(type: number, path: string): void {
    if (this.unknownTypes.has(type)) return;
    this.unknownTypes.add(type);
    this.logger.warn('Unknown record type in the write-ahead log, passed over and kept', { type, path });
  }
}

/** Reads segments for a sink in this thread. @returns the damage at which reading ended early */
export async function replayHere(paths: readonly string[], feeder: SinkFeeder): Promise<WalCorruption | undefined> {
  const reader = new LogReader(feeder);
  const pace = new Pace();
  for (const _ of reader.read(paths)) if (pace.isDue) await pace.pause();
  feeder.recordCounts[RECORD_SAMPLES] += reader.sampleRecords;
  return reader.damage;
}

/** A record that does not decode is damage like any other. */
function decoded<T>(decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (error instanceof RangeError) throw new UndecodableRecord(error.message);
    throw error;
  }
}

function named(counts: Float64Array): Record<string, number> {
  const out: Record<string, number> = {};
  counts.forEach((count, type) => {
    if (count > 0) out[RECORD_NAMES[type]] = count;
  });
  return out;
}
