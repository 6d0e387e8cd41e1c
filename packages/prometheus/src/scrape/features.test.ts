import { readFileSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import { type Labels, type ManualClock, Matcher, SampleColumns } from '@avalanche/model';
import type { Tsdb } from '@avalanche/tsdb';
import type { Registry } from 'prom-client';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Params } from '../api/params.ts';
import {
  isoTime,
  metadataResponse,
  relabelStepsResponse,
  targetMetadataResponse,
  targetsResponse,
} from '../api/targets.ts';
import type { ScrapeLoop } from './loop.ts';
import type { ScrapeManager } from './manager.ts';
import { INTERVAL_MS, ScrapeStage, START_MS } from './testing.ts';

const interval = INTERVAL_MS;
const START = START_MS;
const OPENMETRICS = 'application/openmetrics-text; version=1.0.0; charset=utf-8';
let stage: ScrapeStage;
let directory = '';
let tsdb: Tsdb;
let clock: ManualClock;
let manager: ScrapeManager;
let address = '';
let registry: Registry;
let seen: IncomingHttpHeaders[] = [];
let answer: { body: string; type: string };

beforeEach(async () => {
  seen = [];
  answerWith('a 1\nb 2\n');
  stage = await ScrapeStage.open((request, response) => {
    if (request.url === '/discovery') {
      const groups = [{ targets: [address] }];
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(groups));
      return;
    }
    seen.push(request.headers);
    response.writeHead(200, { 'content-type': answer.type }).end(answer.body);
  });
  ({ directory, tsdb, clock, manager, registry, address } = stage);
});
afterEach(() => stage.end());

function answerWith(body: string, type = 'text/plain; version=0.0.4'): void {
  answer = { body, type };
}

const apply = (job: object = {}, targets = [address]) => stage.apply(job, targets);
const scrape = () => stage.scrape();
const loops = (): readonly ScrapeLoop[] => stage.loops;

/** Series of a metric name: their labels but for `job` and `instance`, and all values, `NaN` for a staleness marker. */
async function series(name: string): Promise<Record<string, number[]>> {
  const out: Record<string, number[]> = {};
  for (const { labels, samples } of await stage.series(name)) {
    out[labels.without('__name__', 'job', 'instance').toString()] = [...samples.v.subarray(0, samples.length)];
  }
  return out;
}

test('what is asked for follows scrape_protocols and the escaping scheme', async () => {
  await apply();
  await scrape();
  expect(seen[0]).toMatchObject({
    accept:
      'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2',
    'accept-encoding': 'gzip',
    'x-prometheus-scrape-timeout-seconds': '10',
  });
  await apply({
    scrape_protocols: ['PrometheusText1.0.0'],
    metric_name_escaping_scheme: 'underscores',
    enable_compression: false,
    http_headers: { 'X-Scope': { values: ['one'] } },
  });
  await scrape();
  expect(seen.at(-1)).toMatchObject({
    accept: 'text/plain;version=1.0.0;escaping=underscores;q=0.6,*/*;q=0.5',
    'accept-encoding': 'identity',
    'x-scope': 'one',
  });
});

test.each([
  [{ label_limit: 2 }, 'a{b="c"} 1\n', 'label_limit exceeded (metric: a, number of labels: 4, limit: 2)'],
  [
    { label_name_length_limit: 8 },
    `a{${'n'.repeat(60)}="c"} 1\n`,
    `label_name_length_limit exceeded (metric: a, label name: ${'n'.repeat(50)}, length: 60, limit: 8)`,
  ],
  [
    { label_value_length_limit: 30 },
    `a{b="${'v'.repeat(60)}"} 1\n`,
    `label_value_length_limit exceeded (metric: a, label name: b, value: "${'v'.repeat(50)}", length: 60, limit: 30)`,
  ],
  [
    { metric_name_validation_scheme: 'legacy', metric_name_escaping_scheme: 'underscores' },
    '{"my.metric"} 1\n',
    'invalid metric name or label names: {__name__="my.metric", instance="$", job="j"}',
  ],
  [
    { metric_relabel_configs: [{ action: 'labeldrop', regex: '__name__' }] },
    'a 1\n',
    'missing metric name (__name__ label)',
  ],
])('%j refuses %j', async (job, body, error) => {
  answerWith(body);
  await apply(job);
  await scrape();
  expect(loops()[0].lastError).toBe(error.replace('$', address));
});

test('labels that a target label displaces are moved, shorter names first', async () => {
  answerWith('a{site="own",exported_site="older"} 1\n');
  await apply({ static_configs: [{ targets: [address], labels: { site: 'lab', exported_site: 'mine' } }] });
  await scrape();
  const moved =
    '{exported_exported_exported_site="older", exported_exported_site="own", exported_site="mine", site="lab"}';
  expect(Object.keys(await series('a'))).toEqual([moved]);
});

test('extra_scrape_metrics adds three series; the body is counted as it came out', async () => {
  await apply({ extra_scrape_metrics: true, sample_limit: 5, scrape_timeout: '2s' });
  await scrape();
  answerWith('a 1\n'.repeat(10), 'text/plain');
  await apply({ extra_scrape_metrics: true, sample_limit: 5, scrape_timeout: '2s', body_size_limit: '10B' });
  await scrape();
  const last = async (name: string) => Object.values(await series(name))[0];
  expect(await last('scrape_timeout_seconds')).toEqual([2, 2]);
  expect(await last('scrape_sample_limit')).toEqual([5, 5]);
  expect(await last('scrape_body_size_bytes')).toEqual([8, -1]);
});

test('series of a target that is gone end after a pause, at the time of the scrape that did not come', async () => {
  const targets = [{ targets: [address, address.replace('127.0.0.1', 'localhost')] }];
  await apply({ static_configs: targets });
  await scrape();
  const [, gone] = loops();
  const due = gone.dueAt;
  const pools = manager as unknown as { pools: Map<string, { update(found: readonly unknown[]): void }> };
  pools.pools.get('j')?.update([loops()[0].target.discoveredLabels]);
  await clock.advance(due - clock.now() + interval);
  const up = async () => {
    const querier = tsdb.querier(0, Infinity);
    const [selected] = await querier.select([
      new Matcher('=', '__name__', 'up'),
      new Matcher('=~', 'instance', 'localhost.*'),
    ]);
    const samples = new SampleColumns();
    selected.read(0, Infinity, samples);
    querier.close();
    return { last: samples.t[samples.length - 1], stale: samples.isStale(samples.length - 1) };
  };
  expect(await up()).toMatchObject({ stale: false });
  await clock.advance(interval * 0.11);
  expect(await up()).toEqual({ last: due, stale: true });
});

test('a job that changes goes on with what its targets have been, and ends the series that it makes no more', async () => {
  await apply();
  answerWith('oops\n');
  await scrape();
  answerWith('a 1\nb 2\n');
  await scrape();
  const { lastScrape } = loops()[0];
  await apply({ metric_relabel_configs: [{ action: 'drop', source_labels: ['__name__'], regex: 'b' }] });
  expect(loops()[0]).toMatchObject({ health: 'up', lastScrape });
  expect(loops()[0].failures).toHaveLength(1);
  await scrape();
  expect([await series('a'), await series('b')]).toEqual([{ '{}': [1, 1] }, { '{}': [2, NaN] }]);
});

/** Tells the pool what discovery has found. */
function found(labels: readonly Labels[]): void {
  const { pools } = manager as unknown as { pools: Map<string, { update(found: readonly Labels[]): void }> };
  pools.get('j')?.update(labels);
}

test('a target that is away for a moment goes on with its series, and ends those that it has no more', async () => {
  await apply();
  await scrape();
  const { discoveredLabels } = loops()[0].target;
  found([]);
  await clock.advance(interval);
  found([discoveredLabels.with({ __meta_a: 'b' })]);
  answerWith('a 1\n');
  await scrape();
  await clock.advance(3 * interval);
  await scrape();
  expect((await series('b'))['{}']).toEqual([2, NaN]);
  expect((await series('a'))['{}']).not.toContain(NaN);
});

test('series of a target that went right before its job changed end too', async () => {
  await apply({}, [address, address.replace('127.0.0.1', 'localhost')]);
  await scrape();
  found([loops()[0].target.discoveredLabels]);
  await clock.advance(1);
  await apply({ scrape_timeout: '5s' }, [address]);
  await clock.advance(2.2 * interval);
  const querier = tsdb.querier(0, Infinity);
  const isOther = new Matcher('=~', 'instance', 'localhost.*');
  const [up] = await querier.select([new Matcher('=', '__name__', 'up'), isOther]);
  const samples = new SampleColumns();
  up.read(0, Infinity, samples);
  querier.close();
  expect([...samples.v.subarray(0, samples.length)]).toEqual([1, NaN]);
});

test('a job that changes ends nothing of targets that are only to be found again', async () => {
  const job = { static_configs: [], http_sd_configs: [{ url: `http://${address}/discovery` }] };
  await apply(job);
  await vi.waitFor(() => expect(loops()).toHaveLength(1));
  await scrape();
  await apply({ ...job, scrape_timeout: '5s' });
  await vi.waitFor(() => expect(loops()).toHaveLength(1));
  await scrape();
  expect([await series('a'), await series('up')]).toEqual([{ '{}': [1, 1] }, { '{}': [1, 1] }]);
});

test('a target that goes before its changed job has scraped it ends too, with what the job had of it', async () => {
  await apply({ extra_scrape_metrics: true });
  await scrape();
  await apply();
  await apply({ scrape_timeout: '5s' }, []);
  await clock.advance(2.2 * interval);
  for (const name of ['a', 'up', 'scrape_timeout_seconds']) expect((await series(name))['{}'].at(-1)).toBe(NaN);
});

test('what discovery says of a target is shown as it is now', async () => {
  await apply();
  const [loop] = loops();
  found([loop.target.discoveredLabels.with({ __meta_state: 'new' })]);
  expect(loops()).toEqual([loop]);
  expect(loop.target.discoveredLabels.get('__meta_state')).toBe('new');
});

test('failures are written to the file of the job', async () => {
  const file = join(directory, 'failures.log');
  answerWith('oops\n');
  await apply({ scrape_failure_log_file: file });
  await scrape();
  expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({
    level: 'ERROR',
    msg: expect.stringContaining('line 1: expected value after metric'),
    job_name: 'j',
    target: `http://${address}/metrics`,
  });
});

test('exemplars go with their samples, once', async () => {
  manager = await stage.restart({ exemplars: true });
  answerWith('a_total 1 # {trace_id="x"} 0.5\nb_total 2 # {trace_id="y"} 1 1699999990\n# EOF\n', OPENMETRICS);
  await apply();
  await scrape();
  await scrape();
  const found = tsdb.exemplars.select(0, Infinity, [[new Matcher('=~', '__name__', '.+')]]);
  expect(
    found.map(({ seriesLabels, exemplars }) => [
      seriesLabels.metricName,
      exemplars.map(({ labels, value, time }) => [labels.toJSON(), value, time]),
    ]),
  ).toEqual([
    ['a_total', [[{ trace_id: 'x' }, 0.5, expect.any(Number)]]],
    ['b_total', [[{ trace_id: 'y' }, 1, 1_699_999_990_000]]],
  ]);
});

test('a counter that says when it began has a zero there', async () => {
  manager = await stage.restart({ startTimeZeros: true });
  const began = START - 60_000;
  answerWith(`# TYPE a counter\na_total 5\na_created ${began / 1000}\n# EOF\n`, OPENMETRICS);
  await apply();
  await scrape();
  await scrape();
  expect(await series('a_total')).toEqual({ '{}': [0, 5, 5] });
  expect(await series('a_created')).toEqual({});
});

test('what targets say of their metrics is told, and forgotten some scrapes after it is gone', async () => {
  answerWith('# HELP a one\n# TYPE a counter\na 1\n# TYPE b gauge\nb 2\n');
  await apply();
  await scrape();
  const params = (query: Record<string, string> = {}) => new Params(query);
  const target = { instance: address, job: 'j' };
  const a = { type: 'counter', help: 'one', unit: '' };
  const b = { type: 'gauge', help: '', unit: '' };
  const told = (query?: Record<string, string>) =>
    JSON.parse(JSON.stringify(targetMetadataResponse(manager, params(query))));
  expect(told()).toEqual([
    { target, metric: 'a', ...a },
    { target, metric: 'b', ...b },
  ]);
  expect(told({ metric: 'a' })).toEqual([{ target, ...a }]);
  expect([told({ match_target: '{job="k"}' }), told({ limit: '0' })]).toEqual([[], []]);
  expect(() => told({ match_target: '{' })).toThrow('invalid parameter "match_target"');
  answerWith('# HELP a one\n# TYPE a counter\na 1\n');
  for (let i = 0; i < 13; i++) await scrape();
  expect(metadataResponse(manager, params())).toEqual({ a: [a] });
  const text = await registry.metrics();
  expect(text).toContain('prometheus_target_metadata_cache_entries{scrape_job="j"} 1');
  expect(text).toContain('prometheus_target_interval_length_seconds{interval="10s",quantile="0.5"}');
});

test('dropped targets are counted, and kept as far as the job wants', async () => {
  const own = { external: new URL('https://mon.example:8443/x'), port: '9090' };
  const relabel_configs = [{ action: 'drop', source_labels: ['__address__'], regex: 'drop.*' }];
  await apply({ relabel_configs, keep_dropped_targets: 1 }, [address, 'drop1:80', 'drop2:80', 'localhost:9090']);
  const shown = (query: Record<string, string>) => targetsResponse(manager, new Params(query), own);
  expect(shown({})).toMatchObject({
    activeTargets: [
      { globalUrl: `http://mon.example:${address.split(':')[1]}/metrics`, lastScrape: isoTime(0), health: 'unknown' },
      { globalUrl: 'https://mon.example:8443/metrics' },
    ],
    droppedTargets: [{ scrapePool: 'j' }],
    droppedTargetCounts: { j: 2 },
  });
  expect(shown({ state: 'ACTIVE' })).toMatchObject({ droppedTargets: [], droppedTargetCounts: null });
  expect(shown({ state: 'dropped' }).activeTargets).toEqual([]);
  expect(shown({ scrapePool: 'k' }).activeTargets).toEqual([]);
  const steps = relabelStepsResponse(manager, new Params({ scrapePool: 'j', labels: '{"__address__":"drop1"}' }));
  const rule = { source_labels: ['__address__'], separator: ';', regex: 'drop.*', replacement: '$1', action: 'drop' };
  expect(JSON.parse(JSON.stringify(steps))).toEqual({ steps: [{ rule, output: {}, keep: false }] });
});
