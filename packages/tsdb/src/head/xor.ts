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
  /** The value's halves; signed and unsigned numbers mean the same bits. */
  low: number;
  high: number;
  /** Leading and trailing zero bits of the last stored XOR window; leading 0xff says that there is none. */
  leading: number;
  trailing: number;
}

/** The state before the first sample of a chunk. */
export function newXorState(bytes: Uint8Array = new Uint8Array(0)): XorState {
  return { bytes, base: 0, bitLength: 0, count: 0, time: 0, delta: 0, low: 0, high: 0, leading: 0, trailing: 0 };
}

/** Appends one sample; `state.bytes` must have SAMPLE_BYTES_MAX bytes of room, already zero. */
export function appendXor(state: XorState, time: number, low: number, high: number): void {
  const { bytes } = state;
  const base = state.base * 8;
  let at = base + state.bitLength;
  const count = state.count + 1;
  if (count === 1) {
    at = base + CHUNK_HEADER_BYTES * 8;
    at = writeVarint(bytes, at, time);
    writeBits(bytes, at, high, 32);
    writeBits(bytes, at + 32, low, 32);
    at += 64;
    state.leading = 0xff;
    state.trailing = 0;
  } else {
    const delta = time - state.time;
    if (count === 2) at = writeUvarint(bytes, at, delta);
    // A zero bit is there already.
    else if (delta === state.delta) at++;
    else at = writeDeltaOfDelta(bytes, at, delta - state.delta);
    state.delta = delta;
    const xorLow = low ^ state.low;
    const xorHigh = high ^ state.high;
    at = (xorLow | xorHigh) === 0 ? at + 1 : writeXor(state, at, xorLow, xorHigh);
  }
  state.bitLength = at - base;
  state.time = time;
  // As signed numbers, which V8 keeps in the field itself.
  state.low = low | 0;
  state.high = high | 0;
  state.count = count;
  writeXorHeader(bytes, state.base, count);
}

/** Tells the chunk how many samples it has. */
export function writeXorHeader(bytes: Uint8Array, base: number, count: number): void {
  bytes[base] = count >>> 8;
  bytes[base + 1] = count & 0xff;
}

function writeDeltaOfDelta(bytes: Uint8Array, at: number, dod: number): number {
  if (dod >= -8191 && dod <= 8192) {
    writeBits(bytes, at, 0x8000 | (dod & 0x3fff), 16);
    return at + 16;
  }
  if (dod >= -65_535 && dod <= 65_536) {
    writeBits(bytes, at, 0xc0000 | (dod & 0x1ffff), 20);
    return at + 20;
  }
  if (dod >= -524_287 && dod <= 524_288) {
    writeBits(bytes, at, 0xe00000 | (dod & 0xfffff), 24);
    return at + 24;
  }
  writeBits(bytes, at, 0b1111, 4);
  writeBits(bytes, at + 4, Math.floor(dod / 0x1_0000_0000) | 0, 32);
  writeBits(bytes, at + 36, dod | 0, 32);
  return at + 68;
}

/** Writes a value that differs from the last one. */
function writeXor(state: XorState, at: number, xorLow: number, xorHigh: number): number {
  const { bytes } = state;
  const leading = xorHigh !== 0 ? Math.min(31, Math.clz32(xorHigh)) : 31;
  const trailing = xorLow !== 0 ? trailingZeros(xorLow) : 32 + trailingZeros(xorHigh);
  let position = at;
  if (leading >= state.leading && trailing >= state.trailing) {
    writeBits(bytes, position, 0b10, 2);
    position += 2;
  } else {
    state.leading = leading;
    state.trailing = trailing;
    // 64 significant bits are written as 0.
    writeBits(bytes, position, 0x1800 | (leading << 6) | ((64 - leading - trailing) & 63), 13);
    position += 13;
  }
  return writeShifted(bytes, position, xorHigh, xorLow, state.leading, state.trailing);
}

/** Writes the bits of (high:low) between its `leading` and `trailing` bits. */
function writeShifted(
  bytes: Uint8Array,
  at: number,
  high: number,
  low: number,
  leading: number,
  trailing: number,
): number {
  const count = 64 - leading - trailing;
  if (trailing >= 32) {
    writeBits(bytes, at, high >>> (trailing - 32), count);
  } else {
    const shiftedLow = trailing === 0 ? low : (low >>> trailing) | (high << (32 - trailing));
    if (count > 32) {
      writeBits(bytes, at, high >>> trailing, count - 32);
      writeBits(bytes, at + count - 32, shiftedLow, 32);
    } else {
      writeBits(bytes, at, shiftedLow, count);
    }
  }
  return at + count;
}

function trailingZeros(x: number): number {
  return 31 - Math.clz32(x & -x);
}

/** Writes the `count` (1 … 32) low bits of `value` at bit `at`, most significant first; the bits there must be zero. */
function writeBits(bytes: Uint8Array, at: number, value: number, count: number): void {
  const aligned = value << (32 - count);
  const skip = at & 7;
  const word = aligned >>> skip;
  const last = skip + count;
  let i = at >>> 3;
  bytes[i] |= word >>> 24;
  if (last <= 8) return;
  bytes[++i] = word >>> 16;
  if (last <= 16) return;
  bytes[++i] = word >>> 8;
  if (last <= 24) return;
  bytes[++i] = word;
  if (last > 32) bytes[++i] = aligned << (8 - skip);
}

function writeUvarint(bytes: Uint8Array, at: number, value: number): number {
  let position = at;
  let rest = value;
  while (rest >= 0x80) {
    writeBits(bytes, position, (rest % 0x80) | 0x80, 8);
    position += 8;
    rest = Math.floor(rest / 0x80);
  }
  writeBits(bytes, position, rest, 8);
  return position + 8;
}

function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  return writeUvarint(bytes, at, value < 0 ? -value * 2 - 1 : value * 2);
}

/** What decoding a sample may look at: the sample, and the rest of the last words loaded. */
const SAMPLE_ROOM_BYTES = SAMPLE_BYTES_MAX + 5;

/** The view that was used last: chunks that are read one after the other mostly lie in one buffer. */
let lastView: DataView = new DataView(new ArrayBuffer(0));
let lastBytes: Uint8Array = new Uint8Array(0);

function viewOf(bytes: Uint8Array): DataView {
  if (bytes !== lastBytes) {
    lastBytes = bytes;
    lastView = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  return lastView;
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
  let delta = count > 1 ? reader.uvarint() : 0;
  let at = reader.position;
  let view = viewOf(bytes);
  // Behind this bit a whole sample could reach beyond the buffer.
  let careful = (bytes.length - SAMPLE_ROOM_BYTES) * 8;
  let leading = 0;
  let trailing = 0;
  let highMask = -1;
  let lowMask = -1;
  for (let i = 1; time <= maxTime; i++) {
    if (time >= minTime) {
      times[out] = time;
      bits[2 * out] = low;
      bits[2 * out + 1] = high;
      out++;
    }
    if (i === count) break;
    if (at > careful) {
      // In the padded copy of the end, behind it there are zeros, however far a damaged count leads.
      if (view === paddedEnd) at = careful;
      else {
        padEnd(bytes, at >>> 3);
        view = paddedEnd;
        careful = (PADDED_BYTES - SAMPLE_ROOM_BYTES) * 8;
        at &= 7;
      }
    }
    let word = peek(view, at);
    if (i > 1) {
      if (word >= 0) {
        at++;
        word <<= 1;
      } else {
        // The prefix 10, 110, 1110 or 1111 chooses 14, 17, 20 or 64 bits.
        if ((word & 0x4000_0000) === 0) {
          delta += signed((word << 2) >>> 18, 14);
          at += 16;
        } else if ((word & 0x2000_0000) === 0) {
          delta += signed((word << 3) >>> 15, 17);
          at += 20;
        } else if ((word & 0x1000_0000) === 0) {
          delta += signed((word << 4) >>> 12, 20);
          at += 24;
        } else {
          delta += peek(view, at + 4) * 0x1_0000_0000 + (peek(view, at + 36) >>> 0);
          at += 68;
        }
        word = peek(view, at);
      }
    }
    time += delta;
    if (word >= 0) {
      at++;
      continue;
    }
    at += 2;
    if ((word & 0x4000_0000) !== 0) {
      leading = (word >>> 25) & 31;
      trailing = 64 - leading - ((word >>> 19) & 63 || 64);
      highMask = trailing >= 32 ? -1 << (trailing - 32) : -1;
      lowMask = trailing >= 32 ? 0 : -1 << trailing;
      at += 11;
    }
    // The next 64 bits, moved to behind the leading zeros, without what follows the window: no branch on its width.
    const first = peek(view, at);
    const second = peek(view, at + 32);
    high ^= (first >>> leading) & highMask;
    low ^= (((first << 1) << (31 - leading)) | (second >>> leading)) & lowMask;
    at += 64 - leading - trailing;
  }
  into.length = out;
  return out - start;
}

/** The last bytes of a buffer with zeros behind them, so that they can be loaded as those before. */
const PADDED_BYTES = 4 * SAMPLE_ROOM_BYTES;
const paddedEnd = new DataView(new ArrayBuffer(PADDED_BYTES));

function padEnd(bytes: Uint8Array, from: number): void {
  const padded = new Uint8Array(paddedEnd.buffer);
  padded.fill(0);
  padded.set(bytes.subarray(from));
}

/** The 32 bits at a bit position, of which 40 bits from its byte on must be there. */
function peek(view: DataView, at: number): number {
  const i = at >>> 3;
  const skip = at & 7;
  return (view.getInt32(i) << skip) | (view.getUint8(i + 4) >>> (8 - skip));
}

class BitReader {
  constructor(
    private readonly bytes: Uint8Array,
    public position: number,
  ) {}

  /** The next `count` (1 … 32) bits, as a signed 32-bit number. */
  bits(count: number): number {
    const { bytes } = this;
    const i = this.position >>> 3;
    const skip = this.position & 7;
    this.position += count;
    if (i + 4 >= bytes.length) return this.lastBits(i, skip, count);
    const word = (bytes[i] << 24) | (bytes[i + 1] << 16) | (bytes[i + 2] << 8) | bytes[i + 3];
    const aligned = (word << skip) | (bytes[i + 4] >>> (8 - skip));
    return count === 32 ? aligned : aligned >>> (32 - count);
  }

  /** As `bits`, where fewer than five bytes are left to load. */
  private lastBits(i: number, skip: number, count: number): number {
    let word = 0;
    for (let k = i; k < i + 4; k++) word = (word << 8) | (k < this.bytes.length ? this.bytes[k] : 0);
    return count === 32 && skip === 0 ? word : (word << skip) >>> (32 - count);
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
