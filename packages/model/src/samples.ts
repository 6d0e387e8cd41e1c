import type { FloatHistogram } from './histogram/index.ts';

/**
 * The staleness marker is one particular (signalling) NaN. A JavaScript number does not keep NaN payloads reliably, so
 * staleness is written and decided on the two 32-bit halves, before a value becomes a number (design.md 6.8).
 */
export const STALE_HIGH = 0x7ff00000;
export const STALE_LOW = 0x00000002;

/** The plain NaN that Prometheus stores for a "NaN" it has read. */
export const NORMAL_NAN_HIGH = 0x7ff80000;
export const NORMAL_NAN_LOW = 0x00000001;

/**
 * Samples of one series as two growing columns: times in milliseconds since the epoch, and values. What few series have
 * stands in columns of its own, which are null for all others: one look per series tells.
 * The owner reuses it between reads; a view into it is valid until the next read.
 */
export class SampleColumns {
  /** Milliseconds since the epoch, ascending. */
  t: Float64Array;
  v: Float64Array;
  /** The bits of `v`: the low half of value i at 2i, the high half at 2i+1 (little endian). */
  bits: Uint32Array;
  /** How many samples are valid. */
  length = 0;
  /** The samples that are native histograms, at their index; `v` says nothing there. Null as long as there is none. */
  histograms: (FloatHistogram | undefined)[] | null = null;
  /** Start timestamps in milliseconds since the epoch; 0 where there is none. Null as long as no sample has one. */
  starts: Float64Array | null = null;

  constructor(capacity = 256) {
    this.t = new Float64Array(capacity);
    this.v = new Float64Array(capacity);
    this.bits = new Uint32Array(this.v.buffer);
  }

  /** Makes room for `capacity` samples, keeping those already there. */
  reserve(capacity: number): void {
    if (capacity <= this.t.length) return;
    const size = Math.max(capacity, this.t.length * 2);
    const t = new Float64Array(size);
    const bits = new Uint32Array(size * 2);
    t.set(this.t.subarray(0, this.length));
    bits.set(this.bits.subarray(0, this.length * 2));
    this.t = t;
    this.bits = bits;
    this.v = new Float64Array(bits.buffer);
    if (this.starts === null) return;
    const starts = new Float64Array(size);
    starts.set(this.starts.subarray(0, this.length));
    this.starts = starts;
  }

  /** Takes all samples away. (Where there are only floats, setting `length` to 0 does it.) */
  clear(): void {
    this.length = 0;
    this.histograms = null;
    this.starts = null;
  }

  push(t: number, v: number): void {
    if (this.length === this.t.length) this.reserve(this.length + 1);
    this.t[this.length] = t;
    this.v[this.length++] = v;
  }

  pushBits(t: number, low: number, high: number): void {
    if (this.length === this.t.length) this.reserve(this.length + 1);
    this.t[this.length] = t;
    this.bits[2 * this.length] = low;
    this.bits[2 * this.length + 1] = high;
    this.length++;
  }

  pushStale(t: number): void {
    this.pushBits(t, STALE_LOW, STALE_HIGH);
  }

  pushHistogram(t: number, histogram: FloatHistogram): void {
    this.histograms ??= [];
    this.histograms[this.length] = histogram;
    this.push(t, 0);
  }

  /** Gives the last sample a start timestamp. */
  setStart(start: number): void {
    this.starts ??= new Float64Array(this.t.length);
    this.starts[this.length - 1] = start;
  }

  isStale(i: number): boolean {
    return this.bits[2 * i + 1] === STALE_HIGH && this.bits[2 * i] === STALE_LOW;
  }
}
