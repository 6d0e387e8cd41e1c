import type { Tsdb, WalTail } from '@avalanche/tsdb';
import { collectedCounters, collectedGauges } from '@avalanche/web';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

interface Dropped {
  too_old: number;
  dropped_series: number;
  unintentionally_dropped_series: number;
  nhcb_in_rw1_not_supported: number;
}

const NONE = (): Dropped => ({
  too_old: 0,
  dropped_series: 0,
  unintentionally_dropped_series: 0,
  nhcb_in_rw1_not_supported: 0,
});

interface QueueSizes {
  readonly capacity: number;
  readonly shardsMax: number;
  readonly shardsMin: number;
  readonly samplesPerSend: number;
}

/** What one queue has counted; published under upstream's `prometheus_remote_storage_…` names. */
export class QueueMetrics {
  samples = 0;
  histograms = 0;
  exemplars = 0;
  metadata = 0;
  failedSamples = 0;
  failedHistograms = 0;
  failedExemplars = 0;
  failedMetadata = 0;
  retriedSamples = 0;
  retriedHistograms = 0;
  retriedExemplars = 0;
  retriedMetadata = 0;
  readonly droppedSamples = NONE();
  readonly droppedExemplars = NONE();
  readonly droppedHistograms = NONE();
  enqueueRetries = 0;
  pendingSamples = 0;
  pendingHistograms = 0;
  pendingExemplars = 0;
  bytes = 0;
  metadataBytes = 0;
  desiredShards: number;
  /** Milliseconds since the epoch; 0 where nothing came yet. */
  highestTime = 0;
  highestSentTime = 0;
  private tail: WalTail | undefined = undefined;
  private shardCount: () => number = () => 0;

  constructor(
    readonly name: string,
    readonly url: string,
    readonly sizes: QueueSizes,
    /** Takes the seconds of a request. */
    readonly observe: (seconds: number) => void,
  ) {
    this.desiredShards = sizes.shardsMin;
  }

  /** Publishes what the queue reads as well. */
  watch(tail: WalTail, shardCount: () => number): void {
    this.tail = tail;
    this.shardCount = shardCount;
  }

  get shards(): number {
    return this.shardCount();
  }

  get segment(): number {
    return Math.max(0, this.tail?.currentSegment ?? 0);
  }

  get records(): Readonly<Record<string, number>> {
    return this.tail?.records ?? {};
  }

  get decodeFailures(): number {
    return this.tail?.failures ?? 0;
  }
}

type Read = (queue: QueueMetrics) => number;
type Family = readonly [name: string, help: string, read: Read];

const COUNTERS: readonly Family[] = [
  ['samples_total', 'Samples sent, repeated ones included.', (q) => q.samples],
  ['exemplars_total', 'Exemplars sent, repeated ones included.', (q) => q.exemplars],
  ['histograms_total', 'Native histograms sent, repeated ones included.', (q) => q.histograms],
  ['metadata_total', 'Metadata entries sent by themselves.', (q) => q.metadata],
  ['samples_failed_total', 'Samples that the receiver refused for good.', (q) => q.failedSamples],
  ['exemplars_failed_total', 'Exemplars that the receiver refused for good.', (q) => q.failedExemplars],
  ['histograms_failed_total', 'Native histograms that the receiver refused for good.', (q) => q.failedHistograms],
  ['metadata_failed_total', 'Metadata entries that the receiver refused for good.', (q) => q.failedMetadata],
  ['samples_retried_total', 'Samples that were sent again after a failure.', (q) => q.retriedSamples],
  ['exemplars_retried_total', 'Exemplars that were sent again after a failure.', (q) => q.retriedExemplars],
  ['histograms_retried_total', 'Native histograms that were sent again after a failure.', (q) => q.retriedHistograms],
  ['metadata_retried_total', 'Metadata entries that were sent again after a failure.', (q) => q.retriedMetadata],
  ['enqueue_retries_total', 'How often reading the log waited because a shard was full.', (q) => q.enqueueRetries],
  ['bytes_total', 'Bytes of samples and exemplars sent, compressed.', (q) => q.bytes],
  ['metadata_bytes_total', 'Bytes of metadata sent by itself, compressed.', (q) => q.metadataBytes],
];

const GAUGES: readonly Family[] = [
  ['queue_highest_timestamp_seconds', 'The newest time that was read from the log.', (q) => seconds(q.highestTime)],
  ['queue_highest_sent_timestamp_seconds', 'The newest time that was sent.', (q) => seconds(q.highestSentTime)],
  ['samples_pending', 'Samples that wait or are under way.', (q) => q.pendingSamples],
  ['exemplars_pending', 'Exemplars that wait or are under way.', (q) => q.pendingExemplars],
  ['histograms_pending', 'Native histograms that wait or are under way.', (q) => q.pendingHistograms],
  ['shard_capacity', 'Samples that one shard holds.', (q) => q.sizes.capacity],
  ['shards', 'Requests that may be under way at once.', (q) => q.shards],
  ['shards_max', 'At most as many shards.', (q) => q.sizes.shardsMax],
  ['shards_min', 'At least as many shards.', (q) => q.sizes.shardsMin],
  ['shards_desired', 'As many shards would do.', (q) => q.desiredShards],
  ['max_samples_per_send', 'Samples of one request at most.', (q) => q.sizes.samplesPerSend],
];

const DROPPED: readonly (readonly [name: string, help: string, read: (queue: QueueMetrics) => Dropped])[] = [
  ['samples_dropped_total', 'Samples that were read and not sent, by reason.', (q) => q.droppedSamples],
  ['exemplars_dropped_total', 'Exemplars that were read and not sent, by reason.', (q) => q.droppedExemplars],
  ['histograms_dropped_total', 'Native histograms that were read and not sent, by reason.', (q) => q.droppedHistograms],
];

const WATCHER_COUNTERS: readonly Family[] = [
  ['record_decode_failures_total', 'Records of the log that could not be read.', (q) => q.decodeFailures],
  ['samples_sent_pre_tailing_total', 'Samples sent while the log was replayed.', () => 0],
  ['notifications_skipped_total', 'Notices of writes that found the log being read.', () => 0],
];

const SEND_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 60, 120, 300];
const LABEL_NAMES = ['remote_name', 'url'] as const;

/** Publishes the metrics of the queues that there are now, and makes those of new ones. */
export class RemoteWriteMetrics {
  private readonly durations: Histogram;

  constructor(
    private readonly registry: Registry,
    tsdb: Tsdb,
    private readonly queues: () => readonly QueueMetrics[],
  ) {
    const labelsOf = ({ name, url }: QueueMetrics) => ({ remote_name: name, url });
    const own = (name: string) => `prometheus_remote_storage_${name}`;
    for (const [name, help, read] of COUNTERS) this.family(Counter, own(name), help, LABEL_NAMES, labelsOf, read);
    for (const [name, help, read] of GAUGES) this.family(Gauge, own(name), help, LABEL_NAMES, labelsOf, read);
    for (const [name, help, read] of DROPPED) this.dropped(own(name), help, read);
    this.durations = new Histogram({
      name: own('sent_batch_duration_seconds'),
      help: 'How long requests took.',
      labelNames: LABEL_NAMES,
      buckets: SEND_BUCKETS,
      registers: [registry],
    });
    const consumer = ({ name }: QueueMetrics) => ({ consumer: name });
    const watcher = (name: string) => `prometheus_wal_watcher_${name}`;
    for (const [name, help, read] of WATCHER_COUNTERS)
      this.family(Counter, watcher(name), help, ['consumer'], consumer, read);
    this.family(
      Gauge,
      watcher('current_segment'),
      'The segment that is read.',
      ['consumer'],
      consumer,
      (q) => q.segment,
    );
    this.records(watcher('records_read_total'));
    collectedCounters(registry, [
      [own('samples_in_total'), 'Samples that came into the log.', () => tsdb.metrics.samplesAppended],
      [own('exemplars_in_total'), 'Exemplars that came into the log.', () => tsdb.exemplars.appended],
      [own('histograms_in_total'), 'Native histograms that came into the log.', () => tsdb.metrics.histogramsAppended],
    ]);
    collectedGauges(registry, [
      [
        own('highest_timestamp_in_seconds'),
        'The newest time of any sample.',
        () => seconds(tsdb.metrics.samplesAppended + tsdb.metrics.histogramsAppended > 0 ? tsdb.head.maxTime : 0),
      ],
    ]);
  }

  queue(name: string, url: string, sizes: QueueSizes): QueueMetrics {
    const labels = { remote_name: name, url };
    return new QueueMetrics(name, url, sizes, (duration) => this.durations.observe(labels, duration));
  }

  /** A value of each queue. */
  private family(
    kind: typeof Counter | typeof Gauge,
    name: string,
    help: string,
    labelNames: readonly string[],
    labels: (queue: QueueMetrics) => Record<string, string>,
    read: Read,
  ): void {
    this.collected(kind, name, help, labelNames, (queue, add) => add(labels(queue), read(queue)));
  }

  /** Values that `each` adds for a queue, taken anew whenever somebody asks. */
  private collected(
    kind: typeof Counter | typeof Gauge,
    name: string,
    help: string,
    labelNames: readonly string[],
    each: (queue: QueueMetrics, add: (labels: Record<string, string>, value: number) => void) => void,
  ): void {
    const { queues } = this;
    new kind({
      name,
      help,
      labelNames,
      registers: [this.registry],
      collect() {
        this.reset();
        for (const queue of queues()) each(queue, (labels, value) => this.inc(labels, value));
      },
    });
  }

  private dropped(name: string, help: string, read: (queue: QueueMetrics) => Dropped): void {
    this.collected(Counter, name, help, [...LABEL_NAMES, 'reason'], (queue, add) => {
      for (const [reason, count] of Object.entries(read(queue))) {
        if (count > 0) add({ remote_name: queue.name, url: queue.url, reason }, count);
      }
    });
  }

  private records(name: string): void {
    this.collected(Counter, name, 'Records read from the log.', ['consumer', 'type'], (queue, add) => {
      for (const [type, count] of Object.entries(queue.records)) add({ consumer: queue.name, type }, count);
    });
  }
}

/** Whole seconds, as upstream publishes times. */
function seconds(ms: number): number {
  return Number.isFinite(ms) ? Math.floor(ms / 1000) : 0;
}
