import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { connect, createServer as createTcpServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Authority, hasOpenssl } from '../../../../tests/support/certificates.ts';
import { readText } from './client.ts';
import { httpClientSchema } from './schema.ts';
import { ClientStage } from './testing.ts';

const stage = new ClientStage();
const { directory, sockets, listening, serve, echo, clientOf, get, file } = stage;
afterEach(stage.close);
afterAll(stage.remove);

describe('credentials', () => {
  test('of every kind are sent, files are read at each request', async () => {
    const url = `http://127.0.0.1:${await echo()}/x`;
    const basic = (user: string) => `/x Basic ${Buffer.from(user).toString('base64')}`;
    const password = file('password', 'first\n');
    const client = clientOf({ basic_auth: { username: 'u', password_file: password } });
    expect(await get(client, url)).toBe(basic('u:first'));
    writeFileSync(password, 'second');
    expect(await get(client, url)).toBe(basic('u:second'));
    expect(await get(clientOf({ authorization: { type: ' Token ', credentials: 'c' } }), url)).toBe('/x Token c');
    expect(await get(clientOf({ bearer_token: 'b' }), url)).toBe('/x Bearer b');
    expect(await get(clientOf({}), url.replace('//', '//me:p%20w@'))).toBe(basic('me:p w'));
    const missing = clientOf({ bearer_token_file: '/does/not/exist' });
    await expect(get(missing, url)).rejects.toThrow(
      `Get "${url}": unable to read authorization credentials: unable to read file /does/not/exist: open /does/not/exist: no such file or directory`,
    );
  });

  test('and headers of the configuration stay at the host', async () => {
    const seen: IncomingMessage['headers'][] = [];
    const other = await serve((request, response) => {
      seen.push(request.headers);
      response.end('there');
    });
    const port = await serve((request, response) => {
      seen.push(request.headers);
      response.writeHead(302, { location: `http://localhost:${other}/` }).end();
    });
    const headers = {
      'X-One': { values: ['1'], secrets: ['2'], files: [file('header', '3\n')] },
      Cookie: { values: ['c'] },
    };
    const client = clientOf({ bearer_token: 'secret', http_headers: headers });
    expect(await get(client, `http://127.0.0.1:${port}/`)).toBe('there');
    expect(seen.map(({ authorization, cookie, 'x-one': one }) => [authorization, cookie, one])).toEqual([
      ['Bearer secret', 'c', '1, 2, 3'],
      [undefined, undefined, '1, 2, 3'],
    ]);
  });

  test('a token is fetched once, and again where its secret has changed', async () => {
    const forms: string[] = [];
    const tokens = await serve((request, response) => {
      request.on('data', (chunk: Buffer) => {
        forms.push(`${request.headers.authorization ?? '-'} ${chunk}`);
        if (request.headers.authorization) response.writeHead(401).end('no header');
        else
          response
            .writeHead(200, { 'content-type': 'application/json' })
            .end(JSON.stringify({ access_token: `t${forms.length}`, token_type: 'bearer', expires_in: 3600 }));
      });
    });
    const url = `http://127.0.0.1:${await echo()}/x`;
    const secret = file('client-secret', 's1');
    const oauth2 = {
      client_id: 'id',
      client_secret_file: secret,
      token_url: `http://127.0.0.1:${tokens}/token`,
      scopes: ['a', 'b'],
      endpoint_params: { audience: 'x y' },
    };
    const client = clientOf({ oauth2 });
    expect(await get(client, url)).toBe('/x Bearer t2');
    expect(await get(client, url)).toBe('/x Bearer t2');
    writeFileSync(secret, 's2');
    expect(await get(client, url)).toBe('/x Bearer t3');
    const form = 'audience=x+y&grant_type=client_credentials&scope=a+b';
    expect(forms).toEqual([
      `Basic ${Buffer.from('id:s1').toString('base64')} ${form}`,
      `- ${form}&client_id=id&client_secret=s1`,
      `- ${form}&client_id=id&client_secret=s2`,
    ]);
    const refused = await serve((_request, response) => response.writeHead(403).end('never'));
    const lost = clientOf({ oauth2: { ...oauth2, token_url: `http://127.0.0.1:${refused}/` } });
    await expect(get(lost, url)).rejects.toThrow(
      `Get "${url}": oauth2: cannot fetch token: 403 Forbidden\nResponse: never`,
    );
  });
});

describe('requests', () => {
  test('follow redirects as Go does', async () => {
    const port = await serve((request, response) => {
      if (request.url === '/') response.writeHead(302, { location: 'next' }).end();
      else if (request.url === '/keep') response.writeHead(307, { location: '/next' }).end();
      else if (request.url === '/loop') response.writeHead(302, { location: '/loop' }).end();
      else request.on('data', () => {}).on('end', () => response.end(request.method));
    });
    const url = `http://127.0.0.1:${port}`;
    const client = clientOf({});
    expect(await readText(await client.request(`${url}/`, { method: 'POST', body: 'x' }))).toBe('GET');
    expect(await readText(await client.request(`${url}/keep`, { method: 'POST', body: 'x' }))).toBe('POST');
    await expect(client.request(`${url}/loop`)).rejects.toThrow(`Get "${url}/loop": stopped after 10 redirects`);
    const stays = await clientOf({ follow_redirects: false }).request(`${url}/`);
    expect(stays.status).toBe(302);
    stays.body.destroy();
  });

  test('say what went wrong in the words of Go', async () => {
    const port = await listening(createTcpServer((socket) => socket.on('data', () => socket.destroy())));
    const silent = await listening(createTcpServer(() => {}));
    const get = (url: string, ms = 5000) => clientOf({}).request(url, { signal: AbortSignal.timeout(ms) });
    await expect(get('http://127.0.0.1:1/')).rejects.toThrow(
      'Get "http://127.0.0.1:1/": dial tcp 127.0.0.1:1: connect: connection refused',
    );
    await expect(get(`http://127.0.0.1:${port}/`)).rejects.toThrow(`Get "http://127.0.0.1:${port}/": EOF`);
    await expect(get(`http://u:p@127.0.0.1:${silent}/`, 50)).rejects.toThrow(
      `Get "http://u:***@127.0.0.1:${silent}/": context deadline exceeded`,
    );
    await expect(get('ftp://127.0.0.1/')).rejects.toThrow(/^Get "ftp:/);
  });

  test('go through a proxy, but those to this machine where no_proxy is given', async () => {
    const asked: string[] = [];
    const proxy = await serve((request, response) => {
      asked.push(`${request.url} ${request.headers.host} ${request.headers['proxy-authorization']}`);
      response.end('by proxy');
    });
    const proxy_url = `http://a:b@127.0.0.1:${proxy}`;
    expect(await get(clientOf({ proxy_url }), 'http://nowhere.example/x?y=1')).toBe('by proxy');
    expect(asked).toEqual(['http://nowhere.example/x?y=1 nowhere.example Basic YTpi']);
    const direct = await echo();
    const client = clientOf({ proxy_url, no_proxy: '.example.org,10.0.0.0/8' });
    expect(await get(client, `http://127.0.0.1:${direct}/x`)).toBe('/x undefined');
    for (const [url, proxied] of [
      ['http://a.example.org/', false],
      ['http://example.org/', true],
      ['http://10.2.3.4/', false],
      ['http://11.2.3.4/', true],
    ] as const) {
      expect([url, client.proxyFor(new URL(url)) !== null]).toEqual([url, proxied]);
    }
  });

  test('go through a SOCKS proxy', async () => {
    const target = await echo();
    const proxy = await listening(
      createTcpServer((socket) => {
        socket.once('data', () => {
          socket.write(Buffer.from([5, 0]));
          socket.once('data', (request: Buffer) => {
            const name = request.subarray(5, 5 + request[4]).toString();
            const server = connect(target, name);
            sockets.add(server);
            socket.write(Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]));
            server.pipe(socket).pipe(server);
          });
        });
      }),
    );
    const client = clientOf({ proxy_url: `socks5://127.0.0.1:${proxy}` });
    expect(await get(client, `http://localhost:${target}/x`)).toBe('/x undefined');
  });
});

describe.skipIf(!hasOpenssl)('TLS (needs openssl)', () => {
  let authority: Authority;
  let other: Authority;
  let server: { readonly certFile: string; readonly keyFile: string };
  beforeAll(() => {
    authority = new Authority(directory, 'ca');
    other = new Authority(directory, 'other');
    server = authority.sign('server', 'DNS:localhost,DNS:monitor.example');
  });

  async function serveTls(mutual = false): Promise<number> {
    const options = { cert: readFileSync(server.certFile), key: readFileSync(server.keyFile) };
    const client = mutual ? { requestCert: true, ca: readFileSync(authority.certFile) } : {};
    return listening(createHttpsServer({ ...options, ...client }, (_request, response) => response.end('secret')));
  }

  test('trusts what ca_file says, and reads it again', async () => {
    const url = `https://localhost:${await serveTls()}/`;
    const ca = join(directory, 'trusted.pem');
    copyFileSync(other.certFile, ca);
    const client = clientOf({ tls_config: { ca_file: ca } });
    const failed = `Get "${url}": tls: failed to verify certificate: x509: certificate signed by unknown authority`;
    await expect(get(client, url)).rejects.toThrow(failed);
    copyFileSync(authority.certFile, ca);
    expect(await get(client, url)).toBe('secret');
    writeFileSync(ca, 'nothing');
    await expect(get(client, url)).rejects.toThrow(`Get "${url}": unable to use specified CA cert file ${ca}`);
  });

  test('checks names as server_name and insecure_skip_verify say', async () => {
    const port = await serveTls();
    const ca_file = authority.certFile;
    const byAddress = `https://127.0.0.1:${port}/`;
    await expect(get(clientOf({ tls_config: { ca_file } }), byAddress)).rejects.toThrow(
      "x509: cannot validate certificate for 127.0.0.1 because it doesn't contain any IP SANs",
    );
    expect(await get(clientOf({ tls_config: { ca_file, server_name: 'monitor.example' } }), byAddress)).toBe('secret');
    expect(await get(clientOf({ tls_config: { insecure_skip_verify: true } }), byAddress)).toBe('secret');
    await expect(
      get(clientOf({ tls_config: { ca_file, server_name: 'elsewhere' } }), `https://localhost:${port}/`),
    ).rejects.toThrow('x509: certificate is valid for localhost, monitor.example, not elsewhere');
    const plain = await echo();
    await expect(get(clientOf({}), `https://localhost:${plain}/`)).rejects.toThrow(
      'tls: first record does not look like a TLS handshake',
    );
  });

  test('shows a certificate of its own, also through the tunnel of a proxy', async () => {
    const port = await serveTls(true);
    const mine = authority.sign('client', 'DNS:me');
    const tls_config = {
      ca_file: authority.certFile,
      cert_file: mine.certFile,
      key: readFileSync(mine.keyFile, 'utf8'),
    };
    const asked: string[] = [];
    const proxy = createServer();
    proxy.on('connect', (request, socket: Socket, head: Buffer) => {
      asked.push(`${request.url} ${request.headers['x-team']}`);
      const tunnel = connect(port, '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        tunnel.write(head);
        tunnel.pipe(socket).pipe(tunnel);
      });
      sockets.add(tunnel);
      sockets.add(socket);
    });
    const proxy_url = `http://127.0.0.1:${await listening(proxy)}`;
    const client = clientOf({ tls_config, proxy_url, proxy_connect_header: { 'X-Team': ['ours'] } });
    expect(await get(client, `https://localhost:${port}/`)).toBe('secret');
    expect(asked).toEqual([`localhost:${port} ours`]);
    const without = clientOf({ tls_config: { ca_file: authority.certFile } });
    await expect(get(without, `https://localhost:${port}/`)).rejects.toThrow(/Get "https/);
  });
});

test.each([
  [{ bearer_token: 'a', bearer_token_file: 'b' }, 'at most one of bearer_token & bearer_token_file must be configured'],
  [
    { basic_auth: {}, bearer_token: 'a' },
    'at most one of basic_auth, oauth2, bearer_token & bearer_token_file must be configured',
  ],
  [{ basic_auth: {}, authorization: {} }, 'at most one of basic_auth, oauth2 & authorization must be configured'],
  [{ authorization: { type: 'Basic' } }, 'authorization type cannot be set to "basic", use "basic_auth" instead'],
  [{ oauth2: { client_id: 'x' } }, 'oauth2 token_url must be configured'],
  [{ no_proxy: 'x' }, 'if no_proxy is configured, proxy_url must also be configured'],
  [{ http_headers: { 'content-type': { values: ['x'] } } }, 'setting header "Content-Type" is not allowed'],
  [{ tls_config: { min_version: 'TLS14' } }, 'unknown TLS version: TLS14'],
  [
    { tls_config: { cert: 'x' } },
    'exactly one of key or key_file must be configured when a client certificate is configured',
  ],
])('%j is refused', (config, message) => {
  const { error } = httpClientSchema.safeParse(config);
  expect(error?.issues.map((issue) => issue.message)).toEqual([message]);
});
