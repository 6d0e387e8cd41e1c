import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Labels, silentLogger } from '@avalanche/model';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { LoadedConfig } from '../config/load.ts';
import { configSchema } from '../config/schema.ts';
import type { RuleAlert } from '../rules/alerting.ts';
import { Notifier } from './notifier.ts';

let server: Server;
let status = 200;
let requests: { url: string; authorization: string; names: string[] }[] = [];
let registry: Registry;
let notifier: Notifier;

beforeEach(async () => {
  status = 200;
  requests = [];
  server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    request.on('end', () => {
      const names = (JSON.parse(text) as { labels: Record<string, string> }[]).map(({ labels }) => labels.alertname);
      requests.push({ url: request.url ?? '', authorization: request.headers.authorization ?? '', names });
      response.writeHead(status).end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  registry = new Registry();
  notifier = new Notifier({ logger: silentLogger, registry, resolvePath: (path) => path });
  const target = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const config = configSchema.parse({
    alerting: {
      alertmanagers: [
        {
          path_prefix: 'am/',
          basic_auth: { username: 'u', password: 'p' },
          static_configs: [{ targets: [target] }],
        },
      ],
    },
  });
  notifier.apply({ config } as LoadedConfig);
});
afterEach(async () => {
  notifier.stop();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

function send(name: string): void {
  const times = { activeAt: 1, firedAt: 1, resolvedAt: 0, lastSentAt: 0, keepFiringSince: 0 };
  const alert: RuleAlert = {
    ...times,
    labels: Labels.from({ alertname: name }),
    annotations: {},
    state: 'firing',
    value: 1,
  };
  notifier.send([alert], Date.now() + 60_000, '');
}

async function sent(count: number): Promise<void> {
  for (let i = 0; requests.length < count; i++) {
    if (i > 200) throw new Error('nothing came');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test('alerts go to the prefix, with the credentials of the configuration', async () => {
  send('A');
  await sent(1);
  expect(requests).toEqual([{ url: '/am/api/v2/alerts', authorization: `Basic ${btoa('u:p')}`, names: ['A'] }]);
});

test('what no Alertmanager takes is counted as dropped, and the next alerts go out', async () => {
  status = 503;
  send('A');
  await sent(1);
  status = 200;
  send('B');
  await sent(2);
  expect(requests[1].names).toEqual(['B']);
  expect(await registry.metrics()).toContain('prometheus_notifications_dropped_total 1');
});
