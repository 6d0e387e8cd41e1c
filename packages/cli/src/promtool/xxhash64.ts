const MASK = (1n << 64n) - 1n;
const PRIME_1 = 0x9e3779b185ebca87n;
const PRIME_2 = 0xc2b2ae3d27d4eb4fn;
const PRIME_3 = 0x165667b19e3779f9n;
const PRIME_4 = 0x85ebca77c2b2ae63n;
const PRIME_5 = 0x27d4eb2f165667c5n;

/** XXH64 with seed 0 (the xxHash specification), by which upstream places rule groups in time. For short inputs. */
export function xxhash64(bytes: Uint8Array): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  let hash = PRIME_5;
  if (bytes.length >= 32) {
    const lanes = [add(PRIME_1, PRIME_2), PRIME_2, 0n, add(0n, -PRIME_1)];
    for (; at + 32 <= bytes.length; at += 32) {
      for (let i = 0; i < 4; i++) lanes[i] = round(lanes[i], view.getBigUint64(at + 8 * i, true));
    }
    hash = add(rotate(lanes[0], 1n), rotate(lanes[1], 7n), rotate(lanes[2], 12n), rotate(lanes[3], 18n));
    for (const lane of lanes) hash = add(multiply(hash ^ round(0n, lane), PRIME_1), PRIME_4);
  }
  hash = add(hash, BigInt(bytes.length));
  for (; at + 8 <= bytes.length; at += 8) {
    hash = add(multiply(rotate(hash ^ round(0n, view.getBigUint64(at, true)), 27n), PRIME_1), PRIME_4);
  }
  if (at + 4 <= bytes.length) {
    hash = add(multiply(rotate(hash ^ multiply(BigInt(view.getUint32(at, true)), PRIME_1), 23n), PRIME_2), PRIME_3);
    at += 4;
  }
  for (; at < bytes.length; at++) {
    hash = multiply(rotate(hash ^ multiply(BigInt(bytes[at]), PRIME_5), 11n), PRIME_1);
  }
  hash = multiply(hash ^ (hash >> 33n), PRIME_2);
  hash = multiply(hash ^ (hash >> 29n), PRIME_3);
  return hash ^ (hash >> 32n);
}

function round(lane: bigint, input: bigint): bigint {
  return multiply(rotate(add(lane, multiply(input, PRIME_2)), 31n), PRIME_1);
}

function add(...terms: readonly bigint[]): bigint {
  return terms.reduce((sum, term) => sum + term, 0n) & MASK;
}

function multiply(a: bigint, b: bigint): bigint {
  return (a * b) & MASK;
}

function rotate(value: bigint, bits: bigint): bigint {
  return ((value << bits) | (value >> (64n - bits))) & MASK;
}
