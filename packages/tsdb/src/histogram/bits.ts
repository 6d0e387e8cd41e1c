/** The data of a chunk cannot be what its encoding says. */
export class InvalidChunk extends Error {
  override readonly name = 'InvalidChunk';
}

/** How many bits follow a prefix of so many ones (upstream's varbit); the last two prefixes are both eight bits long. */
const VARBIT_SIZES = [0, 3, 6, 9, 12, 18, 25, 56, 64];

/**
 * Reads the bits of `bytes[start, end)`, most significant first. Nothing behind the end is ever taken for data, so that
 * a damaged length leads to an error and no further.
 */
export class BitReader {
  private position: number;
  private readonly limit: number;

  constructor(
    private readonly bytes: Uint8Array,
    start: number,
    end: number,
  ) {
    this.position = start * 8;
    this.limit = end * 8;
  }

  get remaining(): number {
    return this.limit - this.position;
  }

  /** The next `count` (1 … 32) bits. @throws InvalidChunk past the end */
  bits(count: number): number {
    const { bytes, position } = this;
    this.skip(count);
    const i = position >>> 3;
    const offset = position & 7;
    const word = (bytes[i] << 24) | (bytes[i + 1] << 16) | (bytes[i + 2] << 8) | bytes[i + 3];
    const aligned = (word << offset) | (bytes[i + 4] >>> (8 - offset));
    return aligned >>> (32 - count);
  }

  /** An unsigned varbit number, exact up to 2^53. @throws InvalidChunk */
  uvarbit(): number {
    const size = this.varbitSize();
    if (size === 0) return 0;
    if (size <= 32) return this.bits(size);
    const high = this.bits(size - 32);
    return high * 0x1_0000_0000 + this.bits(32);
  }

  /** A signed varbit number, exact up to ±2^53. @throws InvalidChunk */
  varbit(): number {
    const size = this.varbitSize();
    if (size === 0) return 0;
    if (size <= 32) {
      const value = this.bits(size);
      // The range is (−2^(n−1), 2^(n−1)]: the largest is stored where two's complement has the least.
      return value > 1 << (size - 1) ? value - (1 << size) : value;
    }
    const high = this.bits(size - 32);
    const low = this.bits(32);
    if (size === 64) return (high | 0) * 0x1_0000_0000 + low;
    const negative = high > 0x80_0000 || (high === 0x80_0000 && low > 0);
    return (negative ? high - 0x100_0000 : high) * 0x1_0000_0000 + low;
  }

  private varbitSize(): number {
    const { bytes, position } = this;
    const i = position >>> 3;
    const next = (((bytes[i] << 8) | bytes[i + 1]) << (16 + (position & 7))) | 0xff_ffff;
    const ones = Math.min(8, Math.clz32(~next));
    this.skip(Math.min(8, ones + 1));
    return VARBIT_SIZES[ones];
  }

  private skip(count: number): void {
    this.position += count;
    if (this.position > this.limit) throw new InvalidChunk('a chunk ends too early');
  }
}
