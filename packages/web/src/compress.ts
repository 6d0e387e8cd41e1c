import { Readable, type Transform } from 'node:stream';
import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import type { FastifyInstance } from 'fastify';

const ENCODINGS = ['gzip', 'deflate', 'zstd'] as const;
type Encoding = (typeof ENCODINGS)[number];

/** Node has zstd from 22.15 on. */
interface Zstd {
  readonly createZstdCompress: () => Transform;
  readonly zstdCompress: (data: Buffer, done: (error: Error | null, result: Buffer) => void) => void;
}
const zstd = 'createZstdCompress' in zlib ? (zlib as unknown as Zstd) : null;

/** Less is not worth a header. */
const BYTES_MIN = 256;
/** As Go's default: in the middle between time and size. */
const LEVEL = { level: 6 };

/** Compresses the answers of `app` with the first encoding that the client names, whole ones and streams. */
export function compressAnswers(app: FastifyInstance): void {
  app.addHook('onSend', async (request, reply, payload: unknown) => {
    if (reply.hasHeader('content-encoding') || payload === null || payload === undefined) return payload;
    const vary = reply.getHeader('vary');
    reply.header('vary', vary ? `${String(vary)}, Accept-Encoding` : 'Accept-Encoding');
    const encoding = firstEncoding(request.headers['accept-encoding']);
    if (!encoding || request.method === 'HEAD') return payload;
    if (payload instanceof Readable) {
      reply.removeHeader('content-length').header('content-encoding', encoding);
      const compressor = streamOf(encoding);
      payload.on('error', (error) => compressor.destroy(error));
      compressor.on('close', () => payload.destroy());
      return payload.pipe(compressor);
    }
    if (typeof payload !== 'string' && !Buffer.isBuffer(payload)) return payload;
    const bytes = Buffer.from(payload);
    if (bytes.length < BYTES_MIN) return payload;
    const compressed = await compressWhole(encoding, bytes);
    reply.header('content-encoding', encoding).header('content-length', compressed.length);
    return compressed;
  });
}

function firstEncoding(accepted: string | undefined): Encoding | undefined {
  for (const part of (accepted ?? '').split(',')) {
    const [name, ...parameters] = part.split(';').map((word) => word.trim());
    if (parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter))) continue;
    const known = ENCODINGS.find((encoding) => encoding === name);
    if (known && (known !== 'zstd' || zstd)) return known;
  }
  return undefined;
}

function streamOf(encoding: Encoding): Transform {
  if (encoding === 'zstd' && zstd) return zstd.createZstdCompress();
  return encoding === 'deflate' ? zlib.createDeflate(LEVEL) : zlib.createGzip(LEVEL);
}

function compressWhole(encoding: Encoding, bytes: Buffer): Promise<Buffer> {
  if (encoding === 'zstd' && zstd) return promisify(zstd.zstdCompress)(bytes);
  return encoding === 'deflate' ? promisify(zlib.deflate)(bytes) : promisify(zlib.gzip)(bytes, LEVEL);
}
