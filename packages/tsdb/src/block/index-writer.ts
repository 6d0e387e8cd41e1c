import { compareStrings } from '@avalanche/model';
import type { ChunkColumns } from '../chunk-columns.ts';
import { crc32c } from '../crc32c.ts';
import { EncodeBuffer } from '../encoding.ts';
import { copyInto } from '../head/chunks.ts';
import { FileWriter } from './file-writer.ts';
import { PostingsBuilder } from './postings-builder.ts';
import { INDEX_MAGIC, INDEX_VERSION } from './sections.ts';

const SERIES_ALIGN = 16;
const POSTINGS_ALIGN = 4;
/** Length, count and checksum of a postings list. */
const LIST_OVERHEAD = 12;
const REF_MAX = 0xffff_ffff;

/**
 * Writes an `index` file, version 2, byte for byte as Prometheus 2 does: symbols, series, label indices, postings,
 * and the tables that lead to them. Symbols stay in memory, encoded, until the end; so does 4 bytes for each label.
 */
export class IndexWriter {
  private readonly file: FileWriter;
  private readonly symbols: SymbolBytes;
  private readonly postings = new PostingsBuilder();
  private readonly entry = new EncodeBuffer(4096);
  /** Pairs of the series before, for the check of the order. */
  private lastPairs = new Uint32Array(64);
  private lastPairCount = 0;
  private readonly seriesStart: number;

  /** @param symbols sorted by UTF-8 bytes, each once. @throws Error where they are not */
  constructor(path: string, symbols: Iterable<string>) {
    this.symbols = new SymbolBytes(symbols);
    this.file = new FileWriter(path);
    try {
      this.writeSymbols();
    } catch (error) {
      this.file.close();
      throw error;
    }
    this.seriesStart = this.file.position;
  }

  get seriesCount(): number {
    return this.postings.seriesCount;
  }

  /** Whether `add` would take a series; nothing is written. @throws Error that says what is out of order */
  check(pairs: Uint32Array, pairCount: number, chunks: ChunkColumns): void {
    this.checkPairs(pairs, pairCount);
    if (this.compareWithLast(pairs, pairCount) <= 0) {
      throw new Error(`series ${this.describe(pairs, pairCount)} is added out of the order of labels`);
    }
    for (let i = 0; i < chunks.length; i++) {
      const followsLast = i === 0 || chunks.minTime[i] > chunks.maxTime[i - 1];
      if (followsLast && chunks.minTime[i] <= chunks.maxTime[i]) continue;
      const times = `${chunks.minTime[i]} … ${chunks.maxTime[i]}`;
      throw new Error(`chunk ${i} of ${this.describe(pairs, pairCount)}, ${times}, overlaps the one before it`);
    }
  }

  /** Adds a series that has been checked. @param chunkRefs where each of its chunks lies */
  add(pairs: Uint32Array, pairCount: number, chunks: ChunkColumns, chunkRefs: Float64Array): void {
    const { file } = this;
    this.encodeEntry(pairs, pairCount, chunks, chunkRefs);
    file.pad(SERIES_ALIGN);
    const ref = file.position / SERIES_ALIGN;
    if (ref > REF_MAX) throw new RangeError(`${file.path}: an index cannot be larger than 64 GiB`);
    file.buffer.putUvarint(this.entry.length);
    file.append(this.entry.bytes, 0, this.entry.length);
    file.buffer.putUint32(crc32c(this.entry.bytes, 0, this.entry.length));
    file.drain();
    this.postings.add(ref, pairs, pairCount);
    if (pairCount * 2 > this.lastPairs.length) this.lastPairs = new Uint32Array(pairCount * 4);
    this.lastPairs.set(pairs.subarray(0, pairCount * 2));
    this.lastPairCount = pairCount;
  }

  /** Writes what follows the series, makes the file last and closes it. */
  finish(): void {
    const { file } = this;
    const labelIndices = file.position;
    const offsets = this.writeLabelIndices();
    const postings = file.position;
    const postingsStart = this.writePostings();
    const labelOffsetTable = file.position;
    this.writeLabelOffsetTable(offsets);
    const postingsOffsetTable = file.position;
    this.writePostingsOffsetTable(postingsStart);
    const start = file.buffer.length;
    for (const offset of [5, this.seriesStart, labelIndices, labelOffsetTable, postings, postingsOffsetTable]) {
      file.buffer.putInt64(offset);
    }
    file.buffer.putUint32(crc32c(file.buffer.bytes, start, file.buffer.length));
    file.finish();
  }

  close(): void {
    this.file.close();
  }

  private writeSymbols(): void {
    const { file, symbols } = this;
    file.buffer.putUint32(INDEX_MAGIC);
    file.buffer.putByte(INDEX_VERSION);
    file.beginSection();
    file.buffer.putUint32(symbols.count);
    file.append(symbols.bytes, 0, symbols.length);
    file.endSection();
  }

  /** For each label name its values; nobody reads them any more, but Prometheus 2 writes them. */
  private writeLabelIndices(): Map<number, number> {
    const { file } = this;
    const offsets = new Map<number, number>();
    let values = new Uint32Array(1024);
    let count = 0;
    let current = -1;
    const end = () => {
      if (count === 0) return;
      file.pad(POSTINGS_ALIGN);
      offsets.set(current, file.position);
      this.writeNumbers([1, count], values.subarray(0, count));
      count = 0;
    };
    this.postings.eachPair(({ name, value }) => {
      if (name !== current) end();
      current = name;
      if (count === values.length) values = copyInto(new Uint32Array(count * 2), values);
      values[count++] = value;
    });
    end();
    return offsets;
  }

  /** @returns where the first list starts */
  private writePostings(): number {
    const { file } = this;
    file.pad(POSTINGS_ALIGN);
    const start = file.position;
    const all = this.postings.all();
    this.writeNumbers([all.length], all);
    this.postings.eachList((list) => this.writeNumbers([list.length], list));
    return start;
  }

  private writeLabelOffsetTable(offsets: ReadonlyMap<number, number>): void {
    const { file } = this;
    file.beginSection();
    file.buffer.putUint32(offsets.size);
    for (const [name, offset] of offsets) {
      file.buffer.putUvarint(1);
      this.appendSymbol(name);
      file.buffer.putUvarint(offset);
      file.drain();
    }
    file.endSection();
  }

  private writePostingsOffsetTable(postingsStart: number): void {
    const { file } = this;
    let pairs = 1;
    this.postings.eachPair(() => pairs++);
    file.beginSection();
    file.buffer.putUint32(pairs);
    for (const number of [2, 0, 0, postingsStart]) file.buffer.putUvarint(number); // the list of all has no name
    let offset = postingsStart + LIST_OVERHEAD + 4 * this.postings.seriesCount;
    this.postings.eachPair(({ name, value, count }) => {
      file.buffer.putUvarint(2);
      this.appendSymbol(name);
      this.appendSymbol(value);
      file.buffer.putUvarint(offset);
      file.drain();
      offset += LIST_OVERHEAD + 4 * count;
    });
    file.endSection();
  }

  private writeNumbers(head: readonly number[], numbers: Uint32Array): void {
    const { file } = this;
    file.beginSection();
    for (const number of head) file.buffer.putUint32(number);
    for (let i = 0; i < numbers.length; i++) {
      file.buffer.putUint32(numbers[i]);
      if (i % 0x4000 === 0) file.drain();
    }
    file.endSection();
  }

  private appendSymbol(number: number): void {
    const { symbols } = this;
    this.file.append(symbols.bytes, symbols.start(number), symbols.start(number + 1));
  }

  private encodeEntry(pairs: Uint32Array, pairCount: number, chunks: ChunkColumns, chunkRefs: Float64Array): void {
    const { entry } = this;
    entry.reset();
    entry.putUvarint(pairCount);
    for (let i = 0; i < 2 * pairCount; i++) entry.putUvarint(pairs[i]);
    entry.putUvarint(chunks.length);
    for (let i = 0; i < chunks.length; i++) {
      if (i === 0) entry.putVarint(chunks.minTime[0]);
      else entry.putUvarint(chunks.minTime[i] - chunks.maxTime[i - 1]);
      entry.putUvarint(chunks.maxTime[i] - chunks.minTime[i]);
      if (i === 0) entry.putUvarint(chunkRefs[0]);
      else entry.putVarint(chunkRefs[i] - chunkRefs[i - 1]);
    }
  }

  private checkPairs(pairs: Uint32Array, pairCount: number): void {
    for (let i = 0; i < 2 * pairCount; i += 2) {
      if (pairs[i] >= this.symbols.count || pairs[i + 1] >= this.symbols.count) {
        throw new Error(`a series names symbols ${pairs[i]} and ${pairs[i + 1]} of ${this.symbols.count}`);
      }
      if (i > 0 && pairs[i] <= pairs[i - 2]) {
        throw new Error(`the labels of series ${this.describe(pairs, pairCount)} are not sorted`);
      }
      // Under the empty name and value is the list of all series.
      if (this.symbols.text(pairs[i]) === '') throw new Error('a series has a label without a name');
    }
  }

  /** Symbols are sorted, so their numbers compare as the labels do: name by name and value by value, shorter first. */
  private compareWithLast(pairs: Uint32Array, pairCount: number): number {
    const both = 2 * Math.min(pairCount, this.lastPairCount);
    for (let i = 0; i < both; i++) if (pairs[i] !== this.lastPairs[i]) return pairs[i] - this.lastPairs[i];
    return pairCount - this.lastPairCount;
  }

  private describe(pairs: Uint32Array, pairCount: number): string {
    const labels: string[] = [];
    for (let i = 0; i < 2 * pairCount; i += 2) {
      labels.push(`${this.symbols.text(pairs[i])}=${JSON.stringify(this.symbols.text(pairs[i + 1]))}`);
    }
    return `{${labels.join(', ')}}`;
  }
}

/** The symbols as the file has them: each with its length, one after the other. */
class SymbolBytes {
  count = 0;
  private starts = new Uint32Array(1024);
  private readonly buffer = new EncodeBuffer(16 * 1024);

  constructor(symbols: Iterable<string>) {
    let last: string | undefined;
    for (const symbol of symbols) {
      if (last !== undefined && compareStrings(last, symbol) >= 0) {
        throw new Error(`symbol ${JSON.stringify(symbol)} comes after ${JSON.stringify(last)}: they are not sorted`);
      }
      last = symbol;
      this.buffer.putString(symbol);
      if (this.buffer.length > REF_MAX) throw new RangeError('the symbols of an index take more than 4 GiB');
      if (++this.count === this.starts.length) this.starts = copyInto(new Uint32Array(this.count * 2), this.starts);
      this.starts[this.count] = this.buffer.length;
    }
  }

  get bytes(): Uint8Array {
    return this.buffer.bytes;
  }

  get length(): number {
    return this.buffer.length;
  }

  start(number: number): number {
    return this.starts[number];
  }

  text(number: number): string {
    const bytes = this.buffer.bytes.subarray(this.starts[number], this.starts[number + 1]);
    let at = 0;
    while (bytes[at] >= 0x80) at++;
    return Buffer.from(bytes.subarray(at + 1)).toString('utf8');
  }
}
