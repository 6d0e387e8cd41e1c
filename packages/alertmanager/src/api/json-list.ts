import { Readable } from 'node:stream';
import { textPieces } from '@avalanche/model';
import type { FastifyReply } from 'fastify';

/**
 * Answers with a JSON array, whose items are given as texts, perhaps of many. It is made in turns of the event loop as
 * the client takes it: there may be tens of thousands of alerts.
 */
export async function sendList(reply: FastifyReply, items: Iterable<string>): Promise<FastifyReply> {
  const pieces = textPieces(items);
  const begin: string[] = [];
  for (let i = 0; i < 2; i++) {
    const { value } = await pieces.next();
    if (typeof value === 'string') begin.push(value);
  }
  reply.type('application/json');
  return begin.length === 1 ? reply.send(begin[0]) : reply.send(Readable.from(following(begin, pieces)));
}

/** The texts of a list, with brackets around and commas between them. */
export function* listed<Item>(items: Iterable<Item>, textsOf: (item: Item) => Iterable<string>): Generator<string> {
  let before = '[';
  for (const item of items) {
    yield before;
    yield* textsOf(item);
    before = ',';
  }
  yield before === '[' ? '[]' : ']';
}

async function* following(begin: readonly string[], rest: AsyncIterable<string>): AsyncGenerator<string> {
  yield* begin;
  yield* rest;
}
