import type { SampleColumns } from '@avalanche/model';

/**
 * Prometheus's XOR chunk (tsdb/docs/format/chunks.md): times as deltas of deltas, values XORed with their predecessor.
 *
 * ```
 * ┌──────────────────┬──────────────┬──────────────┬───────────────────┬─────────────────┬─────────────────┬─────┐
 * │ samples <2 byte> │ t0 <varint>  │ v0 <8 byte>  │ t1 − t0 <uvarint> │ v1 xor v0 <bits> │ dod t2 <bits>  │ …   │
 * └──────────────────┴──────────────┴──────────────┴───────────────────┴─────────────────┴─────────────────┴─────┘
 * ```
 *
 * Values are handled as two 32-bit halves throughout, so that the payload of a NaN is never lost.
 */

/** The most bytes that one more sample can add: a 68-bit time, a 77-bit value, rounded up. */
export const SAMPLE_BYTES_MAX = 20;
export const CHUNK_HEADER_BYTES = 2;

/** What the encoder must remember between samples. One lives in the head's columns for each series. */
export interface XorState {
  bytes: Uint8Array;
  /** Where the chunk starts in `bytes`. */
  base: number;
  /** Bits written, header included. */
  bitLength: number;
  count: number;
  time: number;
  delta: number;
  low: number;
  high: number;
  /** Leading and trailing zero bits of the last stored XOR window; leading 0xff says that there is none. */
  leading: number;
  trailing: number;
}

/** Appends one sample; `state.bytes` must have SAMPLE_BYTES_MAX bytes of room, already zero. */
export function appendXor(state: XorState, time: number, low: number, high: number): void {
  if (state.count === 0) {
    state.bitLength = CHUNK_HEADER_BYTES * 8;
    writeVarint(state, time);
    writeBits(state, high, 32);
    writeBits(state, low, 32);
    state.leading = 0xff;
    state.trailing = 0;
  } else {
    const delta = time - state.time;
    if (state.count === 1) writeUvarint(state, delta);
    else writeDeltaOfDelta(state, delta - state.delta);
    state.delta = delta;
    writeXor(state, low, high);
  }
  state.time = time;
  state.low = low;
  state.high = high;
  state.count++;
  state.bytes[state.base] = state.count >>> 8;
  state.bytes[state.base + 1] = state.count & 0xff;
}

function writeDeltaOfDelta(state: XorState, dod: number): void {
  if (dod === 0) {
    writeBits(state, 0, 1);
  } else if (dod >= -8191 && dod <= 8192) {
    writeBits(state, 0b10, 2);
    writeBits(state, dod & 0x3fff, 14);
  } else if (dod >= -65_535 && dod <= 65_536) {
    writeBits(state, 0b110, 3);
    writeBits(state, dod & 0x1ffff, 17);
  } else if (dod >= -524_287 && dod <= 524_288) {
    writeBits(state, 0b1110, 4);
    writeBits(state, dod & 0xfffff, 20);
  } else {
    writeBits(state, 0b1111, 4);
    writeBits(state, Math.floor(dod / 0x1_0000_0000) | 0, 32);
    writeBits(state, dod | 0, 32);
  }
}

function writeXor(state: XorState, low: number, high: number): void {
  const xorHigh = (high ^ state.high) >>> 0;
  const xorLow = (low ^ state.low) >>> 0;
  if (xorHigh === 0 && xorLow === 0) {
    writeBits(state, 0, 1);
    return;
  }
  const leading = Math.min(31, xorHigh !== 0 ? Math.clz32(xorHigh) : 32 + Math.clz32(xorLow));
  const trailing = xorLow !== 0 ? trailingZeros(xorLow) : 32 + trailingZeros(xorHigh);
  writeBits(state, 1, 1);
  if (state.leading !== 0xff && leading >= state.leading && trailing >= state.trailing) {
    writeBits(state, 0, 1);
    writeShifted(state, xorHigh, xorLow, state.trailing, 64 - state.leading - state.trailing);
    return;
  }
  state.leading = leading;
  state.trailing = trailing;
  const significant = 64 - leading - trailing;
  writeBits(state, 1, 1);
  writeBits(state, leading, 5);
  writeBits(state, significant & 63, 6); // 64 significant bits are written as 0
  writeShifted(state, xorHigh, xorLow, trailing, significant);
}

/** Writes the `count` low bits of (high:low) >>> shift. */
function writeShifted(state: XorState, high: number, low: number, shift: number, count: number): void {
  let shiftedLow = low;
  let shiftedHigh = high;
  if (shift >= 32) {
    shiftedLow = high >>> (shift - 32);
    shiftedHigh = 0;
  } else if (shift > 0) {
    shiftedLow = (low >>> shift) | (high << (32 - shift));
    shiftedHigh = high >>> shift;
  }
  if (count > 32) {
    writeBits(state, shiftedHigh, count - 32);
    writeBits(state, shiftedLow, 32);
  } else {
    writeBits(state, shiftedLow, count);
  }
}

function trailingZeros(x: number): number {
  return 31 - Math.clz32(x & -x);
}

/** Appends the `count` (1 … 32) low bits of `value`, most significant first. */
function writeBits(state: XorState, value: number, count: number): void {
  const bytes = state.bytes;
  let position = state.bitLength;
  let left = count;
  while (left > 0) {
    const free = 8 - (position & 7);
    const take = Math.min(left, free);
    const part = (value >>> (left - take)) & ((1 << take) - 1);
    bytes[state.base + (position >>> 3)] |= part << (free - take);
    position += take;
    left -= take;
  }
  state.bitLength = position;
}

function writeUvarint(state: XorState, value: number): void {
  let rest = value;
  while (rest >= 0x80) {
    writeBits(state, (rest % 0x80) | 0x80, 8);
    rest = Math.floor(rest / 0x80);
  }
  writeBits(state, rest, 8);
}

function writeVarint(state: XorState, value: number): void {
  writeUvarint(state, value < 0 ? -value * 2 - 1 : value * 2);
}

/**
 * Appends the samples of a chunk with minTime ≤ t ≤ maxTime to `into`, bits intact, and returns how many.
 * `count` is passed apart from the header so that a chunk still being written can be read as of a moment.
 */
export function readXor(
  bytes: Uint8Array,
  base: number,
  count: number,
  minTime: number,
  maxTime: number,
  into: SampleColumns,
): number {
  if (count === 0) return 0;
  into.reserve(into.length + count);
  const times = into.t;
  const bits = into.bits;
  const start = into.length;
  let out = start;
  const reader = new BitReader(bytes, base * 8 + CHUNK_HEADER_BYTES * 8);
  let time = reader.varint();
  let high = reader.bits(32);
  let low = reader.bits(32);
  let delta = 0;
  let leading = 0;
  let trailing = 0;
  for (let i = 0; ; ) {
    if (time > maxTime) break;
    if (time >= minTime) {
      times[out] = time;
      bits[2 * out] = low;
      bits[2 * out + 1] = high;
      out++;
    }
    if (++i === count) break;
    if (i === 1) delta = reader.uvarint();
    else if (reader.bit() === 1) delta += reader.deltaOfDelta();
    time += delta;
    if (reader.bit() === 0) continue;
    if (reader.bit() === 1) {
      leading = reader.bits(5);
      trailing = 64 - leading - (reader.bits(6) || 64);
    }
    const significant = 64 - leading - trailing;
    const upper = significant > 32 ? reader.bits(significant - 32) : 0;
    const lower = reader.bits(Math.min(significant, 32));
    if (trailing >= 32) {
      high ^= lower << (trailing - 32);
    } else if (trailing > 0) {
      high ^= (upper << trailing) | (lower >>> (32 - trailing));
      low ^= lower << trailing;
    } else {
      high ^= upper;
      low ^= lower;
    }
  }
  into.length = out;
  return out - start;
}

class BitReader {
  constructor(
    private readonly bytes: Uint8Array,
    private position: number,
  ) {}

  bit(): number {
    const at = this.position++;
    return (this.bytes[at >>> 3] >>> (7 - (at & 7))) & 1;
  }

  /** The next `count` (0 … 32) bits as an unsigned number below 2^32. */
  bits(count: number): number {
    let value = 0;
    let left = count;
    while (left > 0) {
      const free = 8 - (this.position & 7);
      const take = Math.min(left, free);
      const part = (this.bytes[this.position >>> 3] >>> (free - take)) & ((1 << take) - 1);
      value = (value << take) | part;
      this.position += take;
      left -= take;
    }
    return value >>> 0;
  }

  /** What follows a first 1 bit: the prefix 0, 10, 110 or 111 chooses 14, 17, 20 or 64 bits. */
  deltaOfDelta(): number {
    if (this.bit() === 0) return signed(this.bits(14), 14);
    if (this.bit() === 0) return signed(this.bits(17), 17);
    if (this.bit() === 0) return signed(this.bits(20), 20);
    return (this.bits(32) | 0) * 0x1_0000_0000 + this.bits(32);
  }

  uvarint(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 0x80) {
      const byte = this.bits(8);
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }

  varint(): number {
    const value = this.uvarint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }
}

/** Prometheus's ranges are (−2^(n−1), 2^(n−1)]: the largest positive number is stored where two's complement has the least. */
function signed(value: number, bits: number): number {
  return value > 1 << (bits - 1) ? value - (1 << bits) : value;
}
