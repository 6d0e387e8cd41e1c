import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ProtoWriter, SampleColumns, silentLogger } from '@avalanche/model';
import { type SelectedSeries, Tsdb } from '@avalanche/tsdb';
import fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { randomNumbers } from '../../../../../tests/support/random-numbers.ts';
import { V1, V2, WRITE_MESSAGES, WRITE_V1, WRITE_V2 } from '../proto/messages.ts';
import { compressSnappy } from '../proto/snappy.ts';
import { decodeSymbols, decodeV1, decodeV2 } from './decode.ts';
import { ReceiveMetrics } from './metrics.ts';
import { type ReceiverOptions, remoteWriteReceiver } from './route.ts';

const NOW = 1_700_000_000_000;
const TYPE_V2 = `application/x-protobuf;proto=${WRITE_V2}`;
let directory = '';
let tsdb: Tsdb;
let app: FastifyInstance;
let metrics: ReceiveMetrics;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'receive-'));
  tsdb = await Tsdb.open({ directory, autoMaintenance: false, maxExemplars: 100 });
  await serve({});
});

afterEach(async () => {
  await app.close();
  await tsdb.close();
  rmSync(directory, { recursive: true });
});

async function serve(changes: Partial<ReceiverOptions>): Promise<void> {
  metrics = new ReceiveMetrics();
  const options = { tsdb, logger: silentLogger, features: {}, now: () => NOW, metrics };
  app = fastify();
  await app.register(async (scope) =>
    remoteWriteReceiver(scope, { ...options, enabled: true, accepted: WRITE_MESSAGES, ...changes }),
  );
}

interface Series {
  readonly labels: readonly string[];
  readonly samples?: readonly (readonly [time: number, value: number, start?: number])[];
  readonly exemplars?: readonly (readonly [time: number, value: number, ...labels: string[]])[];
  readonly histograms?: number;
}

function requestV1(all: readonly Series[]): Uint8Array {
  const writer = new ProtoWriter();
  for (const { labels, samples = [], exemplars = [], histograms = 0 } of all) {
    const series = writer.begin(V1.request.timeseries);
    putLabels(writer, V1.series.labels, labels);
    for (const [time, value] of samples) {
      const start = writer.begin(V1.series.samples);
      writer.double(1, value);
      writer.int64(2, time);
      writer.end(start);
    }
    for (const [time, value, ...pairs] of exemplars) {
      const start = writer.begin(V1.series.exemplars);
      putLabels(writer, V1.exemplar.labels, pairs);
      writer.double(2, value);
      writer.int64(3, time);
      writer.end(start);
    }
    for (let i = 0; i < histograms; i++) writer.end(writer.begin(V1.series.histograms));
    writer.end(series);
  }
  return writer.written.slice();
}

function putLabels(writer: ProtoWriter, field: number, pairs: readonly string[]): void {
  for (let i = 0; i < pairs.length; i += 2) {
    const start = writer.begin(field);
    writer.string(1, pairs[i]);
    writer.string(2, pairs[i + 1]);
    writer.end(start);
  }
}

function requestV2(all: readonly Series[], refsOf?: (refs: number[]) => number[]): Uint8Array {
  const symbols = [
    '',
    ...new Set(
      all.flatMap(({ labels, exemplars = [] }) => [
        ...labels,
        ...exemplars.flat().filter((x) => typeof x === 'string'),
      ]),
    ),
  ];
  const refs = (pairs: readonly string[]) => pairs.map((text) => symbols.indexOf(text));
  const writer = new ProtoWriter();
  for (const symbol of symbols) writer.element(V2.request.symbols, symbol);
  for (const { labels, samples = [], exemplars = [], histograms = 0 } of all) {
    const series = writer.begin(V2.request.timeseries);
    writer.uint64s(V2.series.labelRefs, refsOf?.(refs(labels)) ?? refs(labels));
    for (const [time, value, started = 0] of samples) {
      const start = writer.begin(V2.series.samples);
      writer.double(1, value);
      writer.int64(2, time);
      writer.int64(3, started);
      writer.end(start);
    }
    for (let i = 0; i < histograms; i++) writer.end(writer.begin(V2.series.histograms));
    for (const [time, value, ...pairs] of exemplars) {
      const start = writer.begin(V2.series.exemplars);
      writer.uint64s(1, refs(pairs));
      writer.double(2, value);
      writer.int64(3, time);
      writer.end(start);
    }
    writer.end(series);
  }
  return writer.written.slice();
}

async function post(message: Uint8Array, headers: Record<string, string> = {}) {
  const answer = await app.inject({
    method: 'POST',
    url: '/write',
    headers: { 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy', ...headers },
    payload: Buffer.from(compressSnappy(message)),
  });
  const written = ['samples', 'histograms', 'exemplars'].map(
    (what) => answer.headers[`x-prometheus-remote-write-${what}-written`],
  );
  return { status: answer.statusCode, body: answer.body, written, type: answer.headers['content-type'] };
}

const postV2 = (message: Uint8Array) => post(message, { 'content-type': TYPE_V2 });

async function stored(): Promise<Record<string, (readonly [number, number])[]>> {
  const querier = tsdb.querier(0, NOW * 2);
  try {
    const selected = await querier.select([]);
    return Object.fromEntries(
      selected.map((series) => {
        const { t, v, length } = columnsOf(series);
        return [series.labels.toString(), Array.from({ length }, (_, i) => [t[i] - NOW, v[i]] as const)];
      }),
    );
  } finally {
    querier.close();
  }
}

function columnsOf(series: SelectedSeries): SampleColumns {
  const columns = new SampleColumns();
  series.read(0, NOW * 2, columns);
  return columns;
}

const up: Series = { labels: ['__name__', 'up', 'job', 'a'], samples: [[NOW, 1]] };

test('samples of both messages are stored, in the order of their labels', async () => {
  const labels = ['job', 'b', '__name__', 'up', 'empty', ''];
  expect(
    await post(
      requestV1([
        up,
        {
          labels,
          samples: [
            [NOW, 2],
            [NOW + 5, 3],
          ],
        },
      ]),
    ),
  ).toMatchObject({ status: 204, body: '', written: [undefined, undefined, undefined] });
  expect(await postV2(requestV2([{ ...up, samples: [[NOW + 5, 4]] }]))).toMatchObject({
    status: 204,
    written: ['1', '0', '0'],
  });
  expect(await stored()).toEqual({
    'up{job="a"}': [
      [0, 1],
      [5, 4],
    ],
    'up{job="b"}': [
      [0, 2],
      [5, 3],
    ],
  });
});

describe('what cannot be written is told, and what can is written', () => {
  const late: Series = { ...up, samples: [[NOW - 5, 1]] };
  const other: Series = { labels: ['__name__', 'other'], samples: [[NOW, 1]] };
  const text = '{__name__="up", job="a"}';
  test.each<[string, Series, string]>([
    ['an older sample', late, 'out of order sample'],
    [
      'another value',
      { ...up, samples: [[NOW, 2.5]] },
      `duplicate sample for timestamp ${NOW}; overrides not allowed: existing 1, new value 2.5`,
    ],
    ['a time hours ago', { ...up, samples: [[NOW - 3 * 3_600_000, 1]] }, 'out of bounds'],
    ['a time to come', { ...up, samples: [[NOW + 601_000, 1]] }, 'out of bounds: timestamp is too far in the future'],
  ])('%s', async (_, series, reason) => {
    await post(requestV1([up]));
    expect(await post(requestV1([series, other]))).toMatchObject({
      status: 400,
      body: `${reason}\n`,
      type: 'text/plain; charset=utf-8',
    });
    expect(await postV2(requestV2([series, { ...other, samples: [[NOW + 1, 2]] }]))).toMatchObject({
      status: 400,
      body: `${reason} for series ${text}\n`,
      written: ['1', '0', '0'],
    });
    expect(await stored()).toEqual({
      'up{job="a"}': [[0, 1]],
      other: [
        [0, 1],
        [1, 2],
      ],
    });
  });

  test.each<[string, Series, string]>([
    ['no metric name', { ...up, labels: ['job', 'a'] }, 'invalid metric name or labels, got {job="a"}'],
    [
      'an empty label name',
      { ...up, labels: ['__name__', 'up', '', 'x'] },
      'invalid metric name or labels, got {""="x", __name__="up"}',
    ],
    [
      'a name twice',
      { ...up, labels: ['__name__', 'up', 'a', '1', 'a', '2'] },
      'invalid labels for series, labels {__name__="up", a="1", a="2"}, duplicated label a',
    ],
    ['no sample', { labels: up.labels }, `TimeSeries must contain at least one sample or histogram for series ${text}`],
  ])('%s', async (_, series, reason) => {
    expect(await postV2(requestV2([series, other]))).toMatchObject({
      status: 400,
      body: `${reason}\n`,
      written: ['1', '0', '0'],
    });
    expect(Object.keys(await stored())).toEqual(['other']);
  });

  test('1.0 passes over wrong labels in silence', async () => {
    expect((await post(requestV1([{ ...up, labels: ['job', 'a'] }, other]))).status).toBe(204);
    expect(metrics.invalidLabels).toBe(1);
    expect(Object.keys(await stored())).toEqual(['other']);
  });

  test.each([
    ['odd', (refs: number[]) => refs.slice(1), 'parsing labels for series [2 3 4]: invalid labelRefs length 3'],
    [
      'too high',
      () => [1, 999],
      'parsing labels for series [1 999]: labelRefs 1 (name) = 999 (value) outside of symbols table (size 5)',
    ],
  ])('references that are %s', async (_, refsOf, reason) => {
    expect(await postV2(requestV2([up], refsOf))).toMatchObject({
      status: 400,
      body: `${reason}\n`,
      written: ['0', '0', '0'],
    });
  });
});

test('stale markers, exemplars and start times', async () => {
  await serve({ features: { startTimeZeros: true } });
  const message = requestV2([{ ...up, samples: [[NOW, 5, NOW - 1000]], exemplars: [[NOW, 2, 'trace', 'x']] }]);
  expect(await postV2(message)).toMatchObject({ status: 204, written: ['1', '0', '1'] });
  const writer = new ProtoWriter();
  const series = writer.begin(1);
  putLabels(writer, 1, up.labels);
  const sample = writer.begin(2);
  writer.bits64(1, 2, 0x7ff00000);
  writer.int64(2, NOW + 1);
  writer.end(sample);
  writer.end(series);
  expect((await post(writer.written)).status).toBe(204);
  const querier = tsdb.querier(0, NOW * 2);
  const columns = columnsOf((await querier.select([]))[0]);
  expect([...columns.t.subarray(0, columns.length)]).toEqual([NOW - 1000, NOW, NOW + 1]);
  expect([columns.bits[4], columns.bits[5]]).toEqual([2, 0x7ff00000]);
  querier.close();
  const [{ exemplars }] = tsdb.exemplars.select(0, NOW, [[]]);
  expect(exemplars.map(({ value, labels }) => [value, labels.toString()])).toEqual([[2, '{trace="x"}']]);
});

test.each<[string, Record<string, string>, number, string]>([
  [
    'another encoding',
    { 'content-encoding': 'gzip' },
    415,
    'gzip encoding (compression) is not accepted by this server; only snappy is acceptable',
  ],
  [
    'another type',
    { 'content-type': 'application/json' },
    415,
    'expected application/x-protobuf as the first (media) part, got application/json content-type',
  ],
  [
    'another message',
    { 'content-type': 'application/x-protobuf;proto=x.y' },
    415,
    `got application/x-protobuf;proto=x.y content type; unknown type for remote write protobuf message x.y, supported: ${WRITE_V1}, ${WRITE_V2}`,
  ],
  [
    'a parameter without value',
    { 'content-type': 'application/x-protobuf;a' },
    415,
    'as per https://www.rfc-editor.org/rfc/rfc9110#parameter expected parameters to be key-values, got a in application/x-protobuf;a content-type',
  ],
  [
    'a message not accepted',
    { 'content-type': TYPE_V2 },
    415,
    `${WRITE_V2} protobuf message is not accepted by this server; only accepts ${WRITE_V1}`,
  ],
])('%s is refused', async (_, headers, status, body) => {
  await serve({ accepted: [WRITE_V1] });
  expect(await post(requestV1([up]), headers)).toMatchObject({ status, body: `${body}\n` });
});

test('bodies that are too large, or no snappy', async () => {
  const headers = { 'content-encoding': 'snappy', 'content-type': 'application/x-protobuf' };
  const postRaw = (payload: Buffer) => app.inject({ method: 'POST', url: '/write', headers, payload });
  expect(await postRaw(Buffer.alloc(32 * 1024 * 1024 + 1))).toMatchObject({
    statusCode: 413,
    body: 'request body exceeds the 33554432 bytes limit\n',
  });
  expect(await postRaw(Buffer.from([0x81, 0x80, 0x80, 0x10, 0]))).toMatchObject({
    statusCode: 400,
    body: 'decoded size exceeds the 33554432 bytes limit\n',
  });
  expect(await postRaw(Buffer.from('hello'))).toMatchObject({ statusCode: 400, body: 'snappy: corrupt input\n' });
});

test('what is switched off says how to switch it on', async () => {
  await serve({ enabled: false });
  expect(await post(requestV1([up]))).toMatchObject({
    status: 404,
    body: 'remote write receiver needs to be enabled with --web.enable-remote-write-receiver\n',
  });
  expect(await app.inject({ url: '/write' })).toMatchObject({ statusCode: 405 });
});

test('any bytes are series or an error', () => {
  const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 1_000_000);
  const random = randomNumbers(seed);
  const messages = [
    requestV1([up, { ...up, exemplars: [[1, 2, 'a', 'b']], histograms: 1 }]),
    requestV2([up, { ...up, exemplars: [[1, 2, 'a', 'b']] }]),
  ];
  for (let round = 0; round < 20_000; round++) {
    const bytes = messages[round % 2].slice();
    for (let i = 1 + random() * 4; i > 0; i--) bytes[Math.floor(random() * bytes.length)] = random() * 256;
    const cut = random() < 0.3 ? bytes.subarray(0, random() * bytes.length) : bytes;
    for (const decode of [decodeV1, decodeV2, decodeSymbols]) {
      try {
        let samples = 0;
        const decoded = decode(cut);
        if (Symbol.iterator in decoded) for (const { length } of decoded) samples += length;
        expect(samples).toBeLessThanOrEqual(cut.length);
      } catch (error) {
        expect(error, `FUZZ_SEED=${seed} round ${round}`).toMatchObject({ name: 'ProtoError' });
      }
    }
  }
});
