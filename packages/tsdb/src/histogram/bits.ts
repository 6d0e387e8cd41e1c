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

/** By the length of a varbit's prefix of ones: the numbers of bits that follow it are `VARBIT_SIZES`. */
const LONGEST = VARBIT_SIZES.length - 1;

/** Writes bits, most significant first, into a buffer that grows. */
export class BitWriter {
  bytes = new Uint8Array(128);
  /** How many bits are written. */
  length = 0;

  /** Whole bytes, the last of which may be filled up with zeros. */
  get size(): number {
    return (this.length + 7) >>> 3;
  }

  /** The low `count` (1 … 32) bits of `value`. */
  bits(value: number, count: number): void {
    if (this.length + 40 > this.bytes.length * 8) this.grow();
    const { bytes } = this;
    const at = this.length >>> 3;
    const offset = this.length & 7;
    const word = (value << (32 - count)) >>> 0;
    bytes[at] |= word >>> (24 + offset);
    bytes[at + 1] = word >>> (16 + offset);
    bytes[at + 2] = word >>> (8 + offset);
    bytes[at + 3] = word >>> offset;
    bytes[at + 4] = offset === 0 ? 0 : word << (8 - offset);
    this.length += count;
  }

  /** An unsigned varbit number, exact up to 2^53. */
  uvarbit(value: number): void {
    let ones = 0;
    while (ones < LONGEST && value >= 2 ** VARBIT_SIZES[ones]) ones++;
    this.prefixed(ones, value);
  }

  /** A signed varbit number, exact up to ±2^53. */
  varbit(value: number): void {
    let ones = 0;
    if (value !== 0) {
      ones = 1;
      while (ones < LONGEST && !isWithin(value, 2 ** (VARBIT_SIZES[ones] - 1))) ones++;
    }
    this.prefixed(ones, value);
  }

  /** The two halves of 64 bits. */
  word(high: number, low: number): void {
    this.bits(high, 32);
    this.bits(low, 32);
  }

  private prefixed(ones: number, value: number): void {
    if (ones === 0) {
      this.bits(0, 1);
      return;
    }
    // The longest prefix has no zero behind it.
    if (ones === LONGEST) this.bits(0xff, 8);
    else this.bits(2 ** (ones + 1) - 2, ones + 1);
    const size = VARBIT_SIZES[ones];
    if (size > 32) this.bits(Math.floor(value / 0x1_0000_0000), size - 32);
    this.bits(value, Math.min(32, size));
  }

  private grow(): void {
    const bytes = new Uint8Array(this.bytes.length * 2);
    bytes.set(this.bytes);
    this.bytes = bytes;
  }
}

/** As many as `half * 2` numbers, of which the largest is `half`. */
function isWithin(value: number, half: number): boolean {
  return value <= half && value > -half;
}
