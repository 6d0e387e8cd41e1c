import { createRequire } from 'node:module';
import zlib from 'node:zlib';

/** How records are compressed: snappy's block format (upstream's default) or zstd. */
export type Compression = 'none' | 'snappy' | 'zstd';

type Codec = (bytes: Uint8Array) => Uint8Array;

const require = createRequire(import.meta.url);
/** What Node has from 22.15 on. */
const nodeZlib: { readonly zstdCompressSync?: Codec; readonly zstdDecompressSync?: Codec } = zlib as object;

const compressors = new Map<Compression, Codec | undefined>();
const decompressors = new Map<Compression, Codec>();

/** The function that compresses a record, loaded when first asked for; undefined where this machine has none. */
export function compressorFor(compression: Compression): Codec | undefined {
  if (!compressors.has(compression)) compressors.set(compression, loadCompressor(compression));
  return compressors.get(compression);
}

/** @throws Error where the bytes are not of that format */
export function decompress(compression: Compression, bytes: Uint8Array): Uint8Array {
  let codec = decompressors.get(compression);
  if (!codec) {
    codec = compression === 'snappy' ? loadSnappyDecoder() : loadZstdDecoder();
    decompressors.set(compression, codec);
  }
  return codec(bytes);
}

function loadCompressor(compression: Compression): Codec | undefined {
  if (compression === 'snappy') return nativeSnappy()?.compressSync;
  if (compression === 'zstd') return nodeZlib.zstdCompressSync;
  return undefined;
}

interface Snappy {
  readonly compressSync: Codec;
  readonly uncompressSync: (bytes: Uint8Array, options?: { readonly asBuffer: boolean }) => Uint8Array;
}

/** The native addon, which some platforms have no build of. */
function nativeSnappy(): Snappy | undefined {
  try {
    return require('snappy') as Snappy;
  } catch {
    return undefined;
  }
}

function loadSnappyDecoder(): Codec {
  const native = nativeSnappy();
  if (native) return (bytes) => native.uncompressSync(bytes, { asBuffer: true });
  throw new Error('snappy is not available on this platform');
}

function loadZstdDecoder(): Codec {
  if (nodeZlib.zstdDecompressSync) return nodeZlib.zstdDecompressSync;
  throw new Error('zstd is not available on this platform');
}
