import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Labels, type Logger, type Matcher, silentLogger } from '@avalanche/model';
import { type AppendedExemplar, Appender, type Batch, type CommitTarget } from './appender.ts';
import { partsOf } from './batch-parts.ts';
import { Blocks } from './blocks.ts';
import { BLOCK_RANGE_MS, longestBlock } from './compact/plan.ts';
import type { RetentionPolicy } from './compact/retention.ts';
import { TsdbMetrics } from './db-metrics.ts';
import { deleteSeries } from './deletion.ts';
import { ExemplarStorage } from './exemplars/storage.ts';
import { DiskChunks } from './head/disk-chunks.ts';
import { loadDiskChunks } from './head/disk-chunks-load.ts';
import { Head, type HeadStats } from './head/head.ts';
import { HeadReplay } from './head/head-replay.ts';
import {
  findSnapshot,
  readHeadSnapshot,
  removeSnapshots,
  type SnapshotFile,
  SnapshotUnusable,
} from './head/head-snapshot.ts';
import { slotOf } from './head/series.ts';
import { splitHistograms, splitLate } from './late-split.ts';
import { lockDirectory } from './lock.ts';
import { Maintenance } from './maintenance.ts';
import { type Cardinality, cardinality } from './query/cardinality.ts';
import { TsdbQuerier, TsdbView } from './query/querier.ts';
import { Readers } from './readers.ts';
import { removeUnfinishedSnapshots, writeSnapshot } from './snapshot.ts';
import type { Compression } from './wal/compression.ts';
import type { LoggedExemplar } from './wal/records.ts';
import type { ReplaySink } from './wal/replay.ts';
import { type FsyncMode, Wal, type WalOptions } from './wal/wal.ts';

export interface TsdbOptions {
  /** The data directory; created where it is missing. */
  readonly directory: string;
  /** Samples older than this may be dropped, whole blocks at a time. 0: never. Default 15 days, as upstream. */
  readonly retentionMs?: number;
  /** Bytes that the directory may take before the oldest blocks are dropped. Default 0: no bound. */
  readonly retentionBytes?: number;
  /** Range of the head's blocks in milliseconds. Default 2 h, as upstream. */
  readonly blockRangeMs?: number;
  /** Longest range that blocks are merged to. Default: a tenth of the retention, at most 31 days, as upstream. */
  readonly longestBlockMs?: number;
  /** How often the log is synced to the disk in mode `interval`. Default 1000. */
  readonly walSyncMs?: number;
  /** Default `interval`. Whatever it is, a crash of the process alone loses nothing that was committed. */
  readonly walFsync?: FsyncMode;
  /** Default `snappy`, as upstream. */
  readonly walCompression?: Compression;
  readonly walSegmentBytes?: number;
  /**
   * Bytes of the log after which a snapshot of the head is written, so that a start need not read what is before; never
   * fewer than half of the last snapshot. Default 2 MiB; Infinity: never.
   */
  readonly snapshotAfterBytes?: number;
  /** How late samples may be, in milliseconds (`out_of_order_time_window`). Default 0: not at all. */
  readonly outOfOrderWindowMs?: number;
  /** How many exemplars are kept. Default 0: none. A head that has them is read from the whole of the log. */
  readonly maxExemplars?: number;
  /** Whether samples keep the time at which they began to count, where they say it (`st-storage`). Default false. */
  readonly startTimes?: boolean;
  /** No `lock` file is made or heeded. */
  readonly noLockFile?: boolean;
  /** Whether compaction and retention run by themselves. Default true. */
  readonly autoMaintenance?: boolean;
  readonly logger?: Logger;
}

/**
 * The time series database: a head in memory behind a write-ahead log, and blocks on the disk. Samples of a commit are
 * in the log, which the kernel keeps, before they can be read; opening the directory again replays it.
 */
export class Tsdb implements CommitTarget {
  readonly head: Head;
  readonly metrics = new TsdbMetrics();
  readonly exemplars: ExemplarStorage;
  readonly blocks: Blocks;
  readonly wal: Wal;
  private readonly retentionPolicy: { timeMs: number; bytes: number };
  /** The log of late samples; there only where they are, or have been, allowed. */
  private lateLog: Wal | undefined;
  private readonly readers = new Readers();
  private readonly maintenance: Maintenance;
  private readonly logger: Logger;
  /** Slots of series that the log does not know yet. They stay here when a commit fails. */
  private readonly unloggedSeries: number[] = [];
  private unlock: () => void = () => {};
  private closed = false;

  private constructor(private readonly options: TsdbOptions) {
    const { directory, blockRangeMs = BLOCK_RANGE_MS, retentionMs = 15 * 86_400_000 } = options;
    this.logger = options.logger ?? silentLogger;
    this.retentionPolicy = { timeMs: retentionMs, bytes: options.retentionBytes ?? 0 };
    this.head = new Head(blockRangeMs, new DiskChunks(this.headChunksDirectory, this.logger));
    this.head.storesStarts = options.startTimes ?? false;
    this.exemplars = new ExemplarStorage(options.maxExemplars);
    this.blocks = new Blocks(directory, this.logger);
    this.wal = Wal.open(join(directory, 'wal'), this.walOptions);
    this.maintenance = new Maintenance({
      directory,
      head: this.head,
      blocks: this.blocks,
      wal: this.wal,
      lateLog: () => this.lateLog,
      readers: this.readers,
      metrics: this.metrics,
      logger: this.logger,
      blockRangeMs,
      longestBlockMs: options.longestBlockMs ?? longestBlock(retentionMs),
      retention: this.retentionPolicy,
      unloggedSeries: this.unloggedSeries,
      snapshotAfterBytes: options.snapshotAfterBytes ?? 2 * 1024 * 1024,
    });
  }

  /**
   * Opens the directory: its blocks, and what its log has that is not in them.
   * @throws DirectoryLocked where another process has it open, WalCorruption or WalGap where its log cannot be read, or
   * the file system's error
   */
  static async open(options: TsdbOptions): Promise<Tsdb> {
    mkdirSync(options.directory, { recursive: true });
    const wasLocked = existsSync(join(options.directory, 'lock'));
    const unlock = options.noLockFile ? () => {} : lockDirectory(options.directory);
    try {
      const begin = performance.now();
      const db = await Tsdb.load(options);
      db.unlock = unlock;
      db.metrics.replaySeconds = (performance.now() - begin) / 1000;
      if (!options.noLockFile) db.metrics.cleanStart = wasLocked ? 0 : 1;
      if (options.autoMaintenance ?? true) db.maintenance.start();
      return db;
    } catch (error) {
      unlock();
      throw error;
    }
  }

  private static async load(options: TsdbOptions): Promise<Tsdb> {
    const db = new Tsdb(options);
    try {
      await db.load(findSnapshot(options.directory));
      return db;
    } catch (error) {
      if (!(error instanceof SnapshotUnusable)) throw error;
      db.logger.warn('The snapshot of the head cannot be used: all of the log is read', { error });
    }
    await db.abandon();
    removeSnapshots(options.directory);
    const again = new Tsdb(options);
    await again.load(undefined);
    return again;
  }

  /** Of the head. An empty one has minTime +Infinity. */
  get stats(): HeadStats {
    return this.head.stats;
  }

  /** Milliseconds of the oldest sample in head or blocks; +Infinity where there is none. */
  get minTime(): number {
    return Math.min(this.head.minTime, this.head.late.minTime, this.blocks.all[0]?.meta.minTime ?? this.head.minTime);
  }

  /** What is kept; blocks beyond it are deleted. */
  get retention(): RetentionPolicy {
    return this.retentionPolicy;
  }

  /** What is kept from now on. */
  setRetention({ timeMs, bytes }: RetentionPolicy): void {
    Object.assign(this.retentionPolicy, { timeMs, bytes });
  }

  /** Range of the blocks of the head in milliseconds. */
  get blockRangeMs(): number {
    return this.options.blockRangeMs ?? BLOCK_RANGE_MS;
  }

  /** How late samples may be from now on, in milliseconds. @throws the file system's error */
  async setOutOfOrderWindow(ms: number): Promise<void> {
    if (ms > 0) this.lateLog ??= await this.openLateLog({ series: () => {}, samples: () => 0 });
    this.head.outOfOrderWindowMs = ms;
    this.exemplars.outOfOrderWindowMs = ms;
  }

  /** The log of late samples (`wbl/`); undefined where there are, and have been, none. */
  get outOfOrderLog(): Wal | undefined {
    return this.lateLog;
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

  commit(batch: Batch): void {
    if (this.closed) throw new Error('the database is closed');
    for (const part of partsOf(batch)) this.commitPart(part);
  }

  private commitPart(batch: Batch): void {
    const { head, metrics } = this;
    this.logBatch(batch);
    if (this.readers.size > 0) this.recordForReaders(batch);
    metrics.outOfOrderSamplesAppended += head.appendBatch(batch);
    metrics.samplesAppended += batch.length;
    if (batch.histograms.length > 0) {
      metrics.outOfOrderHistogramsAppended += head.appendHistograms(batch.histograms);
      metrics.histogramsAppended += batch.histograms.length;
    }
    for (const { slot, exemplar } of batch.exemplars) this.exemplars.add(head.series.labels(slot), exemplar);
  }

  /** The database as it is now, for reads that must agree with each other. To be closed. */
  view(): TsdbView {
    const reader = this.readers.enter();
    const release = () => this.readers.leave(reader);
    return new TsdbView({ head: this.head, blocks: this.blocks.all, reader, release });
  }

  /** Reads of a time range in milliseconds, both ends included. To be closed. */
  querier(minTime: number, maxTime: number): TsdbQuerier {
    const view = this.view();
    return new TsdbQuerier(view, minTime, maxTime, () => view.close());
  }

  /**
   * Deletes the samples of the series that match any of the matcher sets, in milliseconds with both ends included.
   * They cannot be read from now on; `cleanTombstones` frees their room in blocks.
   */
  delete(minTime: number, maxTime: number, matcherSets: readonly (readonly Matcher[])[]): Promise<void> {
    return this.maintenance.alone(async () => {
      await deleteSeries({ head: this.head, blocks: this.blocks, wal: this.wal }, { minTime, maxTime, matcherSets });
    });
  }

  /** Rewrites the blocks that have deletions. @throws the first error, after which what was done stays */
  cleanTombstones(): Promise<void> {
    return this.maintenance.alone(() => this.maintenance.cleanTombstones());
  }

  /**
   * Makes a copy that can be opened as a data directory, of hard links as far as can be.
   * @returns its name below `snapshots/`
   */
  snapshot(withHead: boolean): Promise<string> {
    const { directory } = this.options;
    const { head, blocks } = this;
    const { compactor } = this.maintenance;
    return this.maintenance.alone(() => writeSnapshot({ directory, head, blocks, withHead, compactor }));
  }

  /** What makes the head large, `limit` of each kind. */
  cardinality(limit: number): Promise<Cardinality> {
    return cardinality(this.head, limit);
  }

  /** Compacts and applies retention now. @throws what a compaction fails with */
  maintain(now = Date.now()): Promise<void> {
    return this.maintenance.run(now);
  }

  /** Syncs and closes the log and gives the directory back. Idempotent. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.readers.abandon();
    await this.maintenance.stop();
    await this.wal.close();
    await this.lateLog?.close();
    this.head.disk.close();
    this.blocks.close();
    await this.blocks.deleted();
    this.unlock();
  }

  /** Gives up what is half loaded. */
  private async abandon(): Promise<void> {
    await this.wal.close();
    await this.lateLog?.close();
    this.head.disk.close();
    this.blocks.close();
  }

  private get walOptions(): WalOptions {
    const { walCompression, walFsync, walSyncMs, walSegmentBytes } = this.options;
    return {
      compression: walCompression ?? 'snappy',
      fsync: walFsync ?? 'interval',
      syncIntervalMs: walSyncMs,
      segmentBytes: walSegmentBytes,
      logger: this.logger,
    };
  }

  /** @throws SnapshotUnusable with the head filled in part */
  private async load(snapshot: SnapshotFile | undefined): Promise<void> {
    const { head, wal, maintenance } = this;
    this.blocks.removeUnfinished();
    removeUnfinishedSnapshots(this.options.directory);
    this.blocks.load(true);
    head.minValidTime = this.blocks.inOrderEnd;
    const replay = new HeadReplay(head, this.exemplars);
    const areChunksWhole = await this.loadHeadChunks(replay);
    // A snapshot has no exemplars.
    const isUsable = snapshot && areChunksWhole && this.exemplars.max === 0;
    const begin = isUsable && wal.canBeginAt(snapshot.segment) ? snapshot : undefined;
    if (begin) {
      head.disk.hold();
      maintenance.expire(await readHeadSnapshot(begin, head, replay, head.disk.position));
    }
    const report = await wal.replay(replay, begin?.segment);
    const unknownLate = await this.openLate(replay);
    // Another program has written the log since, and calls a series otherwise than we do.
    if (begin && sum(report.unknownRefs) + unknownLate > 0) throw new SnapshotUnusable('the log has unknown series');
    head.disk.release();
    replay.finish();
    maintenance.keepInLog(replay.aliases);
    const { segments, tookMs } = report;
    if (segments === 0) return;
    this.logger.info('WAL replay completed', { segments, series: this.stats.series, tookMs: Math.round(tookMs) });
  }

  /** What is in these files is in the log as well: they make replay quicker, and hold what memory does not. */
  private async loadHeadChunks(replay: HeadReplay): Promise<boolean> {
    const damages = await loadDiskChunks({
      directory: this.headChunksDirectory,
      disk: this.head.disk,
      visit: (meta, place) => replay.diskChunk(meta, place),
      logger: this.logger,
    });
    this.metrics.headChunkCorruptions += damages;
    return damages === 0;
  }

  /** @returns how many late samples are of series that the head does not know */
  private async openLate(replay: HeadReplay): Promise<number> {
    const window = this.options.outOfOrderWindowMs ?? 0;
    if (window > 0 || existsSync(this.lateDirectory)) this.lateLog = Wal.open(this.lateDirectory, this.walOptions);
    this.head.outOfOrderWindowMs = window;
    return this.lateLog ? sum((await this.lateLog.replay(replay.late())).unknownRefs) : 0;
  }

  private get headChunksDirectory(): string {
    return join(this.options.directory, 'chunks_head');
  }

  private get lateDirectory(): string {
    return join(this.options.directory, 'wbl');
  }

  private async openLateLog(sink: ReplaySink): Promise<Wal> {
    const log = Wal.open(this.lateDirectory, this.walOptions);
    await log.replay(sink);
    return log;
  }

  private recordForReaders({ refs, length, histograms }: Batch): void {
    const slots = new Uint32Array(length + histograms.length);
    for (let i = 0; i < length; i++) slots[i] = slotOf(refs[i]);
    for (let i = 0; i < histograms.length; i++) slots[length + i] = slotOf(histograms[i].ref);
    const lastTimes = new Float64Array(slots.length);
    for (let i = 0; i < slots.length; i++) lastTimes[i] = this.head.lastTime[slots[i]];
    this.readers.record(slots, lastTimes);
  }

  /** All of the batch is in the logs, or an error is thrown and none of it is left to be written later. */
  private logBatch(batch: Batch): void {
    const { walRefs, times, bits, starts, length } = batch;
    const { series } = this.head;
    const late = this.lateLog ? splitLate(batch, this.head) : undefined;
    const histograms = batch.histograms.length > 0 ? splitHistograms(batch, this.head) : undefined;
    try {
      for (const slot of this.unloggedSeries) this.wal.logSeries(series.walRefs[slot], series.labels(slot));
      for (const { slot, metadata } of batch.metadata) this.wal.logMetadata(series.walRefs[slot], metadata);
      this.wal.logSamples(late?.inOrder ?? { refs: walRefs, times, bits, starts, length });
      if (late && late.late.length > 0) this.lateLog?.logSamples(late.late);
      if (histograms) {
        const { storesStarts } = this.head;
        this.wal.logHistograms(histograms.inOrder, storesStarts);
        this.lateLog?.logHistograms(histograms.late, storesStarts);
      }
      if (batch.exemplars.length > 0)
        this.wal.logExemplars(batch.exemplars.map((each) => loggedExemplar(series, each)));
      this.wal.flush();
      if (late && (late.late.length > 0 || (histograms?.late.length ?? 0) > 0)) this.lateLog?.flush();
    } catch (error) {
      this.wal.discard();
      this.lateLog?.discard();
      throw error;
    }
    this.unloggedSeries.length = 0;
  }
}

const number = new Float64Array(1);
const halves = new Uint32Array(number.buffer);

function loggedExemplar(series: Head['series'], { slot, exemplar }: AppendedExemplar): LoggedExemplar {
  number[0] = exemplar.value;
  const { time, labels } = exemplar;
  return { ref: series.walRefs[slot], time, low: halves[0], high: halves[1], labels };
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}
