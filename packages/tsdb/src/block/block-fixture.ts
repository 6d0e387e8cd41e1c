import { compareStrings, Labels, newUlid } from '@avalanche/model';
import { ChunkColumns, ENCODING_XOR } from '../chunk-columns.ts';
import { appendXor, newXorState, SAMPLE_BYTES_MAX, type XorState } from '../head/xor.ts';
import { BlockWriter } from './block-writer.ts';
import type { BlockMeta } from './meta.ts';

/** A series for a test's block; times in milliseconds, ascending. */
export interface FixtureSeries {
  readonly labels: Readonly<Record<string, string>>;
  readonly samples: readonly (readonly [time: number, value: number])[];
  /** Instead of samples: one chunk as it is. */
  readonly raw?: {
    readonly encoding: number;
    readonly data: Uint8Array;
    readonly minTime: number;
    readonly maxTime: number;
  };
}

export interface FixtureOptions {
  readonly samplesPerChunk?: number;
  readonly segmentBytes?: number;
}

/** Writes a block of these series under `parent` and returns its meta.json. */
export function writeFixture(
  parent: string,
  series: readonly FixtureSeries[],
  options: FixtureOptions = {},
): BlockMeta {
  const sorted = series.map((one) => ({ ...one, set: Labels.from(one.labels) })).sort((a, b) => a.set.compare(b.set));
  const symbols = [...new Set(['', ...sorted.flatMap(({ set }) => set.pairs)])].sort(compareStrings);
  const numbers = new Map(symbols.map((symbol, i) => [symbol, i]));
  const ulid = newUlid(Date.now());
  const writer = new BlockWriter(parent, ulid, symbols, options);
  try {
    const range = addAll(writer, sorted, numbers, options.samplesPerChunk ?? 120);
    return writer.finish({ ...range, compaction: { level: 1, sources: [ulid] } });
  } catch (error) {
    writer.abort();
    throw error;
  }
}

function addAll(
  writer: BlockWriter,
  series: readonly (FixtureSeries & { readonly set: Labels })[],
  numbers: ReadonlyMap<string, number>,
  samplesPerChunk: number,
): { minTime: number; maxTime: number } {
  const chunks = new ChunkColumns();
  let minTime = Number.POSITIVE_INFINITY;
  let maxTime = Number.NEGATIVE_INFINITY;
  for (const one of series) {
    chunks.clear();
    fillChunks(chunks, one, samplesPerChunk);
    const pairs = Uint32Array.from(one.set.pairs, (text) => numbers.get(text) as number);
    writer.addSeries(pairs, pairs.length / 2, chunks);
    minTime = Math.min(minTime, chunks.minTime[0]);
    maxTime = Math.max(maxTime, chunks.maxTime[chunks.length - 1] + 1);
  }
  return { minTime, maxTime };
}

function fillChunks(chunks: ChunkColumns, { samples, raw }: FixtureSeries, samplesPerChunk: number): void {
  for (let i = 0; i < samples.length; i += samplesPerChunk) {
    const part = samples.slice(i, i + samplesPerChunk);
    const data = encodeXor(part);
    chunks.add(ENCODING_XOR, part[0][0], part[part.length - 1][0], data, 0, data.length);
  }
  if (raw) chunks.add(raw.encoding, raw.minTime, raw.maxTime, raw.data, 0, raw.data.length);
}

function encodeXor(samples: readonly (readonly [number, number])[]): Uint8Array {
  const state: XorState = newXorState(new Uint8Array((samples.length + 1) * SAMPLE_BYTES_MAX));
  const value = new Float64Array(1);
  const bits = new Uint32Array(value.buffer);
  for (const [time, v] of samples) {
    value[0] = v;
    appendXor(state, time, bits[0], bits[1]);
  }
  return state.bytes.subarray(0, (state.bitLength + 7) >>> 3);
}
