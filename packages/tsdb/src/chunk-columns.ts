import { copyInto } from './head/chunks.ts';

/** Chunk encodings, as the byte before a chunk's data names them (tsdb/docs/format/chunks.md). */
export const ENCODING_XOR = 1;
export const ENCODING_HISTOGRAM = 2;
export const ENCODING_FLOAT_HISTOGRAM = 3;
/** Floats with start times. */
export const ENCODING_XOR2 = 4;

/**
 * The encoded chunks of one series as columns over one growing byte buffer. The owner reuses it between series;
 * nothing here is an object a chunk.
 */
export class ChunkColumns {
  length = 0;
  /** Milliseconds of the first and last sample of each chunk. */
  minTime = new Float64Array(16);
  maxTime = new Float64Array(16);
  encoding = new Uint8Array(16);
  /** Where the data of each chunk lies in `bytes`. */
  start = new Uint32Array(16);
  end = new Uint32Array(16);
  bytes = new Uint8Array(16 * 1024);

  clear(): void {
    this.length = 0;
  }

  /** Copies the data of a chunk in: what lies between its encoding byte and its checksum. */
  add(encoding: number, minTime: number, maxTime: number, source: Uint8Array, start: number, end: number): void {
    const at = this.length;
    const from = at === 0 ? 0 : this.end[at - 1];
    this.reserve(from + end - start);
    if (at === this.minTime.length) this.growColumns();
    this.bytes.set(source.subarray(start, end), from);
    this.minTime[at] = minTime;
    this.maxTime[at] = maxTime;
    this.encoding[at] = encoding;
    this.start[at] = from;
    this.end[at] = from + end - start;
    this.length = at + 1;
  }

  private reserve(bytes: number): void {
    if (bytes <= this.bytes.length) return;
    this.bytes = copyInto(new Uint8Array(Math.max(bytes, this.bytes.length * 2)), this.bytes);
  }

  private growColumns(): void {
    const size = this.length * 2;
    this.minTime = copyInto(new Float64Array(size), this.minTime);
    this.maxTime = copyInto(new Float64Array(size), this.maxTime);
    this.encoding = copyInto(new Uint8Array(size), this.encoding);
    this.start = copyInto(new Uint32Array(size), this.start);
    this.end = copyInto(new Uint32Array(size), this.end);
  }
}
