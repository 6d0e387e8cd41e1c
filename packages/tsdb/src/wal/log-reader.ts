import { decodeSamples, type SampleRecord } from './decode.ts';
import { SampleGrouper } from './grouping.ts';
import { histogramPlaces, isHistogramRecord } from './histograms.ts';
import { SegmentReader, WalCorruption } from './reader.ts';
import { RECORD_SAMPLES, RECORD_SERIES } from './records.ts';

/** A record matches its checksum and still is not what its type says. */
export class UndecodableRecord extends Error {
  override readonly name = 'UndecodableRecord';
}

/** Where a record lies, for whoever finds it damaged later. */
export interface RecordPlace {
  readonly path: string;
  readonly offset: number;
  /** Bytes of the segment before the record. */
  readonly goodBytes: number;
}

/**
 * Takes what a `LogReader` reads. Records of histograms may come before samples that were logged earlier, of other
 * series.
 */
export interface RecordConsumer {
  /** Any record but of samples without start times: `bytes[start, end)`, valid during the call. @throws UndecodableRecord */
  record(bytes: Uint8Array, start: number, end: number, place: RecordPlace): void;
  /** Columns to be filled with samples, as many as they have room for; its content may be lost. */
  columns(): SampleRecord;
  /** The columns are filled with samples, series by series. */
  samples(columns: SampleRecord): void;
}

/** Reads the segments of a log one after the other, up to the first damage. */
export class LogReader {
  /** Where reading ended early. */
  damage: WalCorruption | undefined = undefined;
  /** Records of samples without start times. */
  sampleRecords = 0;
  private readonly reader = new SegmentReader();
  private readonly grouper = new SampleGrouper();

  constructor(private readonly consumer: RecordConsumer) {}

  /** Yields between small pieces of work. @throws the file system's error */
  *read(paths: readonly string[]): Generator<void> {
    const { reader } = this;
    try {
      for (const path of paths) {
        reader.open(path);
        while (reader.next()) {
          if (this.mustHandOnSamples()) yield* this.grouper.handOn(this.consumer);
          if (reader.end > reader.start) this.take();
          yield;
        }
      }
    } catch (error) {
      if (!(error instanceof WalCorruption)) throw error;
      this.damage = error;
    } finally {
      reader.close();
    }
    yield* this.grouper.handOn(this.consumer);
  }

  /** Before the next record: where enough are collected, or where it is of a kind that must come after them. */
  private mustHandOnSamples(): boolean {
    const { bytes, start, end } = this.reader;
    if (this.grouper.isFull) return true;
    if (this.grouper.collected.length === 0 || start === end) return false;
    const type = bytes[start];
    if (isHistogramRecord(type)) return this.isMixed(bytes, start, end);
    return type !== RECORD_SAMPLES && type !== RECORD_SERIES;
  }

  /** Whether histograms are of series that have floats here: a series is handed on in the order of time. */
  private isMixed(bytes: Uint8Array, start: number, end: number): boolean {
    try {
      return histogramPlaces(bytes, start, end).refs.some((ref) => this.grouper.holds(ref));
    } catch (error) {
      if (error instanceof RangeError) return true; // told when it is taken
      throw error;
    }
  }

  private take(): void {
    const { reader } = this;
    const { bytes, start, end } = reader;
    const type = bytes[start];
    try {
      if (type === RECORD_SAMPLES) decodeSamples(bytes, start, end, this.grouper.collected);
      else this.consumer.record(bytes, start, end, reader.place);
    } catch (error) {
      if (error instanceof UndecodableRecord || error instanceof RangeError) throw reader.corruption(error.message);
      throw error;
    }
    if (type === RECORD_SAMPLES) this.sampleRecords++;
  }
}
