import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { silentLogger } from '@avalanche/model';
import { type RunningPrometheus, startPrometheus } from '@avalanche/prometheus';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { hasBoth, startTheirs } from '../support/both-prometheus.ts';
import { freePort } from '../support/services.ts';

/** How long the receiver is away. The sender is started again in the middle of it. */
const OUTAGE_MS = process.env.REMOTE_OUTAGE_MINUTES ? Number(process.env.REMOTE_OUTAGE_MINUTES) * 60_000 : 20_000;
const SERIES = 50;
const hasVictoria = spawnSync('victoria-metrics', ['-version']).status === 0;

interface Program {
  readonly url: string;
  readonly process: ChildProcess;
}

let directory: string;
let target: Server;
let receiverPort: number;
let receiver: RunningPrometheus;
let sender: RunningPrometheus;
let theirReceiver: Program | undefined;
let theirSender: Program | undefined;
let victoria: Program | undefined;
let startedAt: number;
/** The target's address. */
let instance: string;

function folder(name: string, config: object): string {
  const path = join(directory, name);
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, 'prometheus.yml'), JSON.stringify(config));
  return path;
}

/** Each scrape sees other values, so that no sample can stand for another. */
async function startTarget(): Promise<string> {
  let scrapes = 0;
  target = createServer((_request, response) => {
    scrapes++;
    const lines = Array.from({ length: SERIES }, (_, i) => `app_total{i="${i}"} ${scrapes * SERIES + i}\n`);
    response.setHeader('content-type', 'text/plain; version=0.0.4');
    response.end(`# HELP app_total Things.\n# TYPE app_total counter\n${lines.join('')}app_nan NaN\n`);
  });
  await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve));
  return `127.0.0.1:${(target.address() as AddressInfo).port}`;
}

function startOurs(path: string, port: number): Promise<RunningPrometheus> {
  return startPrometheus({
    configFile: join(path, 'prometheus.yml'),
    directory: join(path, 'data'),
    listen: { host: '127.0.0.1', port },
    logger: silentLogger,
    version: '3.14.0',
    remoteWrite: { receiver: true },
  });
}

async function startVictoria(): Promise<Program> {
  const port = await freePort();
  const flags = [`-storageDataPath=${join(directory, 'victoria')}`, `-httpListenAddr=127.0.0.1:${port}`];
  const child = spawn('victoria-metrics', flags, { stdio: 'ignore' });
  const url = `http://127.0.0.1:${port}`;
  for (let i = 0; (await fetch(`${url}/health`).catch(() => null))?.status !== 200; i++) {
    if (i > 200) throw new Error('VictoriaMetrics does not start');
    await sleep(50);
  }
  return { url, process: child };
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'remote-write-'));
  instance = await startTarget();
  const scraping = (from: string) => ({
    global: { scrape_interval: '250ms', scrape_timeout: '250ms', external_labels: { from } },
    scrape_configs: [{ job_name: 'app', static_configs: [{ targets: [instance] }] }],
  });
  receiverPort = await freePort();
  const receiverUrl = `http://127.0.0.1:${receiverPort}/api/v1/write`;
  receiver = await startOurs(folder('receiver', {}), receiverPort);
  if (hasBoth) {
    theirReceiver = await startTheirs(folder('their-receiver', {}), ['--web.enable-remote-write-receiver']);
    const config = { ...scraping('theirs'), remote_write: [{ url: receiverUrl }] };
    theirSender = await startTheirs(folder('their-sender', config), []);
  }
  if (hasVictoria) victoria = await startVictoria();
  startedAt = Date.now();
  const message = 'io.prometheus.write.v2.Request';
  const config = {
    ...scraping('ours'),
    remote_write: [
      { url: receiverUrl, name: 'ours', protobuf_message: message },
      ...(theirReceiver ? [{ url: `${theirReceiver.url}/api/v1/write`, name: 'theirs' }] : []),
      ...(victoria ? [{ url: `${victoria.url}/api/v1/write`, name: 'victoria' }] : []),
    ],
  };
  sender = await startOurs(folder('sender', config), 0);
});

afterAll(async () => {
  for (const program of [theirReceiver, theirSender, victoria]) {
    if (!program) continue;
    const ended = new Promise((resolve) => program.process.once('exit', resolve));
    program.process.kill();
    await ended;
  }
  await sender.stop();
  await receiver.stop();
  await new Promise((resolve) => target.close(resolve));
  rmSync(directory, { recursive: true });
});

type Samples = Record<string, (readonly [time: number, value: string])[]>;

/** The samples of the application before `end`, seconds, by series. */
async function samplesOf(url: string, from: string | undefined, end: number): Promise<Samples> {
  const selector = from ? `{__name__=~"app_.*",from="${from}"}` : '{__name__=~"app_.*"}';
  const query = new URLSearchParams({ query: `${selector}[1h]`, time: String(end) });
  const answer = (await (await fetch(`${url}/api/v1/query?${query}`)).json()) as {
    readonly data: { readonly result: { readonly metric: Record<string, string>; readonly values: Samples[string] }[] };
  };
  return Object.fromEntries(
    answer.data.result.map(({ metric, values }) => [`${metric.__name__} ${metric.i} ${metric.instance}`, values]),
  );
}

/** What VictoriaMetrics exports. A NaN is no sample for it, a staleness marker is one that a query does not show. */
async function exportedSamples(url: string, end: number): Promise<Samples> {
  await fetch(`${url}/internal/force_flush`);
  const query = new URLSearchParams({ 'match[]': '{__name__=~"app_.*"}', end: String(end) });
  const lines = (await (await fetch(`${url}/api/v1/export?${query}`)).text()).trim().split('\n');
  type Line = { metric: Record<string, string>; values: (number | null)[]; timestamps: number[] };
  const series = lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Line);
  return Object.fromEntries(
    series.map(({ metric, values, timestamps }) => [
      `${metric.__name__} ${metric.i} ${metric.instance}`,
      timestamps.map((time, i) => [time / 1000, String(values[i])] as const).filter(([, value]) => value !== 'null'),
    ]),
  );
}

function countOf(samples: Samples): number {
  return Object.values(samples).reduce((sum, values) => sum + values.length, 0);
}

/** Waits until `received` is `sent`, sample by sample. @returns how many there are */
async function expectSame(sent: () => Promise<Samples>, received: () => Promise<Samples>): Promise<number> {
  for (let i = 0; i < 100 && countOf(await received()) < countOf(await sent()); i++) await sleep(200);
  const expected = await sent();
  expect(await received()).toEqual(expected);
  return countOf(expected);
}

test('the first batch comes within five seconds of the first scrape', async () => {
  while (countOf(await samplesOf(receiver.url, 'ours', Date.now() / 1000)) === 0) {
    expect(Date.now() - startedAt).toBeLessThan(5000);
    await sleep(50);
  }
});

test(
  'an outage of the receiver with a restart of the sender in it loses nothing',
  async () => {
    await sleep(2000);
    await receiver.stop();
    await sleep(OUTAGE_MS / 2);
    const stopBegin = Date.now();
    await sender.stop();
    expect(Date.now() - stopBegin).toBeLessThan(5000);
    sender = await startOurs(join(directory, 'sender'), 0);
    await sleep(OUTAGE_MS / 2);
    receiver = await startOurs(join(directory, 'receiver'), receiverPort);
    const end = Date.now() / 1000;
    const count = await expectSame(
      () => samplesOf(sender.url, undefined, end),
      () => samplesOf(receiver.url, 'ours', end),
    );
    expect(count).toBeGreaterThan(SERIES * (OUTAGE_MS / 1000) * 2);
  },
  OUTAGE_MS + 60_000,
);

test.skipIf(!hasBoth)('we send to the real Prometheus, which has the same samples', async () => {
  const end = Date.now() / 1000;
  await expectSame(
    () => samplesOf(sender.url, undefined, end),
    () => samplesOf(theirReceiver?.url ?? '', 'ours', end),
  );
});

test.skipIf(!hasBoth)(
  'the real Prometheus sends to us, through the outage too',
  async () => {
    const end = Date.now() / 1000;
    await expectSame(
      () => samplesOf(theirSender?.url ?? '', undefined, end),
      () => samplesOf(receiver.url, 'theirs', end),
    );
  },
  60_000,
);

test.skipIf(!hasVictoria)('we send to VictoriaMetrics, which has the same samples', async () => {
  const end = Date.now() / 1000;
  const numbers = async () => {
    const { [`app_nan undefined ${instance}`]: _, ...others } = await samplesOf(sender.url, undefined, end);
    return others;
  };
  await expectSame(numbers, () => exportedSamples(victoria?.url ?? '', end));
});
