import { createVerify, generateKeyPairSync } from 'node:crypto';
import { promises as dns } from 'node:dns';
import { readFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { connect, type Socket } from 'node:net';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import { Authority, hasOpenssl } from '../../../../tests/support/certificates.ts';
import { proxyFunction } from './proxy.ts';
import { ClientStage } from './testing.ts';

const stage = new ClientStage();
const { listening, serve, echo, clientOf, get } = stage;
afterEach(stage.close);
afterAll(stage.remove);

describe('proxy_from_environment', () => {
  const environment = {
    http_proxy: 'plain.example:3128',
    HTTPS_PROXY: 'https://secure.example',
    no_proxy: 'inside.example,10.0.0.0/8',
  };
  const proxyFor = proxyFunction({ proxy_from_environment: true }, environment);
  test.each([
    ['http://a.example/', 'http://plain.example:3128/'],
    ['https://a.example/', 'https://secure.example/'],
    ['http://x.inside.example/', undefined],
    ['https://10.1.2.3/', undefined],
    ['http://localhost:9090/', undefined],
  ])('%s goes through %s', (url, proxy) => {
    expect(proxyFor(new URL(url))?.href).toBe(proxy);
  });

  test('a client asks the proxy that the environment names when it is made', async () => {
    const proxy = await serve((request, response) => response.end(`by proxy: ${request.url}`));
    vi.stubEnv('HTTP_PROXY', `http://127.0.0.1:${proxy}`);
    const client = clientOf({ proxy_from_environment: true });
    vi.unstubAllEnvs();
    expect(await get(client, 'http://nowhere.example/x')).toBe('by proxy: http://nowhere.example/x');
  });
});

describe.skipIf(!hasOpenssl)('a proxy by https (needs openssl)', () => {
  test('is trusted as tls_config says, and passes on http and https', async () => {
    const authority = new Authority(stage.directory, 'ca');
    const pair = authority.sign('proxy', 'DNS:localhost,IP:127.0.0.1');
    const keys = { cert: readFileSync(pair.certFile), key: readFileSync(pair.keyFile) };
    const target = await listening(createHttpsServer(keys, (_request, response) => response.end('secret')));
    const listener: RequestListener = (request, response) => response.end(`by proxy: ${request.url}`);
    const proxy = createHttpsServer(keys, listener);
    proxy.on('connect', (_request, socket: Socket, head: Buffer) => {
      const tunnel = connect(target, '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        tunnel.write(head);
        tunnel.pipe(socket).pipe(tunnel);
      });
      stage.sockets.add(tunnel);
      tunnel.on('error', () => {});
      socket.on('error', () => {});
    });
    const proxy_url = `https://localhost:${await listening(proxy)}`;
    const trusting = clientOf({ proxy_url, tls_config: { ca_file: authority.certFile } });
    expect(await get(trusting, 'http://nowhere.example/x')).toBe('by proxy: http://nowhere.example/x');
    expect(await get(trusting, `https://localhost:${target}/`)).toBe('secret');
    await expect(get(clientOf({ proxy_url }), 'http://nowhere.example/x')).rejects.toThrow(
      'x509: certificate signed by unknown authority',
    );
  });
});

test('round_robin_dns: each connection goes to any one of the addresses of a name', async () => {
  const asked = new Set<string>();
  const server = createServer((request, response) => {
    asked.add(request.socket.localAddress ?? '');
    response.end('here');
  });
  const port = await listening(server, '0.0.0.0');
  const addresses = ['127.0.0.1', '127.0.0.2'].map((address) => ({ address, family: 4 }));
  const lookup = vi.spyOn(dns, 'lookup').mockResolvedValue(addresses as never);
  try {
    for (let i = 0; i < 40; i++) {
      expect(await get(clientOf({}, true), `http://receiver.example:${port}/`)).toBe('here');
    }
  } finally {
    lookup.mockRestore();
  }
  expect([...asked].sort()).toEqual(['127.0.0.1', '127.0.0.2']);
});

test('OAuth 2 by a JWT: the assertion is signed, and its token is sent', async () => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const forms: URLSearchParams[] = [];
  const tokens = await serve((request, response) => {
    request.on('data', (chunk: Buffer) => {
      forms.push(new URLSearchParams(chunk.toString()));
      const answer = { access_token: 'granted', token_type: 'bearer', expires_in: 3600 };
      response.setHeader('content-type', 'application/json').end(JSON.stringify(answer));
    });
  });
  const grant = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
  const token_url = `http://127.0.0.1:${tokens}/token`;
  const client = clientOf({
    oauth2: {
      grant_type: grant,
      client_id: 'monitor',
      client_certificate_key_id: 'key-1',
      client_certificate_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
      signature_algorithm: 'RS512',
      iss: 'issuer',
      audience: 'everyone',
      claims: { team: 'x' },
      scopes: ['a', 'b'],
      token_url,
    },
  });
  expect(await get(client, `http://127.0.0.1:${await echo()}/x`)).toBe('/x Bearer granted');
  const [form] = forms;
  expect([...form.keys()].sort()).toEqual(['assertion', 'grant_type']);
  expect(form.get('grant_type')).toBe(grant);
  const [head, claims, signature] = (form.get('assertion') ?? '').split('.');
  const parse = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>;
  expect(parse(head)).toEqual({ alg: 'RS512', typ: 'JWT', kid: 'key-1' });
  const { iat, exp, ...others } = parse(claims);
  expect(others).toEqual({ team: 'x', iss: 'issuer', sub: 'monitor', aud: 'everyone', scope: 'a b' });
  expect(Number(exp) - Number(iat)).toBe(3600);
  const verifier = createVerify('RSA-SHA512').update(`${head}.${claims}`);
  expect(verifier.verify(publicKey, Buffer.from(signature, 'base64url'))).toBe(true);
});
