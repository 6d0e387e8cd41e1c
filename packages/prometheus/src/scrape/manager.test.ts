import type { ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { Labels, type ManualClock, Matcher } from '@avalanche/model';
import type { Tsdb } from '@avalanche/tsdb';
import type { Registry } from 'prom-client';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ScrapeLoop } from './loop.ts';
import { INTERVAL_MS, ScrapeStage } from './testing.ts';

const interval = INTERVAL_MS;
const text = { 'content-type': 'text/plain; version=0.0.4' };
let stage: ScrapeStage;
let tsdb: Tsdb;
let clock: ManualClock;
let address = '';
let registry: Registry;
let urls: string[] = [];
let authorization: (string | undefined)[] = [];
let answer: (response: ServerResponse) => void;

beforeEach(async () => {
  urls = [];
  authorization = [];
  answerWith('a 1\nb 2\n');
  stage = await ScrapeStage.open((request, response) => {
    urls.push(request.url ?? '');
    authorization.push(request.headers.authorization);
    answer(response);
  });
  ({ tsdb, clock, registry, address } = stage);
});
afterEach(() => stage.end());

function answerWith(body: string | Buffer, headers: Record<string, string> = text, status = 200): void {
  answer = (response) => response.writeHead(status, headers).end(body);
}

const apply = (job: object = {}, targets = [address]) => stage.apply(job, targets, { site: 'lab' });
const scrape = () => stage.scrape();
const loops = (): readonly ScrapeLoop[] => stage.loops;

/** Series of a metric name: their labels and last value, or `stale`. */
async function series(name: string): Promise<Record<string, number | 'stale'>> {
  const out: Record<string, number | 'stale'> = {};
  for (const { labels, samples } of await stage.series(name)) {
    const last = samples.length - 1;
    const text = labels.without('__name__', 'job', 'instance', 'site').toString();
    out[text] = samples.isStale(last) ? 'stale' : samples.v[last];
  }
  return out;
}

test('a reload that changes a job goes on with the series of its targets; only those of targets that went end', async () => {
  await apply();
  await scrape();
  await apply({ scrape_timeout: '5s' });
  expect([await series('a'), await series('up')]).toEqual([{ '{}': 1 }, { '{}': 1 }]);
  await scrape();
  await apply({}, []);
  await clock.advance(2.2 * interval);
  expect([await series('a'), await series('up')]).toEqual([{ '{}': 'stale' }, { '{}': 'stale' }]);
});

test('bounds of buckets are the same whatever the format, those of a histogram that grows too', async () => {
  await apply();
  const body = '# TYPE h histogram\nh_bucket{le="1"} 1\nh_bucket{le="+Inf"} 1\n';
  answerWith(body);
  await scrape();
  answerWith(`${body.replace('h_bucket{le="+', 'h_bucket{le="2"} 1\nh_bucket{le="+')}other{le="1"} 1\n`);
  await scrape();
  expect(await series('h_bucket')).toEqual({ '{le="+Inf"}': 1, '{le="1.0"}': 1, '{le="2.0"}': 1 });
  expect(await series('other')).toEqual({ '{le="1"}': 1 });
});

test.each([
  ['no Content-Type', {}, 'sending blank Content-Type and no fallback_scrape_protocol'],
  ['another Content-Type', { 'content-type': 'text/html' }, 'unsupported Content-Type "text/html"'],
  ['text that says it is gzip', { ...text, 'content-encoding': 'gzip' }, 'gzip: invalid header'],
])('%s fails the scrape', async (_name, headers, message) => {
  answerWith('a 1\n', headers);
  await apply();
  await scrape();
  expect(loops()[0]).toMatchObject({ health: 'down', lastError: expect.stringContaining(message) });
  expect(await series('up')).toEqual({ '{}': 0 });
});

test('the fallback protocol decides how a body without a type is read', async () => {
  answerWith('# TYPE a gauge\na 1 1700000005\n# EOF\n', {});
  await apply({ fallback_scrape_protocol: 'OpenMetricsText1.0.0' });
  await scrape();
  expect(loops()[0].lastError).toBe('');
});

test('gzip is read, cut-off gzip is a failure, and so is a body that drips too slowly', async () => {
  const body = gzipSync('a 5\n');
  answerWith(body, { ...text, 'content-encoding': 'gzip' });
  await apply({ scrape_timeout: '200ms' });
  await scrape();
  expect(await series('a')).toEqual({ '{}': 5 });
  answerWith(body.subarray(0, 12), { ...text, 'content-encoding': 'gzip' });
  await scrape();
  expect(loops()[0].lastError).toBe('unexpected EOF');
  let drip: NodeJS.Timeout | undefined;
  answer = (response) => {
    response.writeHead(200, text);
    drip = setInterval(() => response.write('a 1\n'), 20);
  };
  await scrape();
  clearInterval(drip);
  expect(loops()[0].lastError).toContain('context deadline exceeded');
  expect(await series('a')).toEqual({ '{}': 'stale' });
});

test('an endless answer with an error status, or a redirect, is not read on', async () => {
  let writing: NodeJS.Timeout | undefined;
  let closed = 0;
  answer = (response) => {
    response.writeHead(500, text);
    writing = setInterval(() => response.write('x'.repeat(1000)), 5);
    response.once('close', () => {
      closed++;
      clearInterval(writing);
    });
  };
  await apply({ scrape_timeout: '5s' });
  await scrape();
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect([closed, loops()[0].lastError]).toEqual([1, 'server returned HTTP status 500 Internal Server Error']);
});

test('credentials go along with a redirect on the same host only', async () => {
  await apply({ authorization: { credentials: 'secret' } });
  let hops = 0;
  answer = (response) => {
    const host = hops++ === 0 ? address : address.replace('127.0.0.1', 'localhost');
    if (hops < 3) response.writeHead(302, { location: `http://${host}/next` }).end();
    else response.writeHead(200, text).end('a 1\n');
  };
  await scrape();
  expect(authorization.slice(0, 2)).toEqual(['Bearer secret', 'Bearer secret']);
  expect(authorization[2]).toBeUndefined();
});

test('a body beyond sample_limit is refused whole, counted whole, and leaves no trace', async () => {
  await apply({ sample_limit: 2 });
  for (let round = 0; round < 3; round++) {
    answerWith(Array.from({ length: 3000 }, (_, i) => `m{round="${round}",i="${i}"} 1\n`).join(''));
    await scrape();
  }
  expect(loops()[0].lastError).toBe('sample limit exceeded');
  expect(await series('scrape_samples_scraped')).toEqual({ '{}': 3000 });
  expect(await series('scrape_samples_post_metric_relabeling')).toEqual({ '{}': 3000 });
  expect(await series('m')).toEqual({});
  const { ingest } = loops()[0] as unknown as { ingest: { cache: { size: number } } };
  expect(ingest.cache.size).toBe(0);
});

test('a target says that it has no label, and is believed where labels are honoured', async () => {
  answerWith('a{site="",job="own"} 1\n');
  await apply({ honor_labels: true });
  await scrape();
  await apply({ job_name: 'k' });
  await scrape();
  const querier = tsdb.querier(0, Infinity);
  const all = await querier.series([new Matcher('=', '__name__', 'a')]);
  querier.close();
  expect(all.map((labels) => labels.without('__name__', 'instance'))).toEqual([
    Labels.from({ exported_job: 'own', job: 'k', site: 'lab' }),
    Labels.from({ job: 'own' }),
  ]);
});

test('samples with a time of their own must be near now', async () => {
  await apply();
  await scrape();
  const now = clock.now();
  answerWith(`old 1 ${now - 2 * 3_600_000}\nfuture 1 ${now + 3_600_000}\nfine 1 ${now - 1000}\n`);
  await scrape();
  expect([await series('old'), await series('future'), await series('fine')]).toEqual([{}, {}, { '{}': 1 }]);
  expect(await registry.metrics()).toContain('prometheus_target_scrapes_sample_out_of_bounds_total 2');
});

test('all values of a parameter are asked for, and a label replaces the first', async () => {
  await apply({
    params: { 'match[]': ['up', 'a{b="c"}'], x: ['1'] },
    relabel_configs: [{ target_label: '__param_x', replacement: '2' }],
  });
  await scrape();
  expect(new URL(urls[0], 'http://x').searchParams.getAll('match[]')).toEqual(['up', 'a{b="c"}']);
  expect(new URL(urls[0], 'http://x').searchParams.getAll('x')).toEqual(['2']);
});

test('more targets than target_limit fail all of them', async () => {
  await apply({ target_limit: 1 }, [address, address.replace('127.0.0.1', 'localhost')]);
  await scrape();
  expect(loops().map((loop) => loop.lastError)).toEqual([
    'target_limit exceeded (number of targets: 2, limit: 1)',
    'target_limit exceeded (number of targets: 2, limit: 1)',
  ]);
});

test('a scrape that cannot be stored is still told, and the loop goes on', async () => {
  await apply();
  await tsdb.close();
  await scrape();
  await scrape();
  expect(loops()[0].health).toBe('up');
});

test('series that vanish end, and go on when they come back; what a failed scrape has named is forgotten', async () => {
  answerWith('a 1\nb 2\nc 3\n');
  await apply();
  await scrape();
  answerWith('a 1\nc 3\n');
  await scrape();
  expect([await series('a'), await series('b'), await series('c')]).toEqual([
    { '{}': 1 },
    { '{}': 'stale' },
    { '{}': 3 },
  ]);
  answerWith('c 4\nb 5\na 1\nnew 1\noops\n');
  await scrape();
  expect(loops()[0].lastError).toContain('line 5: expected value after metric, got');
  expect([await series('a'), await series('c'), await series('new')]).toEqual([
    { '{}': 'stale' },
    { '{}': 'stale' },
    {},
  ]);
  answerWith('a 1\nb 5\nc 3\n');
  await scrape();
  expect([await series('a'), await series('b'), await series('c')]).toEqual([{ '{}': 1 }, { '{}': 5 }, { '{}': 3 }]);
  // As upstream: b was away in the last good scrape, so that it counts as added.
  expect(await series('scrape_series_added')).toEqual({ '{}': 1 });
});

test('of a series given twice in a body the first is kept and the second counted, also when the body stays the same', async () => {
  answerWith('a 1\na 2\nb 3\n');
  await apply();
  await scrape();
  await scrape();
  expect([await series('a'), await series('b'), await series('scrape_samples_scraped')]).toEqual([
    { '{}': 1 },
    { '{}': 3 },
    { '{}': 3 },
  ]);
  expect(await registry.metrics()).toContain('prometheus_target_scrapes_sample_duplicate_timestamp_total 2');
});

test('a label value that is not UTF-8 fails the scrape with its line', async () => {
  answerWith(Buffer.from('a 1\nb{c="caf\xe9"} 1\n', 'latin1'));
  await apply();
  await scrape();
  expect(loops()[0].lastError).toContain('line 2: invalid UTF-8 label value');
});
