import { Readable } from 'node:stream';
import { nextTurn, turnIsOver } from '@avalanche/model';
import type { FastifyReply } from 'fastify';

/** A text up to this size is sent at once: many small writes would cost more than one copy. */
const AT_ONCE_CHARACTERS = 128 * 1024;

/**
 * Sends a text that is made in pieces. A short one goes with its length; a long one as it is made, with turns of the event
 * loop in between, and no faster than the client takes it.
 */
export function sendTextPieces(reply: FastifyReply, pieces: Iterator<string>): FastifyReply {
  let ready = '';
  while (ready.length < AT_ONCE_CHARACTERS) {
    const { done, value } = pieces.next();
    if (done) return reply.send(ready);
    ready += value;
  }
  return reply.send(Readable.from(encoded(ready, pieces), { objectMode: false }));
}

async function* encoded(ready: string, pieces: Iterator<string>): AsyncGenerator<Buffer> {
  try {
    yield Buffer.from(ready);
    for (let next = pieces.next(); !next.done; next = pieces.next()) {
      if (turnIsOver()) await nextTurn();
      yield Buffer.from(next.value);
    }
  } finally {
    pieces.return?.(); // where the client goes away
  }
}
