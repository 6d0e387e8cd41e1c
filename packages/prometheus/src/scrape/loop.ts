import type { Clock, Labels, Logger } from '@avalanche/model';
import type { Appender, Tsdb } from '@avalanche/tsdb';
import { firstSlot, nextSlot } from '../beat.ts';
import type { ScrapeConfig } from '../config/schema.ts';
import { acceptHeader } from './accept.ts';
import type { FailureLogs } from './failure-log.ts';
import { type FetchedBody, ScrapeClient } from './fetch.ts';
import { Ingest, type ScrapeCounts, type ScrapeFeatures } from './ingest.ts';
import type { JobClient } from './job-client.ts';
import type { FamilyMetadata } from './metadata.ts';
import type { ScrapeMetrics } from './metrics.ts';
import { ReportSeries } from './report.ts';
import { BodyTooLarge, ScrapeError } from './scrape-error.ts';
import type { Target, TargetHealth } from './target.ts';

/**
 * Scrape times within this of their slot, and within a hundredth of the interval, are moved onto it, so that deltas stay
 * equal and compress. Upstream's 2 ms fit Go's scheduler; an event loop is late by a slice of work now and then.
 */
const ALIGN_TOLERANCE_MS = 10;
const FAILURES_KEPT = 20;

/** Why a scrape failed, and when (milliseconds). */
export interface ScrapeFailure {
  readonly time: number;
  readonly reason: string;
}

/** What is the same for all targets of a server. */
export interface ScrapeContext {
  readonly tsdb: Tsdb;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: ScrapeMetrics;
  readonly features?: ScrapeFeatures;
  /** `--scrape.adjust-timestamps`; default true. */
  readonly adjustTimestamps?: boolean;
  /** `--scrape.timestamp-tolerance`; default 10 ms. */
  readonly timestampToleranceMs?: number;
  /** `--scrape.discovery-reload-interval`: a job takes other targets no more often; default at once, in milliseconds. */
  readonly discoveryReloadMs?: number;
}

export interface ScrapeLoopOptions extends ScrapeContext {
  readonly target: Target;
  readonly config: ScrapeConfig;
  readonly job: JobClient;
  readonly failureLogs: FailureLogs;
  /** Makes the offsets of this server's targets differ from those of another with the same targets. */
  readonly offsetSeed: string;
}

/** Scrapes one target on its own beat until stopped, and keeps what the API shows of it. */
export class ScrapeLoop {
  /** What discovery says of it may change without making another target of it. */
  target: Target;
  health: TargetHealth = 'unknown';
  lastError = '';
  /** Where not empty, every scrape fails with this reason. */
  forcedError = '';
  /** Milliseconds; 0 before the first scrape. */
  lastScrape = 0;
  lastDurationSeconds = 0;
  /** The last failures, newest first. */
  readonly failures: ScrapeFailure[] = [];
  /** When the next scrape is due, in milliseconds. */
  dueAt = 0;
  private readonly appender: Appender;
  private readonly ingest: Ingest;
  private readonly report: ReportSeries;
  private readonly client: ScrapeClient;
  private readonly toleranceMs: number;
  private lastBegin = 0;
  private cancelTimer: () => void = () => {};
  private running: Promise<void> = Promise.resolve();
  private stopped = false;

  constructor(private readonly options: ScrapeLoopOptions) {
    const { target, config, tsdb, metrics, features = {}, logger, job } = options;
    this.target = target;
    this.appender = tsdb.appender();
    const { labels, url, timeoutMs, intervalMs, unixSocket, histograms } = target;
    const childLogger = logger.child({ scrape_pool: config.job_name, target: url });
    this.ingest = new Ingest(
      { labels, config, histograms, tsdb, metrics, features, logger: childLogger },
      this.appender,
    );
    this.report = new ReportSeries(labels, this.appender, {
      extra: config.extra_scrape_metrics || (features.extraMetrics ?? false),
      timeoutSeconds: timeoutMs / 1000,
      sampleLimit: config.sample_limit,
      withMetadata: features.metadataRecords ?? false,
    });
    const accept = acceptHeader(config.scrape_protocols, config.metric_name_escaping_scheme);
    const { body_size_limit: bodyBytesMax, enable_compression: compression } = config;
    this.client = new ScrapeClient(url, { timeoutMs, bodyBytesMax, compression, accept, job, unixSocket });
    const { adjustTimestamps = true, timestampToleranceMs = ALIGN_TOLERANCE_MS } = options;
    this.toleranceMs = adjustTimestamps ? Math.min(timestampToleranceMs, intervalMs / 100) : 0;
  }

  get metadata(): FamilyMetadata {
    return this.ingest.metadata;
  }

  /** Goes on where another loop of the same target, which has stopped, has come to. */
  continueFrom(previous: ScrapeLoop): void {
    this.health = previous.health;
    this.lastError = previous.lastError;
    this.lastScrape = previous.lastScrape;
    this.lastDurationSeconds = previous.lastDurationSeconds;
    this.failures.push(...previous.failures);
    this.ingest.inherit([...previous.ingest.refs, ...this.report.inherit(previous.report)]);
  }

  /** Begins on the target's own slot: its offset within the interval comes from its labels, so that load spreads. */
  start(): void {
    const { intervalMs, labels, url } = this.target;
    this.schedule(firstSlot(this.options.offsetSeed + labels.key + url, intervalMs, this.options.clock.now()));
  }

  /** Stops after a scrape under way, which is given up. Its series stay as they are, as at a shutdown. Never rejects. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.cancelTimer();
    this.client.close();
    await this.running;
  }

  /** Ends all series of a stopped loop with staleness markers, as when its target is no longer one. */
  endSeries(time = this.options.clock.now()): void {
    this.ingest.endAll(time);
    this.report.end(time);
    try {
      this.appender.commit();
    } catch (error) {
      this.options.logger.error('Series of a target could not be ended', { target: this.target.url, error });
    }
  }

  private schedule(slot: number): void {
    const { clock } = this.options;
    this.dueAt = slot;
    this.cancelTimer = clock.after(slot - clock.now(), () => {
      this.running = this.scrapeAt(slot).catch((error: unknown) => {
        this.options.logger.error('Scrape could not be stored', { target: this.target.url, error });
      });
      void this.running.then(() => {
        if (this.stopped) return;
        this.schedule(nextSlot(slot, this.target.intervalMs, clock.now()).next);
      });
    });
  }

  private async scrapeAt(slot: number): Promise<void> {
    const { clock, metrics } = this.options;
    const now = clock.now();
    const time = Math.abs(now - slot) <= this.toleranceMs ? slot : now;
    const counts = { scraped: 0, kept: 0, added: 0, unknown: 0, bytes: 0 };
    const begin = performance.now();
    if (this.lastBegin > 0) {
      metrics.scrapedAgain(this.target.intervalMs, { seconds: (begin - this.lastBegin) / 1000 });
    }
    this.lastBegin = begin;
    let failure = '';
    try {
      await this.scrape(time, now, counts);
      if (this.stopped) return this.appender.rollback(); // or the end of the series would store it, without its `up`
    } catch (error) {
      this.appender.rollback();
      if (this.stopped) return;
      failure = error instanceof Error ? error.message : String(error);
      this.failed(error, counts);
      this.ingest.fail(time);
    }
    const seconds = (performance.now() - begin) / 1000;
    this.report.append(time, { up: failure === '', seconds, ...counts });
    metrics.scraped(seconds);
    this.remember(time, seconds, failure);
    this.appender.commit();
  }

  private async scrape(time: number, now: number, counts: ScrapeCounts & { bytes: number }): Promise<void> {
    if (this.forcedError !== '') throw new ScrapeError(this.forcedError);
    const fetched: FetchedBody = await this.client.fetch();
    if (this.stopped) return;
    counts.bytes = fetched.body.size;
    try {
      await this.ingest.append(fetched, { time, now }, counts);
    } finally {
      fetched.body.release();
    }
  }

  private failed(error: unknown, counts: ScrapeCounts & { bytes: number }): void {
    // The next scrape meets the same series anew: as upstream, which remembers them, it adds them once.
    counts.added = counts.unknown;
    const { metrics, failureLogs, config } = this.options;
    if (error instanceof BodyTooLarge) {
      metrics.counts.bodySizeLimit++;
      counts.bytes = -1;
    }
    if (this.forcedError !== '') return;
    const reason = error instanceof Error ? error.message : String(error);
    failureLogs.write(config.scrape_failure_log_file, { job: config.job_name, target: this.target.url, reason });
  }

  private remember(time: number, seconds: number, failure: string): void {
    if (failure !== '' && this.health !== 'down') {
      this.options.logger.debug('Scrape failed', { target: this.target.url, reason: failure });
    }
    this.lastScrape = time;
    this.lastDurationSeconds = seconds;
    this.lastError = failure;
    this.health = failure === '' ? 'up' : 'down';
    if (failure === '') return;
    this.failures.unshift({ time, reason: failure });
    if (this.failures.length > FAILURES_KEPT) this.failures.pop();
  }
}

/** What stays the same of a target whose series go on: a changed interval makes another loop, not other series. */
export function identityOf({ url, labels }: { readonly url: string; readonly labels: Labels }): string {
  return `${url};${labels.key}`;
}
