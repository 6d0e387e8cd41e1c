import type { SampleColumns } from '@avalanche/model';
import { UnsupportedChunk } from './block/corruption.ts';
import { ENCODING_XOR, ENCODING_XOR2 } from './chunk-columns.ts';
import { readXor } from './head/xor.ts';
import { readXor2 } from './head/xor2.ts';
import { type EncodedChunk, isHistogramEncoding, readHistograms } from './histogram/chunk.ts';

/** Whether chunks of this encoding can be read. */
export function isKnownEncoding(encoding: number): boolean {
  return encoding === ENCODING_XOR || encoding === ENCODING_XOR2 || isHistogramEncoding(encoding);
}

/**
 * Appends the samples of a chunk of any encoding with minTime ≤ t ≤ maxTime to `into`.
 * @throws UnsupportedChunk, InvalidChunk
 */
export function readChunk(chunk: EncodedChunk, minTime: number, maxTime: number, into: SampleColumns): void {
  const { bytes, start, encoding } = chunk;
  if (encoding === ENCODING_XOR) readXor(bytes, start, (bytes[start] << 8) | bytes[start + 1], minTime, maxTime, into);
  else if (encoding === ENCODING_XOR2) readXor2(chunk, minTime, maxTime, into);
  else if (isHistogramEncoding(encoding)) readHistograms(chunk, minTime, maxTime, into);
  else throw new UnsupportedChunk(`chunks of encoding ${encoding} are not supported yet`);
}
