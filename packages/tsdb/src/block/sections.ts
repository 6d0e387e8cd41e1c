import { Cursor } from './cursor.ts';
import type { CachedFile } from './page-cache.ts';

export const INDEX_MAGIC = 0xbaaad700;
export const INDEX_VERSION = 2;
export const INDEX_HEADER_BYTES = 5;
export const TOC_BYTES = 52;

/** The content of a section of the index: what is between its length and its checksum. */
export interface Section {
  readonly start: number;
  readonly end: number;
}

/** Where the sections of an index start; 0 where there is none (tsdb/docs/format/index.md). */
export interface TableOfContents {
  readonly symbols: number;
  readonly series: number;
  readonly labelIndices: number;
  readonly labelOffsetTable: number;
  readonly postings: number;
  readonly postingsOffsetTable: number;
}

/** Finds `len <4b> content crc <4b>` at an offset, checks it and has it guarded from then on. @throws BlockCorruption naming `what` */
export function* checkedSection(file: CachedFile, offset: number, what: string): Generator<void, Section> {
  const length = new Cursor(file).seek(offset, offset + 4).uint32();
  const start = offset + 4;
  const end = start + length;
  if (end + 4 > file.size) throw file.corrupt(offset, `${what}: ${length} bytes are more than the file has`);
  const crc = yield* file.guard(start, length);
  if (crc !== new Cursor(file).seek(end, end + 4).uint32()) throw file.corrupt(offset, `${what}: checksum mismatch`);
  return { start, end };
}

/** Checks magic number and version, and reads the table of contents. @throws BlockCorruption */
export function readTableOfContents(file: CachedFile): TableOfContents {
  const { size } = file;
  if (size < INDEX_HEADER_BYTES + TOC_BYTES) throw file.corrupt(0, `${size} bytes are too few for an index`);
  const header = new Cursor(file).seek(0, INDEX_HEADER_BYTES);
  if (header.uint32() !== INDEX_MAGIC) throw file.corrupt(0, 'the magic number of an index is missing');
  const version = header.byte();
  if (version !== INDEX_VERSION) throw file.corrupt(4, `index version ${version} is not supported, only 2 is`);
  const start = size - TOC_BYTES;
  const crc = file.checksum(start, TOC_BYTES - 4);
  const toc = new Cursor(file).seek(start, size);
  const offset = () => {
    const at = toc.uint64();
    if (at > start) throw file.corrupt(start, 'table of contents: a section starts beyond it');
    return at;
  };
  const contents = {
    symbols: offset(),
    series: offset(),
    labelIndices: offset(),
    labelOffsetTable: offset(),
    postings: offset(),
    postingsOffsetTable: offset(),
  };
  if (toc.uint32() !== crc) throw file.corrupt(start, 'table of contents: checksum mismatch');
  return contents;
}
