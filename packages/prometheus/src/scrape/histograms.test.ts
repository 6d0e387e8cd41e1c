import { formatHistogram, Labels, Matcher, ProtoWriter } from '@avalanche/model';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ScrapeStage, START_MS as START } from './testing.ts';

const PROTOBUF = 'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited';
let stage: ScrapeStage;
let body: Uint8Array | string;
let type = PROTOBUF;

beforeEach(async () => {
  type = PROTOBUF;
  stage = await ScrapeStage.open((_, response) => {
    response.writeHead(200, { 'content-type': type }).end(body);
  });
});
afterEach(() => stage.end());

const apply = (job: object = {}) => stage.apply({ scrape_native_histograms: true, ...job });
const scrape = () => stage.scrape();
const loop = () => stage.loops[0];

/** Series of a metric name: their labels but for `job` and `instance`, and their samples as text. */
async function series(name: string): Promise<Record<string, string[]>> {
  const out: Record<string, string[]> = {};
  for (const { labels, samples } of await stage.series(name)) {
    const texts = Array.from({ length: samples.length }, (_, i) => {
      const histogram = samples.histograms?.[i];
      return samples.isStale(i) ? 'stale' : histogram ? formatHistogram(histogram) : String(samples.v[i]);
    });
    out[labels.without('__name__', 'job', 'instance').toString()] = texts;
  }
  return out;
}

interface Written {
  readonly buckets?: readonly number[];
  readonly classic?: readonly (readonly [bound: number, count: number])[];
  readonly schema?: number;
  /** Seconds. */
  readonly start?: number;
  readonly exemplars?: readonly number[];
  readonly label?: string;
}

/** A histogram `h` with so many observations in each native bucket from index 0 on. */
function histogramBody(...all: readonly Written[]): Uint8Array {
  const family = new ProtoWriter();
  family.string(1, 'h');
  family.string(2, 'Help of h');
  family.int64(3, 4);
  for (const each of all) writeMetric(family, each);
  const out = new ProtoWriter();
  out.delimited(family.written);
  return out.written.slice();
}

function writeMetric(
  to: ProtoWriter,
  { buckets = [], classic = [], schema = 0, start = 0, exemplars = [], label = '' }: Written,
) {
  const metric = to.begin(4);
  if (label !== '') {
    const pair = to.begin(1);
    to.string(1, 'l');
    to.string(2, label);
    to.end(pair);
  }
  const histogram = to.begin(7);
  to.int64(1, classic.at(-1)?.[1] ?? buckets.reduce((sum, n) => sum + n, 0));
  to.double(2, 4.5);
  for (const [bound, count] of classic) {
    const bucket = to.begin(3);
    to.int64(1, count);
    to.double(2, bound);
    to.end(bucket);
  }
  if (buckets.length > 0) {
    to.sint64(5, schema);
    to.double(6, 0.25);
    const span = to.begin(12);
    to.int64(2, buckets.length);
    to.end(span);
    to.sint64s(
      13,
      buckets.map((n, i) => n - (buckets[i - 1] ?? 0)),
    );
  }
  if (start > 0) {
    const timestamp = to.begin(15);
    to.int64(1, start);
    to.end(timestamp);
  }
  for (const seconds of exemplars) {
    const exemplar = to.begin(16);
    to.double(2, 1);
    const timestamp = to.begin(3);
    to.int64(1, seconds);
    to.end(timestamp);
    to.end(exemplar);
  }
  to.end(histogram);
  to.end(metric);
}

test('native histograms are stored, go on from scrape to scrape, and end', async () => {
  body = histogramBody({ buckets: [1, 2], label: 'a' }, { buckets: [5], label: 'b' });
  await apply();
  await scrape();
  body = histogramBody({ buckets: [1, 4, 3], label: 'a' }, { buckets: [5], label: 'b' });
  await scrape();
  body = histogramBody({ buckets: [5], label: 'b' });
  await scrape();
  expect(loop().lastError).toBe('');
  const b = '{count:5, sum:4.5, (0.5,1]:5}';
  expect(await series('h')).toEqual({
    '{l="a"}': ['{count:3, sum:4.5, (0.5,1]:1, (1,2]:2}', '{count:8, sum:4.5, (0.5,1]:1, (1,2]:4, (2,4]:3}', 'stale'],
    '{l="b"}': [b, b, b],
  });
  expect(Object.values(await series('scrape_samples_scraped'))).toEqual([['2', '2', '1']]);
  expect(Object.values(await series('scrape_series_added'))).toEqual([['2', '0', '0']]);
  expect(loop().metadata.get('h')).toMatchObject({ type: 'histogram', help: 'Help of h' });
  type = 'text/plain; version=0.0.4';
  body = 'other 1\n';
  await scrape();
  expect((await series('h'))['{l="b"}'].at(-1)).toBe('stale');
});

test('what is read of histograms is the choice of the job, and of labels of a target', async () => {
  const buckets = {
    buckets: [1, 2],
    classic: [
      [1, 1],
      [2, 3],
    ],
  } as const;
  body = histogramBody(buckets);
  await apply({ scrape_native_histograms: false });
  await scrape();
  expect(await series('h')).toEqual({});
  expect(Object.keys(await series('h_bucket'))).toEqual(['{le="+Inf"}', '{le="1.0"}', '{le="2.0"}']);
  await apply({ always_scrape_classic_histograms: true });
  await scrape();
  expect(await series('h')).toEqual({ '{}': ['{count:3, sum:4.5, (0.5,1]:1, (1,2]:2}'] });
  expect((await series('h_bucket'))['{le="2.0"}']).toEqual(['3', '3']);
  await apply({
    static_configs: [{ targets: [stage.address], labels: { __scrape_native_histograms__: 'false', site: 'x' } }],
    convert_classic_histograms_to_nhcb: true,
  });
  await scrape();
  expect((await series('h'))['{site="x"}']).toEqual(['{count:3, sum:4.5, [-Inf,1]:1, (1,2]:2}']);
});

test('text too gives histograms with custom buckets', async () => {
  type = 'text/plain; version=0.0.4';
  body = '# TYPE h histogram\nh_bucket{le="1"} 1\nh_bucket{le="+Inf"} 4\nh_sum 7\nh_count 4\nafter 1\n';
  await apply({ convert_classic_histograms_to_nhcb: true });
  await scrape();
  await scrape();
  const custom = '{count:4, sum:7, [-Inf,1]:1, (1,+Inf]:3}';
  expect(await series('h')).toEqual({ '{}': [custom, custom] });
  expect(await series('h_bucket')).toEqual({});
  expect(Object.values(await series('after'))).toEqual([['1', '1']]);
});

test('limits make buckets wider, or fail the scrape', async () => {
  body = histogramBody({ buckets: [1, 2, 3, 4, 5, 6, 7, 8], schema: 3 });
  await apply({ native_histogram_min_bucket_factor: 1.3 });
  await scrape();
  expect(Object.values(await series('h'))[0].at(-1)).toBe(
    '{count:36, sum:4.5, (0.7071067811865475,1]:1, (1,1.414213562373095]:14, (1.414213562373095,2]:21}',
  );
  await apply({ native_histogram_bucket_limit: 2 });
  await scrape();
  expect(Object.values(await series('h'))[0].at(-1)).toBe('{count:36, sum:4.5, (0.5,1]:1, (1,2]:35}');
  await apply({ native_histogram_bucket_limit: 1 });
  body = histogramBody({ buckets: [1, 2], schema: -4 });
  await scrape();
  expect(loop().lastError).toBe('histogram bucket limit exceeded');
  const exceeded = stage.registry.getSingleMetric(
    'prometheus_target_scrapes_exceeded_native_histogram_bucket_limit_total',
  );
  expect((await exceeded?.get())?.values[0].value).toBe(1);
});

test('a body that is no protobuf, and a histogram that contradicts itself, fail the scrape', async () => {
  await apply();
  body = 'not protobuf';
  await scrape();
  expect(loop().lastError).toBe('byte 1: proto: unexpected EOF');
  body = histogramBody({ buckets: [1, 2], classic: [[1, 7]] });
  await scrape();
  expect(loop().lastError).toMatch(/^3 observations found in buckets, but the Count field is 7: /);
  expect(await series('h')).toEqual({});
});

test('exemplars are kept, and where a histogram began is a zero', async () => {
  await stage.restart({ exemplars: true, startTimeZeros: true });
  const seconds = START / 1000;
  body = histogramBody({ buckets: [1], start: seconds - 5, exemplars: [seconds - 2, seconds - 1] });
  await apply();
  await scrape();
  body = histogramBody({ buckets: [4], start: seconds - 5, exemplars: [seconds - 1, seconds + 9] });
  await scrape();
  expect(Object.values(await series('h'))).toEqual([
    ['{count:0, sum:0}', '{count:1, sum:4.5, (0.5,1]:1}', '{count:4, sum:4.5, (0.5,1]:4}'],
  ]);
  const [found] = stage.tsdb.exemplars.select(0, Infinity, [[new Matcher('=', '__name__', 'h')]]);
  expect(found.seriesLabels.equals(Labels.from({ __name__: 'h', job: 'j', instance: stage.address }))).toBe(true);
  expect(found.exemplars.map(({ time }) => time - START)).toEqual([-2000, -1000, 9000]);
});
