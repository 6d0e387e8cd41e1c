import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { crc32c } from '../crc32c.ts';
import { BlockCorruption } from './corruption.ts';
import { Cursor } from './cursor.ts';
import type { CachedFile, PageCache } from './page-cache.ts';

export const CHUNKS_MAGIC = 0x85bd40dd;
export const CHUNKS_VERSION = 1;
export const SEGMENT_HEADER_BYTES = 8;
const LENGTH_BYTES_MAX = 5;
const CRC_BYTES = 4;

/**
 * The chunk segments of a block. `read` leaves the data of a chunk in the fields, valid until the next read of any
 * file of the cache.
 */
export class ChunkReader {
  bytes: Uint8Array = new Uint8Array(0);
  /** The chunk's data, without length, encoding and checksum. */
  start = 0;
  end = 0;
  encoding = 0;
  readonly sizeBytes: number;
  private readonly segments: CachedFile[] = [];

  /** Opens all segments of a `chunks` directory. @throws BlockCorruption, or the file system's error */
  constructor(
    private readonly directory: string,
    cache: PageCache,
  ) {
    try {
      for (const name of segmentNames(directory)) this.segments.push(cache.open(join(directory, name)));
      for (const segment of this.segments) checkHeader(segment);
    } catch (error) {
      this.close();
      throw error;
    }
    this.sizeBytes = this.segments.reduce((sum, segment) => sum + segment.size, 0);
  }

  /** Reads and checks a chunk. @param chunkRef segment · 2^32 + offset. @throws BlockCorruption */
  read(chunkRef: number): this {
    const offset = chunkRef % 0x1_0000_0000;
    const segment = this.segments[Math.floor(chunkRef / 0x1_0000_0000)];
    if (segment === undefined) throw this.missingSegment(chunkRef);
    const length = this.readLength(segment, offset);
    const body = offset + lengthBytes(length);
    // Summed up before the bytes are brought into one piece: a damaged length must not make us allocate.
    const long = length > segment.cache.pageBytes;
    if (body + 1 + length + CRC_BYTES > segment.size) {
      throw segment.corrupt(offset, `chunk: ${length} bytes are more than the segment has`);
    }
    const longCrc = long ? segment.checksum(body, 1 + length) : 0;
    if (long && longCrc !== readUint32(segment, body + 1 + length)) {
      throw segment.corrupt(offset, 'chunk: checksum mismatch');
    }
    const at = segment.locate(body, 1 + length + CRC_BYTES);
    const { bytes } = segment;
    const end = at + 1 + length;
    if (!long && !segment.isChecked(at)) {
      if (crc32c(bytes, at, end) !== bytes.readUInt32BE(end)) throw segment.corrupt(offset, 'chunk: checksum mismatch');
      segment.setChecked(at);
    }
    this.bytes = bytes;
    this.start = at + 1;
    this.end = end;
    this.encoding = bytes[at];
    return this;
  }

  /** Idempotent. */
  close(): void {
    for (const segment of this.segments) segment.close();
  }

  private readLength(segment: CachedFile, offset: number): number {
    if (offset < SEGMENT_HEADER_BYTES || offset >= segment.size) {
      throw segment.corrupt(offset, 'chunk: the reference lies outside of the segment');
    }
    const available = Math.min(LENGTH_BYTES_MAX, segment.size - offset);
    const at = segment.locate(offset, available);
    const { bytes } = segment;
    let length = 0;
    for (let i = 0, scale = 1; i < available; i++, scale *= 0x80) {
      length += (bytes[at + i] & 0x7f) * scale;
      if (bytes[at + i] < 0x80) {
        if (i + 1 !== lengthBytes(length)) break; // not how a length is written
        return length;
      }
    }
    throw segment.corrupt(offset, 'chunk: the length is damaged');
  }

  private missingSegment(chunkRef: number): BlockCorruption {
    const number = Math.floor(chunkRef / 0x1_0000_0000) + 1;
    const path = join(this.directory, String(number).padStart(6, '0'));
    return new BlockCorruption(path, chunkRef % 0x1_0000_0000, 'a chunk should be here, but the segment is missing');
  }
}

function readUint32(segment: CachedFile, offset: number): number {
  return new Cursor(segment).seek(offset, offset + 4).uint32();
}

/** How many bytes the uvarint of a length takes. */
export function lengthBytes(length: number): number {
  let bytes = 1;
  for (let rest = length; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes++;
  return bytes;
}

/** Segments are numbered files from 000001; anything else in the directory is not ours. */
function segmentNames(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => /^\d+$/.test(name))
    .sort((a, b) => Number(a) - Number(b));
}

function checkHeader(segment: CachedFile): void {
  if (segment.size < SEGMENT_HEADER_BYTES) throw segment.corrupt(0, 'the segment is shorter than its header');
  const header = new Cursor(segment).seek(0, SEGMENT_HEADER_BYTES);
  if (header.uint32() !== CHUNKS_MAGIC) throw segment.corrupt(0, 'the magic number of a chunk segment is missing');
  const version = header.byte();
  if (version !== CHUNKS_VERSION) throw segment.corrupt(4, `chunk segment version ${version} is not supported`);
}
