import { statSync } from 'node:fs';
import { join } from 'node:path';
import { runToEnd, SampleColumns } from '@avalanche/model';
import { ENCODING_XOR } from '../chunk-columns.ts';
import { readXor } from '../head/xor.ts';
import { InvalidChunk } from '../histogram/bits.ts';
import { covers, dropIntervals } from '../intervals.ts';
import { isKnownEncoding, readChunk } from '../read-chunk.ts';
import { ChunkReader } from './chunk-reader.ts';
import { BlockCorruption, UnsupportedChunk } from './corruption.ts';
import { ASKED_ONCE, type DecodedChunks, NOT_ASKED } from './decoded-chunks.ts';
import type { CachePart } from './generations.ts';
import { IndexReader } from './index-reader.ts';
import { type BlockMeta, META_FILE, readMeta, writeMeta } from './meta.ts';
import type { PageCache } from './page-cache.ts';
import { type IndexedSeries, LastValues, type Selections, type SeriesCache } from './series-cache.ts';
import { SeriesEntry } from './series-entry.ts';
import { TOMBSTONES_FILE, Tombstones } from './tombstones.ts';

export const INDEX_FILE = 'index';
export const CHUNKS_DIRECTORY = 'chunks';

/**
 * A block directory opened for reading. Its files are open from the start, so that a block that is deleted while it
 * is read can be read to the end: readers call `retain` before and `release` after.
 */
export class Block {
  private readers = 0;
  private closing = false;
  private readonly entry = new SeriesEntry();
  private readonly shared: SeriesCache;
  private readonly known: CachePart<IndexedSeries>;
  /** What was selected lately. */
  readonly selections: Selections;
  private readonly decoded: DecodedChunks;
  private readonly scratch = new SampleColumns();
  private smallFilesBytes: number;

  private constructor(
    readonly directory: string,
    private currentMeta: BlockMeta,
    readonly index: IndexReader,
    readonly chunks: ChunkReader,
    private currentTombstones: Tombstones,
    cache: PageCache,
  ) {
    this.smallFilesBytes = smallFilesBytes(directory);
    this.shared = cache.series;
    this.known = cache.series.ofBlock();
    this.selections = cache.series.selections();
    this.decoded = cache.chunks;
  }

  /** @throws InvalidMeta, BlockCorruption, or the file system's error where a file is missing */
  static open(directory: string, cache: PageCache): Block {
    return runToEnd(Block.opening(directory, cache));
  }

  /** As `open`; yields between small pieces of the work, which grows with the index. */
  static *opening(directory: string, cache: PageCache): Generator<void, Block> {
    const meta = readMeta(directory);
    const tombstones = Tombstones.read(directory);
    const file = cache.open(join(directory, INDEX_FILE));
    try {
      const index = new IndexReader(file);
      yield* index.load();
      const chunks = new ChunkReader(join(directory, CHUNKS_DIRECTORY), cache);
      return new Block(directory, meta, index, chunks, tombstones, cache);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  get meta(): BlockMeta {
    return this.currentMeta;
  }

  get tombstones(): Tombstones {
    return this.currentTombstones;
  }

  /** Bytes on disk of index, chunks, meta.json and tombstones, as upstream counts them. */
  get sizeBytes(): number {
    return this.index.sizeBytes + this.chunks.sizeBytes + this.smallFilesBytes;
  }

  /** Replaces the tombstones, on disk first, and their number in meta.json, as upstream does. */
  setTombstones(tombstones: Tombstones): void {
    tombstones.write(this.directory);
    this.currentTombstones = tombstones;
    const meta = { ...this.meta, stats: { ...this.meta.stats, numTombstones: tombstones.count } };
    writeMeta(this.directory, meta);
    this.currentMeta = meta;
    this.smallFilesBytes = smallFilesBytes(this.directory);
  }

  /** Notes in meta.json that compacting this block failed, so that it is not tried again, as upstream does. */
  markFailed(): void {
    this.currentMeta = { ...this.meta, compaction: { ...this.meta.compaction, failed: true } };
    writeMeta(this.directory, this.currentMeta);
  }

  /** A series by its reference, from memory where it was read lately. @throws BlockCorruption */
  series(ref: number): IndexedSeries {
    const known = this.known.get(ref);
    if (known) return known;
    const { entry } = this;
    this.index.readSeries(ref, entry);
    const series = {
      ref,
      labels: this.shared.intern(this.index.labelsOf(entry)),
      minTime: entry.minTime.slice(0, entry.chunkCount),
      maxTime: entry.maxTime.slice(0, entry.chunkCount),
      chunkRef: entry.chunkRef.slice(0, entry.chunkCount),
      lastValues: new LastValues(),
      decoded: new Float64Array(entry.chunkCount),
    };
    this.known.set(ref, series);
    return series;
  }

  /**
   * Appends the samples of a series with minTime ≤ t ≤ maxTime that are not deleted to `into`, and returns how many.
   * @param series its reference, or what `series` gave for it
   * @throws UnsupportedChunk where a chunk in the range has an encoding that is not known; BlockCorruption
   */
  read(series: number | IndexedSeries, minTime: number, maxTime: number, into: SampleColumns): number {
    const stored = typeof series === 'number' ? this.series(series) : series;
    const deleted = this.currentTombstones.intervals(stored.ref);
    const start = into.length;
    for (let i = 0; i < stored.chunkRef.length; i++) {
      if (stored.minTime[i] > maxTime) break;
      if (stored.maxTime[i] < minTime || covers(deleted, stored.minTime[i], stored.maxTime[i])) continue;
      this.readChunk(stored, i, minTime, maxTime, into);
    }
    dropIntervals(into, start, deleted);
    return into.length - start;
  }

  /**
   * As `read`, for who needs only the latest of these samples: the others may be left out. The last value of a chunk is
   * decoded once, and kept.
   * @throws as `read`
   */
  readLatest(series: IndexedSeries, minTime: number, maxTime: number, into: SampleColumns): number {
    const { lastValues, chunkRef } = series;
    let chunk = chunkRef.length - 1;
    while (chunk >= 0 && series.minTime[chunk] > maxTime) chunk--;
    const isAlone = chunk >= 0 && (chunk === 0 || series.maxTime[chunk - 1] < series.minTime[chunk]);
    const endsInRange = isAlone && series.maxTime[chunk] >= minTime && series.maxTime[chunk] <= maxTime;
    if (!endsInRange || this.currentTombstones.intervals(series.ref).length > 0) {
      return this.read(series, minTime, maxTime, into);
    }
    if (lastValues.has(chunk)) {
      lastValues.push(chunk, series.maxTime[chunk], into);
      return 1;
    }
    const start = into.length;
    this.readChunk(series, chunk, minTime, maxTime, into);
    const isLast = into.length > start && into.t[into.length - 1] === series.maxTime[chunk];
    if (isLast && into.histograms === null && into.starts === null) lastValues.keep(chunk, chunkRef.length, into);
    return into.length - start;
  }

  /**
   * Appends the samples of chunk `i` of a series with minTime ≤ t ≤ maxTime to `into`, deleted ones too.
   * @throws as `read`
   */
  readChunk(series: IndexedSeries, i: number, minTime: number, maxTime: number, into: SampleColumns): void {
    if (this.decoded.read(series.decoded[i], minTime, maxTime, into)) return;
    const { bytes, start, end, encoding } = this.chunks.read(series.chunkRef[i]);
    if (encoding !== ENCODING_XOR) {
      if (!isKnownEncoding(encoding)) throw unsupported(series, encoding);
      this.readRare(series.chunkRef[i], minTime, maxTime, into);
      return;
    }
    if (end - start < 2) throw new BlockCorruption(this.directory, series.chunkRef[i], 'a chunk without its header');
    const count = (bytes[start] << 8) | bytes[start + 1];
    const from = into.length;
    readXor(bytes, start, count, minTime, maxTime, into);
    if (series.decoded[i] === NOT_ASKED) series.decoded[i] = ASKED_ONCE;
    else if (into.length === from + count) series.decoded[i] = this.decoded.keep(into, from);
    else {
      this.scratch.clear();
      readXor(bytes, start, count, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, this.scratch);
      series.decoded[i] = this.decoded.keep(this.scratch, 0);
    }
  }

  /** Visits every series in the order of labels. The entry is reused between visits. */
  eachSeries(visit: (ref: number, entry: SeriesEntry) => void): void {
    const entry = new SeriesEntry();
    for (const ref of this.index.all()) {
      this.index.readSeries(ref, entry);
      visit(ref, entry);
    }
  }

  /** Keeps the files open until `release`. */
  retain(): void {
    if (this.closing && this.readers === 0) throw new Error(`BUG: block ${this.meta.ulid} is retained after its end`);
    this.readers++;
  }

  release(): void {
    this.readers--;
    if (this.closing && this.readers === 0) this.closeFiles();
  }

  /** Closes the files, once the last reader has released them. Idempotent. */
  close(): void {
    this.closing = true;
    if (this.readers === 0) this.closeFiles();
  }

  /** Of the chunk that was read last. */
  private readRare(chunkRef: number, minTime: number, maxTime: number, into: SampleColumns): void {
    try {
      readChunk(this.chunks, minTime, maxTime, into);
    } catch (error) {
      if (!(error instanceof InvalidChunk)) throw error;
      throw new BlockCorruption(this.directory, chunkRef, error.message);
    }
  }

  private closeFiles(): void {
    this.known.close();
    this.selections.close();
    this.index.close();
    this.chunks.close();
  }
}

function unsupported({ labels }: IndexedSeries, encoding: number): UnsupportedChunk {
  return new UnsupportedChunk(`${labels} holds chunks of encoding ${encoding}, which are not supported yet`);
}

function smallFilesBytes(directory: string): number {
  const sizeOf = (name: string) => statSync(join(directory, name), { throwIfNoEntry: false })?.size ?? 0;
  return sizeOf(META_FILE) + sizeOf(TOMBSTONES_FILE);
}
