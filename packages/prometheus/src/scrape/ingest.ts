import {
  CustomBucketsParser,
  ENTRY_END,
  ENTRY_SAMPLE,
  ExpositionParser,
  formatOf,
  KeyedEntries,
  ProtobufParser,
  type SampleParser,
} from '@avalanche/exposition';
import { type FloatHistogram, type Labels, type Logger, METRIC_NAME, nextTurn } from '@avalanche/model';
import {
  APPENDED,
  type Appender,
  DUPLICATE_TIMESTAMP,
  OUT_OF_BOUNDS,
  type Outcome,
  type Tsdb,
  UNKNOWN_SERIES,
} from '@avalanche/tsdb';
import type { ScrapeConfig } from '../config/schema.ts';
import { withNormalBounds } from './bounds.ts';
import { REF_DROPPED, REF_UNKNOWN, ScrapeCache } from './cache.ts';
import type { FetchedBody } from './fetch.ts';
import { BucketLimitExceeded, HistogramLimits } from './histogram-limits.ts';
import { FamilyMetadata } from './metadata.ts';
import type { ScrapeMetrics } from './metrics.ts';
import { LabelLimitExceeded, sampleLabels, withMetadataLabels } from './sample-labels.ts';
import type { HistogramChoice } from './target.ts';

const SLICE_MS = 8;
/** How far a sample's own time may be ahead of ours (upstream's value). */
const AHEAD_MAX_MS = 10 * 60_000;

/** What `--enable-feature` switches on of scraping. */
export interface ScrapeFeatures {
  /** `exemplar-storage` */
  readonly exemplars?: boolean;
  /** `metadata-wal-records` */
  readonly metadataRecords?: boolean;
  /** `created-timestamp-zero-ingestion` */
  readonly startTimeZeros?: boolean;
  /** `st-storage` */
  readonly startTimes?: boolean;
  /** `type-and-unit-labels`: series get `__type__` and `__unit__` from what the body says of their family. */
  readonly typeAndUnitLabels?: boolean;
  /** `extra-scrape-metrics` */
  readonly extraMetrics?: boolean;
}

/** Counts of one scrape. */
export interface ScrapeCounts {
  scraped: number;
  kept: number;
  added: number;
  /** Those of the added that the database did not have. */
  unknown: number;
}

export interface IngestOptions {
  /** Labels that every series of the target gets. */
  readonly labels: Labels;
  readonly config: ScrapeConfig;
  /** What of histograms is read. */
  readonly histograms: HistogramChoice;
  readonly tsdb: Tsdb;
  readonly logger: Logger;
  readonly metrics: ScrapeMetrics;
  readonly features: ScrapeFeatures;
}

/** Samples of one scrape that were not stored. */
interface Refused {
  outOfOrder: number;
  duplicate: number;
  outOfBounds: number;
  exemplars: number;
}

/** Turns the bodies of one target into samples, and keeps what the next body is compared with. */
export class Ingest {
  readonly metadata = new FamilyMetadata();
  private readonly cache = new ScrapeCache();
  /** Series of the loop before this one that no body has had yet: they end with the first that is good. */
  private inherited = new Set<number>();
  /** Samples of the scrape under way must not be newer. */
  private timeMax = 0;
  private lastTime = 0;
  /** What the body is in, and read as. */
  private format = '';
  /** Holds the series of the scrape under way, where they are keys. */
  private keyed: KeyedEntries | undefined = undefined;
  /** Features, looked at once a sample. */
  private readonly startTimeZeros: boolean;
  private readonly startTimes: boolean;
  private readonly metadataRecords: boolean;
  private readonly limits: HistogramLimits;
  private isBucketLimitExceeded = false;
  private refused: Refused = { outOfOrder: 0, duplicate: 0, outOfBounds: 0, exemplars: 0 };

  constructor(
    private readonly options: IngestOptions,
    private readonly appender: Appender,
  ) {
    this.startTimeZeros = options.features.startTimeZeros ?? false;
    this.startTimes = options.features.startTimes ?? false;
    this.metadataRecords = options.features.metadataRecords ?? false;
    this.limits = new HistogramLimits(options.config);
  }

  /** Series that have not ended. */
  get refs(): number[] {
    const { refs, seenIn, size } = this.cache;
    const going: number[] = [...this.inherited];
    for (let slot = 0; slot < size; slot++) if (seenIn[slot] !== 0 && refs[slot] > 0) going.push(refs[slot]);
    return going;
  }

  /** Goes on with the series of another loop of the same target. */
  inherit(refs: readonly number[]): void {
    this.inherited = new Set(refs);
  }

  /**
   * Appends the samples of a body. What is missing of the last one ends.
   * @param time of the scrape; `now` what the clock says; milliseconds
   * @throws Error with the reason; then `fail` is to be called
   */
  async append(
    fetched: FetchedBody,
    { time, now }: { readonly time: number; readonly now: number },
    counts: ScrapeCounts,
  ) {
    const { config, metrics } = this.options;
    this.timeMax = now + AHEAD_MAX_MS;
    this.refused = { outOfOrder: 0, duplicate: 0, outOfBounds: 0, exemplars: 0 };
    this.isBucketLimitExceeded = false;
    try {
      await this.appendBody(fetched, time, counts);
    } finally {
      this.tellRefused();
    }
    if (config.sample_limit > 0 && counts.kept > config.sample_limit) {
      metrics.counts.sampleLimit++;
      throw new Error('sample limit exceeded');
    }
    if (this.isBucketLimitExceeded) {
      metrics.counts.bucketLimit++;
      throw new BucketLimitExceeded();
    }
    this.endMissing(time);
    this.cache.end();
    this.releaseKeys();
    this.metadata.end();
    this.lastTime = time;
  }

  /** A body without a byte is one without samples, whatever its type. */
  private async appendBody(fetched: FetchedBody, time: number, counts: ScrapeCounts): Promise<void> {
    const { bytes, size } = fetched.body;
    if (size === 0) {
      this.cache.begin(new ExpositionParser(bytes, 'text', { size }), 'text', false);
      return;
    }
    const parser = this.parserOf(fetched);
    try {
      await this.walk(parser, time, counts);
    } finally {
      if (parser instanceof KeyedEntries) this.keyed = parser;
    }
  }

  /** @throws Error where the body is in no format that is known */
  private parserOf({ body, contentType }: FetchedBody): SampleParser {
    const { config, features, histograms } = this.options;
    const format = formatOf(contentType, config.fallback_scrape_protocol);
    const { size } = body;
    const withExemplars = features.exemplars ?? false;
    this.format = format;
    if (format === 'protobuf') return new ProtobufParser(body.bytes, { size, withExemplars, ...histograms });
    const withStartTimes = this.startTimeZeros || this.startTimes;
    const parser = new ExpositionParser(body.bytes, format, { size, withExemplars, withStartTimes });
    if (!histograms.toCustomBuckets) return parser;
    this.format = `${format} with custom buckets`;
    return new CustomBucketsParser(parser, histograms.alwaysClassic);
  }

  /** Ends all series after a scrape that failed, and forgets what only it has named. */
  fail(time: number): void {
    this.cache.abandon();
    this.releaseKeys();
    this.endAll(time);
  }

  /** Ends all series with staleness markers. */
  endAll(time: number): void {
    for (let slot = 0; slot < this.cache.size; slot++) this.endSlot(slot, time);
    for (const ref of this.inherited) this.appender.appendStale(ref, time);
    this.inherited.clear();
  }

  private releaseKeys(): void {
    this.keyed?.release();
    this.keyed = undefined;
  }

  private async walk(parser: SampleParser, time: number, counts: ScrapeCounts) {
    const { cache, metadata } = this;
    const isKeyed = parser instanceof KeyedEntries;
    // Where types must be known at each sample, no comment is passed over; keys are read with all comments.
    const describeAll = metadata.begin() || this.startTimeZeros || this.startTimes;
    cache.begin(parser, this.format, describeAll && !isKeyed);
    let sliceEnd = performance.now() + SLICE_MS;
    let changed = false;
    for (;;) {
      const entry = parser.next(cache.expected, cache.place);
      if (entry === ENTRY_END) break;
      if (entry === ENTRY_SAMPLE) {
        if (isKeyed) cache.follow(parser);
        this.appendSample(parser, time, counts);
        if (changed && this.metadataRecords) this.recordMetadata(parser);
        if ((counts.scraped & 255) === 0 && performance.now() > sliceEnd) {
          await nextTurn();
          sliceEnd = performance.now() + SLICE_MS;
        }
      } else changed = metadata.describe(entry, parser.metric, parser.text) || changed;
    }
  }

  private appendSample(parser: SampleParser, scrapeTime: number, counts: ScrapeCounts): void {
    const { cache } = this;
    const { config } = this.options;
    const slot = cache.slotOf(parser);
    counts.scraped++;
    // A scrape beyond its limit fails, but goes on counting: how far beyond is told.
    const beyondLimit = config.sample_limit > 0 && counts.kept >= config.sample_limit;
    let isNew = false;
    if (cache.refs[slot] === REF_UNKNOWN) {
      const labels = this.labelsOf(parser);
      if (!labels) cache.refs[slot] = REF_DROPPED;
      else if (!beyondLimit) {
        isNew = this.register(slot, labels, parser);
        counts.added++;
        if (isNew) counts.unknown++;
      }
    }
    if (cache.refs[slot] === REF_DROPPED) return;
    counts.kept++;
    if (beyondLimit) return;
    const ownTime = parser.hasTimestamp && config.honor_timestamps;
    if (cache.seenIn[slot] === cache.scrape && !ownTime) {
      this.refused.duplicate++;
      return;
    }
    const time = ownTime ? parser.timestamp : scrapeTime;
    if (this.startTimeZeros) this.appendStart(parser, slot, time, isNew);
    let outcome = this.appendAt(slot, time, parser);
    if (outcome === UNKNOWN_SERIES) {
      this.register(slot, this.labelsOf(parser) as Labels, parser);
      outcome = this.appendAt(slot, time, parser);
    }
    if (outcome !== APPENDED) {
      this.countRefused(outcome);
      return;
    }
    if (!ownTime || config.track_timestamps_staleness) cache.seenIn[slot] = cache.scrape;
    if (parser.hasExemplar) this.appendExemplars(parser, slot, time);
  }

  private appendAt(slot: number, time: number, sample: SampleParser): Outcome {
    if (time > this.timeMax) return OUT_OF_BOUNDS;
    const start = this.startTimes ? sample.startTime() : 0;
    if (sample.histogram !== null) return this.appendHistogram(slot, time, sample.histogram, start);
    const outcome = this.appender.appendOf(this.cache.refs[slot], time, sample);
    if (start !== 0 && outcome === APPENDED) this.appender.setStart(start);
    return outcome;
  }

  /** A zero where the counter began, for a series that is new or has begun again. */
  private appendStart(parser: SampleParser, slot: number, time: number, isNew: boolean): void {
    const start = parser.startTime();
    if (start === 0 || start >= time) return;
    if (!isNew && !(this.lastTime > 0 && start > this.lastTime)) return;
    const ref = this.cache.refs[slot];
    if (parser.histogram === null) this.appender.append(ref, start, 0);
    else this.appender.appendHistogram(ref, start, parser.histogram.atStart());
  }

  /** @throws HistogramError where it contradicts itself */
  private appendHistogram(slot: number, time: number, histogram: FloatHistogram, start: number): Outcome {
    const limited = this.limits.reduced(histogram);
    if (limited) return this.appender.appendHistogram(this.cache.refs[slot], time, limited, start);
    this.isBucketLimitExceeded = true;
    return APPENDED;
  }

  /** Those of one sample are told as out of order only where all of them are: else some are new. */
  private appendExemplars(parser: SampleParser, slot: number, time: number): void {
    const exemplars = parser.exemplars().map(({ labels, value, timestamp }) => {
      return { labels, value, time: timestamp ?? time, hasTime: timestamp !== undefined };
    });
    exemplars.sort((a, b) => a.time - b.time);
    let refused = 0;
    for (const exemplar of exemplars) {
      if (this.appender.appendExemplar(this.cache.refs[slot], exemplar) === 'out of order') refused++;
    }
    if (refused === exemplars.length) this.refused.exemplars += refused;
  }

  /** @returns whether the database did not have the series */
  private register(slot: number, labels: Labels, parser: SampleParser): boolean {
    const isNew = this.options.tsdb.head.series.find(labels) === 0;
    const ref = this.appender.seriesRef(labels);
    this.cache.refs[slot] = ref;
    this.inherited.delete(ref);
    if (this.metadataRecords) this.recordMetadata(parser, slot);
    return isNew;
  }

  /** Has the log say what the series is, where the body has said so in this scrape, or the series is new. */
  private recordMetadata(parser: SampleParser, slot = -1): void {
    const known = this.metadata.familyOf(parser.seriesMap().get(METRIC_NAME) ?? '');
    if (!known) return;
    const [, { type, unit, help }, isChanged] = known;
    const { cache } = this;
    const ref = cache.refs[slot >= 0 ? slot : cache.lastSlot];
    if (ref > 0 && (slot >= 0 || isChanged)) this.appender.appendMetadata(ref, { type, unit, help });
  }

  private countRefused(outcome: Outcome): void {
    if (outcome === OUT_OF_BOUNDS) this.refused.outOfBounds++;
    else if (outcome === DUPLICATE_TIMESTAMP) this.refused.duplicate++;
    else this.refused.outOfOrder++;
  }

  /** Counts, and tells in upstream's words, what was not stored. */
  private tellRefused(): void {
    const { metrics, logger } = this.options;
    const { outOfOrder, duplicate, outOfBounds, exemplars } = this.refused;
    if (outOfOrder + duplicate + outOfBounds + exemplars === 0) return;
    metrics.counts.outOfOrder += outOfOrder;
    metrics.counts.duplicate += duplicate;
    metrics.counts.outOfBounds += outOfBounds;
    metrics.counts.exemplarOutOfOrder += exemplars;
    const tell = (what: string, dropped: number) => {
      if (dropped > 0) logger.warn(`Error on ingesting ${what}`, { num_dropped: dropped });
    };
    tell('out-of-order samples', outOfOrder);
    tell('samples with different value but same timestamp', duplicate);
    tell('samples that are too old or are too far into the future', outOfBounds);
    tell('out-of-order exemplars', exemplars);
  }

  /** Null where relabelling drops the series. */
  private labelsOf(parser: SampleParser): Labels | null {
    const { metadata } = this;
    const scraped = withNormalBounds(parser.seriesMap(), (family) => metadata.get(family)?.type);
    const family = this.options.features.typeAndUnitLabels
      ? metadata.familyOf(scraped.get(METRIC_NAME) ?? '')
      : undefined;
    try {
      return sampleLabels(
        family ? withMetadataLabels(scraped, family[1]) : scraped,
        this.options.labels,
        this.options.config,
      );
    } catch (error) {
      if (error instanceof LabelLimitExceeded) this.options.metrics.counts.labelLimits++;
      throw error;
    }
  }

  private endMissing(time: number): void {
    const { seenIn, scrape, size } = this.cache;
    for (let slot = 0; slot < size; slot++) if (seenIn[slot] !== scrape) this.endSlot(slot, time);
    for (const ref of this.inherited) this.appender.appendStale(ref, time);
    this.inherited.clear();
  }

  private endSlot(slot: number, time: number): void {
    const { cache } = this;
    if (cache.seenIn[slot] === 0) return;
    cache.seenIn[slot] = 0;
    this.appender.appendStale(cache.refs[slot], time);
  }
}
