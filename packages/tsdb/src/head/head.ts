import { type FloatHistogram, isStaleHistogram, type Labels, type Matcher, type SampleColumns } from '@avalanche/model';
import { addInterval, dropIntervals, type Intervals, NO_INTERVALS } from '../intervals.ts';
import { mergeRuns } from '../query/merge-columns.ts';
import type { Refs } from '../query/refs.ts';
import { readChunk } from '../read-chunk.ts';
import { copyInto } from './chunks.ts';
import { ObjectChunks } from './object-chunks.ts';
import { OutOfOrderSamples } from './out-of-order.ts';
import { Postings } from './postings.ts';
import { slotOf } from './series.ts';
import { ROOMY_BITS, SAMPLES_PER_CHUNK } from './series-chunks.ts';

/** What became of a sample: a code, not an exception, because it is decided once a sample. */
export const APPENDED = 0;
/** Older than the newest sample of its series. */
export const OUT_OF_ORDER = 1;
/** Same time as the newest sample, another value. */
export const DUPLICATE_TIMESTAMP = 2;
/** Older than what the head takes: half a block range behind its newest sample, or in a block already. */
export const OUT_OF_BOUNDS = 4;
/** Late by more than `out_of_order_time_window`. */
export const TOO_OLD = 5;
export type AppendOutcome =
  | typeof APPENDED
  | typeof OUT_OF_ORDER
  | typeof DUPLICATE_TIMESTAMP
  | typeof OUT_OF_BOUNDS
  | typeof TOO_OLD;

/** Series between two looks at the clock in `collect`. */
const COLLECT_STRIDE = 1024;

/** Samples as columns: `bits` holds value i as two halves, low at 2i and high at 2i+1. */
export interface HeadBatch {
  readonly refs: Uint32Array;
  /** Milliseconds since the epoch. */
  readonly times: Float64Array;
  readonly bits: Uint32Array;
  /** Where start times are stored: milliseconds, 0 where a sample has none. */
  readonly starts: Float64Array | null;
  readonly length: number;
}

/** A native histogram of a batch. */
export interface HeadHistogram {
  readonly ref: number;
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly histogram: FloatHistogram;
  /** When it began to count, for the log; 0 where that is not known. */
  readonly start: number;
}

export interface HeadStats {
  readonly series: number;
  readonly chunks: number;
  /** Milliseconds; +Infinity and -Infinity while there is no sample. */
  readonly minTime: number;
  readonly maxTime: number;
  readonly labelNames: number;
  readonly symbols: number;
}

/**
 * Everything in memory: series labels, their index, their chunks, late samples and deletions. Nothing here is an object a
 * sample, a chunk or a series.
 */
export class Head extends ObjectChunks {
  readonly postings = new Postings(this.series);
  /** How late a sample may come, in milliseconds; 0: not at all (`out_of_order_time_window`). */
  outOfOrderWindowMs = 0;
  late = new OutOfOrderSamples();
  /** Late samples that a compaction is writing to blocks. */
  lateFrozen: OutOfOrderSamples | null = null;
  /** Whether appenders take start times (`st-storage`). */
  storesStarts = false;
  /** Deleted ranges by slot. */
  readonly deleted = new Map<number, Intervals>();
  /** Samples that `judge` has refused since the start. */
  outOfOrderRefused = 0;
  outOfBoundsRefused = 0;
  tooOldRefused = 0;
  /** Series created and collected since the start. */
  seriesCreated = 0;
  seriesRemoved = 0;
  /** 1 until the first collection after the series was made: it may be waiting for its first commit. */
  private young = new Uint8Array(1024);

  get stats(): HeadStats {
    return {
      series: this.series.size,
      chunks: this.chunkCount,
      minTime: this.minTime,
      maxTime: this.maxTime,
      labelNames: this.postings.labelNames().length,
      symbols: this.series.symbols.size,
    };
  }

  /** Makes the series of these labels, which must not exist, and returns its slot. `walRef`: as in `SeriesTable.add`. */
  createSeries(labels: Labels, walRef?: number): number {
    return this.begin(this.series.add(labels, walRef));
  }

  /** As `createSeries`, of the label symbols `key[0, size)`. */
  createFromSymbols(key: Uint32Array, size: number, walRef: number): number {
    return this.begin(this.series.addSymbols(key, size, walRef));
  }

  private begin(slot: number): number {
    while (slot >= this.lastTime.length) this.growColumns();
    if (slot >= this.young.length) this.young = copyInto(new Uint8Array(this.lastTime.length), this.young);
    this.postings.add(slot);
    this.lastTime[slot] = Number.NEGATIVE_INFINITY;
    this.openCount[slot] = 0;
    this.newest[slot] = 0;
    this.young[slot] = 1;
    this.seriesCreated++;
    return slot;
  }

  /** The oldest time that an append may have, in milliseconds (upstream's appendableMinValidTime). */
  get appendableFrom(): number {
    return Math.max(this.minValidTime, this.maxTime - this.chunkRangeMs / 2);
  }

  /** How `append` would judge a sample. */
  judge(slot: number, time: number, low: number, high: number): AppendOutcome {
    const last = this.lastTime[slot];
    if (time > last && time >= this.appendableFrom) return APPENDED;
    return this.judgeLate(slot, time, low, high);
  }

  /** Adds a sample judged APPENDED; one equal to the newest is dropped. @returns whether it went to the late samples */
  append(slot: number, time: number, low: number, high: number): boolean {
    if (time <= this.lastTime[slot] || time < this.minValidTime) return this.appendLate(slot, time, low, high);
    this.appendInOrder(slot, time, low, high);
    return false;
  }

  /**
   * Adds the samples of a batch that are still wanted.
   * @returns how many went to the late samples
   */
  appendBatch(batch: HeadBatch): number {
    if (batch.starts) return this.appendStarted(batch, batch.starts);
    const { refs, times, bits, length } = batch;
    const seriesRefs = this.series.refs;
    const { lastTime, lastDelta, lastLow, lastHigh, openCount, openBits, sizeClass, cutAt, minValidTime } = this;
    let late = 0;
    let minTime = this.minTime;
    let maxTime = this.maxTime;
    for (let i = 0; i < length; i++) {
      const slot = slotOf(refs[i]);
      if (seriesRefs[slot] !== refs[i]) continue; // collected while the batch was being made
      const time = times[i];
      const low = bits[2 * i];
      const high = bits[2 * i + 1];
      if (!(time > lastTime[slot] && time >= minValidTime)) {
        if (this.appendLate(slot, time, low, high)) late++;
        continue;
      }
      const count = openCount[slot];
      if (
        low === lastLow[slot] &&
        high === lastHigh[slot] &&
        time - lastTime[slot] === lastDelta[slot] &&
        count > 1 &&
        count !== SAMPLES_PER_CHUNK / 4 - 1 &&
        count < 2 * SAMPLES_PER_CHUNK &&
        openBits[slot] < ROOMY_BITS[sizeClass[slot]] &&
        time < cutAt[slot]
      ) {
        // The same step and the same value are two zero bits, which are there already.
        openBits[slot] += 2;
        openCount[slot] = count + 1;
        lastTime[slot] = time;
      } else this.appendChanged(slot, i, times, bits);
      if (time > maxTime) maxTime = time;
      if (time < minTime) minTime = time;
    }
    this.minTime = minTime;
    this.maxTime = maxTime;
    return late;
  }

  /** As `appendBatch`, with start times; late samples go without theirs. */
  private appendStarted({ refs, times, bits, length }: HeadBatch, starts: Float64Array): number {
    let late = 0;
    for (let i = 0; i < length; i++) {
      const slot = slotOf(refs[i]);
      if (this.series.refs[slot] !== refs[i]) continue;
      const isLate = times[i] <= this.lastTime[slot] || times[i] < this.minValidTime;
      if (!isLate) this.appendWithStart(slot, times[i], bits[2 * i], bits[2 * i + 1], starts[i]);
      else if (this.appendLate(slot, times[i], bits[2 * i], bits[2 * i + 1])) late++;
    }
    return late;
  }

  /** Adds sample `i` of a batch to the chunk of its series; by index, because numbers as arguments may cost an object. */
  private appendChanged(slot: number, i: number, times: Float64Array, bits: Uint32Array): void {
    this.appendInOrder(slot, times[i], bits[2 * i], bits[2 * i + 1]);
  }

  /** Whether a histogram of this time can be appended; nothing is changed. */
  judgeHistogram(slot: number, time: number, histogram: FloatHistogram): AppendOutcome {
    const last = this.lastTime[slot];
    if (time < this.appendableFrom || time < last) return this.judgeOld(time);
    if (time > last) return APPENDED;
    const latest = this.latestHistogram(slot);
    return latest !== undefined && isSame(latest, histogram) ? APPENDED : DUPLICATE_TIMESTAMP;
  }

  /**
   * Adds the histograms of a batch that are still wanted.
   * @returns how many went to the late samples
   */
  appendHistograms(batch: readonly HeadHistogram[]): number {
    let late = 0;
    for (const { ref, time, histogram } of batch) {
      const slot = slotOf(ref);
      if (this.series.refs[slot] !== ref) continue; // collected while the batch was being made
      if (time > this.lastTime[slot] && time >= this.minValidTime) this.appendHistogramInOrder(slot, time, histogram);
      else if (this.isWantedLate(slot, time) && this.late.addHistogram(slot, time, histogram)) late++;
    }
    return late;
  }

  /** Slots of the series that satisfy every matcher, ascending; a copy. */
  select(matchers: readonly Matcher[]): Refs {
    const { refs } = this.series;
    return this.postings.select(matchers).filter((slot) => refs[slot] !== 0);
  }

  /** Whether a series never had a sample. */
  isEmpty(slot: number): boolean {
    return this.lastTime[slot] === Number.NEGATIVE_INFINITY;
  }

  /** Whether a series has a chunk or a late sample in the range. */
  hasSamples(slot: number, minTime: number, maxTime: number): boolean {
    if (this.late.overlaps(slot, minTime, maxTime)) return true;
    if (this.lateFrozen?.overlaps(slot, minTime, maxTime)) return true;
    return this.hasChunks(slot, minTime, maxTime);
  }

  /** Appends the samples of one series in the range to `into`, oldest first, and returns how many. */
  read(slot: number, minTime: number, maxTime: number, into: SampleColumns): number {
    const from = into.length;
    this.visitChunks(slot, minTime, maxTime, (bytes, start, end, _minTime, _maxTime, encoding) => {
      readChunk({ bytes, start, end, encoding }, minTime, maxTime, into);
    });
    for (const late of [this.late, this.lateFrozen]) {
      if (!late?.has(slot)) continue;
      const middle = into.length;
      late.read(slot, minTime, maxTime, into);
      mergeRuns(into, from, middle);
    }
    const deleted = this.deleted.get(slot);
    if (deleted) dropIntervals(into, from, deleted);
    return into.length - from;
  }

  /**
   * Appends the latest sample of one series in the range to `into`, and returns how many, 0 or 1. The last sample of all is
   * known without decoding its chunk; where another is asked for, all of the range are appended.
   */
  readLatest(slot: number, minTime: number, maxTime: number, into: SampleColumns): number {
    const last = this.lastTime[slot];
    const isKnown = last <= maxTime && this.openCount[slot] > 0;
    if (!isKnown || this.deleted.has(slot) || this.late.has(slot) || this.lateFrozen?.has(slot)) {
      return this.read(slot, minTime, maxTime, into);
    }
    if (last < minTime) return 0;
    into.pushBits(last, this.lastLow[slot], this.lastHigh[slot]);
    return 1;
  }

  /** Deletes the samples of a series in the range. */
  delete(slot: number, minTime: number, maxTime: number): void {
    this.deleted.set(slot, addInterval(this.deleted.get(slot) ?? NO_INTERVALS, minTime, maxTime));
  }

  /**
   * Frees chunks that end before `time`, and series left without any, unless they may wait for their first commit; a
   * chunk that `time` cuts stays whole. Yields between small pieces of work; appends may go on in between.
   * @param removed is told each series that goes
   */
  *collect(time: number, removed: (walRef: number) => void): Generator<void> {
    this.minTime = Number.POSITIVE_INFINITY;
    let oldest = Number.POSITIVE_INFINITY;
    let gone = 0;
    for (let slot = 1; slot <= this.series.highestSlot; slot++) {
      if (slot % COLLECT_STRIDE === 0) yield;
      if (this.series.refs[slot] === 0) continue;
      this.dropChunksBefore(slot, time);
      const first = this.firstTime(slot);
      if (first !== Number.POSITIVE_INFINITY) oldest = Math.min(oldest, first);
      else if (this.isYoung(slot) || this.late.has(slot) || this.lateFrozen?.has(slot)) continue;
      else {
        removed(this.series.walRefs[slot]);
        this.series.remove(slot);
        this.deleted.delete(slot);
        gone++;
      }
    }
    this.minTime = Math.min(this.minTime, oldest);
    this.forgetDeleted(time);
    this.seriesRemoved += gone;
    if (gone === 0) return;
    yield* this.postings.dropRemoved();
    this.series.tidy();
  }

  private judgeLate(slot: number, time: number, low: number, high: number): AppendOutcome {
    const last = this.lastTime[slot];
    if (time >= this.appendableFrom && time === last) {
      return this.lastLow[slot] === low && this.lastHigh[slot] === high ? APPENDED : DUPLICATE_TIMESTAMP;
    }
    return this.judgeOld(time);
  }

  /** Of a sample that cannot go on in its series. */
  private judgeOld(time: number): AppendOutcome {
    if (this.outOfOrderWindowMs > 0) {
      if (time >= this.maxTime - this.outOfOrderWindowMs) return APPENDED;
      this.tooOldRefused++;
      return TOO_OLD;
    }
    if (time >= this.appendableFrom) {
      this.outOfOrderRefused++;
      return OUT_OF_ORDER;
    }
    this.outOfBoundsRefused++;
    return OUT_OF_BOUNDS;
  }

  /** @returns whether the sample was kept */
  appendLate(slot: number, time: number, low: number, high: number): boolean {
    return this.isWantedLate(slot, time) && this.late.add(slot, time, low, high);
  }

  private isWantedLate(slot: number, time: number): boolean {
    if (time === this.lastTime[slot]) return false;
    if (this.outOfOrderWindowMs > 0) return true;
    this.outOfOrderRefused++; // late by another sample of its own batch, which `judge` could not know
    return false;
  }

  private isYoung(slot: number): boolean {
    const young = this.young[slot] === 1 && this.isEmpty(slot);
    this.young[slot] = 0;
    return young;
  }

  /** Forgets deletions that end before `time` and before all late samples: they have nothing left to hide. */
  forgetDeleted(time: number): void {
    const oldest = Math.min(time, this.late.minTime, this.lateFrozen?.minTime ?? Number.POSITIVE_INFINITY);
    for (const [slot, intervals] of this.deleted) {
      if (intervals[intervals.length - 1] < oldest) this.deleted.delete(slot);
    }
  }
}

function isSame(a: FloatHistogram, b: FloatHistogram): boolean {
  return a === b || (!isStaleHistogram(a) && !isStaleHistogram(b) && a.equals(b));
}
