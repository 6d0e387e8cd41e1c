import { STALE_HIGH, STALE_LOW } from '@avalanche/model';
import { type BitReader, type BitWriter, InvalidChunk } from './bits.ts';

/** Numbers of which each is stored as its difference (XOR) to itself in the sample before. NaNs keep their payload. */
export class XorValues {
  readonly values: Float64Array;
  /** The bits of `values`: the low half of value i at 2i, the high half at 2i+1. */
  private readonly words: Uint32Array;
  /** The window of bits that was stored last. */
  private readonly leading: Uint8Array;
  private readonly trailing: Uint8Array;

  constructor(count: number) {
    this.values = new Float64Array(count);
    this.words = new Uint32Array(this.values.buffer);
    this.leading = new Uint8Array(count);
    this.trailing = new Uint8Array(count);
  }

  isStale(i: number): boolean {
    return this.words[2 * i + 1] === STALE_HIGH && this.words[2 * i] === STALE_LOW;
  }

  /** Reads a number as it is. @throws InvalidChunk */
  readFirst(bits: BitReader, i: number): void {
    this.words[2 * i + 1] = bits.bits(32);
    this.words[2 * i] = bits.bits(32);
  }

  /** Reads the difference to the number before. @throws InvalidChunk */
  readNext(bits: BitReader, i: number): void {
    if (bits.bits(1) === 0) return;
    if (bits.bits(1) === 1) this.readWindow(bits, i);
    const trailing = this.trailing[i];
    const size = 64 - this.leading[i] - trailing;
    const high = size > 32 ? bits.bits(size - 32) : 0;
    const low = bits.bits(Math.min(32, size));
    if (trailing >= 32) {
      this.words[2 * i + 1] ^= low << (trailing - 32);
    } else {
      this.words[2 * i + 1] ^= trailing === 0 ? high : (high << trailing) | (low >>> (32 - trailing));
      this.words[2 * i] ^= low << trailing;
    }
  }

  private readWindow(bits: BitReader, i: number): void {
    const leading = bits.bits(5);
    // 64 bits are written as 0.
    const trailing = 64 - leading - (bits.bits(6) || 64);
    if (trailing < 0) throw new InvalidChunk('a number of more than 64 bits');
    this.leading[i] = leading;
    this.trailing[i] = trailing;
  }
}

const NO_WINDOW = 0xff;

/** Writes what `XorValues` reads. */
export class XorWriter {
  private readonly words: Uint32Array;
  private readonly leading: Uint8Array;
  private readonly trailing: Uint8Array;

  constructor(count: number) {
    this.words = new Uint32Array(2 * count);
    this.leading = new Uint8Array(count).fill(NO_WINDOW);
    this.trailing = new Uint8Array(count);
  }

  /** Writes number `i` as it is. */
  first(bits: BitWriter, i: number, high: number, low: number): void {
    this.words[2 * i] = low;
    this.words[2 * i + 1] = high;
    bits.word(high, low);
  }

  /** Writes its difference to the one before. */
  next(bits: BitWriter, i: number, high: number, low: number): void {
    const { words, leading, trailing } = this;
    const xorHigh = (high ^ words[2 * i + 1]) >>> 0;
    const xorLow = (low ^ words[2 * i]) >>> 0;
    words[2 * i] = low;
    words[2 * i + 1] = high;
    if (xorHigh === 0 && xorLow === 0) {
      bits.bits(0, 1);
      return;
    }
    const zerosBefore = xorHigh !== 0 ? Math.clz32(xorHigh) : 31;
    const zerosAfter = xorLow !== 0 ? trailingZeros(xorLow) : 32 + trailingZeros(xorHigh);
    if (leading[i] !== NO_WINDOW && zerosBefore >= leading[i] && zerosAfter >= trailing[i]) bits.bits(0b10, 2);
    else {
      leading[i] = zerosBefore;
      trailing[i] = zerosAfter;
      // 64 bits are written as 0.
      bits.bits((0b11 << 11) | (zerosBefore << 6) | ((64 - zerosBefore - zerosAfter) & 63), 13);
    }
    writeWindow(bits, xorHigh, xorLow, leading[i], trailing[i]);
  }
}

export function trailingZeros(word: number): number {
  return 31 - Math.clz32(word & -word);
}

export function writeWindow(bits: BitWriter, high: number, low: number, leading: number, trailing: number): void {
  const size = 64 - leading - trailing;
  if (trailing >= 32) bits.bits(high >>> (trailing - 32), size);
  else {
    if (size > 32) bits.bits(high >>> trailing, size - 32);
    const rest = trailing === 0 ? low : (high << (32 - trailing)) | (low >>> trailing);
    bits.bits(rest, Math.min(32, size));
  }
}
