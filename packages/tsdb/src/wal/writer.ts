import { closeSync, fdatasync, fsyncSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { crc32c } from '../crc32c.ts';
import {
  FRAGMENT_FIRST,
  FRAGMENT_FULL,
  FRAGMENT_LAST,
  FRAGMENT_MIDDLE,
  HEADER_BYTES,
  PAGE_BYTES,
  SEGMENT_BYTES,
  segmentPath,
} from './segments.ts';

/**
 * Appends records to the write-ahead log in Prometheus's format: records are cut into fragments that never cross a
 * 32 KiB page, pages fill 128 MiB segments. `flush` hands everything logged since the last flush to the kernel in one
 * write, which is what survives a crash of the process; an interval timer syncs it to the disk.
 */
export class WalWriter {
  private fd: number;
  private segmentOffset = 0;
  /** Bytes not yet written, ready for the end of the segment file. */
  private pending = Buffer.allocUnsafe(256 * 1024);
  private pendingLength = 0;
  private unsynced = false;

  constructor(
    private readonly directory: string,
    private segmentIndex: number,
    /** A whole number of pages. */
    private readonly segmentBytes = SEGMENT_BYTES,
  ) {
    this.fd = openSync(segmentPath(directory, segmentIndex), 'wx');
  }

  get currentSegment(): number {
    return this.segmentIndex;
  }

  /**
   * Adds one record; `flush` makes it last. A record never crosses from one segment to the next.
   * @throws the file system's error where a new segment cannot be begun
   */
  log(record: Uint8Array, length = record.length): void {
    if (this.position > 0 && length > this.roomInSegment()) this.nextSegment();
    let at = 0;
    let first = true;
    do {
      const roomInPage = PAGE_BYTES - (this.position % PAGE_BYTES);
      if (roomInPage < HEADER_BYTES + 1) {
        this.pad(roomInPage);
        continue;
      }
      const size = Math.min(length - at, roomInPage - HEADER_BYTES);
      const last = at + size === length;
      const type = first ? (last ? FRAGMENT_FULL : FRAGMENT_FIRST) : last ? FRAGMENT_LAST : FRAGMENT_MIDDLE;
      this.putFragment(type, record, at, at + size);
      at += size;
      first = false;
    } while (at < length);
  }

  /** One write for all that was logged. @throws the file system's error (ENOSPC …), after cutting off what it had half written */
  flush(): void {
    let written = 0;
    try {
      while (written < this.pendingLength) {
        const left = this.pendingLength - written;
        written += writeSync(this.fd, this.pending, written, left, this.segmentOffset + written);
      }
    } catch (error) {
      this.pendingLength = 0;
      ftruncateSync(this.fd, this.segmentOffset);
      throw error;
    }
    this.segmentOffset += this.pendingLength;
    this.unsynced ||= this.pendingLength > 0;
    this.pendingLength = 0;
  }

  /** Forgets what was logged since the last flush. */
  discard(): void {
    this.pendingLength = 0;
  }

  /** Asks the disk to keep what was flushed, off the event loop. */
  async sync(): Promise<void> {
    if (!this.unsynced) return;
    this.unsynced = false;
    await new Promise<void>((resolve, reject) => fdatasync(this.fd, (error) => (error ? reject(error) : resolve())));
  }

  close(): void {
    this.flush();
    fsyncSync(this.fd);
    closeSync(this.fd);
  }

  private get position(): number {
    return this.segmentOffset + this.pendingLength;
  }

  /** Bytes of one record that still fit in the segment: what is left of this page and the whole pages after it. */
  private roomInSegment(): number {
    const roomInPage = PAGE_BYTES - (this.position % PAGE_BYTES);
    const pages = (this.segmentBytes - this.position - roomInPage) / PAGE_BYTES;
    return Math.max(0, roomInPage - HEADER_BYTES) + pages * (PAGE_BYTES - HEADER_BYTES);
  }

  /** The new file is opened before the old one is given up, so that a full disk leaves a log that can be written to. */
  private nextSegment(): void {
    this.flush();
    const next = openSync(segmentPath(this.directory, this.segmentIndex + 1), 'wx');
    fsyncSync(this.fd);
    closeSync(this.fd);
    this.fd = next;
    this.segmentIndex++;
    this.segmentOffset = 0;
  }

  private pad(bytes: number): void {
    this.reserve(bytes);
    this.pending.fill(0, this.pendingLength, this.pendingLength + bytes);
    this.pendingLength += bytes;
  }

  private putFragment(type: number, record: Uint8Array, start: number, end: number): void {
    const size = end - start;
    this.reserve(HEADER_BYTES + size);
    const at = this.pendingLength;
    this.pending[at] = type;
    this.pending.writeUInt16BE(size, at + 1);
    this.pending.writeUInt32BE(crc32c(record, start, end), at + 3);
    this.pending.set(record.subarray(start, end), at + HEADER_BYTES);
    this.pendingLength += HEADER_BYTES + size;
  }

  private reserve(more: number): void {
    if (this.pendingLength + more <= this.pending.length) return;
    const bigger = Buffer.allocUnsafe(Math.max(this.pendingLength + more, this.pending.length * 2));
    this.pending.copy(bigger, 0, 0, this.pendingLength);
    this.pending = bigger;
  }
}
