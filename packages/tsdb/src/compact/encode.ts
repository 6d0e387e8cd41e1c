import type { SampleColumns } from '@avalanche/model';
import { type ChunkColumns, ENCODING_XOR } from '../chunk-columns.ts';
import { appendXor, SAMPLE_BYTES_MAX, type XorState } from '../head/xor.ts';

export const SAMPLES_PER_CHUNK = 120;

const state: XorState = {
  bytes: new Uint8Array((SAMPLES_PER_CHUNK + 2) * SAMPLE_BYTES_MAX),
  base: 0,
  bitLength: 0,
  count: 0,
  time: 0,
  delta: 0,
  low: 0,
  high: 0,
  leading: 0,
  trailing: 0,
};

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
