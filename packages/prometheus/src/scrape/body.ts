import { constants, createGunzip, gunzipSync } from 'node:zlib';
import { BodyTooLarge } from './scrape-error.ts';

/** An exposition body: the first `size` bytes. Given back with `release` when nothing refers to it any more. */
export interface Body {
  readonly bytes: Uint8Array;
  readonly size: number;
  release(): void;
}

const POOL_MAX = 4;
/** Larger buffers are not kept for the next scrape. */
const POOLED_BYTES_MAX = 4 * 1024 * 1024;
const FIRST_BYTES = 128 * 1024;
/** Up to this size a body is decompressed at once: some milliseconds at most. */
const AT_ONCE_BYTES_MAX = 1024 * 1024;
const pool: Buffer[] = [];

const NOTHING = Buffer.alloc(0);

/**
 * Collects what comes in, in a buffer that is used again: most of the time no scrape allocates one. While nothing has
 * come there is none, so that targets that do not answer cost no memory.
 */
export class BodyBuffer implements Body {
  size = 0;
  private buffer: Buffer = NOTHING;

  /** @param bytesMax of the body; so many, as upstream has it, are an error of `add` */
  constructor(private readonly bytesMax: number) {}

  get bytes(): Buffer {
    return this.buffer;
  }

  /** @throws BodyTooLarge where the body reaches its limit */
  add(bytes: Buffer, start: number, end: number): void {
    const size = this.size + end - start;
    if (size >= this.bytesMax) throw new BodyTooLarge();
    if (this.buffer === NOTHING) this.buffer = pool.pop() ?? Buffer.allocUnsafeSlow(FIRST_BYTES);
    if (size > this.buffer.length) {
      const bigger = Buffer.allocUnsafeSlow(Math.max(size, this.buffer.length * 2));
      this.buffer.copy(bigger, 0, 0, this.size);
      this.buffer = bigger;
    }
    bytes.copy(this.buffer, this.size, start, end);
    this.size = size;
  }

  /** Gives the buffer back for the next body. Idempotent. */
  release(): void {
    const { buffer } = this;
    this.buffer = NOTHING;
    this.size = 0;
    if (buffer.length > 0 && buffer.length <= POOLED_BYTES_MAX && pool.length < POOL_MAX) pool.push(buffer);
  }
}

/**
 * Decompresses a gzip body and releases it.
 * @param cancellable is told how to give up a decompression that takes long
 * @throws Error where it is damaged or given up, BodyTooLarge where it has `bytesMax` bytes
 */
export async function gunzipBody(
  compressed: BodyBuffer,
  bytesMax: number,
  cancellable: (cancel: (reason: Error) => void) => void,
): Promise<Body> {
  try {
    const input = compressed.bytes.subarray(0, compressed.size);
    return gunzipAtOnce(input, bytesMax) ?? (await gunzipStream(input, bytesMax, cancellable));
  } finally {
    compressed.release();
  }
}

/** Decompresses a body that says, in its last four bytes, that it is small. @returns null where it is not */
function gunzipAtOnce(input: Buffer, bytesMax: number): Body | null {
  const size = input.length < 18 ? 0 : input.readUInt32LE(input.length - 4);
  if (size > AT_ONCE_BYTES_MAX || size >= bytesMax) return null;
  const chunkSize = Math.max(constants.Z_MIN_CHUNK, size + 1);
  try {
    const bytes = gunzipSync(input, { chunkSize, maxOutputLength: Math.max(1, size) });
    return { bytes, size: bytes.length, release: () => {} };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') return null;
    throw error;
  }
}

async function gunzipStream(
  input: Buffer,
  bytesMax: number,
  cancellable: (cancel: (reason: Error) => void) => void,
): Promise<Body> {
  const body = new BodyBuffer(bytesMax);
  const stream = createGunzip();
  cancellable((reason) => stream.destroy(reason));
  stream.end(input);
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) body.add(chunk, 0, chunk.length);
  } catch (error) {
    body.release();
    throw error;
  }
  return body;
}
