import { hostname } from 'node:os';
import { Labels } from '@avalanche/model';
import type { LoadedConfig } from '../config/load.ts';
import type { ScrapeConfig } from '../config/schema.ts';
import type { DiscoveryContext } from '../discovery/discovery.ts';
import { FailureLogs } from './failure-log.ts';
import type { ScrapeContext, ScrapeLoop } from './loop.ts';
import { ScrapePool } from './pool.ts';

/** One job as the API shows it. */
export interface JobView {
  readonly name: string;
  readonly config: ScrapeConfig;
  readonly loops: readonly ScrapeLoop[];
  readonly dropped: readonly Labels[];
  /** How many targets relabelling dropped: `dropped` may have fewer. */
  readonly droppedCount: number;
}

export type ManagerContext = ScrapeContext & Pick<DiscoveryContext, 'resolvePath' | 'discoveryMetrics'>;

/** The scrape pools of the running configuration. */
export class ScrapeManager {
  private pools = new Map<string, ScrapePool>();
  private readonly failureLogs: FailureLogs;

  constructor(private readonly context: ManagerContext) {
    this.failureLogs = new FailureLogs(context.logger);
    context.metrics.watch(() => [...this.pools.values()].map((pool) => pool.facts));
  }

  /** Jobs in the order of the configuration. */
  get jobs(): readonly JobView[] {
    return [...this.pools.values()].map((pool) => ({
      name: pool.config.job_name,
      config: pool.config,
      loops: [...pool.loops.values()],
      dropped: pool.dropped,
      droppedCount: pool.droppedCount,
    }));
  }

  /**
   * Moves to a configuration: unchanged jobs go on, and so do the series and the history of targets that stay.
   * @throws Error where a `scrape_failure_log_file` cannot be opened; then nothing has changed
   */
  async apply({ config }: LoadedConfig): Promise<void> {
    const { metrics } = this.context;
    this.failureLogs.open(config.scrape_configs.map((job) => job.scrape_failure_log_file));
    const offsetSeed = hostname() + Labels.from(config.global.external_labels).key;
    const context = { ...this.context, failureLogs: this.failureLogs, offsetSeed };
    const before = this.pools;
    const next = new Map<string, ScrapePool>();
    for (const job of config.scrape_configs) {
      const fingerprint = JSON.stringify([job, offsetSeed]);
      const running = before.get(job.job_name);
      if (running?.fingerprint === fingerprint) next.set(job.job_name, running);
      else next.set(job.job_name, new ScrapePool(job, fingerprint, context));
    }
    const begin = performance.now();
    const ended = [...before].filter(([name, pool]) => next.get(name) !== pool);
    await Promise.all(ended.map(([, pool]) => pool.stop()));
    this.pools = next;
    for (const [name, pool] of next) {
      const predecessor = before.get(name);
      if (predecessor === pool) continue;
      pool.start(predecessor);
      if (predecessor) metrics.reloaded(pool.config.scrape_interval, (performance.now() - begin) / 1000);
      else metrics.counts.pools++;
    }
    for (const [name, pool] of ended) {
      if (next.has(name)) continue;
      pool.endSeries();
      metrics.removed(name);
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.pools.values()].map((pool) => pool.stop()));
    this.failureLogs.close();
  }
}
