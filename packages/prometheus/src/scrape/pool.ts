import type { Labels } from '@avalanche/model';
import type { ScrapeConfig } from '../config/schema.ts';
import { type DiscoveryContext, discover } from '../discovery/discovery.ts';
import type { FailureLogs } from './failure-log.ts';
import { JobClient } from './job-client.ts';
import { identityOf, type ScrapeContext, ScrapeLoop } from './loop.ts';
import type { PoolFacts } from './metrics.ts';
import { makeTarget, type Target } from './target.ts';
import { Throttle } from './throttle.ts';

export interface PoolContext extends ScrapeContext, Pick<DiscoveryContext, 'resolvePath' | 'discoveryMetrics'> {
  readonly failureLogs: FailureLogs;
  readonly offsetSeed: string;
}

/** All targets of one job. Targets that stay over an update keep their loop and its state. */
export class ScrapePool {
  readonly loops = new Map<string, ScrapeLoop>();
  /** Discovered labels of targets that relabelling dropped, as many as `keep_dropped_targets` allows. */
  dropped: Labels[] = [];
  droppedCount = 0;
  private readonly job: JobClient;
  private stopDiscovery: () => void = () => {};
  /** Loops of targets that are gone and that have not come to their end yet. */
  private readonly ending = new Set<Promise<void>>();
  /** Stopped loops whose series end unless their targets are found again, with what calls that off. */
  private readonly leaving = new Map<ScrapeLoop, () => void>();

  constructor(
    readonly config: ScrapeConfig,
    /** The configuration as text: equal text means that a reload has nothing to change. */
    readonly fingerprint: string,
    private readonly context: PoolContext,
  ) {
    this.job = new JobClient(config);
  }

  get facts(): PoolFacts {
    const metadata = [...this.loops.values()].map((loop) => loop.metadata);
    return {
      name: this.config.job_name,
      targetLimit: this.config.target_limit,
      targets: this.loops.size,
      metadataEntries: metadata.reduce((sum, { size }) => sum + size, 0),
      metadataBytes: metadata.reduce((sum, { bytes }) => sum + bytes, 0),
    };
  }

  /** @param predecessor a stopped pool of the same job, whose targets go on here if they are found again in time */
  start(predecessor?: ScrapePool): void {
    for (const loop of predecessor?.knownLoops() ?? []) this.leave(loop);
    const setName = this.config.job_name;
    const { clock, discoveryReloadMs = 0 } = this.context;
    const throttle = new Throttle<readonly Labels[]>(clock, discoveryReloadMs, (found) => this.update(found));
    const stop = discover(this.config, { ...this.context, setName }, (found) => throttle.push(found));
    this.stopDiscovery = () => {
      stop();
      throttle.stop();
    };
  }

  async stop(): Promise<void> {
    this.stopDiscovery();
    for (const callOff of this.leaving.values()) callOff();
    await Promise.all([...this.ending, ...[...this.loops.values()].map((loop) => loop.stop())]);
    this.job.close();
  }

  /** Ends the series of a stopped pool that has no successor. */
  endSeries(): void {
    for (const loop of this.knownLoops()) loop.endSeries();
  }

  private knownLoops(): ScrapeLoop[] {
    return [...this.leaving.keys(), ...this.loops.values()];
  }

  private update(found: readonly Labels[]): void {
    const begin = performance.now();
    const { wanted, failed } = this.targetsOf(found);
    const before = new Map(this.knownLoops().map((loop) => [identityOf(loop.target), loop]));
    const goesOn = new Set([...wanted.values()].map(identityOf));
    for (const [key, loop] of this.loops) {
      if (wanted.has(key)) continue;
      this.loops.delete(key);
      this.end(loop, goesOn.has(identityOf(loop.target)));
    }
    for (const [key, target] of wanted) {
      const running = this.loops.get(key);
      if (running) {
        running.target = target;
        continue;
      }
      const loop = new ScrapeLoop({ target, config: this.config, job: this.job, ...this.context });
      this.loops.set(key, loop);
      const previous = before.get(identityOf(target));
      if (previous) {
        loop.continueFrom(previous);
        this.stay(previous);
      }
      loop.start();
    }
    this.checkTargetLimit();
    this.context.metrics.synced(this.config.job_name, (performance.now() - begin) / 1000, failed);
  }

  /** By a key that is the same where nothing of the target has changed. */
  private targetsOf(found: readonly Labels[]): { readonly wanted: Map<string, Target>; readonly failed: number } {
    const { job_name: job, keep_dropped_targets: keptMax } = this.config;
    const wanted = new Map<string, Target>();
    let failed = 0;
    this.dropped = [];
    this.droppedCount = 0;
    for (const labels of found) {
      try {
        const { target, discoveredLabels } = makeTarget(labels, this.config);
        if (target) wanted.set(keyOf(target), target);
        else {
          this.droppedCount++;
          if (keptMax === 0 || this.dropped.length < keptMax) this.dropped.push(discoveredLabels);
        }
      } catch (error) {
        failed++;
        this.context.logger.error('Creating target failed', { scrape_pool: job, target: labels.toString(), error });
      }
    }
    return { wanted, failed };
  }

  private checkTargetLimit(): void {
    const { target_limit: limit } = this.config;
    const exceeded = limit > 0 && this.loops.size > limit;
    const reason = exceeded ? `target_limit exceeded (number of targets: ${this.loops.size}, limit: ${limit})` : '';
    if (exceeded) this.context.metrics.counts.targetLimit++;
    for (const loop of this.loops.values()) loop.forcedError = reason;
  }

  private end(loop: ScrapeLoop, goesOn: boolean): void {
    const ended = loop.stop().then(() => void this.ending.delete(ended));
    this.ending.add(ended);
    if (!goesOn) this.leave(loop);
  }

  /**
   * As upstream: the series end at the time of the scrape that does not come any more, but that is written only when
   * another interval and a tenth of one have passed, as the target may be back by then, or not found yet after a reload.
   */
  private leave(loop: ScrapeLoop): void {
    if (loop.lastScrape === 0) return;
    const { clock } = this.context;
    const { intervalMs } = loop.target;
    const time = Math.max(loop.dueAt, loop.lastScrape + 1);
    const callOff = clock.after(time - clock.now() + intervalMs + intervalMs / 10, () => {
      this.leaving.delete(loop);
      loop.endSeries(time);
    });
    this.leaving.set(loop, callOff);
  }

  /** The target of a loop that was leaving is back. */
  private stay(loop: ScrapeLoop): void {
    this.leaving.get(loop)?.();
    this.leaving.delete(loop);
  }
}

function keyOf(target: Target): string {
  const { unixSocket, intervalMs, timeoutMs, histograms } = target;
  const { nativeHistograms, alwaysClassic, toCustomBuckets } = histograms;
  return [identityOf(target), unixSocket, intervalMs, timeoutMs, nativeHistograms, alwaysClassic, toCustomBuckets].join(
    ';',
  );
}
