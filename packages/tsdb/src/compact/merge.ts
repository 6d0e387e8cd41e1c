import { compareStrings } from '@avalanche/model';
import { Block } from '../block/block.ts';
import { BlockWriter } from '../block/block-writer.ts';
import type { BlockCompaction } from '../block/meta.ts';
import { PageCache } from '../block/page-cache.ts';
import { SeriesEntry } from '../block/series-entry.ts';
import { ChunkColumns } from '../chunk-columns.ts';
import { NO_INTERVALS } from '../intervals.ts';
import { FROM_OUT_OF_ORDER, type JobResult, type MergeJob, type Pace } from './jobs.ts';
import { type TimeRange, trimChunks } from './trim.ts';

const CACHE_BYTES = 8 << 20;

/**
 * Merges blocks into one (upstream's LeveledCompactor.Compact): a merge join over the series of all of them in label
 * order, so that memory is bounded by one series. Overlapping chunks become one, deletions take effect.
 * @throws BlockCorruption naming the file, the file system's error, UnsupportedChunk; nothing is left behind
 */
export async function mergeBlocks(job: MergeJob, pace: Pace): Promise<JobResult> {
  const cache = new PageCache(CACHE_BYTES);
  const blocks: Block[] = [];
  try {
    for (const directory of job.sources) blocks.push(Block.open(directory, cache));
    return await writeMerged(blocks, job, pace);
  } finally {
    for (const block of blocks) block.close();
  }
}

async function writeMerged(blocks: readonly Block[], job: MergeJob, pace: Pace): Promise<JobResult> {
  const cursors = blocks.map((block) => new SeriesCursor(block));
  const range: TimeRange = {
    minTime: Math.min(...blocks.map(({ meta }) => meta.minTime)),
    maxTime: Math.max(...blocks.map(({ meta }) => meta.maxTime)),
  };
  const writer = new BlockWriter(job.parent, job.ulid, mergedSymbols(cursors));
  try {
    const merger = new ChunkMerger(range);
    let written = 0;
    for (const cursor of cursors) cursor.next();
    for (;;) {
      const same = smallest(cursors);
      if (same.length === 0) break;
      const chunks = merger.merge(same);
      if (chunks.length > 0) {
        writer.addSeries(same[0].key, same[0].keyLength / 2, chunks);
        written++;
      }
      for (const cursor of same) cursor.next();
      await pace();
    }
    if (written === 0) {
      writer.abort();
      return null;
    }
    return writer.finish({ ...range, compaction: mergedCompaction(blocks, job.ulid) });
  } catch (error) {
    writer.abort();
    throw error;
  }
}

/** As upstream's CompactBlockMetas: one level up, all sources; a rewrite of one block keeps where it came from. */
function mergedCompaction(blocks: readonly Block[], ulid: string): BlockCompaction {
  const parents = blocks.map(({ meta: { ulid: parent, minTime, maxTime } }) => ({ ulid: parent, minTime, maxTime }));
  const isLate = blocks.every(({ meta }) => meta.compaction.hints?.includes(FROM_OUT_OF_ORDER));
  const hints = isLate ? { hints: [FROM_OUT_OF_ORDER] } : {};
  if (blocks.length === 1) return { level: blocks[0].meta.compaction.level, sources: [ulid], parents, ...hints };
  const sources = new Set(blocks.flatMap(({ meta }) => meta.compaction.sources));
  const level = Math.max(...blocks.map(({ meta }) => meta.compaction.level)) + 1;
  return { level, sources: [...sources].sort(), parents, ...hints };
}

/** Walks the series of one block in label order, with label symbols numbered as in the merged table. */
class SeriesCursor {
  readonly entry = new SeriesEntry();
  /** Label symbols of the current series; `keyLength` is -1 after the last one. */
  key = new Uint32Array(64);
  keyLength = 0;
  ref = 0;
  /** Merged number by symbol number of the block. */
  readonly merged: Uint32Array;
  private readonly refs: Uint32Array;
  private position = 0;

  constructor(readonly block: Block) {
    this.refs = block.index.all();
    this.merged = new Uint32Array(block.index.symbolCount);
  }

  next(): void {
    if (this.position === this.refs.length) {
      this.keyLength = -1;
      return;
    }
    this.ref = this.refs[this.position++];
    this.block.index.readSeries(this.ref, this.entry);
    const { pairs, pairCount } = this.entry;
    const length = pairCount * 2;
    if (length > this.key.length) this.key = new Uint32Array(length * 2);
    for (let i = 0; i < length; i++) this.key[i] = this.merged[pairs[i]];
    this.keyLength = length;
  }

  compare(other: SeriesCursor): number {
    const n = Math.min(this.keyLength, other.keyLength);
    for (let i = 0; i < n; i++) if (this.key[i] !== other.key[i]) return this.key[i] - other.key[i];
    return this.keyLength - other.keyLength;
  }
}

/** The cursors that stand at the first series in label order; none at the end. */
function smallest(cursors: readonly SeriesCursor[]): SeriesCursor[] {
  let same: SeriesCursor[] = [];
  for (const cursor of cursors) {
    if (cursor.keyLength < 0) continue;
    const order = same.length === 0 ? 0 : cursor.compare(same[0]);
    if (order < 0) same = [cursor];
    else if (order === 0) same.push(cursor);
  }
  return same;
}

/** All symbols of all blocks, sorted; tells each cursor the merged numbers on the way. */
function* mergedSymbols(cursors: readonly SeriesCursor[]): Generator<string> {
  const at = cursors.map(() => 0);
  const text = cursors.map(({ block }) => (block.index.symbolCount > 0 ? block.index.symbol(0) : ''));
  for (let number = 0; ; number++) {
    let least: string | undefined;
    for (let i = 0; i < cursors.length; i++) {
      if (at[i] === cursors[i].merged.length) continue;
      if (least === undefined || compareStrings(text[i], least) < 0) least = text[i];
    }
    if (least === undefined) return;
    yield least;
    for (let i = 0; i < cursors.length; i++) {
      const { merged, block } = cursors[i];
      if (at[i] === merged.length || text[i] !== least) continue;
      merged[at[i]++] = number;
      if (at[i] < merged.length) text[i] = block.index.symbol(at[i]);
    }
  }
}

/** Puts the chunks of one series from several blocks together, in order of time. */
class ChunkMerger {
  private readonly own = new ChunkColumns();
  private readonly trimmed = new ChunkColumns();
  private readonly together = new ChunkColumns();
  private readonly output = new ChunkColumns();

  constructor(private readonly range: TimeRange) {}

  /** The result is valid until the next call. */
  merge(cursors: readonly SeriesCursor[]): ChunkColumns {
    const { trimmed, output } = this;
    trimmed.clear();
    for (const cursor of cursors) this.trimOwn(cursor);
    output.clear();
    trimChunks(this.inOrder(trimmed), NO_INTERVALS, this.range, output);
    return output;
  }

  /** Adds the chunks of one block without what is deleted there. */
  private trimOwn({ block, ref, entry }: SeriesCursor): void {
    const { own } = this;
    own.clear();
    for (let i = 0; i < entry.chunkCount; i++) {
      const { bytes, start, end, encoding } = block.chunks.read(entry.chunkRef[i]);
      own.add(encoding, entry.minTime[i], entry.maxTime[i], bytes, start, end);
    }
    trimChunks(own, block.tombstones.intervals(ref), this.range, this.trimmed);
  }

  private inOrder(chunks: ChunkColumns): ChunkColumns {
    let ascending = true;
    for (let i = 1; i < chunks.length; i++) ascending &&= chunks.minTime[i - 1] <= chunks.minTime[i];
    if (ascending) return chunks;
    const order = Array.from({ length: chunks.length }, (_, i) => i).sort(
      (a, b) => chunks.minTime[a] - chunks.minTime[b],
    );
    this.together.clear();
    for (const i of order) {
      const { encoding, minTime, maxTime, bytes, start, end } = chunks;
      this.together.add(encoding[i], minTime[i], maxTime[i], bytes, start[i], end[i]);
    }
    return this.together;
  }
}
