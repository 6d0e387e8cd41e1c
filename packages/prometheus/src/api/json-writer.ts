import type { Labels } from '@avalanche/model';
import { VALUE_BYTES_MAX, writeInteger, writeValue } from '@avalanche/model';
import { wellFormed } from '@avalanche/promql';

const CHUNK_BYTES = 64 * 1024;
/** Small answers, which most are, take no more than this. */
const FIRST_CHUNK_BYTES = 4 * 1024;
/** `[1700000000.123,"…"],` with the longest value. */
const POINT_BYTES_MAX = 32 + VALUE_BYTES_MAX;

/** Chunks to be written again: an answer of many would leave as many behind. */
const FREE_MAX = 16;
const free: Buffer<ArrayBuffer>[] = [];
/** The memory of chunks that were taken: other buffers, such as those of Node's pool, are never written into. */
const taken = new WeakSet<ArrayBufferLike>();
/** One first chunk is kept, and whether it is taken. */
let firstChunk = Buffer.allocUnsafeSlow(FIRST_CHUNK_BYTES);
let isFirstTaken = false;

function takeFirstChunk(): Buffer<ArrayBuffer> {
  if (isFirstTaken) firstChunk = Buffer.allocUnsafeSlow(FIRST_CHUNK_BYTES);
  isFirstTaken = true;
  return firstChunk;
}

function takeChunk(bytes: number): Buffer<ArrayBuffer> {
  if (bytes > CHUNK_BYTES) return Buffer.allocUnsafeSlow(bytes);
  const chunk = free.pop() ?? Buffer.allocUnsafeSlow(CHUNK_BYTES);
  taken.add(chunk.buffer);
  return chunk;
}

/** Gives the memory of a piece back, which nobody else may look into. Does nothing where it is not that of a writer's chunk. */
export function recycle({ buffer }: Buffer): void {
  if (buffer === firstChunk.buffer) isFirstTaken = false;
  else if (taken.delete(buffer) && free.length < FREE_MAX) free.push(Buffer.from(buffer as ArrayBuffer));
}

/** Builds JSON text as bytes, in pieces that can be sent while the next is being built. */
export class JsonWriter {
  private bytes = takeFirstChunk();
  private view = viewOf(this.bytes);
  private length = 0;
  private readonly full: Buffer[] = [];

  /** What is full by now, to be sent. */
  *takeFull(): Generator<Buffer> {
    for (let chunk = this.full.shift(); chunk; chunk = this.full.shift()) yield chunk;
  }

  /** What is left, at the end. */
  *takeRest(): Generator<Buffer> {
    yield* this.takeFull();
    if (this.length > 0) yield this.bytes.subarray(0, this.length);
    this.length = 0;
  }

  /** Text that needs no escapes and may be of any length. */
  raw(text: string): void {
    if (text.length > 64) {
      this.long(text);
      return;
    }
    this.reserve(3 * text.length);
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) {
        this.length += this.bytes.write(text.slice(i), this.length + i) + i;
        return;
      }
      this.bytes[this.length + i] = code;
    }
    this.length += text.length;
  }

  /** A JSON string; bytes that are no UTF-8 are written as U+FFFD, as by Go. */
  string(text: string): void {
    const { length } = text;
    if (length > 1024) {
      this.long(JSON.stringify(wellFormed(text)));
      return;
    }
    this.reserve(length + 2);
    const { bytes } = this;
    let at = this.length;
    bytes[at++] = 0x22;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code < 0x20 || code > 0x7e || code === 0x22 || code === 0x5c) {
        this.long(JSON.stringify(wellFormed(text)));
        return;
      }
      bytes[at++] = code;
    }
    bytes[at] = 0x22;
    this.length = at + 1;
  }

  /** `{"name":"value",…}` in label order. */
  labels({ pairs }: Labels): void {
    this.raw('{');
    for (let i = 0; i < pairs.length; i += 2) {
      if (i > 0) this.raw(',');
      this.string(pairs[i]);
      this.raw(':');
      this.string(pairs[i + 1]);
    }
    this.raw('}');
  }

  /** `[seconds,"value"]` */
  point(timeMs: number, value: number): void {
    this.reserve(POINT_BYTES_MAX);
    const { view } = this;
    const at = writeTime(view, this.length, timeMs);
    view.setUint16(at, 0x2c22);
    const end = writeValue(view, at + 2, value);
    view.setUint16(end, 0x225d);
    this.length = end + 2;
  }

  /** Points `from` … `to`-1 of a list of points. */
  points(t: Float64Array, v: Float64Array, from: number, to: number): void {
    for (let i = from; i < to; i++) {
      if (i > 0) {
        this.reserve(1);
        this.bytes[this.length++] = 0x2c;
      }
      this.point(t[i], v[i]);
    }
  }

  private long(text: string): void {
    const size = Buffer.byteLength(text);
    this.reserve(size);
    this.bytes.write(text, this.length);
    this.length += size;
  }

  private reserve(count: number): void {
    if (this.length + count <= this.bytes.length) return;
    if (this.length > 0) this.full.push(this.bytes.subarray(0, this.length));
    this.bytes = takeChunk(count);
    this.view = viewOf(this.bytes);
    this.length = 0;
  }
}

/** Writes `[seconds` with up to three decimals, as upstream's API has times. */
function writeTime(view: DataView, at: number, timeMs: number): number {
  let start = at;
  view.setUint8(start++, 0x5b);
  let ms = timeMs;
  if (ms < 0) {
    view.setUint8(start++, 0x2d);
    ms = -ms;
  }
  const seconds = Math.floor(ms / 1000);
  const end = writeInteger(view, start, seconds);
  const rest = ms - seconds * 1000;
  if (rest === 0) return end;
  view.setUint8(end, 0x2e);
  view.setUint8(end + 1, 48 + ((rest / 100) | 0));
  view.setUint8(end + 2, 48 + (((rest / 10) | 0) % 10));
  view.setUint8(end + 3, 48 + (rest % 10));
  return end + 4;
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
