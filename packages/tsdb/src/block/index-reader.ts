import { Labels } from '@avalanche/model';
import { crc32c } from '../crc32c.ts';
import { Cursor } from './cursor.ts';
import type { CachedFile } from './page-cache.ts';
import { PostingsTable, type ValuePostings } from './postings-table.ts';
import { readTableOfContents, type TableOfContents } from './sections.ts';
import { SeriesEntry } from './series-entry.ts';
import { SymbolTable } from './symbol-table.ts';

const SERIES_ALIGN = 16;
const NO_SERIES = new Uint32Array(0);

/**
 * The `index` file of a block, version 2. Symbols and the postings offset table are checked when it is opened; each
 * postings list and each series entry whenever it is read. @throws BlockCorruption from every method
 */
export class IndexReader {
  private readonly toc: TableOfContents;
  private readonly symbols: SymbolTable;
  private readonly table: PostingsTable;
  private readonly cursor: Cursor;
  /** Series lie before this offset. */
  private readonly seriesEnd: number;
  private readonly entry = new SeriesEntry();

  /** Takes the file over. To be loaded before anything is asked of it. */
  constructor(private readonly file: CachedFile) {
    this.cursor = new Cursor(file);
    this.toc = readTableOfContents(file);
    this.seriesEnd = Math.min(
      ...[this.toc.labelIndices, this.toc.postings, this.toc.labelOffsetTable, this.toc.postingsOffsetTable].filter(
        (offset) => offset > this.toc.series,
      ),
      file.size,
    );
    this.symbols = new SymbolTable(file);
    this.table = new PostingsTable(file);
  }

  /** Reads and checks what is kept in memory; yields between small pieces. */
  *load(): Generator<void, void> {
    yield* this.symbols.load(this.toc.symbols);
    yield* this.table.load(this.toc.postingsOffsetTable);
  }

  get sizeBytes(): number {
    return this.file.size;
  }

  /** About how much memory this reader holds, apart from the cache. */
  get memoryBytes(): number {
    return this.symbols.memoryBytes + this.table.memoryBytes;
  }

  get symbolCount(): number {
    return this.symbols.size;
  }

  symbol(number: number): string {
    return this.symbols.text(number);
  }

  /** All symbols in order. */
  allSymbols(): Iterable<string> {
    return this.symbols;
  }

  /** Sorted. */
  labelNames(): string[] {
    return [...this.table.names];
  }

  /** Sorted by UTF-8 bytes. */
  labelValues(name: string): string[] {
    return name === '' ? [] : this.table.values(name);
  }

  /** The values of a label in order, a few hundred at a time, with where their postings lie, for `postingsAt`. */
  valuePostings(name: string): Iterable<ValuePostings> {
    return name === '' ? [] : this.table.valuePostings(name);
  }

  /** References of the series that carry the label, ascending; none where no series does. */
  postings(name: string, value: string): Uint32Array {
    const offset = this.table.find(name, value);
    return offset < 0 ? NO_SERIES : this.postingsAt(offset);
  }

  /** References of all series, which is the order of their labels. */
  all(): Uint32Array {
    return this.postings('', '');
  }

  /** The postings list at an offset of the file. */
  postingsAt(offset: number): Uint32Array {
    const { file } = this;
    const length = this.cursor.seek(offset, offset + 8).uint32();
    const count = this.cursor.uint32();
    if (length !== 4 + 4 * count || offset + length + 8 > file.size) {
      throw file.corrupt(offset, `postings list: ${count} entries in ${length} bytes`);
    }
    const crc = this.cursor.seek(offset + 4 + length, offset + 8 + length).uint32();
    const refs = new Uint32Array(count);
    const bytes = Buffer.from(refs.buffer);
    file.read(offset + 8, 4 * count, bytes);
    if (crc32c(bytes, 0, bytes.length, crcOfUint32(count)) !== crc) {
      throw file.corrupt(offset, 'postings list: checksum mismatch');
    }
    if (count > 0) bytes.swap32(); // big endian in the file, little endian on every machine that Node runs on
    return refs;
  }

  /** Reads the labels and chunks of a series. */
  readSeries(ref: number, into: SeriesEntry): void {
    const { file, cursor, seriesEnd } = this;
    const offset = ref * SERIES_ALIGN;
    if (offset < this.toc.series || offset >= seriesEnd) {
      throw file.corrupt(offset, `series reference ${ref} lies outside of the series section`);
    }
    const length = cursor.seek(offset, seriesEnd).uvarint();
    const start = cursor.offset;
    const end = start + length;
    if (end + 4 > seriesEnd) throw file.corrupt(offset, `series: ${length} bytes go beyond the series section`);
    const crc = file.checksum(start, length);
    if (cursor.seek(end, end + 4).uint32() !== crc) throw file.corrupt(offset, 'series: checksum mismatch');
    cursor.seek(start, end);
    into.ref = ref;
    this.readPairs(into);
    this.readChunks(into);
  }

  /** The labels of a series. */
  labels(ref: number): Labels {
    this.readSeries(ref, this.entry);
    return this.labelsOf(this.entry);
  }

  /** The labels of an entry that was read from this index. */
  labelsOf(entry: SeriesEntry): Labels {
    const pairs: string[] = [];
    for (let i = 0; i < 2 * entry.pairCount; i += 2) {
      const value = this.symbols.text(entry.pairs[i + 1]);
      if (value !== '') pairs.push(this.symbols.text(entry.pairs[i]), value); // an empty value is no label
    }
    return Labels.fromSortedPairs(pairs);
  }

  close(): void {
    this.file.close();
  }

  private readPairs(into: SeriesEntry): void {
    const { cursor } = this;
    const count = cursor.uvarint();
    if (count * 2 > cursor.remaining) throw this.file.corrupt(cursor.offset, `series: ${count} labels do not fit`);
    into.reservePairs(count);
    into.pairCount = count;
    const { pairs } = into;
    for (let i = 0; i < 2 * count; i++) {
      const symbol = cursor.uvarint();
      if (symbol >= this.symbols.size) throw this.file.corrupt(cursor.offset, `series: there is no symbol ${symbol}`);
      pairs[i] = symbol;
    }
  }

  private readChunks(into: SeriesEntry): void {
    const { cursor } = this;
    const count = cursor.uvarint();
    if (count * 3 > cursor.remaining) throw this.file.corrupt(cursor.offset, `series: ${count} chunks do not fit`);
    into.reserveChunks(count);
    into.chunkCount = count;
    const { minTime, maxTime, chunkRef } = into;
    for (let i = 0, time = 0, ref = 0; i < count; i++) {
      time = i === 0 ? cursor.varint() : time + cursor.uvarint();
      minTime[i] = time;
      time += cursor.uvarint();
      maxTime[i] = time;
      ref = i === 0 ? cursor.uvarint() : ref + cursor.varint();
      chunkRef[i] = ref;
    }
  }
}

function crcOfUint32(value: number): number {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return crc32c(bytes);
}
