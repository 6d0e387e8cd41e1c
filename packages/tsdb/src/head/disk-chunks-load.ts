import {
  closeSync,
  copyFileSync,
  existsSync,
  fstatSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Logger } from '@avalanche/model';
import { BlockCorruption } from '../block/corruption.ts';
import { Pace } from '../wal/replay.ts';
import {
  CHUNK_BYTES_MIN,
  DATA_BYTES_MAX,
  END_BYTES,
  type EntryMeta,
  entryBytes,
  FILE_HEADER_BYTES,
  headerFault,
  isEnd,
  isSound,
  readDataBytes,
  readEntryMeta,
} from './disk-chunk-format.ts';
import type { DiskChunks } from './disk-chunks.ts';

const WINDOW_BYTES = 1024 * 1024;

/** Where the data of a chunk lies: of `length` bytes, in an entry at `offset`. */
export interface ChunkPlace {
  readonly file: number;
  readonly offset: number;
  readonly length: number;
}

/** Takes the chunks of the files in the order in which they were written. @returns what is wrong with one, if anything */
export type DiskChunkVisitor = (meta: EntryMeta, place: ChunkPlace) => string | undefined;

/** A file cannot be read on from `offset`. */
class Damage extends Error {
  constructor(
    readonly offset: number,
    reason: string,
    /** The file ends within a chunk. */
    readonly isTorn = false,
  ) {
    super(reason);
  }
}

interface NumberedFile {
  readonly number: number;
  readonly path: string;
}

/** What `loadDiskChunks` needs. */
export interface LoadOptions {
  readonly directory: string;
  readonly disk: DiskChunks;
  readonly visit: DiskChunkVisitor;
  readonly logger: Logger;
}

/**
 * Reads the files of head chunks up to the first damage. The torn end of the last file is cut off; other damage is
 * kept under a name with `.corrupt`, as are the files that follow: the log still has those samples.
 * @returns how many damaged places were found. @throws the file system's error
 */
export async function loadDiskChunks(options: LoadOptions): Promise<number> {
  const files = listFiles(options.directory);
  const pace = new Pace();
  for (const [i, file] of files.entries()) {
    try {
      if (i > 0 && file.number !== files[i - 1].number + 1) throw new Damage(0, 'a file before it is missing');
      await readFile(file, options, pace);
    } catch (damage) {
      if (!(damage instanceof Damage)) throw damage;
      const isTorn = damage.isTorn && i === files.length - 1;
      const error = new BlockCorruption(file.path, damage.offset, damage.message);
      options.logger.warn('Head chunks are damaged: the file is cut there, the log has the samples', { error });
      cut(file.path, damage.offset, isTorn);
      for (const { path } of files.slice(i + 1)) renameSync(path, freeName(path));
      return isTorn ? 0 : 1;
    }
  }
  return 0;
}

/** Hands on the chunks of one file. @throws Damage */
async function readFile({ number, path }: NumberedFile, { disk, visit }: LoadOptions, pace: Pace): Promise<void> {
  const window = new FileWindow(path);
  try {
    if (window.size < FILE_HEADER_BYTES) throw new Damage(0, 'it is shorter than its header');
    const fault = headerFault(window.bytes, window.at(0, FILE_HEADER_BYTES));
    if (fault) throw new Damage(0, fault);
    const file = disk.adopt(number, path, window.size);
    for (let offset = FILE_HEADER_BYTES; offset < window.size; ) {
      if (pace.isDue) await pace.pause();
      const length = dataBytesAt(window, offset);
      if (length === 0) return;
      const size = entryBytes(length);
      const at = window.at(offset, size);
      if (!isSound(window.bytes, at, size)) throw new Damage(offset, 'checksum mismatch');
      const meta = readEntryMeta(window.bytes, at);
      const reason = visit(meta, { file, offset, length });
      if (reason) throw new Damage(offset, reason);
      disk.see(file, meta.maxTime);
      offset += size;
    }
  } finally {
    window.close();
  }
}

/** The length of the data of the chunk at `offset`, 0 where the file has no more. @throws Damage */
function dataBytesAt(window: FileWindow, offset: number): number {
  const rest = window.size - offset;
  const at = window.at(offset, Math.min(rest, CHUNK_BYTES_MIN));
  if (isEnd(window.bytes, at, Math.min(rest, END_BYTES))) return 0;
  if (rest < CHUNK_BYTES_MIN) throw new Damage(offset, 'the file ends within a chunk', true);
  const length = readDataBytes(window.bytes, at);
  if (offset + entryBytes(length) > window.size) throw new Damage(offset, 'the file ends within a chunk', true);
  if (length === 0 || length > DATA_BYTES_MAX) throw new Damage(offset, `a chunk of ${length} bytes`);
  return length;
}

/** A piece of a file in memory, that moves on with its reader. */
class FileWindow {
  readonly size: number;
  bytes: Uint8Array = new Uint8Array(WINDOW_BYTES);
  private readonly fd: number;
  private from = 0;
  private length = 0;

  constructor(readonly path: string) {
    this.fd = openSync(path, 'r');
    this.size = fstatSync(this.fd).size;
  }

  /** Where the `length` bytes from `offset` start in `bytes`; they must be within the file. */
  at(offset: number, length: number): number {
    if (offset < this.from || offset + length > this.from + this.length) {
      if (length > this.bytes.length) this.bytes = new Uint8Array(length);
      this.from = offset;
      this.length = 0;
      while (this.length < length) {
        const read = readSync(this.fd, this.bytes, this.length, this.bytes.length - this.length, offset + this.length);
        if (read === 0) throw new Damage(offset, 'the file has become shorter');
        this.length += read;
      }
    }
    return offset - this.from;
  }

  close(): void {
    closeSync(this.fd);
  }
}

/** Files by number, but for a last one to which nothing was ever written. */
function listFiles(directory: string): NumberedFile[] {
  if (!existsSync(directory)) return [];
  const files = readdirSync(directory)
    .filter((name) => /^\d+$/.test(name))
    .map((name) => ({ number: Number(name), path: join(directory, name) }))
    .sort((a, b) => a.number - b.number);
  const last = files.at(-1);
  if (!last || statSync(last.path).size >= FILE_HEADER_BYTES) return files;
  rmSync(last.path);
  return files.slice(0, -1);
}

/** Keeps the first `goodBytes` of a file as they are, and all of it under another name unless its end is torn. */
function cut(path: string, goodBytes: number, isTorn: boolean): void {
  if (goodBytes < FILE_HEADER_BYTES) {
    renameSync(path, freeName(path));
    return;
  }
  if (!isTorn) copyFileSync(path, freeName(path));
  truncateSync(path, goodBytes);
}

function freeName(path: string): string {
  let name = `${path}.corrupt`;
  for (let i = 1; existsSync(name); i++) name = `${path}.corrupt.${i}`;
  return name;
}
