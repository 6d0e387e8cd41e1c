import {
  ENTRY_END,
  ENTRY_HELP,
  ENTRY_SAMPLE,
  ENTRY_TYPE,
  ENTRY_UNIT,
  ExpositionParser,
  formatOf,
} from '@avalanche/exposition';
import type { Clock, Labels, Logger } from '@avalanche/model';
import {
  APPENDED,
  type Appender,
  DUPLICATE_TIMESTAMP,
  OUT_OF_BOUNDS,
  type Outcome,
  type Tsdb,
  UNKNOWN_SERIES,
} from '@avalanche/tsdb';
import { firstSlot, nextSlot } from '../beat.ts';
import type { ScrapeConfig } from '../config/schema.ts';
import { relabel } from '../relabel.ts';
import { withNormalBounds } from './bounds.ts';
import { REF_DROPPED, REF_UNKNOWN, ScrapeCache } from './cache.ts';
import { type FetchedBody, ScrapeClient } from './fetch.ts';
import type { ScrapeMetrics } from './metrics.ts';
import { reportLabels, type Target, type TargetHealth, withTargetLabels } from './target.ts';

/**
 * Scrape times within this of their slot, and within a hundredth of the interval, are moved onto it, so that deltas stay
 * equal and compress. Upstream's 2 ms fit Go's scheduler; an event loop is late by a slice of work now and then.
 */
const ALIGN_TOLERANCE_MS = 10;
const SLICE_MS = 8;
/** How far a sample's own time may be ahead of ours (upstream's value). */
const AHEAD_MAX_MS = 10 * 60_000;
const METADATA_MAX = 20_000;
const FAILURES_KEPT = 20;

export interface MetricMetadata {
  type: string;
  help: string;
  unit: string;
}

/** Why a scrape failed, and when (milliseconds). */
export interface ScrapeFailure {
  readonly time: number;
  readonly reason: string;
}

interface ScrapeCounts {
  scraped: number;
  kept: number;
  added: number;
}

export interface ScrapeLoopOptions {
  readonly target: Target;
  readonly config: ScrapeConfig;
  readonly tsdb: Tsdb;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: ScrapeMetrics;
}

const REPORT_SERIES = [
  'up',
  'scrape_duration_seconds',
  'scrape_samples_scraped',
  'scrape_samples_post_metric_relabeling',
  'scrape_series_added',
] as const;

/** Scrapes one target on its own beat until stopped, and keeps what the API shows of it. */
export class ScrapeLoop {
  readonly target: Target;
  health: TargetHealth = 'unknown';
  lastError = '';
  /** Where not empty, every scrape fails with this reason. */
  forcedError = '';
  /** Milliseconds; 0 before the first scrape. */
  lastScrape = 0;
  lastDurationSeconds = 0;
  /** The last failures, newest first. */
  readonly failures: ScrapeFailure[] = [];
  readonly metadata = new Map<string, MetricMetadata>();
  private readonly cache = new ScrapeCache();
  private readonly appender: Appender;
  private readonly reportLabels: readonly Labels[];
  private readonly reportRefs = REPORT_SERIES.map(() => REF_UNKNOWN);
  private readonly client: ScrapeClient;
  private cancelTimer: () => void = () => {};
  private running: Promise<void> = Promise.resolve();
  private stopped = false;
  /** Samples of the scrape under way must not be newer. */
  private timeMax = 0;

  constructor(private readonly options: ScrapeLoopOptions) {
    this.target = options.target;
    this.appender = options.tsdb.appender();
    const { body_size_limit: bodyBytesMax, enable_compression: compression } = options.config;
    const { url, timeoutMs } = this.target;
    this.client = new ScrapeClient(url, { timeoutMs, bodyBytesMax, compression, client: options.config });
    this.reportLabels = REPORT_SERIES.map((name) => reportLabels(name, this.target.labels));
  }

  /** Begins on the target's own slot: its offset within the interval comes from its labels, so that load spreads. */
  start(): void {
    const { intervalMs, labels, url } = this.target;
    this.schedule(firstSlot(labels.key + url, intervalMs, this.options.clock.now()));
  }

  /** Stops after a scrape under way, which is given up. Its series stay as they are, as at a shutdown. Never rejects. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.cancelTimer();
    this.client.close();
    await this.running;
  }

  /** Ends all series of a stopped loop with staleness markers, as when its target is no longer one. */
  endSeries(): void {
    const time = this.options.clock.now();
    this.endAllSeries(time);
    for (const ref of this.reportRefs) if (ref !== REF_UNKNOWN) this.appender.appendStale(ref, time);
    try {
      this.appender.commit();
    } catch (error) {
      this.options.logger.error('Series of a target could not be ended', { target: this.target.url, error });
    }
  }

  private schedule(slot: number): void {
    const { clock } = this.options;
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
    this.timeMax = now + AHEAD_MAX_MS;
    const tolerance = Math.min(ALIGN_TOLERANCE_MS, this.target.intervalMs / 100);
    const time = Math.abs(now - slot) <= tolerance ? slot : now;
    const counts: ScrapeCounts = { scraped: 0, kept: 0, added: 0 };
    const begin = performance.now();
    let failure = '';
    try {
      if (this.forcedError !== '') throw new Error(this.forcedError);
      const fetched = await this.client.fetch();
      if (this.stopped) return;
      try {
        await this.appendBody(fetched, time, counts);
      } finally {
        fetched.body.release();
      }
    } catch (error) {
      this.appender.rollback();
      if (this.stopped) return;
      failure = reasonOf(error);
      // First what only the failed scrape has named is forgotten: it has nothing to end.
      this.cache.abandon();
      this.endAllSeries(time);
    }
    const seconds = (performance.now() - begin) / 1000;
    this.report(time, [failure === '' ? 1 : 0, seconds, counts.scraped, counts.kept, counts.added]);
    metrics.scraped(seconds);
    this.remember(time, seconds, failure);
    this.appender.commit();
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

  private async appendBody(fetched: FetchedBody, time: number, counts: ScrapeCounts): Promise<void> {
    const { config } = this.options;
    const format = formatOf(fetched.contentType, config.fallback_scrape_protocol);
    const { cache } = this;
    const describeAll = this.metadata.size > METADATA_MAX;
    if (describeAll) this.metadata.clear();
    const parser = new ExpositionParser(fetched.body.bytes, format, { size: fetched.body.size });
    cache.begin(parser, format, describeAll);
    let sliceEnd = performance.now() + SLICE_MS;
    for (;;) {
      const entry = parser.next(cache.expected, cache.place);
      if (entry === ENTRY_END) break;
      if (entry === ENTRY_SAMPLE) {
        this.appendSample(parser, time, counts);
        if ((counts.scraped & 255) === 0 && performance.now() > sliceEnd) {
          await new Promise<void>((resolve) => setImmediate(resolve));
          sliceEnd = performance.now() + SLICE_MS;
        }
      } else this.describe(entry, parser);
    }
    if (config.sample_limit > 0 && counts.kept > config.sample_limit) throw new Error('sample limit exceeded');
    this.endMissingSeries(time);
    cache.end();
  }

  private appendSample(parser: ExpositionParser, scrapeTime: number, counts: ScrapeCounts): void {
    const { cache } = this;
    const { config, metrics } = this.options;
    const slot = cache.slotOf(parser);
    counts.scraped++;
    // A scrape beyond its limit fails, but goes on counting: how far beyond is told.
    const beyondLimit = config.sample_limit > 0 && counts.kept >= config.sample_limit;
    if (cache.refs[slot] === REF_UNKNOWN) {
      const labels = this.labelsOf(parser);
      if (!labels) cache.refs[slot] = REF_DROPPED;
      else if (!beyondLimit) this.register(slot, labels, counts);
    }
    if (cache.refs[slot] === REF_DROPPED) return;
    counts.kept++;
    if (beyondLimit) return;
    const ownTime = parser.hasTimestamp && config.honor_timestamps;
    if (cache.seenIn[slot] === cache.scrape && !ownTime) {
      metrics.duplicate();
      return;
    }
    const time = ownTime ? parser.timestamp : scrapeTime;
    let outcome = this.append(slot, time, parser);
    if (outcome === UNKNOWN_SERIES) {
      this.register(slot, this.labelsOf(parser) as Labels, counts);
      outcome = this.append(slot, time, parser);
    }
    if (outcome !== APPENDED) this.countRejected(outcome);
    else if (!ownTime || config.track_timestamps_staleness) cache.seenIn[slot] = cache.scrape;
  }

  private append(slot: number, time: number, sample: { readonly value: number }): Outcome {
    if (time > this.timeMax) return OUT_OF_BOUNDS;
    return this.appender.appendOf(this.cache.refs[slot], time, sample);
  }

  private countRejected(outcome: Outcome): void {
    const { metrics } = this.options;
    if (outcome === OUT_OF_BOUNDS) metrics.outOfBounds();
    else if (outcome === DUPLICATE_TIMESTAMP) metrics.duplicate();
    else metrics.outOfOrder();
  }

  private register(slot: number, labels: Labels, counts: ScrapeCounts): void {
    this.cache.refs[slot] = this.appender.seriesRef(labels);
    counts.added++;
  }

  /** The labels of the parser's series: target labels, metric relabelling, limits. Null where relabelling drops it. */
  private labelsOf(parser: ExpositionParser): Labels | null {
    const { config } = this.options;
    const scraped = withNormalBounds(parser.seriesMap(), (family) => this.metadata.get(family)?.type);
    const labels = relabel(
      withTargetLabels(scraped, this.target.labels, config.honor_labels),
      config.metric_relabel_configs,
    );
    if (!labels || labels.size === 0) return null;
    if (labels.metricName === '') throw new Error(`line ${parser.line}: metric name is missing after relabelling`);
    checkLabelLimits(labels, config);
    return labels;
  }

  private describe(entry: number, parser: ExpositionParser): void {
    let metadata = this.metadata.get(parser.metric);
    if (!metadata) {
      metadata = { type: 'unknown', help: '', unit: '' };
      this.metadata.set(parser.metric, metadata);
    }
    if (entry === ENTRY_TYPE) metadata.type = parser.text === 'untyped' ? 'unknown' : parser.text;
    else if (entry === ENTRY_HELP) metadata.help = parser.text;
    else if (entry === ENTRY_UNIT) metadata.unit = parser.text;
  }

  private endMissingSeries(time: number): void {
    const { seenIn, scrape, size } = this.cache;
    for (let slot = 0; slot < size; slot++) if (seenIn[slot] !== scrape) this.endSlot(slot, time);
  }

  private endAllSeries(time: number): void {
    for (let slot = 0; slot < this.cache.size; slot++) this.endSlot(slot, time);
  }

  private endSlot(slot: number, time: number): void {
    const { cache } = this;
    if (cache.seenIn[slot] === 0) return;
    cache.seenIn[slot] = 0;
    this.appender.appendStale(cache.refs[slot], time);
  }

  private report(time: number, values: readonly number[]): void {
    values.forEach((value, i) => {
      let ref = this.reportRefs[i];
      if (ref === REF_UNKNOWN || this.appender.append(ref, time, value) === UNKNOWN_SERIES) {
        ref = this.appender.seriesRef(this.reportLabels[i]);
        this.reportRefs[i] = ref;
        this.appender.append(ref, time, value);
      }
    });
  }
}

function checkLabelLimits(labels: Labels, config: ScrapeConfig): void {
  const { label_limit, label_name_length_limit, label_value_length_limit } = config;
  if (label_limit > 0 && labels.size > label_limit) {
    throw new Error(`label_limit exceeded (metric: ${labels.metricName}, number of labels: ${labels.size})`);
  }
  for (const [name, value] of labels.entries()) {
    if (label_name_length_limit > 0 && Buffer.byteLength(name) > label_name_length_limit) {
      throw new Error(`label_name_length_limit exceeded (metric: ${labels.metricName}, label: ${name})`);
    }
    if (label_value_length_limit > 0 && Buffer.byteLength(value) > label_value_length_limit) {
      throw new Error(`label_value_length_limit exceeded (metric: ${labels.metricName}, label: ${name})`);
    }
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors[0]) return reasonOf(error.errors[0]);
  return error instanceof Error ? error.message : String(error);
}
