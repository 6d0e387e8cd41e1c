import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { nextTurn, turnIsOver } from '@avalanche/model';
import { variesByEncoding } from '@avalanche/web';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { toApiError } from './errors.ts';
import { recycle } from './json-writer.ts';

/** Answers up to this size are sent at once: many small writes would cost more than one copy. */
const AT_ONCE_BYTES = 256 * 1024;

/** As bytes: Fastify would add a character set to the type of a text, which upstream does not have. */
export function sendJson(reply: FastifyReply, body: string): FastifyReply {
  return reply.type('application/json').send(Buffer.from(body));
}

export function sendError(reply: FastifyReply, thrown: unknown): FastifyReply {
  const error = toApiError(thrown);
  const body = { status: 'error', errorType: error.errorType, error: error.message };
  return sendJson(reply.code(error.status), JSON.stringify(body));
}

/** What is small goes with its length; more goes as it is made, no faster than the client takes it. */
export function sendPieces(request: FastifyRequest, reply: FastifyReply, pieces: Iterator<Buffer>): FastifyReply {
  if (!reply.hasHeader('content-type')) reply.type('application/json');
  const ready: Buffer[] = [];
  for (let bytes = 0; bytes < AT_ONCE_BYTES; ) {
    const { done, value } = pieces.next();
    if (done) return reply.send(inOne(ready));
    ready.push(value);
    bytes += value.length;
  }
  if (request.headers['accept-encoding'] !== undefined) {
    return reply.send(Readable.from(chain(ready, pieces), { objectMode: false }));
  }
  variesByEncoding(reply); // hooks do not see what is written past them
  return streamPieces(reply, chain(ready, pieces));
}

/** Sends pieces as they are made, past compression, no faster than the client takes them. `ended` is called in any case. */
export function streamPieces(reply: FastifyReply, pieces: AsyncIterable<Buffer>, ended = () => {}): FastifyReply {
  reply.hijack();
  writePieces(reply, pieces)
    .catch((error: unknown) => reply.raw.destroy(error as Error))
    .finally(ended);
  return reply;
}

function inOne(pieces: readonly Buffer[]): Buffer {
  if (pieces.length === 1) return pieces[0];
  const whole = Buffer.concat(pieces);
  for (const piece of pieces) recycle(piece);
  return whole;
}

/** With a turn of the event loop between pieces. */
async function* chain(ready: readonly Buffer[], pieces: Iterator<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield* ready;
    for (let next = pieces.next(); !next.done; next = pieces.next()) {
      yield next.value;
      if (turnIsOver()) await nextTurn();
    }
  } finally {
    pieces.return?.(); // whoever makes them may hold something, also where the client goes away
  }
}

/** Straight to the connection, which tells when the memory of a piece is free again. Ends early where the client goes away. */
async function writePieces(reply: FastifyReply, pieces: AsyncIterable<Buffer>): Promise<void> {
  const response = reply.raw;
  response.writeHead(reply.statusCode, reply.getHeaders() as Record<string, string>);
  for await (const piece of pieces) {
    const isTaken = response.write(piece, (error) => {
      if (!error) recycle(piece);
    });
    if (!isTaken) await drained(response);
    else if (turnIsOver()) await nextTurn();
    if (isGone(response)) return;
  }
  response.end();
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
    if (isGone(response)) done();
  });
}

/** Whether the client has gone. A response of HTTP/2 knows it by its stream. */
function isGone(response: ServerResponse & { readonly stream?: { readonly destroyed: boolean } }): boolean {
  return response.destroyed || response.stream?.destroyed === true;
}
