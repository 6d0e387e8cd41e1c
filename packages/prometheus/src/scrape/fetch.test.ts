import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { HttpClientConfig } from '@avalanche/web';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type ClientOptions, ScrapeClient } from './fetch.ts';
import { JobClient } from './job-client.ts';

const servers: Server[] = [];
const sockets = new Set<Socket>();
const clients: ScrapeClient[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  for (const socket of sockets) socket.destroy();
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
});

/** @returns the port */
async function listening(server: Server, host = '127.0.0.1'): Promise<number> {
  servers.push(server);
  server.on('connection', (socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return (server.address() as AddressInfo).port;
}

function serve(listener: RequestListener, host?: string): Promise<number> {
  return listening(createServer(listener), host);
}

const noCredentials: HttpClientConfig = {
  tls_config: { insecure_skip_verify: false },
  follow_redirects: true,
  enable_http2: true,
  proxy_from_environment: false,
};

function clientOf(
  url: string,
  { client: config = noCredentials, ...options }: Partial<ClientOptions> & { client?: HttpClientConfig } = {},
): ScrapeClient {
  const client = new ScrapeClient(url, {
    timeoutMs: 5000,
    bodyBytesMax: 0,
    compression: true,
    accept: '*/*',
    job: new JobClient(config),
    ...options,
  });
  clients.push(client);
  return client;
}

async function bodyOf(client: ScrapeClient): Promise<string> {
  const { body } = await client.fetch();
  const text = Buffer.from(body.bytes.subarray(0, body.size)).toString('latin1');
  body.release();
  return text;
}

describe('redirects', () => {
  test('are followed where they are relative with the credentials', async () => {
    const port = await serve((request, response) => {
      if (request.url === '/metrics') response.writeHead(302, { location: '../real?x=1' }).end('not this');
      else response.end(`${request.url} ${request.headers.authorization}`);
    });
    const client = { ...noCredentials, bearer_token: 'secret' };
    expect(await bodyOf(clientOf(`http://127.0.0.1:${port}/metrics`, { client }))).toBe('/real?x=1 Bearer secret');
  });

  test('to another host take no credentials along', async () => {
    let seen: string | undefined = 'nothing';
    const other = await serve((request, response) => {
      seen = request.headers.authorization;
      response.end('ok');
    });
    const port = await serve((_request, response) => {
      response.writeHead(307, { location: `http://localhost:${other}/` }).end();
    });
    const client = { ...noCredentials, basic_auth: { username: 'u', password: 'p' } };
    expect(await bodyOf(clientOf(`http://127.0.0.1:${port}/metrics`, { client }))).toBe('ok');
    expect(seen).toBeUndefined();
  });

  test('end: a loop is an error, and so is one where they are not to be followed', async () => {
    let requests = 0;
    const port = await serve((_request, response) => {
      requests++;
      response.writeHead(302, { location: '/again' }).end();
    });
    const url = `http://127.0.0.1:${port}/`;
    await expect(clientOf(url).fetch()).rejects.toThrow('stopped after 10 redirects');
    expect(requests).toBe(10);
    const client = { ...noCredentials, follow_redirects: false };
    await expect(clientOf(url, { client }).fetch()).rejects.toThrow('server returned HTTP status 302 Found');
  });

  test('to other schemes are refused', async () => {
    const port = await serve((_request, response) => response.writeHead(302, { location: 'file:///etc/passwd' }).end());
    await expect(clientOf(`http://127.0.0.1:${port}/`).fetch()).rejects.toThrow(
      'Get "file:///etc/passwd": unsupported protocol scheme "file"',
    );
  });
});

test('a name with several addresses is asked at the one that answers, an IPv6 address in its brackets', async () => {
  const listener: RequestListener = (request, response) => response.end(request.headers.host);
  const port = await serve(listener);
  expect(await bodyOf(clientOf(`http://localhost:${port}/`))).toBe(`localhost:${port}`);
  const port6 = await serve(listener, '::1').catch(() => undefined);
  if (port6) expect(await bodyOf(clientOf(`http://[::1]:${port6}/`))).toBe(`[::1]:${port6}`);
});

test('a body of one byte less than the limit is taken, one of the limit is not, compressed or plain', async () => {
  const port = await serve((request, response) => {
    const body = Buffer.alloc(Number(request.url?.slice(2)), 120);
    if (request.url?.[1] === 'z') response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(body));
    else response.end(body);
  });
  for (const form of ['p', 'z']) {
    const sizes = [99_999, 100_000, 3_000_000];
    const results = sizes.map(async (size) => {
      const client = clientOf(`http://127.0.0.1:${port}/${form}${size}`, { bodyBytesMax: 100_000 });
      return bodyOf(client).then(
        (body) => body.length,
        (error: Error) => error.message,
      );
    });
    const refused = 'body size limit exceeded';
    expect(await Promise.all(results)).toEqual([99_999, refused, refused]);
  }
});

test('a body that comes too slowly, head or rest, ends at the timeout', async () => {
  const port = await serve((request, { socket }) => {
    const text = request.url === '/head' ? 'HTTP/1.1 200 OK\r\nX: ' : 'HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n';
    socket?.write(text);
    const timer = setInterval(() => socket?.write('x'), 20);
    socket?.on('close', () => clearInterval(timer));
  });
  for (const path of ['head', 'body']) {
    const client = clientOf(`http://127.0.0.1:${port}/${path}`, { timeoutMs: 150 });
    await expect(client.fetch()).rejects.toThrow('context deadline exceeded');
  }
});

test('credential files are read at each request, and one that is missing is the reason', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'scrape-fetch-'));
  try {
    const port = await serve((request, response) => response.end(request.headers.authorization));
    const file = join(directory, 'token');
    const client = clientOf(`http://127.0.0.1:${port}/`, { client: { ...noCredentials, bearer_token_file: file } });
    await expect(client.fetch()).rejects.toThrow(/unable to read .*token/);
    for (const token of ['one', 'two']) {
      writeFileSync(file, `${token}\n`);
      expect(await bodyOf(client)).toBe(`Bearer ${token}`);
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
});

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

describe.skipIf(!hasOpenssl)('https (needs openssl)', () => {
  let directory = '';
  let tls: { key: Buffer; cert: Buffer };

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'scrape-tls-'));
    const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')];
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
    const files = ['-keyout', key, '-out', cert, '-days', '2'];
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    execFileSync('openssl', ['req', '-x509', ...curve, ...files, ...subject], { stdio: 'ignore' });
    tls = { key: readFileSync(key), cert: readFileSync(cert) };
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  test('a certificate that nobody vouches for is refused, and that is said', async () => {
    const port = await listening(createHttpsServer(tls, (_request, response) => response.end('secret')));
    await expect(clientOf(`https://127.0.0.1:${port}/`).fetch()).rejects.toThrow(
      'tls: failed to verify certificate: x509: certificate signed by unknown authority',
    );
  });

  describe('with a certificate that is not looked at', () => {
    const unchecked = { ...noCredentials, tls_config: { insecure_skip_verify: true } };

    test('a redirect to http takes no credentials along', async () => {
      const plain = await serve((request, response) => response.end(String(request.headers.authorization)));
      const port = await listening(
        createHttpsServer(tls, (_request, response) => {
          response.writeHead(302, { location: `http://127.0.0.1:${plain}/` }).end();
        }),
      );
      const client = { ...unchecked, bearer_token: 'secret' };
      expect(await bodyOf(clientOf(`https://127.0.0.1:${port}/`, { client }))).toBe('undefined');
    });

    test('a kept connection that the server closes at the next request is replaced', async () => {
      const seen = new Set<Socket>();
      let requests = 0;
      const server = createHttpsServer(tls, (request, response) => {
        requests++;
        if (seen.has(request.socket)) request.socket.destroy();
        else response.end('ok');
        seen.add(request.socket);
      });
      const client = clientOf(`https://127.0.0.1:${await listening(server)}/`, { client: unchecked });
      expect([await bodyOf(client), await bodyOf(client), await bodyOf(client)]).toEqual(['ok', 'ok', 'ok']);
      expect(requests).toBe(5);
    });
  });
});
