import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Labels, ManualClock, Matcher, SampleColumns, silentLogger } from '@avalanche/model';
import { Tsdb } from '@avalanche/tsdb';
import { Registry } from 'prom-client';
import type { LoadedConfig } from '../config/load.ts';
import { configSchema } from '../config/schema.ts';
import type { ScrapeFeatures } from './ingest.ts';
import type { ScrapeLoop } from './loop.ts';
import { ScrapeManager } from './manager.ts';
import { ScrapeMetrics } from './metrics.ts';

/** Between two scrapes, in milliseconds. */
export const INTERVAL_MS = 10_000;
/** Where the clock of a test begins. */
export const START_MS = 1_700_000_000_000;

/** All that scrapes, and a target, over a database in a directory of its own and by a clock that the test moves. */
export class ScrapeStage {
  readonly clock = new ManualClock(START_MS);
  readonly registry = new Registry();
  manager: ScrapeManager;

  private constructor(
    readonly directory: string,
    readonly tsdb: Tsdb,
    private readonly server: Server,
  ) {
    this.manager = this.managerWith({});
  }

  /** @param listener the target */
  static async open(listener: RequestListener = (_request, response) => response.end()): Promise<ScrapeStage> {
    const directory = mkdtempSync(join(tmpdir(), 'scrape-'));
    const server = createServer(listener);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new ScrapeStage(directory, await Tsdb.open({ directory, maxExemplars: 100 }), server);
  }

  /** Of the target. */
  get address(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  get loops(): readonly ScrapeLoop[] {
    return this.manager.jobs.flatMap((job) => job.loops);
  }

  /** As a start anew with these features, over the same database. */
  async restart(features: ScrapeFeatures): Promise<ScrapeManager> {
    await this.manager.stop();
    this.manager = this.managerWith(features);
    return this.manager;
  }

  /** Moves to a configuration of one job with these targets. */
  async apply(job: object = {}, targets: readonly string[] = [this.address], labels: object = {}): Promise<void> {
    const config = configSchema.parse({
      global: { scrape_interval: `${INTERVAL_MS / 1000}s` },
      scrape_configs: [{ job_name: 'j', static_configs: [{ targets, labels }], ...job }],
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

  /** All series of a metric, with their samples. */
  async series(name: string): Promise<{ readonly labels: Labels; readonly samples: SampleColumns }[]> {
    const querier = this.tsdb.querier(0, Infinity);
    try {
      const found = await querier.select([new Matcher('=', '__name__', name)]);
      return found.map((series) => {
        const samples = new SampleColumns();
        series.read(0, Infinity, samples);
        return { labels: series.labels, samples };
      });
    } finally {
      querier.close();
    }
  }

  async end(): Promise<void> {
    await this.manager.stop();
    await this.tsdb.close();
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
    rmSync(this.directory, { recursive: true });
  }

  private managerWith(features: ScrapeFeatures): ScrapeManager {
    const { tsdb, clock, registry } = this;
    registry.clear();
    const metrics = new ScrapeMetrics(registry);
    return new ScrapeManager({ tsdb, clock, logger: silentLogger, metrics, features, resolvePath: (path) => path });
  }
}
