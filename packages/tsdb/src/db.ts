import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Labels, type Logger, type Matcher, type SampleColumns, silentLogger } from '@avalanche/model';
import { Appender, type CommitTarget } from './appender.ts';
import { Head, type HeadStats } from './head/head.ts';
import { slotOf } from './head/series.ts';
import { lockDirectory } from './lock.ts';
import type { Compression } from './wal/compression.ts';
import type { ReplaySink } from './wal/replay.ts';
import { type FsyncMode, Wal } from './wal/wal.ts';

export interface TsdbOptions {
  /** The data directory; created where it is missing. */
  readonly directory: string;
  /** Samples older than this may be dropped. Default 15 days, as upstream. */
  readonly retentionMs?: number;
  /** How often the log is synced to the disk; it survives a crash of the process without. Default 1000. */
  readonly walSyncMs?: number;
  /** Default `interval`. */
  readonly walFsync?: FsyncMode;
  /** Default `snappy`, as upstream. */
  readonly walCompression?: Compression;
  readonly logger?: Logger;
}

/** One series of a querier: labels now, samples on request. */
export interface SelectedSeries {
  readonly labels: Labels;
  read(minTime: number, maxTime: number, into: SampleColumns): number;
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
  private readonly wal: Wal;
  private readonly retentionMs: number;
  private readonly logger: Logger;
  private readonly timers: NodeJS.Timeout[] = [];
  /** Series that the log does not know yet. They stay here when a commit fails. */
  private readonly unloggedSeries: number[] = [];
  private unlock: () => void = () => {};
  private closed = false;

  private constructor(options: TsdbOptions) {
    this.retentionMs = options.retentionMs ?? 15 * 86_400_000;
    this.logger = options.logger ?? silentLogger;
    this.wal = Wal.open(join(options.directory, 'wal'), {
      compression: options.walCompression ?? 'snappy',
      fsync: options.walFsync ?? 'interval',
      syncIntervalMs: options.walSyncMs,
      logger: this.logger,
    });
  }

  /**
   * Opens the directory and replays its log.
   * @throws DirectoryLocked where another process has it open, WalCorruption or WalGap where its log cannot be read, or
   * the file system's error
   */
  static async open(options: TsdbOptions): Promise<Tsdb> {
    mkdirSync(options.directory, { recursive: true });
    const db = new Tsdb(options);
    db.unlock = lockDirectory(options.directory);
    try {
      await db.replay();
    } catch (error) {
      db.unlock();
      throw error;
    }
    db.startTimers();
    return db;
  }

  /** Milliseconds of the oldest and newest sample; an empty database has minTime +Infinity. */
  get stats(): HeadStats {
    return this.head.stats;
  }

  /** Damaged places found in the log. */
  get walCorruptions(): number {
    return this.wal.metrics.corruptions;
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
    for (let i = 0; i < length; i++) {
      const slot = slotOf(refs[i]);
      if (this.head.series.refs[slot] !== refs[i]) continue; // collected while the batch was being made
      this.head.append(slot, times[i], bits[2 * i], bits[2 * i + 1]);
    }
    this.samplesAppended += length;
  }

  querier(minTime: number, maxTime: number): TsdbQuerier {
    return new TsdbQuerier(this.head, minTime, maxTime);
  }

  /** Drops what is older than the retention, in memory and, where whole segments of the log are, on disk. */
  async enforceRetention(now: number): Promise<void> {
    const horizon = now - this.retentionMs;
    let collected = 0;
    for (const _ of this.head.collect(horizon, () => collected++)) void _;
    if (collected > 0) this.logger.info('Series without samples collected', { series: collected });
    const living = new Set<number>();
    const { series } = this.head;
    for (let slot = 1; slot <= series.highestSlot; slot++)
      if (series.refs[slot] !== 0) living.add(series.walRefs[slot]);
    await this.wal.truncate(horizon, (ref) => living.has(ref));
  }

  /** Syncs and closes the log and gives the directory back. Idempotent. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    for (const timer of this.timers) clearInterval(timer);
    await this.wal.close();
    this.unlock();
  }

  private startTimers(): void {
    const enforce = () => {
      this.enforceRetention(Date.now()).catch((error: unknown) => {
        if (!this.closed) this.logger.error('Truncating the write-ahead log failed', { error });
      });
    };
    this.timers.push(setInterval(enforce, RETENTION_CHECK_MS));
    for (const timer of this.timers) timer.unref();
  }

  /** All of the batch is in the log, or an error is thrown and none of it is left to be written later. */
  private logBatch(batch: Appender): void {
    try {
      const { series } = this.head;
      for (const slot of this.unloggedSeries) this.wal.logSeries(series.walRefs[slot], series.labels(slot));
      const { walRefs, times, bits, length } = batch;
      this.wal.logSamples({ refs: walRefs, times, bits, length });
      this.wal.flush();
    } catch (error) {
      this.wal.discard();
      throw error;
    }
    this.unloggedSeries.length = 0;
  }

  private async replay(): Promise<void> {
    const { segments, tookMs } = await this.wal.replay(this.replaySink());
    if (segments === 0) return;
    this.logger.info('WAL replay completed', { segments, series: this.stats.series, tookMs: Math.round(tookMs) });
  }

  private replaySink(): ReplaySink {
    const { head } = this;
    /** Slots by logged reference. */
    const slots = new Map<number, number>();
    return {
      series(ref, labels) {
        const known = head.series.find(labels);
        slots.set(ref, known === 0 ? head.createSeries(labels, ref) : known);
      },
      samples({ refs, times, bits, length }) {
        let unknown = 0;
        for (let i = 0; i < length; i++) {
          const ref = refs[i];
          // Never given out again: what is logged of a series that is gone must not become another's.
          if (ref > head.series.lastWalRef) head.series.lastWalRef = ref;
          const slot = slots.get(ref);
          if (slot === undefined) unknown++;
          else head.append(slot, times[i], bits[2 * i], bits[2 * i + 1]);
        }
        return unknown;
      },
    };
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
