import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  denseBuckets,
  FloatHistogram,
  formatHistogram,
  Labels,
  ManualClock,
  Matcher,
  ProtoWriter,
  SampleColumns,
  silentLogger,
} from '@avalanche/model';
import { Tsdb } from '@avalanche/tsdb';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { configSchema } from '../config/schema.ts';
import { type RunningPrometheus, startPrometheus } from '../start.ts';
import { writeHistogram } from './proto/histogram.ts';
import { V1, V2, WRITE_V1, WRITE_V2, type WriteMessage } from './proto/messages.ts';
import { compressSnappy } from './proto/snappy.ts';
import { RemoteWrite } from './write/remote-write.ts';

const NOW = Date.now();

let directory = '';
const running: RunningPrometheus[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'remote-histograms-'));
});
afterEach(async () => {
  for (const role of running.splice(0)) await role.stop();
  rmSync(directory, { recursive: true });
});

const INTEGERS = new FloatHistogram({
  ...{ schema: 3, zeroThreshold: 2 ** -128, zeroCount: 2, count: 12, sum: -4.5, ofIntegers: true },
  ...{ positive: denseBuckets(-2, [1, 0, 4]), negative: denseBuckets(100, [5]) },
});
const FLOATS = INTEGERS.with({ count: 12.25, counterResetHint: 'gauge' });
const EMPTY = new FloatHistogram({ schema: 1 });
const CUSTOM = new FloatHistogram({
  ...{ schema: -53, count: 4, sum: 1, customValues: Float64Array.of(0.5, 7), ofIntegers: true },
  positive: denseBuckets(1, [1, 3]),
});
const SERIES: Record<string, FloatHistogram> = { integers: INTEGERS, floats: FLOATS, empty: EMPTY, custom: CUSTOM };

async function start(config: object, data: string, receiver = false): Promise<RunningPrometheus> {
  const configFile = join(directory, `${data}.yml`);
  writeFileSync(configFile, JSON.stringify(config));
  const role = await startPrometheus({
    configFile,
    directory: join(directory, data),
    listen: { host: '127.0.0.1', port: 0 },
    logger: silentLogger,
    version: 'test',
    clock: new ManualClock(NOW),
    remoteWrite: { receiver },
    storage: { autoMaintenance: false },
  });
  running.push(role);
  return role;
}

async function stop(role: RunningPrometheus): Promise<void> {
  running.splice(running.indexOf(role), 1);
  await role.stop();
}

/** Appends a sample of each series, and where `ends` a staleness marker after it. */
function append(tsdb: Tsdb, time: number, ends = false): void {
  const appender = tsdb.appender();
  for (const [name, histogram] of Object.entries(SERIES)) {
    const ref = appender.seriesRef(Labels.from({ __name__: name }));
    if (ends) appender.appendStale(ref, time);
    else appender.appendHistogram(ref, time, histogram);
  }
  appender.append(appender.seriesRef(Labels.from({ __name__: 'float' })), time, 1.5);
  appender.commit();
}

async function query<T>(url: string, text: string): Promise<T> {
  const answer = await fetch(`${url}/api/v1/query?query=${encodeURIComponent(text)}&time=${NOW / 1000}`);
  return ((await answer.json()) as { data: { result: T } }).data.result;
}

/** What a data directory has of each series: the histograms as text, how they are stored, `stale`. */
async function stored(data: string): Promise<Record<string, unknown[]>> {
  const tsdb = await Tsdb.open({ directory: join(directory, data), autoMaintenance: false });
  const querier = tsdb.querier(0, Infinity);
  const found: Record<string, unknown[]> = {};
  for (const series of await querier.select([new Matcher('!=', '__name__', 'float')])) {
    const columns = new SampleColumns();
    series.read(0, Infinity, columns);
    found[series.labels.metricName] = Array.from({ length: columns.length }, (_, i) => {
      const histogram = columns.histograms?.[i];
      if (!histogram) return columns.isStale(i) ? 'stale' : columns.v[i];
      return [histogram.ofIntegers, histogram.counterResetHint === 'gauge', formatHistogram(histogram)];
    });
  }
  querier.close();
  await tsdb.close();
  return found;
}

function wanted(names: readonly string[]): Record<string, unknown[]> {
  return Object.fromEntries(
    names.map((name) => {
      const histogram = SERIES[name];
      const one = [histogram.ofIntegers, histogram.counterResetHint === 'gauge', formatHistogram(histogram)];
      return [name, [one, one, 'stale']];
    }),
  );
}

describe('remote write', () => {
  test.each<[WriteMessage, string[]]>([
    [WRITE_V1, ['integers', 'floats', 'empty']],
    [WRITE_V2, ['integers', 'floats', 'empty', 'custom']],
  ])('%s takes histograms from one server to another', async (message, names) => {
    const receiver = await start({}, 'receiver', true);
    const url = `${receiver.url}/api/v1/write`;
    const queue = { batch_send_deadline: '5ms', min_backoff: '1ms', max_backoff: '5ms' };
    const config = { url, protobuf_message: message, send_native_histograms: true, queue_config: queue };
    const tsdb = await Tsdb.open({ directory: join(directory, 'sender'), autoMaintenance: false });
    const registry = new Registry();
    const sender = new RemoteWrite({
      ...{ tsdb, registry, directory, logger: silentLogger, version: 'test', flushDeadlineMs: 5000 },
      metadata: () => [],
    });
    await sender.apply(configSchema.parse({ remote_write: [config] }));
    append(tsdb, NOW - 20_000);
    append(tsdb, NOW - 10_000);
    append(tsdb, NOW - 5000, true);
    for (let i = 0; (await query<unknown[]>(receiver.url, 'float[1m]')).length === 0; i++) {
      if (i > 500) throw new Error('it does not come');
      await sleep(10);
    }
    const metric = async (name: string) =>
      (await registry.getSingleMetric(`prometheus_remote_storage_${name}`)?.get())?.values.map(({ value }) => value);
    expect(await metric('histograms_failed_total')).toEqual([0]);
    expect(await metric('histograms_total')).toEqual([3 * names.length + (message === WRITE_V1 ? 1 : 0)]);
    expect(await metric('histograms_dropped_total')).toEqual(message === WRITE_V1 ? [2] : []);
    await sender.stop();
    await tsdb.close();
    await stop(receiver);
    // As upstream: 1.0 has no custom buckets, and nobody sees what kind of histograms a marker ends.
    const custom = message === WRITE_V1 ? { custom: ['stale'] } : {};
    expect(await stored('receiver')).toEqual({ ...wanted(names), ...custom });
  });

  test.each([WRITE_V1, WRITE_V2] as const)(
    '%s: one that cannot be is told, and what is beside it is written',
    async (message) => {
      const receiver = await start({}, 'receiver', true);
      const isV2 = message === WRITE_V2;
      const writer = new ProtoWriter();
      if (isV2) for (const symbol of ['', '__name__', 'h']) writer.element(V2.request.symbols, symbol);
      const series = writer.begin(isV2 ? V2.request.timeseries : V1.request.timeseries);
      if (isV2) writer.uint64s(V2.series.labelRefs, [1, 2]);
      else {
        const label = writer.begin(V1.series.labels);
        writer.string(V1.label.name, '__name__');
        writer.string(V1.label.value, 'h');
        writer.end(label);
      }
      const field = isV2 ? V2.series.histograms : V1.series.histograms;
      writeHistogram(writer, field, {
        time: NOW - 3000,
        histogram: INTEGERS.with({ count: 3, ofIntegers: true }),
        start: 0,
      });
      writeHistogram(writer, field, {
        time: NOW - 2000,
        histogram: INTEGERS.with({ schema: 77, ofIntegers: true }),
        start: 0,
      });
      writeHistogram(writer, field, { time: NOW - 1000, histogram: INTEGERS, start: 0 });
      writer.end(series);
      const answer = await fetch(`${receiver.url}/api/v1/write`, {
        method: 'POST',
        headers: { 'content-type': `application/x-protobuf;proto=${message}`, 'content-encoding': 'snappy' },
        body: Buffer.from(compressSnappy(writer.written)),
      });
      expect(answer.status).toBe(400);
      const of = isV2 ? ' for series {__name__="h"}' : '';
      expect(await answer.text()).toBe(
        `12 observations found in buckets, but the Count field is 3: histogram's observation count should equal the number of observations found in the buckets (in absence of NaN)${of}\n` +
          `histogram has an unknown schema, which must be between -9 and 52 for exponential buckets, or -53 for custom buckets, got schema 77${of}\n`,
      );
      if (isV2) expect(answer.headers.get('x-prometheus-remote-write-histograms-written')).toBe('1');
      expect(await query<unknown[]>(receiver.url, 'h')).toHaveLength(1);
    },
  );

  test('a float where a histogram is', async () => {
    const receiver = await start({}, 'receiver', true);
    const send = async (put: (writer: ProtoWriter) => void) => {
      const writer = new ProtoWriter();
      const series = writer.begin(V1.request.timeseries);
      const label = writer.begin(V1.series.labels);
      writer.string(V1.label.name, '__name__');
      writer.string(V1.label.value, 'h');
      writer.end(label);
      put(writer);
      writer.end(series);
      const headers = { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy' };
      const body = Buffer.from(compressSnappy(writer.written));
      const answer = await fetch(`${receiver.url}/api/v1/write`, { method: 'POST', headers, body });
      return answer.text();
    };
    const sent = { time: NOW, histogram: INTEGERS, start: 0 };
    expect(await send((writer) => writeHistogram(writer, V1.series.histograms, sent))).toBe('');
    const told = await send((writer) => {
      const sample = writer.begin(V1.series.samples);
      writer.double(V1.sample.value, 43);
      writer.int64(V1.sample.timestamp, NOW);
      writer.end(sample);
    });
    expect(told.trim()).toBe(
      `duplicate sample for timestamp ${NOW}; overrides not allowed: existing is a histogram, new value 43`,
    );
  });
});

test('remote read gives histograms out and takes them in, as samples and as chunks', async () => {
  const tsdb = await Tsdb.open({ directory: join(directory, 'store'), autoMaintenance: false });
  append(tsdb, NOW - 20_000);
  append(tsdb, NOW - 10_000);
  await tsdb.close();
  const store = await start({}, 'store');
  const url = `${store.url}/api/v1/read`;
  const reader = await start({ remote_read: [{ url, read_recent: true }] }, 'reader');
  for (const text of ['{__name__=~".+"}', '{__name__=~".+"}[1m]', 'histogram_quantile(0.9, integers)']) {
    const here = await query(store.url, text);
    expect(await query(reader.url, text)).toEqual(here);
    expect(JSON.stringify(here).length).toBeGreaterThan(50);
  }
});
