import {
  compareStrings,
  formatG,
  HistogramError,
  Labels,
  type Logger,
  METRIC_NAME,
  nextTurn,
  SampleColumns,
  STALE_HIGH,
  STALE_LOW,
  turnIsOver,
} from '@avalanche/model';
import {
  APPENDED,
  type Appender,
  DUPLICATE_TIMESTAMP,
  OUT_OF_BOUNDS,
  OUT_OF_ORDER,
  type Outcome,
  slotOf,
  type Tsdb,
} from '@avalanche/tsdb';
import { type SentHistogram, UnusableHistogram } from '../proto/histogram.ts';
import { METRIC_TYPES, WRITE_V1, type WriteMessage } from '../proto/messages.ts';
import { decodeSymbols, decodeV1, decodeV2 } from './decode.ts';
import { GivenLabels } from './labels.ts';
import type { ReceivedExemplar, ReceivedSeries } from './series.ts';

/** How far ahead of ours a sample's time may be (upstream's value). */
const AHEAD_MAX_MS = 10 * 60_000;

/** Reasons are told up to this many; upstream tells all, which for a full request is a body of megabytes. */
const REASONS_MAX = 100;

/** What `--enable-feature` switches on of receiving. */
export interface ReceiveFeatures {
  /** `metadata-wal-records` */
  readonly metadataRecords?: boolean;
  /** `created-timestamp-zero-ingestion` */
  readonly startTimeZeros?: boolean;
  /** `st-storage` */
  readonly startTimes?: boolean;
  /** `type-and-unit-labels` */
  readonly typeAndUnitLabels?: boolean;
}

export interface StoreOptions {
  readonly tsdb: Tsdb;
  readonly logger: Logger;
  readonly features: ReceiveFeatures;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** What became of a request. */
export interface Stored {
  samples: number;
  histograms: number;
  exemplars: number;
  /** Samples of series whose labels were refused. */
  invalidLabels: number;
  /** Why something was not written; empty where all was. */
  readonly reasons: string[];
  /** Reasons beyond those that are told. */
  untold: number;
}

/**
 * Writes what is good of a request, and says what is not and why. What is written is in the log when it returns.
 * @throws ProtoError where the bytes are no such message, or the log's error; nothing is written then
 */
export async function storeRequest(bytes: Uint8Array, message: WriteMessage, options: StoreOptions): Promise<Stored> {
  const appender = options.tsdb.appender();
  const symbols = message === WRITE_V1 ? undefined : decodeSymbols(bytes);
  const request = new RequestStore(options, appender, symbols);
  try {
    for (const series of symbols ? decodeV2(bytes) : decodeV1(bytes)) {
      request.add(series);
      if (turnIsOver()) await nextTurn();
    }
    appender.commit();
  } catch (error) {
    appender.rollback();
    throw error;
  }
  request.tell();
  return request.stored;
}

/** Appends the series of one request. */
class RequestStore {
  readonly stored: Stored = { samples: 0, histograms: 0, exemplars: 0, invalidLabels: 0, reasons: [], untold: 0 };
  private readonly timeMax: number;
  private lateExemplars = 0;

  constructor(
    private readonly options: StoreOptions,
    private readonly appender: Appender,
    /** Of 2.0. */
    private readonly table: ReturnType<typeof decodeSymbols> | undefined,
  ) {
    this.timeMax = options.now() + AHEAD_MAX_MS;
  }

  add(series: ReceivedSeries): void {
    const pairs = this.pairsOf(series);
    if (!pairs) return;
    const labels = this.labelsOf(pairs, series);
    if (!labels) return;
    if (this.table && series.length === 0 && series.histograms.length === 0) {
      this.refuse(() => `TimeSeries must contain at least one sample or histogram for series ${GivenLabels.of(pairs)}`);
      return;
    }
    if (series.length + series.histograms.length + series.exemplars.length === 0) return;
    const ref = this.appender.seriesRef(this.withTypeAndUnit(labels, series));
    for (let i = 0; i < series.length; i++) this.addSample(ref, series, i, pairs);
    for (const histogram of series.histograms) this.addHistogram(ref, histogram, pairs);
    for (const exemplar of series.exemplars) this.addExemplar(ref, exemplar, pairs);
    if (this.table && this.options.features.metadataRecords) {
      this.appender.appendMetadata(ref, this.metadataOf(series));
    }
  }

  /** Says in the log what was dropped without the sender being told. */
  tell(): void {
    const { logger } = this.options;
    if (this.lateExemplars > 0) {
      logger.warn('Error on ingesting out-of-order exemplars', { num_dropped: this.lateExemplars });
    }
  }

  /** Names and values in turn, valid until the next series; undefined where references lead nowhere. */
  private pairsOf(series: ReceivedSeries): readonly string[] | undefined {
    const { table } = this;
    if (!table) return series.pairs;
    const refs = series.labelRefs;
    const { symbols, illFormed } = table;
    const problem = problemOfRefs(refs, symbols.length);
    if (problem) {
      this.refuse(() => `parsing labels for series [${refs.join(' ')}]: ${problem}`);
      this.stored.invalidLabels += series.length + series.histograms.length;
      return undefined;
    }
    const outside = this.problemOfMetadata(series);
    if (outside) {
      this.refuse(() => `parsing metadata for series [${refs.join(' ')}]: ${outside}`);
      return undefined;
    }
    if (illFormed.size > 0 && refs.some((ref) => illFormed.has(ref))) series.isIllFormed = true;
    const { pairs } = series;
    for (const ref of refs) pairs.push(symbols[ref]);
    return pairs;
  }

  private problemOfMetadata({ unitRef, helpRef }: ReceivedSeries): string | undefined {
    const { length } = (this.table as ReturnType<typeof decodeSymbols>).symbols;
    const outside = (name: string, ref: number) => `metadata ${name} ${ref} outside of symbols table (size ${length})`;
    if (unitRef > 0 && unitRef >= length) return outside('unit_ref', unitRef);
    return helpRef > 0 && helpRef >= length ? outside('help_ref', helpRef) : undefined;
  }

  /** Undefined where the labels are wrong; 1.0 passes over such series in silence, as upstream has it. */
  private labelsOf(pairs: readonly string[], series: ReceivedSeries): Labels | undefined {
    // What senders send: sorted, without empty values.
    if (!series.isIllFormed && isWellFormed(pairs)) return Labels.fromSortedPairs(pairs.slice());
    const given = GivenLabels.of(pairs);
    const duplicate = given.duplicateName;
    if (given.isValid && !series.isIllFormed && duplicate === undefined) return given.toLabels();
    const { table } = this;
    const { logger } = this.options;
    this.stored.invalidLabels += table ? series.length + series.histograms.length : 1;
    if (!given.isValid || series.isIllFormed) {
      if (table) this.refuse(() => `invalid metric name or labels, got ${given}`);
      else logger.warn('Invalid metric names or labels', { got: given.toString() });
    } else if (table) {
      this.refuse(() => `invalid labels for series, labels ${given}, duplicated label ${duplicate}`);
    } else {
      logger.warn('Invalid labels for series.', { labels: given.toString(), duplicated_label: duplicate });
    }
    return undefined;
  }

  private withTypeAndUnit(labels: Labels, series: ReceivedSeries): Labels {
    const { table } = this;
    if (!table || !this.options.features.typeAndUnitLabels) return labels;
    const { type, unit } = this.metadataOf(series);
    if (type === 'unknown' && unit === '') return labels;
    return labels.with({ __type__: type === 'unknown' ? '' : type, __unit__: unit });
  }

  private metadataOf(series: ReceivedSeries) {
    const { symbols } = this.table as ReturnType<typeof decodeSymbols>;
    return {
      type: METRIC_TYPES[series.metricType] ?? 'unknown',
      unit: symbols[series.unitRef] ?? '',
      help: symbols[series.helpRef] ?? '',
    };
  }

  private addSample(ref: number, series: ReceivedSeries, i: number, pairs: readonly string[]): void {
    const time = series.times[i];
    this.addStart(ref, series.startTimes[i], time);
    const isAhead = time > this.timeMax;
    const outcome = isAhead ? OUT_OF_BOUNDS : this.append(ref, series, i);
    if (outcome === APPENDED) {
      this.stored.samples++;
      if (this.options.features.startTimes) this.appender.setStart(series.startTimes[i]);
      return;
    }
    const reason = isAhead
      ? 'out of bounds: timestamp is too far in the future'
      : this.reasonOf(outcome, ref, series, i);
    this.refuse(() => (this.table ? `${reason} for series ${GivenLabels.of(pairs)}` : reason));
  }

  private addHistogram(ref: number, sent: SentHistogram | UnusableHistogram, pairs: readonly string[]): void {
    const reason = sent instanceof UnusableHistogram ? sent.message : this.appendHistogram(ref, sent);
    if (reason === '') this.stored.histograms++;
    else this.refuse(() => (this.table ? `${reason} for series ${GivenLabels.of(pairs)}` : reason));
  }

  /** @returns why it was not taken, or '' */
  private appendHistogram(ref: number, { time, start, histogram }: SentHistogram): string {
    if (time > this.timeMax) return 'out of bounds: timestamp is too far in the future';
    const { appender } = this;
    try {
      if (this.beganBefore(start, time)) appender.appendHistogram(ref, start, histogram.atStart());
      const outcome = appender.appendHistogram(ref, time, histogram, this.options.features.startTimes ? start : 0);
      return outcome === APPENDED ? '' : (REFUSED[outcome] ?? 'too old sample');
    } catch (error) {
      if (error instanceof HistogramError) return error.message;
      throw error;
    }
  }

  private append(ref: number, series: ReceivedSeries, i: number): Outcome {
    const { appender } = this;
    const time = series.times[i];
    if (series.bits[2 * i] === STALE_LOW && series.bits[2 * i + 1] === STALE_HIGH)
      return appender.appendStale(ref, time);
    return appender.append(ref, time, series.values[i]);
  }

  /** A zero where the counter began, where that can still be written. */
  private addStart(ref: number, start: number, time: number): void {
    if (this.beganBefore(start, time)) this.appender.append(ref, start, 0);
  }

  private beganBefore(start: number, time: number): boolean {
    return (this.options.features.startTimeZeros ?? false) && start !== 0 && time !== 0 && start < time;
  }

  private addExemplar(ref: number, received: ReceivedExemplar, pairs: readonly string[]): void {
    const labels = this.exemplarLabels(received, pairs);
    if (!labels) return;
    const { time, value } = received;
    if (time > this.timeMax) return;
    const outcome = this.appender.appendExemplar(ref, { labels, value, time, hasTime: true });
    if (outcome === 'added' || outcome === 'known') this.stored.exemplars++;
    else if (outcome === 'out of order') {
      this.lateExemplars++;
      // The message of 1.0 has no way to say it.
      if (this.table) this.refuse(() => `out of order exemplar for series ${GivenLabels.of(pairs)}`);
    }
  }

  private exemplarLabels({ pairs, labelRefs }: ReceivedExemplar, seriesPairs: readonly string[]): Labels | undefined {
    if (!this.table) return GivenLabels.of(pairs).toLabels();
    const { symbols } = this.table;
    const problem = problemOfRefs(labelRefs, symbols.length);
    if (!problem) return GivenLabels.of(labelRefs.map((ref) => symbols[ref])).toLabels();
    this.refuse(() => `parsing exemplar for series ${GivenLabels.of(seriesPairs)}: ${problem}`);
    return undefined;
  }

  private reasonOf(outcome: Outcome, ref: number, series: ReceivedSeries, i: number): string {
    if (outcome === OUT_OF_ORDER) return 'out of order sample';
    if (outcome === OUT_OF_BOUNDS) return 'out of bounds';
    if (outcome !== DUPLICATE_TIMESTAMP) return 'too old sample';
    const columns = new SampleColumns();
    this.options.tsdb.head.readLatest(slotOf(ref), series.times[i], series.times[i], columns);
    const existing = columns.histograms?.[0] ? 'is a histogram' : formatG(columns.v[0]);
    const values = `existing ${existing}, new value ${formatG(series.values[i])}`;
    return `duplicate sample for timestamp ${series.times[i]}; overrides not allowed: ${values}`;
  }

  private refuse(reason: () => string): void {
    const { reasons } = this.stored;
    if (reasons.length < REASONS_MAX) reasons.push(reason());
    else this.stored.untold++;
  }
}

/** Whether the labels are as storage has them: in order, each once, none empty, with a metric name. */
function isWellFormed(pairs: readonly string[]): boolean {
  let hasMetricName = false;
  for (let i = 0; i < pairs.length; i += 2) {
    if (pairs[i] === '' || pairs[i + 1] === '') return false;
    if (i > 0 && compareStrings(pairs[i - 2], pairs[i]) >= 0) return false;
    if (pairs[i] === METRIC_NAME) hasMetricName = true;
  }
  return hasMetricName;
}

/** Why references to labels cannot be followed, in upstream's words. */
function problemOfRefs(refs: readonly number[], symbolCount: number): string | undefined {
  if (refs.length % 2 !== 0) return `invalid labelRefs length ${refs.length}`;
  for (let i = 0; i < refs.length; i += 2) {
    if (refs[i] < symbolCount && refs[i + 1] < symbolCount) continue;
    return `labelRefs ${refs[i]} (name) = ${refs[i + 1]} (value) outside of symbols table (size ${symbolCount})`;
  }
  return undefined;
}

const REFUSED: Readonly<Record<number, string>> = {
  [OUT_OF_ORDER]: 'out of order sample',
  [OUT_OF_BOUNDS]: 'out of bounds',
  [DUPLICATE_TIMESTAMP]: 'duplicate sample for timestamp',
};
