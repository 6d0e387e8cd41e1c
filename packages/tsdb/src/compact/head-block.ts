import { compareStrings } from '@avalanche/model';
import { BlockWriter } from '../block/block-writer.ts';
import { ChunkColumns } from '../chunk-columns.ts';
import { type Intervals, NO_INTERVALS } from '../intervals.ts';
import type { HeadSource, SourceChunks, SourceSeries } from './head-source.ts';
import type { HeadJob, JobResult, Pace } from './jobs.ts';
import { trimChunks } from './trim.ts';

/** Series asked for at once: bounds what is in memory to a few megabytes. */
const SERIES_PER_BATCH = 512;

/** Writes what a source has as one block. @throws the file system's error, with nothing left behind */
export async function writeHeadBlock(source: HeadSource, job: HeadJob, pace: Pace): Promise<JobResult> {
  const series = sortedSeries(await allSeries(source));
  if (series.order.length === 0) return null;
  const writer = new BlockWriter(job.parent, job.ulid, series.symbols);
  try {
    const input = new ChunkColumns();
    const output = new ChunkColumns();
    let written = 0;
    for (let from = 0; from < series.order.length; from += SERIES_PER_BATCH) {
      const batch = series.order.slice(from, from + SERIES_PER_BATCH);
      const chunks = new ChunkCursor(await source.chunks(batch));
      for (let i = 0; i < batch.length; i++) {
        chunks.take(i, input);
        output.clear();
        trimChunks(input, chunks.deleted.get(i) ?? NO_INTERVALS, job, output);
        if (output.length === 0) continue;
        const pairs = series.pairs.subarray(series.offsets[batch[i]], series.offsets[batch[i] + 1]);
        writer.addSeries(pairs, pairs.length / 2, output);
        written++;
        await pace();
      }
    }
    if (written === 0) {
      writer.abort();
      return null;
    }
    return writer.finish({ minTime: job.minTime, maxTime: job.maxTime, compaction: job.compaction });
  } catch (error) {
    writer.abort();
    throw error;
  }
}

interface SortedSeries {
  /** Sorted; `pairs` are indices into it. */
  readonly symbols: readonly string[];
  readonly pairs: Uint32Array;
  readonly offsets: Uint32Array;
  /** Series indices in label order. */
  readonly order: Uint32Array;
}

/** The labels of all series; those of series i are `pairs[offsets[i], offsets[i + 1])`. */
interface UnsortedSeries {
  readonly symbols: readonly string[];
  readonly pairs: Uint32Array;
  readonly offsets: Uint32Array;
}

async function allSeries(source: HeadSource): Promise<UnsortedSeries> {
  const batches: SourceSeries[] = [];
  for (let batch = await source.nextSeries(); batch; batch = await source.nextSeries()) batches.push(batch);
  const symbols = batches.flatMap((batch) => batch.symbols);
  if (!symbols.includes('')) symbols.push(''); // as upstream has it
  const pairs = new Uint32Array(batches.reduce((sum, batch) => sum + batch.pairs.length, 0));
  const offsets = new Uint32Array(batches.reduce((sum, batch) => sum + batch.lengths.length, 1));
  let series = 0;
  let at = 0;
  for (const batch of batches) {
    pairs.set(batch.pairs, at);
    at += batch.pairs.length;
    for (const length of batch.lengths) {
      offsets[series + 1] = offsets[series] + length;
      series++;
    }
  }
  return { symbols, pairs, offsets };
}

/** Numbers the symbols by rank, which makes comparing labels comparing numbers. */
function sortedSeries({ symbols, pairs, offsets }: UnsortedSeries): SortedSeries {
  const byRank = Uint32Array.from(symbols.keys()).sort((a, b) => compareStrings(symbols[a], symbols[b]));
  const rank = new Uint32Array(symbols.length);
  for (let i = 0; i < byRank.length; i++) rank[byRank[i]] = i;
  const ranked = pairs.map((symbol) => rank[symbol]);
  const order = Uint32Array.from({ length: offsets.length - 1 }, (_, i) => i);
  order.sort((a, b) => compareRuns(ranked, offsets[a], offsets[a + 1], offsets[b], offsets[b + 1]));
  return { symbols: Array.from(byRank, (i) => symbols[i]), pairs: ranked, offsets, order };
}

function compareRuns(values: Uint32Array, a: number, aEnd: number, b: number, bEnd: number): number {
  for (let i = a, j = b; i < aEnd && j < bEnd; i++, j++) if (values[i] !== values[j]) return values[i] - values[j];
  return aEnd - a - (bEnd - b);
}

/** Hands out the chunks of the series of one batch in turn. */
class ChunkCursor {
  readonly deleted: ReadonlyMap<number, Intervals>;
  private chunk = 0;

  constructor(private readonly batch: SourceChunks) {
    this.deleted = new Map(batch.deleted);
  }

  /** Copies the chunks of series `i`, which must be asked for in order, to `into`. */
  take(i: number, into: ChunkColumns): void {
    const { counts, minTime, maxTime, encodings, ends, bytes } = this.batch;
    into.clear();
    for (let n = 0; n < counts[i]; n++, this.chunk++) {
      const { chunk } = this;
      const start = chunk === 0 ? 0 : ends[chunk - 1];
      into.add(encodings[chunk], minTime[chunk], maxTime[chunk], bytes, start, ends[chunk]);
    }
  }
}
