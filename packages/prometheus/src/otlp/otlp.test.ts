import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { formatHistogram, SampleColumns, silentLogger } from '@avalanche/model';
import { Tsdb } from '@avalanche/tsdb';
import { JsonMetricsSerializer, ProtobufMetricsSerializer } from '@opentelemetry/otlp-transformer';
import {
  AggregationTemporality,
  AggregationType,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics';
import fastify, { type FastifyInstance } from 'fastify';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { otlpConfig } from '../config/remote.ts';
import { decodeProto } from './decode-proto.ts';
import { labelName, metricName, nameRulesOf, unitName } from './names.ts';
import { OtlpReceiver } from './route.ts';

const NOW = 1_700_000_000_123;

let directory: string;
let tsdb: Tsdb;
let app: FastifyInstance;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'otlp-'));
  tsdb = await Tsdb.open({ directory, autoMaintenance: false, maxExemplars: 100 });
  await serve({});
});

afterEach(async () => {
  await app.close();
  await tsdb.close();
  rmSync(directory, { recursive: true });
});

async function serve(config: object, changes: object = {}): Promise<void> {
  const receiver = new OtlpReceiver({
    tsdb,
    logger: silentLogger,
    registry: new Registry(),
    enabled: true,
    config: () => otlpConfig.parse(config),
    now: () => NOW,
    startTimeZeros: false,
    startTimes: false,
    metadataRecords: false,
    lookbackMs: 300_000,
    typeAndUnitLabels: false,
    refuse: () => null,
    ...changes,
  });
  app = fastify();
  await app.register(async (scope) => receiver.serve(scope));
}

async function post(payload: Buffer | string, headers: Record<string, string> = {}) {
  const type = typeof payload === 'string' ? 'application/json' : 'application/x-protobuf';
  const url = '/otlp/v1/metrics';
  const answer = await app.inject({ method: 'POST', url, payload, headers: { 'content-type': type, ...headers } });
  return [answer.statusCode, answer.body] as const;
}

/** Every series, as it was at its last sample. */
async function stored(): Promise<Record<string, unknown>> {
  const querier = tsdb.querier(0, NOW * 2);
  const columns = new SampleColumns();
  const found: Record<string, unknown> = {};
  for (const series of await querier.select([])) {
    columns.clear();
    series.read(0, NOW * 2, columns);
    const last = columns.length - 1;
    if (last < 0) continue;
    const histogram = columns.histograms?.[last];
    const value = histogram ? formatHistogram(histogram) : columns.v[last];
    found[series.labels.toString()] = columns.isStale(last) ? 'stale' : value;
  }
  querier.close();
  return found;
}

interface JsonMetric {
  readonly name: string;
  readonly unit?: string;
  readonly [data: string]: unknown;
}

/** A request of one resource and scope, as JSON. */
function request(metrics: readonly JsonMetric[], resource: Record<string, string> = { 'service.name': 's' }): string {
  const attributes = (pairs: Record<string, string>) =>
    Object.entries(pairs).map(([key, stringValue]) => ({ key, value: { stringValue } }));
  const scope = { name: 'lib', version: '1', attributes: attributes({ 'a.b': 'c' }) };
  const scopeMetrics = [{ scope, schemaUrl: 'http://schema', metrics }];
  return JSON.stringify({ resourceMetrics: [{ resource: { attributes: attributes(resource) }, scopeMetrics }] });
}

const point = (value: number, attributes: Record<string, string> = {}, more: object = {}) => ({
  timeUnixNano: `${NOW}000000`,
  asDouble: value,
  attributes: Object.entries(attributes).map(([key, stringValue]) => ({ key, value: { stringValue } })),
  ...more,
});

const gauge = (name: string, value: number, attributes?: Record<string, string>) => ({
  name,
  gauge: { dataPoints: [point(value, attributes)] },
});

/** What the SDK of OpenTelemetry collects of one of each instrument. */
async function collected(): Promise<ResourceMetrics> {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const provider = new MeterProvider({ readers: [reader] });
  const meter = provider.getMeter('edna', '1.0');
  meter.createCounter('http.requests', { unit: '{request}', description: 'Requests.' }).add(3, { 'http.route': '/a' });
  meter.createUpDownCounter('queue.size').add(-2);
  meter.createObservableGauge('ratio', { unit: '1' }).addCallback((result) => result.observe(0.25));
  const histogram = meter.createHistogram('latency', { unit: 's', advice: { explicitBucketBoundaries: [0.5, 1] } });
  for (const value of [0.1, 0.7, 5]) histogram.record(value);
  await provider.forceFlush();
  const [metrics] = exporter.getMetrics();
  await provider.shutdown();
  return metrics;
}

describe('what the SDK of OpenTelemetry sends', () => {
  const series = (metrics: Record<string, unknown>) =>
    Object.fromEntries(Object.entries(metrics).filter(([name]) => !name.startsWith('target_info')));

  test.each<[string, (metrics: ResourceMetrics) => readonly [Buffer | string, Record<string, string>]]>([
    ['protobuf', (metrics) => [Buffer.from(ProtobufMetricsSerializer.serializeRequest(metrics) ?? []), {}]],
    [
      'protobuf, compressed',
      (metrics) => [
        gzipSync(Buffer.from(ProtobufMetricsSerializer.serializeRequest(metrics) ?? [])),
        { 'content-encoding': 'gzip' },
      ],
    ],
    ['JSON', (metrics) => [Buffer.from(JsonMetricsSerializer.serializeRequest(metrics) ?? []).toString(), {}]],
  ])('as %s', async (_, encode) => {
    await serve({}, { now: () => Date.now() });
    const [payload, headers] = encode(await collected());
    expect(await post(payload, headers)).toEqual([200, '']);
    const job = Object.keys(await storedNow())[0]?.match(/job="[^"]*"/)?.[0] ?? '';
    expect(job).toContain('unknown_service');
    expect(series(await storedNow())).toEqual({
      [`http_requests_total{http_route="/a", ${job}}`]: 3,
      [`queue_size{${job}}`]: -2,
      [`ratio{${job}}`]: 0.25,
      [`latency_seconds_sum{${job}}`]: 5.8,
      [`latency_seconds_count{${job}}`]: 3,
      [`latency_seconds_bucket{${job}, le="0.5"}`]: 1,
      [`latency_seconds_bucket{${job}, le="1"}`]: 2,
      [`latency_seconds_bucket{${job}, le="+Inf"}`]: 3,
    });
  });

  const storedNow = async () => stored();
});

test('a summary, a series that has ended, and target_info', async () => {
  const quantileValues = [{ quantile: 0.5, value: 7 }];
  const summary = { dataPoints: [{ timeUnixNano: `${NOW}000000`, count: '4', sum: 9, quantileValues }] };
  const ended = { dataPoints: [point(1, {}, { flags: 1 })] };
  const resource = { 'service.name': 's', 'service.namespace': 'n', 'service.instance.id': 'i', 'host.name': 'h' };
  const body = request(
    [
      { name: 'rpc', summary },
      { name: 'gone', gauge: ended },
    ],
    resource,
  );
  expect(await post(body)).toEqual([200, '']);
  expect(await stored()).toEqual({
    'rpc{instance="i", job="n/s", quantile="0.5"}': 7,
    'rpc_sum{instance="i", job="n/s"}': 9,
    'rpc_count{instance="i", job="n/s"}': 4,
    'gone{instance="i", job="n/s"}': 'stale',
    'target_info{host_name="h", instance="i", job="n/s"}': 1,
  });
});

describe('the configuration', () => {
  const resource = { 'service.name': 's', 'host.name': 'h' };
  test.each<[string, object, string]>([
    ['nothing', {}, 'g{a_b="1", job="s"}'],
    ['promoted attributes', { promote_resource_attributes: ['host.name'] }, 'g{a_b="1", host_name="h", job="s"}'],
    [
      'all but some',
      { promote_all_resource_attributes: true, ignore_resource_attributes: ['service.name'] },
      'g{a_b="1", host_name="h", job="s"}',
    ],
    [
      'the scope',
      { promote_scope_metadata: true },
      'g{a_b="1", job="s", otel_scope_a_b="c", otel_scope_name="lib", otel_scope_schema_url="http://schema", otel_scope_version="1"}',
    ],
    ['names as they are', { translation_strategy: 'NoTranslation' }, 'g{"a.b"="1", job="s"}'],
  ])('%s', async (_, config, expected) => {
    await serve(config);
    expect(await post(request([gauge('g', 1, { 'a.b': '1' })], resource))).toEqual([200, '']);
    expect(Object.keys(await stored()).filter((name) => !name.startsWith('target_info'))).toEqual([expected]);
  });

  test('attributes that become one label are joined', async () => {
    await post(request([gauge('g', 1, { 'a.b': '1', 'a-b': '2' })]));
    expect(await stored()).toEqual({ 'g{a_b="2;1", job="s"}': 1 });
  });

  test('type and unit as labels', async () => {
    await serve({}, { typeAndUnitLabels: true });
    await post(request([{ ...gauge('g', 1), unit: 'By/s' }]));
    expect(await stored()).toEqual({
      'g_bytes_per_second{__type__="gauge", __unit__="bytes_per_second", job="s"}': 1,
    });
  });
});

describe('what is refused', () => {
  const cumulative = 2;
  test.each<[string, Buffer | string, Record<string, string>, number, string]>([
    [
      'another type',
      'x',
      { 'content-type': 'text/plain' },
      400,
      'unsupported content type: text/plain, supported: [application/json, application/x-protobuf]\n',
    ],
    [
      'another encoding',
      '{}',
      { 'content-encoding': 'zstd' },
      400,
      'unsupported compression: zstd. Only "gzip" or no compression supported\n',
    ],
    ['protobuf cut short', Buffer.from([0x0a, 5, 1]), {}, 400, 'proto: unexpected EOF\n'],
    ['JSON of another shape', '{"resourceMetrics":[1]}', {}, 400, 'an object is expected, not 1\n'],
    [
      'deltas, and all that came with them',
      request([
        gauge('fine', 1),
        { name: 'd', sum: { aggregationTemporality: 1, isMonotonic: true, dataPoints: [point(1)] } },
      ]),
      {},
      500,
      'invalid temporality and type combination for metric "d"\n',
    ],
    [
      'a time to come',
      request([{ name: 'f', gauge: { dataPoints: [{ asInt: '1', timeUnixNano: `${NOW + 700_000}000000` }] } }]),
      {},
      400,
      'out of bounds: timestamp is too far in the future\n',
    ],
    [
      'no data',
      request([{ name: 'none' }]),
      {},
      500,
      'could not get aggregation temporality for none as it has unsupported metric type Empty\n',
    ],
  ])('%s', async (_, body, headers, status, reason) => {
    expect(await post(body, headers)).toEqual([status, reason]);
    expect(await stored()).toEqual({});
  });

  test.each([
    [
      'is too coarse',
      { count: '1', scale: -5 },
      500,
      'cannot convert exponential to native histogram. Scale must be >= -4, was -5\n',
    ],
    [
      'contradicts itself',
      { count: '1', scale: 1, positive: { offset: 0, bucketCounts: ['3'] } },
      400,
      "3 observations found in buckets, but the Count field is 1: histogram's observation count should equal the number of observations found in the buckets (in absence of NaN)\n",
    ],
  ])('an exponential histogram that %s', async (_, fields, status, reason) => {
    const dataPoints = [{ timeUnixNano: `${NOW}000000`, ...fields }];
    const exponentialHistogram = { aggregationTemporality: cumulative, dataPoints };
    expect(await post(request([{ name: 'e', exponentialHistogram }, gauge('g', 1)]))).toEqual([status, reason]);
    expect(await stored()).toEqual({});
  });

  test('everything, where the receiver is off', async () => {
    await serve({}, { enabled: false });
    const reason = 'otlp write receiver needs to be enabled with --web.enable-otlp-receiver\n';
    expect(await post(request([]))).toEqual([404, reason]);
  });
});

describe('native histograms', () => {
  /** What the SDK makes of some values with an exponential histogram of at most `maxSize` buckets. */
  async function exponential(values: readonly number[], maxSize: number): Promise<ResourceMetrics> {
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
    const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
    const aggregation = { type: AggregationType.EXPONENTIAL_HISTOGRAM, options: { maxSize } } as const;
    const provider = new MeterProvider({ readers: [reader], views: [{ instrumentName: '*', aggregation }] });
    const instrument = provider.getMeter('m').createHistogram('latency', { unit: 's' });
    for (const value of values) instrument.record(value, { route: '/a' });
    await provider.forceFlush();
    const [metrics] = exporter.getMetrics();
    await provider.shutdown();
    return metrics;
  }

  test.each([
    ['protobuf', (metrics: ResourceMetrics) => Buffer.from(ProtobufMetricsSerializer.serializeRequest(metrics) ?? [])],
    [
      'JSON',
      (metrics: ResourceMetrics) => Buffer.from(JsonMetricsSerializer.serializeRequest(metrics) ?? []).toString(),
    ],
  ])('exponential histograms of the SDK, as %s', async (_, encode) => {
    await serve({}, { now: () => Date.now() });
    // A few wide buckets, and more and finer ones than there are native histograms of.
    for (const [values, size, wanted] of [
      [[0, 1, 2, 3, 100], 4, '{count:5, sum:106, [-1e-128,1e-128]:1, (0.0625,1]:1, (1,16]:2, (16,256]:1}'],
      [
        [1, 1.0001, 1.0002],
        160,
        '{count:3, sum:3.0002999999999997, (0.9972960560854698,1]:1, (1,1.0027112750502025]:2}',
      ],
    ] as const) {
      expect(await post(encode(await exponential(values, size)))).toEqual([200, '']);
      const found = Object.entries(await stored()).filter(([name]) => name.startsWith('latency_seconds{'));
      expect(found.map(([, text]) => text)).toEqual([wanted]);
    }
  });

  test('explicit bounds become custom buckets; a point without a value ends the series', async () => {
    await serve({ convert_histograms_to_nhcb: true });
    const dataPoint = (more: object, time = NOW) => ({
      ...{ timeUnixNano: `${time}000000`, explicitBounds: [0.5, 1, 2] },
      ...more,
    });
    const histogram = (more: object, time?: number) => ({
      name: 'h',
      histogram: { aggregationTemporality: 2, dataPoints: [dataPoint(more, time)] },
    });
    await post(request([histogram({ count: '6', sum: 7.5, bucketCounts: ['0', '1', '0', '5'] })]));
    expect(await stored()).toEqual({ 'h{job="s"}': '{count:6, sum:7.5, (0.5,1]:1, (2,+Inf]:5}' });
    await post(request([histogram({ flags: 1 }, NOW + 1)]));
    expect(await stored()).toEqual({ 'h{job="s"}': 'stale' });
  });
});

test('exemplars are stored, with the trace they are of', async () => {
  const exemplars = [{ timeUnixNano: `${NOW}000000`, asDouble: 0.2, traceId: 'AB'.repeat(16), spanId: '0'.repeat(16) }];
  const dataPoints = [
    { timeUnixNano: `${NOW}000000`, count: '1', bucketCounts: ['0', '1'], explicitBounds: [0.1], exemplars },
  ];
  await post(request([{ name: 'h', histogram: { aggregationTemporality: 2, dataPoints } }]));
  const [{ seriesLabels, exemplars: found }] = tsdb.exemplars.select(0, NOW, [[]]);
  expect(seriesLabels.toString()).toBe('h_bucket{job="s", le="+Inf"}');
  expect(found.map(({ labels }) => labels.toString())).toEqual([`{trace_id="${'ab'.repeat(16)}"}`]);
});

test.each([
  ['http.server.duration', 'ms', 'histogram', 'http_server_duration_milliseconds'],
  ['system.io', 'By/s', 'sum', 'system_io_bytes_per_second_total'],
  ['requests_total', '', 'sum', 'requests_total'],
  ['total.bytes.sent', 'By', 'sum', 'bytes_sent_total'],
  ['2xx', '', 'gauge', '_2xx'],
  ['cpu usage', '1', 'gauge', 'cpu_usage_ratio'],
  ['a__b', '{things}', 'gauge', 'a_b'],
] as const)('%s [%s] as %s is %s', (name, unit, kind, expected) => {
  const rules = nameRulesOf('UnderscoreEscapingWithSuffixes');
  expect(metricName({ name, unit, kind, isMonotonic: true }, rules)).toBe(expected);
});

test('names by other rules', () => {
  const metric = { name: 'a.b total', unit: 'ms', kind: 'sum', isMonotonic: true } as const;
  expect(metricName(metric, nameRulesOf('UnderscoreEscapingWithoutSuffixes'))).toBe('a_b_total');
  expect(metricName(metric, nameRulesOf('NoUTF8EscapingWithSuffixes'))).toBe('a.b_milliseconds_total');
  expect(unitName('By/min')).toBe('bytes_per_min');
  const rules = { allowUtf8: false, sanitizeUnderscore: true, keepUnderscores: false };
  expect(['_a', '__a..b__', '1é', 'a--b'].map((name) => labelName(name, rules))).toEqual([
    ...['key_a', '__a_b__', 'key_1_', 'a_b'],
  ]);
  expect(labelName('..', rules)).toBe('key_');
  expect(() => labelName('..', { ...rules, sanitizeUnderscore: false })).toThrow(
    'normalization for label name ".." resulted in invalid name "_"',
  );
});

test('any bytes are a request or an error (seeded fuzz)', async () => {
  const good = Buffer.from(ProtobufMetricsSerializer.serializeRequest(await collected()) ?? []);
  let seed = 7;
  const random = (below: number) => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
    return seed % below;
  };
  let errors = 0;
  for (let i = 0; i < 3000; i++) {
    const bytes = Buffer.from(good);
    for (let n = random(5); n >= 0; n--) bytes[random(bytes.length)] = random(256);
    try {
      decodeProto(bytes);
    } catch (error) {
      expect((error as Error).name).toBe('ProtoError');
      errors++;
    }
  }
  expect(errors).toBeGreaterThan(100);
});
