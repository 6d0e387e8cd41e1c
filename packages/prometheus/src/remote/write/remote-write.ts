import { createHash } from 'node:crypto';
import { ENTRY_HELP, ENTRY_TYPE, ENTRY_UNIT } from '@avalanche/exposition';
import { Labels, type Logger } from '@avalanche/model';
import type { SeriesMetadata, Tsdb } from '@avalanche/tsdb';
import type { Registry } from 'prom-client';
import { fingerprintOf } from '../../config/fingerprint.ts';
import type { PrometheusConfig } from '../../config/schema.ts';
import { FamilyMetadata } from '../../scrape/metadata.ts';
import type { MetadataEntry } from './encode.ts';
import { type QueueMetrics, RemoteWriteMetrics } from './metrics.ts';
import { SentPositions } from './positions.ts';
import { type QueueContext, type RemoteWriteConfig, WriteQueue } from './queue.ts';

export interface RemoteWriteOptions {
  /** The data directory, where is kept how far the log has been sent. */
  readonly directory: string;
  readonly tsdb: Tsdb;
  /** What each target says of its families. */
  readonly metadata: () => readonly FamilyMetadata[];
  readonly registry: Registry;
  readonly logger: Logger;
  readonly version: string;
  /** `--storage.remote.flush-deadline`, in milliseconds. */
  readonly flushDeadlineMs: number;
}

interface RunningQueue {
  readonly fingerprint: string;
  readonly queue: WriteQueue;
  readonly metrics: QueueMetrics;
}

/** What targets say of their metrics is gathered anew after this time. */
const METADATA_KEPT_MS = 60_000;

/** The queues of `remote_write` (upstream storage/remote/write.go). */
export class RemoteWrite {
  private queues: RunningQueue[] = [];
  private readonly positions: SentPositions;
  private readonly metrics: RemoteWriteMetrics;
  private readonly logger: Logger;
  private table = new FamilyMetadata();
  private tableMadeAt = Number.NEGATIVE_INFINITY;

  constructor(private readonly options: RemoteWriteOptions) {
    const { directory, registry, tsdb, logger } = options;
    this.logger = logger.child({ component: 'remote' });
    this.positions = new SentPositions(directory, this.logger);
    this.metrics = new RemoteWriteMetrics(registry, tsdb, () => this.queues.map(({ metrics }) => metrics));
  }

  /**
   * Moves to a configuration: queues that it leaves as they are go on, one that changed goes on in the log where the one
   * before it ended.
   */
  async apply({ remote_write: configs, global }: PrometheusConfig): Promise<void> {
    const before = [...this.queues];
    const external = Labels.from(global.external_labels);
    const scheme = global.metric_name_validation_scheme;
    const keys = uniqueKeys(configs);
    const plans = configs.map((config, i) => {
      const fingerprint = fingerprintOf([config, external, scheme, keys[i]]);
      const same = before.findIndex((running) => running.fingerprint === fingerprint);
      return { config, key: keys[i], fingerprint, running: same < 0 ? undefined : before.splice(same, 1)[0] };
    });
    await Promise.all(before.map(({ queue }) => queue.stop(this.options.flushDeadlineMs, false)));
    this.positions.keep(new Set(keys.flatMap((key) => [key, WriteQueue.lateKey(key)])));
    this.queues = plans.map(({ config, key, fingerprint, running }) => {
      if (running) return running;
      const metrics = this.metricsOf(config, fingerprint);
      const queue = new WriteQueue({ config, key, externalLabels: external, scheme, metrics }, this.context);
      queue.start();
      return { fingerprint, queue, metrics };
    });
  }

  /** Sends what is there, no longer than the flush deadline. Idempotent. */
  async stop(): Promise<void> {
    const { queues } = this;
    this.queues = [];
    await Promise.all(queues.map(({ queue }) => queue.stop(this.options.flushDeadlineMs, true)));
    if (queues.length > 0) this.positions.save();
  }

  private get context(): QueueContext {
    const { tsdb, version } = this.options;
    return {
      tsdb,
      version,
      logger: this.logger,
      positions: this.positions,
      families: () => this.families(),
      metadataOf: (metric) => this.metadataOf(metric),
    };
  }

  private metricsOf(config: RemoteWriteConfig, fingerprint: string): QueueMetrics {
    const { queue_config: queue, url } = config;
    const name = config.name || createHash('sha256').update(fingerprint).digest('hex').slice(0, 6);
    return this.metrics.queue(name, withoutPassword(url), {
      capacity: queue.capacity,
      shardsMax: queue.max_shards,
      shardsMin: queue.min_shards,
      samplesPerSend: queue.max_samples_per_send,
    });
  }

  private families(): MetadataEntry[] {
    const found = new Map<string, MetadataEntry>();
    for (const target of this.options.metadata()) {
      for (const [family, { type, unit, help }] of target.entries()) {
        found.set(`${family}\0${type}\0${unit}\0${help}`, { family, type, unit, help });
      }
    }
    return [...found.values()];
  }

  private metadataOf(metric: string): SeriesMetadata | undefined {
    const now = performance.now();
    if (now - this.tableMadeAt > METADATA_KEPT_MS || (this.table.size === 0 && now - this.tableMadeAt > 1000)) {
      this.tableMadeAt = now;
      this.table = new FamilyMetadata();
      for (const { family, type, unit, help } of this.families()) {
        this.table.describe(ENTRY_TYPE, family, type);
        this.table.describe(ENTRY_HELP, family, help);
        this.table.describe(ENTRY_UNIT, family, unit);
      }
    }
    return this.table.familyOf(metric)?.[1];
  }
}

/** What the place of a queue in the log is kept under: what it is called and where it goes, whatever else changes. */
function uniqueKeys(configs: readonly RemoteWriteConfig[]): string[] {
  const seen = new Map<string, number>();
  return configs.map(({ name, url }) => {
    const key = `${name} ${withoutPassword(url)}`.trim();
    const count = (seen.get(key) ?? 0) + 1;
    seen.set(key, count);
    return count === 1 ? key : `${key} #${count}`;
  });
}

/** As Go redacts an address. */
function withoutPassword(text: string): string {
  if (!URL.canParse(text)) return text;
  const url = new URL(text);
  if (url.password === '') return text;
  url.password = 'xxxxx';
  return url.href;
}
