import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManualClock, silentLogger } from '@avalanche/model';
import { Tsdb } from '@avalanche/tsdb';
import { Registry } from 'prom-client';
import type { LoadedConfig } from '../config/load.ts';
import { configSchema } from '../config/schema.ts';
import type { ScrapeFeatures } from './ingest.ts';
import type { ScrapeLoop } from './loop.ts';
import { ScrapeManager } from './manager.ts';
import { ScrapeMetrics } from './metrics.ts';

/** Between two scrapes, in milliseconds. */
const INTERVAL_MS = 10_000;
const START = 1_700_000_000_000;

/** All that scrapes, over a database in a directory of its own and by a clock that the test moves; a test ends it. */
export class ScrapeStage {
  readonly clock = new ManualClock(START);
  readonly registry = new Registry();
  readonly manager: ScrapeManager;

  private constructor(
    private readonly directory: string,
    readonly tsdb: Tsdb,
    features: ScrapeFeatures,
  ) {
    const metrics = new ScrapeMetrics(this.registry);
    const { clock } = this;
    this.manager = new ScrapeManager({
      tsdb,
      clock,
      logger: silentLogger,
      metrics,
      features,
      resolvePath: (path) => path,
    });
  }

  static async open(features: ScrapeFeatures = {}): Promise<ScrapeStage> {
    const directory = mkdtempSync(join(tmpdir(), 'scrape-'));
    return new ScrapeStage(directory, await Tsdb.open({ directory, maxExemplars: 100 }), features);
  }

  get loops(): readonly ScrapeLoop[] {
    return this.manager.jobs.flatMap((job) => job.loops);
  }

  /** Moves to a configuration of one job with this target. */
  async apply(address: string, job: object = {}, labels: Readonly<Record<string, string>> = {}): Promise<void> {
    const static_configs = [{ targets: [address], labels }];
    const config = configSchema.parse({
      global: { scrape_interval: `${INTERVAL_MS / 1000}s` },
      scrape_configs: [{ job_name: 'j', static_configs, ...job }],
    });
    await this.manager.apply({ config } as LoadedConfig);
  }

  /** Moves to the next scrape of every target and waits until it is stored. */
  async scrape(): Promise<void> {
    const before = new Map(this.loops.map((loop) => [loop, loop.lastScrape]));
    await this.clock.advance(INTERVAL_MS);
    for (let i = 0; [...before].some(([loop, time]) => loop.lastScrape === time); i++) {
      if (i > 500) throw new Error('no scrape');
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  async end(): Promise<void> {
    await this.manager.stop();
    await this.tsdb.close();
    rmSync(this.directory, { recursive: true });
  }
}
