import { Cursor } from './cursor.ts';
import type { CachedFile } from './page-cache.ts';
import { checkedSection, type Section } from './sections.ts';

/** The offset of every so manieth symbol is kept in memory; the others are found by walking from there. */
const STRIDE = 32;

/** The symbols of an index: strings known by their number, in UTF-8 byte order. Only sparse offsets are in memory. */
export class SymbolTable {
  size = 0;
  private readonly cursor: Cursor;
  private section: Section = { start: 0, end: 0 };
  /** Of every STRIDEth symbol, relative to the section's start. */
  private offsets = new Uint32Array(0);

  /** To be loaded before anything is asked of it. */
  constructor(private readonly file: CachedFile) {
    this.cursor = new Cursor(file);
  }

  /** @param offset of the section; 0 where there is none. @throws BlockCorruption */
  *load(offset: number): Generator<void, void> {
    if (offset === 0) return;
    this.section = yield* checkedSection(this.file, offset, 'symbol table');
    const { start, end } = this.section;
    const { cursor } = this;
    const size = cursor.seek(start, end).uint32();
    if (size > cursor.remaining) throw this.file.corrupt(offset, `symbol table: ${size} symbols do not fit`);
    this.offsets = new Uint32Array(Math.ceil(size / STRIDE));
    for (let i = 0, next = cursor.offset; i < size; i += STRIDE) {
      cursor.seek(next, end); // again each time: others may have read meanwhile
      this.offsets[i / STRIDE] = next - start;
      for (let n = Math.min(STRIDE, size - i); n > 0; n--) cursor.skip(cursor.uvarint());
      next = cursor.offset;
      yield;
    }
    this.size = size;
  }

  get memoryBytes(): number {
    return this.offsets.byteLength;
  }

  /** @throws BlockCorruption where there is no such symbol */
  text(number: number): string {
    const { strings } = this.file.cache;
    const known = strings.get(this.file.id, number);
    if (known !== undefined) return known;
    if (number >= this.size) throw this.file.corrupt(this.section.start, `there is no symbol ${number}`);
    const cursor = this.seek(number);
    const text = cursor.text(cursor.uvarint());
    strings.set(this.file.id, number, text);
    return text;
  }

  /** All symbols in order, read in one pass; for merging the symbols of blocks. */
  *[Symbol.iterator](): IterableIterator<string> {
    const { start, end } = this.section;
    let next = start + 4;
    for (let i = 0; i < this.size; i++) {
      const cursor = this.cursor.seek(next, end); // again each time: others may have read between two symbols
      const text = cursor.text(cursor.uvarint());
      next = cursor.offset;
      yield text;
    }
  }

  private seek(number: number): Cursor {
    const { start, end } = this.section;
    const { cursor } = this;
    cursor.seek(start + this.offsets[Math.floor(number / STRIDE)], end);
    for (let i = number % STRIDE; i > 0; i--) cursor.skip(cursor.uvarint());
    return cursor;
  }
}
