import { type Labels, Matcher, ProtoWriter, type SampleColumns, Slices } from '@avalanche/model';
import {
  appendXor,
  ChunkColumns,
  crc32c,
  encodeChunks,
  newXorState,
  SAMPLE_BYTES_MAX,
  type SelectedSeries,
  snappyBytesMax,
  snappyCompress,
  snappyLength,
  type TsdbQuerier,
  type XorState,
} from '@avalanche/tsdb';
import { writeHistogram } from '../proto/histogram.ts';
import { V1 } from '../proto/messages.ts';
import { READ, type ReadQuery, writeLabels, XOR } from './messages.ts';

/** Upstream's size of a chunk. */
const SAMPLES_A_CHUNK = 120;
/** How far a copy of snappy's reaches back at most: what is compressed apart can be put together again. */
const BLOCK_BYTES = 64 * 1024;

/** How much of an answer there may be. */
export interface AnswerLimits {
  /** Samples of one query; 0 is no limit. */
  readonly samplesMax: number;
  /** Bytes of one frame, of about so many; a chunk is never split. */
  readonly frameBytesMax: number;
}

/** One series with the samples of a query. */
interface Filled {
  readonly labels: Labels;
  readonly columns: SampleColumns;
}

/** The series of a query that have samples, one after the other in the same columns. */
export async function* readSeries(
  querier: TsdbQuerier,
  { start, end, matchers }: ReadQuery,
  external: Labels,
  columns: SampleColumns,
): AsyncGenerator<Filled> {
  const slices = new Slices();
  if (matchers.length === 0) return; // nothing is asked for, as upstream has it
  for (const series of await querier.select(matchers.map((matcher) => withoutExternal(matcher, external)))) {
    if (slices.isOver()) await slices.next();
    const labels = withExternal(series, external);
    columns.clear();
    if (series.read(start, end, columns) === 0) continue;
    yield { labels, columns };
  }
}

function withoutExternal(matcher: Matcher, external: Labels): Matcher {
  if (matcher.type !== '=' || external.get(matcher.name) !== matcher.value) return matcher;
  return new Matcher('=', matcher.name, '');
}

function withExternal({ labels }: SelectedSeries, external: Labels): Labels {
  let all = labels;
  for (const [name, value] of external.entries()) if (!all.has(name)) all = all.withLabel(name, value);
  return all;
}

/** Writes a series with its samples into a `QueryResult`. */
export function writeSampledSeries(writer: ProtoWriter, { labels, columns }: Filled): void {
  const series = writer.begin(READ.result.timeseries);
  writeLabels(writer, V1.series.labels, labels);
  for (let i = 0; i < columns.length; i++) {
    if (columns.histograms?.[i]) continue;
    const sample = writer.begin(V1.series.samples);
    writer.bits64(V1.sample.value, columns.bits[2 * i], columns.bits[2 * i + 1]);
    writer.int64(V1.sample.timestamp, columns.t[i]);
    writer.end(sample);
  }
  columns.histograms?.forEach((histogram, i) => {
    if (histogram) writeHistogram(writer, V1.series.histograms, { time: columns.t[i], histogram, start: 0 });
  });
  writer.end(series);
}

/** Compresses a message that is in pieces, a block at a time. */
export function* compressedPieces(parts: readonly Uint8Array[]): Generator<Buffer> {
  yield uvarint(parts.reduce((sum, part) => sum + part.length, 0));
  for (const part of parts) {
    for (let from = 0; from < part.length; from += BLOCK_BYTES) {
      const end = Math.min(part.length, from + BLOCK_BYTES);
      const block = Buffer.allocUnsafeSlow(snappyBytesMax(end - from));
      const length = snappyCompress(part, from, end, block);
      yield block.subarray(uvarintBytes(snappyLength(block, 0, length)), length);
    }
  }
}

/** A message before which the number of its field stands, as one of those around it. */
export function fieldHead(field: number, length: number): Buffer {
  return Buffer.concat([uvarint(field * 8 + 2), uvarint(length)]);
}

function uvarint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  bytes.push(rest);
  return Buffer.from(bytes);
}

function uvarintBytes(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++;
  return size;
}

/** Makes the frames of a stream: length, checksum and a `ChunkedReadResponse` with chunks of one series. */
export class FrameWriter {
  private readonly writer = new ProtoWriter();
  /** Of a series with histograms. */
  private readonly chunks = new ChunkColumns();
  private readonly state: XorState = newXorState(new Uint8Array(SAMPLES_A_CHUNK * SAMPLE_BYTES_MAX + 16));

  constructor(private readonly frameBytesMax: number) {}

  *frames({ labels, columns }: Filled, queryIndex: number): Generator<Buffer> {
    const { writer } = this;
    const hasHistograms = columns.histograms !== null;
    if (hasHistograms) {
      this.chunks.clear();
      encodeChunks(columns, 0, this.chunks);
    }
    const end = hasHistograms ? this.chunks.length : columns.length;
    for (let from = 0; from < end; ) {
      writer.reset();
      const series = writer.begin(READ.chunked.series);
      writeLabels(writer, READ.chunkedSeries.labels, labels);
      while (from < end && writer.length < this.frameBytesMax) {
        from = hasHistograms ? this.copyChunk(from) : this.writeChunk(columns, from);
      }
      writer.end(series);
      writer.int64(READ.chunked.queryIndex, queryIndex);
      yield frame(writer.written);
    }
  }

  /** @returns the chunk after it */
  private copyChunk(i: number): number {
    const { minTime, maxTime, encoding, bytes, start, end } = this.chunks;
    this.putChunk(minTime[i], maxTime[i], encoding[i], bytes.subarray(start[i], end[i]));
    return i + 1;
  }

  private putChunk(minTime: number, maxTime: number, encoding: number, data: Uint8Array): void {
    const { writer } = this;
    const chunk = writer.begin(READ.chunkedSeries.chunks);
    writer.int64(READ.chunk.minTime, minTime);
    writer.int64(READ.chunk.maxTime, maxTime);
    writer.int64(READ.chunk.type, encoding);
    writer.slice(READ.chunk.data, data);
    writer.end(chunk);
  }

  /** @returns the sample after the chunk */
  private writeChunk({ t, bits, length }: SampleColumns, from: number): number {
    const { state } = this;
    const end = Math.min(length, from + SAMPLES_A_CHUNK);
    state.bytes.fill(0);
    state.bitLength = 0;
    state.count = 0;
    for (let i = from; i < end; i++) appendXor(state, t[i], bits[2 * i], bits[2 * i + 1]);
    this.putChunk(t[from], t[end - 1], XOR, state.bytes.subarray(0, Math.ceil(state.bitLength / 8)));
    return end;
  }
}

function frame(message: Uint8Array): Buffer {
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32c(message));
  return Buffer.concat([uvarint(message.length), checksum, message]);
}
