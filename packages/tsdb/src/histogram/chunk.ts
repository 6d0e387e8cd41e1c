import { type CounterResetHint, FloatHistogram, NO_BUCKETS, type SampleColumns } from '@avalanche/model';
import { ENCODING_FLOAT_HISTOGRAM, ENCODING_HISTOGRAM } from '../chunk-columns.ts';
import { BitReader, InvalidChunk } from './bits.ts';
import { type ChunkLayout, readLayout } from './layout.ts';
import { XorValues } from './xor-values.ts';

/** The number of samples in two bytes, and one of flags. */
export const HEADER_BYTES = 3;
export const HINT_MASK = 0xc0;
const GAUGE_HINT = 0xc0;
/** The highest resolution that queries compute with. */
const SCHEMA_MAX = 8;

/** The data of a chunk, without length, encoding and checksum. */
export interface EncodedChunk {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  readonly encoding: number;
}

export function isHistogramEncoding(encoding: number): boolean {
  return encoding === ENCODING_HISTOGRAM || encoding === ENCODING_FLOAT_HISTOGRAM;
}

/**
 * Appends the native histograms of a chunk with minTime ≤ t ≤ maxTime to `into`, and returns how many. Those of
 * integers become ones of floats; one whose sum is the staleness marker is a staleness marker.
 *
 * As with upstream, what the chunk says of a counter reset before its first histogram is not passed on, as the chunk
 * before may be gone or another by now; within a chunk counters are known to go on.
 * @throws InvalidChunk
 */
export function readHistograms(chunk: EncodedChunk, minTime: number, maxTime: number, into: SampleColumns): number {
  const { bytes, start, end, encoding } = chunk;
  if (end - start < HEADER_BYTES) throw new InvalidChunk('a chunk without its header');
  const count = (bytes[start] << 8) | bytes[start + 1];
  if (count === 0) return 0;
  const isGauge = (bytes[start + 2] & HINT_MASK) === GAUGE_HINT;
  const before = into.length;
  const bits = new BitReader(bytes, start + HEADER_BYTES, end);
  const ofIntegers = encoding === ENCODING_HISTOGRAM;
  const layout = readLayout(bits, ofIntegers ? 1 : 64);
  const values = ofIntegers ? new IntegerValues(layout) : new FloatValues(layout);
  let time = bits.varbit();
  values.readFirst(bits);
  for (let i = 0, delta = 0; time <= maxTime; ) {
    if (time >= minTime) {
      if (values.isStale()) into.pushStale(time);
      else into.pushHistogram(time, histogramOf(layout, values, isGauge ? 'gauge' : i === 0 ? 'unknown' : 'not_reset'));
    }
    if (++i === count) break;
    delta += bits.varbit();
    if (!(time + delta > time)) throw new InvalidChunk('a chunk whose times do not ascend');
    time += delta;
    values.readNext(bits);
  }
  return into.length - before;
}

/** The numbers of one sample. */
interface SampleValues {
  readonly ofIntegers: boolean;
  readonly count: number;
  readonly zeroCount: number;
  readonly sum: number;
  /** Of the positive buckets and then of the negative ones, absolute. */
  readonly counts: Float64Array;
}

function histogramOf(layout: ChunkLayout, values: SampleValues, counterResetHint: CounterResetHint): FloatHistogram {
  const { schema, zeroThreshold, positive, negative, customValues } = layout;
  const { ofIntegers } = values;
  const { count, zeroCount, sum, counts } = values;
  const middle = positive.length;
  const histogram = new FloatHistogram({
    counterResetHint,
    schema,
    zeroThreshold,
    zeroCount,
    count,
    sum,
    positive: middle > 0 ? { indexes: positive, counts: counts.slice(0, middle) } : NO_BUCKETS,
    negative: negative.length > 0 ? { indexes: negative, counts: counts.slice(middle) } : NO_BUCKETS,
    customValues,
    ofIntegers,
  });
  return schema > SCHEMA_MAX ? histogram.reducedTo(SCHEMA_MAX) : histogram;
}

/** Counts as deltas of deltas; those of buckets are differences to the bucket before. */
class IntegerValues implements SampleValues {
  readonly ofIntegers = true;
  count = 0;
  zeroCount = 0;
  readonly counts: Float64Array;
  private countDelta = 0;
  private zeroCountDelta = 0;
  private readonly xor = new XorValues(1);
  private readonly buckets: Float64Array;
  private readonly bucketDeltas: Float64Array;
  /** Where the negative buckets begin. */
  private readonly middle: number;

  constructor({ positive, negative }: ChunkLayout) {
    const size = positive.length + negative.length;
    this.middle = positive.length;
    this.counts = new Float64Array(size);
    this.buckets = new Float64Array(size);
    this.bucketDeltas = new Float64Array(size);
  }

  get sum(): number {
    return this.xor.values[0];
  }

  isStale(): boolean {
    return this.xor.isStale(0);
  }

  readFirst(bits: BitReader): void {
    this.count = bits.uvarbit();
    this.zeroCount = bits.uvarbit();
    this.xor.readFirst(bits, 0);
    const { buckets } = this;
    for (let i = 0; i < buckets.length; i++) buckets[i] = bits.varbit();
    this.addUp();
  }

  readNext(bits: BitReader): void {
    this.countDelta += bits.varbit();
    this.count += this.countDelta;
    this.zeroCountDelta += bits.varbit();
    this.zeroCount += this.zeroCountDelta;
    this.xor.readNext(bits, 0);
    if (this.isStale()) return;
    const { buckets, bucketDeltas } = this;
    for (let i = 0; i < buckets.length; i++) {
      bucketDeltas[i] += bits.varbit();
      buckets[i] += bucketDeltas[i];
    }
    this.addUp();
  }

  private addUp(): void {
    const { buckets, counts, middle } = this;
    for (let i = 0, count = 0; i < buckets.length; i++) {
      count = i === middle ? buckets[i] : count + buckets[i];
      counts[i] = count;
    }
  }
}

/** Count, zero count, sum and the counts of the buckets, each as the XOR with the one before. */
class FloatValues implements SampleValues {
  readonly ofIntegers = false;
  readonly counts: Float64Array;
  private readonly xor: XorValues;

  constructor({ positive, negative }: ChunkLayout) {
    this.xor = new XorValues(BUCKETS_AT + positive.length + negative.length);
    this.counts = this.xor.values.subarray(BUCKETS_AT);
  }

  get count(): number {
    return this.xor.values[0];
  }

  get zeroCount(): number {
    return this.xor.values[1];
  }

  get sum(): number {
    return this.xor.values[SUM_AT];
  }

  isStale(): boolean {
    return this.xor.isStale(SUM_AT);
  }

  readFirst(bits: BitReader): void {
    for (let i = 0; i < this.xor.values.length; i++) this.xor.readFirst(bits, i);
  }

  readNext(bits: BitReader): void {
    for (let i = 0; i < BUCKETS_AT; i++) this.xor.readNext(bits, i);
    if (this.isStale()) return;
    for (let i = BUCKETS_AT; i < this.xor.values.length; i++) this.xor.readNext(bits, i);
  }
}

const SUM_AT = 2;
const BUCKETS_AT = 3;
