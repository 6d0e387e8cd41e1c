import { Cursor } from './cursor.ts';
import type { CachedFile } from './page-cache.ts';
import { checkedSection, type Section } from './sections.ts';

/** The offset of every so manieth entry of a label name is kept in memory. */
const STRIDE = 32;
/** Entries that are read at once. */
const BATCH = 16 * STRIDE;
/** Label names whose values are kept once they were read, and what these may be: 300 kB together, mostly far less. */
const KEPT_NAMES = 32;
const KEPT_VALUES = 64;
const KEPT_CHARACTERS = 4096;

/** Values of one label name with where their postings lie in the index file, sorted by value. */
export interface ValuePostings {
  readonly values: readonly string[];
  /** Offsets to give to `postingsAt`. */
  readonly offsets: readonly number[];
}

/**
 * The postings offset table of an index: (name, value) → offset of the list of its series. In memory are the label
 * names and sparse offsets; values are compared where they lie, by binary search over the sparse entries.
 */
export class PostingsTable {
  /** Sorted as in the file, without the empty name of the list of all series. */
  names: readonly string[] = [];
  private readonly cursor: Cursor;
  private section: Section = { start: 0, end: 0 };
  private readonly ordinals = new Map<string, number>();
  /** By name ordinal: how many values, and where its sparse offsets start. One more entry ends the last name. */
  private counts = new Uint32Array(0);
  private firstSample = new Uint32Array(1);
  /** What `valuePostings` gave, by name ordinal: names of few values are asked for most, by variables and matchers. */
  private readonly kept = new Map<number, readonly ValuePostings[]>();
  /** Entry offsets relative to the section's start. */
  private samples = new Uint32Array(0);

  /** To be loaded before anything is asked of it. */
  constructor(private readonly file: CachedFile) {
    this.cursor = new Cursor(file);
  }

  /** @param offset of the section; 0 where there is none. @throws BlockCorruption */
  *load(offset: number): Generator<void, void> {
    if (offset === 0) return;
    const scan = new TableScan();
    this.section = yield* checkedSection(this.file, offset, 'postings offset table');
    yield* this.scan(offset, scan);
    for (const [ordinal, name] of scan.names.entries()) this.ordinals.set(name, ordinal);
    this.names = scan.names.filter((name) => name !== '');
    this.counts = Uint32Array.from(scan.counts);
    this.firstSample = Uint32Array.from([...scan.firstSample, scan.samples.length]);
    this.samples = Uint32Array.from(scan.samples);
  }

  get memoryBytes(): number {
    const texts = this.names.reduce((sum, name) => sum + 64 + name.length, 0);
    return texts + this.counts.byteLength + this.firstSample.byteLength + this.samples.byteLength;
  }

  /** Where the postings of a pair lie in the file, or -1. */
  find(name: string, value: string): number {
    const ordinal = this.ordinals.get(name);
    if (ordinal === undefined) return -1;
    const wanted = Buffer.from(value);
    let low = this.firstSample[ordinal];
    let high = this.firstSample[ordinal + 1] - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.compareAt(this.samples[middle], wanted) <= 0) low = middle;
      else high = middle - 1;
    }
    const walked = (low - this.firstSample[ordinal]) * STRIDE;
    return this.walk(this.samples[low], Math.min(STRIDE, this.counts[ordinal] - walked), wanted);
  }

  values(name: string): string[] {
    const values: string[] = [];
    for (const batch of this.valuePostings(name)) for (const value of batch.values) values.push(value);
    return values;
  }

  /** The values with where their postings lie, a few hundred at a time; other reads may go on in between. */
  valuePostings(name: string): Iterable<ValuePostings> {
    const ordinal = this.ordinals.get(name);
    if (ordinal === undefined) return [];
    if (this.counts[ordinal] > KEPT_VALUES) return this.readValues(ordinal);
    let kept = this.kept.get(ordinal);
    if (!kept) {
      kept = [...this.readValues(ordinal)];
      const characters = kept[0].values.reduce((sum, value) => sum + value.length, 0);
      if (this.kept.size < KEPT_NAMES && characters <= KEPT_CHARACTERS) this.kept.set(ordinal, kept);
    }
    return kept;
  }

  private *readValues(ordinal: number): Generator<ValuePostings> {
    for (let done = 0; done < this.counts[ordinal]; done += BATCH) {
      const cursor = this.seekEntry(this.samples[this.firstSample[ordinal] + done / STRIDE]);
      const values: string[] = [];
      const offsets: number[] = [];
      for (let i = Math.min(BATCH, this.counts[ordinal] - done); i > 0; i--) {
        this.skipName(cursor);
        values.push(cursor.text(cursor.uvarint()));
        offsets.push(cursor.uvarint());
      }
      yield { values, offsets };
    }
  }

  private walk(from: number, count: number, wanted: Uint8Array): number {
    const cursor = this.seekEntry(from);
    for (let i = 0; i < count; i++) {
      this.skipName(cursor);
      const order = cursor.compare(cursor.uvarint(), wanted);
      const offset = cursor.uvarint();
      if (order === 0) return offset;
      if (order > 0) return -1;
    }
    return -1;
  }

  private compareAt(entry: number, wanted: Uint8Array): number {
    const cursor = this.seekEntry(entry);
    this.skipName(cursor);
    return cursor.compare(cursor.uvarint(), wanted);
  }

  private seekEntry(entry: number): Cursor {
    return this.cursor.seek(this.section.start + entry, this.section.end);
  }

  private skipName(cursor: Cursor): void {
    cursor.uvarint(); // the number of strings, which is 2
    cursor.skip(cursor.uvarint());
  }

  private *scan(offset: number, scan: TableScan): Generator<void, void> {
    const { cursor, file } = this;
    const { start, end } = this.section;
    const entries = cursor.seek(start, end).uint32();
    if (entries * 4 > cursor.remaining) throw file.corrupt(offset, `postings offset table: ${entries} do not fit`);
    let name: Uint8Array | undefined;
    for (let i = 0; i < entries; i++) {
      const entry = cursor.offset - start;
      if (i % STRIDE === 0) {
        yield;
        cursor.seek(start + entry, end); // again: others may have read meanwhile
      }
      if (cursor.uvarint() !== 2) throw file.corrupt(offset, `postings offset table: entry ${i} is not a label pair`);
      const size = cursor.uvarint();
      const nameOffset = cursor.offset;
      if (name === undefined || cursor.compare(size, name) !== 0) {
        const text = cursor.seek(nameOffset, end).text(size);
        if (scan.names.length > 0 && scan.names.includes(text)) {
          throw file.corrupt(offset, `postings offset table: label ${JSON.stringify(text)} is not in one piece`);
        }
        name = Buffer.from(text);
        scan.begin(text);
      }
      scan.add(entry);
      cursor.skip(cursor.uvarint());
      cursor.uvarint();
    }
  }
}

/** What the pass over the table at open collects. */
class TableScan {
  readonly names: string[] = [];
  readonly counts: number[] = [];
  readonly firstSample: number[] = [];
  readonly samples: number[] = [];

  begin(name: string): void {
    this.names.push(name);
    this.counts.push(0);
    this.firstSample.push(this.samples.length);
  }

  add(entry: number): void {
    const last = this.counts.length - 1;
    if (this.counts[last]++ % STRIDE === 0) this.samples.push(entry);
  }
}
