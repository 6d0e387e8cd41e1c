import { type FloatHistogram, type SampleColumns, STALE_FLOAT_HISTOGRAM, STALE_HISTOGRAM } from '@avalanche/model';
import { type ChunkColumns, ENCODING_XOR } from '../chunk-columns.ts';
import { SAMPLES_PER_CHUNK } from '../head/series-chunks.ts';
import { appendXor, newXorState, SAMPLE_BYTES_MAX, type XorState } from '../head/xor.ts';
import { Xor2Encoder } from '../head/xor2.ts';
import { encodingOf, FITS, HistogramEncoder, headerOfFirst } from '../histogram/encoder.ts';

const state: XorState = newXorState(new Uint8Array((SAMPLES_PER_CHUNK + 2) * SAMPLE_BYTES_MAX));

/**
 * Encodes `columns[from, length)`, times ascending, as chunks of at most 120 samples and adds them to `chunks`. A
 * staleness marker after histograms is one of their kind.
 */
export function encodeChunks(columns: SampleColumns, from: number, chunks: ChunkColumns): void {
  if (columns.histograms === null) encodeFloats(columns, from, columns.length, chunks);
  else encodeMixed(columns, columns.histograms, from, chunks);
}

function encodeFloats(columns: SampleColumns, from: number, to: number, chunks: ChunkColumns): void {
  for (let start = from; start < to; start += SAMPLES_PER_CHUNK) {
    const end = Math.min(to, start + SAMPLES_PER_CHUNK);
    if (columns.starts?.subarray(start, end).some((time) => time !== 0)) {
      encodeStarted(columns, columns.starts, start, end, chunks);
      continue;
    }
    state.bytes.fill(0);
    state.count = 0;
    for (let i = start; i < end; i++) appendXor(state, columns.t[i], columns.bits[2 * i], columns.bits[2 * i + 1]);
    const bytes = (state.bitLength + 7) >>> 3;
    chunks.add(ENCODING_XOR, columns.t[start], columns.t[end - 1], state.bytes, 0, bytes);
  }
}

function encodeStarted(
  { t, bits }: SampleColumns,
  starts: Float64Array,
  from: number,
  to: number,
  chunks: ChunkColumns,
): void {
  const encoder = new Xor2Encoder();
  for (let i = from; i < to; i++) encoder.append(t[i], bits[2 * i], bits[2 * i + 1], starts[i]);
  chunks.add(encoder.encoding, t[from], t[to - 1], encoder.bytes, 0, encoder.size);
}

function encodeMixed(
  columns: SampleColumns,
  histograms: readonly (FloatHistogram | undefined)[],
  from: number,
  chunks: ChunkColumns,
): void {
  for (let start = from; start < columns.length; ) {
    let end = start + 1;
    if (histograms[start]) {
      while (end < columns.length && (histograms[end] || columns.isStale(end))) end++;
      encodeHistograms(columns, histograms, start, end, chunks);
    } else {
      while (end < columns.length && !histograms[end]) end++;
      encodeFloats(columns, start, end, chunks);
    }
    start = end;
  }
}

/** The first of them is no staleness marker. */
function encodeHistograms(
  { t }: SampleColumns,
  histograms: readonly (FloatHistogram | undefined)[],
  from: number,
  to: number,
  chunks: ChunkColumns,
): void {
  let encoder: HistogramEncoder | undefined;
  let start = from;
  for (let i = from; i < to; i++) {
    const histogram: FloatHistogram =
      histograms[i] ?? (encoder?.latest.ofIntegers ? STALE_HISTOGRAM : STALE_FLOAT_HISTOGRAM);
    const fits = encoder?.encoding === encodingOf(histogram) ? encoder.judge(histogram) : headerOfFirst(histogram);
    if (!encoder || fits !== FITS || encoder.count === SAMPLES_PER_CHUNK) {
      if (encoder) chunks.add(encoder.encoding, t[start], t[i - 1], encoder.bytes, 0, encoder.size);
      encoder = new HistogramEncoder(encodingOf(histogram), fits === FITS ? (encoder?.nextHeader ?? 0) : fits);
      start = i;
    }
    encoder.append(t[i], histogram);
  }
  if (encoder) chunks.add(encoder.encoding, t[start], t[to - 1], encoder.bytes, 0, encoder.size);
}
