import { isStaleHistogram, Labels, ProtoReader, SampleColumns } from '@avalanche/model';
import { crc32c, isHistogramEncoding, readHistograms, readXor } from '@avalanche/tsdb';
import { readHistogram, type SentHistogram, UnusableHistogram } from '../proto/histogram.ts';
import { readLabel } from '../proto/label.ts';
import { V1 } from '../proto/messages.ts';
import { READ, XOR } from './messages.ts';

/** A series as a remote server answered it. */
export interface RemoteSeries {
  readonly labels: Labels;
  readonly columns: SampleColumns;
}

/** The series of the first result of a `ReadResponse`. @throws ProtoError */
export function decodeSamples(bytes: Uint8Array): RemoteSeries[] {
  const reader = new ProtoReader(bytes);
  const found: RemoteSeries[] = [];
  while (reader.next()) {
    if (reader.field !== READ.response.results) {
      reader.skip();
      continue;
    }
    const outer = reader.enter();
    while (reader.next()) {
      if (reader.field === READ.result.timeseries) found.push(decodeSeries(reader));
      else reader.skip();
    }
    reader.leave(outer);
  }
  return found;
}

function decodeSeries(reader: ProtoReader): RemoteSeries {
  const pairs: string[] = [];
  const columns = new SampleColumns(16);
  const histograms: SentHistogram[] = [];
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.field === V1.series.labels) readLabel(reader, pairs);
    else if (reader.field === V1.series.samples) decodeSample(reader, columns);
    else if (reader.field === V1.series.histograms) {
      const histogram = readHistogram(reader);
      if (histogram instanceof UnusableHistogram) throw histogram;
      histograms.push(histogram);
    } else reader.skip();
  }
  reader.leave(outer);
  return { labels: labelsOf(pairs), columns: histograms.length === 0 ? columns : withHistograms(columns, histograms) };
}

/** In the order of time; of two samples of one time the float stays. */
function withHistograms({ t, bits, length }: SampleColumns, histograms: readonly SentHistogram[]): SampleColumns {
  const merged = new SampleColumns(length + histograms.length);
  for (let i = 0, j = 0; i < length || j < histograms.length; ) {
    const next = histograms[j];
    if (!next || (i < length && t[i] <= next.time)) {
      if (next?.time === t[i]) j++;
      merged.pushBits(t[i], bits[2 * i], bits[2 * i + 1]);
      i++;
    } else {
      if (isStaleHistogram(next.histogram)) merged.pushStale(next.time);
      else merged.pushHistogram(next.time, next.histogram);
      j++;
    }
  }
  return merged;
}

/** In whatever order the remote wrote them. */
function labelsOf(pairs: readonly string[]): Labels {
  const labels = new Map<string, string>();
  for (let i = 0; i < pairs.length; i += 2) labels.set(pairs[i], pairs[i + 1]);
  return Labels.fromMap(labels);
}

function decodeSample(reader: ProtoReader, columns: SampleColumns): void {
  let low = 0;
  let high = 0;
  let time = 0;
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.field === V1.sample.value) {
      reader.bits64();
      ({ low, high } = reader);
    } else if (reader.field === V1.sample.timestamp) time = reader.int64();
    else reader.skip();
  }
  reader.leave(outer);
  columns.pushBits(time, low, high);
}

/**
 * The messages of a stream of frames, as they come.
 * @param bytesMax a longer frame is refused before it takes memory
 * @throws Error in upstream's words where a frame is too long, cut short or damaged
 */
export async function* readFrames(body: AsyncIterable<Uint8Array>, bytesMax: number): AsyncGenerator<Uint8Array> {
  let rest: Buffer = Buffer.alloc(0);
  let wanted = 1;
  const waiting: Uint8Array[] = [];
  let waitingBytes = 0;
  for await (const piece of body) {
    waiting.push(piece);
    waitingBytes += piece.length;
    if (waitingBytes < wanted) continue;
    rest = Buffer.concat(waiting);
    waiting.length = 0;
    let at = 0;
    for (;;) {
      const frame = frameAt(rest, at, bytesMax);
      wanted = frame.end - at;
      if (frame.end > rest.length || !frame.message) break;
      at = frame.end;
      yield frame.message;
    }
    rest = rest.subarray(at);
    waiting.push(rest);
    waitingBytes = rest.length;
  }
  if (waitingBytes > 0) throw new Error('unexpected EOF');
}

/** `message` is there where the frame is whole; `end` is where it ends, or how far one must read to know. */
function frameAt(bytes: Buffer, from: number, bytesMax: number): { readonly end: number; readonly message?: Buffer } {
  let size = 0;
  let at = from;
  for (let scale = 1; ; scale *= 0x80) {
    if (at >= bytes.length) return { end: bytes.length + 1 };
    const byte = bytes[at++];
    size += (byte & 0x7f) * scale;
    if (byte < 0x80) break;
    if (scale > 2 ** 42) throw new Error('binary: varint overflows a 64-bit integer');
  }
  if (size > bytesMax) {
    throw new Error(`chunkedReader: message size exceeded the limit ${bytesMax} bytes; got: ${size} bytes`);
  }
  const end = at + 4 + size;
  if (end > bytes.length) return { end };
  const message = bytes.subarray(at + 4, end);
  if (crc32c(message) !== bytes.readUInt32BE(at)) throw new Error('chunkedReader: corrupted frame; checksum mismatch');
  return { end, message };
}

/** Collects the series of `ChunkedReadResponse`s; one may come in several of them, one after the other. */
export class ChunkCollector {
  readonly found: RemoteSeries[] = [];

  /** Samples outside of the range are passed over. */
  constructor(
    private readonly start: number,
    private readonly end: number,
  ) {}

  /** @throws ProtoError, or Error for a chunk of another encoding */
  add(message: Uint8Array): void {
    const reader = new ProtoReader(message);
    while (reader.next()) {
      if (reader.field === READ.chunked.series) this.addSeries(reader);
      else reader.skip();
    }
  }

  private addSeries(reader: ProtoReader): void {
    const pairs: string[] = [];
    const chunks: RemoteChunk[] = [];
    const outer = reader.enter();
    while (reader.next()) {
      if (reader.field === READ.chunkedSeries.labels) readLabel(reader, pairs);
      else if (reader.field === READ.chunkedSeries.chunks) chunks.push(chunkData(reader));
      else reader.skip();
    }
    reader.leave(outer);
    const { columns } = this.seriesOf(labelsOf(pairs));
    for (const { encoding, data } of chunks) {
      if (data.length < 2) continue;
      // Chunks may overlap: what is not later than the last sample is there already.
      const after = columns.length > 0 ? columns.t[columns.length - 1] + 1 : this.start;
      const from = Math.max(after, this.start);
      if (encoding === XOR) readXor(data, 0, (data[0] << 8) | data[1], from, this.end, columns);
      else readHistograms({ bytes: data, start: 0, end: data.length, encoding }, from, this.end, columns);
    }
  }

  private seriesOf(labels: Labels): RemoteSeries {
    const last = this.found.at(-1);
    if (last?.labels.equals(labels)) return last;
    const series = { labels, columns: new SampleColumns(16) };
    this.found.push(series);
    return series;
  }
}

interface RemoteChunk {
  readonly encoding: number;
  readonly data: Uint8Array;
}

/** @throws Error for an encoding that is not known */
function chunkData(reader: ProtoReader): RemoteChunk {
  let encoding = 0;
  let data = new Uint8Array();
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.field === READ.chunk.type) encoding = reader.uint64();
    else if (reader.field === READ.chunk.data) data = Uint8Array.from(reader.slice());
    else reader.skip();
  }
  reader.leave(outer);
  if (encoding !== XOR && !isHistogramEncoding(encoding)) throw new Error(`invalid chunk encoding ${encoding}`);
  return { encoding, data };
}
