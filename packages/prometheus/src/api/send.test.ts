import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { connect, constants } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { JsonWriter, recycle } from './json-writer.ts';
import { piecesAnswer, sendAnswer } from './send.ts';

let app: FastifyInstance;
let url = '';
/** Pieces that were made since the test began. */
let made = 0;

/** Many chunks of points, all with the value of the request. */
function* points(value: number, count: number): Generator<Buffer> {
  const writer = new JsonWriter();
  writer.raw('[');
  for (let i = 0; i < count; i++) {
    if (i > 0) writer.raw(',');
    writer.point(i, value);
    for (const piece of writer.takeFull()) {
      made++;
      yield piece;
    }
  }
  writer.raw(']');
  yield* writer.takeRest();
}

function servePoints(server: FastifyInstance): void {
  server.get('/points/:value/:count', (request, reply) => {
    const { value, count } = request.params as { readonly value: string; readonly count: string };
    sendAnswer(request, reply, piecesAnswer(points(Number(value), Number(count))));
  });
}

beforeEach(async () => {
  made = 0;
  app = fastify({ forceCloseConnections: true });
  servePoints(app);
  await app.listen({ host: '127.0.0.1', port: 0 });
  url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
});

afterEach(() => app.close());

async function response(path: string, headers = {}): Promise<IncomingMessage> {
  const [answer] = await once(get(url + path, { headers }), 'response');
  return answer as IncomingMessage;
}

/** How many points came, after all were looked at. */
async function countOf(answer: IncomingMessage, value: number, pauseMs = 0): Promise<number> {
  const parts: Buffer[] = [];
  for await (const part of answer) {
    parts.push(part as Buffer);
    if (pauseMs > 0 && parts.length % 10 === 0) await sleep(pauseMs);
  }
  const list = JSON.parse(Buffer.concat(parts).toString()) as [number, string][];
  for (const [i, [time, text]] of list.entries()) {
    if (time !== i / 1000 || text !== String(value)) throw new Error(`point ${i} is ${time} ${text}`);
  }
  return list.length;
}

test.each([
  [1, {}],
  [9000, {}],
  [40_000, {}],
  [40_000, { 'accept-encoding': 'identity' }],
])('%d points arrive, with their length where they are few', async (count, headers) => {
  const answer = await response(`/points/7.25/${count}`, headers);
  expect(answer.headers['content-type']).toBe('application/json');
  expect(answer.headers['content-length'] === undefined).toBe(count === 40_000);
  expect(await countOf(answer, 7.25)).toBe(count);
});

test('answers that are sent at the same time, fast and slowly, do not see the memory of each other', async () => {
  const values = [1, 22.5, 333.25, 4096, 0.015625];
  const counts = await Promise.all(
    values.map(async (value, i) => countOf(await response(`/points/${value}/200000`), value, i % 2)),
  );
  expect(counts).toEqual(values.map(() => 200_000));
});

test('nothing more is made for a client that went away', async () => {
  const answer = await response('/points/1/100000000');
  answer.destroy();
  await once(answer, 'close');
  await expect
    .poll(async () => {
      const before = made;
      await sleep(50);
      return made - before;
    })
    .toBe(0);
  expect(made).toBeLessThan(5000);
});

test('HTTP/2: all arrives, and nothing more is made for a client that went away', async () => {
  const server = fastify({ http2: true }) as unknown as FastifyInstance;
  servePoints(server);
  await server.listen({ host: '127.0.0.1', port: 0 });
  const session = connect(`http://127.0.0.1:${(server.server.address() as AddressInfo).port}`);
  try {
    const whole = session.request({ ':path': '/points/7.25/200000' });
    const parts: Buffer[] = [];
    for await (const part of whole) parts.push(part as Buffer);
    expect((JSON.parse(Buffer.concat(parts).toString()) as unknown[]).length).toBe(200_000);
    const left = session.request({ ':path': '/points/1/100000000' });
    await once(left, 'data');
    left.close(constants.NGHTTP2_CANCEL); // as browsers do
    await once(left, 'close');
    await expect
      .poll(async () => {
        const before = made;
        await sleep(50);
        return made - before;
      })
      .toBe(0);
  } finally {
    await new Promise<void>((resolve) => session.close(resolve));
    await server.close();
  }
});

test('memory that is not of a writer is never written into, nor any twice', () => {
  const foreign = [4096, 65_536].map((bytes) => Buffer.alloc(bytes));
  const made = [...points(1, 10_000)];
  for (const piece of [...foreign, ...made, ...made]) recycle(piece);
  const [first, second] = [points(2, 20_000), points(3, 20_000)].map((pieces) => [...pieces].slice(0, 4));
  expect(foreign.every((buffer) => buffer.every((byte) => byte === 0))).toBe(true);
  const memory = new Set([...first, ...second].map(({ buffer }) => buffer));
  expect(memory.size).toBe(first.length + second.length);
});
