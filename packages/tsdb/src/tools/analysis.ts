import { type Matcher, METRIC_NAME, SampleColumns } from '@avalanche/model';
import type { Block } from '../block/block.ts';
import type { IndexReader } from '../block/index-reader.ts';
import { SeriesEntry } from '../block/series-entry.ts';
import { ENCODING_XOR } from '../chunk-columns.ts';
import { matching } from '../deletion.ts';
import { BlockIndex } from '../query/querier.ts';
import type { Refs } from '../query/refs.ts';

/** Something of a block with how much of it there is. */
export interface Ranked {
  readonly name: string;
  readonly count: number;
}

/** What `promtool tsdb analyze` says of a block. The lists are complete, in the order of names. */
export interface BlockAnalysis {
  /** Undefined where no selector was given. */
  readonly matchedSeries: number | undefined;
  readonly labelNames: number;
  readonly labelPairs: number;
  readonly postingsEntries: number;
  /** Times of the block's range in which series with this pair or name had no sample, in ranges. */
  readonly pairChurn: readonly Ranked[];
  readonly nameChurn: readonly Ranked[];
  readonly pairSeries: readonly Ranked[];
  /** Bytes of all values of a label. */
  readonly valueBytes: readonly Ranked[];
  readonly valueCounts: readonly Ranked[];
  readonly metricSeries: readonly Ranked[];
}

/** Samples and bytes of each chunk, of floats and of native histograms. */
export interface ChunkSizes {
  readonly floats: { readonly samples: readonly number[]; readonly bytes: readonly number[] };
  readonly histograms: {
    readonly samples: readonly number[];
    readonly bytes: readonly number[];
    /** Those of all histograms of a chunk summed up. */
    readonly buckets: readonly number[];
  };
}

/** Cardinality and churn of a block, or of those of its series that match. @throws BlockCorruption */
export function analyzeBlock(block: Block, matchers?: readonly Matcher[]): BlockAnalysis {
  const { index, meta } = block;
  const refs = seriesOf(block, matchers);
  const tally = new PairTally(block, refs);
  const range = meta.maxTime - meta.minTime;
  const values = matchers ? tally.values() : allValues(index);
  return {
    matchedSeries: matchers ? refs.length : undefined,
    labelNames: values.length,
    labelPairs: tally.pairs.length,
    postingsEntries: tally.entries,
    pairChurn: tally.pairs.map(({ name, value, uncovered }) => churn(`${name}=${value}`, uncovered, range)),
    nameChurn: tally.nameChurn().map(({ name, uncovered }) => churn(name, uncovered, range)),
    pairSeries: tally.pairs.map(({ name, value, series }) => ({ name: `${name}=${value}`, count: series })),
    valueBytes: values.map(({ name, texts }) => ({
      name,
      count: texts.reduce((sum, t) => sum + Buffer.byteLength(t), 0),
    })),
    valueCounts: values.map(({ name, texts }) => ({ name, count: texts.length })),
    metricSeries: tally.pairs
      .filter(({ name }) => name === METRIC_NAME)
      .map(({ value, series }) => ({ name: value, count: series })),
  };
}

/** @throws BlockCorruption, UnsupportedChunk at the first chunk of an encoding that is not known */
export function chunkSizes(block: Block, matchers?: readonly Matcher[]): ChunkSizes {
  const entry = new SeriesEntry();
  const floats = { samples: [] as number[], bytes: [] as number[] };
  const histograms = { samples: [] as number[], bytes: [] as number[], buckets: [] as number[] };
  for (const ref of seriesOf(block, matchers)) {
    block.index.readSeries(ref, entry);
    for (let i = 0; i < entry.chunkCount; i++) {
      const chunk = block.chunks.read(entry.chunkRef[i]);
      const isOfFloats = chunk.encoding === ENCODING_XOR;
      const sizes = isOfFloats ? floats : histograms;
      sizes.samples.push((chunk.bytes[chunk.start] << 8) | chunk.bytes[chunk.start + 1]);
      sizes.bytes.push(chunk.end - chunk.start);
      if (!isOfFloats) histograms.buckets.push(bucketsIn(block, ref, i));
    }
  }
  return { floats, histograms };
}

function bucketsIn(block: Block, ref: number, chunk: number): number {
  const columns = new SampleColumns();
  block.readChunk(block.series(ref), chunk, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, columns);
  let buckets = 0;
  columns.histograms?.forEach((h) => {
    if (h) buckets += h.positive.indexes.length + h.negative.indexes.length;
  });
  return buckets;
}

function seriesOf(block: Block, matchers: readonly Matcher[] | undefined): Refs {
  return matchers ? matching(new BlockIndex(block), [matchers]) : block.index.all();
}

function churn(name: string, uncovered: number, range: number): Ranked {
  return { name, count: range > 0 ? Math.floor(uncovered / range) : 0 };
}

interface LabelValues {
  readonly name: string;
  readonly texts: readonly string[];
}

function allValues(index: IndexReader): LabelValues[] {
  return index.labelNames().map((name) => ({ name, texts: index.labelValues(name) }));
}

interface Pair {
  readonly name: string;
  readonly value: string;
  series: number;
  /** Milliseconds of the block's range that its series do not cover, summed up. */
  uncovered: number;
}

/** Counts label pairs over series. Symbols are numbered in the order of text, so pairs sort by number. */
class PairTally {
  readonly pairs: readonly Pair[];
  entries = 0;

  constructor(block: Block, refs: Refs) {
    const { index, meta } = block;
    const entry = new SeriesEntry();
    const symbols = index.symbolCount;
    const tally = new Map<number, Pair>();
    for (const ref of refs) {
      index.readSeries(ref, entry);
      const last = entry.chunkCount - 1;
      const covered = last < 0 ? 0 : entry.maxTime[last] - entry.minTime[0];
      const uncovered = meta.maxTime - meta.minTime - covered;
      for (let i = 0; i < entry.pairCount; i++) {
        const key = entry.pairs[2 * i] * symbols + entry.pairs[2 * i + 1];
        let pair = tally.get(key);
        if (!pair) {
          const name = index.symbol(entry.pairs[2 * i]);
          pair = { name, value: index.symbol(entry.pairs[2 * i + 1]), series: 0, uncovered: 0 };
          tally.set(key, pair);
        }
        pair.series++;
        pair.uncovered += uncovered;
        this.entries++;
      }
    }
    this.pairs = [...tally].sort(([a], [b]) => a - b).map(([, pair]) => pair);
  }

  /** The values of each name. */
  values(): LabelValues[] {
    const out: { name: string; texts: string[] }[] = [];
    for (const { name, value } of this.pairs) {
      if (out.at(-1)?.name !== name) out.push({ name, texts: [] });
      out.at(-1)?.texts.push(value);
    }
    return out;
  }

  nameChurn(): { readonly name: string; uncovered: number }[] {
    const out: { name: string; uncovered: number }[] = [];
    for (const { name, uncovered } of this.pairs) {
      const last = out.at(-1);
      if (last?.name === name) last.uncovered += uncovered;
      else out.push({ name, uncovered });
    }
    return out;
  }
}
