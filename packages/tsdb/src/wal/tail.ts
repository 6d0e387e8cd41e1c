import { nextTurn, turnIsOver } from '@avalanche/model';
import {
  decodeExemplars,
  decodeMetadata,
  decodeSamples,
  type LoggedMetadata,
  SampleRecord,
  SeriesRecord,
  visitSeries,
} from './decode.ts';
import { decodeHistograms, isHistogramRecord, type LoggedHistogram } from './histograms.ts';
import { SegmentReader, WalCorruption } from './reader.ts';
import {
  type LoggedExemplar,
  RECORD_EXEMPLARS,
  RECORD_METADATA,
  RECORD_NAMES,
  RECORD_SAMPLES,
  RECORD_SAMPLES_V2,
  RECORD_SERIES,
} from './records.ts';
import { type Checkpoint, listCheckpoints, listSegments, segmentPath } from './segments.ts';

/** A place in a log: before item `item` of the record that begins at `offset` of a segment. */
export interface WalPosition {
  readonly segment: number;
  readonly offset: number;
  readonly item: number;
}

/** Whether `a` is before `b`. */
export function isBefore(a: WalPosition, b: WalPosition): boolean {
  if (a.segment !== b.segment) return a.segment < b.segment;
  return a.offset !== b.offset ? a.offset < b.offset : a.item < b.item;
}

export interface TailOptions {
  readonly exemplars: boolean;
  readonly histograms?: boolean;
  readonly metadata: boolean;
  /** Told of damage, and of segments that went before they were read; reading goes on behind. */
  readonly onLoss: (error: Error) => void;
}

/** What `WalTail.next` has come to. */
export const TAIL_END = 0;
export const TAIL_SERIES = 1;
export const TAIL_SAMPLES = 2;
export const TAIL_EXEMPLARS = 3;
export const TAIL_METADATA = 4;
export const TAIL_HISTOGRAMS = 5;

interface TailSource {
  readonly end: WalPosition;
}

/**
 * Follows a log while it is written, record by record: first what it says of series before the place where it begins,
 * then everything. Of samples, exemplars and histograms it begins at that place. Reads only when asked, up to where
 * the log has been written; what it has decoded is valid until the next call.
 */
export class WalTail {
  readonly series = new SeriesRecord();
  readonly samples = new SampleRecord();
  exemplars: readonly LoggedExemplar[] = [];
  histograms: readonly LoggedHistogram[] = [];
  metadata: readonly LoggedMetadata[] = [];
  /** Records read, by upstream's name of their type. */
  readonly records: Record<string, number> = {};
  /** Records and segments that could not be read. */
  failures = 0;
  private readonly reader = new SegmentReader();
  /** Files of the checkpoint that are still to be read, for what they say of series. */
  private readonly before: string[];
  private inCheckpoint = false;
  private isOpen = false;
  /** Where the log ended when the open file was opened: what came since is read when it is opened again. */
  private endAtOpen: WalPosition;
  /** Where reading goes on. */
  private segment: number;
  private offset = 0;
  private recordOffset = 0;
  private checkpoint: Checkpoint | undefined;

  constructor(
    private readonly directory: string,
    private readonly log: TailSource,
    private readonly from: WalPosition,
    private readonly options: TailOptions,
  ) {
    this.endAtOpen = log.end;
    this.checkpoint = listCheckpoints(directory)[0];
    this.before = this.checkpoint ? listSegments(this.checkpoint.path).map(({ path }) => path) : [];
    const first = listSegments(directory).find(({ index }) => index > (this.checkpoint?.index ?? -1));
    this.segment = Math.min(first?.index ?? log.end.segment, log.end.segment);
    if (first && from.segment < first.index) {
      options.onLoss(new Error(`segments ${from.segment} to ${first.index - 1} of the log were removed unread`));
    }
  }

  /** The segment that is read; -1 in a checkpoint. */
  get currentSegment(): number {
    return this.inCheckpoint || this.before.length > 0 ? -1 : this.segment;
  }

  /** Whether reading has come to where it was to begin. */
  get isTailing(): boolean {
    return this.currentSegment >= 0 && !isBefore(this.read, this.from);
  }

  /** Where the record stands that `next` has come to. */
  get place(): WalPosition {
    return { segment: this.segment, offset: this.recordOffset, item: 0 };
  }

  /** Behind everything that was given out, and not before where it was to begin. */
  get position(): WalPosition {
    return isBefore(this.from, this.read) ? this.read : this.from;
  }

  private get read(): WalPosition {
    return { segment: this.segment, offset: this.offset, item: 0 };
  }

  /** Goes to the next record of a kind that is wanted. @returns one of the `TAIL_…`. @throws the file system's error */
  next(): number {
    for (;;) {
      try {
        if (!this.isOpen && !this.open()) return TAIL_END;
        while (this.reader.next()) {
          this.recordOffset = this.inCheckpoint ? 0 : this.reader.recordOffset;
          if (!this.inCheckpoint) this.offset = this.reader.recordEndOffset;
          const kind = this.decode();
          if (kind !== TAIL_END) return kind;
        }
        this.endFile();
      } catch (error) {
        if (!(error instanceof WalCorruption || error instanceof RangeError)) throw error;
        this.passOver(error);
      }
    }
  }

  /**
   * After a truncation: which references still have a record in what the log begins with now, and the last segment
   * that this stands for. Undefined where nothing was truncated since the last call, or where reading is not that far.
   * @throws WalCorruption, or the file system's error, as where the next truncation has come in between
   */
  async truncated(): Promise<{ readonly segment: number; readonly refs: ReadonlySet<number> } | undefined> {
    const checkpoint = listCheckpoints(this.directory)[0];
    if (!checkpoint || checkpoint.index === this.checkpoint?.index || checkpoint.index >= this.segment)
      return undefined;
    this.checkpoint = checkpoint;
    const refs = new Set<number>();
    const reader = new SegmentReader();
    try {
      for (const { path } of listSegments(checkpoint.path)) {
        reader.open(path);
        while (reader.next()) {
          const { bytes, start, end } = reader;
          if (end > start && bytes[start] === RECORD_SERIES) visitSeries(bytes, start, end, (ref) => refs.add(ref));
          if (turnIsOver()) await nextTurn();
        }
      }
    } finally {
      reader.close();
    }
    return { segment: checkpoint.index, refs };
  }

  close(): void {
    this.reader.close();
    this.isOpen = false;
  }

  /** @returns false where there is nothing new */
  private open(): boolean {
    const path = this.before.shift();
    this.inCheckpoint = path !== undefined;
    if (path !== undefined) {
      this.reader.open(path);
      this.isOpen = true;
      return true;
    }
    const { end } = this.log;
    this.endAtOpen = end;
    if (end.segment < 0 || !isBefore({ segment: this.segment, offset: this.offset, item: 0 }, end)) return false;
    try {
      this.reader.open(segmentPath(this.directory, this.segment), this.offset);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      this.goToNextSegment(new Error(`segment ${this.segment} of the log was removed unread`));
      return this.open();
    }
    this.isOpen = true;
    return true;
  }

  private endFile(): void {
    this.isOpen = false;
    this.reader.close();
    if (this.inCheckpoint) return;
    const { segment, offset } = this.endAtOpen;
    if (this.segment < segment) this.goToNextSegment();
    else this.offset = Math.max(this.offset, offset);
  }

  private passOver(error: Error): void {
    this.failures++;
    this.options.onLoss(error);
    this.endFile();
  }

  private goToNextSegment(loss?: Error): void {
    if (loss) this.options.onLoss(loss);
    const next = listSegments(this.directory).find(({ index }) => index > this.segment);
    this.segment = next?.index ?? this.log.end.segment;
    this.offset = 0;
    this.recordOffset = 0;
  }

  /** @returns `TAIL_END` where the record is not wanted */
  private decode(): number {
    const { bytes, start, end } = this.reader;
    if (start === end) return TAIL_END;
    const type = bytes[start];
    const name = RECORD_NAMES[type] ?? 'unknown';
    this.records[name] = (this.records[name] ?? 0) + 1;
    if (type === RECORD_SERIES) {
      this.series.decode(bytes, start, end);
      return TAIL_SERIES;
    }
    if (type === RECORD_METADATA) {
      if (!this.options.metadata) return TAIL_END;
      this.metadata = decodeMetadata(bytes, start, end);
      return TAIL_METADATA;
    }
    // A record in which the beginning lies is read: of which of its items is for whoever keeps the place.
    if (this.inCheckpoint || isBefore({ ...this.place, item: Number.POSITIVE_INFINITY }, this.from)) return TAIL_END;
    if (type === RECORD_SAMPLES || type === RECORD_SAMPLES_V2) {
      this.samples.length = 0;
      decodeSamples(bytes, start, end, this.samples);
      return TAIL_SAMPLES;
    }
    if (type === RECORD_EXEMPLARS && this.options.exemplars) {
      this.exemplars = decodeExemplars(bytes, start, end);
      return TAIL_EXEMPLARS;
    }
    if (isHistogramRecord(type) && this.options.histograms) {
      this.histograms = decodeHistograms(bytes, start, end);
      return TAIL_HISTOGRAMS;
    }
    return TAIL_END;
  }
}
