import { NORMAL_NAN_HIGH, NORMAL_NAN_LOW } from '@avalanche/model';

/**
 * A growing byte buffer with the integer encodings of the TSDB formats (big endian, Go varints).
 * Integers are JavaScript numbers: exact to 2^53, which covers every reference and every millisecond time stamp.
 */
export class EncodeBuffer {
  bytes: Uint8Array;
  length = 0;
  /** Over `bytes`; both are others after `reserve`. */
  view: DataView;

  constructor(capacity = 4096) {
    this.bytes = new Uint8Array(capacity);
    this.view = new DataView(this.bytes.buffer);
  }

  reset(): void {
    this.length = 0;
  }

  putByte(value: number): void {
    this.reserve(1);
    this.bytes[this.length++] = value;
  }

  putUint32(value: number): void {
    this.reserve(4);
    this.view.setUint32(this.length, value);
    this.length += 4;
  }

  /** A signed or unsigned 64-bit integer; a negative one as two's complement. */
  putInt64(value: number): void {
    this.reserve(8);
    this.view.setInt32(this.length, Math.floor(value / 0x1_0000_0000));
    this.view.setUint32(this.length + 4, value >>> 0);
    this.length += 8;
  }

  /** A float as its bits; the NaN that Prometheus stores for any. */
  putFloat64(value: number): void {
    this.reserve(8);
    if (Number.isNaN(value)) {
      this.view.setUint32(this.length, NORMAL_NAN_HIGH);
      this.view.setUint32(this.length + 4, NORMAL_NAN_LOW);
    } else this.view.setFloat64(this.length, value);
    this.length += 8;
  }

  putUvarint(value: number): void {
    if (!(value >= 0 && value < Number.POSITIVE_INFINITY)) throw new RangeError(`BUG: ${value} cannot be a uvarint`);
    this.reserve(10);
    let rest = value;
    while (rest >= 0x80) {
      this.bytes[this.length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.bytes[this.length++] = rest;
  }

  /** Go's zig-zag varint. */
  putVarint(value: number): void {
    this.putUvarint(value < 0 ? -value * 2 - 1 : value * 2);
  }

  putBytes(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** A length-prefixed UTF-8 string. */
  putString(text: string): void {
    const bytesMax = text.length * 3;
    this.reserve(bytesMax + 10);
    const size = Buffer.byteLength(text);
    this.putUvarint(size);
    this.length += TEXT_ENCODER.encodeInto(text, this.bytes.subarray(this.length, this.length + bytesMax)).written;
  }

  reserve(more: number): void {
    const needed = this.length + more;
    if (needed <= this.bytes.length) return;
    const bytes = new Uint8Array(Math.max(needed, this.bytes.length * 2));
    bytes.set(this.bytes.subarray(0, this.length));
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer);
  }
}

/** Reads what EncodeBuffer writes. @throws RangeError past the end */
export class DecodeBuffer {
  private readonly view: DataView;

  /** Reads `bytes` from `position` up to `end`. */
  constructor(
    readonly bytes: Uint8Array,
    public position = 0,
    private readonly end = bytes.length,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get remaining(): number {
    return this.end - this.position;
  }

  byte(): number {
    const at = this.advance(1);
    return this.bytes[at];
  }

  uint32(): number {
    return this.view.getUint32(this.advance(4));
  }

  int64(): number {
    const at = this.advance(8);
    return this.view.getInt32(at) * 0x1_0000_0000 + this.view.getUint32(at + 4);
  }

  float64(): number {
    return this.view.getFloat64(this.advance(8));
  }

  uvarint(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 0x80;
      if (scale > 2 ** 63) throw new RangeError('varint overflows 64 bits');
    }
  }

  varint(): number {
    const value = this.uvarint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  string(): string {
    const size = this.uvarint();
    const at = this.advance(size);
    return Buffer.from(this.bytes.buffer, this.bytes.byteOffset + at, size).toString('utf8');
  }

  /** Passes over bytes. */
  skip(count: number): void {
    this.advance(count);
  }

  private advance(count: number): number {
    const at = this.position;
    if (at + count > this.end) throw new RangeError('record ends too early');
    this.position = at + count;
    return at;
  }
}

const TEXT_ENCODER = new TextEncoder();
