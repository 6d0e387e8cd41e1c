import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import type { FastifyInstance } from 'fastify';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { compressAnswers } from '../compress.ts';
import { firstPieces, type Pieces } from '../pieces.ts';
import { createServer } from '../server.ts';
import { answerDirectly } from './direct.ts';
import { type DirectAnswer, DirectRoutes, type Served } from './routes.ts';

let app: FastifyInstance;
let port = 0;
let ready = true;
let served: Served[] = [];
/** Those who wait for `/slow`, and whether they have gone. */
let waiting: { readonly answer: () => void; readonly hasGone: () => boolean }[] = [];
let closed = 0;
/** Answers to `/whole`. */
let made = 0;

const PIECE_BYTES = 64 * 1024;
const WHOLE_BYTES = 1 << 20;

function whole(text: string): Pieces {
  return { ready: [Buffer.from(text)], rest: null, recycle: () => {} };
}

function* many(count: number): Generator<Buffer> {
  try {
    for (let i = 0; i < count; i++) yield Buffer.alloc(PIECE_BYTES, 65 + (i % 26));
  } finally {
    closed++;
  }
}

const ok = (body: Pieces): DirectAnswer => ({ status: 200, contentType: 'text/x-direct', body });

beforeEach(async () => {
  ready = true;
  served = [];
  waiting = [];
  closed = 0;
  made = 0;
  app = createServer();
  compressAnswers(app);
  app.get('/*', async (request, reply) => reply.type('text/x-node').send(`node ${request.url}`));
  app.post('/*', async () => 'posted');
  const routes = new DirectRoutes({ isReady: () => ready, served: (one) => served.push(one) });
  routes.add('/hello', async ({ query }) => ok(whole(`hello ${query}`)));
  routes.add('/of/:name/it', async (_request, name, peer) => ok(whole(`${name} ${peer.ip}`)));
  routes.add('/text', async () => ok(whole('é'.repeat(20_000))));
  routes.add('/whole', async () => {
    made++;
    return ok({ ready: [Buffer.alloc(WHOLE_BYTES)], rest: null, recycle: () => {} });
  });
  routes.add('/wrong', async () => ({ ...ok(whole('wrong')), status: 422 }));
  routes.add('/many', async ({ query }) => ok(firstPieces(many(Number(query)), () => {})));
  routes.add('/slow', async (_request, _name, peer) => {
    let gone = false;
    peer.addEventListener('abort', () => {
      gone = true;
    });
    await new Promise<void>((answer) => waiting.push({ answer, hasGone: () => gone && peer.aborted }));
    return ok(whole('slow'));
  });
  answerDirectly(app, routes);
  await app.listen({ host: '127.0.0.1', port: 0 });
  port = (app.server.address() as AddressInfo).port;
});

afterEach(() => app.close());

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** One connection, with what it received and was not looked at. */
class Client {
  private received = Buffer.alloc(0);

  constructor(readonly socket: Socket) {
    socket.on('data', (part) => {
      this.received = Buffer.concat([this.received, part]);
    });
  }

  static async open(): Promise<Client> {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return new Client(socket);
  }

  get(path: string, ...headers: string[]): Promise<Answer> {
    this.socket.write([`GET ${path} HTTP/1.1`, 'host: localhost', ...headers, '', ''].join('\r\n'));
    return this.answer();
  }

  async answer(): Promise<Answer> {
    for (;;) {
      const answer = this.takeAnswer();
      if (answer) return answer;
      await once(this.socket, 'data');
    }
  }

  private takeAnswer(): Answer | null {
    const end = this.received.indexOf('\r\n\r\n');
    if (end < 0) return null;
    const [line, ...lines] = this.received.subarray(0, end).toString('latin1').split('\r\n');
    const headers = Object.fromEntries(
      lines.map((one) => [one.split(':', 1)[0].toLowerCase(), one.replace(/^[^:]*: */, '')]),
    );
    const rest = this.received.subarray(end + 4);
    const body = headers['transfer-encoding'] ? unchunked(rest) : sized(rest, Number(headers['content-length']));
    if (!body) return null;
    this.received = rest.subarray(body.taken);
    return { status: Number(line.split(' ')[1]), headers, body: body.bytes };
  }
}

interface Body {
  readonly bytes: Buffer;
  readonly taken: number;
}

function sized(rest: Buffer, length: number): Body | null {
  return rest.length < length ? null : { bytes: rest.subarray(0, length), taken: length };
}

function unchunked(rest: Buffer): Body | null {
  const parts: Buffer[] = [];
  for (let at = 0; ; ) {
    const lineEnd = rest.indexOf('\r\n', at);
    if (lineEnd < 0) return null;
    const size = Number.parseInt(rest.subarray(at, lineEnd).toString(), 16);
    const next = lineEnd + 2 + size + 2;
    if (next > rest.length) return null;
    if (size === 0) return { bytes: Buffer.concat(parts), taken: next };
    parts.push(rest.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = next;
  }
}

test('an answer has what an answer has', async () => {
  const client = await Client.open();
  const { status, headers, body } = await client.get('/hello?a=b');
  expect([status, `${body}`]).toEqual([200, 'hello a=b']);
  expect(Object.keys(headers).sort()).toEqual(['content-length', 'content-type', 'date', 'vary']);
  expect(headers).toMatchObject({ 'content-length': '9', 'content-type': 'text/x-direct', vary: 'Accept-Encoding' });
  expect(Math.abs(Date.parse(headers.date) - Date.now())).toBeLessThan(5000);
  expect(`${(await client.get('/of/a.b_c-1/it')).body}`).toBe('a.b_c-1 127.0.0.1');
  expect((await client.get('/wrong')).status).toBe(422);
  expect(served.map(({ route, status, bytes }) => [route, status, bytes])).toEqual([
    ['/hello', 200, 9],
    ['/of/:name/it', 200, 17],
    ['/wrong', 422, 5],
  ]);
  expect(served.every(({ seconds }) => seconds >= 0 && seconds < 5)).toBe(true);
});

test.each(['/else', '/hello/', '/of//it', '/of/a%20b/it', '/hel%6co'])(
  '%s is answered by Node, as all after it',
  async (path) => {
    const client = await Client.open();
    expect((await client.get('/hello')).headers['content-type']).toBe('text/x-direct');
    expect(`${(await client.get(path)).body}`).toBe(`node ${path}`);
    expect((await client.get('/hello')).headers['content-type']).toBe('text/x-node');
  },
);

test('a POST on the same connection, and a request that comes in pieces', async () => {
  const client = await Client.open();
  await client.get('/hello');
  client.socket.write('POST /hello HTTP/1.1\r\nhost: a\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nab');
  expect(`${(await client.answer()).body}`).toBe('posted');
  const slow = await Client.open();
  for (const part of ['GE', 'T /hello HTTP/1.1\r\n', 'host: a\r\n\r\n']) {
    slow.socket.write(part);
    await turn();
  }
  expect(`${(await slow.answer()).body}`).toBe('node /hello');
});

test('nothing is answered directly as long as the server is not ready', async () => {
  ready = false;
  const client = await Client.open();
  expect(`${(await client.get('/hello')).body}`).toBe('node /hello');
});

test('requests that do not wait are answered in their order', async () => {
  const client = await Client.open();
  const first = client.get('/slow');
  await expect.poll(() => waiting.length).toBe(1);
  client.socket.write('GET /hello?1 HTTP/1.1\r\nhost: a\r\n\r\n');
  await turn();
  client.socket.write('GET /else HTTP/1.1\r\nhost: a\r\n\r\n');
  waiting[0].answer();
  expect(`${(await first).body}`).toBe('slow');
  // which of the two ways they go depends on whether they came together
  expect(`${(await client.answer()).body}`).toMatch(/^(hello 1|node \/hello\?1)$/);
  expect(`${(await client.answer()).body}`).toBe('node /else');
});

test('what is large enough is compressed for who takes it', async () => {
  const client = await Client.open();
  expect((await client.get('/hello', 'accept-encoding: gzip')).headers['content-encoding']).toBeUndefined();
  const { headers, body } = await client.get('/text', 'accept-encoding: br, gzip;q=0.5');
  expect(headers['content-encoding']).toBe('gzip');
  expect(`${gunzipSync(body)}`).toBe('é'.repeat(20_000));
  expect(`${(await client.get('/text', 'accept-encoding: br')).body}`).toBe('é'.repeat(20_000));
  const pieces = await client.get('/many?9', 'accept-encoding: gzip');
  expect(pieces.headers['content-encoding']).toBe('gzip');
  expect(gunzipSync(pieces.body).length).toBe(9 * PIECE_BYTES);
});

test.each([1, 3, 4, 5, 40])('%d pieces arrive, in chunks where they are many', async (count) => {
  const client = await Client.open();
  const { headers, body } = await client.get(`/many?${count}`);
  expect(headers['transfer-encoding']).toBe(count >= 4 ? 'chunked' : undefined);
  expect(body.equals(Buffer.concat([...many(count)]))).toBe(true);
  expect(`${(await client.get('/hello?after')).body}`).toBe('hello after');
});

test('nothing more is read of who does not read', async () => {
  const client = await Client.open();
  client.socket.pause();
  let asked = 0;
  for (; asked < 100 && made === asked; asked++) {
    client.socket.write('GET /whole HTTP/1.1\r\nhost: a\r\n\r\n');
    for (let waits = 0; waits < 20 && made === asked; waits++) await sleep(10);
  }
  expect(asked).toBeLessThan(100); // both ends of the connection hold a few
  client.socket.resume();
  for (let i = 0; i < asked; i++) expect((await client.answer()).body.length).toBe(WHOLE_BYTES);
});

test('who makes pieces hears that the client has gone', async () => {
  const client = await Client.open();
  client.socket.pause();
  client.socket.write('GET /many?100000 HTTP/1.1\r\nhost: a\r\n\r\n');
  await turn();
  client.socket.destroy();
  await expect.poll(() => closed).toBe(1);
});

test('so does who works on an answer', async () => {
  const client = await Client.open();
  client.socket.write('GET /slow HTTP/1.1\r\nhost: a\r\n\r\n');
  await expect.poll(() => waiting.length).toBe(1);
  expect(waiting[0].hasGone()).toBe(false);
  client.socket.destroy();
  await expect.poll(() => waiting[0].hasGone()).toBe(true);
  waiting[0].answer();
  await turn();
  expect(served).toEqual([]);
});

test('the server ends with connections that are idle, busy, or yet to say anything', async () => {
  const [idle, busy, silent] = [await Client.open(), await Client.open(), await Client.open()];
  await idle.get('/hello');
  busy.socket.write('GET /slow HTTP/1.1\r\nhost: a\r\n\r\n');
  await expect.poll(() => waiting.length).toBe(1);
  const ends = [idle, busy, silent].map(({ socket }) => once(socket, 'close'));
  await app.close();
  await Promise.all(ends);
});

test('a connection that ends its side is ended', async () => {
  const client = await Client.open();
  await client.get('/hello');
  client.socket.end();
  await once(client.socket, 'close');
});
