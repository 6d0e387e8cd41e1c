import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@avalanche/model';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type RunningPrometheus, startPrometheus } from '../start.ts';

let directory: string;
let prometheus: RunningPrometheus;

const logFile = () => join(directory, 'query.log');
const configure = (global: string, rest = '') =>
  writeFileSync(join(directory, 'prometheus.yml'), `global: {${global}}\n${rest}`);
const lines = () =>
  readFileSync(logFile(), 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'queries-'));
  configure('evaluation_interval: 50ms');
  prometheus = await startPrometheus({
    configFile: join(directory, 'prometheus.yml'),
    directory: join(directory, 'data'),
    listen: { host: '127.0.0.1', port: 0 },
    logger: silentLogger,
    version: 'test',
    queryMaxConcurrency: 7,
  });
});

afterEach(async () => {
  await prometheus.stop();
  rmSync(directory, { recursive: true });
});

const api = (path: string, init?: RequestInit) => fetch(`${prometheus.url}/api/v1/${path}`, init);
const metrics = async () => (await fetch(`${prometheus.url}/metrics`)).text();

test('the query log is switched on and off by a reload, and begins anew where it was moved away', async () => {
  await api('query?query=before');
  configure('query_log_file: query.log');
  await prometheus.reload();
  expect(await metrics()).toContain('prometheus_engine_query_log_enabled 1\n');
  await api('query_range?query=vector(1)&start=0&end=3600&step=5.5');
  await api('query', {
    method: 'POST',
    body: new URLSearchParams({ query: 'vector(1) + on () (x or vector(2))', time: '1.5' }),
  });
  await api('query?query=label_replace(vector(1),"","","","")&time=0');
  const [range, instant, failed] = lines();
  expect(Object.keys(range)).toEqual([
    'time',
    'level',
    'source',
    'msg',
    'params',
    'stats',
    'spanID',
    'traceID',
    'httpRequest',
  ]);
  expect(range).toMatchObject({
    level: 'INFO',
    msg: 'promql query logged',
    params: { query: 'vector(1)', start: '1970-01-01T00:00:00.000Z', end: '1970-01-01T01:00:00.000Z', step: 5 },
    httpRequest: { clientIP: '127.0.0.1', method: 'GET', path: '/api/v1/query_range' },
  });
  expect(range.stats.timings.execTotalTime).toBeGreaterThan(0);
  expect(Object.keys(range.stats.samples)).toEqual(['totalQueryableSamples', 'samplesRead', 'peakSamples']);
  expect(instant).toMatchObject({
    params: { start: '1970-01-01T00:00:01.500Z', end: '1970-01-01T00:00:01.500Z', step: 0 },
    httpRequest: { method: 'POST', path: '/api/v1/query' },
  });
  expect(failed.error).toContain('label_replace');

  renameSync(logFile(), `${logFile()}.1`);
  await prometheus.reload();
  await api('query?query=2');
  expect(lines().map(({ params }) => params.query)).toEqual(['2']);

  configure('');
  await prometheus.reload();
  await api('query?query=3');
  expect(lines()).toHaveLength(1);
  expect(await metrics()).toContain('prometheus_engine_query_log_enabled 0\n');
});

test('queries of rules tell their group', async () => {
  const rules = join(directory, 'rules.yml');
  writeFileSync(rules, 'groups: [{name: g, rules: [{record: r, expr: vector(1)}]}]\n');
  configure('query_log_file: query.log, evaluation_interval: 50ms', 'rule_files: [rules.yml]\n');
  await prometheus.reload();
  for (let i = 0; lines().length === 0 && i < 100; i++) await new Promise((resolve) => setTimeout(resolve, 20));
  expect(lines()[0]).toMatchObject({ params: { query: 'vector(1)' }, ruleGroup: { file: rules, name: 'g' } });
});

test('a subquery without a step has that of the evaluation of rules, as the last reload has it', async () => {
  const points = async () => {
    const answer = await api(`query?time=100&query=${encodeURIComponent('count_over_time(vector(1)[20s:])')}`);
    return ((await answer.json()) as { data: { result: { value: [number, string] }[] } }).data.result[0].value[1];
  };
  configure('evaluation_interval: 5s');
  await prometheus.reload();
  expect(await points()).toBe('4');
  configure('evaluation_interval: 1s');
  await prometheus.reload();
  expect(await points()).toBe('20');
});

test('a log that cannot be opened fails the reload, and the one from before goes on', async () => {
  configure('query_log_file: query.log');
  await prometheus.reload();
  configure('query_log_file: missing/query.log');
  await expect(prometheus.reload()).rejects.toThrow("can't create json log file: ENOENT");
  await api('query?query=1');
  expect(lines()).toHaveLength(1);
});

test("self metrics have upstream's names", async () => {
  await api('query_range?query=vector(1)&start=0&end=60&step=5');
  const text = await metrics();
  expect(text).toContain('prometheus_engine_queries 0\n');
  expect(text).toContain('prometheus_engine_queries_concurrent_max 7\n');
  expect(text).toContain('# TYPE prometheus_engine_query_samples_total counter\n');
  expect(text).toContain('# TYPE prometheus_engine_query_duration_seconds summary\n');
  expect(text).toContain('# TYPE prometheus_engine_query_duration_histogram_seconds histogram\n');
  for (const slice of ['queue_time', 'prepare_time', 'inner_eval', 'result_sort']) {
    expect(text).toMatch(
      new RegExp(`prometheus_engine_query_duration_seconds\\{slice="${slice}",quantile="0.9"\\} [\\d.e-]+\\n`),
    );
    expect(text).toContain(`prometheus_engine_query_duration_seconds_count{slice="${slice}"} 1\n`);
    expect(text).toContain(`prometheus_engine_query_duration_histogram_seconds_bucket{slice="${slice}",le="+Inf"} 1\n`);
  }
  expect(text).toMatch(/prometheus_engine_query_duration_histogram_seconds_bucket\{slice="inner_eval",le="10"\} 1\n/);
});
