import { get } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { compressAnswers } from './compress.ts';
import { sendTextPieces } from './send-text-pieces.ts';
import { createServer, listen } from './server.ts';

const PIECE = `${'x'.repeat(64 * 1024 - 1)}\n`;
let made = 0;
let closed = 0;

function* pieces(count: number): Generator<string> {
  try {
    for (let i = 0; i < count; i++) {
      made++;
      yield PIECE;
    }
  } finally {
    closed++;
  }
}

let stop: () => Promise<void> = async () => {};
afterEach(() => stop());

async function serve(count: number): Promise<string> {
  [made, closed] = [0, 0];
  const app = createServer();
  compressAnswers(app);
  app.get('/', (_request, reply) => sendTextPieces(reply.type('text/plain; charset=utf-8'), pieces(count)));
  const { url } = await listen(app, 'test', { host: '127.0.0.1', port: 0 });
  stop = () => app.close();
  return url;
}

test.each([
  [1, `${64 * 1024}`],
  [100, null],
])('%i pieces come whole, compressed or not; a short text has its length', async (count, length) => {
  const url = await serve(count);
  for (const encoding of ['identity', 'gzip']) {
    const response = await fetch(url, { headers: { 'accept-encoding': encoding } });
    if (encoding === 'identity') expect(response.headers.get('content-length')).toBe(length);
    expect(await response.text()).toBe(PIECE.repeat(count));
  }
  expect(closed).toBe(2);
});

test('a client that does not read holds up the making, and one that goes away ends it', async () => {
  const url = await serve(10_000);
  await new Promise<void>((resolve) => {
    const request = get(url, (response) => {
      response.once('readable', async () => {
        // what goes into the buffers of the connection is made, and no more
        for (let before = -1; before !== made; await new Promise((wake) => setTimeout(wake, 50))) before = made;
        expect(made).toBeLessThan(1_000);
        request.destroy();
        resolve();
      });
    });
  });
  await expect.poll(() => closed).toBe(1);
});
