import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32c } from '../crc32c.ts';
import { DecodeBuffer, EncodeBuffer } from '../encoding.ts';
import { addInterval, type Intervals, NO_INTERVALS } from '../intervals.ts';
import { BlockCorruption } from './corruption.ts';
import { replaceFile } from './durable.ts';

export const TOMBSTONES_FILE = 'tombstones';
const MAGIC = 0x0130ba30;
const VERSION = 1;
const HEADER_BYTES = 5;
const CRC_BYTES = 4;

/** The tombstones of a block: for each series reference the deleted times. Immutable, in columns. */
export class Tombstones {
  static readonly NONE = new Tombstones(new Uint32Array(0), new Uint32Array(1), new Float64Array(0));

  /**
   * @param refs of the series, ascending
   * @param starts where the intervals of each series begin in `bounds`, and one more where the last ends
   */
  constructor(
    readonly refs: Uint32Array,
    private readonly starts: Uint32Array,
    private readonly bounds: Float64Array,
  ) {}

  /** Reads the file of a block directory; a block without one has no tombstones. @throws BlockCorruption */
  static read(directory: string): Tombstones {
    const file = join(directory, TOMBSTONES_FILE);
    let bytes: Buffer;
    try {
      bytes = readFileSync(file);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Tombstones.NONE;
      throw error;
    }
    return decodeTombstones(bytes, file);
  }

  /** How many intervals there are. */
  get count(): number {
    return this.bounds.length / 2;
  }

  /** The deleted times of a series; empty where there are none. Not to be changed. */
  intervals(ref: number): Intervals {
    const { refs } = this;
    let low = 0;
    let high = refs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (refs[middle] < ref) low = middle + 1;
      else high = middle;
    }
    return refs[low] === ref ? this.intervalsOf(low) : NO_INTERVALS;
  }

  /** The intervals of the series `refs[i]`. */
  intervalsOf(i: number): Intervals {
    return this.bounds.subarray(this.starts[i], this.starts[i + 1]);
  }

  /** Replaces the file of a block directory; a crash leaves the old or the new one. */
  write(directory: string): void {
    const buffer = new EncodeBuffer(64 + this.count * 24);
    buffer.putUint32(MAGIC);
    buffer.putByte(VERSION);
    for (let i = 0; i < this.refs.length; i++) {
      const intervals = this.intervalsOf(i);
      for (let j = 0; j < intervals.length; j += 2) {
        buffer.putUvarint(this.refs[i]);
        buffer.putVarint(intervals[j]);
        buffer.putVarint(intervals[j + 1]);
      }
    }
    buffer.putUint32(crc32c(buffer.bytes, HEADER_BYTES, buffer.length)); // without the version byte, as upstream
    replaceFile(join(directory, TOMBSTONES_FILE), buffer.bytes.subarray(0, buffer.length));
  }
}

/** Collects intervals in any order. */
export class TombstonesBuilder {
  private readonly bySeries = new Map<number, Intervals>();

  /** @param base tombstones to add to */
  constructor(base: Tombstones = Tombstones.NONE) {
    for (let i = 0; i < base.refs.length; i++) this.bySeries.set(base.refs[i], base.intervalsOf(i));
  }

  /** Deletes the times min … max, in milliseconds, both included, of a series. */
  add(ref: number, min: number, max: number): void {
    this.bySeries.set(ref, addInterval(this.bySeries.get(ref) ?? NO_INTERVALS, min, max));
  }

  build(): Tombstones {
    const refs = Uint32Array.from(this.bySeries.keys()).sort();
    const starts = new Uint32Array(refs.length + 1);
    for (let i = 0; i < refs.length; i++) starts[i + 1] = starts[i] + this.of(refs[i]).length;
    const bounds = new Float64Array(starts[refs.length]);
    for (let i = 0; i < refs.length; i++) bounds.set(this.of(refs[i]), starts[i]);
    return new Tombstones(refs, starts, bounds);
  }

  private of(ref: number): Intervals {
    return this.bySeries.get(ref) ?? NO_INTERVALS;
  }
}

function decodeTombstones(bytes: Uint8Array, file: string): Tombstones {
  const corrupt = (offset: number, detail: string) => new BlockCorruption(file, offset, detail);
  const end = bytes.length - CRC_BYTES;
  if (end < HEADER_BYTES) throw corrupt(0, `${bytes.length} bytes are too few for tombstones`);
  const crc = new DecodeBuffer(bytes.subarray(end)).uint32();
  const decoder = new DecodeBuffer(bytes.subarray(0, end));
  if (decoder.uint32() !== MAGIC) throw corrupt(0, 'the magic number of tombstones is missing');
  const version = decoder.byte();
  if (version !== VERSION) throw corrupt(4, `tombstones version ${version} is not supported, only 1 is`);
  if (crc32c(bytes, HEADER_BYTES, end) !== crc) throw corrupt(HEADER_BYTES, 'checksum mismatch');
  const builder = new TombstonesBuilder();
  while (decoder.remaining > 0) {
    const at = decoder.position;
    try {
      const ref = decoder.uvarint();
      if (ref > 0xffff_ffff) throw new RangeError(`series reference ${ref} has more than 32 bits`);
      builder.add(ref, decoder.varint(), decoder.varint());
    } catch (error) {
      throw corrupt(at, (error as Error).message);
    }
  }
  return builder.build();
}
