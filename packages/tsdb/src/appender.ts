import {
  type FloatHistogram,
  type Labels,
  NORMAL_NAN_HIGH,
  NORMAL_NAN_LOW,
  STALE_FLOAT_HISTOGRAM,
  STALE_HIGH,
  STALE_HISTOGRAM,
  STALE_LOW,
} from '@avalanche/model';
import type { Exemplar, ExemplarOutcome, ExemplarStorage } from './exemplars/storage.ts';
import { copyInto } from './head/chunks.ts';
import { APPENDED, type AppendOutcome, type Head, type HeadBatch, type HeadHistogram } from './head/head.ts';
import { slotOf } from './head/series.ts';
import type { SeriesMetadata } from './wal/records.ts';

/** The reference is not, or no longer, that of a series: look it up by its labels again. */
export const UNKNOWN_SERIES = 3;
export type Outcome = AppendOutcome | typeof UNKNOWN_SERIES;

/** Takes what an appender collected and makes it last. Implemented by the database. */
export interface CommitTarget {
  readonly head: Head;
  readonly exemplars: ExemplarStorage;
  /** The reference of the series with these labels; a new one is logged with the next commit, whosever that is. */
  seriesRef(labels: Labels): number;
  /** Logs the new series and samples, then shows the samples to readers. @throws where the log cannot be written */
  commit(batch: Batch): void;
}

/** What is committed. */
export interface Batch extends HeadBatch {
  /** What the log calls the series. */
  readonly walRefs: Float64Array;
  readonly histograms: readonly AppendedHistogram[];
  readonly exemplars: readonly AppendedExemplar[];
  readonly metadata: readonly AppendedMetadata[];
}

export interface AppendedHistogram extends HeadHistogram {
  /** How many floats of the batch came before it. */
  readonly after: number;
}

export interface AppendedExemplar {
  readonly slot: number;
  readonly exemplar: Exemplar;
}

export interface AppendedMetadata {
  readonly slot: number;
  readonly metadata: SeriesMetadata;
}

/** Columns of samples. */
class Samples {
  refs = new Uint32Array(1024);
  /** What the log calls the series. */
  walRefs = new Float64Array(1024);
  /** Milliseconds since the epoch. */
  times = new Float64Array(1024);
  /** Value bits: the low half of value i at 2i, the high half at 2i+1. */
  bits = new Uint32Array(2048);
  values = new Float64Array(this.bits.buffer);
  /** Milliseconds since the epoch, 0 where a sample has no start time; there where start times are stored. */
  starts: Float64Array | null = null;

  grow(): void {
    const size = this.refs.length * 2;
    this.refs = copyInto(new Uint32Array(size), this.refs);
    this.walRefs = copyInto(new Float64Array(size), this.walRefs);
    this.times = copyInto(new Float64Array(size), this.times);
    this.bits = copyInto(new Uint32Array(size * 2), this.bits);
    this.values = new Float64Array(this.bits.buffer);
    if (this.starts) this.starts = copyInto(new Float64Array(size), this.starts);
  }
}

const NO_SAMPLES = new Samples();
/** Columns that no batch holds now. Hundreds of appenders take turns with a few of them, which stay in the CPU's caches. */
const spare: Samples[] = [];
const SPARE_MAX = 4;
const SPARE_SAMPLES_MAX = 65_536;

/**
 * Collects the samples of one scrape or rule evaluation; nothing is visible before `commit`, which makes all of it
 * visible at once. One appender is used for one batch at a time and can be used again after commit or rollback.
 */
export class Appender implements Batch {
  length = 0;
  readonly histograms: AppendedHistogram[] = [];
  readonly exemplars: AppendedExemplar[] = [];
  /** What the log shall know of series of the batch. */
  readonly metadata: AppendedMetadata[] = [];
  private samples = NO_SAMPLES;

  constructor(private readonly target: CommitTarget) {}

  get refs(): Uint32Array {
    return this.samples.refs;
  }

  /** What the log calls the series. */
  get walRefs(): Float64Array {
    return this.samples.walRefs;
  }

  /** Milliseconds since the epoch. */
  get times(): Float64Array {
    return this.samples.times;
  }

  /** Value bits: the low half of value i at 2i, the high half at 2i+1. */
  get bits(): Uint32Array {
    return this.samples.bits;
  }

  /** Milliseconds since the epoch, 0 for none; null where start times are not stored. */
  get starts(): Float64Array | null {
    return this.samples.starts;
  }

  /** The reference of the series with these labels, created if there is none. */
  seriesRef(labels: Labels): number {
    return this.target.seriesRef(labels);
  }

  /** @param time milliseconds since the epoch */
  append(ref: number, time: number, value: number): Outcome {
    if (Number.isNaN(value)) return this.appendBits(ref, time, NORMAL_NAN_LOW, NORMAL_NAN_HIGH);
    this.reserve();
    this.samples.values[this.length] = value;
    return this.judge(ref, time);
  }

  /** As `append`, with the value of an object: a fraction passed as an argument is an object on V8's heap each time. */
  appendOf(ref: number, time: number, sample: { readonly value: number }): Outcome {
    if (Number.isNaN(sample.value)) return this.appendBits(ref, time, NORMAL_NAN_LOW, NORMAL_NAN_HIGH);
    this.reserve();
    this.samples.values[this.length] = sample.value;
    return this.judge(ref, time);
  }

  /** Gives the float that was appended last its start time, in milliseconds; without effect where they are not stored. */
  setStart(start: number): void {
    const { samples, length } = this;
    if (samples.starts && length > 0) samples.starts[length - 1] = start;
  }

  /**
   * @param time milliseconds since the epoch
   * @param start when it began to count, for the log, where start times are stored; 0 is not known
   * @throws HistogramError where the histogram contradicts itself
   */
  appendHistogram(ref: number, time: number, histogram: FloatHistogram, start = 0): Outcome {
    histogram.validate();
    return this.addHistogram(ref, time, histogram, start);
  }

  /** Appends a staleness marker: the series has ended for now. */
  appendStale(ref: number, time: number): Outcome {
    const latest = this.target.head.latestHistogram(slotOf(ref));
    if (latest) return this.addHistogram(ref, time, latest.ofIntegers ? STALE_HISTOGRAM : STALE_FLOAT_HISTOGRAM, 0);
    return this.appendBits(ref, time, STALE_LOW, STALE_HIGH);
  }

  /** Appends an exemplar to a series. */
  appendExemplar(ref: number, exemplar: Exemplar): ExemplarOutcome {
    const { head, exemplars } = this.target;
    const slot = slotOf(ref);
    const outcome = exemplars.judge(head.series.labels(slot), exemplar);
    if (outcome === 'added') this.exemplars.push({ slot, exemplar });
    return outcome;
  }

  /** Has the log say what a series is. */
  appendMetadata(ref: number, metadata: SeriesMetadata): void {
    this.metadata.push({ slot: slotOf(ref), metadata });
  }

  /** @throws the log's error, after which nothing of the batch is visible */
  commit(): void {
    try {
      this.target.commit(this);
    } finally {
      this.rollback();
    }
  }

  /** Forgets the batch. Series that it created stay: they have no samples and are collected later. */
  rollback(): void {
    const { samples } = this;
    samples.starts?.fill(0, 0, this.length);
    this.length = 0;
    this.histograms.length = 0;
    this.exemplars.length = 0;
    this.metadata.length = 0;
    this.samples = NO_SAMPLES;
    if (samples === NO_SAMPLES || samples.refs.length > SPARE_SAMPLES_MAX || spare.length === SPARE_MAX) return;
    spare.push(samples);
  }

  private addHistogram(ref: number, time: number, histogram: FloatHistogram, start: number): Outcome {
    const { head } = this.target;
    const slot = slotOf(ref);
    if (ref === 0 || head.series.refs[slot] !== ref) return UNKNOWN_SERIES;
    const outcome = head.judgeHistogram(slot, time, histogram);
    if (outcome === APPENDED) this.histograms.push({ ref, time, histogram, start, after: this.length });
    return outcome;
  }

  private appendBits(ref: number, time: number, low: number, high: number): Outcome {
    this.reserve();
    this.samples.bits[2 * this.length] = low;
    this.samples.bits[2 * this.length + 1] = high;
    return this.judge(ref, time);
  }

  private judge(ref: number, time: number): Outcome {
    const { head } = this.target;
    const { samples, length } = this;
    const slot = slotOf(ref);
    if (ref === 0 || head.series.refs[slot] !== ref) return UNKNOWN_SERIES;
    const outcome = head.judge(slot, time, samples.bits[2 * length], samples.bits[2 * length + 1]);
    if (outcome !== APPENDED) return outcome;
    samples.refs[length] = ref;
    samples.walRefs[length] = head.series.walRefs[slot];
    samples.times[length] = time;
    this.length = length + 1;
    return APPENDED;
  }

  private reserve(): void {
    if (this.samples === NO_SAMPLES) {
      this.samples = spare.pop() ?? new Samples();
      if (!this.target.head.storesStarts) this.samples.starts = null;
      else this.samples.starts ??= new Float64Array(this.samples.refs.length);
    }
    if (this.length === this.samples.refs.length) this.samples.grow();
  }
}
