import type { SampleColumns } from '@avalanche/model';
import { type ChunkColumns, ENCODING_XOR } from '../chunk-columns.ts';
import { SAMPLES_PER_CHUNK } from '../head/series-chunks.ts';
import { appendXor, newXorState, SAMPLE_BYTES_MAX, type XorState } from '../head/xor.ts';

const state: XorState = newXorState(new Uint8Array((SAMPLES_PER_CHUNK + 2) * SAMPLE_BYTES_MAX));

/** Encodes `columns[from, length)`, times ascending, as XOR chunks of at most 120 samples and adds them to `chunks`. */
export function encodeChunks(columns: SampleColumns, from: number, chunks: ChunkColumns): void {
  for (let start = from; start < columns.length; start += SAMPLES_PER_CHUNK) {
    const end = Math.min(columns.length, start + SAMPLES_PER_CHUNK);
    state.bytes.fill(0);
    state.count = 0;
    for (let i = start; i < end; i++) appendXor(state, columns.t[i], columns.bits[2 * i], columns.bits[2 * i + 1]);
    const bytes = (state.bitLength + 7) >>> 3;
    chunks.add(ENCODING_XOR, columns.t[start], columns.t[end - 1], state.bytes, 0, bytes);
  }
}
