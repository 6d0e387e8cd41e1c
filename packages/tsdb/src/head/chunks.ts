import type { DiskChunks } from './disk-chunks.ts';
import type { ChunkPlace } from './disk-chunks-load.ts';

/** The length of a chunk that is in `long`, which has room for larger numbers. */
const LONG = 0xffff;
/** The encoding of a chunk (below 8) is in the bits above the number of its file. */
const FILE_BITS = 13;
const FILE_MASK = (1 << FILE_BITS) - 1;

/** The longest that a chunk may last, in milliseconds (49 days). */
export const SPAN_MAX = 0xffff_ffff;

/** Times in milliseconds. */
export interface ChunkMeta {
  readonly minTime: number;
  readonly maxTime: number;
  readonly encoding: number;
  /** The chunk before it of the same series, or 0. */
  readonly previous: number;
}

/**
 * The closed chunks of the head: what is known of them in columns by chunk number, no object a chunk; their data in
 * files. The chunks of a series form a list from the newest to the oldest.
 */
export class ChunkStore {
  maxTime = new Float64Array(1024);
  /** The chunk before this one of the same series, or 0. */
  previous = new Uint32Array(1024);
  private span = new Uint32Array(1024);
  private length = new Uint16Array(1024);
  private readonly long = new Map<number, number>();
  /** `encoding << FILE_BITS | file` */
  private file = new Uint16Array(1024);
  private offset = new Uint32Array(1024);
  private used = 1; // chunk 0 is "none"
  private readonly free: number[] = [];

  constructor(readonly disk: DiskChunks) {}

  get size(): number {
    return this.used - 1 - this.free.length;
  }

  minTime(id: number): number {
    return this.maxTime[id] - this.span[id];
  }

  encoding(id: number): number {
    return this.file[id] >>> FILE_BITS;
  }

  /** Copies an encoded chunk of the series that the log calls `ref` in and returns its number. */
  add(source: Uint8Array, start: number, length: number, ref: number, meta: ChunkMeta): number {
    const { minTime, maxTime, encoding } = meta;
    this.disk.add({ ref, minTime, maxTime, encoding }, source, start, length);
    return this.enter(meta, this.disk.file, this.disk.offset, length);
  }

  /** Takes in a chunk that is in a file already and returns its number. */
  adopt(meta: ChunkMeta, { file, offset, length }: ChunkPlace): number {
    this.disk.use(file);
    return this.enter(meta, file, offset, length);
  }

  /** Makes the data of a chunk available as `disk.bytes[disk.start, disk.end)`. @throws BlockCorruption */
  read(id: number): void {
    const length = this.length[id];
    this.disk.read(this.file[id] & FILE_MASK, this.offset[id], length === LONG ? (this.long.get(id) ?? LONG) : length);
  }

  drop(id: number): void {
    this.disk.drop(this.file[id] & FILE_MASK, this.offset[id]);
    if (this.length[id] === LONG) this.long.delete(id);
    this.free.push(id);
  }

  private enter(
    { minTime, maxTime, encoding, previous }: ChunkMeta,
    file: number,
    offset: number,
    length: number,
  ): number {
    const id = this.free.pop() ?? this.nextId();
    this.maxTime[id] = maxTime;
    this.span[id] = maxTime - minTime;
    this.previous[id] = previous;
    this.length[id] = Math.min(length, LONG);
    if (length >= LONG) this.long.set(id, length);
    if (file > FILE_MASK) throw new RangeError(`the head has ${file} files of chunks, more than it can`);
    this.file[id] = (encoding << FILE_BITS) | file;
    this.offset[id] = offset;
    return id;
  }

  private nextId(): number {
    if (this.used === this.length.length) this.grow();
    return this.used++;
  }

  private grow(): void {
    const size = Math.ceil(this.length.length * 1.5);
    this.maxTime = copyInto(new Float64Array(size), this.maxTime);
    this.previous = copyInto(new Uint32Array(size), this.previous);
    this.span = copyInto(new Uint32Array(size), this.span);
    this.length = copyInto(new Uint16Array(size), this.length);
    this.file = copyInto(new Uint16Array(size), this.file);
    this.offset = copyInto(new Uint32Array(size), this.offset);
  }
}

export function copyInto<T extends { set(source: T): void }>(target: T, source: T): T {
  target.set(source);
  return target;
}
