import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Labels, silentLogger } from '@avalanche/model';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { LoadedConfig } from '../config/load.ts';
import { configSchema } from '../config/schema.ts';
import type { RuleAlert } from '../rules/alerting.ts';
import { Notifier } from './notifier.ts';
import type { SendOptions } from './send-loop.ts';

interface Received {
  readonly url: string;
  readonly authorization: string;
  readonly names: string[];
  readonly alerts: { labels: Record<string, string>; startsAt: string; endsAt: string; generatorURL: string }[];
}

/** An Alertmanager's door: what it takes is written down. */
class Receiver {
  status = 200;
  requests: Received[] = [];
  /** Answers that wait, while `holds`. */
  holds = false;
  private held: ServerResponse[] = [];
  private readonly server: Server;

  constructor() {
    this.server = createServer((request, response) => {
      let text = '';
      request.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      request.on('end', () => {
        const alerts = JSON.parse(text) as Received['alerts'];
        const names = alerts.map(({ labels }) => labels.alertname);
        const { url = '', headers } = request;
        this.requests.push({ url, authorization: headers.authorization ?? '', names, alerts });
        if (this.holds) this.held.push(response);
        else response.writeHead(this.status).end('{}');
      });
    });
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
  }

  get address(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  get url(): string {
    return `http://${this.address}/api/v2/alerts`;
  }

  release(): void {
    this.holds = false;
    for (const response of this.held.splice(0)) response.writeHead(this.status).end('{}');
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  async got(count: number): Promise<Received[]> {
    await until(() => this.requests.length >= count);
    return this.requests;
  }
}

async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; !(await isTrue()); i++) {
    if (i > 400) throw new Error('it did not happen');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

let first: Receiver;
let second: Receiver;
let registry: Registry;
let notifier: Notifier;

beforeEach(async () => {
  first = new Receiver();
  second = new Receiver();
  await Promise.all([first.listen(), second.listen()]);
  make();
});
afterEach(async () => {
  for (const receiver of [first, second]) receiver.release();
  await notifier.stop();
  await Promise.all([first.close(), second.close()]);
});

function make(sending: Partial<SendOptions> = {}): void {
  registry = new Registry();
  notifier = new Notifier({ logger: silentLogger, registry, resolvePath: (path) => path, sending });
}

function apply(alertmanagers: readonly object[], more: object = {}, global: object = {}): void {
  const config = configSchema.parse({ global, alerting: { alertmanagers, ...more } });
  notifier.apply({ config } as LoadedConfig);
}

const at = (receiver: Receiver, more: object = {}) => ({ static_configs: [{ targets: [receiver.address] }], ...more });

function send(...names: string[]): void {
  const alerts = names.map(
    (name): RuleAlert => ({
      labels: Labels.from({ alertname: name }),
      annotations: {},
      state: 'firing',
      value: 1,
      activeAt: 1,
      firedAt: 1000,
      resolvedAt: name.startsWith('resolved') ? 5000 : 0,
      lastSentAt: 0,
      keepFiringSince: 0,
    }),
  );
  notifier.send(alerts, 9000, 'http://p/graph');
}

async function value(name: string, receiver: Receiver): Promise<number | undefined> {
  const metric = await registry.getSingleMetric(`prometheus_notifications_${name}`)?.get();
  return metric?.values.find(({ labels }) => labels.alertmanager === receiver.url)?.value;
}

test('alerts go to the prefix, with the credentials of the configuration', async () => {
  apply([at(first, { path_prefix: 'am/', basic_auth: { username: 'u', password: 'p' } })]);
  send('A', 'resolved B');
  const [request] = await first.got(1);
  expect(request).toMatchObject({ url: '/am/api/v2/alerts', authorization: `Basic ${btoa('u:p')}` });
  expect(request.alerts).toEqual([
    {
      labels: { alertname: 'A' },
      annotations: {},
      startsAt: '1970-01-01T00:00:01.000Z',
      endsAt: '1970-01-01T00:00:09.000Z',
      generatorURL: 'http://p/graph',
    },
    expect.objectContaining({ endsAt: '1970-01-01T00:00:05.000Z' }),
  ]);
});

test('labels are added and changed for all, then for each', async () => {
  const drop = { source_labels: ['alertname'], regex: 'Secret', action: 'drop' };
  apply(
    [at(first, { alert_relabel_configs: [drop] }), at(second)],
    { alert_relabel_configs: [{ regex: 'replica', action: 'labeldrop' }] },
    { external_labels: { site: 'lab', replica: 'a', alertname: 'not taken' } },
  );
  send('A', 'Secret');
  expect((await first.got(1))[0].alerts.map(({ labels }) => labels)).toEqual([{ alertname: 'A', site: 'lab' }]);
  expect((await second.got(1))[0].names).toEqual(['A', 'Secret']);
});

test('one that is dead or slow keeps no other waiting', async () => {
  first.holds = true;
  apply([at(first), at(second)]);
  send('A');
  await first.got(1);
  send('B');
  expect((await second.got(2)).map(({ names }) => names)).toEqual([['A'], ['B']]);
  expect(await value('queue_length', first)).toBe(1);
  first.status = 503;
  first.release();
  expect((await first.got(2))[1].names).toEqual(['B']);
  await until(async () => (await value('errors_total', first)) === 2);
  expect([await value('dropped_total', first), await value('sent_total', first)]).toEqual([2, 0]);
  expect([await value('dropped_total', second), await value('sent_total', second)]).toEqual([0, 2]);
});

test('batches are as large as the flag says, and of too many the oldest go', async () => {
  make({ capacity: 5, batchSize: 2 });
  first.holds = true;
  apply([at(first)]);
  send('a', 'b');
  await first.got(1);
  send('c', 'd', 'e', 'f', 'g', 'h', 'i');
  expect(await value('dropped_total', first)).toBe(2);
  first.release();
  expect((await first.got(4)).map(({ names }) => names)).toEqual([['a', 'b'], ['e', 'f'], ['g', 'h'], ['i']]);
});

test.each([
  [true, [['A'], ['B', 'C']]],
  [false, [['A']]],
])('at the end the queue is drained: %s', async (drainOnShutdown, expected) => {
  make({ drainOnShutdown });
  first.holds = true;
  apply([at(first)]);
  send('A');
  await first.got(1);
  send('B', 'C');
  const stopped = notifier.stop();
  send('too late');
  first.release();
  await stopped;
  expect(first.requests.map(({ names }) => names)).toEqual(expected);
  expect(await registry.metrics()).not.toContain(first.url);
});

test('a reload keeps the queue of what it does not change', async () => {
  first.holds = true;
  apply([at(first), at(second, { timeout: '1s' })]);
  send('A');
  await Promise.all([first.got(1), second.got(1)]);
  send('B');
  apply([at(second, { timeout: '2s' }), at(first)]);
  expect(await value('queue_length', first)).toBe(1);
  first.release();
  expect((await first.got(2))[1].names).toEqual(['B']);
});

test('a reload that changes the way there sends what waits, and what is counted of an address goes on', async () => {
  first.holds = true;
  apply([at(first)]);
  send('A');
  await first.got(1);
  send('B');
  apply([at(first, { timeout: '3s' })]);
  first.release();
  await until(async () => (await value('sent_total', first)) === 2);
  send('C');
  await until(async () => (await value('sent_total', first)) === 3);
  expect(first.requests.map(({ names }) => names)).toEqual([['A'], ['B'], ['C']]);
  expect(await value('queue_length', first)).toBe(0);
});

test('the end waits for what a reload has replaced', async () => {
  first.holds = true;
  apply([at(first)]);
  send('A');
  await first.got(1);
  send('B');
  apply([]);
  const stopped = notifier.stop();
  first.release();
  await stopped;
  expect(first.requests.map(({ names }) => names)).toEqual([['A'], ['B']]);
  expect(await registry.metrics()).not.toContain(first.url);
});

test('targets are relabelled, told once, and those of files come and go', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'notifier-'));
  try {
    const file = join(directory, 'am.json');
    const write = (targets: readonly string[]) => {
      writeFileSync(`${file}.new`, JSON.stringify([{ targets }]));
      renameSync(`${file}.new`, file);
    };
    write([first.address, first.address, 'dropped:1', 'bad/host']);
    const relabel_configs = [
      { source_labels: ['__address__'], regex: 'dropped.*', action: 'drop' },
      { target_label: '__alerts_path__', replacement: '/api/v2/alerts' },
    ];
    apply([{ file_sd_configs: [{ files: [file] }], relabel_configs }]);
    expect(notifier.alertmanagers).toEqual([first.url]);
    expect(notifier.droppedAlertmanagers).toEqual(['http://dropped:1/api/v2/alerts']);
    write([second.address]);
    await until(() => notifier.alertmanagers[0] === second.url);
    send('A');
    await second.got(1);
    expect(first.requests).toEqual([]);
  } finally {
    await notifier.stop();
    rmSync(directory, { recursive: true });
  }
});

test('an answer that does not come is given up', async () => {
  first.holds = true;
  apply([at(first, { timeout: '50ms' })]);
  send('A');
  await until(async () => (await value('errors_total', first)) === 1);
});
