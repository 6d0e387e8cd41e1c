import { SampleColumns, STALE_HIGH, STALE_LOW } from '@avalanche/model';
import { ENCODING_XOR2 } from '../chunk-columns.ts';
import { BitReader, BitWriter, InvalidChunk } from '../histogram/bits.ts';
import type { EncodedChunk } from '../histogram/chunk.ts';
import { trailingZeros, writeWindow } from '../histogram/xor-values.ts';

// Prometheus's XOR2 chunk (tsdb/chunkenc/xor2.go): floats with, optionally, the time at which each began to count.
//
//   samples <2> │ starts <1> │ sample …
//   starts: 0x80, the first sample's start is there; below it, the sample with the first start that is another (up to 127)
//   sample 0: time <varint> │ value <8> │ time − start <varint>, if there
//   sample 1: time delta <uvarint> │ value │ start
//   sample n: delta of time delta and value:   0 both as before        110  delta of delta <13>, value
//                                             10 value by its window   1110 delta of delta <20>, value
//                                          11111 stale                11110 delta of delta <64>, value
//             │ start: the time before − start <varbit>, later on the difference to the one before
//
// A staleness marker is no value that others are compared with.

const HEADER_BYTES = 3;
const FIRST_KNOWN = 0x80;
const CHANGE_MAX = 0x7f;
const NO_WINDOW = 0xff;

/** A chunk of floats with start times in the making. */
export class Xor2Encoder {
  readonly encoding = ENCODING_XOR2;
  count = 0;
  /** Milliseconds; of the last sample. */
  time = 0;
  private readonly bits = new BitWriter();
  private delta = 0;
  private low = 0;
  private high = 0;
  private leading = NO_WINDOW;
  private trailing = 0;
  private start = 0;
  private startDelta = 0;
  private startHeader = 0;
  /** The bits of the last sample, which may be a staleness marker. */
  latestLow = 0;
  latestHigh = 0;
  /** The sample from which on starts are written; 0 as long as there is none. */
  private changeOn = 0;

  constructor() {
    for (let i = 0; i < HEADER_BYTES; i++) this.bits.bits(0, 8);
  }

  /** Goes on with a chunk that was written before. @throws InvalidChunk */
  static resume(chunk: EncodedChunk): Xor2Encoder {
    const samples = new SampleColumns(128);
    readXor2(chunk, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, samples);
    const encoder = new Xor2Encoder();
    const { t, bits, starts, length } = samples;
    for (let i = 0; i < length; i++) encoder.append(t[i], bits[2 * i], bits[2 * i + 1], starts?.[i] ?? 0);
    return encoder;
  }

  /** The chunk so far is `bytes[0, size)`; valid until the next `append`. */
  get bytes(): Uint8Array {
    const { bytes } = this.bits;
    bytes[0] = this.count >>> 8;
    bytes[1] = this.count & 0xff;
    bytes[2] = this.startHeader;
    return bytes;
  }

  get size(): number {
    return this.bits.size;
  }

  /** Times must ascend. @param start milliseconds; 0 is none */
  append(time: number, low: number, high: number, start: number): void {
    const delta = time - this.time;
    if (this.count === 0) this.first(time, low, high, start);
    else if (this.count === 1) this.second(delta, low, high, start);
    else {
      this.joint(delta - this.delta, low, high);
      this.putStart(start);
    }
    if (this.count > 0) this.delta = delta;
    this.start = start;
    this.time = time;
    this.latestLow = low;
    this.latestHigh = high;
    this.count++;
  }

  private first(time: number, low: number, high: number, start: number): void {
    const { bits } = this;
    putVarint(bits, time);
    bits.word(high, low);
    if (!isStale(low, high)) this.remember(low, high);
    if (start === 0) return;
    putVarint(bits, time - start);
    this.startHeader = FIRST_KNOWN;
  }

  private second(delta: number, low: number, high: number, start: number): void {
    putUvarint(this.bits, delta);
    this.value(low, high);
    if (start !== this.start) this.beginStarts(1, start);
  }

  private beginStarts(at: number, start: number): void {
    this.changeOn = at;
    this.startHeader |= at;
    this.startDelta = this.time - start;
    this.bits.varbit(this.startDelta);
  }

  private putStart(start: number): void {
    if (this.changeOn > 0) {
      const startDelta = this.time - start;
      this.bits.varbit(startDelta - this.startDelta);
      this.startDelta = startDelta;
    } else if (start !== this.start || this.count === CHANGE_MAX)
      this.beginStarts(Math.min(this.count, CHANGE_MAX), start);
  }

  private joint(dod: number, low: number, high: number): void {
    const { bits } = this;
    if (dod === 0) {
      if (isStale(low, high)) bits.bits(0b11111, 5);
      else if (low === this.low && high === this.high) bits.bits(0, 1);
      else {
        bits.bits(0b10, 2);
        this.window(low, high, 0, 1);
      }
      return;
    }
    if (dod >= -0x1000 && dod < 0x1000) bits.bits((0b110 << 13) | (dod & 0x1fff), 16);
    else if (dod >= -0x8_0000 && dod < 0x8_0000) bits.bits((0b1110 << 20) | (dod & 0xf_ffff), 24);
    else {
      bits.bits(0b11110, 5);
      bits.word(Math.floor(dod / 0x1_0000_0000) >>> 0, dod >>> 0);
    }
    this.value(low, high);
  }

  private value(low: number, high: number): void {
    if (isStale(low, high)) this.bits.bits(0b111, 3);
    else if (low === this.low && high === this.high) this.bits.bits(0, 1);
    else this.window(low, high, 0b10, 2);
  }

  /** @param code for the window of before, in `size` bits; `code * 2 + 1`, or 1, stands for a new one */
  private window(low: number, high: number, code: number, size: number): void {
    const { bits } = this;
    const xorHigh = (high ^ this.high) >>> 0;
    const xorLow = (low ^ this.low) >>> 0;
    const leading = xorHigh !== 0 ? Math.clz32(xorHigh) : 31;
    const trailing = xorLow !== 0 ? trailingZeros(xorLow) : 32 + trailingZeros(xorHigh);
    if (this.leading !== NO_WINDOW && leading >= this.leading && trailing >= this.trailing) bits.bits(code, size);
    else {
      this.leading = leading;
      this.trailing = trailing;
      if (size === 1) bits.bits(1, 1);
      else bits.bits(0b110, 3);
      bits.bits((leading << 6) | ((64 - leading - trailing) & 63), 11);
    }
    writeWindow(bits, xorHigh, xorLow, this.leading, this.trailing);
    this.remember(low, high);
  }

  private remember(low: number, high: number): void {
    this.low = low;
    this.high = high;
  }
}

function isStale(low: number, high: number): boolean {
  return low === STALE_LOW && high === STALE_HIGH;
}

/** Go's varint of bytes, wherever in a byte it begins. */
function putVarint(bits: BitWriter, value: number): void {
  putUvarint(bits, value < 0 ? -value * 2 - 1 : value * 2);
}

function putUvarint(bits: BitWriter, value: number): void {
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bits.bits((rest % 0x80) | 0x80, 8);
  bits.bits(rest, 8);
}

function readUvarint(bits: BitReader): number {
  let value = 0;
  for (let scale = 1; scale < 2 ** 64; scale *= 0x80) {
    const byte = bits.bits(8);
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return value;
  }
  throw new InvalidChunk('a number of more than 64 bits');
}

function readVarint(bits: BitReader): number {
  const value = readUvarint(bits);
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}

/** Appends the samples with minTime ≤ t ≤ maxTime to `into`. @returns how many. @throws InvalidChunk */
export function readXor2(chunk: EncodedChunk, minTime: number, maxTime: number, into: SampleColumns): number {
  const { bytes, start, end } = chunk;
  if (end - start < HEADER_BYTES) throw new InvalidChunk('a chunk without its header');
  const count = (bytes[start] << 8) | bytes[start + 1];
  const reader = new Xor2Reader(new BitReader(bytes, start + HEADER_BYTES, end), bytes[start + 2]);
  const before = into.length;
  for (let i = 0; i < count; i++) {
    const last = reader.time;
    reader.next(i);
    if (i > 0 && !(reader.time > last)) throw new InvalidChunk('a chunk whose times do not ascend');
    if (reader.time > maxTime) break;
    if (reader.time < minTime) continue;
    into.pushBits(reader.time, reader.valueLow, reader.valueHigh);
    if (reader.start !== 0) into.setStart(reader.start);
  }
  return into.length - before;
}

class Xor2Reader {
  time = 0;
  start = 0;
  valueLow = 0;
  valueHigh = 0;
  private delta = 0;
  private startDelta = 0;
  /** The last value that is no staleness marker. */
  private low = 0;
  private high = 0;
  private leading = 0;
  private trailing = 0;

  constructor(
    private readonly bits: BitReader,
    private readonly startHeader: number,
  ) {}

  /** Reads sample `i`. @throws InvalidChunk */
  next(i: number): void {
    const { bits } = this;
    const before = this.time;
    if (i === 0) {
      this.first();
      return;
    }
    if (i === 1) {
      this.delta = readUvarint(bits);
      this.value();
    } else this.joint();
    this.time += this.delta;
    const changeOn = this.startHeader & CHANGE_MAX;
    if (changeOn === 0 || i < changeOn) return;
    this.startDelta = bits.varbit() + (i === changeOn ? 0 : this.startDelta);
    this.start = before - this.startDelta;
  }

  private first(): void {
    const { bits } = this;
    this.time = readVarint(bits);
    const high = bits.bits(32);
    const low = bits.bits(32);
    if (isStale(low, high)) this.stale();
    else this.take(low, high);
    if ((this.startHeader & FIRST_KNOWN) !== 0) this.start = this.time - readVarint(bits);
  }

  private joint(): void {
    const { bits } = this;
    const ones = this.ones(5);
    if (ones === 0) this.unchanged();
    else if (ones === 1) this.window(bits.bits(1) === 1);
    else if (ones === 5) this.stale();
    else {
      this.delta += ones === 2 ? signed(bits.bits(13), 13) : ones === 3 ? signed(bits.bits(20), 20) : signed64(bits);
      this.value();
    }
  }

  private value(): void {
    const ones = this.ones(3);
    if (ones === 0) this.unchanged();
    else if (ones === 3) this.stale();
    else this.window(ones === 2);
  }

  /** The length of a prefix of at most `max` ones, with the zero that ends it. */
  private ones(max: number): number {
    let ones = 0;
    while (ones < max && this.bits.bits(1) === 1) ones++;
    return ones;
  }

  private window(isNew: boolean): void {
    const { bits } = this;
    if (isNew) {
      this.leading = bits.bits(5);
      // 64 bits are written as 0.
      this.trailing = 64 - this.leading - (bits.bits(6) || 64);
      if (this.trailing < 0) throw new InvalidChunk('a number of more than 64 bits');
    }
    const { trailing } = this;
    const size = 64 - this.leading - trailing;
    const high = size > 32 ? bits.bits(size - 32) : 0;
    const low = bits.bits(Math.min(32, size));
    if (trailing >= 32) this.take(this.low, this.high ^ (low << (trailing - 32)));
    else {
      const xorHigh = trailing === 0 ? high : (high << trailing) | (low >>> (32 - trailing));
      this.take(this.low ^ (low << trailing), this.high ^ xorHigh);
    }
  }

  private take(low: number, high: number): void {
    this.low = low >>> 0;
    this.high = high >>> 0;
    this.unchanged();
  }

  private unchanged(): void {
    this.valueLow = this.low;
    this.valueHigh = this.high;
  }

  private stale(): void {
    this.valueLow = STALE_LOW;
    this.valueHigh = STALE_HIGH;
  }
}

function signed(value: number, size: number): number {
  return value >= 2 ** (size - 1) ? value - 2 ** size : value;
}

function signed64(bits: BitReader): number {
  const high = bits.bits(32) | 0;
  return high * 0x1_0000_0000 + bits.bits(32);
}
