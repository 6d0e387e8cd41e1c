const HIGH = 0x1_0000_0000;
/** A varint of 64 bits. */
const VARINT_BYTES_MAX = 10;

/**
 * Writes a protobuf message into a buffer that grows and is used again. A field that is zero or empty is left out, as
 * proto3 has it; the `…s` methods write packed.
 */
export class ProtoWriter {
  bytes: Uint8Array;
  length = 0;
  private view: DataView;
  private buffer: Buffer;

  constructor(capacity = 64 * 1024) {
    this.bytes = new Uint8Array(capacity);
    this.view = new DataView(this.bytes.buffer);
    this.buffer = Buffer.from(this.bytes.buffer);
  }

  /** What was written: a view until the next write. */
  get written(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }

  reset(): void {
    this.length = 0;
  }

  /** Begins a message of a field. @returns what `end` needs */
  begin(field: number): number {
    this.tag(field, 2);
    this.reserve(1);
    return ++this.length;
  }

  /** Ends the message begun at `start`; one of 128 bytes or more is moved to make room for its length. */
  end(start: number): void {
    const size = this.length - start;
    const lengthBytes = varintBytes(size);
    if (lengthBytes > 1) {
      this.reserve(lengthBytes - 1);
      this.bytes.copyWithin(start + lengthBytes - 1, start, this.length);
    }
    this.length = start - 1;
    this.varint(size);
    this.length += size;
  }

  /** An int64, int32, uint64, uint32 or enum: a whole number within 2^53 either side of zero. */
  int64(field: number, value: number): void {
    if (value === 0) return;
    this.tag(field, 0);
    this.varint(value);
  }

  bool(field: number, value: boolean): void {
    this.int64(field, value ? 1 : 0);
  }

  sint64(field: number, value: number): void {
    if (value !== 0) this.int64(field, value < 0 ? -2 * value - 1 : 2 * value);
  }

  double(field: number, value: number): void {
    if (Object.is(value, 0)) return;
    this.tag(field, 1);
    this.reserve(8);
    this.view.setFloat64(this.length, value, true);
    this.length += 8;
  }

  /** A double by the two halves of its bits: how a NaN keeps its payload. */
  bits64(field: number, low: number, high: number): void {
    if (low === 0 && high === 0) return;
    this.tag(field, 1);
    this.reserve(8);
    this.view.setUint32(this.length, low, true);
    this.view.setUint32(this.length + 4, high, true);
    this.length += 8;
  }

  string(field: number, text: string): void {
    if (text !== '') this.element(field, text);
  }

  /** An entry of a repeated string, which may be empty. */
  element(field: number, text: string): void {
    this.tag(field, 2);
    // Three bytes a UTF-16 unit at the most.
    this.reserve(VARINT_BYTES_MAX + 3 * text.length);
    if (text.length < 0x80 / 3) {
      const size = this.buffer.write(text, this.length + 1, 'utf8');
      this.bytes[this.length] = size;
      this.length += 1 + size;
      return;
    }
    this.varint(Buffer.byteLength(text));
    this.length += this.buffer.write(text, this.length, 'utf8');
  }

  slice(field: number, bytes: Uint8Array): void {
    this.tag(field, 2);
    this.varint(bytes.length);
    this.raw(bytes);
  }

  /** A message that is encoded already, behind its length: how messages follow each other in a file or a stream. */
  delimited(message: Uint8Array): void {
    this.varint(message.length);
    this.raw(message);
  }

  /** Bytes that are encoded already. */
  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** Moves what was written behind the first `length` bytes before them. */
  moveToFront(length: number): void {
    const moved = this.bytes.slice(length, this.length);
    this.bytes.copyWithin(moved.length, 0, length);
    this.bytes.set(moved);
  }

  uint64s(field: number, values: ArrayLike<number>): void {
    if (values.length === 0) return;
    const start = this.begin(field);
    for (let i = 0; i < values.length; i++) this.varint(values[i]);
    this.end(start);
  }

  /** Packed whole numbers of 64 bits, which may be above 2^53. */
  bigUint64s(field: number, values: BigUint64Array): void {
    if (values.length === 0) return;
    const start = this.begin(field);
    const halves = new Uint32Array(values.buffer, values.byteOffset, 2 * values.length);
    for (let i = 0; i < halves.length; i += 2) this.varintOfHalves(halves[i], halves[i + 1]);
    this.end(start);
  }

  sint64s(field: number, values: ArrayLike<number>): void {
    if (values.length === 0) return;
    const start = this.begin(field);
    for (let i = 0; i < values.length; i++) this.varint(values[i] < 0 ? -2 * values[i] - 1 : 2 * values[i]);
    this.end(start);
  }

  doubles(field: number, values: ArrayLike<number>): void {
    if (values.length === 0) return;
    const start = this.begin(field);
    this.reserve(8 * values.length);
    for (let i = 0; i < values.length; i++, this.length += 8) this.view.setFloat64(this.length, values[i], true);
    this.end(start);
  }

  private tag(field: number, wire: number): void {
    this.varint(field * 8 + wire);
  }

  private varint(value: number): void {
    this.varintOfHalves(value >>> 0, Math.floor(value / HIGH) >>> 0);
  }

  private varintOfHalves(lowHalf: number, highHalf: number): void {
    this.reserve(VARINT_BYTES_MAX);
    const { bytes } = this;
    let at = this.length;
    let low = lowHalf;
    let high = highHalf;
    while (high > 0 || low >= 0x80) {
      bytes[at++] = low | 0x80;
      low = ((low >>> 7) | (high << 25)) >>> 0;
      high >>>= 7;
    }
    bytes[at] = low;
    this.length = at + 1;
  }

  private reserve(count: number): void {
    if (this.length + count <= this.bytes.length) return;
    const bigger = new Uint8Array(Math.max(this.bytes.length * 2, this.length + count));
    bigger.set(this.written);
    this.bytes = bigger;
    this.view = new DataView(bigger.buffer);
    this.buffer = Buffer.from(bigger.buffer);
  }
}

function varintBytes(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++;
  return size;
}
