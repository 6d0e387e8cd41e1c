import { isUtf8 } from 'node:buffer';

/** Wire types of protobuf. */
const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const START_GROUP = 3;
const END_GROUP = 4;
const FIXED32 = 5;

const HIGH = 0x1_0000_0000;

/** Bytes that are not the message they should be. */
export class ProtoError extends Error {
  override readonly name = 'ProtoError';

  constructor(reason: string) {
    super(`proto: ${reason}`);
  }
}

const bits = new Uint32Array(2);
const double = new Float64Array(bits.buffer);

/**
 * Reads one protobuf message field by field, without an object a field:
 * ```
 * while (reader.next()) {
 *   if (reader.field === 1) time = reader.int64();
 *   else if (reader.field === 2) { const outer = reader.enter(); while (reader.next()) …; reader.leave(outer); }
 *   else reader.skip();
 * }
 * ```
 * Each field must be read or skipped once. Every method throws ProtoError where the bytes are cut short or of another
 * wire type than what is asked for, so that any byte sequence is a message or an error.
 */
export class ProtoReader {
  /** Number and wire type of the field that `next` has come to. */
  field = 0;
  wire = 0;
  /** The two halves of what `bits64` and `double` have read last. */
  low = 0;
  high = 0;
  /** Whether a string so far was not valid UTF-8; it is replaced by U+FFFD there. To be reset by who wants to know. */
  isIllFormed = false;
  private readonly view: DataView;
  private readonly buffer: Buffer;

  constructor(
    private readonly bytes: Uint8Array,
    private at = 0,
    private end = bytes.length,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Where reading is, as an offset of the bytes. */
  get position(): number {
    return this.at;
  }

  /** Goes to the next field. @returns false at the end of the message */
  next(): boolean {
    if (this.at === this.end) return false;
    const tag = this.varint();
    this.field = Math.floor(tag / 8);
    this.wire = tag % 8;
    if (this.field === 0 || tag >= HIGH) throw new ProtoError(`illegal tag ${this.field} (wire type ${this.wire})`);
    if (this.wire === END_GROUP) throw new ProtoError('wiretype end group for non-group');
    return true;
  }

  /** Goes into the message that the field is. @returns what `leave` needs */
  enter(): number {
    const length = this.length();
    const outer = this.end;
    this.end = this.at + length;
    return outer;
  }

  /** Goes to a message whose place, as `place` has told it, is known. */
  seek(start: number, end: number): void {
    this.at = start;
    this.end = end;
  }

  /** Passes over a message, string or bytes. @returns its length; it ends at `position` */
  place(): number {
    const length = this.length();
    this.take(length);
    return length;
  }

  /** Goes into the next message of a file or stream of them, each behind its length. @returns what `leave` needs */
  enterDelimited(): number {
    this.wire = LENGTH_DELIMITED;
    return this.enter();
  }

  /** Back to the message around, after the last field. */
  leave(outer: number): void {
    this.at = this.end;
    this.end = outer;
  }

  skip(): void {
    if (this.wire === VARINT) this.varint();
    else if (this.wire === FIXED64) this.take(8);
    else if (this.wire === LENGTH_DELIMITED) this.take(this.length());
    else if (this.wire === FIXED32) this.take(4);
    else if (this.wire === START_GROUP) this.skipGroup();
    else throw new ProtoError(`illegal wireType ${this.wire}`);
  }

  /** An int64 or int32: exact up to 2^53 either side of zero. */
  int64(): number {
    this.expect(VARINT);
    this.varint();
    return (this.high | 0) * HIGH + this.low;
  }

  /** A uint64, uint32 or enum: exact up to 2^53. */
  uint64(): number {
    this.expect(VARINT);
    return this.varint();
  }

  /** A sint64 or sint32: exact up to 2^52 either side of zero. */
  sint64(): number {
    this.expect(VARINT);
    return this.zigzag();
  }

  bool(): boolean {
    return this.uint64() !== 0;
  }

  double(): number {
    this.bits64();
    bits[0] = this.low;
    bits[1] = this.high;
    return double[0];
  }

  /** A double or fixed64 as its two halves, `low` and `high`: how a NaN keeps its payload. */
  bits64(): void {
    this.expect(FIXED64);
    this.fixed64();
  }

  fixed32(): number {
    this.expect(FIXED32);
    const start = this.take(4);
    return this.view.getUint32(start, true);
  }

  /** A view of the bytes. */
  slice(): Uint8Array {
    const length = this.length();
    const start = this.take(length);
    return this.bytes.subarray(start, start + length);
  }

  string(): string {
    const length = this.length();
    const start = this.take(length);
    const text = this.buffer.toString('utf8', start, start + length);
    if (text.includes('\ufffd') && !isUtf8(this.bytes.subarray(start, start + length))) this.isIllFormed = true;
    return text;
  }

  /** Adds the numbers of a repeated uint64, uint32 or enum, packed or not. */
  uint64s(into: number[]): void {
    this.repeated(VARINT, () => into.push(this.varint()));
  }

  /** Adds the numbers of a repeated uint64, packed or not, those above 2^53 too. */
  bigUint64s(into: bigint[]): void {
    this.repeated(VARINT, () => {
      this.varint();
      into.push((BigInt(this.high) << 32n) | BigInt(this.low));
    });
  }

  /** Adds the numbers of a repeated sint64 or sint32, packed or not. */
  sint64s(into: number[]): void {
    this.repeated(VARINT, () => into.push(this.zigzag()));
  }

  /** Adds the numbers of a repeated double, packed or not. */
  doubles(into: number[]): void {
    this.repeated(FIXED64, () => {
      this.fixed64();
      bits[0] = this.low;
      bits[1] = this.high;
      into.push(double[0]);
    });
  }

  /** Adds the numbers of a repeated fixed64, packed or not. */
  fixed64s(into: number[]): void {
    this.repeated(FIXED64, () => {
      this.fixed64();
      into.push(this.high * HIGH + this.low);
    });
  }

  private repeated(wire: number, read: () => void): void {
    if (this.wire === wire) {
      read();
      return;
    }
    const outer = this.enter();
    while (this.at < this.end) read();
    this.leave(outer);
  }

  private fixed64(): void {
    const start = this.take(8);
    this.low = this.view.getUint32(start, true);
    this.high = this.view.getUint32(start + 4, true);
  }

  private zigzag(): number {
    this.varint();
    const { low, high } = this;
    const half = (high >>> 1) * HIGH + (((high << 31) | (low >>> 1)) >>> 0);
    return (low & 1) === 0 ? half : -half - 1;
  }

  private expect(wire: number): void {
    if (this.wire !== wire) throw new ProtoError(`wrong wireType = ${this.wire} for field ${this.field}`);
  }

  private length(): number {
    this.expect(LENGTH_DELIMITED);
    const length = this.varint();
    if (length > this.end - this.at) throw new ProtoError('unexpected EOF');
    return length;
  }

  private take(length: number): number {
    const start = this.at;
    if (length > this.end - start) throw new ProtoError('unexpected EOF');
    this.at = start + length;
    return start;
  }

  /** A varint of up to 64 bits, also as `low` and `high`. */
  private varint(): number {
    const { bytes } = this;
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.at >= this.end) throw new ProtoError('unexpected EOF');
      const byte = bytes[this.at++];
      const part = byte & 0x7f;
      if (shift < 28) low |= part << shift;
      else if (shift === 28) {
        low |= part << 28;
        high |= part >>> 4;
      } else high |= part << (shift - 32);
      if (byte >= 0x80) continue;
      if (shift === 63 && byte > 1) break;
      this.low = low >>> 0;
      this.high = high >>> 0;
      return this.high * HIGH + this.low;
    }
    throw new ProtoError('integer overflow');
  }

  /** Of the depth of nested groups only the count is kept: no message nests beyond its bytes. */
  private skipGroup(): void {
    let depth = 1;
    while (depth > 0) {
      const wire = this.varint() % 8;
      if (wire === START_GROUP) depth++;
      else if (wire === END_GROUP) depth--;
      else {
        this.wire = wire;
        this.skip();
      }
    }
  }
}
