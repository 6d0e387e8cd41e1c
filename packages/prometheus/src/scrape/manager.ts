import type { Clock, Labels, Logger } from '@avalanche/model';
import type { Tsdb } from '@avalanche/tsdb';
import type { LoadedConfig } from '../config/load.ts';
import type { ScrapeConfig } from '../config/schema.ts';
import { discover } from '../discovery/discovery.ts';
import type { DiscoveryMetrics } from '../discovery/metrics.ts';
import { ScrapeLoop } from './loop.ts';
import type { ScrapeMetrics } from './metrics.ts';
import { makeTarget, type Target } from './target.ts';

const DEFAULT_TIMEOUT_MS = 10_000;
const DROPPED_TARGETS_KEPT = 1000;

export interface ScrapeContext {
  readonly tsdb: Tsdb;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: ScrapeMetrics;
  readonly resolvePath: (path: string) => string;
  readonly discoveryMetrics?: DiscoveryMetrics;
}

/** All targets of one job. Targets that stay over an update keep their loop and its state. */
class ScrapePool {
  readonly loops = new Map<string, ScrapeLoop>();
  /** Discovered labels of the targets that relabelling dropped. */
  dropped: Labels[] = [];
  private stopDiscovery: () => void = () => {};
  /** Loops of targets that are gone and that have not come to their end yet. */
  private readonly ending = new Set<Promise<void>>();

  constructor(
    readonly config: ScrapeConfig,
    /** The configuration as text: equal text means that a reload has nothing to change. */
    readonly fingerprint: string,
    private readonly defaults: { readonly intervalMs: number; readonly timeoutMs: number },
    private readonly context: ScrapeContext,
  ) {}

  start(): void {
    this.stopDiscovery = discover(this.config, { ...this.context, setName: this.config.job_name }, (found) =>
      this.update(found),
    );
  }

  async stop(): Promise<void> {
    this.stopDiscovery();
    await Promise.all([...this.ending, ...[...this.loops.values()].map((loop) => loop.stop())]);
  }

  /** Ends the series of a stopped pool, but for targets that `successor` goes on with. */
  endSeries(successor: ScrapePool | undefined): void {
    const goesOn = new Set([...(successor?.loops.values() ?? [])].map(({ target }) => identity(target)));
    for (const loop of this.loops.values()) if (!goesOn.has(identity(loop.target))) loop.endSeries();
    this.loops.clear();
  }

  private update(found: readonly Labels[]): void {
    const { logger } = this.context;
    this.dropped = [];
    const wanted = new Map<string, Target>();
    for (const labels of found) {
      try {
        const { target, discoveredLabels } = makeTarget(labels, this.config, this.defaults);
        if (target) wanted.set(`${identity(target)};${target.intervalMs};${target.timeoutMs}`, target);
        else if (this.dropped.length < DROPPED_TARGETS_KEPT) this.dropped.push(discoveredLabels);
      } catch (error) {
        logger.warn('Target left out', { job: this.config.job_name, target: labels.toString(), error });
      }
    }
    const goesOn = new Set([...wanted.values()].map(identity));
    for (const [key, loop] of this.loops) {
      if (wanted.has(key)) continue;
      this.loops.delete(key);
      this.end(loop, goesOn.has(identity(loop.target)));
    }
    for (const [key, target] of wanted) {
      if (this.loops.has(key)) continue;
      const loop = new ScrapeLoop({ target, config: this.config, ...this.context });
      this.loops.set(key, loop);
      loop.start();
    }
    const limit = this.config.target_limit;
    const exceeded = limit > 0 && this.loops.size > limit;
    const reason = exceeded ? `target_limit exceeded (number of targets: ${this.loops.size}, limit: ${limit})` : '';
    for (const loop of this.loops.values()) loop.forcedError = reason;
  }

  private end(loop: ScrapeLoop, goesOn: boolean): void {
    const ended = loop.stop().then(() => {
      if (!goesOn) loop.endSeries();
      this.ending.delete(ended);
    });
    this.ending.add(ended);
  }
}

/** What stays the same of a target whose series go on: a changed interval makes another loop, not other series. */
function identity({ url, labels }: Target): string {
  return `${url};${labels.key}`;
}

/** The scrape pools of the running configuration. */
export class ScrapeManager {
  private pools = new Map<string, ScrapePool>();

  constructor(private readonly context: ScrapeContext) {}

  /** Pools in the order of the configuration. */
  get jobs(): readonly { readonly name: string; readonly loops: readonly ScrapeLoop[]; readonly dropped: Labels[] }[] {
    return [...this.pools.values()].map((pool) => ({
      name: pool.config.job_name,
      loops: [...pool.loops.values()],
      dropped: pool.dropped,
    }));
  }

  /** Moves to a configuration: unchanged jobs go on, and so do the series of targets that stay. */
  async apply({ config }: LoadedConfig): Promise<void> {
    const next = new Map<string, ScrapePool>();
    for (const job of config.scrape_configs) {
      const intervalMs = job.scrape_interval || config.global.scrape_interval;
      const timeoutMs = job.scrape_timeout || Math.min(config.global.scrape_timeout || DEFAULT_TIMEOUT_MS, intervalMs);
      const fingerprint = JSON.stringify([job, intervalMs, timeoutMs]);
      const running = this.pools.get(job.job_name);
      if (running?.fingerprint === fingerprint) next.set(job.job_name, running);
      else next.set(job.job_name, new ScrapePool(job, fingerprint, { intervalMs, timeoutMs }, this.context));
    }
    const before = this.pools;
    const ended = [...before].filter(([name, pool]) => next.get(name) !== pool);
    await Promise.all(ended.map(([, pool]) => pool.stop()));
    this.pools = next;
    for (const [name, pool] of next) if (before.get(name) !== pool) pool.start();
    for (const [name, pool] of ended) pool.endSeries(next.get(name));
  }

  async stop(): Promise<void> {
    await Promise.all([...this.pools.values()].map((pool) => pool.stop()));
  }
}
