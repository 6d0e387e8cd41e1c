import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type ChunkColumns, ENCODING_FLOAT_HISTOGRAM, ENCODING_HISTOGRAM } from '../chunk-columns.ts';
import { CHUNKS_DIRECTORY, INDEX_FILE } from './block.ts';
import { syncDirectory } from './durable.ts';
import { IndexWriter } from './index-writer.ts';
import { type BlockCompaction, type BlockMeta, writeMeta } from './meta.ts';
import { SEGMENT_BYTES, SegmentWriter } from './segment-writer.ts';
import { Tombstones } from './tombstones.ts';

/** The name of a block directory that is still being written; such are left by a crash and to be deleted at start. */
export const TEMPORARY_SUFFIX = '.tmp-for-creation';

export interface BlockWriterOptions {
  /** Where a chunk segment is cut. Default 512 MiB. */
  readonly segmentBytes?: number;
}

/** What the writer cannot count itself. */
export interface FinishedBlock {
  /** Milliseconds: minTime ≤ t < maxTime. */
  readonly minTime: number;
  readonly maxTime: number;
  readonly compaction: BlockCompaction;
}

/**
 * Writes a block as `PARENT/ULID.tmp-for-creation` and gives it its name when everything is on the disk: a crash
 * leaves a whole block or none.
 */
export class BlockWriter {
  private readonly temporary: string;
  private readonly index: IndexWriter;
  private readonly segments: SegmentWriter;
  private chunks = 0;
  private floatSamples = 0;
  private histogramSamples = 0;
  private done = false;

  /** @param symbols every label name and value of the block, sorted by UTF-8 bytes, each once; upstream includes '' */
  constructor(
    private readonly parent: string,
    private readonly ulid: string,
    symbols: Iterable<string>,
    options: BlockWriterOptions = {},
  ) {
    this.temporary = join(parent, ulid + TEMPORARY_SUFFIX);
    rmSync(this.temporary, { recursive: true, force: true });
    mkdirSync(this.temporary);
    try {
      this.segments = new SegmentWriter(join(this.temporary, CHUNKS_DIRECTORY), options.segmentBytes ?? SEGMENT_BYTES);
      this.index = new IndexWriter(join(this.temporary, INDEX_FILE), symbols);
    } catch (error) {
      rmSync(this.temporary, { recursive: true, force: true });
      throw error;
    }
  }

  get seriesCount(): number {
    return this.index.seriesCount;
  }

  get sampleCount(): number {
    return this.floatSamples + this.histogramSamples;
  }

  /**
   * Adds a series. Series come in the order of labels, chunks in that of time, without overlap.
   * @param pairs symbol numbers by the constructor's order: name, value, name, value, …
   * @throws Error where something is out of order, nothing written; the file system's error
   */
  addSeries(pairs: Uint32Array, pairCount: number, chunks: ChunkColumns): void {
    this.index.check(pairs, pairCount, chunks);
    this.segments.write(chunks);
    this.index.add(pairs, pairCount, chunks, this.segments.refs);
    this.count(chunks);
  }

  /** Writes the rest and gives the block its name. On an error nothing is left. */
  finish(block: FinishedBlock): BlockMeta {
    const { temporary } = this;
    try {
      this.segments.finish();
      this.index.finish();
      const meta = this.meta(block);
      Tombstones.NONE.write(temporary);
      writeMeta(temporary, meta);
      syncDirectory(temporary);
      renameSync(temporary, join(this.parent, this.ulid));
      syncDirectory(this.parent);
      this.done = true;
      return meta;
    } catch (error) {
      this.abort();
      throw error;
    }
  }

  /** Removes the temporary directory. Idempotent, and without effect after `finish`. */
  abort(): void {
    if (this.done) return;
    this.done = true;
    this.index.close();
    this.segments.close();
    rmSync(this.temporary, { recursive: true, force: true });
  }

  /** Every encoding starts with the number of samples in two bytes. */
  private count(chunks: ChunkColumns): void {
    this.chunks += chunks.length;
    for (let i = 0; i < chunks.length; i++) {
      const samples = (chunks.bytes[chunks.start[i]] << 8) | chunks.bytes[chunks.start[i] + 1];
      const encoding = chunks.encoding[i];
      if (encoding === ENCODING_HISTOGRAM || encoding === ENCODING_FLOAT_HISTOGRAM) this.histogramSamples += samples;
      else this.floatSamples += samples;
    }
  }

  private meta({ minTime, maxTime, compaction }: FinishedBlock): BlockMeta {
    const stats = {
      numSamples: this.sampleCount,
      numFloatSamples: this.floatSamples,
      numHistogramSamples: this.histogramSamples,
      numSeries: this.seriesCount,
      numChunks: this.chunks,
      numTombstones: 0,
    };
    return { ulid: this.ulid, minTime, maxTime, stats, compaction, version: 1 };
  }
}
