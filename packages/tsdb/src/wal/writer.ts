import { close, closeSync, fdatasync, fdatasyncSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { crc32c } from '../crc32c.ts';
import { type Compression, type Compressor, compressorFor, writable } from './compression.ts';
import { WalMetrics } from './metrics.ts';
import {
  FRAGMENT_FIRST,
  FRAGMENT_FULL,
  FRAGMENT_LAST,
  FRAGMENT_MIDDLE,
  FRAGMENT_SNAPPY,
  FRAGMENT_ZSTD,
  HEADER_BYTES,
  PAGE_BYTES,
  SEGMENT_BYTES,
  segmentPath,
  syncDirectory,
} from './segments.ts';

export interface WalWriterOptions {
  readonly compression?: Compression;
  /** Whether `flush` waits until the disk has what it wrote. */
  readonly syncEachFlush?: boolean;
  /** A whole number of pages. Default 128 MiB, as upstream. */
  readonly segmentBytes?: number | undefined;
  readonly metrics?: WalMetrics;
  /** Told where a full segment could not be synced in the background. It is tried again by the next `sync`. */
  readonly onSyncFailed?: (error: unknown) => void;
}

/** A buffer larger than this is not kept from one flush to the next. */
const BUFFER_KEPT_BYTES = 4 * 1024 * 1024;

/**
 * Appends records to the segments of a log in Prometheus's format. `flush` hands all records logged since the last
 * one to the kernel in one write, which is what survives a crash of the process; `sync` asks the disk to keep them.
 */
export class WalWriter {
  readonly metrics: WalMetrics;
  private readonly segmentBytes: number;
  private readonly syncEachFlush: boolean;
  private readonly onSyncFailed: (error: unknown) => void;
  private readonly compress: Compressor | undefined;
  private readonly compressionFlag: number;

  private fd = -1;
  private segmentOffset = 0;
  /** Bytes after `segmentOffset` that a failed write left and that could not be cut off yet. */
  private tornTail = false;
  /** Records logged since the last flush, one after the other, and where each ends. */
  private staged = Buffer.allocUnsafe(64 * 1024);
  private stagedLength = 0;
  private readonly stagedEnds: number[] = [];
  private readonly stagedFlags: number[] = [];
  /** The fragments of one write. */
  private pages = Buffer.allocUnsafe(64 * 1024);
  private unsynced = false;
  private directoryUnsynced = false;
  /** Full segments that the disk may not have yet. */
  private readonly retired: number[] = [];
  private syncing: Promise<void> | undefined = undefined;
  private syncingNext: Promise<void> | undefined = undefined;

  /** @throws the file system's error where the first segment cannot be created */
  constructor(
    private readonly directory: string,
    private segmentIndex: number,
    options: WalWriterOptions = {},
  ) {
    this.metrics = options.metrics ?? new WalMetrics();
    this.segmentBytes = options.segmentBytes ?? SEGMENT_BYTES;
    this.syncEachFlush = options.syncEachFlush ?? false;
    this.onSyncFailed = options.onSyncFailed ?? (() => {});
    const compression = writable(options.compression ?? 'none');
    this.compress = compressorFor(compression);
    this.compressionFlag = compression === 'zstd' ? FRAGMENT_ZSTD : FRAGMENT_SNAPPY;
    this.fd = this.createSegment(segmentIndex);
  }

  get currentSegment(): number {
    return this.segmentIndex;
  }

  /** Bytes of the segment being written. */
  get segmentSize(): number {
    return this.segmentOffset;
  }

  /** Adds one record; `flush` writes it. It is compressed where that makes it smaller, as upstream does. */
  log(record: Uint8Array, length = record.length): void {
    const compressed = length > 0 ? this.compress?.(record, length) : undefined;
    const isSmaller = compressed !== undefined && compressed.length < length;
    const bytes = isSmaller ? compressed : record.subarray(0, length);
    if (this.stagedLength + bytes.length > this.staged.length) {
      this.staged = enlarged(this.staged, this.stagedLength, this.stagedLength + bytes.length);
    }
    this.staged.set(bytes, this.stagedLength);
    this.stagedLength += bytes.length;
    this.stagedEnds.push(this.stagedLength);
    this.stagedFlags.push(isSmaller ? this.compressionFlag : 0);
    this.metrics.recordBytesSaved += length - bytes.length;
  }

  /**
   * Writes all that was logged, in one segment: where it does not fit in the current one, a new one is begun.
   * @throws the file system's error (ENOSPC …); nothing of the records stays then, neither in the file nor here
   */
  flush(): void {
    if (this.stagedEnds.length === 0) return;
    try {
      if (this.segmentOffset > 0 && this.segmentOffset + this.stagedBytesMax() > this.segmentBytes) this.nextSegment();
      this.write(this.layOut());
    } catch (error) {
      this.metrics.writesFailed++;
      throw error;
    } finally {
      this.discard();
    }
  }

  /** Forgets what was logged since the last flush. */
  discard(): void {
    this.stagedLength = 0;
    this.stagedEnds.length = 0;
    this.stagedFlags.length = 0;
    if (this.staged.length > BUFFER_KEPT_BYTES) this.staged = Buffer.allocUnsafe(64 * 1024);
  }

  /**
   * Goes on in a new segment, unless the current one is still empty. The new file is created before the old one is
   * given up, so that a full disk leaves a log that can be written to; the old one is synced in the background.
   * @throws the file system's error
   */
  nextSegment(): void {
    if (this.segmentOffset === 0) return;
    // Half a record in the middle of the log would be damage, and all after it lost.
    if (this.tornTail) this.cutTail();
    const next = this.createSegment(this.segmentIndex + 1);
    this.padPage();
    this.retired.push(this.fd);
    this.fd = next;
    this.segmentIndex++;
    this.segmentOffset = 0;
    this.unsynced = false;
    this.sync().catch(this.onSyncFailed);
  }

  /** Asks the disk to keep what was flushed, off the event loop. What fails is asked again by the next call. */
  sync(): Promise<void> {
    if (this.syncing) {
      // What is under way may have begun before the last flush: one more follows it, however many ask.
      this.syncingNext ??= this.syncing
        .catch(() => {})
        .then(() => {
          this.syncingNext = undefined;
          return this.sync();
        });
      return this.syncingNext;
    }
    this.syncing = this.syncAll().finally(() => {
      this.syncing = undefined;
    });
    return this.syncing;
  }

  /** Syncs and closes the files. What was logged and not flushed is forgotten. */
  async close(): Promise<void> {
    this.discard();
    if (this.fd < 0) return;
    await (this.syncingNext ?? this.syncing)?.catch(() => {});
    this.padPage();
    this.retired.push(this.fd);
    this.fd = -1;
    this.unsynced = false;
    try {
      await this.syncAll();
    } finally {
      for (const fd of this.retired) closeSync(fd);
      this.retired.length = 0;
    }
  }

  private createSegment(index: number): number {
    const fd = openSync(segmentPath(this.directory, index), 'wx');
    this.directoryUnsynced = true;
    return fd;
  }

  /** At most as many bytes as the staged records take, with headers and the padding of pages. */
  private stagedBytesMax(): number {
    const headers = this.stagedEnds.length * 2 + Math.ceil(this.stagedLength / (PAGE_BYTES - HEADER_BYTES)) + 1;
    return this.stagedLength + headers * HEADER_BYTES;
  }

  /** Cuts the staged records into fragments that never cross a page; returns how many bytes of `pages` they take. */
  private layOut(): number {
    if (this.pages.length < this.stagedBytesMax()) this.pages = Buffer.allocUnsafe(this.stagedBytesMax() * 2);
    let used = 0;
    let start = 0;
    for (let i = 0; i < this.stagedEnds.length; i++) {
      const end = this.stagedEnds[i];
      used = this.layOutRecord(start, end, this.stagedFlags[i], used);
      start = end;
    }
    return used;
  }

  private layOutRecord(start: number, end: number, flag: number, from: number): number {
    let used = from;
    let at = start;
    for (;;) {
      const roomInPage = PAGE_BYTES - ((this.segmentOffset + used) % PAGE_BYTES);
      if (roomInPage <= HEADER_BYTES) {
        this.pages.fill(0, used, used + roomInPage);
        used += roomInPage;
        continue;
      }
      const size = Math.min(end - at, roomInPage - HEADER_BYTES);
      const isLast = at + size === end;
      const type = at === start ? (isLast ? FRAGMENT_FULL : FRAGMENT_FIRST) : isLast ? FRAGMENT_LAST : FRAGMENT_MIDDLE;
      this.putFragment(type | flag, at, at + size, used);
      used += HEADER_BYTES + size;
      at += size;
      if (isLast) return used;
    }
  }

  private putFragment(type: number, start: number, end: number, at: number): void {
    const { pages } = this;
    const size = end - start;
    const checksum = crc32c(this.staged, start, end);
    pages[at] = type;
    pages[at + 1] = size >>> 8;
    pages[at + 2] = size;
    pages[at + 3] = checksum >>> 24;
    pages[at + 4] = checksum >>> 16;
    pages[at + 5] = checksum >>> 8;
    pages[at + 6] = checksum;
    this.staged.copy(pages, at + HEADER_BYTES, start, end);
    this.metrics.recordParts++;
    this.metrics.recordPartBytes += HEADER_BYTES + size;
  }

  private write(length: number): void {
    if (this.tornTail) this.cutTail();
    try {
      for (let written = 0; written < length; ) {
        written += writeSync(this.fd, this.pages, written, length - written, this.segmentOffset + written);
      }
      if (this.syncEachFlush) this.syncNow();
    } catch (error) {
      this.tornTail = true;
      try {
        this.cutTail();
      } catch {
        // Cut before the next write.
      }
      throw error;
    }
    const pagesBefore = Math.floor(this.segmentOffset / PAGE_BYTES);
    this.segmentOffset += length;
    this.unsynced ||= !this.syncEachFlush;
    const completed = Math.floor(this.segmentOffset / PAGE_BYTES) - pagesBefore;
    this.metrics.completedPages += completed;
    this.metrics.pageFlushes += completed + 1;
    if (this.pages.length > BUFFER_KEPT_BYTES) this.pages = Buffer.allocUnsafe(64 * 1024);
  }

  private cutTail(): void {
    ftruncateSync(this.fd, this.segmentOffset);
    this.tornTail = false;
  }

  /** A full page is what the format wants at the end of a segment; one that stays partial is read just as well. */
  private padPage(): void {
    try {
      if (this.tornTail) this.cutTail();
      ftruncateSync(this.fd, Math.ceil(this.segmentOffset / PAGE_BYTES) * PAGE_BYTES);
    } catch {
      // A disk that is full or gone: the records are there without the padding.
    }
  }

  /** @throws the file system's error */
  private syncNow(): void {
    const begin = performance.now();
    try {
      fdatasyncSync(this.fd);
      this.syncDirectoryOnce();
    } catch (error) {
      this.metrics.fsyncsFailed++;
      throw error;
    }
    this.countSync(begin);
  }

  private syncDirectoryOnce(): void {
    if (!this.directoryUnsynced) return;
    syncDirectory(this.directory);
    this.directoryUnsynced = false;
  }

  private countSync(begin: number): void {
    this.metrics.fsyncs++;
    this.metrics.fsyncSeconds += (performance.now() - begin) / 1000;
  }

  private async syncAll(): Promise<void> {
    try {
      this.syncDirectoryOnce();
    } catch (error) {
      this.metrics.fsyncsFailed++;
      throw error;
    }
    while (this.retired.length > 0) {
      const fd = this.retired[0];
      await this.syncFile(fd);
      this.retired.shift();
      close(fd);
    }
    if (!this.unsynced) return;
    this.unsynced = false;
    const { fd } = this;
    try {
      await this.syncFile(fd);
    } catch (error) {
      if (fd === this.fd) this.unsynced = true;
      throw error;
    }
  }

  private async syncFile(fd: number): Promise<void> {
    const begin = performance.now();
    try {
      await new Promise<void>((resolve, reject) => fdatasync(fd, (error) => (error ? reject(error) : resolve())));
    } catch (error) {
      this.metrics.fsyncsFailed++;
      throw error;
    }
    this.countSync(begin);
  }
}

function enlarged(buffer: Buffer<ArrayBuffer>, used: number, needed: number): Buffer<ArrayBuffer> {
  const bigger = Buffer.allocUnsafe(Math.max(needed, buffer.length * 2));
  buffer.copy(bigger, 0, 0, used);
  return bigger;
}
