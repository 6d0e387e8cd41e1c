import {
  ENTRY_END,
  ENTRY_HELP,
  ENTRY_SAMPLE,
  ENTRY_TYPE,
  ENTRY_UNIT,
  ExpositionParser,
  formatOf,
  parseSeriesText,
} from '@avalanche/exposition';
import type { Clock, Labels, Logger } from '@avalanche/model';
import { APPENDED, type Appender, DUPLICATE_TIMESTAMP, OUT_OF_ORDER, type Tsdb, UNKNOWN_SERIES } from '@avalanche/tsdb';
import { firstSlot, nextSlot } from '../beat.ts';
import type { ScrapeConfig } from '../config/schema.ts';
import { relabel } from '../relabel.ts';
import { REF_DROPPED, REF_UNKNOWN, ScrapeCache } from './cache.ts';
import { type FetchedBody, fetchBody } from './fetch.ts';
import type { ScrapeMetrics } from './metrics.ts';
import { reportLabels, type Target, type TargetHealth, withTargetLabels } from './target.ts';

/** Scrape times within this of their slot are moved onto it, so that deltas stay equal and compress (upstream's value). */
const ALIGN_TOLERANCE_MS = 2;
const SLICE_MS = 8;
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
  private readonly abort = new AbortController();
  private cancelTimer: () => void = () => {};
  private running: Promise<void> = Promise.resolve();
  private stopped = false;

  constructor(private readonly options: ScrapeLoopOptions) {
    this.target = options.target;
    this.appender = options.tsdb.appender();
    this.reportLabels = REPORT_SERIES.map((name) => reportLabels(name, this.target.labels));
  }

  /** Begins on the target's own slot: its offset within the interval comes from its labels, so that load spreads. */
  start(): void {
    const { intervalMs, labels, url } = this.target;
    this.schedule(firstSlot(labels.key + url, intervalMs, this.options.clock.now()));
  }

  /**
   * Ends the loop after a scrape under way. With `markStale`, all series of the target end with staleness markers, as
   * they do when it is no longer a target; without, as at shutdown, they do not.
   */
  async stop(markStale: boolean): Promise<void> {
    if (this.stopped) return;
    this.stopped = true;
    this.cancelTimer();
    this.abort.abort();
    await this.running;
    if (!markStale || this.lastScrape === 0) return;
    const time = this.options.clock.now();
    this.endAllSeries(time);
    this.reportRefs.forEach((ref) => {
      if (ref !== REF_UNKNOWN) this.appender.appendStale(ref, time);
    });
    this.appender.commit();
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
    const { clock, metrics, config } = this.options;
    const now = clock.now();
    const time = Math.abs(now - slot) <= ALIGN_TOLERANCE_MS ? slot : now;
    const counts: ScrapeCounts = { scraped: 0, kept: 0, added: 0 };
    const begin = performance.now();
    let failure = '';
    try {
      const fetched = await fetchBody(this.target.url, {
        timeoutMs: this.target.timeoutMs,
        bodyBytesMax: config.body_size_limit,
        compression: config.enable_compression,
        client: config,
        signal: this.abort.signal,
      });
      if (this.stopped) return;
      await this.appendBody(fetched, time, counts);
    } catch (error) {
      if (this.stopped) return;
      failure = reasonOf(error);
      this.appender.rollback();
      this.endAllSeries(time);
    }
    const seconds = (performance.now() - begin) / 1000;
    this.report(time, [failure === '' ? 1 : 0, seconds, counts.scraped, counts.kept, counts.added]);
    this.appender.commit();
    metrics.scraped(seconds);
    this.remember(time, seconds, failure);
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
    const format = formatOf(fetched.contentType) ?? (config.fallback_scrape_protocol ? 'text' : null);
    if (!format) throw new Error(`received unsupported Content-Type ${JSON.stringify(fetched.contentType ?? '')}`);
    const parser = new ExpositionParser(fetched.body, format);
    const { cache } = this;
    cache.begin();
    let sliceEnd = performance.now() + SLICE_MS;
    for (let entry = parser.next(cache.expected); entry !== ENTRY_END; entry = parser.next(cache.expected)) {
      if (entry === ENTRY_SAMPLE) {
        this.appendSample(parser, time, counts);
        if (config.sample_limit > 0 && counts.kept > config.sample_limit) throw new Error('sample limit exceeded');
        if ((counts.scraped & 255) === 0 && performance.now() > sliceEnd) {
          await new Promise<void>((resolve) => setImmediate(resolve));
          sliceEnd = performance.now() + SLICE_MS;
        }
      } else this.describe(entry, parser);
    }
    this.endMissingSeries(time);
    cache.end();
  }

  private appendSample(parser: ExpositionParser, scrapeTime: number, counts: ScrapeCounts): void {
    const { cache, appender } = this;
    const { config, metrics } = this.options;
    const slot = cache.slotAt(parser.body, parser.seriesStart, parser.seriesEnd);
    counts.scraped++;
    if (cache.refs[slot] === REF_UNKNOWN) this.resolve(slot, parser.line, counts);
    if (cache.refs[slot] === REF_DROPPED) return;
    counts.kept++;
    const ownTime = parser.hasTimestamp && config.honor_timestamps;
    const time = ownTime ? parser.timestamp : scrapeTime;
    if (cache.seenIn[slot] === cache.scrape && !ownTime) {
      metrics.duplicate();
      return;
    }
    let outcome = appender.append(cache.refs[slot], time, parser.value);
    if (outcome === UNKNOWN_SERIES) {
      this.resolve(slot, parser.line, counts);
      outcome = appender.append(cache.refs[slot], time, parser.value);
    }
    if (outcome === OUT_OF_ORDER) metrics.outOfOrder();
    else if (outcome === DUPLICATE_TIMESTAMP) metrics.duplicate();
    if (outcome === APPENDED && (!ownTime || config.track_timestamps_staleness)) cache.seenIn[slot] = cache.scrape;
  }

  /** Finds the series reference of a text seen for the first time: target labels, metric relabelling, limits. */
  private resolve(slot: number, line: number, counts: ScrapeCounts): void {
    const { config } = this.options;
    let scraped: Labels;
    try {
      scraped = parseSeriesText(this.cache.texts[slot]);
    } catch (error) {
      throw new Error(`line ${line}: ${(error as Error).message}`);
    }
    const labels = relabel(
      withTargetLabels(scraped, this.target.labels, config.honor_labels),
      config.metric_relabel_configs,
    );
    if (!labels || labels.size === 0) {
      this.cache.refs[slot] = REF_DROPPED;
      return;
    }
    if (labels.metricName === '') throw new Error(`line ${line}: metric name is missing after relabelling`);
    checkLabelLimits(labels, config);
    this.cache.refs[slot] = this.appender.seriesRef(labels);
    counts.added++;
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
    const { cache } = this;
    for (let slot = 0; slot < cache.seenIn.length; slot++) {
      if (cache.seenIn[slot] !== cache.scrape) this.endSeries(slot, time);
    }
  }

  private endAllSeries(time: number): void {
    for (let slot = 0; slot < this.cache.seenIn.length; slot++) this.endSeries(slot, time);
  }

  private endSeries(slot: number, time: number): void {
    const { cache } = this;
    if (cache.seenIn[slot] === 0) return;
    cache.seenIn[slot] = 0;
    if (cache.refs[slot] > 0) this.appender.appendStale(cache.refs[slot], time);
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
    if (label_name_length_limit > 0 && name.length > label_name_length_limit) {
      throw new Error(`label_name_length_limit exceeded (metric: ${labels.metricName}, label: ${name})`);
    }
    if (label_value_length_limit > 0 && value.length > label_value_length_limit) {
      throw new Error(`label_value_length_limit exceeded (metric: ${labels.metricName}, label: ${name})`);
    }
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors[0]) return reasonOf(error.errors[0]);
  return error instanceof Error ? error.message : String(error);
}
