import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Logger, newUlid, nextTurn } from '@avalanche/model';
import type { Block } from './block/block.ts';
import type { Blocks } from './blocks.ts';
import { CompactionStopped, Compactor } from './compact/compactor.ts';
import { type HeadSource, headSource, lateSource } from './compact/head-source.ts';
import { FROM_OUT_OF_ORDER, type JobResult } from './compact/jobs.ts';
import { compactionRanges, planCompaction } from './compact/plan.ts';
import { expiredBlocks, type RetentionPolicy } from './compact/retention.ts';
import type { TimeRange } from './compact/trim.ts';
import type { TsdbMetrics } from './db-metrics.ts';
import type { Head } from './head/head.ts';
import { type ExpiringRefs, removeSnapshots, writeHeadSnapshot } from './head/head-snapshot.ts';
import { OutOfOrderSamples } from './head/out-of-order.ts';
import type { Readers } from './readers.ts';
import { RefSet } from './ref-set.ts';
import type { Wal } from './wal/wal.ts';

export interface MaintenanceOptions {
  readonly directory: string;
  readonly head: Head;
  readonly blocks: Blocks;
  readonly wal: Wal;
  readonly lateLog: () => Wal | undefined;
  readonly readers: Readers;
  readonly metrics: TsdbMetrics;
  readonly logger: Logger;
  readonly blockRangeMs: number;
  readonly longestBlockMs: number;
  readonly retention: RetentionPolicy;
  /** Slots of series that the log does not know yet. */
  readonly unloggedSeries: readonly number[];
  readonly snapshotAfterBytes: number;
}

/** How often is looked whether there is something to do; more often where blocks are shorter than usual. */
const CHECK_MS = 30_000;
const SLICE_MS = 5;
/** Late samples held in memory (16 bytes each) before they become blocks without waiting for the head. */
const LATE_SAMPLES_MAX = 1_000_000;
/** Errors that lie in the blocks themselves: trying again would fail again. */
const LASTING_ERRORS = new Set(['BLOCK_CORRUPTION', 'UNSUPPORTED_CHUNK']);

/**
 * What goes on behind appends and queries: the head becomes blocks, blocks become longer ones, what is too old goes.
 * One thing at a time; the writing is done in a worker thread.
 */
export class Maintenance {
  readonly compactor = new Compactor();
  private queue: Promise<unknown> = Promise.resolve();
  private timer: NodeJS.Timeout | undefined = undefined;
  private stopped = false;
  private waiting = false;
  /** Log references of series that are gone, and the segment in which they may still occur. */
  private readonly expiringRefs: ExpiringRefs = new Map<number, number>();
  private readonly stopping = new AbortController();
  /** Bytes of the log's records when the last snapshot of the head was begun, and the size of the last one. */
  private loggedAtSnapshot = Number.NEGATIVE_INFINITY;
  private snapshotBytes = 0;
  /** The segment of the late log before which everything is in `head.lateFrozen`. */
  private lateSegment = 0;

  constructor(private readonly options: MaintenanceOptions) {}

  start(): void {
    this.timer = setInterval(() => this.tick(), Math.min(CHECK_MS, this.options.blockRangeMs / 4));
    this.timer.unref();
  }

  /** Ends a compaction under way, which the next start takes up again. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.stopping.abort();
    clearInterval(this.timer);
    await this.compactor.stop();
    await this.queue;
  }

  /** Runs `work` when nothing else is being done to the blocks. */
  alone<T>(work: () => Promise<T>): Promise<T> {
    const result = this.queue.then(() => {
      if (this.stopped) throw new CompactionStopped('the database is being closed');
      return work();
    });
    this.queue = result.catch(() => {});
    return result;
  }

  /** Everything that is due at `now`, milliseconds. @throws what failed first */
  run(now: number): Promise<void> {
    return this.alone(() => this.runNow(now));
  }

  /** References that the log must keep until it begins after the segments given with them. */
  expire(refs: ExpiringRefs): void {
    for (const [ref, segment] of refs) this.expiringRefs.set(ref, segment);
  }

  /** References that the log must keep for as long as its present segments. */
  keepInLog(walRefs: readonly number[]): void {
    for (const ref of walRefs) this.expiringRefs.set(ref, this.options.wal.currentSegment);
  }

  /** Rewrites each block that has deletions without what they cover. */
  async cleanTombstones(): Promise<void> {
    const begin = performance.now();
    for (const block of this.options.blocks.all) {
      if (block.tombstones.count > 0) await this.merge([block]);
    }
    this.options.metrics.tombstoneCleanupSeconds.observe((performance.now() - begin) / 1000);
  }

  private tick(): void {
    if (this.waiting) return;
    this.waiting = true;
    this.run(Date.now())
      .catch((error: unknown) => {
        if (!(error instanceof CompactionStopped))
          this.options.logger.error('Compaction failed; it is tried again', { error });
      })
      .finally(() => {
        this.waiting = false;
      });
  }

  private async runNow(now: number): Promise<void> {
    const { head, blocks } = this.options;
    head.disk.flush();
    await blocks.refresh();
    await this.applyRetention(); // first, so that a full disk gets room
    let compacted = false;
    while (this.isHeadFull()) {
      await this.compactHead(now);
      compacted = true;
    }
    if (compacted || this.isLateFull()) await this.compactLate(now);
    // Only now: upstream's log of late samples names chunks in these files.
    if (compacted) head.disk.deleteBefore(head.minValidTime);
    await this.applyRetention(); // before blocks are merged, so that nothing is written that is about to go
    await this.compactBlocks();
    await this.applyRetention();
    if (this.isSnapshotDue()) await this.snapshotHead();
  }

  private isSnapshotDue(): boolean {
    const { wal, head, snapshotAfterBytes } = this.options;
    const since = Math.min(wal.metrics.recordPartBytes - this.loggedAtSnapshot, wal.storageBytes);
    return head.series.size > 0 && since >= Math.max(snapshotAfterBytes, this.snapshotBytes / 2);
  }

  /** A failure is told: there are an older snapshot and the log. */
  private async snapshotHead(): Promise<void> {
    const { directory, head, wal, unloggedSeries, logger } = this.options;
    const begin = performance.now();
    this.loggedAtSnapshot = wal.metrics.recordPartBytes;
    try {
      this.snapshotBytes = await writeHeadSnapshot({
        directory,
        head,
        segment: wal.nextSegment(),
        unlogged: unloggedSeries,
        expiring: this.expiringRefs,
        syncLog: () => wal.sync(),
        signal: this.stopping.signal,
      });
      const tookMs = Math.round(performance.now() - begin);
      logger.debug('Snapshot of the head written', { bytes: this.snapshotBytes, tookMs });
    } catch (error) {
      if (!this.stopped) logger.error('Writing a snapshot of the head failed; it is tried again', { error });
    }
  }

  /** Writes the oldest range of the head as a block and frees it. */
  private async compactHead(now: number): Promise<void> {
    const { head, blockRangeMs } = this.options;
    const minTime = head.minTime;
    const maxTime = (Math.floor(minTime / blockRangeMs) + 1) * blockRangeMs;
    const range = { minTime, maxTime };
    await this.writeFromHead(headSource(head, range), range, now);
    await this.truncateHead(maxTime);
  }

  /** Writes a block and takes it in. */
  private async writeFromHead(source: HeadSource, range: TimeRange, now: number, hints?: string[]): Promise<void> {
    const { directory, logger } = this.options;
    const ulid = newUlid(now);
    const compaction = { level: 1, sources: [ulid], ...(hints ? { hints } : {}) };
    const meta = await this.counted(() =>
      this.compactor.writeHead(source, { parent: directory, ulid, ...range, compaction }),
    );
    if (meta) await this.options.blocks.replace([], meta.ulid);
    logger.info('Head written to a block', { ...range, ulid: meta?.ulid, samples: meta?.stats.numSamples ?? 0 });
  }

  /** Frees what is before `time` in memory, when no query reads it any more, and in the log. */
  private async truncateHead(time: number): Promise<void> {
    const { head, readers, wal, metrics } = this.options;
    head.minValidTime = Math.max(head.minValidTime, time);
    await readers.drained();
    if (this.stopped) return;
    // It names series and chunks that are about to go.
    removeSnapshots(this.options.directory);
    this.loggedAtSnapshot = Number.NEGATIVE_INFINITY;
    const begin = performance.now();
    await inSlices(head.collect(time, (walRef) => this.expiringRefs.set(walRef, wal.currentSegment)));
    metrics.headTruncations++;
    metrics.headGcSeconds += (performance.now() - begin) / 1000;
    this.removeHeadSnapshots();
    await this.truncateLog(time);
  }

  private async truncateLog(time: number): Promise<void> {
    const { head, wal } = this.options;
    const { series } = head;
    const living = new RefSet(series.lastWalRef);
    for (let slot = 1; slot <= series.highestSlot; slot++)
      if (series.refs[slot] !== 0) living.add(series.walRefs[slot]);
    // A series made meanwhile has its record in the current segment, which stays.
    await wal.truncate(time, (ref) => living.has(ref) || this.expiringRefs.has(ref));
    const first = wal.firstSegment;
    for (const [ref, segment] of this.expiringRefs) if (segment < first) this.expiringRefs.delete(ref);
  }

  /** What upstream has written of the head when it ended: nothing of it is in use any more. */
  private removeHeadSnapshots(): void {
    const { directory } = this.options;
    for (const name of readdirSync(directory)) {
      if (/^chunk_snapshot\.\d+\.\d+$/.test(name)) rmSync(join(directory, name), { recursive: true, force: true });
    }
  }

  /** As upstream: half a range may still come in order. */
  private isHeadFull(): boolean {
    const { head, blockRangeMs } = this.options;
    return head.maxTime - head.minTime > blockRangeMs * 1.5;
  }

  private isLateFull(): boolean {
    return this.options.head.late.size > LATE_SAMPLES_MAX;
  }

  /** Writes all late samples as blocks, which overlap others and are merged with them next. */
  private async compactLate(now: number): Promise<void> {
    const { head, blockRangeMs, readers } = this.options;
    const lateLog = this.options.lateLog();
    if (head.late.size === 0 && !head.lateFrozen) return;
    // Left from an attempt that failed: it comes first.
    if (!head.lateFrozen) {
      head.lateFrozen = head.late;
      head.late = new OutOfOrderSamples();
      this.lateSegment = lateLog?.nextSegment() ?? 0;
    }
    const late = head.lateFrozen;
    const first = Math.floor(late.minTime / blockRangeMs) * blockRangeMs;
    for (let minTime = first; minTime <= late.maxTime; minTime += blockRangeMs) {
      const range = { minTime, maxTime: minTime + blockRangeMs };
      await this.writeFromHead(lateSource(head, late, range), range, now, [FROM_OUT_OF_ORDER]);
    }
    await readers.drained();
    head.lateFrozen = null;
    lateLog?.deleteSegmentsBefore(this.lateSegment);
  }

  private async compactBlocks(): Promise<void> {
    const { blocks, blockRangeMs, longestBlockMs, metrics } = this.options;
    const ranges = compactionRanges(blockRangeMs, longestBlockMs);
    for (;;) {
      // A block of late samples that lies ahead of those in order waits for them: merged with one in order, the block
      // would end where the head still has samples, and a restart would take those for stored.
      const settled = blocks.all.filter(({ meta }) => meta.maxTime <= blocks.inOrderEnd);
      const plan = planCompaction(settled, ranges) as readonly Block[];
      if (plan.length === 0 || this.isHeadFull()) return; // the head is first, at the next look
      if (isOverlapping(plan)) metrics.verticalCompactions++;
      await this.merge(plan);
    }
  }

  /** Makes one block of several and removes them; a failure that would come again is noted in them. */
  private async merge(sources: readonly Block[]): Promise<void> {
    const { directory, blocks, logger } = this.options;
    const begin = performance.now();
    for (const block of sources) block.retain();
    try {
      const job = {
        parent: directory,
        ulid: newUlid(Date.now()),
        sources: sources.map((block) => block.directory),
      };
      const meta = await this.counted(() => this.compactor.merge(job));
      await blocks.replace(sources, meta?.ulid ?? null);
      const tookMs = Math.round(performance.now() - begin);
      logger.info('Blocks merged', { sources: sources.map((b) => b.meta.ulid).join(','), ulid: meta?.ulid, tookMs });
    } catch (error) {
      if (LASTING_ERRORS.has((error as NodeJS.ErrnoException).code ?? ''))
        for (const block of sources) block.markFailed();
      throw error;
    } finally {
      for (const block of sources) block.release();
    }
  }

  private async counted(job: () => Promise<JobResult>): Promise<JobResult> {
    const { metrics } = this.options;
    const begin = performance.now();
    metrics.compactionsTriggered++;
    try {
      const result = await job();
      metrics.compactions++;
      metrics.compactionSeconds.observe((performance.now() - begin) / 1000);
      return result;
    } catch (error) {
      if (!(error instanceof CompactionStopped)) metrics.compactionsFailed++;
      throw error;
    }
  }

  private async applyRetention(): Promise<void> {
    const { head, blocks, wal, lateLog, retention, metrics, logger } = this.options;
    const besides = () => wal.storageBytes + (lateLog()?.storageBytes ?? 0) + head.disk.storageBytes;
    const other = retention.bytes > 0 ? besides() : 0;
    const { byTime, bySize } = expiredBlocks(blocks.all, other, retention);
    if (byTime.length > 0) metrics.timeRetentions++;
    if (bySize.length > 0) metrics.sizeRetentions++;
    const expired = [...new Set([...byTime, ...bySize])];
    if (expired.length === 0) return;
    await blocks.replace(expired, null);
    logger.info('Blocks deleted by retention', { blocks: expired.map(({ meta }) => meta.ulid).join(',') });
  }
}

function isOverlapping(plan: readonly Block[]): boolean {
  return plan.some(({ meta }, i) => i > 0 && meta.minTime < plan[i - 1].meta.maxTime);
}

/** Runs a generator to its end, a few milliseconds at a time. */
async function inSlices(steps: Generator<void>): Promise<void> {
  let end = performance.now() + SLICE_MS;
  while (!steps.next().done) {
    if (performance.now() < end) continue;
    await nextTurn();
    end = performance.now() + SLICE_MS;
  }
}
