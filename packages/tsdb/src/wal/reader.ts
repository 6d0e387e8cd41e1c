import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { crc32c } from '../crc32c.ts';
import { Decompressor } from './compression.ts';
import type { RecordPlace } from './log-reader.ts';
import {
  FRAGMENT_FIRST,
  FRAGMENT_FULL,
  FRAGMENT_LAST,
  FRAGMENT_MIDDLE,
  FRAGMENT_NONE,
  FRAGMENT_SNAPPY,
  FRAGMENT_TYPE_MASK,
  FRAGMENT_ZSTD,
  HEADER_BYTES,
  PAGE_BYTES,
} from './segments.ts';

/** A WAL segment that does not read on: where it is damaged and why. */
export class WalCorruption extends Error {
  override readonly name = 'WalCorruption';

  constructor(
    readonly path: string,
    /** Offset of the fragment or record at fault. */
    readonly offset: number,
    /** How many bytes from the start hold whole records. */
    readonly goodBytes: number,
    readonly reason: string,
  ) {
    super(`${path} at byte ${offset}: ${reason}`);
  }
}

const READ_BYTES = 64 * PAGE_BYTES;

/**
 * Reads the records of segments, one segment after the other, in the original's format:
 * ```
 * page (32 KiB):  ┌──────────┬──────────┬─────┬────────────┐
 *                 │ fragment │ fragment │  …  │ zero bytes │
 *                 └──────────┴──────────┴─────┴────────────┘
 * fragment:       ┌─────────────────────────────────────┬──────────┬─────────────┬──────┐
 *                 │ 000 │ zstd <1> │ snappy <1> │ type <3> │ len <2b> │ CRC-32C <4b> │ data │
 *                 └─────────────────────────────────────┴──────────┴─────────────┴──────┘
 * ```
 * After `next` the record is `bytes` from `start` to `end`, valid until the next call.
 */
export class SegmentReader {
  bytes: Uint8Array = new Uint8Array(0);
  start = 0;
  end = 0;
  /** Offset of the record in its segment. */
  recordOffset = 0;
  /** Bytes of the segment up to the end of the last record that its reader has gone past. */
  goodBytes = 0;

  private readonly decompressor = new Decompressor();
  private buffer = new Uint8Array(0);
  private joined = new Uint8Array(64 * 1024);
  private joinedLength = 0;
  private path = '';
  private fd = -1;
  /** Offset of the buffer's first byte in the segment. */
  private bufferOffset = 0;
  private size = 0;
  private at = 0;
  private recordEnd = 0;

  /** Where the current record lies. */
  get place(): RecordPlace {
    return { path: this.path, offset: this.recordOffset, goodBytes: this.goodBytes };
  }

  /** Begins to read a segment. @param from where a record begins */
  open(path: string, from = 0): void {
    this.close();
    this.fd = openSync(path, 'r');
    this.path = path;
    this.bufferOffset = from - (from % PAGE_BYTES);
    const pages = Math.ceil((fstatSync(this.fd).size - this.bufferOffset) / PAGE_BYTES);
    const wanted = Math.min(READ_BYTES, Math.max(1, pages) * PAGE_BYTES);
    if (wanted > this.buffer.length) this.buffer = new Uint8Array(wanted);
    this.size = 0;
    this.at = 0;
    this.recordOffset = from;
    this.recordEnd = from;
    this.goodBytes = from;
    if (from === 0) return;
    this.refill();
    this.at = Math.min(from - this.bufferOffset, this.size);
  }

  /** Where the current record ends in its segment. */
  get recordEndOffset(): number {
    return this.recordEnd;
  }

  /**
   * Goes to the next record.
   * @returns false at the end of the segment
   * @throws WalCorruption where a fragment is cut short or does not match its checksum
   */
  next(): boolean {
    this.goodBytes = this.recordEnd;
    this.joinedLength = 0;
    let inRecord = false;
    for (;;) {
      if (this.at >= this.size && !this.refill()) {
        if (inRecord) this.fail(this.goodBytes, 'the last record is cut short');
        return false;
      }
      const { buffer, at } = this;
      const head = buffer[at];
      const type = head & FRAGMENT_TYPE_MASK;
      const pageEnd = Math.min(this.size, at - (at % PAGE_BYTES) + PAGE_BYTES);
      if (type === FRAGMENT_NONE) {
        if (!isZero(buffer, at, pageEnd)) this.fail(this.bufferOffset + at, 'the padding of a page is not zero');
        this.at = pageEnd;
        continue;
      }
      const start = at + HEADER_BYTES;
      if (start > pageEnd) this.fail(this.bufferOffset + at, 'the fragment header is cut short');
      const end = start + ((buffer[at + 1] << 8) | buffer[at + 2]);
      if (end > pageEnd) this.fail(this.bufferOffset + at, `the fragment of ${end - start} bytes is cut short`);
      const expected = (buffer[at + 3] << 24) | (buffer[at + 4] << 16) | (buffer[at + 5] << 8) | buffer[at + 6];
      if (crc32c(buffer, start, end) !== expected >>> 0) {
        this.fail(this.bufferOffset + at, 'the checksum does not match');
      }
      const starts = type === FRAGMENT_FULL || type === FRAGMENT_FIRST;
      if (starts === inRecord || type > FRAGMENT_LAST) {
        this.fail(this.bufferOffset + at, `unexpected fragment type ${type}`);
      }
      if (starts) this.recordOffset = this.bufferOffset + at;
      this.at = end;
      if (type === FRAGMENT_FULL) this.show(buffer, start, end, head);
      else {
        inRecord = true;
        this.join(start, end);
        if (type === FRAGMENT_MIDDLE || type === FRAGMENT_FIRST) continue;
        this.show(this.joined, 0, this.joinedLength, head);
      }
      this.recordEnd = this.bufferOffset + this.at;
      return true;
    }
  }

  close(): void {
    if (this.fd >= 0) closeSync(this.fd);
    this.fd = -1;
  }

  /** The error that the current record is not what it should be. */
  corruption(reason: string): WalCorruption {
    return new WalCorruption(this.path, this.recordOffset, this.goodBytes, reason);
  }

  private fail(offset: number, reason: string): never {
    throw new WalCorruption(this.path, offset, this.goodBytes, reason);
  }

  private show(bytes: Uint8Array, start: number, end: number, head: number): void {
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    if (end === start || !(head & (FRAGMENT_SNAPPY | FRAGMENT_ZSTD))) return;
    try {
      const { decompressor } = this;
      const isSnappy = (head & FRAGMENT_SNAPPY) !== 0;
      this.bytes = isSnappy ? decompressor.snappy(bytes, start, end) : decompressor.zstd(bytes, start, end);
    } catch (error) {
      throw this.corruption(`the record does not decompress: ${(error as Error).message}`);
    }
    this.start = 0;
    this.end = this.bytes.length;
  }

  private join(start: number, end: number): void {
    const length = this.joinedLength + end - start;
    if (length > this.joined.length) {
      const bigger = new Uint8Array(length * 2);
      bigger.set(this.joined.subarray(0, this.joinedLength));
      this.joined = bigger;
    }
    this.joined.set(this.buffer.subarray(start, end), this.joinedLength);
    this.joinedLength = length;
  }

  private refill(): boolean {
    if (this.size > 0 && this.size < this.buffer.length) return false;
    this.bufferOffset += this.size;
    this.size = 0;
    this.at = 0;
    while (this.size < this.buffer.length) {
      const got = readSync(
        this.fd,
        this.buffer,
        this.size,
        this.buffer.length - this.size,
        this.bufferOffset + this.size,
      );
      if (got === 0) break;
      this.size += got;
    }
    return this.size > 0;
  }
}

function isZero(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i] !== 0) return false;
  return true;
}
