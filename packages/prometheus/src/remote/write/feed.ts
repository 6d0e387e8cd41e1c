import { type Logger, nextTurn, turnIsOver } from '@avalanche/model';
import { isBefore, type Wal, type WalPosition, type WalTail } from '@avalanche/tsdb';
import type { QueueMetrics } from './metrics.ts';
import type { ShardPositions } from './positions.ts';
import type { Rate } from './rate.ts';
import type { RemoteSeries, RemoteSeriesTable } from './series.ts';
import type { Shard } from './shard.ts';

export interface FeedOptions {
  readonly log: Wal;
  /** Where the last run ended; undefined where it is not known. */
  readonly saved: ShardPositions | undefined;
  readonly exemplars: boolean;
  readonly histograms: boolean;
  /** Histograms with custom buckets have no place in 1.0. */
  readonly customBuckets: boolean;
  readonly metadata: boolean;
  readonly table: RemoteSeriesTable;
  readonly metrics: QueueMetrics;
  readonly droppedRate: Rate;
  readonly logger: Logger;
  /** Samples that are older are dropped, milliseconds since the epoch. */
  readonly timeMin: () => number;
  /** Until a batch has been settled. */
  readonly settled: () => Promise<void>;
}

/** Takes samples from a log to shards, and knows how far in the log everything is settled. */
export class Feed {
  readonly tail: WalTail;
  /** Series `ref` goes to shard `ref % shards.length`. */
  shards: Shard[] = [];
  /** Where the last run ended, as long as something before it is still read. */
  resumed: ShardPositions | undefined;
  /** Within a record: what is before has been given to the shards. Undefined between records. */
  private handed: WalPosition | undefined;
  private readonly release: () => void;

  constructor(private readonly options: FeedOptions) {
    const { log, saved, exemplars, histograms, metadata, logger } = options;
    this.resumed = usable(saved, log.end);
    const onLoss = (error: Error) => logger.warn('Part of the log cannot be sent', { error });
    this.tail = log.tail(this.resumed ? lowestOf(this.resumed) : log.end, { exemplars, histograms, metadata, onLoss });
    this.release = log.hold(() => lowestOf(this.positions).segment);
  }

  /** How far each shard has settled everything. */
  get positions(): ShardPositions {
    const handed = this.handed ?? this.tail.position;
    return this.shards.map(({ isIdle, done }) => (isIdle && isBefore(done, handed) ? handed : done));
  }

  /** Where shard `i` of `count` new ones begins: where the last run's was, if it had as many. */
  startOf(i: number, count: number): WalPosition {
    return this.resumed?.length === count ? this.resumed[i] : this.tail.position;
  }

  /** Hands on the samples that the tail has come to. @returns false where a shard takes nothing any more */
  async takeSamples(): Promise<boolean> {
    const { table, metrics } = this.options;
    const { segment, offset } = this.tail.place;
    const { refs, times, bits, starts, length } = this.tail.samples;
    const timeMin = this.options.timeMin();
    for (let i = 0; i < length; i++) {
      if ((i & 1023) === 1023 && turnIsOver()) {
        this.handed = { segment, offset, item: i };
        await nextTurn();
      }
      const ref = refs[i];
      if (this.resumed && wasSettled(this.resumed, ref, segment, offset, i)) continue;
      if (times[i] < timeMin) {
        metrics.droppedSamples.too_old++;
        continue;
      }
      const series = table.get(ref);
      if (!series || series.isDropped) {
        this.countDropped(metrics.droppedSamples, series, ref);
        continue;
      }
      const shard = this.shards[ref % this.shards.length];
      if (!shard.reserve() && !(await this.room(shard, { segment, offset, item: i }))) return false;
      shard.addSample(series, times[i], bits[2 * i], bits[2 * i + 1]);
      if (starts !== null && starts[i] !== 0) shard.setStart(starts[i]);
      shard.mark(segment, offset, i + 1);
      metrics.pendingSamples++;
      if (times[i] > metrics.highestTime) metrics.highestTime = times[i];
    }
    this.handed = undefined;
    return true;
  }

  /** As `takeSamples`. */
  async takeHistograms(): Promise<boolean> {
    const { table, metrics, customBuckets } = this.options;
    const { segment, offset } = this.tail.place;
    const { histograms } = this.tail;
    const timeMin = this.options.timeMin();
    for (let i = 0; i < histograms.length; i++) {
      const { ref, time, histogram, start } = histograms[i];
      if (this.resumed && wasSettled(this.resumed, ref, segment, offset, i)) continue;
      if (time < timeMin) {
        metrics.droppedHistograms.too_old++;
        continue;
      }
      const series = table.get(ref);
      if (!series || series.isDropped) {
        this.countDropped(metrics.droppedHistograms, series, ref);
        continue;
      }
      if (histogram.usesCustomBuckets && !customBuckets) {
        metrics.droppedHistograms.nhcb_in_rw1_not_supported++;
        continue;
      }
      const shard = this.shards[ref % this.shards.length];
      if (!shard.reserve() && !(await this.room(shard, { segment, offset, item: i }))) return false;
      shard.addHistogram(series, time, histogram, start);
      shard.mark(segment, offset, i + 1);
      metrics.pendingHistograms++;
      if (time > metrics.highestTime) metrics.highestTime = time;
    }
    this.handed = undefined;
    return true;
  }

  /** As `takeSamples`. */
  async takeExemplars(): Promise<boolean> {
    const { table, metrics } = this.options;
    const { segment, offset } = this.tail.place;
    const { exemplars } = this.tail;
    const timeMin = this.options.timeMin();
    for (let i = 0; i < exemplars.length; i++) {
      const { ref, time } = exemplars[i];
      if (this.resumed && wasSettled(this.resumed, ref, segment, offset, i)) continue;
      if (time < timeMin) {
        metrics.droppedExemplars.too_old++;
        continue;
      }
      const series = table.get(ref);
      if (!series || series.isDropped) {
        this.countDropped(metrics.droppedExemplars, series, ref);
        continue;
      }
      const shard = this.shards[ref % this.shards.length];
      if (!shard.reserve() && !(await this.room(shard, { segment, offset, item: i }))) return false;
      shard.addExemplar(series, exemplars[i]);
      shard.mark(segment, offset, i + 1);
      metrics.pendingExemplars++;
    }
    this.handed = undefined;
    return true;
  }

  /** Sends everything that waits, and settles when that is done, or given up. */
  async drained(): Promise<void> {
    for (const shard of this.shards) shard.flush();
    while (this.shards.some((shard) => !shard.isIdle && !shard.stopped)) await this.options.settled();
    for (const shard of this.shards) shard.resume();
  }

  close(): void {
    this.release();
    this.tail.close();
    for (const shard of this.shards) shard.stop();
  }

  private countDropped(counts: QueueMetrics['droppedSamples'], series: RemoteSeries | undefined, ref: number): void {
    const { droppedRate, logger } = this.options;
    droppedRate.add(1);
    if (series) counts.dropped_series++;
    else {
      counts.unintentionally_dropped_series++;
      logger.debug('Dropped sample for series that was not explicitly dropped via relabelling', { ref });
    }
  }

  /** Waits until a shard has room. @returns false where it will have none any more */
  private async room(shard: Shard, handed: WalPosition): Promise<boolean> {
    this.handed = handed;
    while (!shard.reserve()) {
      if (shard.stopped) return false;
      this.options.metrics.enqueueRetries++;
      await this.options.settled();
    }
    return true;
  }
}

function lowestOf(positions: ShardPositions): WalPosition {
  return positions.reduce((a, b) => (isBefore(b, a) ? b : a));
}

/** Positions that this log can have given. */
function usable(positions: ShardPositions | undefined, end: WalPosition): ShardPositions | undefined {
  return positions?.every((position) => !isBefore(end, position)) ? positions : undefined;
}

function wasSettled(positions: ShardPositions, ref: number, segment: number, offset: number, item: number): boolean {
  const before = positions[ref % positions.length];
  if (segment !== before.segment) return segment < before.segment;
  return offset !== before.offset ? offset < before.offset : item < before.item;
}
