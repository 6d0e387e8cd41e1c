import { Readable, type Transform } from 'node:stream';
import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import type { FastifyInstance, FastifyReply } from 'fastify';

const ENCODINGS = ['gzip', 'deflate', 'zstd'] as const;
export type Encoding = (typeof ENCODINGS)[number];

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
  app.addHook('onSend', (request, reply, payload: unknown, done) => {
    if (reply.hasHeader('content-encoding') || payload === null || payload === undefined) {
      done(null, payload);
      return;
    }
    variesByEncoding(reply);
    const accepted = request.headers['accept-encoding'];
    const encoding = accepted && request.method !== 'HEAD' ? acceptedEncoding(accepted) : undefined;
    // Without a promise where nothing is to be done: small answers are many.
    if (encoding === undefined) done(null, payload);
    else compressed(reply, payload, encoding).then((result) => done(null, result), done);
  });
}

/** Says in an answer that another is given to who takes other encodings. */
export function variesByEncoding(reply: FastifyReply): void {
  const vary = reply.getHeader('vary');
  reply.header('vary', vary ? `${String(vary)}, Accept-Encoding` : 'Accept-Encoding');
}

async function compressed(reply: FastifyReply, payload: unknown, encoding: Encoding): Promise<unknown> {
  if (payload instanceof Readable) {
    reply.removeHeader('content-length').header('content-encoding', encoding);
    return compressStream(encoding, payload);
  }
  if (typeof payload !== 'string' && !Buffer.isBuffer(payload)) return payload;
  const bytes = Buffer.from(payload);
  if (!isWorthCompressing(bytes)) return payload;
  const whole = await compressWhole(encoding, bytes);
  reply.header('content-encoding', encoding).header('content-length', whole.length);
  return whole;
}

export function isWorthCompressing({ length }: Buffer): boolean {
  return length >= BYTES_MIN;
}

/** The first encoding of an `Accept-Encoding` that there is. */
export function acceptedEncoding(accepted: string): Encoding | undefined {
  for (const part of accepted.split(',')) {
    const [name, ...parameters] = part.split(';').map((word) => word.trim());
    if (parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter))) continue;
    const known = ENCODINGS.find((encoding) => encoding === name);
    if (known && (known !== 'zstd' || zstd)) return known;
  }
  return undefined;
}

/** Either of the two streams ends with the other. */
export function compressStream(encoding: Encoding, payload: Readable): Transform {
  const compressor = streamOf(encoding);
  payload.on('error', (error) => compressor.destroy(error));
  compressor.on('close', () => payload.destroy());
  return payload.pipe(compressor);
}

function streamOf(encoding: Encoding): Transform {
  if (encoding === 'zstd' && zstd) return zstd.createZstdCompress();
  return encoding === 'deflate' ? zlib.createDeflate(LEVEL) : zlib.createGzip(LEVEL);
}

export function compressWhole(encoding: Encoding, bytes: Buffer): Promise<Buffer> {
  if (encoding === 'zstd' && zstd) return promisify(zstd.zstdCompress)(bytes);
  return encoding === 'deflate' ? promisify(zlib.deflate)(bytes) : promisify(zlib.gzip)(bytes, LEVEL);
}
