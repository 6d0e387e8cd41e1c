import { CUSTOM_BUCKETS_SCHEMA, spansOf } from '@avalanche/model';
import { type BitReader, type BitWriter, InvalidChunk } from './bits.ts';

/** What all histograms of a chunk have in common. */
export interface ChunkLayout {
  readonly schema: number;
  readonly zeroThreshold: number;
  /** The indexes of the buckets of each sign, ascending. */
  readonly positive: Int32Array;
  readonly negative: Int32Array;
  /** The bounds of custom buckets. */
  readonly customValues: Float64Array;
}

/**
 * Exponential schemas that a chunk may have. Those above 8 are of the future, and read in a lower resolution; upstream
 * also keeps -9 to -5 free for it, in which nothing can be computed today.
 */
const SCHEMA_MIN = -4;
const SCHEMA_MAX = 52;
const INDEX_MIN = -0x8000_0000;
const INDEX_MAX = 0x7fff_ffff;

const float = new Float64Array(1);
const floatBits = new Uint32Array(float.buffer);

/**
 * Reads the layout in front of the first sample of a histogram chunk (upstream's tsdb/docs/format/chunks.md).
 * @param bucketBits the least that a bucket takes in the first sample: so many of them the chunk can have
 * @throws InvalidChunk
 */
export function readLayout(bits: BitReader, bucketBits: number): ChunkLayout {
  const zeroThreshold = readZeroThreshold(bits);
  const schema = bits.varbit();
  const isCustom = schema === CUSTOM_BUCKETS_SCHEMA;
  if (!isCustom && (schema < SCHEMA_MIN || schema > SCHEMA_MAX)) {
    throw new InvalidChunk(`histograms of the unknown schema ${schema}`);
  }
  const positive = readIndexes(bits, bucketBits);
  const negative = readIndexes(bits, bucketBits);
  const customValues = isCustom ? readCustomValues(bits) : new Float64Array(0);
  if (isCustom) checkCustom(positive, negative, customValues);
  return { schema, zeroThreshold, positive, negative, customValues };
}

function readFloat(bits: BitReader): number {
  floatBits[1] = bits.bits(32);
  floatBits[0] = bits.bits(32);
  return float[0];
}

/** One byte for 0 and the usual powers of two, nine for all else. */
function readZeroThreshold(bits: BitReader): number {
  const code = bits.bits(8);
  if (code === 0) return 0;
  if (code < 255) return 2 ** (code - 244);
  const threshold = readFloat(bits);
  if (!(threshold >= 0)) throw new InvalidChunk(`a zero bucket of the width ${threshold}`);
  return threshold;
}

function readIndexes(bits: BitReader, bucketBits: number): Int32Array {
  const spans = bits.uvarbit();
  const indexes: number[] = [];
  let index = 0;
  for (let i = 0; i < spans; i++) {
    const length = bits.uvarbit();
    const offset = bits.varbit();
    index += offset;
    if ((indexes.length + length) * bucketBits > bits.remaining) {
      throw new InvalidChunk('histograms with more buckets than the chunk has room for');
    }
    if ((i > 0 && offset < 0) || index < INDEX_MIN || index + length > INDEX_MAX) {
      throw new InvalidChunk('histograms whose buckets are out of order');
    }
    for (let k = 0; k < length; k++) indexes.push(index++);
  }
  return Int32Array.from(indexes);
}

function readCustomValues(bits: BitReader): Float64Array {
  const count = bits.uvarbit();
  const bounds: number[] = [];
  for (let i = 0; i < count; i++) {
    const thousandths = bits.uvarbit();
    bounds.push(thousandths === 0 ? readFloat(bits) : (thousandths - 1) / 1000);
  }
  return Float64Array.from(bounds);
}

function checkCustom(positive: Int32Array, negative: Int32Array, bounds: Float64Array): void {
  const ascending = bounds.every((bound, i) => (i === 0 ? !Number.isNaN(bound) : bound > bounds[i - 1]));
  if (!ascending) throw new InvalidChunk('custom buckets whose bounds are out of order');
  const first = positive[0] ?? 0;
  const last = positive[positive.length - 1] ?? 0;
  if (first < 0 || last > bounds.length || negative.length > 0) {
    throw new InvalidChunk('custom buckets without bounds');
  }
}

/** Writes what `readLayout` reads. */
export function writeLayout(bits: BitWriter, layout: ChunkLayout): void {
  writeZeroThreshold(bits, layout.zeroThreshold);
  bits.varbit(layout.schema);
  for (const indexes of [layout.positive, layout.negative]) {
    const spans = spansOf(indexes);
    bits.uvarbit(spans.length);
    for (const { offset, length } of spans) {
      bits.uvarbit(length);
      bits.varbit(offset);
    }
  }
  if (layout.schema !== CUSTOM_BUCKETS_SCHEMA) return;
  bits.uvarbit(layout.customValues.length);
  for (const bound of layout.customValues) writeBound(bits, bound);
}

function writeFloat(bits: BitWriter, value: number): void {
  float[0] = value;
  bits.word(floatBits[1], floatBits[0]);
}

function writeZeroThreshold(bits: BitWriter, threshold: number): void {
  const exponent = Math.log2(threshold);
  const isShort = Number.isInteger(exponent) && exponent >= -243 && exponent <= 10 && 2 ** exponent === threshold;
  if (threshold === 0) bits.bits(0, 8);
  else if (isShort) bits.bits(exponent + 244, 8);
  else {
    bits.bits(255, 8);
    writeFloat(bits, threshold);
  }
}

/** Thousandths up to here take at most four bytes. */
const THOUSANDTHS_MAX = 33_554_430;

function writeBound(bits: BitWriter, bound: number): void {
  const thousandths = Math.round(bound * 1000);
  if (thousandths >= 0 && thousandths <= THOUSANDTHS_MAX && thousandths / 1000 === bound) bits.uvarbit(thousandths + 1);
  else {
    bits.uvarbit(0);
    writeFloat(bits, bound);
  }
}
