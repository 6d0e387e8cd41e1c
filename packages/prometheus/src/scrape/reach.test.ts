import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ScrapeStage } from './testing.ts';

let stage: ScrapeStage;
let directory = '';
const servers: Server[] = [];

beforeEach(async () => {
  stage = await ScrapeStage.open();
  directory = mkdtempSync(join(tmpdir(), 'scrape-reach-'));
});
afterEach(async () => {
  await stage.end();
  for (const server of servers) server.closeAllConnections();
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
  rmSync(directory, { recursive: true });
});

async function serve(listener: RequestListener, path?: string): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => {
    if (path) server.listen(path, resolve);
    else server.listen(0, '127.0.0.1', resolve);
  });
  return path ?? `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const exposing = (asked: string[], name: string): RequestListener => {
  return (request, response) => {
    asked.push(`${name} ${request.url} ${request.headers.authorization ?? '-'}`);
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end('a 1\n');
  };
};

test('a target behind a proxy is asked for by its whole address, with the credentials of both', async () => {
  const asked: string[] = [];
  const proxy = await serve((request, response) => {
    asked.push(String(request.headers['proxy-authorization']));
    exposing(asked, String(request.headers.host))(request, response);
  });
  const job = { proxy_url: `http://u:p@${proxy}`, basic_auth: { username: 'x', password: 'y' } };
  await stage.apply(job, ['far.example:8080']);
  await stage.scrape();
  await stage.scrape();
  expect(stage.loops[0]).toMatchObject({ health: 'up', lastError: '' });
  const expected = [`Basic ${btoa('u:p')}`, `far.example:8080 http://far.example:8080/metrics Basic ${btoa('x:y')}`];
  expect(asked).toEqual([...expected, ...expected]);
});

test('a proxy that is away is the reason why the target is down', async () => {
  await stage.apply({ proxy_url: 'http://127.0.0.1:1' }, ['far.example:8080']);
  await stage.scrape();
  expect(stage.loops[0].lastError).toContain('127.0.0.1:1: connect: connection refused');
});

test('a target that wants OAuth 2 gets the token, fetched once; a token server that refuses is the reason', async () => {
  let refuses = false;
  let tokens = 0;
  const server = await serve((request, response) => {
    request.resume();
    if (refuses) return void response.writeHead(400).end('no such client');
    tokens++;
    const token = { access_token: `t${tokens}`, token_type: 'bearer', expires_in: 3600 };
    response.setHeader('content-type', 'application/json').end(JSON.stringify(token));
  });
  const asked: string[] = [];
  const target = await serve(exposing(asked, 'target'));
  const oauth2 = { client_id: 'id', client_secret: 's', token_url: `http://${server}/token` };
  await stage.apply({ oauth2 }, [target]);
  await stage.scrape();
  await stage.scrape();
  expect(asked).toEqual(['target /metrics Bearer t1', 'target /metrics Bearer t1']);
  refuses = true;
  await stage.apply({ oauth2: { ...oauth2, client_secret: 'other' } }, [target]);
  await stage.scrape();
  expect(stage.loops[0].lastError).toContain('oauth2: cannot fetch token: 400 Bad Request\nResponse: no such client');
});

test('a target whose socket alone changes is asked at the other socket', async () => {
  const asked: string[] = [];
  const [one, two] = ['one', 'two'].map((name) => join(directory, name));
  await serve(exposing(asked, 'one'), one);
  await serve(exposing(asked, 'two'), two);
  const relabel = (path: string) => ({ relabel_configs: [{ target_label: '__unix_socket__', replacement: path }] });
  await stage.apply(relabel(one), ['named.example']);
  await stage.scrape();
  await stage.apply(relabel(two), ['named.example']);
  await stage.scrape();
  expect(asked.map((line) => line.split(' ')[0])).toEqual(['one', 'two']);
});
