import {
  type Buckets,
  FloatHistogram,
  isStaleHistogram,
  NORMAL_NAN_HIGH,
  NORMAL_NAN_LOW,
  SampleColumns,
  STALE_FLOAT_HISTOGRAM,
  STALE_HIGH,
  STALE_HISTOGRAM,
  STALE_LOW,
  sameBounds,
  sameLayout,
} from '@avalanche/model';
import { ENCODING_FLOAT_HISTOGRAM, ENCODING_HISTOGRAM } from '../chunk-columns.ts';
import { BitWriter } from './bits.ts';
import { type EncodedChunk, HEADER_BYTES, HINT_MASK, readHistograms } from './chunk.ts';
import { type ChunkLayout, writeLayout } from './layout.ts';
import { XorWriter } from './xor-values.ts';

/** What the third byte of a chunk says of a counter reset before its first histogram. */
export const UNKNOWN_RESET = 0x00;
export const NO_RESET = 0x40;
export const RESET = 0x80;
export const GAUGE = 0xc0;
/** `judge`: the histogram can go on in the chunk; all else is the header of the next one. */
export const FITS = -1;
/** The number of samples is in two bytes. */
export const CHUNK_SAMPLES_MAX = 0xffff;

const NOTHING = new FloatHistogram();

/** The encoding that a histogram is stored in. */
export function encodingOf({ ofIntegers }: FloatHistogram): number {
  return ofIntegers ? ENCODING_HISTOGRAM : ENCODING_FLOAT_HISTOGRAM;
}

/** The header of a chunk before which nothing is known. */
export function headerOfFirst({ counterResetHint }: FloatHistogram): number {
  if (counterResetHint === 'gauge') return GAUGE;
  return counterResetHint === 'reset' ? RESET : UNKNOWN_RESET;
}

/**
 * A chunk of native histograms in the making (upstream's HistogramAppender and FloatHistogramAppender): what the first
 * histogram has of buckets is the layout, which grows, with all of the chunk written anew, when one has more.
 */
export class HistogramEncoder {
  count = 0;
  /** Milliseconds; of the last histogram. */
  time = 0;
  private bits = new BitWriter();
  private layout = layoutOf(NOTHING);
  private timeDelta = 0;
  private numbers: NumberWriter = new FloatWriter(0);
  private last = STALE_FLOAT_HISTOGRAM;
  private isLastStale = false;

  /**
   * @param encoding of integers or of floats; all histograms that are added must be so
   * @param header one of `UNKNOWN_RESET` …
   */
  constructor(
    readonly encoding: number,
    private readonly header: number,
  ) {}

  /** Goes on with a chunk that was written before. @throws InvalidChunk */
  static resume(chunk: EncodedChunk): HistogramEncoder {
    const encoder = new HistogramEncoder(chunk.encoding, chunk.bytes[chunk.start + 2] & HINT_MASK);
    const samples = samplesOf(chunk);
    encoder.begin(layoutOf(samples.histograms?.[0] ?? NOTHING));
    encoder.writeAll(samples);
    return encoder;
  }

  /** The chunk so far is `bytes[0, size)`; valid until the next `append`. */
  get bytes(): Uint8Array {
    const { bytes } = this.bits;
    bytes[0] = this.count >>> 8;
    bytes[1] = this.count & 0xff;
    bytes[2] = this.header;
    return bytes;
  }

  get size(): number {
    return this.bits.size;
  }

  /** The header of the next chunk, where this one ends before a histogram that would have fit. */
  get nextHeader(): number {
    return this.header === GAUGE ? GAUGE : NO_RESET;
  }

  /** The last histogram; a staleness marker by identity. */
  get latest(): FloatHistogram {
    return this.last;
  }

  /** Whether a histogram can go on here, or with which header the next chunk begins (upstream's `appendable`). */
  judge(histogram: FloatHistogram): number {
    if (isStaleHistogram(histogram)) return FITS;
    if (histogram.counterResetHint === 'gauge') return this.canGoOn(histogram) ? FITS : GAUGE;
    if (this.header === GAUGE) return UNKNOWN_RESET;
    if (histogram.counterResetHint === 'reset') return RESET;
    if (this.isLastStale) return UNKNOWN_RESET;
    const { last, layout } = this;
    if (histogram.count < last.count) return RESET;
    if (histogram.schema !== layout.schema || histogram.zeroThreshold !== layout.zeroThreshold) return UNKNOWN_RESET;
    if (!sameBounds(histogram.customValues, layout.customValues) || histogram.zeroCount < last.zeroCount) return RESET;
    const hasFallen = fell(last.positive, histogram.positive) || fell(last.negative, histogram.negative);
    return hasFallen ? RESET : FITS;
  }

  /** Adds a histogram that is judged `FITS`, or the first. Times must ascend. */
  append(time: number, histogram: FloatHistogram): void {
    if (this.count === 0) this.begin(layoutOf(histogram));
    else if (!isStaleHistogram(histogram)) this.makeRoom(histogram);
    this.write(time, histogram);
  }

  private write(time: number, histogram: FloatHistogram): void {
    const isStale = isStaleHistogram(histogram);
    const isFirst = this.count === 0;
    const { numbers, bits, layout } = this;
    const delta = isFirst ? 0 : time - this.time;
    bits.varbit(isFirst ? time : delta - this.timeDelta);
    numbers.write(bits, isFirst, isStale ? undefined : histogram, layout);
    this.timeDelta = delta;
    this.time = time;
    this.count++;
    this.isLastStale = isStale;
    this.last = histogram;
  }

  private canGoOn({ schema, zeroThreshold, customValues }: FloatHistogram): boolean {
    const { layout } = this;
    return (
      this.header === GAUGE &&
      !this.isLastStale &&
      schema === layout.schema &&
      zeroThreshold === layout.zeroThreshold &&
      sameBounds(customValues, layout.customValues)
    );
  }

  private begin(layout: ChunkLayout): void {
    this.layout = layout;
    this.bits = new BitWriter();
    for (let i = 0; i < HEADER_BYTES; i++) this.bits.bits(0, 8);
    writeLayout(this.bits, layout);
    const size = layout.positive.length + layout.negative.length;
    this.numbers = this.encoding === ENCODING_HISTOGRAM ? new IntegerWriter(size) : new FloatWriter(size);
    this.count = 0;
  }

  /** Writes the chunk anew where the histogram has buckets that it has not. */
  private makeRoom({ positive, negative }: FloatHistogram): void {
    const { layout } = this;
    const wider = union(layout.positive, positive.indexes);
    const widerNegative = union(layout.negative, negative.indexes);
    if (wider === layout.positive && widerNegative === layout.negative) return;
    const { encoding, size } = this;
    const written = samplesOf({ bytes: this.bytes, start: 0, end: size, encoding });
    this.begin({ ...layout, positive: wider, negative: widerNegative });
    this.writeAll(written);
  }

  private writeAll({ t, histograms, length }: SampleColumns): void {
    const stale = this.encoding === ENCODING_HISTOGRAM ? STALE_HISTOGRAM : STALE_FLOAT_HISTOGRAM;
    for (let i = 0; i < length; i++) this.write(t[i], histograms?.[i] ?? stale);
  }
}

function samplesOf(chunk: EncodedChunk): SampleColumns {
  const samples = new SampleColumns(16);
  readHistograms(chunk, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, samples);
  return samples;
}

function layoutOf({ schema, zeroThreshold, positive, negative, customValues }: FloatHistogram): ChunkLayout {
  return { schema, zeroThreshold, positive: positive.indexes, negative: negative.indexes, customValues };
}

/** Whether a bucket has less than before, or is gone although it was populated. */
function fell(before: Buckets, now: Buckets): boolean {
  const { indexes, counts } = now;
  if (sameLayout(before.indexes, indexes)) {
    for (let i = 0; i < counts.length; i++) if (counts[i] < before.counts[i]) return true;
    return false;
  }
  let at = 0;
  for (let i = 0; i < before.indexes.length; i++) {
    while (at < indexes.length && indexes[at] < before.indexes[i]) at++;
    const count = indexes[at] === before.indexes[i] ? counts[at] : 0;
    if (count < before.counts[i]) return true;
  }
  return false;
}

/** The indexes in either, ascending; `a` itself where `b` has none that it has not. */
function union(a: Int32Array, b: Int32Array): Int32Array {
  if (sameLayout(a, b)) return a;
  const merged = new Int32Array(a.length + b.length);
  let size = 0;
  for (let i = 0, j = 0; i < a.length || j < b.length; size++) {
    const takesA = j === b.length || (i < a.length && a[i] <= b[j]);
    if (takesA && j < b.length && a[i] === b[j]) j++;
    merged[size] = takesA ? a[i++] : b[j++];
  }
  return size === a.length ? a : merged.slice(0, size);
}

/** Puts the counts of buckets where a layout has them: `into[at, at + indexes.length)`, 0 for those that are not there. */
function place({ indexes, counts }: Buckets, layout: Int32Array, into: Float64Array, at: number): void {
  if (sameLayout(indexes, layout)) {
    into.set(counts, at);
    return;
  }
  for (let i = 0, j = 0; i < layout.length; i++) into[at + i] = indexes[j] === layout[i] ? counts[j++] : 0;
}

/** The numbers of one histogram after the other. */
interface NumberWriter {
  /** @param histogram undefined for a staleness marker, of which only the sum is written */
  write(bits: BitWriter, isFirst: boolean, histogram: FloatHistogram | undefined, layout: ChunkLayout): void;
}

const SUM = 2;
const float = new Float64Array(1);
const halves = new Uint32Array(float.buffer);

/** Number `i` of a series of floats that are stored as XOR with the one before. */
function writeNumber(xor: XorWriter, bits: BitWriter, isFirst: boolean, i: number, value: number): void {
  float[0] = value;
  const isNumber = !Number.isNaN(value);
  const high = isNumber ? halves[1] : NORMAL_NAN_HIGH;
  const low = isNumber ? halves[0] : NORMAL_NAN_LOW;
  if (isFirst) xor.first(bits, i, high, low);
  else xor.next(bits, i, high, low);
}

function writeSum(xor: XorWriter, bits: BitWriter, isFirst: boolean, i: number, of: FloatHistogram | undefined): void {
  if (of) writeNumber(xor, bits, isFirst, i, of.sum);
  else if (isFirst) xor.first(bits, i, STALE_HIGH, STALE_LOW);
  else xor.next(bits, i, STALE_HIGH, STALE_LOW);
}

/** Counts as deltas of deltas; those of buckets are differences to the bucket before. */
class IntegerWriter implements NumberWriter {
  private readonly xor = new XorWriter(1);
  private count = 0;
  private zeroCount = 0;
  private countDelta = 0;
  private zeroCountDelta = 0;
  private readonly counts: Float64Array;
  private readonly buckets: Float64Array;
  private readonly deltas: Float64Array;

  constructor(size: number) {
    this.counts = new Float64Array(size);
    this.buckets = new Float64Array(size);
    this.deltas = new Float64Array(size);
  }

  write(bits: BitWriter, isFirst: boolean, histogram: FloatHistogram | undefined, layout: ChunkLayout): void {
    const count = histogram ? histogram.count : this.count;
    const zeroCount = histogram ? histogram.zeroCount : this.zeroCount;
    if (isFirst) {
      bits.uvarbit(count);
      bits.uvarbit(zeroCount);
    } else {
      // Nothing but the sum counts in a staleness marker: its deltas of deltas are 0.
      const countDelta = histogram ? count - this.count : this.countDelta;
      const zeroCountDelta = histogram ? zeroCount - this.zeroCount : this.zeroCountDelta;
      bits.varbit(countDelta - this.countDelta);
      bits.varbit(zeroCountDelta - this.zeroCountDelta);
      this.countDelta = countDelta;
      this.zeroCountDelta = zeroCountDelta;
    }
    this.count = count;
    this.zeroCount = zeroCount;
    writeSum(this.xor, bits, isFirst, 0, histogram);
    if (histogram) this.writeBuckets(bits, isFirst, histogram, layout);
  }

  private writeBuckets(bits: BitWriter, isFirst: boolean, histogram: FloatHistogram, layout: ChunkLayout): void {
    const { counts, buckets, deltas } = this;
    const middle = layout.positive.length;
    place(histogram.positive, layout.positive, counts, 0);
    place(histogram.negative, layout.negative, counts, middle);
    for (let i = 0, before = 0; i < counts.length; i++) {
      const bucket = counts[i] - (i === middle ? 0 : before);
      before = counts[i];
      if (isFirst) bits.varbit(bucket);
      else {
        const delta = bucket - buckets[i];
        bits.varbit(delta - deltas[i]);
        deltas[i] = delta;
      }
      buckets[i] = bucket;
    }
  }
}

/** Count, zero count, sum and the counts of the buckets, each as the XOR with the one before. */
class FloatWriter implements NumberWriter {
  private readonly xor: XorWriter;
  private readonly counts: Float64Array;

  constructor(size: number) {
    this.xor = new XorWriter(SUM + 1 + size);
    this.counts = new Float64Array(size);
  }

  write(bits: BitWriter, isFirst: boolean, histogram: FloatHistogram | undefined, layout: ChunkLayout): void {
    const { xor, counts } = this;
    writeNumber(xor, bits, isFirst, 0, histogram?.count ?? 0);
    writeNumber(xor, bits, isFirst, 1, histogram?.zeroCount ?? 0);
    writeSum(xor, bits, isFirst, SUM, histogram);
    if (!histogram) return;
    place(histogram.positive, layout.positive, counts, 0);
    place(histogram.negative, layout.negative, counts, layout.positive.length);
    for (let i = 0; i < counts.length; i++) writeNumber(xor, bits, isFirst, SUM + 1 + i, counts[i]);
  }
}
