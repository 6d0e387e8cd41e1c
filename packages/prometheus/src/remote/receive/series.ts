import type { SentHistogram, UnusableHistogram } from '../proto/histogram.ts';

/** An exemplar as it came: the labels as names and values in turn (1.0), or as references to symbols (2.0). */
export interface ReceivedExemplar {
  readonly pairs: readonly string[];
  readonly labelRefs: readonly number[];
  readonly value: number;
  /** Milliseconds since the epoch. */
  readonly time: number;
}

/** One series of a request with its samples as columns; one object is filled again and again. */
export class ReceivedSeries {
  /** Of 1.0: names and values in turn, as they came. */
  readonly pairs: string[] = [];
  /** Of 2.0: references to symbols, names and values in turn. */
  readonly labelRefs: number[] = [];
  /** Whether a text was not UTF-8. */
  isIllFormed = false;
  /** How many samples there are. */
  length = 0;
  /** Milliseconds since the epoch. */
  times = new Float64Array(16);
  /** When the counter began, in milliseconds since the epoch; 0 where it is not said. */
  startTimes = new Float64Array(16);
  /** Value bits: the low half of value i at 2i, the high half at 2i+1. */
  bits = new Uint32Array(32);
  values = new Float64Array(this.bits.buffer);
  readonly exemplars: ReceivedExemplar[] = [];
  /** The native histograms, those that cannot be used too. */
  readonly histograms: (SentHistogram | UnusableHistogram)[] = [];
  /** Of 2.0. */
  metricType = 0;
  helpRef = 0;
  unitRef = 0;

  reset(): void {
    this.pairs.length = 0;
    this.labelRefs.length = 0;
    this.isIllFormed = false;
    this.length = 0;
    this.exemplars.length = 0;
    this.histograms.length = 0;
    this.metricType = 0;
    this.helpRef = 0;
    this.unitRef = 0;
  }

  /** Room for one more sample, zero in every column. @returns its index */
  add(): number {
    const i = this.length++;
    if (i === this.times.length) this.grow();
    this.times[i] = 0;
    this.startTimes[i] = 0;
    this.values[i] = 0;
    return i;
  }

  private grow(): void {
    const { times, startTimes, values } = this;
    const size = times.length * 4;
    this.times = new Float64Array(size);
    this.startTimes = new Float64Array(size);
    this.bits = new Uint32Array(2 * size);
    this.values = new Float64Array(this.bits.buffer);
    this.times.set(times);
    this.startTimes.set(startTimes);
    // As bits: a NaN may lose its payload on the way through a number.
    this.bits.set(new Uint32Array(values.buffer));
  }
}
