import { closeSync, fsyncSync, openSync } from 'node:fs';
import { crc32c } from '../crc32c.ts';
import { EncodeBuffer } from '../encoding.ts';
import { writeFully } from './durable.ts';

const BUFFER_BYTES = 1024 * 1024;
const COPY_BYTES = 256 * 1024;
const LENGTH_MAX = 0xffff_ffff;

/**
 * Writes a file from front to back through one bounded buffer. Callers encode into `buffer` and call `drain` after
 * each entry. A section, `len <4b> content crc <4b>`, gets its length and checksum without being held whole.
 */
export class FileWriter {
  readonly buffer = new EncodeBuffer(BUFFER_BYTES + COPY_BYTES);
  private fd: number;
  private written = 0;
  /** Where the open section's length lies in the file, or -1; up to where in the buffer its checksum is summed up. */
  private sectionAt = -1;
  private summedTo = 0;
  private crc = 0;

  constructor(readonly path: string) {
    this.fd = openSync(path, 'wx');
  }

  /** Where the next byte goes. */
  get position(): number {
    return this.written + this.buffer.length;
  }

  /** Writes the buffer out when it is full. */
  drain(): void {
    if (this.buffer.length >= BUFFER_BYTES) this.flush();
  }

  /** Copies bytes of any length. */
  append(bytes: Uint8Array, start: number, end: number): void {
    const { buffer } = this;
    for (let at = start; at < end; ) {
      const count = Math.min(COPY_BYTES, end - at);
      buffer.reserve(count);
      buffer.bytes.set(bytes.subarray(at, at + count), buffer.length);
      buffer.length += count;
      at += count;
      this.drain();
    }
  }

  /** Zeros up to a multiple of `alignment`. */
  pad(alignment: number): void {
    const odd = this.position % alignment;
    for (let i = odd === 0 ? alignment : odd; i < alignment; i++) this.buffer.putByte(0);
  }

  beginSection(): void {
    this.sectionAt = this.position;
    this.buffer.putUint32(0);
    this.summedTo = this.buffer.length;
    this.crc = 0;
  }

  /** @throws RangeError where the section is longer than its length can say */
  endSection(): void {
    const length = this.position - this.sectionAt - 4;
    if (length > LENGTH_MAX) throw new RangeError(`${this.path}: a section of ${length} bytes is longer than 4 GiB`);
    this.sum();
    this.patchUint32(this.sectionAt, length);
    this.sectionAt = -1;
    this.buffer.putUint32(this.crc);
    this.drain();
  }

  /** Makes the file last and closes it. */
  finish(): void {
    this.flush();
    fsyncSync(this.fd);
    this.close();
  }

  /** Closes the file as it is. Idempotent. */
  close(): void {
    if (this.fd < 0) return;
    closeSync(this.fd);
    this.fd = -1;
  }

  private flush(): void {
    this.sum();
    const { bytes, length } = this.buffer;
    writeFully(this.fd, bytes, 0, length, this.written);
    this.written += length;
    this.buffer.reset();
    this.summedTo = 0;
  }

  private sum(): void {
    if (this.sectionAt < 0) return;
    this.crc = crc32c(this.buffer.bytes, this.summedTo, this.buffer.length, this.crc);
    this.summedTo = this.buffer.length;
  }

  private patchUint32(position: number, value: number): void {
    const four = new Uint8Array(4);
    new DataView(four.buffer).setUint32(0, value);
    if (position >= this.written) {
      this.buffer.bytes.set(four, position - this.written);
      return;
    }
    this.flush();
    writeFully(this.fd, four, 0, 4, position);
  }
}
