import { type Labels, NORMAL_NAN_HIGH, NORMAL_NAN_LOW, STALE_HIGH, STALE_LOW } from '@avalanche/model';
import { APPENDED, type AppendOutcome, type Head } from './head/head.ts';
import { slotOf } from './head/series.ts';

/** The reference is not, or no longer, that of a series: look it up by its labels again. */
export const UNKNOWN_SERIES = 3;
export type Outcome = AppendOutcome | typeof UNKNOWN_SERIES;

/** Takes what an appender collected and makes it last. Implemented by the database. */
export interface CommitTarget {
  readonly head: Head;
  /** The reference of the series with these labels; a new one is logged with the next commit, whosever that is. */
  seriesRef(labels: Labels): number;
  /** Logs the new series and samples, then shows the samples to readers. @throws where the log cannot be written */
  commit(batch: Appender): void;
}

/**
 * Collects the samples of one scrape or rule evaluation; nothing is visible before `commit`, which makes all of it
 * visible at once. One appender is used for one batch at a time and can be used again after commit or rollback.
 */
export class Appender {
  refs = new Float64Array(256);
  /** What the log calls the series. */
  walRefs = new Float64Array(256);
  /** Milliseconds since the epoch. */
  times = new Float64Array(256);
  /** Value bits: the low half of value i at 2i, the high half at 2i+1. */
  bits = new Uint32Array(512);
  length = 0;
  private values = new Float64Array(this.bits.buffer);

  constructor(private readonly target: CommitTarget) {}

  /** The reference of the series with these labels, created if there is none. */
  seriesRef(labels: Labels): number {
    return this.target.seriesRef(labels);
  }

  /** @param time milliseconds since the epoch */
  append(ref: number, time: number, value: number): Outcome {
    if (Number.isNaN(value)) return this.appendBits(ref, time, NORMAL_NAN_LOW, NORMAL_NAN_HIGH);
    this.reserve();
    this.values[this.length] = value;
    return this.judge(ref, time);
  }

  /** Appends a staleness marker: the series has ended for now. */
  appendStale(ref: number, time: number): Outcome {
    return this.appendBits(ref, time, STALE_LOW, STALE_HIGH);
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
    this.length = 0;
  }

  private appendBits(ref: number, time: number, low: number, high: number): Outcome {
    this.reserve();
    this.bits[2 * this.length] = low;
    this.bits[2 * this.length + 1] = high;
    return this.judge(ref, time);
  }

  private judge(ref: number, time: number): Outcome {
    const { head } = this.target;
    const slot = slotOf(ref);
    if (ref === 0 || head.series.refs[slot] !== ref) return UNKNOWN_SERIES;
    const at = this.length;
    const outcome = head.judge(slot, time, this.bits[2 * at], this.bits[2 * at + 1]);
    if (outcome !== APPENDED) return outcome;
    this.refs[at] = ref;
    this.walRefs[at] = head.series.walRefs[slot];
    this.times[at] = time;
    this.length = at + 1;
    return APPENDED;
  }

  private reserve(): void {
    if (this.length < this.refs.length) return;
    const size = this.refs.length * 2;
    const refs = new Float64Array(size);
    const walRefs = new Float64Array(size);
    const times = new Float64Array(size);
    const bits = new Uint32Array(size * 2);
    refs.set(this.refs);
    walRefs.set(this.walRefs);
    times.set(this.times);
    bits.set(this.bits);
    this.refs = refs;
    this.walRefs = walRefs;
    this.times = times;
    this.bits = bits;
    this.values = new Float64Array(bits.buffer);
  }
}
