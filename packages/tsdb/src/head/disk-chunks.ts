import { close, closeSync, fsync, mkdirSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from '@avalanche/model';
import { BlockCorruption } from '../block/corruption.ts';
import { writeFully } from '../block/durable.ts';
import { type CachedFile, PageCache } from '../block/page-cache.ts';
import {
  dataOffset,
  type EntryMeta,
  entryBytes,
  FILE_BYTES_MAX,
  FILE_HEADER_BYTES,
  isSound,
  writeEntry,
  writeFileHeader,
} from './disk-chunk-format.ts';

/** Written at once; this much of the newest chunks stays in memory until more come or a flush is asked for. */
const BATCH_BYTES = 128 * 1024;
/** Chunks are read one here, one there: small pages, and few of them, for what the kernel keeps anyway. */
const PAGE_BYTES = 4096;
const CACHE_BYTES = 4 * 1024 * 1024;

/** A file of head chunks, of which the first `written` bytes are on the disk. */
export interface ChunkFile {
  readonly number: number;
  readonly path: string;
  /** Bytes, with those still to be written. */
  size: number;
  written: number;
  /** Chunks in use. */
  live: number;
  /** Milliseconds: the newest sample of all its chunks, used or not. */
  newest: number;
  cached: CachedFile | undefined;
}

/** How far the files of head chunks go. Numbers are 0 where there is no file. */
export interface DiskPosition {
  readonly firstNumber: number;
  readonly lastNumber: number;
  /** Bytes written of the last one. */
  readonly lastSize: number;
}

/** Chunks of one file that are still to be written, one after the other. */
interface Batch {
  readonly file: ChunkFile;
  /** Where they belong in the file. */
  offset: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  length: number;
  live: number;
}

/**
 * The closed chunks of a head as files in Prometheus's format, `chunks_head/000001` and on. A chunk has its place in
 * a file from the start; it is written together with others, in the order in which chunks were closed, so that what
 * is on the disk of a series is always a first part of it. What cannot be written stays in memory and is tried again.
 */
export class DiskChunks {
  /** Where the chunk added last has gone, and where the chunk read last is: `bytes[start, end)`, until the next call. */
  file = 0;
  offset = 0;
  bytes: Uint8Array = new Uint8Array(0);
  start = 0;
  end = 0;
  /** Writes that failed since the start. */
  writesFailed = 0;
  private readonly cache = new PageCache(CACHE_BYTES, PAGE_BYTES);
  /** By the number that a chunk knows its file by; 0 is none. */
  private readonly files: (ChunkFile | undefined)[] = [undefined];
  /** The file that chunks are added to. */
  private current = 0;
  private lastNumber = 0;
  private readonly batches: Batch[] = [];
  private spare: Uint8Array<ArrayBuffer> | undefined = undefined;
  /** The file being written, open. */
  private writing: ChunkFile | undefined = undefined;
  private fd = -1;
  private syncing = false;
  private synced: Promise<void> = Promise.resolve();
  private held = false;
  private failing = false;
  private closed = false;

  /** @param directory `chunks_head`, made with the first write; null where chunks are to stay in memory */
  constructor(
    private readonly directory: string | null,
    private readonly logger: Logger,
  ) {}

  /** Bytes of all files, with what is still to be written. */
  get storageBytes(): number {
    return this.files.reduce((sum, file) => sum + (file?.size ?? 0), 0);
  }

  /** Bytes in memory that are not written yet. */
  get pendingBytes(): number {
    return this.batches.reduce((sum, { length }) => sum + length, 0);
  }

  /** Of what is on the disk. */
  get position(): DiskPosition {
    const files = this.oldestFirst().filter(({ written }) => written > 0);
    const last = files.at(-1);
    return { firstNumber: files[0]?.number ?? 0, lastNumber: last?.number ?? 0, lastSize: last?.written ?? 0 };
  }

  /** Nothing is written until `release`: it is not certain yet that chunks closed now are right. */
  hold(): void {
    this.held = true;
  }

  release(): void {
    this.held = false;
  }

  /** Makes everything last on the disk. @throws the file system's error */
  async sync(): Promise<void> {
    await this.synced;
    this.flush();
    if (this.batches.length > 0) throw new Error('head chunks could not be written');
    if (this.fd >= 0) await new Promise<void>((resolve, reject) => fsync(this.fd, (e) => (e ? reject(e) : resolve())));
  }

  /** Takes in a file that is there already, newer than all others. @returns the number that chunks know it by */
  adopt(number: number, path: string, size: number): number {
    this.lastNumber = number;
    return this.enter({ ...newFile(number, path), size, written: size });
  }

  /** A chunk of an adopted file has samples up to `maxTime`, in milliseconds. */
  see(file: number, maxTime: number): void {
    const entry = this.files[file] as ChunkFile;
    entry.newest = Math.max(entry.newest, maxTime);
  }

  /** A chunk of an adopted file is in use. */
  use(file: number): void {
    (this.files[file] as ChunkFile).live++;
  }

  /** Copies an encoded chunk in; `file` and `offset` are then its place. */
  add(meta: EntryMeta, source: Uint8Array, start: number, length: number): void {
    const size = entryBytes(length);
    const file = this.fileFor(size);
    const batch = this.batchFor(file, size);
    writeEntry(batch.bytes, batch.length, meta, source, start, length);
    this.file = this.current;
    this.offset = batch.offset + batch.length;
    batch.length += size;
    batch.live++;
    file.size += size;
    file.live++;
    file.newest = Math.max(file.newest, meta.maxTime);
  }

  /** Makes a chunk available; valid until the next call. @throws BlockCorruption */
  read(file: number, offset: number, length: number): void {
    const entry = this.files[file] as ChunkFile;
    const size = entryBytes(length);
    let at: number;
    if (offset >= entry.written) {
      const batch = this.batches[this.batchOf(entry, offset)];
      this.bytes = batch.bytes;
      at = offset - batch.offset;
    } else {
      const cached = this.cachedFile(entry, offset + size);
      at = cached.locate(offset, size);
      this.bytes = cached.bytes;
      if (!isSound(this.bytes, at, size)) {
        throw new BlockCorruption(entry.path, offset, 'checksum mismatch; a restart reads the samples from the log');
      }
    }
    this.start = at + dataOffset(length);
    this.end = this.start + length;
  }

  drop(file: number, offset: number): void {
    const entry = this.files[file] as ChunkFile;
    entry.live--;
    if (this.directory !== null) return;
    const at = this.batchOf(entry, offset);
    if (--this.batches[at].live === 0 && at < this.batches.length - 1) this.batches.splice(at, 1);
  }

  /** Writes everything, in order. What fails is told once, stays in memory and is written by a later call. */
  flush(): void {
    if (this.directory === null || this.closed || this.held) return;
    try {
      while (this.batches.length > 0 && this.openForWriting(this.batches[0].file)) {
        const { file, bytes, length, offset } = this.batches[0];
        writeFully(this.fd, bytes, 0, length, offset);
        file.written = offset + length;
        this.batches.shift();
        if (bytes.length === BATCH_BYTES) this.spare = bytes;
      }
      this.failing = false;
    } catch (error) {
      this.writesFailed++;
      if (!this.failing) {
        this.logger.error('Writing head chunks failed; they stay in memory, and it is tried again', { error });
      }
      this.failing = true;
    }
  }

  /**
   * Deletes, oldest first, the files of which no chunk is in use and all ended before `time`, and begins a new file so
   * that this one can go the next time. Nobody may still be reading chunks that are not in use.
   */
  deleteBefore(time: number): void {
    if (this.directory === null) return;
    for (const file of this.oldestFirst()) {
      if (file.live > 0 || file.newest >= time || file.written < file.size) break;
      if (file === this.writing) this.closeWriting();
      if (!this.remove(file)) break;
    }
    this.current = 0;
  }

  /** Writes what is left and closes the files. Idempotent. */
  close(): void {
    this.flush();
    this.closed = true;
    this.closeWriting();
    for (const file of this.files) file?.cached?.close();
  }

  private oldestFirst(): ChunkFile[] {
    return this.files.filter((file) => file !== undefined).sort((a, b) => a.number - b.number);
  }

  private remove(file: ChunkFile): boolean {
    file.cached?.close();
    file.cached = undefined;
    try {
      rmSync(file.path, { force: true });
    } catch (error) {
      this.logger.error('A file of head chunks could not be deleted', { file: file.path, error });
      return false;
    }
    this.files[this.files.indexOf(file)] = undefined;
    return true;
  }

  private enter(file: ChunkFile): number {
    const free = this.files.indexOf(undefined, 1);
    if (free < 0) return this.files.push(file) - 1;
    this.files[free] = file;
    return free;
  }

  /** The file with room for `bytes` more. */
  private fileFor(bytes: number): ChunkFile {
    const current = this.files[this.current];
    if (current && current.size + bytes <= FILE_BYTES_MAX) return current;
    const number = ++this.lastNumber;
    const path = join(this.directory ?? '', String(number).padStart(6, '0'));
    const file = newFile(number, path);
    this.current = this.enter(file);
    const batch = this.newBatch(file);
    writeFileHeader(batch.bytes);
    batch.length = FILE_HEADER_BYTES;
    file.size = FILE_HEADER_BYTES;
    return file;
  }

  private batchFor(file: ChunkFile, bytes: number): Batch {
    const last = this.batches[this.batches.length - 1];
    if (last?.file === file && last.length + bytes <= last.bytes.length) return last;
    if (last) this.flush();
    return this.newBatch(file, bytes);
  }

  private newBatch(file: ChunkFile, bytes = 0): Batch {
    const { spare } = this;
    this.spare = undefined;
    const room = spare && spare.length >= bytes ? spare : new Uint8Array(Math.max(BATCH_BYTES, bytes));
    const batch = { file, offset: file.size, bytes: room, length: 0, live: 0 };
    this.batches.push(batch);
    return batch;
  }

  /** The index of the batch that holds what is not written yet. */
  private batchOf(file: ChunkFile, offset: number): number {
    let low = 0;
    let high = this.batches.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      const batch = this.batches[middle];
      if (batch.file.number < file.number || (batch.file === file && batch.offset <= offset)) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** A file grows; it is opened anew when a chunk that was not there at its last opening is read. */
  private cachedFile(file: ChunkFile, end: number): CachedFile {
    if (file.cached && file.cached.size >= end) return file.cached;
    file.cached?.close();
    file.cached = this.cache.open(file.path);
    return file.cached;
  }

  /** @returns whether `file` can be written now; the one before is synced first, so that no gap can come to be */
  private openForWriting(file: ChunkFile): boolean {
    if (this.syncing) return false;
    if (this.writing === file) return true;
    if (this.writing) {
      this.finishWriting();
      return false;
    }
    mkdirSync(this.directory as string, { recursive: true });
    this.fd = openSync(file.path, file.written > 0 ? 'r+' : 'w');
    this.writing = file;
    return true;
  }

  private finishWriting(): void {
    const { fd } = this;
    this.syncing = true;
    this.writing = undefined;
    this.fd = -1;
    this.synced = new Promise((resolve) => {
      fsync(fd, (error) => {
        if (error) this.logger.error('Syncing head chunks failed', { error });
        close(fd, () => {});
        this.syncing = false;
        this.flush();
        resolve();
      });
    });
  }

  private closeWriting(): void {
    if (this.fd >= 0) closeSync(this.fd);
    this.fd = -1;
    this.writing = undefined;
  }
}

function newFile(number: number, path: string): ChunkFile {
  return { number, path, size: 0, written: 0, live: 0, newest: Number.NEGATIVE_INFINITY, cached: undefined };
}
