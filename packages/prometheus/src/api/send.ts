import { Readable } from 'node:stream';
import {
  allPieces,
  type DirectAnswer,
  firstPieces,
  inOne,
  type Pieces,
  variesByEncoding,
  writePieces,
} from '@avalanche/web';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { toApiError } from './errors.ts';
import { recycle } from './json-writer.ts';

const JSON_TYPE = 'application/json';

/** A whole answer, by whichever way it is sent. */
export type Answer = DirectAnswer;

export const NO_CONTENT: Answer = { status: 204, contentType: '', body: wholeBody('') };

export function jsonAnswer(text: string, status = 200): Answer {
  return { status, contentType: JSON_TYPE, body: wholeBody(text) };
}

function wholeBody(text: string): Pieces {
  return { ready: [Buffer.from(text)], rest: null, recycle: () => {} };
}

export function errorAnswer(thrown: unknown): Answer {
  const { status, errorType, message } = toApiError(thrown);
  return jsonAnswer(JSON.stringify({ status: 'error', errorType, error: message }), status);
}

/** Makes the first pieces of a body, which may fail. */
export function piecesAnswer(pieces: Iterator<Buffer>, contentType = JSON_TYPE): Answer {
  return { status: 200, contentType, body: firstPieces(pieces, recycle) };
}

/** As bytes: Fastify would add a character set to the type of a text, which upstream does not have. */
export function sendJson(reply: FastifyReply, text: string): FastifyReply {
  return reply.type(JSON_TYPE).send(Buffer.from(text));
}

/** What is small goes with its length; more goes as it is made, no faster than the client takes it. */
export function sendAnswer(request: FastifyRequest, reply: FastifyReply, answer: Answer): FastifyReply {
  const { status, contentType, body } = answer;
  reply.code(status);
  if (status === 204) return reply.send();
  reply.type(contentType);
  if (body.rest === null) return reply.send(inOne(body));
  if (request.headers['accept-encoding'] !== undefined) {
    return reply.send(Readable.from(allPieces(body), { objectMode: false }));
  }
  variesByEncoding(reply); // hooks do not see what is written past them
  return streamPieces(reply, allPieces(body));
}

/** Sends pieces as they are made, past compression, no faster than the client takes them. `ended` is called in any case. */
export function streamPieces(reply: FastifyReply, pieces: AsyncIterable<Buffer>, ended = () => {}): FastifyReply {
  reply.hijack();
  const response = reply.raw;
  const write = (piece: Buffer) =>
    response.write(piece, (error) => {
      if (!error) recycle(piece);
    });
  response.writeHead(reply.statusCode, reply.getHeaders() as Record<string, string>);
  writePieces(response, pieces, write)
    .then(() => response.end())
    .catch((error: unknown) => response.destroy(error as Error))
    .finally(ended);
  return reply;
}
