import { STALE_HIGH, STALE_LOW } from '@avalanche/model';
import { type BitReader, InvalidChunk } from './bits.ts';

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
