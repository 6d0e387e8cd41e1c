import type { FloatHistogram, Labels } from '@avalanche/model';
import type { WalPosition } from '@avalanche/tsdb';
import type { RemoteSeries } from './series.ts';

export interface PendingExemplar {
  readonly series: RemoteSeries;
  readonly labels: Labels;
  /** Milliseconds since the epoch. */
  readonly time: number;
  /** The two halves of the value's bits. */
  readonly low: number;
  readonly high: number;
}

export interface PendingHistogram {
  readonly series: RemoteSeries;
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly histogram: FloatHistogram;
  /** When it began to count, in milliseconds since the epoch; 0 where that is not known. */
  readonly start: number;
}

/** Samples, histograms and exemplars that are sent in one request, as columns. */
export class Batch {
  /** How many samples there are. */
  length = 0;
  readonly series: RemoteSeries[] = [];
  /** Milliseconds since the epoch. */
  readonly times: Float64Array;
  /** Value bits: the low half of value i at 2i, the high half at 2i+1. */
  readonly bits: Uint32Array;
  /** When samples began to count, in milliseconds since the epoch; null as long as none of them says it. */
  starts: Float64Array | null = null;
  readonly histograms: PendingHistogram[] = [];
  readonly exemplars: PendingExemplar[] = [];
  /** The sample of the same series that follows; -1 where none does. For whoever encodes. */
  readonly next: Int32Array;
  /** In the log, behind the last that was added. */
  segment = 0;
  offset = 0;
  item = 0;
  /** When the first was added, by the monotonic clock in milliseconds. */
  begunAt = 0;

  /** @param capacity samples, histograms and exemplars together */
  constructor(private readonly capacity: number) {
    this.times = new Float64Array(capacity);
    this.bits = new Uint32Array(2 * capacity);
    this.next = new Int32Array(capacity);
  }

  /** Samples, histograms and exemplars. */
  get count(): number {
    return this.length + this.histograms.length + this.exemplars.length;
  }

  get isFull(): boolean {
    return this.count >= this.capacity;
  }

  /** The place in the log behind what is in here. */
  get end(): WalPosition {
    return { segment: this.segment, offset: this.offset, item: this.item };
  }

  addSample(series: RemoteSeries, time: number, low: number, high: number): void {
    const i = this.length++;
    this.series[i] = series;
    this.times[i] = time;
    this.bits[2 * i] = low;
    this.bits[2 * i + 1] = high;
  }

  /** Of the sample that was added last. */
  setStart(start: number): void {
    this.starts ??= new Float64Array(this.capacity);
    this.starts[this.length - 1] = start;
  }

  reset(): void {
    this.starts?.fill(0);
    this.length = 0;
    this.series.length = 0;
    this.histograms.length = 0;
    this.exemplars.length = 0;
  }
}
