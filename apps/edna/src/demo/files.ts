import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import type { FastifyInstance } from 'fastify';
import { generateReads, generateReference } from './generator.ts';

/** A slow line: this many bytes, then a pause. */
const PIECE_BYTES = 24 * 1024;
const PIECE_INTERVAL_MS = 250;
/** Every so many answers break off in the middle, as lines do. */
const BREAKS_EVERY = 4;

/**
 * `GET /demo/files/N.fastq.gz`: files for the demonstration's downloads, from a server that is slow and now and then
 * breaks off, with `Range` for whoever wants the rest.
 */
export function demoFileRoutes(app: FastifyInstance): void {
  const references = generateReference();
  let content: { readonly bytes: Buffer; readonly etag: string } | undefined;
  let answers = 0;
  app.get('/demo/files/:name', async (request, reply) => {
    const { name } = request.params as { name: string };
    if (!/^\d{1,6}\.fastq\.gz$/.test(name)) return reply.callNotFound();
    content ??= withTag(gzipSync(generateReads(references, { seed: 7, reads: 3_000 })));
    const { bytes, etag } = content;
    const from = rangeStart(request.headers.range, request.headers['if-range'], etag);
    if (from >= bytes.length) return reply.code(416).header('content-range', `bytes */${bytes.length}`).send();
    const breaksAt = ++answers % BREAKS_EVERY === 0 ? Math.floor((from + bytes.length) / 2) : bytes.length;
    reply.headers({ etag, 'accept-ranges': 'bytes', 'content-length': bytes.length - from });
    reply.type('application/gzip').code(from > 0 ? 206 : 200);
    if (from > 0) reply.header('content-range', `bytes ${from}-${bytes.length - 1}/${bytes.length}`);
    return reply.send(Readable.from(slowly(bytes, from, breaksAt)));
  });
}

async function* slowly(bytes: Buffer, from: number, breaksAt: number): AsyncGenerator<Buffer> {
  for (let at = from; at < bytes.length; at += PIECE_BYTES) {
    if (at >= breaksAt) throw new Error('the line broke');
    // Before the piece, not after it: the answer ends with its last byte, as the client expects.
    await sleep(PIECE_INTERVAL_MS, undefined, { ref: false });
    yield bytes.subarray(at, at + PIECE_BYTES);
  }
}

function withTag(bytes: Buffer) {
  return { bytes, etag: `"${createHash('sha256').update(bytes).digest('hex').slice(0, 16)}"` };
}

function rangeStart(range: string | undefined, ifRange: unknown, etag: string): number {
  const match = /^bytes=(\d+)-$/.exec(range ?? '');
  return match && (ifRange === undefined || ifRange === etag) ? Number(match[1]) : 0;
}
