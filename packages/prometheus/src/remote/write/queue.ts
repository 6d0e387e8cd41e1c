import { type Labels, type Logger, nextTurn, turnIsOver } from '@avalanche/model';
import {
  isBefore,
  type SeriesMetadata,
  TAIL_END,
  TAIL_EXEMPLARS,
  TAIL_HISTOGRAMS,
  TAIL_METADATA,
  TAIL_SAMPLES,
  TAIL_SERIES,
  type Tsdb,
  type WalPosition,
  type WalTail,
} from '@avalanche/tsdb';
import type { PrometheusConfig } from '../../config/schema.ts';
import type { NameScheme } from '../../relabel.ts';
import { WRITE_V1 } from '../proto/messages.ts';
import type { MetadataEntry } from './encode.ts';
import type { QueueMetrics } from './metrics.ts';
import type { SentPositions, ShardPositions } from './positions.ts';
import { Rate } from './rate.ts';
import { Sender } from './sender.ts';
import { type RemoteSeries, RemoteSeriesTable } from './series.ts';
import { Shard } from './shard.ts';
import { desiredShards } from './sharding.ts';

export type RemoteWriteConfig = PrometheusConfig['remote_write'][number];

export interface QueueContext {
  readonly tsdb: Tsdb;
  readonly logger: Logger;
  readonly version: string;
  readonly positions: SentPositions;
  /** What the targets say of their families. */
  readonly families: () => readonly MetadataEntry[];
  /** What the targets say of a metric. */
  readonly metadataOf: (metric: string) => SeriesMetadata | undefined;
}

export interface QueueOptions {
  readonly config: RemoteWriteConfig;
  /** Under which its place in the log is kept. */
  readonly key: string;
  readonly externalLabels: Labels;
  readonly scheme: NameScheme;
  readonly metrics: QueueMetrics;
}

/** How often is looked whether the log has grown. */
const POLL_MS = 200;
/** How often the number of shards is thought over (upstream's value). */
const SHARDING_MS = 10_000;

/** Sends what the log says to one receiver, from where the last run has come to. */
export class WriteQueue {
  private readonly tail: WalTail;
  private readonly table: RemoteSeriesTable;
  private readonly sender: Sender;
  private readonly logger: Logger;
  private shards: Shard[] = [];
  /** Where the last run ended, as long as something before it is still read. */
  private resumed: ShardPositions | undefined;
  /** Within a record: what is before has been given to the shards. Undefined between records. */
  private handed: WalPosition | undefined;
  private readonly inRate = new Rate();
  private readonly droppedRate = new Rate();
  private seenAppended = 0;
  private lastSettledAt = 0;
  private finishing = false;
  private readingOn = true;
  private wanted = 0;
  private running: Promise<void> = Promise.resolve();
  private wake: () => void = () => {};
  private readonly timers: NodeJS.Timeout[] = [];
  private readonly release: () => void;
  private toldHistograms = false;

  constructor(
    private readonly options: QueueOptions,
    private readonly context: QueueContext,
  ) {
    const { config, key, externalLabels, scheme, metrics } = options;
    const { tsdb, positions } = context;
    const { protobuf_message: message } = config;
    this.logger = context.logger.child({ remote_name: metrics.name, url: metrics.url });
    this.table = new RemoteSeriesTable({ message, externalLabels, rules: config.write_relabel_configs, scheme });
    this.sender = new Sender(config, metrics, { ...context, logger: this.logger });
    const { end } = tsdb.wal;
    this.resumed = usable(positions.get(key), end);
    const from = this.resumed ? this.resumed.reduce((a, b) => (isBefore(b, a) ? b : a)) : end;
    this.tail = tsdb.wal.tail(from, {
      exemplars: config.send_exemplars,
      metadata: message !== WRITE_V1,
      onLoss: (error) => this.logger.warn('Part of the log cannot be sent', { error }),
    });
    metrics.watch(this.tail, () => this.shards.length);
    const { min_shards: min, max_shards: max } = config.queue_config;
    // As many as the last run had, so that each goes on where it was.
    this.reshard(Math.min(max, Math.max(min, this.resumed?.length ?? 0)));
    this.release = tsdb.wal.hold(() => this.lowest.segment);
    this.seenAppended = tsdb.metrics.samplesAppended;
  }

  start(): void {
    const { config } = this.options;
    this.running = this.run();
    this.every(SHARDING_MS, () => this.reconsiderShards());
    const { send, send_interval: intervalMs } = config.metadata_config;
    if (send && config.protobuf_message === WRITE_V1) {
      this.every(intervalMs, () => void this.sender.sendMetadata(this.context.families()));
    } else if (send && config.protobuf_message !== WRITE_V1) {
      this.logger.debug('metadata_config.send has no effect with remote write 2.0: metadata goes with the series');
    }
    if (config.send_native_histograms) {
      this.logger.warn('send_native_histograms has no effect: native histograms are not stored yet');
    }
  }

  /**
   * Sends what has been read, and with `readOn` what is in the log by now, but no longer than `deadlineMs` and not to a
   * receiver that fails: what is not sent is sent after the next start.
   */
  async stop(deadlineMs: number, readOn: boolean): Promise<void> {
    for (const timer of this.timers) clearInterval(timer);
    this.finishing = true;
    this.readingOn = readOn;
    this.sender.retryNoMore();
    const timer = setTimeout(() => this.sender.abort(), deadlineMs);
    this.wake();
    await this.running;
    await this.drained();
    clearTimeout(timer);
    this.savePosition();
    this.release();
    this.tail.close();
    for (const shard of this.shards) shard.stop();
    this.sender.close();
  }

  /** Where in the log everything before is settled. */
  private get lowest(): WalPosition {
    return this.shardPositions().reduce((a, b) => (isBefore(b, a) ? b : a));
  }

  private shardPositions(): WalPosition[] {
    const handed = this.handed ?? this.tail.position;
    return this.shards.map(({ isIdle, done }) => (isIdle && isBefore(done, handed) ? handed : done));
  }

  private async run(): Promise<void> {
    for (;;) {
      try {
        await this.follow();
        return;
      } catch (error) {
        this.logger.error('Reading the log failed; it is tried again', { error });
        await this.pause(SHARDING_MS / 2);
        if (this.finishing) return;
      }
    }
  }

  private async follow(): Promise<void> {
    let truncations = this.context.tsdb.wal.metrics.truncations;
    while (this.readingOn) {
      const kind = this.tail.next();
      if (kind === TAIL_END) {
        this.resumed = undefined;
        if (this.finishing) return;
        if (truncations !== this.context.tsdb.wal.metrics.truncations) {
          truncations = this.context.tsdb.wal.metrics.truncations;
          await this.forgetSeries();
        }
        await this.applySharding();
        await this.pause(POLL_MS);
      } else {
        if (!(await this.take(kind))) return;
        this.handed = undefined;
      }
      if (turnIsOver()) await nextTurn();
    }
  }

  /** @returns false where the queue has been given up */
  private async take(kind: number): Promise<boolean> {
    const { tail, table } = this;
    if (kind === TAIL_SERIES) {
      const { refs, labels } = tail.series;
      for (let i = 0; i < refs.length; i++) table.set(refs[i], labels[i], tail.currentSegment);
    } else if (kind === TAIL_METADATA) for (const entry of tail.metadata) table.setMetadata(entry.ref, entry);
    else if (kind === TAIL_SAMPLES) return this.takeSamples();
    else if (kind === TAIL_EXEMPLARS) return this.takeExemplars();
    else if (kind === TAIL_HISTOGRAMS) this.tellHistograms();
    return true;
  }

  private async takeSamples(): Promise<boolean> {
    const { metrics } = this.options;
    const { segment, offset } = this.tail.place;
    const { refs, times, bits, length } = this.tail.samples;
    const timeMin = this.timeMin();
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
      const series = this.table.get(ref);
      if (!series || series.isDropped) {
        this.droppedRate.add(1);
        this.countDropped(metrics.droppedSamples, series, ref);
        continue;
      }
      const shard = this.shards[ref % this.shards.length];
      if (!shard.reserve() && !(await this.room(shard, { segment, offset, item: i }))) return false;
      shard.addSample(series, times[i], bits[2 * i], bits[2 * i + 1]);
      shard.mark(segment, offset, i + 1);
      metrics.pendingSamples++;
      if (times[i] > metrics.highestTime) metrics.highestTime = times[i];
    }
    return true;
  }

  private async takeExemplars(): Promise<boolean> {
    const { metrics } = this.options;
    const { segment, offset } = this.tail.place;
    const { exemplars } = this.tail;
    const timeMin = this.timeMin();
    for (let i = 0; i < exemplars.length; i++) {
      const { ref, time } = exemplars[i];
      if (this.resumed && wasSettled(this.resumed, ref, segment, offset, i)) continue;
      if (time < timeMin) {
        metrics.droppedExemplars.too_old++;
        continue;
      }
      const series = this.table.get(ref);
      if (!series || series.isDropped) {
        this.droppedRate.add(1);
        this.countDropped(metrics.droppedExemplars, series, ref);
        continue;
      }
      const shard = this.shards[ref % this.shards.length];
      if (!shard.reserve() && !(await this.room(shard, { segment, offset, item: i }))) return false;
      shard.addExemplar(series, exemplars[i]);
      shard.mark(segment, offset, i + 1);
      metrics.pendingExemplars++;
    }
    return true;
  }

  private timeMin(): number {
    const limit = this.options.config.queue_config.sample_age_limit;
    return limit > 0 ? Date.now() - limit : Number.NEGATIVE_INFINITY;
  }

  private countDropped(counts: QueueMetrics['droppedSamples'], series: RemoteSeries | undefined, ref: number): void {
    if (series) counts.dropped_series++;
    else {
      counts.unintentionally_dropped_series++;
      this.logger.debug('Dropped sample for series that was not explicitly dropped via relabelling', { ref });
    }
  }

  /** Waits until a shard has room. @returns false where it will have none any more */
  private async room(shard: Shard, handed: WalPosition): Promise<boolean> {
    this.handed = handed;
    while (!shard.reserve()) {
      if (shard.stopped) return false;
      this.options.metrics.enqueueRetries++;
      await this.settled();
    }
    return true;
  }

  private tellHistograms(): void {
    if (this.toldHistograms || !this.options.config.send_native_histograms) return;
    this.toldHistograms = true;
    this.logger.warn('The log has native histograms, which are not sent yet');
  }

  private async forgetSeries(): Promise<void> {
    try {
      const truncated = await this.tail.truncated();
      if (truncated) this.table.forget(truncated.segment, truncated.refs);
    } catch (error) {
      this.logger.warn('Error process checkpoint', { error });
    }
  }

  private reconsiderShards(): void {
    const { inRate, droppedRate, sender, context } = this;
    const { metrics, config } = this.options;
    const appended = context.tsdb.metrics.samplesAppended;
    inRate.add(appended - this.seenAppended);
    this.seenAppended = appended;
    for (const rate of [inRate, droppedRate, sender.outRate, sender.sendSeconds]) rate.tick(SHARDING_MS);
    const { shards, exact } = desiredShards({
      shards: this.shards.length,
      min: config.queue_config.min_shards,
      max: config.queue_config.max_shards,
      inRate: inRate.perSecond,
      droppedRate: droppedRate.perSecond,
      outRate: sender.outRate.perSecond,
      sendSeconds: sender.sendSeconds.perSecond,
      delaySeconds: Math.max(0, context.tsdb.head.stats.maxTime - metrics.highestSentTime) / 1000,
    });
    if (exact !== undefined) metrics.desiredShards = exact;
    // Where nothing gets through, more requests at once would not help.
    const isSending = performance.now() - this.lastSettledAt < SHARDING_MS;
    if (shards !== this.shards.length && isSending && !sender.isBackingOff) this.wanted = shards;
    if (this.wanted > 0) this.wake();
  }

  /** Goes over to another number of shards, when all have sent what they have: the order of a series must stay. */
  private async applySharding(): Promise<void> {
    if (this.wanted === 0 || this.wanted === this.shards.length) return;
    this.logger.info('Remote storage resharding', { from: this.shards.length, to: this.wanted });
    await this.drained();
    if (this.shards.every((shard) => shard.isIdle)) this.reshard(this.wanted);
    this.wanted = 0;
  }

  private reshard(count: number): void {
    const { queue_config: queue, send_exemplars: withExemplars } = this.options.config;
    for (const shard of this.shards) shard.stop();
    const options = {
      capacity: queue.capacity,
      // Exemplars come on top, as upstream has it.
      batchMax: queue.max_samples_per_send + (withExemplars ? Math.floor(queue.max_samples_per_send / 10) : 0),
      deadlineMs: queue.batch_send_deadline,
      send: (batch: Parameters<Sender['send']>[0]) => this.sender.send(batch),
      settled: () => {
        this.lastSettledAt = performance.now();
        this.savePosition();
        this.wake();
      },
    };
    const from = (i: number) => (this.resumed?.length === count ? this.resumed[i] : this.tail.position);
    this.shards = Array.from({ length: count }, (_, i) => new Shard(options, from(i)));
  }

  /** Sends everything that waits, and settles when that is done, or given up. */
  private async drained(): Promise<void> {
    for (const shard of this.shards) shard.flush();
    while (this.shards.some((shard) => !shard.isIdle && !shard.stopped)) await this.settled();
    for (const shard of this.shards) shard.resume();
  }

  private savePosition(): void {
    this.context.positions.set(this.options.key, this.shardPositions());
  }

  /** Until a batch has been settled. */
  private settled(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve;
    });
  }

  private async pause(ms: number): Promise<void> {
    if (this.finishing) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.wake = resolve;
      timer = setTimeout(resolve, ms);
    });
    clearTimeout(timer);
  }

  private every(ms: number, work: () => void): void {
    this.timers.push(setInterval(work, ms).unref());
  }
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
