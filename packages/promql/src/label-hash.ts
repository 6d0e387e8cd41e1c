import type { Labels } from '@avalanche/model';

/** xxHash64 (github.com/Cyan4973/xxHash, XXH64 with seed 0), in BigInt: it is computed once per series, not per sample. */
const MASK = (1n << 64n) - 1n;
const PRIME_1 = 0x9e3779b185ebca87n;
const PRIME_2 = 0xc2b2ae3d27d4eb4fn;
const PRIME_3 = 0x165667b19e3779f9n;
const PRIME_4 = 0x85ebca77c2b2ae63n;
const PRIME_5 = 0x27d4eb2f165667c5n;

function rotate(value: bigint, bits: bigint): bigint {
  return ((value << bits) | (value >> (64n - bits))) & MASK;
}

function round(lane: bigint, input: bigint): bigint {
  return (rotate((lane + input * PRIME_2) & MASK, 31n) * PRIME_1) & MASK;
}

export function xxHash64(bytes: Uint8Array): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const stripes = bytes.length - (bytes.length % 32);
  let hash = bytes.length < 32 ? PRIME_5 : hashStripes(view, stripes);
  hash = (hash + BigInt(bytes.length)) & MASK;
  let at = stripes;
  for (; at + 8 <= bytes.length; at += 8) {
    hash = (rotate(hash ^ round(0n, view.getBigUint64(at, true)), 27n) * PRIME_1 + PRIME_4) & MASK;
  }
  if (at + 4 <= bytes.length) {
    hash ^= (BigInt(view.getUint32(at, true)) * PRIME_1) & MASK;
    hash = (rotate(hash, 23n) * PRIME_2 + PRIME_3) & MASK;
    at += 4;
  }
  for (; at < bytes.length; at++) {
    hash = (rotate(hash ^ ((BigInt(bytes[at]) * PRIME_5) & MASK), 11n) * PRIME_1) & MASK;
  }
  return avalanche(hash);
}

function hashStripes(view: DataView, end: number): bigint {
  const lanes = [(PRIME_1 + PRIME_2) & MASK, PRIME_2, 0n, -PRIME_1 & MASK];
  for (let at = 0; at < end; at += 32) {
    for (let lane = 0; lane < 4; lane++) lanes[lane] = round(lanes[lane], view.getBigUint64(at + 8 * lane, true));
  }
  const [a, b, c, d] = lanes;
  let hash = (rotate(a, 1n) + rotate(b, 7n) + rotate(c, 12n) + rotate(d, 18n)) & MASK;
  for (const lane of lanes) hash = ((hash ^ round(0n, lane)) * PRIME_1 + PRIME_4) & MASK;
  return hash;
}

function avalanche(value: bigint): bigint {
  let hash = ((value ^ (value >> 33n)) * PRIME_2) & MASK;
  hash = ((hash ^ (hash >> 29n)) * PRIME_3) & MASK;
  return hash ^ (hash >> 32n);
}

/**
 * A label set's place between 0 and 1, evenly spread and always the same: upstream's hash, so that `limit_ratio` chooses
 * the same series. It is taken over the names and values in order, each behind its length in bytes.
 */
export function hashFraction(labels: Labels): number {
  const parts: Buffer[] = [];
  const pairs = Object.entries(labels.toJSON()).map((pair) => pair.map((text) => Buffer.from(text)));
  pairs.sort(([a], [b]) => Buffer.compare(a, b));
  for (const text of pairs.flat()) parts.push(sizeBytes(text.length), text);
  return Number(xxHash64(Buffer.concat(parts))) / 2 ** 64;
}

/** One byte, or from 255 on that byte and three more, the lowest first. */
function sizeBytes(size: number): Buffer {
  return Buffer.from(size < 255 ? [size] : [255, size & 255, (size >> 8) & 255, size >> 16]);
}
