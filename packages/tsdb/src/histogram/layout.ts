import { type BitReader, InvalidChunk } from './bits.ts';

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

const CUSTOM_BUCKETS_SCHEMA = -53;
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
