import { mkdirSync, rmSync, statSync } from 'node:fs';
import type { Labels } from '@avalanche/model';
import { EncodeBuffer } from '../encoding.ts';
import { writeCheckpoint } from './checkpoint.ts';
import { type Compression, writable } from './compression.ts';
import { encodeHistograms, histogramRecordType, type LoggedHistogram } from './histograms.ts';
import { WalMetrics } from './metrics.ts';
import { type ReadLogOptions, readLog } from './read-log.ts';
import { WalCorruption } from './reader.ts';
import {
  encodeExemplars,
  encodeMetadata,
  encodeSamples,
  encodeSeries,
  encodeStartedSamples,
  encodeTombstone,
  type LoggedExemplar,
  RECORD_METADATA,
  RECORD_SERIES,
  RECORD_TOMBSTONES,
  type SampleBatch,
  type SeriesMetadata,
} from './records.ts';
import { repair } from './repair.ts';
import type { ReplayReport, ReplaySink } from './replay.ts';
import { listCheckpoints, listSegments, listUnfinishedCheckpoints, type Segment, segmentsAfter } from './segments.ts';
import { type TailOptions, type WalPosition, WalTail } from './tail.ts';
import { WalWriter, type WalWriterOptions } from './writer.ts';

/** When the disk is asked to keep what was written: upstream's way (a full segment), every interval, every commit. */
export type FsyncMode = 'never' | 'interval' | 'always';

export interface WalOptions extends ReadLogOptions {
  readonly compression: Compression;
  readonly fsync: FsyncMode;
  /** Of `interval`. Default 1000. */
  readonly syncIntervalMs?: number | undefined;
  /** A whole number of 32 KiB pages. Default 128 MiB, as upstream. */
  readonly segmentBytes?: number | undefined;
}

/**
 * How long segments wait for whoever has not read them yet. Upstream does not wait: it keeps two to three hours, as
 * much as the head needs.
 */
const HOLD_MS = 12 * 3_600_000;
/** A series record is not grown beyond this. */
const RECORD_BYTES = 256 * 1024;

/**
 * A write-ahead log in Prometheus's format: `wal/`, and in the same way the out-of-order `wbl/`. Opened, then replayed,
 * then written to: `log…` collects the records of a commit and `flush` writes them with one write.
 */
export class Wal {
  readonly metrics = new WalMetrics();
  private writer: WalWriter | undefined = undefined;
  /** A record to which entries can still be added; its type is its first byte. */
  private readonly record = new EncodeBuffer(64 * 1024);
  private readonly closing = new AbortController();
  private truncation: Promise<void> = Promise.resolve();
  private timer: NodeJS.Timeout | undefined = undefined;
  private readonly holds = new Set<() => number>();

  private constructor(
    private readonly directory: string,
    private readonly options: WalOptions,
  ) {}

  /** Nothing is read or written yet, but for the directory. @throws the file system's error where it cannot be made */
  static open(directory: string, options: WalOptions): Wal {
    mkdirSync(directory, { recursive: true });
    return new Wal(directory, options);
  }

  /** The number of the segment being written; -1 before replay. */
  get currentSegment(): number {
    return this.writer?.currentSegment ?? -1;
  }

  /** Where the next record will stand. */
  get end(): WalPosition {
    return { segment: this.currentSegment, offset: this.writer?.segmentSize ?? 0, item: 0 };
  }

  /** Follows this log from `from` on, which is a place that a tail has given; see `WalTail`. */
  tail(from: WalPosition, options: TailOptions): WalTail {
    return new WalTail(this.directory, this, from, options);
  }

  /**
   * Keeps truncation from taking segments that somebody has not read yet, unless they are older than `HOLD_MS`.
   * @param first says the first segment that is still needed
   * @returns gives that up
   */
  hold(first: () => number): () => void {
    this.holds.add(first);
    return () => this.holds.delete(first);
  }

  /** Whether the log can be read from this segment on, without what is before it. */
  canBeginAt(segment: number): boolean {
    const covered = listCheckpoints(this.directory)[0]?.index ?? -1;
    return segment > covered && listSegments(this.directory).some(({ index }) => index === segment);
  }

  /** The number of the oldest segment that is still there. */
  get firstSegment(): number {
    return listSegments(this.directory)[0]?.index ?? this.currentSegment;
  }

  /** Bytes of all segments and checkpoints. */
  get storageBytes(): number {
    const inCheckpoints = listCheckpoints(this.directory).flatMap(({ path }) => listSegments(path));
    return [...listSegments(this.directory), ...inCheckpoints].reduce(
      (sum, { path }) => sum + (statSync(path, { throwIfNoEntry: false })?.size ?? 0),
      0,
    );
  }

  /**
   * Hands the newest checkpoint and the segments after it to `sink`, cuts off and sets aside what follows a damaged
   * place, and begins a new segment.
   * @param from the first segment that is read, where the sink has what is before it; it must be there
   * @throws WalCorruption where the checkpoint is damaged (as upstream, which asks for the user's decision) and WalGap
   * where a segment is missing, both with nothing changed; or the file system's error
   */
  async replay(sink: ReplaySink, from?: number): Promise<ReplayReport> {
    const begin = performance.now();
    const contents = await readLog(this.directory, sink, { ...this.options, from });
    const { checkpoint, segments, damage, records } = contents;
    if (damage) this.repair(damage, segments);
    this.removeLeftovers(checkpoint?.index ?? -1);
    this.beginWriting(Math.max(checkpoint?.index ?? -1, listSegments(this.directory).at(-1)?.index ?? -1) + 1);
    this.metrics.unknownRecords += records.unknown ?? 0;
    return {
      records,
      samples: contents.samples,
      unknownRefs: contents.unknownRefs,
      segments: segments.length,
      corruptions: damage ? [damage] : [],
      tookMs: performance.now() - begin,
    };
  }

  logSeries(ref: number, labels: Labels): void {
    this.continueRecord(RECORD_SERIES);
    encodeSeries(this.record, ref, labels);
  }

  /** The samples of a commit become one record, so that a torn log has all or none of them. */
  logSamples(batch: SampleBatch): void {
    this.endRecord();
    if (batch.starts) encodeStartedSamples(this.record, batch);
    else encodeSamples(this.record, batch);
    this.endRecord();
  }

  /** Both ends of the range are included. */
  logTombstone(ref: number, minTime: number, maxTime: number): void {
    this.continueRecord(RECORD_TOMBSTONES);
    encodeTombstone(this.record, ref, minTime, maxTime);
  }

  logMetadata(ref: number, metadata: SeriesMetadata): void {
    this.continueRecord(RECORD_METADATA);
    encodeMetadata(this.record, ref, metadata);
  }

  logExemplars(exemplars: readonly LoggedExemplar[]): void {
    this.endRecord();
    encodeExemplars(this.record, exemplars);
    this.endRecord();
  }

  /** The histograms of a commit become one record of each kind, more where a series changes its kind. */
  logHistograms(histograms: readonly LoggedHistogram[], withStarts = false): void {
    this.endRecord();
    for (const record of byRecord(histograms, withStarts)) {
      encodeHistograms(this.record, record, withStarts);
      this.endRecord();
    }
  }

  /** A whole record, its type first. */
  logRaw(record: Uint8Array): void {
    this.endRecord();
    this.open.log(record);
  }

  /** Writes what was logged with one write. @throws the file system's error, after which nothing of it stays */
  flush(): void {
    this.endRecord();
    this.open.flush();
  }

  /** Forgets what was logged since the last flush. */
  discard(): void {
    this.record.reset();
    this.open.discard();
  }

  /** Asks the disk to keep what was flushed, off the event loop. What fails is asked again the next time. */
  sync(): Promise<void> {
    return this.open.sync();
  }

  /**
   * Truncates as upstream does after the head: begins a new segment, and replaces the lower two thirds of the older
   * ones by a checkpoint. `isAlive` says which series the log still needs and must not change its answers meanwhile.
   * @param minTime what ended before is left out. Milliseconds since the epoch
   * @throws the file system's error or WalCorruption, with the log as it was; AbortError where the log is closed meanwhile
   */
  truncate(minTime: number, isAlive: (ref: number) => boolean): Promise<void> {
    const next = this.truncation.then(() => this.truncateNow(minTime, isAlive));
    this.truncation = next.catch(() => {});
    return next;
  }

  /** Begins a new segment, unless the current one is empty. @returns its number */
  nextSegment(): number {
    this.open.nextSegment();
    return this.open.currentSegment;
  }

  /**
   * Deletes the segments before `index`, checkpoint or not, but for those that are held: what the `wbl/` needs once its
   * samples are in blocks.
   */
  deleteSegmentsBefore(index: number): void {
    this.metrics.truncations++;
    try {
      const before = listSegments(this.directory).filter((each) => each.index < Math.min(index, this.currentSegment));
      for (const segment of this.unheld(before)) rmSync(segment.path);
    } catch (error) {
      this.metrics.truncationsFailed++;
      throw error;
    }
  }

  /** Ends a truncation under way, syncs and closes the log. What was not flushed is forgotten. Idempotent. */
  async close(): Promise<void> {
    clearInterval(this.timer);
    this.closing.abort();
    await this.truncation;
    const { writer } = this;
    this.writer = undefined;
    await writer?.close();
  }

  private get open(): WalWriter {
    if (!this.writer) throw new Error(`the log in ${this.directory} is not open for writing`);
    return this.writer;
  }

  private continueRecord(type: number): void {
    const { record } = this;
    if (record.length > 0 && (record.bytes[0] !== type || record.length > RECORD_BYTES)) this.endRecord();
  }

  private endRecord(): void {
    if (this.record.length > 0) this.open.log(this.record.bytes, this.record.length);
    this.record.reset();
  }

  /** @throws the damage where it is of the checkpoint */
  private repair(damage: WalCorruption, segments: readonly Segment[]): void {
    this.metrics.corruptions++;
    const at = segments.findIndex(({ path }) => path === damage.path);
    if (at < 0) throw damage;
    const kept = repair(this.directory, damage, segments.slice(at + 1));
    const { logger } = this.options;
    logger.warn('The write-ahead log is damaged: it is cut there, the rest is set aside', { error: damage, kept });
  }

  /** What a crash while a checkpoint was made left behind. */
  private removeLeftovers(checkpointIndex: number): void {
    for (const path of listUnfinishedCheckpoints(this.directory)) rmSync(path, { recursive: true });
    for (const { path } of listCheckpoints(this.directory).slice(1)) rmSync(path, { recursive: true });
    for (const { index, path } of listSegments(this.directory)) if (index <= checkpointIndex) rmSync(path);
  }

  private beginWriting(segment: number): void {
    const { compression, fsync, logger } = this.options;
    if (writable(compression) !== compression) {
      logger.warn('zstd needs Node 22.15: the write-ahead log is compressed with snappy');
    }
    this.writer = new WalWriter(this.directory, segment, {
      ...this.writerOptions(),
      syncEachFlush: fsync === 'always',
    });
    if (fsync !== 'interval') return;
    this.timer = setInterval(() => void this.syncOrTell(), this.options.syncIntervalMs ?? 1000);
    this.timer.unref();
  }

  private writerOptions(): WalWriterOptions {
    const { compression, segmentBytes } = this.options;
    return { compression, segmentBytes, metrics: this.metrics, onSyncFailed: this.tellSyncFailed };
  }

  private async syncOrTell(): Promise<void> {
    await this.writer?.sync().catch(this.tellSyncFailed);
  }

  private readonly tellSyncFailed = (error: unknown): void => {
    this.options.logger.error('Syncing the write-ahead log failed; it is tried again', { error });
  };

  private async truncateNow(minTime: number, isAlive: (ref: number) => boolean): Promise<void> {
    this.closing.signal.throwIfAborted();
    const checkpoint = listCheckpoints(this.directory)[0];
    const segments = segmentsAfter(this.directory, checkpoint);
    this.nextSegment();
    // The current segment stays, and a third of those before it: about as much as the head still holds.
    const count = Math.floor(((segments.length - 2) * 2) / 3) + 1;
    const replaced = this.unheld(segments.slice(0, count));
    if (replaced.length < 2) return;
    const index = replaced[replaced.length - 1].index;
    // Also closes the segments: what is deleted while open keeps its room on the disk.
    await this.syncOrTell();
    const begin = performance.now();
    this.metrics.checkpointCreations++;
    try {
      const earlier = checkpoint ? listSegments(checkpoint.path) : [];
      await writeCheckpoint({
        directory: this.directory,
        paths: [...earlier, ...replaced].map(({ path }) => path),
        index,
        minTime,
        isAlive,
        writer: this.writerOptions(),
        signal: this.closing.signal,
      });
    } catch (error) {
      this.metrics.checkpointCreationsFailed++;
      if (error instanceof WalCorruption) this.metrics.corruptions++;
      throw error;
    }
    this.removeReplaced(index);
    const tookMs = Math.round(performance.now() - begin);
    this.metrics.truncationSeconds += tookMs / 1000;
    this.metrics.truncationsDone++;
    this.options.logger.info('WAL checkpoint complete', { first: replaced[0].index, last: index, tookMs });
  }

  /** Those of the segments, oldest first, that nobody needs or that are too old to wait for. */
  private unheld(segments: readonly Segment[]): readonly Segment[] {
    const needed = Math.min(...[...this.holds].map((first) => first()));
    const oldest = Date.now() - HOLD_MS;
    const held = segments.findIndex(({ index, path }) => index >= needed && statSync(path).mtimeMs > oldest);
    return held < 0 ? segments : segments.slice(0, held);
  }

  /** What cannot be deleted now is passed over by every reader, and deleted the next time. */
  private removeReplaced(index: number): void {
    try {
      this.deleteSegmentsBefore(index + 1);
    } catch (error) {
      this.options.logger.error('Truncating segments of the write-ahead log failed', { error });
    }
    this.metrics.checkpointDeletions++;
    try {
      for (const { path } of listCheckpoints(this.directory).slice(1)) rmSync(path, { recursive: true });
    } catch (error) {
      this.metrics.checkpointDeletionsFailed++;
      this.options.logger.error('Deleting old checkpoints failed', { error });
    }
  }
}

/** By record, so that the histograms of a series stay in order, whatever their kinds. */
function byRecord(histograms: readonly LoggedHistogram[], withStarts: boolean): LoggedHistogram[][] {
  const records: LoggedHistogram[][] = [];
  /** By kind: its record that may still grow. */
  let open = new Map<number, LoggedHistogram[]>();
  let kindOf = new Map<number, number>();
  for (const each of histograms) {
    const kind = histogramRecordType(each.histogram, withStarts);
    const before = kindOf.get(each.ref);
    if (before !== undefined && before !== kind) {
      open = new Map();
      kindOf = new Map();
    }
    kindOf.set(each.ref, kind);
    const record = open.get(kind);
    if (record) record.push(each);
    else {
      const begun = [each];
      open.set(kind, begun);
      records.push(begun);
    }
  }
  return records;
}
