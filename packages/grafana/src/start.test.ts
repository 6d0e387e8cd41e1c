import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@avalanche/model';
import type { RunningRole } from '@avalanche/web';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { targetOf } from './proxy.ts';
import { startGrafana } from './start.ts';

let directory = '';
let upstream: Server;
let grafana: RunningRole;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'grafana-'));
  for (const name of [
    'config/provisioning/datasources',
    'config/provisioning/dashboards',
    'config/dashboards',
    'ui/assets',
  ]) {
    mkdirSync(join(directory, name), { recursive: true });
  }
  upstream = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      response.writeHead(request.url === '/bad' ? 400 : 200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ method: request.method, url: request.url, body }));
    });
  });
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  const write = (name: string, text: string) => writeFileSync(join(directory, name), text);
  write(
    'config/provisioning/datasources/all.yml',
    'apiVersion: 1\ndatasources:\n  - {name: Prometheus, uid: prometheus, type: prometheus, url: $PROMETHEUS_URL, isDefault: true}\n',
  );
  write(
    'config/provisioning/dashboards/all.yml',
    'apiVersion: 1\nproviders:\n  - {name: shipped, folder: Avalanche, options: {path: "${DASHBOARDS_PATH}"}}\n',
  );
  write(
    'config/dashboards/system.json',
    JSON.stringify({ uid: 'system', title: 'System Overview', tags: ['avalanche'], odd: 1 }),
  );
  write('config/dashboards/broken.json', '{');
  write('ui/index.html', '<!doctype html><title>ui</title>');
  await start();
});

afterEach(async () => {
  await grafana.stop();
  upstream.closeAllConnections();
  await new Promise((resolve) => upstream.close(resolve));
  rmSync(directory, { recursive: true });
});

async function start(host = '127.0.0.1', environment: Record<string, string> = {}): Promise<void> {
  grafana = await startGrafana({
    configDirectory: join(directory, 'config'),
    directory: join(directory, 'data'),
    listen: { host, port: 0 },
    logger: silentLogger,
    version: 'test',
    uiDirectory: join(directory, 'ui'),
    environment: { PROMETHEUS_URL: `http://127.0.0.1:${(upstream.address() as AddressInfo).port}/`, ...environment },
  });
}

async function call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(grafana.url + path, {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    redirect: 'manual',
  });
  const text = await response.text();
  const json = (text.startsWith('{') || text.startsWith('[') ? JSON.parse(text) : text) as Record<string, unknown>;
  return { status: response.status, json, cookie: response.headers.get('set-cookie')?.split(';')[0] ?? '' };
}

const basic = { authorization: `Basic ${Buffer.from('admin:admin').toString('base64')}` };

test('login by cookie, and out again', async () => {
  expect((await call('GET', '/api/user')).status).toBe(401);
  expect((await call('POST', '/login', { user: 'admin', password: 'nope' })).status).toBe(401);
  const { status, cookie } = await call('POST', '/login', { user: 'admin', password: 'admin' });
  expect(status).toBe(200);
  const user = await call('GET', '/api/user', undefined, { cookie });
  expect(user.json).toMatchObject({ login: 'admin', usesDefaultPassword: true });
  await call('GET', '/logout', undefined, { cookie });
  expect((await call('GET', '/api/user', undefined, { cookie })).status).toBe(401);
});

test('a new password is kept over a restart, and other sessions end', async () => {
  const first = await call('POST', '/login', { user: 'admin', password: 'admin' });
  const second = await call('POST', '/login', { user: 'admin', password: 'admin' });
  const change = { oldPassword: 'admin', newPassword: 'glacier' };
  expect((await call('PUT', '/api/user/password', change, { cookie: first.cookie })).status).toBe(200);
  expect((await call('GET', '/api/user', undefined, { cookie: first.cookie })).json.usesDefaultPassword).toBe(false);
  expect((await call('GET', '/api/user', undefined, { cookie: second.cookie })).status).toBe(401);
  await grafana.stop();
  await start();
  expect((await call('POST', '/login', { user: 'admin', password: 'admin' })).status).toBe(401);
  expect((await call('POST', '/login', { user: 'admin', password: 'glacier' })).status).toBe(200);
});

test('wrong passwords lock the login for a while', async () => {
  for (let i = 0; i < 5; i++) await call('POST', '/login', { user: 'admin', password: 'x' });
  expect((await call('POST', '/login', { user: 'admin', password: 'admin' })).status).toBe(429);
});

test('guesses sent at once are no more than five, and good requests sent at once all go through', async () => {
  const good = await Promise.all(Array.from({ length: 12 }, () => call('GET', '/api/user', undefined, basic)));
  expect(good.map(({ status }) => status)).toEqual(Array(12).fill(200));
  const guesses = ['a', 'b', 'c', 'd', 'e', 'f', 'admin'];
  const answers = await Promise.all(guesses.map((password) => call('POST', '/login', { user: 'admin', password })));
  expect(answers.map(({ status }) => status)).not.toContain(200);
});

test('the default password opens nothing but loopback', async () => {
  await grafana.stop();
  await start('0.0.0.0');
  expect((await call('POST', '/login', { user: 'admin', password: 'admin' })).status).toBe(401);
  expect((await call('GET', '/api/search', undefined, basic)).status).toBe(401);
  await grafana.stop();
  await start('0.0.0.0', { GF_SECURITY_ADMIN_PASSWORD: 'glacier' });
  expect((await call('POST', '/login', { user: 'admin', password: 'glacier' })).status).toBe(200);
});

test('dashboards: found, read whole, saved, guarded', async () => {
  const search = await call('GET', '/api/search?query=over&tag=avalanche', undefined, basic);
  expect(search.json).toMatchObject([{ uid: 'system', url: '/d/system/system-overview', folderTitle: 'Avalanche' }]);
  const { json } = await call('GET', '/api/dashboards/uid/system', undefined, basic);
  expect(json).toMatchObject({ dashboard: { odd: 1 }, meta: { provisioned: true, canSave: false } });
  const save = (dashboard: object) => call('POST', '/api/dashboards/db', { dashboard }, basic);
  expect((await save({ uid: 'system', title: 'x' })).status).toBe(400);
  expect((await save({ title: 'Mine', panels: [] })).json).toMatchObject({ uid: 'mine', version: 1 });
  expect((await save({ uid: 'mine', title: 'Mine', version: 0 })).status).toBe(412);
  expect((await save({ uid: '../x', title: 'Mine' })).status).toBe(400);
  expect((await call('DELETE', '/api/dashboards/uid/mine', undefined, basic)).status).toBe(200);
  expect((await call('GET', '/api/dashboards/uid/mine', undefined, basic)).status).toBe(404);
});

test('the proxy passes requests on, for users only, and not for other sites', async () => {
  const path = '/api/datasources/proxy/uid/prometheus/api/v1/query?query=up';
  expect((await call('GET', path)).status).toBe(401);
  expect((await call('GET', path, undefined, basic)).json).toMatchObject({
    method: 'GET',
    url: '/api/v1/query?query=up',
  });
  const odd = '/api/datasources/proxy/uid/prometheus/api/v1/label/a%2Fb%23c%3F/values';
  expect((await call('GET', odd, undefined, basic)).json).toMatchObject({ url: '/api/v1/label/a%2Fb%23c%3F/values' });
  expect((await call('POST', path, { a: 1 }, basic)).json).toMatchObject({ method: 'POST', body: '{"a":1}' });
  expect((await call('GET', '/api/datasources/proxy/uid/prometheus/bad', undefined, basic)).status).toBe(400);
  expect((await call('GET', '/api/datasources/proxy/uid/none/x', undefined, basic)).status).toBe(404);
  const { cookie } = await call('POST', '/login', { user: 'admin', password: 'admin' });
  expect((await call('POST', path, {}, { cookie, origin: 'http://evil.example' })).status).toBe(401);
  expect((await call('POST', path, {}, { cookie, origin: grafana.url })).status).toBe(200);
});

test('pages are the UI, unknown API paths are not', async () => {
  expect((await call('GET', '/d/system/x')).json).toContain('<title>ui</title>');
  expect((await call('GET', '/api/nope')).status).toBe(404);
  expect((await call('GET', '/ui/boot.json')).json).toMatchObject({
    door: 'grafana',
    prometheusUrl: '/api/datasources/proxy/uid/prometheus',
    alertmanagerUrl: null,
    runsUrl: null,
  });
});

test('runs are asked of the pushgateway role, which is no datasource', async () => {
  await grafana.stop();
  await start('127.0.0.1', { PUSHGATEWAY_URL: `http://127.0.0.1:${(upstream.address() as AddressInfo).port}/` });
  const { runsUrl } = (await call('GET', '/ui/boot.json')).json as { readonly runsUrl: string };
  expect((await call('GET', `${runsUrl}/api/v1/runs?limit=1`)).status).toBe(401);
  expect((await call('GET', `${runsUrl}/api/v1/runs?limit=1`, undefined, basic)).json).toMatchObject({
    url: '/api/v1/runs?limit=1',
  });
  expect((await call('GET', '/api/datasources', undefined, basic)).json).toHaveLength(1);
});

test.each([
  ['/api/v1/query?query=a%2Fb', 'http://h:9090/prom/api/v1/query?query=a%2Fb'],
  ['/../-/quit', null],
  ['/%2e%2e/-/quit', null],
  ['/a/../b', 'http://h:9090/prom/b'],
  ['//evil.example/x', 'http://h:9090/prom//evil.example/x'],
])('a proxied path %s is %s behind a base path', (path, expected) => {
  expect(targetOf({ url: 'http://h:9090/prom' }, `/api/datasources/proxy/uid/p${path}`)).toBe(expected);
});
