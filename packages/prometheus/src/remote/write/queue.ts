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
  type Wal,
} from '@avalanche/tsdb';
import type { PrometheusConfig } from '../../config/schema.ts';
import type { NameScheme } from '../../relabel.ts';
import { WRITE_V1 } from '../proto/messages.ts';
import type { Batch } from './batch.ts';
import type { MetadataEntry } from './encode.ts';
import { Feed } from './feed.ts';
import type { QueueMetrics } from './metrics.ts';
import type { SentPositions } from './positions.ts';
import { Rate } from './rate.ts';
import { Sender } from './sender.ts';
import { RemoteSeriesTable } from './series.ts';
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
  private readonly table: RemoteSeriesTable;
  private readonly sender: Sender;
  private readonly logger: Logger;
  private readonly main: Feed;
  /** Samples that came late have a log of their own, where they are allowed. */
  private late: Feed | undefined;
  private readonly inRate = new Rate();
  private readonly droppedRate = new Rate();
  private seenAppended: number;
  private lastSettledAt = 0;
  private finishing = false;
  private readingOn = true;
  private wanted = 0;
  private running: Promise<void> = Promise.resolve();
  private wake: () => void = () => {};
  private readonly timers: NodeJS.Timeout[] = [];

  constructor(
    private readonly options: QueueOptions,
    private readonly context: QueueContext,
  ) {
    const { config, externalLabels, scheme, metrics, key } = options;
    const { tsdb } = context;
    const { protobuf_message: message, queue_config: queue } = config;
    this.logger = context.logger.child({ remote_name: metrics.name, url: metrics.url });
    this.table = new RemoteSeriesTable({ message, externalLabels, rules: config.write_relabel_configs, scheme });
    this.sender = new Sender(config, metrics, { ...context, logger: this.logger });
    this.main = this.feed(tsdb.wal, key);
    metrics.watch(this.main.tail, () => this.main.shards.length);
    // As many as the last run had, so that each goes on where it was.
    const last = this.main.resumed?.length ?? 0;
    this.reshard(this.main, Math.min(queue.max_shards, Math.max(queue.min_shards, last)));
    this.followLate();
    this.seenAppended = this.appended;
  }

  /** Under which the place in the log of late samples is kept. */
  static lateKey(key: string): string {
    return `${key} (late)`;
  }

  start(): void {
    const { config } = this.options;
    this.running = this.run();
    this.every(SHARDING_MS, () => this.reconsiderShards());
    const { send, send_interval: intervalMs } = config.metadata_config;
    if (send && config.protobuf_message === WRITE_V1) {
      this.every(intervalMs, () => void this.sender.sendMetadata(this.context.families()));
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
    for (const feed of this.feeds) await feed.drained();
    clearTimeout(timer);
    this.savePositions();
    for (const feed of this.feeds) feed.close();
    this.sender.close();
  }

  private get feeds(): readonly Feed[] {
    return this.late ? [this.main, this.late] : [this.main];
  }

  private feed(log: Wal, key: string): Feed {
    const { config, metrics } = this.options;
    const { sample_age_limit: limit } = config.queue_config;
    return new Feed({
      log,
      saved: this.context.positions.get(key),
      exemplars: config.send_exemplars,
      histograms: config.send_native_histograms,
      customBuckets: config.protobuf_message !== WRITE_V1,
      metadata: config.protobuf_message !== WRITE_V1,
      table: this.table,
      metrics,
      droppedRate: this.droppedRate,
      logger: this.logger,
      timeMin: () => (limit > 0 ? Date.now() - limit : Number.NEGATIVE_INFINITY),
      settled: () => this.settled(),
    });
  }

  private followLate(): void {
    const { outOfOrderLog } = this.context.tsdb;
    if (this.late || !outOfOrderLog) return;
    this.late = this.feed(outOfOrderLog, WriteQueue.lateKey(this.options.key));
    this.reshard(this.late, 1);
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
    const { metrics: log } = this.context.tsdb.wal;
    let { truncations } = log;
    while (this.readingOn) {
      const kind = this.main.tail.next();
      if (kind !== TAIL_END) {
        if (!(await this.take(kind))) return;
      } else {
        this.main.resumed = undefined;
        if (!(await this.takeLate())) return;
        if (this.finishing && this.isRead) return;
        if (truncations !== log.truncations) {
          truncations = log.truncations;
          await this.forgetSeries();
        }
        if (this.isRead) await this.pause(POLL_MS);
      }
      await this.applySharding(); // between records, also where the end of the log is never reached
      if (turnIsOver()) await nextTurn();
    }
  }

  /** Samples and histograms that came into the log. */
  private get appended(): number {
    const { samplesAppended, histogramsAppended } = this.context.tsdb.metrics;
    return samplesAppended + histogramsAppended;
  }

  /** Whether the log has nothing new. */
  private get isRead(): boolean {
    return !isBefore(this.main.tail.position, this.context.tsdb.wal.end);
  }

  /** @returns false where the queue has been given up */
  private async take(kind: number): Promise<boolean> {
    const { main, table } = this;
    const { tail } = main;
    if (kind === TAIL_SERIES) {
      const { refs, labels } = tail.series;
      for (let i = 0; i < refs.length; i++) table.set(refs[i], labels[i], tail.currentSegment);
    } else if (kind === TAIL_METADATA) for (const entry of tail.metadata) table.setMetadata(entry.ref, entry);
    else if (kind === TAIL_SAMPLES) return main.takeSamples();
    else if (kind === TAIL_EXEMPLARS) return main.takeExemplars();
    else if (kind === TAIL_HISTOGRAMS) return main.takeHistograms();
    return true;
  }

  /** Late samples are read only where all that the other log says of series has been. */
  private async takeLate(): Promise<boolean> {
    this.followLate();
    const { late } = this;
    if (!late) return true;
    while (this.readingOn && this.isRead) {
      const kind = late.tail.next();
      if (kind === TAIL_SAMPLES && !(await late.takeSamples())) return false;
      if (kind === TAIL_HISTOGRAMS && !(await late.takeHistograms())) return false;
      if (kind === TAIL_END) {
        late.resumed = undefined;
        return true;
      }
      if (turnIsOver()) await nextTurn();
    }
    return true;
  }

  private async forgetSeries(): Promise<void> {
    try {
      const truncated = await this.main.tail.truncated();
      if (truncated) this.table.forget(truncated.segment, truncated.refs);
    } catch (error) {
      this.logger.warn('Error process checkpoint', { error });
    }
  }

  private reconsiderShards(): void {
    const { inRate, droppedRate, sender, context } = this;
    const { metrics, config } = this.options;
    const { length: count } = this.main.shards;
    const { appended } = this;
    inRate.add(appended - this.seenAppended);
    this.seenAppended = appended;
    for (const rate of [inRate, droppedRate, sender.outRate, sender.sendSeconds]) rate.tick(SHARDING_MS);
    const { shards, exact } = desiredShards({
      shards: count,
      min: config.queue_config.min_shards,
      max: config.queue_config.max_shards,
      inRate: inRate.perSecond,
      droppedRate: droppedRate.perSecond,
      outRate: sender.outRate.perSecond,
      sendSeconds: sender.sendSeconds.perSecond,
      delaySeconds: Math.max(0, context.tsdb.head.maxTime - metrics.highestSentTime) / 1000,
    });
    if (exact !== undefined) metrics.desiredShards = exact;
    // Where nothing gets through, more requests at once would not help.
    const isSending = performance.now() - this.lastSettledAt < SHARDING_MS;
    if (shards !== count && isSending && !sender.isBackingOff) this.wanted = shards;
    if (this.wanted > 0) this.wake();
  }

  /** Goes over to another number of shards, when all have sent what they have: the order of a series must stay. */
  private async applySharding(): Promise<void> {
    const { main, wanted } = this;
    this.wanted = 0;
    if (wanted === 0 || wanted === main.shards.length) return;
    this.logger.info('Remote storage resharding', { from: main.shards.length, to: wanted });
    await main.drained();
    if (main.shards.every((shard) => shard.isIdle)) this.reshard(main, wanted);
  }

  private reshard(feed: Feed, count: number): void {
    const { queue_config: queue, send_exemplars: withExemplars } = this.options.config;
    for (const shard of feed.shards) shard.stop();
    const options = {
      capacity: queue.capacity,
      // Exemplars come on top, as upstream has it.
      batchMax: queue.max_samples_per_send + (withExemplars ? Math.floor(queue.max_samples_per_send / 10) : 0),
      deadlineMs: queue.batch_send_deadline,
      send: (batch: Batch) => this.sender.send(batch),
      settled: () => {
        this.lastSettledAt = performance.now();
        this.savePositions();
        this.wake();
      },
    };
    feed.shards = Array.from({ length: count }, (_, i) => new Shard(options, feed.startOf(i, count)));
  }

  private savePositions(): void {
    const { key } = this.options;
    this.context.positions.set(key, this.main.positions);
    if (this.late) this.context.positions.set(WriteQueue.lateKey(key), this.late.positions);
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
