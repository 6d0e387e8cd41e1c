import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { type Labels, type Logger, type Matcher, type SampleColumns, silentLogger } from '@avalanche/model';
import { Appender, type CommitTarget } from './appender.ts';
import { EncodeBuffer } from './encoding.ts';
import { Head, type HeadStats } from './head/head.ts';
import { slotOf } from './head/series.ts';
import { lockDirectory } from './lock.ts';
import { readSegment, WalCorruption } from './wal/reader.ts';
import { decodeRecord, encodeSamples, encodeSeries, type RecordHandler } from './wal/records.ts';
import { listSegments } from './wal/segments.ts';
import { WalWriter } from './wal/writer.ts';

export interface TsdbOptions {
  /** The data directory; created where it is missing. */
  readonly directory: string;
  /** Samples older than this may be dropped. Default 15 days, as upstream. */
  readonly retentionMs?: number;
  /** How often the log is synced to the disk; it survives a crash of the process without. Default 1000. */
  readonly walSyncMs?: number;
  readonly logger?: Logger;
}

/** One series of a querier: labels now, samples on request. */
export interface SelectedSeries {
  readonly labels: Labels;
  read(minTime: number, maxTime: number, into: SampleColumns): number;
}

interface Checkpoint {
  /** Of the last segment that it stands for. */
  readonly index: number;
  readonly path: string;
}

const BLOCK_RANGE_MS = 2 * 3_600_000;
const RETENTION_CHECK_MS = 10 * 60_000;

/**
 * The time series database: a head in memory behind a write-ahead log. Samples of a commit are in the log, which the
 * kernel keeps, before they can be read; opening the directory again replays it.
 */
export class Tsdb implements CommitTarget {
  readonly head = new Head(BLOCK_RANGE_MS);
  /** Samples committed since start. */
  samplesAppended = 0;
  /** Damaged places found and repaired in the log at start. */
  walCorruptions = 0;
  private readonly buffer = new EncodeBuffer(64 * 1024);
  private readonly retentionMs: number;
  private readonly logger: Logger;
  private readonly walDirectory: string;
  private readonly timers: NodeJS.Timeout[] = [];
  /** Newest sample time in each segment of the log that is still there. */
  private readonly segmentMaxTime = new Map<number, number>();
  /** Series that the log does not know yet. They stay here when a commit fails. */
  private readonly unloggedSeries: number[] = [];
  private wal!: WalWriter;
  private unlock: () => void = () => {};
  private closed = false;

  private constructor(private readonly options: TsdbOptions) {
    this.retentionMs = options.retentionMs ?? 15 * 86_400_000;
    this.logger = options.logger ?? silentLogger;
    this.walDirectory = join(options.directory, 'wal');
  }

  /**
   * Opens the directory and replays its log.
   * @throws DirectoryLocked where another process has it open, UnsupportedWal where its log cannot be read, or the file
   * system's error
   */
  static async open(options: TsdbOptions): Promise<Tsdb> {
    const db = new Tsdb(options);
    mkdirSync(db.walDirectory, { recursive: true });
    db.unlock = lockDirectory(options.directory);
    try {
      await db.replay();
    } catch (error) {
      db.unlock();
      throw error;
    }
    const last = listSegments(db.walDirectory).at(-1)?.index ?? -1;
    db.wal = new WalWriter(db.walDirectory, last + 1);
    db.startTimers();
    return db;
  }

  /** Milliseconds of the oldest and newest sample; an empty database has minTime +Infinity. */
  get stats(): HeadStats {
    return this.head.stats;
  }

  /** The index of the log segment being written. */
  get walSegment(): number {
    return this.wal.currentSegment;
  }

  appender(): Appender {
    return new Appender(this);
  }

  seriesRef(labels: Labels): number {
    const { series } = this.head;
    const known = series.find(labels);
    if (known !== 0) return series.refs[known];
    const slot = this.head.createSeries(labels);
    this.unloggedSeries.push(slot);
    return series.refs[slot];
  }

  commit(batch: Appender): void {
    if (this.closed) throw new Error('the database is closed');
    this.logBatch(batch);
    const { refs, times, bits, length } = batch;
    let newest = this.segmentMaxTime.get(this.wal.currentSegment) ?? Number.NEGATIVE_INFINITY;
    for (let i = 0; i < length; i++) {
      const slot = slotOf(refs[i]);
      if (this.head.series.refs[slot] !== refs[i]) continue; // collected while the batch was being made
      this.head.append(slot, times[i], bits[2 * i], bits[2 * i + 1]);
      if (times[i] > newest) newest = times[i];
    }
    this.segmentMaxTime.set(this.wal.currentSegment, newest);
    this.samplesAppended += length;
  }

  querier(minTime: number, maxTime: number): TsdbQuerier {
    return new TsdbQuerier(this.head, minTime, maxTime);
  }

  /** Drops what is older than the retention, in memory and, where whole segments of the log are, on disk. */
  enforceRetention(now: number): void {
    const horizon = now - this.retentionMs;
    let collected = 0;
    for (const _ of this.head.collect(horizon, () => collected++)) void _;
    if (collected > 0) this.logger.info('Series without samples collected', { series: collected });
    this.truncateWal(horizon);
  }

  /** Syncs and closes the log and gives the directory back. Idempotent. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    for (const timer of this.timers) clearInterval(timer);
    this.wal.close();
    this.unlock();
  }

  private startTimers(): void {
    const sync = () => {
      this.wal.sync().catch((error: unknown) => this.logger.error('Syncing the write-ahead log failed', { error }));
    };
    this.timers.push(
      setInterval(sync, this.options.walSyncMs ?? 1000),
      setInterval(() => this.enforceRetention(Date.now()), RETENTION_CHECK_MS),
    );
    for (const timer of this.timers) timer.unref();
  }

  /** All of the batch is in the log, or an error is thrown and none of it is left to be written later. */
  private logBatch(batch: Appender): void {
    try {
      this.logSeries(this.unloggedSeries, this.wal);
      this.buffer.reset();
      const { walRefs, times, bits, length } = batch;
      encodeSamples(this.buffer, { refs: walRefs, times, bits, length });
      if (this.buffer.length > 0) this.wal.log(this.buffer.bytes, this.buffer.length);
      this.wal.flush();
    } catch (error) {
      this.wal.discard();
      throw error;
    }
    this.unloggedSeries.length = 0;
  }

  private logSeries(refs: readonly number[], wal: WalWriter): void {
    this.buffer.reset();
    for (const slot of refs) encodeSeries(this.buffer, this.head.series.walRefs[slot], this.head.series.labels(slot));
    if (this.buffer.length > 0) wal.log(this.buffer.bytes, this.buffer.length);
  }

  /** Reads the last checkpoint and the segments after it; what follows a damaged place is set aside, not deleted. */
  private async replay(): Promise<void> {
    const handler = this.replayHandler();
    const checkpoint = this.lastCheckpoint();
    const paths: string[] = [];
    if (checkpoint) paths.push(...listSegments(checkpoint.path).map((segment) => segment.path));
    if (checkpoint) this.removeCheckpointed(checkpoint);
    const segments = listSegments(this.walDirectory);
    const before = performance.now();
    for (const path of paths) await this.replaySegment(path, handler);
    for (let i = 0; i < segments.length; i++) {
      handler.newest = Number.NEGATIVE_INFINITY;
      const goodBytes = await this.replaySegment(segments[i].path, handler);
      this.segmentMaxTime.set(segments[i].index, handler.newest);
      if (goodBytes >= 0) {
        this.repair(
          segments[i].path,
          goodBytes,
          segments.slice(i + 1).map((segment) => segment.path),
        );
        break;
      }
    }
    if (segments.length > 0) {
      const tookMs = Math.round(performance.now() - before);
      this.logger.info('WAL replay completed', { segments: segments.length, series: this.stats.series, tookMs });
    }
  }

  /** @returns -1 where the segment was read to its end, else how many of its first bytes are good */
  private async replaySegment(path: string, handler: RecordHandler): Promise<number> {
    let sliceEnd = performance.now() + 10;
    try {
      for (const record of readSegment(path)) {
        decodeRecord(record, handler);
        if (performance.now() > sliceEnd) {
          await new Promise<void>((resolve) => setImmediate(resolve));
          sliceEnd = performance.now() + 10;
        }
      }
      return -1;
    } catch (error) {
      if (!(error instanceof WalCorruption)) throw error;
      this.walCorruptions++;
      this.logger.warn('The write-ahead log is damaged; what follows is set aside', { error });
      return error.goodBytes;
    }
  }

  /** Keeps the damaged segment and all later ones as `NAME.corrupt`, and cuts the segment to its good part. */
  private repair(path: string, goodBytes: number, later: readonly string[]): void {
    copyFileSync(path, `${path}.corrupt`);
    truncateSync(path, goodBytes);
    for (const segment of later) renameSync(segment, `${segment}.corrupt`);
  }

  private replayHandler(): RecordHandler & { newest: number } {
    const { head } = this;
    /** Slots by logged reference. */
    const renamed = new Map<number, number>();
    return {
      newest: Number.NEGATIVE_INFINITY,
      series(ref, labels) {
        const known = head.series.find(labels);
        renamed.set(ref, known === 0 ? head.createSeries(labels, ref) : known);
      },
      sample(ref, time, low, high) {
        // Never given out again: what is logged of a series that is gone must not become another's.
        if (ref > head.series.lastWalRef) head.series.lastWalRef = ref;
        const slot = renamed.get(ref);
        if (slot === undefined) return;
        head.append(slot, time, low, high);
        if (time > this.newest) this.newest = time;
      },
    };
  }

  /** Newest first. */
  private checkpoints(): Checkpoint[] {
    return readdirSync(this.walDirectory)
      .filter((name) => /^checkpoint\.\d+$/.test(name))
      .map((name) => ({ index: Number(name.slice('checkpoint.'.length)), path: join(this.walDirectory, name) }))
      .sort((a, b) => b.index - a.index);
  }

  private lastCheckpoint(): Checkpoint | undefined {
    return this.checkpoints()[0];
  }

  /** Deletes what a checkpoint stands for: a crash right after it was written leaves that behind. */
  private removeCheckpointed(checkpoint: Checkpoint): void {
    for (const { index, path } of listSegments(this.walDirectory)) if (index <= checkpoint.index) rmSync(path);
    for (const { path } of this.checkpoints().slice(1)) rmSync(path, { recursive: true });
  }

  /** Deletes the segments whose samples are all older than `horizon`, once a checkpoint holds the living series. */
  private truncateWal(horizon: number): void {
    const old = [];
    for (const segment of listSegments(this.walDirectory)) {
      const newest = this.segmentMaxTime.get(segment.index);
      if (segment.index >= this.wal.currentSegment || newest === undefined || newest >= horizon) break;
      old.push(segment);
    }
    const last = old.at(-1);
    if (!last) return;
    const previous = this.lastCheckpoint();
    this.writeCheckpoint(last.index);
    for (const segment of old) {
      rmSync(segment.path);
      this.segmentMaxTime.delete(segment.index);
    }
    if (previous) rmSync(previous.path, { recursive: true });
    this.logger.info('WAL truncated', { upTo: last.index });
  }

  private writeCheckpoint(index: number): void {
    const path = join(this.walDirectory, `checkpoint.${String(index).padStart(8, '0')}`);
    const temporary = `${path}.tmp`;
    if (existsSync(temporary)) rmSync(temporary, { recursive: true });
    mkdirSync(temporary);
    const wal = new WalWriter(temporary, 0);
    const living: number[] = [];
    for (let slot = 1; slot <= this.head.series.highestSlot; slot++)
      if (this.head.series.refs[slot] !== 0) living.push(slot);
    for (let i = 0; i < living.length; i += 1000) this.logSeries(living.slice(i, i + 1000), wal);
    wal.close();
    renameSync(temporary, path);
  }
}

/** Reads of one time range, in milliseconds, both ends included. */
export class TsdbQuerier {
  constructor(
    private readonly head: Head,
    private readonly minTime: number,
    private readonly maxTime: number,
  ) {}

  /** The series that match and have samples in the range, sorted by labels. */
  async select(matchers: readonly Matcher[]): Promise<readonly SelectedSeries[]> {
    const { head } = this;
    return this.matching(matchers)
      .map((ref) => ({
        labels: head.series.labels(ref),
        read: (minTime: number, maxTime: number, into: SampleColumns) => head.read(ref, minTime, maxTime, into),
      }))
      .sort((a, b) => a.labels.compare(b.labels));
  }

  /** The label sets alone, sorted. */
  series(matchers: readonly Matcher[]): Labels[] {
    return this.matching(matchers)
      .map((ref) => this.head.series.labels(ref))
      .sort((a, b) => a.compare(b));
  }

  /** Sorted label names of the series that match any of the matcher sets; of all series where there are none. */
  labelNames(matcherSets: readonly (readonly Matcher[])[]): string[] {
    if (matcherSets.length === 0) return this.head.postings.labelNames();
    const names = new Set<string>();
    for (const matchers of matcherSets) {
      for (const labels of this.series(matchers)) for (const [name] of labels.entries()) names.add(name);
    }
    return [...names].sort();
  }

  /** Sorted values of one label over the series that match any of the matcher sets. */
  labelValues(name: string, matcherSets: readonly (readonly Matcher[])[]): string[] {
    if (matcherSets.length === 0) return this.head.postings.labelValues(name);
    const values = new Set<string>();
    for (const matchers of matcherSets) {
      for (const labels of this.series(matchers)) if (labels.has(name)) values.add(labels.get(name));
    }
    return [...values].sort();
  }

  close(): void {
    // Everything is in memory: there is nothing to free.
  }

  private matching(matchers: readonly Matcher[]): number[] {
    const refs: number[] = [];
    for (const ref of this.head.select(matchers)) {
      if (this.head.hasSamples(ref, this.minTime, this.maxTime)) refs.push(ref);
    }
    return refs;
  }
}
