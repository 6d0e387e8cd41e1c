import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http2 from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { gunzipSync, inflateSync } from 'node:zlib';
import { silentLogger } from '@avalanche/model';
import { hashSync } from 'bcryptjs';
import type { FastifyInstance } from 'fastify';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Authority, hasOpenssl } from '../../../../tests/support/certificates.ts';
import { HttpClient, readText } from '../client/client.ts';
import { httpClientSchema } from '../client/schema.ts';
import { compressAnswers } from '../compress.ts';
import { createServer, listen, listenAlso, type WebOptions } from '../server.ts';
import { UserCheck } from './users.ts';
import { checkWebConfig, WebConfig } from './web-config.ts';

const directory = mkdtempSync(join(tmpdir(), 'avalanche-web-config-'));
const apps: FastifyInstance[] = [];
afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()));
});
afterAll(() => rmSync(directory, { recursive: true }));

function file(name: string, text: string): string {
  writeFileSync(join(directory, name), text);
  return join(directory, name);
}

const LOCAL = { host: '127.0.0.1', port: 0 };

async function serve(options: WebOptions) {
  const app = createServer({}, options);
  apps.push(app);
  compressAnswers(app);
  app.get('/', () => 'root');
  app.get('/endless', (_request, reply) => {
    reply.hijack().raw.writeHead(200).write('begun');
  });
  app.get('/long', () => 'long '.repeat(1000));
  const { url } = await listen(app, 'test', LOCAL);
  return { app, url };
}

async function get(url: string, config: object = {}): Promise<string> {
  const client = new HttpClient(httpClientSchema.parse(config));
  try {
    const response = await client.request(url, { signal: AbortSignal.timeout(5000) });
    return `${response.status} ${await readText(response)}`;
  } finally {
    client.close();
  }
}

describe('users and headers', () => {
  const users = (name: string) => `basic_auth_users: {${name}: "${hashSync('secret', 4)}"}\n`;
  const as = (username: string, password: string) => ({ basic_auth: { username, password } });

  test('are asked of every path, and the file is read again at each request', async () => {
    const path = file('users.yml', users('me'));
    const { url } = await serve({ config: new WebConfig(path, silentLogger) });
    expect(await get(url)).toBe('401 Unauthorized\n');
    expect(await get(`${url}/nowhere`)).toBe('401 Unauthorized\n');
    expect(await get(url, as('me', 'secret'))).toBe('200 root');
    expect(await get(url, as('me', 'wrong'))).toBe('401 Unauthorized\n');
    expect(await get(url, as('you', 'secret'))).toBe('401 Unauthorized\n');
    writeFileSync(path, `${users('you')}http_server_config: {headers: {X-Frame-Options: deny}}`);
    expect(await get(url, as('me', 'secret'))).toBe('401 Unauthorized\n');
    expect(await get(url, as('you', 'secret'))).toBe('200 root');
    const response = await fetch(url);
    expect([response.headers.get('x-frame-options'), response.headers.get('www-authenticate')]).toEqual([
      'deny',
      'Basic',
    ]);
    writeFileSync(path, 'nonsense: 1');
    expect(await get(url, as('you', 'secret'))).toBe('500 Internal Server Error\n');
  });

  test('cost the same time whether the name is known or not', async () => {
    const check = new UserCheck();
    const users = { me: hashSync('secret', 10) };
    const time = async (credentials: string) => {
      const began = performance.now();
      const header = `Basic ${Buffer.from(credentials).toString('base64')}`;
      return { right: await check.accepts(header, users), ms: performance.now() - began };
    };
    await time('me:warm-up');
    const known = await time('me:wrong');
    const unknown = await time('you:wrong');
    const again = await time('you:wrong');
    expect([known.right, unknown.right, again.right]).toEqual([false, false, false]);
    expect(unknown.ms).toBeGreaterThan(known.ms / 4);
    expect(again.ms).toBeLessThan(known.ms / 4);
  });

  test.each([
    ['basic_auth_users: {me: secret}', 'crypto/bcrypt: hashedSecret too short to be a bcrypted password'],
    ['http_server_config: {headers: {X-Other: a}}', 'HTTP header "X-Other" can not be configured'],
    [
      'http_server_config: {headers: {X-Frame-Options: no}}',
      'invalid value for X-Frame-Options. Expected one of: ["deny" "sameorigin"], but got: "no"',
    ],
    ['tls_server_config: {cert_file: a}', 'missing one of key or key_file'],
    ['tls_server_config: {cert_file: a, key_file: b}', 'failed to read cert_file'],
    ['tls_server_config: {cipher_suites: [TLS_NEW]}', 'unknown cipher: TLS_NEW'],
    ['tls_server_config: {curve_preferences: [P]}', 'unknown curve: P'],
    ['tls_server_config: {min_version: TLS9}', 'unknown TLS version: TLS9'],
    ['other: 1', 'other: unknown key'],
  ])('%s is refused', (text, message) => {
    expect(() => checkWebConfig(file('bad.yml', text))).toThrow(message);
  });
});

describe('answers', () => {
  test('are compressed as the client asks', async () => {
    const { app } = await serve({});
    const ask = async (encoding: string, method: 'GET' | 'HEAD' = 'GET') => {
      const { headers, rawPayload } = await app.inject({
        method,
        url: '/long',
        headers: { 'accept-encoding': encoding },
      });
      return { encoding: headers['content-encoding'], bytes: rawPayload };
    };
    const gzip = await ask('br;q=1, gzip');
    expect([gzip.encoding, gunzipSync(gzip.bytes).length]).toEqual(['gzip', 5000]);
    const deflate = await ask('gzip;q=0, deflate');
    expect([deflate.encoding, inflateSync(deflate.bytes).length]).toEqual(['deflate', 5000]);
    expect((await ask('identity')).encoding).toBeUndefined();
    expect((await ask('gzip', 'HEAD')).encoding).toBeUndefined();
  });

  test('stand below the prefix, and / leads there', async () => {
    const { app, url } = await serve({ routePrefix: '/monitor/' });
    expect(await get(`${url}/monitor/`)).toBe('200 root');
    expect(await get(`${url}/monitor`)).toBe('200 root');
    expect(await get(`${url}/monitors`)).toBe('404 404 page not found\n');
    expect((await app.inject('/')).headers.location).toBe('/monitor');
  });

  test('come on every address, until the server is closed', async () => {
    const { app } = await serve({});
    const more = await listenAlso(app, 'test', LOCAL);
    expect(await get(more.url)).toBe('200 root');
    await app.close();
    await expect(get(more.url)).rejects.toThrow('connection refused');
  });
});

describe.skipIf(!hasOpenssl)('TLS (needs openssl)', () => {
  let authority: Authority;
  beforeAll(() => {
    authority = new Authority(directory, 'ca');
  });

  /** A configuration file with a certificate for `localhost`. */
  function config(more = ''): { readonly path: string; readonly certFile: string; readonly keyFile: string } {
    const { certFile, keyFile } = authority.sign('server', 'DNS:localhost');
    const path = file('tls.yml', `tls_server_config: {cert_file: ca-server.pem, key_file: ca-server-key.pem${more}}`);
    return { path, certFile, keyFile };
  }

  const atLocalhost = (url: string) => url.replace('127.0.0.1', 'localhost');
  const tls = (more: object = {}) => ({ tls_config: { ca_file: authority.certFile, ...more } });

  test('certificates are read again for each connection', async () => {
    const { path, certFile, keyFile } = config();
    const { url } = await serve({ config: new WebConfig(path, silentLogger) });
    expect(await get(atLocalhost(url), tls())).toBe('200 root');
    const other = authority.sign('elsewhere', 'DNS:elsewhere');
    copyFileSync(other.certFile, certFile);
    copyFileSync(other.keyFile, keyFile);
    await expect(get(atLocalhost(url), tls())).rejects.toThrow(
      'x509: certificate is valid for elsewhere, not localhost',
    );
  });

  test('a certificate that is replaced before anybody has connected holds', async () => {
    const { path, certFile, keyFile } = config();
    const { url } = await serve({ config: new WebConfig(path, silentLogger) });
    const other = authority.sign('early', 'DNS:elsewhere');
    copyFileSync(other.certFile, certFile);
    copyFileSync(other.keyFile, keyFile);
    await expect(get(atLocalhost(url), tls())).rejects.toThrow('certificate is valid for elsewhere');
  });

  test('while the certificate cannot be read, the one from before is shown', async () => {
    const { path, certFile } = config();
    const { url } = await serve({ config: new WebConfig(path, silentLogger) });
    writeFileSync(certFile, 'no certificate');
    expect(await get(atLocalhost(url), tls())).toBe('200 root');
  });

  test.each([
    ['', 'h2'],
    ['http_server_config: {http2: false}', 'http/1.1'],
  ])('HTTP/2 is spoken unless it is switched off: %j', async (more, protocol) => {
    const { path } = config();
    writeFileSync(path, `${readFileSync(path, 'utf8')}\n${more}`);
    const { app, url } = await serve({ config: new WebConfig(path, silentLogger), readTimeoutMs: 60_000 });
    expect(await get(atLocalhost(url), tls())).toBe('200 root');
    const ca = readFileSync(authority.certFile);
    const socket = connect({
      port: Number(new URL(url).port),
      host: 'localhost',
      ca,
      ALPNProtocols: ['h2', 'http/1.1'],
    });
    await once(socket, 'secureConnect');
    expect(socket.alpnProtocol).toBe(protocol);
    if (protocol === 'h2') {
      const session = http2.connect(atLocalhost(url), { createConnection: () => socket });
      session.on('error', () => {}); // it is cut off when the server ends
      const ask = (path: string) => session.request({ ':path': path }).on('error', () => {});
      const stream = ask('/');
      const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders & { ':status': number }];
      expect([headers[':status'], (await stream.toArray()).join('')]).toEqual([200, 'root']);
      const [begun] = (await once(ask('/endless'), 'data')) as [Buffer];
      expect(begun.toString()).toBe('begun');
      expect(
        ((await once(ask(`/?q=${'a'.repeat(60_000)}`), 'response')) as [{ ':status': number }])[0][':status'],
      ).toBe(200);
    }
    const closed = once(socket.resume(), 'close');
    await apps.splice(apps.indexOf(app), 1)[0].close();
    await closed;
  });

  test('clients show certificates where they must', async () => {
    const { path } = config(
      ', client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem, client_allowed_sans: [me]',
    );
    const { url } = await serve({ config: new WebConfig(path, silentLogger) });
    const pair = (name: string) => {
      const { certFile, keyFile } = authority.sign(name, `DNS:${name}`);
      return tls({ cert_file: certFile, key: readFileSync(keyFile, 'utf8') });
    };
    expect(await get(atLocalhost(url), pair('me'))).toBe('200 root');
    await expect(get(atLocalhost(url), pair('other'))).rejects.toThrow();
    await expect(get(atLocalhost(url), tls())).rejects.toThrow();
  });
});
