import { collectedCounters, registerFamily } from '@avalanche/web';
import { Counter, Gauge, Histogram, type Registry, Summary } from 'prom-client';
import { Durations } from '../durations.ts';

/** One pool as its metrics show it. */
export interface PoolFacts {
  readonly name: string;
  readonly targetLimit: number;
  readonly targets: number;
  readonly metadataEntries: number;
  readonly metadataBytes: number;
}

const QUANTILES = [0.01, 0.05, 0.5, 0.9, 0.99];
/** As client_golang's summaries forget. */
const SUMMARY_AGE = { maxAgeSeconds: 600, ageBuckets: 5 };
const LENGTH_BUCKETS = [0.01, 0.1, 1, 10];

/** The scrape side's self metrics under upstream's names; what is frequent is counted in plain fields. */
export class ScrapeMetrics {
  readonly counts = {
    pools: 0,
    poolsFailed: 0,
    poolReloads: 0,
    poolReloadsFailed: 0,
    targetLimit: 0,
    bodySizeLimit: 0,
    sampleLimit: 0,
    bucketLimit: 0,
    labelLimits: 0,
    outOfOrder: 0,
    duplicate: 0,
    outOfBounds: 0,
    exemplarOutOfOrder: 0,
  };
  private readonly duration: Histogram;
  /** Between scrapes, by the interval in milliseconds: observed at each scrape. */
  private readonly intervals = new Map<number, Durations>();
  private readonly syncs: Counter<'scrape_job'>;
  private readonly syncsFailed: Counter<'scrape_job'>;
  private readonly syncLength: Summary<'scrape_job'>;
  private readonly syncHistogram: Histogram<'scrape_job'>;
  private readonly reloadLength: Summary<'interval'>;
  private facts: () => readonly PoolFacts[] = () => [];

  constructor(registry: Registry) {
    const registers = [registry];
    this.registerCounts(registry);
    this.registerPools(registry);
    this.registerIntervals(registry);
    this.duration = new Histogram({
      name: 'avalanche_prometheus_scrape_duration_seconds',
      help: 'How long scrapes took, over all targets.',
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    });
    const perInterval = { labelNames: ['interval'] as const, registers };
    const perJob = { labelNames: ['scrape_job'] as const, registers };
    const summary = { percentiles: QUANTILES, ...SUMMARY_AGE };
    const sync = 'How long it took to take over what discovery found.';
    this.syncLength = new Summary({ name: 'prometheus_target_sync_length_seconds', help: sync, ...perJob, ...summary });
    this.syncHistogram = new Histogram({
      name: 'prometheus_target_sync_length_histogram_seconds',
      help: sync,
      buckets: LENGTH_BUCKETS,
      ...perJob,
    });
    this.syncs = new Counter({
      name: 'prometheus_target_scrape_pool_sync_total',
      help: 'How often a pool took over what discovery found.',
      ...perJob,
    });
    this.syncsFailed = new Counter({
      name: 'prometheus_target_sync_failed_total',
      help: 'Targets that were left out because they are not valid.',
      ...perJob,
    });
    this.reloadLength = new Summary({
      name: 'prometheus_target_reload_length_seconds',
      help: 'How long it took to move a pool to another configuration.',
      ...perInterval,
      ...summary,
    });
  }

  /** @param facts what the gauges of pools show */
  watch(facts: () => readonly PoolFacts[]): void {
    this.facts = facts;
  }

  scraped(seconds: number): void {
    this.duration.observe(seconds);
  }

  /** @param length between two scrapes of a target */
  scrapedAgain(intervalMs: number, length: { readonly seconds: number }): void {
    if (!this.intervals.has(intervalMs)) this.intervals.set(intervalMs, new Durations(LENGTH_BUCKETS));
    this.intervals.get(intervalMs)?.observe(length.seconds);
  }

  synced(job: string, seconds: number, failed: number): void {
    const labels = { scrape_job: job };
    this.syncs.inc(labels);
    this.syncsFailed.inc(labels, failed);
    this.syncLength.observe(labels, seconds);
    this.syncHistogram.observe(labels, seconds);
  }

  reloaded(intervalMs: number, seconds: number): void {
    this.counts.poolReloads++;
    this.reloadLength.observe({ interval: durationLabel(intervalMs) }, seconds);
  }

  /** Forgets a job that is gone. */
  removed(job: string): void {
    for (const metric of [this.syncs, this.syncsFailed, this.syncLength, this.syncHistogram]) {
      metric.remove({ scrape_job: job });
    }
  }

  private registerCounts(registry: Registry): void {
    const { counts } = this;
    const samples = 'prometheus_target_scrapes_sample_';
    const exceeded = 'prometheus_target_scrapes_exceeded_';
    const pool = 'prometheus_target_scrape_pool';
    collectedCounters(registry, [
      [`${pool}s_total`, 'Scrape pools made.', () => counts.pools],
      [`${pool}s_failed_total`, 'Scrape pools that could not be made.', () => counts.poolsFailed],
      [`${pool}_reloads_total`, 'Scrape pools moved to another configuration.', () => counts.poolReloads],
      [`${pool}_reloads_failed_total`, 'Scrape pools that could not be moved.', () => counts.poolReloadsFailed],
      [`${pool}_exceeded_target_limit_total`, 'Times that a pool had too many targets.', () => counts.targetLimit],
      [
        `${pool}_exceeded_label_limits_total`,
        'Scrapes that failed for the number or length of labels.',
        () => counts.labelLimits,
      ],
      [`${exceeded}body_size_limit_total`, 'Scrapes that failed for the size of the body.', () => counts.bodySizeLimit],
      [`${exceeded}sample_limit_total`, 'Scrapes that failed for the number of samples.', () => counts.sampleLimit],
      [
        `${exceeded}native_histogram_bucket_limit_total`,
        'Scrapes that failed for the buckets of a native histogram.',
        () => counts.bucketLimit,
      ],
      ['prometheus_target_scrapes_cache_flush_forced_total', 'Always 0: failed scrapes leave nothing.', () => 0],
      [
        `${samples}out_of_order_total`,
        'Samples rejected because they are older than the newest one of their series.',
        () => counts.outOfOrder,
      ],
      [
        `${samples}duplicate_timestamp_total`,
        'Samples rejected because their series has another value at the same time.',
        () => counts.duplicate,
      ],
      [
        `${samples}out_of_bounds_total`,
        'Samples rejected because their time is too old or too far in the future.',
        () => counts.outOfBounds,
      ],
      [
        'prometheus_target_scrapes_exemplar_out_of_order_total',
        'Exemplars rejected because their series has newer ones.',
        () => counts.exemplarOutOfOrder,
      ],
    ]);
  }

  private registerIntervals(registry: Registry): void {
    const name = 'prometheus_target_interval_length';
    const help = 'Time between scrapes.';
    const all = (lines: (length: Durations, interval: string) => ReturnType<Durations['summary']>) => () =>
      [...this.intervals].flatMap(([ms, length]) => lines(length, durationLabel(ms)));
    const seconds = `${name}_seconds`;
    registerFamily(
      registry,
      { name: seconds, help, type: 'summary' },
      all((length, interval) => length.summary(seconds, { interval }, QUANTILES)),
    );
    const histogram = `${name}_histogram_seconds`;
    registerFamily(
      registry,
      { name: histogram, help, type: 'histogram' },
      all((length, interval) => length.histogram(histogram, { interval })),
    );
  }

  private registerPools(registry: Registry): void {
    const gauges: readonly [string, string, (pool: PoolFacts) => number][] = [
      ['prometheus_target_scrape_pool_target_limit', 'Targets that a pool may have.', (pool) => pool.targetLimit],
      ['prometheus_target_scrape_pool_targets', 'Targets of a pool.', (pool) => pool.targets],
      [
        'prometheus_target_metadata_cache_entries',
        'Metric families that targets have described.',
        (pool) => pool.metadataEntries,
      ],
      [
        'prometheus_target_metadata_cache_bytes',
        'Bytes of what targets have said of their metric families.',
        (pool) => pool.metadataBytes,
      ],
    ];
    for (const [name, help, read] of gauges) {
      const facts = () => this.facts();
      new Gauge({
        name,
        help,
        labelNames: ['scrape_job'],
        registers: [registry],
        collect() {
          this.reset();
          for (const pool of facts()) this.set({ scrape_job: pool.name }, read(pool));
        },
      });
    }
  }
}

/** As Go prints a duration of whole milliseconds: `1m0s`. */
function durationLabel(ms: number): string {
  if (ms < 1000) return `${ms}ms`;
  const seconds = (ms % 60_000) / 1000;
  const minutes = Math.floor(ms / 60_000);
  if (minutes === 0) return `${seconds}s`;
  return minutes < 60 ? `${minutes}m${seconds}s` : `${Math.floor(minutes / 60)}h${minutes % 60}m${seconds}s`;
}
