import { createRequire } from 'node:module';
import zlib from 'node:zlib';
import { snappyBytesMax, snappyCompress, snappyDecompress, snappyLength, snappyRoom } from './snappy.ts';

/** How records are compressed: snappy's block format (upstream's default) or zstd. */
export type Compression = 'none' | 'snappy' | 'zstd';

/** Compresses `length` bytes of a record. What it returns is valid until the next call. */
export type Compressor = (bytes: Uint8Array, length: number) => Uint8Array;

/** A record that says to be larger is damaged: upstream's are a few MiB at the most. */
const RECORD_BYTES_MAX = 512 * 1024 * 1024;
/** A buffer larger than this is not kept from one record to the next. */
const BUFFER_KEPT_BYTES = 4 * 1024 * 1024;

/** What Node has from 22.15 on. */
const nodeZlib = zlib as {
  readonly zstdCompressSync?: (bytes: Uint8Array) => Uint8Array;
  readonly zstdDecompressSync?: (bytes: Uint8Array, options: { readonly maxOutputLength: number }) => Uint8Array;
};

/** The function that compresses records, undefined for `none`. */
export function compressorFor(compression: Compression): Compressor | undefined {
  if (compression === 'none') return undefined;
  if (compression === 'zstd' && nodeZlib.zstdCompressSync) return zstdCompressor(nodeZlib.zstdCompressSync);
  return snappyCompressor();
}

/** What `compressorFor` uses: Node before 22.15 cannot write zstd, which becomes snappy. */
export function writable(compression: Compression): Compression {
  return compression === 'zstd' && !nodeZlib.zstdCompressSync ? 'snappy' : compression;
}

function zstdCompressor(compress: (bytes: Uint8Array) => Uint8Array): Compressor {
  return (bytes, length) => compress(bytes.subarray(0, length));
}

function snappyCompressor(): Compressor {
  let buffer = new Uint8Array(0);
  return (bytes, length) => {
    const needed = snappyBytesMax(length);
    if (buffer.length < needed || buffer.length > Math.max(needed, BUFFER_KEPT_BYTES))
      buffer = new Uint8Array(needed * 2);
    return buffer.subarray(0, snappyCompress(bytes, 0, length, buffer));
  };
}

/** Decompresses records into a buffer of its own. */
export class Decompressor {
  private buffer = new Uint8Array(64 * 1024);

  /** @returns the record, valid until the next call. @throws RangeError where the bytes are not of that format */
  snappy(bytes: Uint8Array, start: number, end: number): Uint8Array {
    const length = snappyLength(bytes, start, end);
    // Two bytes of input give at most 64 of output.
    if (length > Math.min(RECORD_BYTES_MAX, (end - start) * 32)) throw new RangeError('snappy: the length is wrong');
    if (snappyRoom(length) > this.buffer.length) this.buffer = new Uint8Array(snappyRoom(length) * 2);
    snappyDecompress(bytes, start, end, this.buffer);
    return this.buffer.subarray(0, length);
  }

  /** @returns the record. @throws Error where the bytes are not of that format */
  zstd(bytes: Uint8Array, start: number, end: number): Uint8Array {
    const block = bytes.subarray(start, end);
    if (nodeZlib.zstdDecompressSync) return nodeZlib.zstdDecompressSync(block, { maxOutputLength: RECORD_BYTES_MAX });
    const { decompress } = require('fzstd') as typeof import('fzstd');
    return decompress(block);
  }
}

/** Loads what only logs of others need when one is read. */
const require = createRequire(import.meta.url);
