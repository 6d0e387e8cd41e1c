import { Cursor } from './cursor.ts';
import type { CachedFile } from './page-cache.ts';
import { checkedSection, type Section } from './sections.ts';

/** The offset of every so manieth symbol is kept in memory; the others are found by walking from there. */
const STRIDE = 32;

/** The symbols of an index: strings known by their number, in UTF-8 byte order. Only sparse offsets are in memory. */
export class SymbolTable {
  readonly size: number = 0;
  private readonly cursor: Cursor;
  private readonly section: Section = { start: 0, end: 0 };
  /** Of every STRIDEth symbol, relative to the section's start. */
  private readonly offsets: Uint32Array = new Uint32Array(0);

  /** @param offset of the section; 0 where there is none. @throws BlockCorruption */
  constructor(
    private readonly file: CachedFile,
    offset: number,
  ) {
    this.cursor = new Cursor(file);
    if (offset === 0) return;
    this.section = checkedSection(file, offset, 'symbol table');
    const { start, end } = this.section;
    this.cursor.seek(start, end);
    this.size = this.cursor.uint32();
    if (this.size > this.cursor.remaining) throw file.corrupt(offset, `symbol table: ${this.size} symbols do not fit`);
    this.offsets = new Uint32Array(Math.ceil(this.size / STRIDE));
    for (let i = 0; i < this.size; i++) {
      if (i % STRIDE === 0) this.offsets[i / STRIDE] = this.cursor.offset - start;
      this.cursor.skip(this.cursor.uvarint());
    }
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
