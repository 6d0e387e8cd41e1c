import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, expect, test } from 'vitest';
import { HttpClient, requestHead } from './http-client.ts';

const servers: Server[] = [];
const sockets = new Set<Socket>();
const clients: HttpClient[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  for (const socket of sockets) socket.destroy();
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
});

async function clientOf(server: Server): Promise<HttpClient> {
  servers.push(server);
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = new HttpClient({ host: '127.0.0.1', port: (server.address() as AddressInfo).port });
  clients.push(client);
  return client;
}

/** A server that hands each request, as it came, and the number of its connection to `answer`. */
function rawServer(answer: (socket: Socket, connection: number, request: string) => void): Server {
  let connections = 0;
  return createServer((socket) => {
    const connection = ++connections;
    socket.on('data', (bytes) => answer(socket, connection, bytes.toString('latin1')));
  });
}

async function get(client: HttpClient, headers: readonly string[] = ['host', 'x']): Promise<string> {
  let out = '';
  await client.get(() => requestHead('/metrics', headers), {
    head: ({ status }) => status === 200,
    body: (bytes, start, end) => {
      out += bytes.toString('latin1', start, end);
    },
  });
  return out;
}

const answered = (body: string, more = '') => `HTTP/1.1 200 OK\r\n${more}Content-Length: ${body.length}\r\n\r\n${body}`;

test("Node's own server is understood, with lengths, chunks and a body of megabytes, over one connection", async () => {
  const big = 'x'.repeat(3_000_000);
  const ports = new Set<number | undefined>();
  let turn = 0;
  const server = createHttpServer((request, response) => {
    ports.add(request.socket.remotePort);
    turn++;
    if (turn === 1) response.setHeader('content-length', 5).end('hello');
    else if (turn === 2) {
      response.write('in ');
      setImmediate(() => response.end('chunks'));
    } else response.end(big);
  });
  const client = await clientOf(server);
  expect([await get(client), await get(client)]).toEqual(['hello', 'in chunks']);
  expect((await get(client)).length).toBe(big.length);
  expect(ports.size).toBe(1);
});

test('the request is what the headers say, and no header can become two', async () => {
  let seen = '';
  const client = await clientOf(
    rawServer((socket, _connection, request) => {
      seen = request;
      socket.write(answered('ok'));
    }),
  );
  await get(client, ['host', 'h:1', 'authorization', 'Bearer x']);
  expect(seen).toBe('GET /metrics HTTP/1.1\r\nhost: h:1\r\nauthorization: Bearer x\r\n\r\n');
  await expect(get(client, ['authorization', 'Bearer x\nhost: y'])).rejects.toThrow(
    'invalid value of the header authorization',
  );
});

test('a kept connection that the server closes is replaced, whether that is known before the request or not', async () => {
  const client = await clientOf(
    rawServer((socket, connection, request) => {
      // The first connection answers once and then closes at the next request, unanswered.
      if (connection === 1 && request.includes('again')) socket.destroy();
      else if (connection === 2) socket.end(answered('2'));
      else socket.write(answered(String(connection)));
    }),
  );
  expect(await get(client)).toBe('1');
  expect(await get(client, ['again', 'x'])).toBe('2');
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(await get(client)).toBe('3');
});

test('a first connection that is closed without an answer is an error, not tried again', async () => {
  let requests = 0;
  const client = await clientOf(
    rawServer((socket) => {
      requests++;
      socket.destroy();
    }),
  );
  await expect(get(client)).rejects.toThrow(/socket hang up|ECONNRESET/);
  expect(requests).toBe(1);
});

test('an answer cut off is an error, and the next request has a connection of its own', async () => {
  const client = await clientOf(
    rawServer((socket, connection) => {
      if (connection === 1) socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf');
      else socket.write(answered('whole'));
    }),
  );
  await expect(get(client)).rejects.toThrow('aborted');
  expect(await get(client)).toBe('whole');
});

test('what comes unasked, or after an answer, ends the connection', async () => {
  const client = await clientOf(
    rawServer((socket, connection) => {
      if (connection === 1) {
        socket.write(answered('1'));
        setTimeout(() => socket.write(answered('unasked')), 5);
      } else if (connection === 2) socket.write(answered('2') + answered('more'));
      else socket.write(answered('3'));
    }),
  );
  expect(await get(client)).toBe('1');
  await new Promise((resolve) => setTimeout(resolve, 30));
  await expect(get(client)).rejects.toThrow('the answer goes on after its end');
  expect(await get(client)).toBe('3');
});

test('a request under way can be given up', async () => {
  const client = await clientOf(
    rawServer((socket, connection) => void (connection > 1 && socket.write(answered('2')))),
  );
  const pending = get(client);
  setTimeout(() => client.abort(new Error('too slow')), 10);
  await expect(pending).rejects.toThrow('too slow');
  expect(await get(client)).toBe('2');
});

test('what the sink throws ends the request', async () => {
  const client = await clientOf(rawServer((socket) => socket.write(answered('x'.repeat(100)))));
  const sink = {
    head: () => true,
    body: () => {
      throw new Error('too large');
    },
  };
  await expect(client.get(() => requestHead('/', []), sink)).rejects.toThrow('too large');
});

test('nobody there is the error of the socket', async () => {
  const server = rawServer(() => {});
  const client = await clientOf(server);
  await new Promise((resolve) => server.close(resolve));
  servers.pop();
  await expect(get(client)).rejects.toThrow('ECONNREFUSED');
});

test('broken servers give an answer or an error at once', async () => {
  let seed = 11;
  const next = (below: number) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  const client = await clientOf(
    rawServer((socket) => {
      const bytes = Buffer.from(answered('hello', 'Content-Type: text/plain\r\n'), 'latin1');
      for (let changes = next(3); changes > 0; changes--) bytes[next(bytes.length)] = next(256);
      socket.end(next(10) === 0 ? gzipSync(bytes) : bytes.subarray(0, 1 + next(bytes.length + 10)));
    }),
  );
  let good = 0;
  for (let round = 0; round < 300; round++) {
    await get(client).then(
      () => good++,
      (error: unknown) => expect(error).toBeInstanceOf(Error),
    );
  }
  expect(good).toBeGreaterThan(10);
});
