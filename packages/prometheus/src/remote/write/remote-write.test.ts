import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ENTRY_HELP, ENTRY_TYPE } from '@avalanche/exposition';
import { Labels, ProtoReader, silentLogger } from '@avalanche/model';
import { Tsdb } from '@avalanche/tsdb';
import { createLogger } from '@avalanche/web';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { configSchema } from '../../config/schema.ts';
import { FamilyMetadata } from '../../scrape/metadata.ts';
import { METRIC_TYPES, V1, WRITE_V2 } from '../proto/messages.ts';
import { decompressSnappy } from '../proto/snappy.ts';
import { decodeSymbols, decodeV1, decodeV2 } from '../receive/decode.ts';
import { retryAfter } from './client.ts';
import { RemoteWrite } from './remote-write.ts';

interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Everything that came, in one line a sample: `labels time value`. */
let samples: string[] = [];
let exemplars: string[] = [];
let families: string[] = [];
let requests: IncomingHttpHeaders[] = [];
/** Answers to the next requests; then what was written is said to be. */
let answers: Answer[] = [];
/** What is answered where no answer is given; null for 204. */
let always: Answer | null = null;
let server: Server;
let url = '';
let directory = '';
let tsdb: Tsdb;
let remote: RemoteWrite;
let registry: Registry;
const target = new FamilyMetadata();
target.describe(ENTRY_TYPE, 'app', 'counter');
target.describe(ENTRY_HELP, 'app', 'Things.');

beforeEach(async () => {
  samples = [];
  exemplars = [];
  families = [];
  requests = [];
  answers = [];
  always = null;
  directory = mkdtempSync(join(tmpdir(), 'remote-write-'));
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      requests.push(request.headers);
      const { status, headers } = answers.shift() ?? always ?? { status: 204, headers: undefined };
      if (status === 0) return;
      const written = status === 204 ? take(Buffer.concat(chunks), request.headers) : {};
      response.writeHead(status, headers ?? written).end(status === 204 ? undefined : 'why');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/write`;
  await open(directory);
});

afterEach(async () => {
  await close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(directory, { recursive: true });
});

async function open(from: string, logger = silentLogger): Promise<void> {
  tsdb = await Tsdb.open({ directory: from, autoMaintenance: false, maxExemplars: 10, noLockFile: true });
  registry = new Registry();
  const options = { tsdb, registry, logger, version: '3.14.0', flushDeadlineMs: 2000 };
  remote = new RemoteWrite({ ...options, directory: from, metadata: () => [target] });
}

async function close(): Promise<void> {
  await remote.stop();
  await tsdb.close();
}

/** Notes what a request holds. @returns the headers that say so */
function take(body: Buffer, headers: IncomingHttpHeaders): Record<string, string> {
  const bytes = decompressSnappy(body, 1 << 26);
  const isV2 = headers['content-type']?.includes(WRITE_V2) ?? false;
  const { symbols } = isV2 ? decodeSymbols(bytes) : { symbols: [] };
  let count = 0;
  for (const series of isV2 ? decodeV2(bytes) : decodeV1(bytes)) {
    const pairs = isV2 ? series.labelRefs.map((ref) => symbols[ref]) : series.pairs;
    const labels = Labels.fromSortedPairs([...pairs]).toString();
    for (let i = 0; i < series.length; i++) samples.push(`${labels} ${series.times[i] - NOW} ${series.values[i]}`);
    for (const exemplar of series.exemplars) {
      const own = isV2 ? exemplar.labelRefs.map((ref) => symbols[ref]) : exemplar.pairs;
      exemplars.push(`${labels} ${own.join('=')} ${exemplar.time - NOW} ${exemplar.value}`);
    }
    if (isV2) families.push(`${labels} ${METRIC_TYPES[series.metricType]} ${symbols[series.helpRef]}`);
    count += series.length;
  }
  if (!isV2) takeMetadata(bytes);
  return isV2
    ? { 'X-Prometheus-Remote-Write-Samples-Written': String(count), 'X-Prometheus-Remote-Write-Exemplars-Written': '0' }
    : {};
}

function takeMetadata(bytes: Uint8Array): void {
  const reader = new ProtoReader(bytes);
  while (reader.next()) {
    if (reader.field !== V1.request.metadata) {
      reader.skip();
      continue;
    }
    const outer = reader.enter();
    const texts: string[] = [];
    while (reader.next()) texts.push(reader.wire === 0 ? METRIC_TYPES[reader.uint64()] : reader.string());
    reader.leave(outer);
    families.push(texts.join(' '));
  }
}

const NOW = Date.now();
/** No waiting for more, short back-off. */
const quick = { batch_send_deadline: '5ms', min_backoff: '1ms', max_backoff: '5ms' };

function apply(changes: object, queue: object = {}, external: Record<string, string> = {}): Promise<void> {
  const config = { url, metadata_config: { send: false }, ...changes, queue_config: { ...quick, ...queue } };
  return remote.apply(configSchema.parse({ global: { external_labels: external }, remote_write: [config] }));
}

/** Appends one sample of each of the series at a time, `time` milliseconds after the beginning. */
function append(time: number, names: readonly string[] = ['app_total'], value = time): void {
  const appender = tsdb.appender();
  for (const name of names)
    appender.append(appender.seriesRef(Labels.from({ __name__: name, job: 'a' })), NOW + time, value);
  appender.commit();
}

async function until(done: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; !(await done()); i++) {
    if (i > 500) throw new Error('it does not come');
    await sleep(10);
  }
}

async function metric(name: string): Promise<number> {
  const all = await registry.getMetricsAsJSON();
  const family = all.find((each) => each.name === `prometheus_remote_storage_${name}`);
  return (family?.values ?? []).reduce((sum, { value }) => sum + value, 0);
}

test('1.0: what is appended from now on, with external labels and relabelled', async () => {
  append(0);
  await apply(
    {
      headers: { 'X-Scope': 'lab' },
      basic_auth: { username: 'a', password: 'b' },
      write_relabel_configs: [
        { source_labels: ['__name__'], regex: 'noise', action: 'drop' },
        { target_label: 'added', replacement: 'x' },
      ],
    },
    {},
    { site: 'north', job: 'external' },
  );
  append(10, ['app_total', 'noise']);
  append(20, ['app_total', 'noise'], Number.NaN);
  await until(() => samples.length === 2);
  const labels = 'app_total{added="x", job="a", site="north"}';
  expect(samples).toEqual([`${labels} 10 10`, `${labels} 20 NaN`]);
  expect(requests[0]).toMatchObject({
    'content-type': 'application/x-protobuf',
    'content-encoding': 'snappy',
    'x-prometheus-remote-write-version': '0.1.0',
    'user-agent': 'Prometheus/3.14.0',
    'x-scope': 'lab',
    authorization: 'Basic YTpi',
  });
  await until(async () => (await metric('samples_pending')) === 0);
  expect(await metric('samples_dropped_total')).toBe(2);
  expect(await metric('samples_total')).toBe(2);
});

test('2.0: symbols, metadata, exemplars', async () => {
  await apply({ protobuf_message: WRITE_V2, send_exemplars: true });
  const appender = tsdb.appender();
  const ref = appender.seriesRef(Labels.from({ __name__: 'app_total' }));
  appender.append(ref, NOW, 1);
  appender.appendExemplar(ref, { labels: Labels.from({ trace: 'x' }), value: 5, time: NOW + 1, hasTime: true });
  appender.commit();
  await until(() => samples.length === 1);
  expect(samples).toEqual(['app_total 0 1']);
  expect(exemplars).toEqual(['app_total trace=x 1 5']);
  expect(families).toEqual(['app_total counter Things.']);
  expect(requests[0]).toMatchObject({
    'content-type': `application/x-protobuf;proto=${WRITE_V2}`,
    'x-prometheus-remote-write-version': '2.0.0',
  });
});

test('1.0 sends metadata by itself', async () => {
  await apply({ metadata_config: { send: true, send_interval: '20ms' } });
  await until(() => families.length > 0);
  expect(families[0]).toBe('counter app Things.');
  await until(async () => (await metric('metadata_total')) > 0); // the answer is on its way yet
});

test.each<[string, Answer, object, number, number, number]>([
  ['500', { status: 500 }, {}, 1, 0, 2],
  ['503 with Retry-After', { status: 503, headers: { 'retry-after': '0' } }, {}, 1, 0, 2],
  ['400', { status: 400 }, {}, 0, 1, 1],
  ['429', { status: 429 }, {}, 0, 1, 1],
  ['429 that may be retried', { status: 429 }, { retry_on_http_429: true }, 1, 0, 2],
])('a receiver that answers %s', async (_, answer, queue, received, failed, sent) => {
  await apply({}, queue);
  answers = [answer];
  append(1);
  await until(async () => requests.length > 0 && (await metric('samples_pending')) === 0);
  expect(samples).toHaveLength(received);
  expect(await metric('samples_failed_total')).toBe(failed);
  expect(await metric('samples_total')).toBe(sent);
  expect(await metric('samples_retried_total')).toBe(sent - 1);
  if (sent === 2) expect(requests[1]['retry-attempt']).toBe('1');
});

test('a receiver that does not say what it has written of 2.0 has not written it', async () => {
  await apply({ protobuf_message: WRITE_V2 });
  answers = [{ status: 200 }];
  append(1);
  await until(async () => (await metric('samples_failed_total')) === 1);
});

test('a receiver that does not answer is asked again when its time is over', async () => {
  await apply({ remote_timeout: '200ms' });
  answers = [{ status: 0 }];
  append(1);
  await until(() => samples.length === 1);
  expect(requests.map((headers) => headers['retry-attempt'])).toEqual([undefined, '1']);
});

test.each([
  ['3', 3000],
  ['Thu, 01 Jan 1970 00:00:05 GMT', 4000],
  ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
  ['soon', 0],
  [undefined, 0],
])('Retry-After: %s', (header, ms) => {
  expect(retryAfter(header, 1000)).toBe(ms);
});

test.each([
  ['debug', true, 'job="a"'],
  ['info', true, ''],
  ['debug', false, ''],
] as const)(
  'at level %s a refused request is in the log where failed_request_logging is %s',
  async (level, failed_request_logging, expected) => {
    await close();
    const lines: string[] = [];
    const logger = createLogger({ level, write: (line) => lines.push(line) });
    await open(directory, logger);
    answers = [{ status: 400 }];
    await apply({ failed_request_logging, protobuf_message: WRITE_V2 });
    append(0);
    await until(() => lines.some((line) => line.includes('non-recoverable error')));
    const told = lines.filter((line) => line.includes('Failed to send remote write v2 request'));
    if (expected === '') expect(told).toEqual([]);
    else
      expect(told.join()).toContain(
        String.raw`{\"timeseries\":[{\"labels\":{\"__name__\":\"app_total\",\"job\":\"a\"},\"samples\":[[${NOW},\"0\"]]`,
      );
  },
);

test('samples that are too old by the time they can be sent are dropped', async () => {
  await apply({}, { sample_age_limit: '1h' });
  append(-3_600_000 - 60_000, ['old']);
  append(1);
  await until(() => samples.length === 1);
  expect(samples[0]).toContain('app_total');
  await until(async () => (await metric('samples_dropped_total')) === 1);
});

const many = Array.from({ length: 40 }, (_, i) => `m${i}`);

test('a restart goes on where each shard was, and repeats nothing', async () => {
  const queue = { min_shards: 4, max_shards: 4, max_samples_per_send: 7, capacity: 14 };
  await apply({}, queue);
  for (let i = 0; i < 5; i++) append(i, many);
  await until(() => samples.length === 200);
  // One in two requests gets through, then none: the shards stop at different places.
  always = { status: 500 };
  answers = Array.from({ length: 20 }, (_, i) => ({ status: i % 2 === 0 ? 204 : 500 }));
  for (let i = 5; i < 40; i++) append(i, many);
  await until(() => answers.length === 0);
  await close();
  const before = samples.length;
  expect(before).toBeLessThan(1600);
  always = null;
  await open(directory);
  await apply({}, queue);
  append(40, many);
  await until(() => samples.length >= 1640);
  expect(new Set(samples).size).toBe(1640);
  expect(samples).toHaveLength(1640);
  for (const name of many)
    expect(samples.filter((line) => line.startsWith(`${name}{`)).map(timeOf)).toEqual(
      Array.from({ length: 41 }, (_, i) => i),
    );
});

function timeOf(line: string): number {
  return Number(line.split(' ')[1]);
}

test('what was not sent when the process died is sent by the next one', async () => {
  await apply({});
  append(1);
  await until(() => samples.length === 1);
  await sleep(150);
  always = { status: 503 };
  append(2);
  append(3);
  const copy = mkdtempSync(join(tmpdir(), 'remote-write-copy-'));
  cpSync(directory, copy, { recursive: true });
  await close();
  always = null;
  await open(copy);
  await apply({});
  await until(() => samples.length === 3);
  expect(samples.map(timeOf)).toEqual([1, 2, 3]);
  await close();
  rmSync(copy, { recursive: true });
  await open(directory);
});

test('a queue that a reload leaves as it is goes on; one that changes goes on where it was', async () => {
  await apply({});
  append(1);
  await until(() => samples.length === 1);
  always = { status: 503 };
  append(2);
  await until(() => requests.length > 2);
  await apply({});
  expect(await metric('samples_pending')).toBe(1);
  await apply({ write_relabel_configs: [{ target_label: 'new', replacement: 'x' }] });
  always = null;
  append(3);
  await until(() => samples.length === 3);
  const changed = 'app_total{job="a", new="x"}';
  expect(samples).toEqual(['app_total{job="a"} 1 1', `${changed} 2 2`, `${changed} 3 3`]);
  await remote.apply(configSchema.parse({}));
  append(4);
  await apply({});
  append(5);
  await until(() => samples.length === 4);
  expect(samples[3]).toBe('app_total{job="a"} 5 5');
});

test('samples that came late are sent too, once, also after a restart', async () => {
  await tsdb.setOutOfOrderWindow(3_600_000);
  await apply({});
  append(100);
  append(50);
  await until(() => samples.length === 2);
  always = { status: 500 };
  append(40, ['app_total', 'new']);
  append(30, ['new']);
  append(200);
  await until(() => requests.length > 4);
  await close();
  always = null;
  await open(directory);
  await tsdb.setOutOfOrderWindow(3_600_000);
  await apply({});
  append(20);
  await until(() => samples.length === 7);
  const lines = ['app_total 20', 'app_total 200', 'app_total 40', 'app_total 50', 'app_total 100', 'new 30', 'new 40'];
  expect(samples.map((line) => `${line.split('{')[0]} ${timeOf(line)}`).sort()).toEqual(lines.sort());
});

test('what waits is bounded, and nothing is lost by it', async () => {
  await apply({}, { capacity: 10, max_samples_per_send: 5 });
  always = { status: 500 };
  for (let i = 0; i < 100; i++) append(i);
  await until(() => requests.length > 5);
  expect(await metric('samples_pending')).toBeLessThanOrEqual(20);
  always = null;
  await until(() => samples.length === 100);
  expect(samples.map(timeOf)).toEqual(Array.from({ length: 100 }, (_, i) => i));
});
