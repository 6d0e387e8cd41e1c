import { snappyBytesMax, snappyCompress, snappyDecompress, snappyLength, snappyRoom } from '@avalanche/tsdb';

/** Two bytes of a block give at most 64. */
const BYTES_PER_BYTE_MAX = 32;

/** A block says that it becomes more than is allowed. */
export class SnappyTooLarge extends RangeError {
  override readonly name = 'SnappyTooLarge';
}

/**
 * Decompresses a body in snappy's block format, as the remote protocols have it.
 * @param bytesMax a longer result is refused before it takes memory
 * @throws SnappyTooLarge where it is longer, RangeError where it is not of that format
 */
export function decompressSnappy(block: Uint8Array, bytesMax: number): Uint8Array {
  const length = snappyLength(block, 0, block.length);
  if (length > bytesMax)
    throw new SnappyTooLarge(`snappy: decoded block is too large: ${length} bytes, at most ${bytesMax}`);
  if (length > block.length * BYTES_PER_BYTE_MAX) throw new RangeError('snappy: corrupt input');
  const bytes = new Uint8Array(snappyRoom(length));
  snappyDecompress(block, 0, block.length, bytes);
  return bytes.subarray(0, length);
}

/** Compresses into a block of its own. */
export function compressSnappy(bytes: Uint8Array): Uint8Array {
  const block = new Uint8Array(snappyBytesMax(bytes.length));
  return block.slice(0, snappyCompress(bytes, 0, bytes.length, block));
}
