import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@avalanche/model';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../../../../tests/support/services.ts';
import { type RunningPrometheus, startPrometheus } from '../start.ts';

const isMissing = ['prometheus', 'promtool'].some((name) => spawnSync(name, ['--version']).error !== undefined);

const T = 1_700_000_200;
const VALUES = [0, 1, 1e-7, 1e21, 123_456_789.25, -0];

let directory: string;
let theirs: ChildProcess;
let theirUrl: string;
let ours: RunningPrometheus;

beforeAll(async () => {
  if (isMissing) return;
  directory = mkdtempSync(join(tmpdir(), 'api-compatibility-'));
  writeFileSync(join(directory, 'prometheus.yml'), '{}\n');
  let text = '';
  for (let i = 0; i < 3; i++) {
    for (let s = 0; s < 20; s++) text += `m_total{i="${i}",j="a b"} ${VALUES[(s + i) % 6]} ${T - 200 + s * 15}\n`;
  }
  writeFileSync(join(directory, 'in.om'), `${text}# EOF\n`);
  const data = join(directory, 'theirs');
  spawnSync('promtool', ['tsdb', 'create-blocks-from', 'openmetrics', join(directory, 'in.om'), data]);
  cpSync(data, join(directory, 'ours'), { recursive: true });
  const port = await freePort();
  theirUrl = `http://127.0.0.1:${port}`;
  theirs = spawn(
    'prometheus',
    [
      `--config.file=${join(directory, 'prometheus.yml')}`,
      `--storage.tsdb.path=${data}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--storage.tsdb.retention.time=100y',
      '--enable-feature=promql-per-step-stats',
    ],
    { stdio: 'ignore' },
  );
  ours = await startPrometheus({
    configFile: join(directory, 'prometheus.yml'),
    directory: join(directory, 'ours'),
    listen: { host: '127.0.0.1', port: 0 },
    logger: silentLogger,
    version: 'test',
    storage: { retentionMs: 0 },
    features: { perStepStats: true },
  });
  for (let i = 0; (await fetch(`${theirUrl}/-/ready`).catch(() => null))?.status !== 200; i++) {
    if (i > 200) throw new Error('the real Prometheus does not start');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
});

afterAll(async () => {
  if (isMissing) return;
  const ended = new Promise((resolve) => theirs.once('exit', resolve));
  theirs.kill();
  await Promise.all([ended, ours.stop()]);
  rmSync(directory, { recursive: true });
});

/** Status, headers and body of an answer as text. `request` is `METHOD path`, and a form after a blank (`#` its type). */
async function answer(url: string, request: string): Promise<string> {
  const [method, path, body] = request.split(' ');
  const [form, type = 'application/x-www-form-urlencoded'] = body?.split('#') ?? [];
  const headers = form ? { 'content-type': type } : undefined;
  const init = { method, ...(form && headers ? { body: form, headers } : {}) };
  const response = await fetch(`${url}/api/v1/${path}`, init);
  const { status } = response;
  return [status, response.headers.get('content-type'), response.headers.get('allow'), await response.text()].join(' ');
}

describe.skipIf(isMissing)('beside the real Prometheus 2.42 (skipped where it is missing)', () => {
  test.each([
    `GET query?query=m_total&time=${T}`,
    `GET query?query=m_total[1m]&time=${T}`,
    `GET query?query=m_total*1e-9&time=${T}`,
    `GET query?query=sort(m_total)&time=${T}`,
    `GET query?query=topk(2,m_total)&time=${T}.5`,
    `GET query?query=label_replace(m_total,"i","","","")&time=${T}`,
    'GET query?query=1e-7&time=1',
    'GET query?query=5e-324&time=1.5',
    'GET query?query=-1e22&time=-1.25',
    'GET query?query=NaN&time=1.0009',
    'GET query?query=-Inf&time=2023-11-14T22:16:40Z',
    'GET query?query="x"&time=1.5',
    'GET query?query=up&timeout=x',
    'GET query_range?query=up',
    'GET query_range?query=up&start=x&end=1&step=1',
    'GET query_range?query=up&start=1&end=2023-11-14&step=1',
    'GET query_range?query=up&start=2&end=1&step=1',
    'GET query_range?query=1&start=2023-02-30T00:00:00Z&end=1&step=1',
    'GET query_range?query=1&start=2023-02-28T24:00:00Z&end=1&step=1',
    'GET query_range?query=1&start=2024-02-29T23:59:59.123999Z&end=2024-02-29T21:59:59.124-02:00&step=1',
    `GET label/${'x'.repeat(200)}/values`,
    `GET query?query=1&time=1&x=${'x'.repeat(30_000)}`,
    'POST query?query=1&time=5 query=2#text/plain',
    'POST query?query=1&time=5 {#application/json',
    'GET query_range?query=up&start=1&end=2&step=x',
    'GET query_range?query=up&start=1&end=2&step=0',
    'GET query_range?query=up&start=1&end=2&step=-1',
    'GET query_range?query=up&start=1&end=2&step=1e20',
    'GET query_range?query=up&start=0&end=11001&step=1',
    'GET query_range?query=up&start=0&end=11000.5&step=1',
    'GET query_range?query=1&start=0&end=1&step=0.29',
    `GET query_range?query=m_total&start=${T}&end=${T + 60}&step=20`,
    `GET query_range?query=m_total&start=${T}&end=${T + 60}&step=1m30s`,
    'POST query query=1%2B1&time=5',
    'POST query?time=7 query=1%2B1',
    'POST query query=1%2B1&time=5&time=6',
    'GET format_query?query=sum(x)by(a)',
    'GET query_exemplars?query=x',
    'POST query_exemplars query=x',
    'GET query_exemplars?query=1',
    'GET query_exemplars?query=x&start=2&end=1',
    'GET series',
    'GET series?match[]=m_total',
    'GET series?match[]={}',
    'GET series?match[]={a=""}',
    'GET labels',
    'GET labels?match[]={a=~".*"}',
    'GET label/i/values',
    'GET label/i/values?match[]=m_total{i="1"}',
    'GET label/__name__/values',
    'GET label/i/values?match[]={}',
    'DELETE query?query=1',
    'PUT query?query=1',
    'HEAD query?query=1',
    'POST targets',
    'POST label/i/values',
    'GET admin/tsdb/delete_series?match[]=x',
    'POST admin/tsdb/delete_series?match[]=x',
    'POST admin/tsdb/snapshot',
    'GET metadata?limit=x',
    'GET rules?type=x',
    'GET alerts',
  ])('%s', async (request) => {
    expect(await answer(ours.url, request)).toBe(await answer(theirUrl, request));
  });
});

test.skipIf(isMissing).each(['"\\xff"', 'label_replace(m_total{i="1"},"a","<é\\xff>","","")'])(
  '%s is text that JSON can have, as by 2.42',
  async (query) => {
    const body = async (url: string) => {
      const text = await answer(url, `GET query?query=${encodeURIComponent(query)}&time=${T}`);
      return JSON.parse(text.replace(/^[^{]*/, ''));
    };
    expect(await body(ours.url)).toEqual(await body(theirUrl));
  },
);

describe.skipIf(isMissing)('samples are counted as by 2.42', () => {
  const samplesOf = async (url: string, query: string, range: string) => {
    const text = await answer(url, `GET query${range}&stats=all&query=${encodeURIComponent(query)}`);
    const { totalQueryableSamples, totalQueryableSamplesPerStep } = JSON.parse(text.replace(/^[^{]*/, '')).data.stats
      .samples;
    return { totalQueryableSamples, totalQueryableSamplesPerStep };
  };

  test.each([
    'm_total',
    'm_total + on (i) group_right sum by (i) (m_total)',
    'rate(m_total[1m])',
    'sum(rate(m_total[2m])) / sum(rate(m_total[2m]))',
    'm_total offset 1m',
    `m_total @ ${T}`,
    `rate(m_total[1m] @ ${T}) + m_total`,
    'quantile_over_time(0.5, m_total[90s])',
    'topk(1, m_total) or m_total',
    'label_replace(m_total, "x", "$1", "i", "(.*)") > bool 1',
    'timestamp(m_total)',
    'absent(m_total{i="9"})',
    'time()',
  ])('%s', async (query) => {
    const instant = `?time=${T + 7}`;
    expect(await samplesOf(ours.url, query, instant)).toEqual(await samplesOf(theirUrl, query, instant));
    const range = `_range?start=${T - 203}&end=${T + 397}&step=40`;
    expect(await samplesOf(ours.url, query, range)).toEqual(await samplesOf(theirUrl, query, range));
  });
});

describe.skipIf(isMissing)('what 3.x answers otherwise than 2.42', () => {
  const errorOf = (text: string) =>
    `400 application/json  ${JSON.stringify({ status: 'error', errorType: 'bad_data', error: text })}`;

  test.each([
    [
      'query?query=up&time=x',
      `invalid parameter "time": invalid time value for 'time': cannot parse "x" to a valid timestamp`,
    ],
    [
      'series?match[]=x&start=x',
      `invalid parameter "start": invalid time value for 'start': cannot parse "x" to a valid timestamp`,
    ],
    ['query?query=up&limit=x', 'invalid parameter "limit": strconv.Atoi: parsing "x": invalid syntax'],
    ['query?query=up&limit=-1', 'invalid parameter "limit": limit must be non-negative'],
    ['query?query=up&lookback_delta=x', 'error parsing lookback delta duration: cannot parse "x" to a valid duration'],
    [
      'query_range?query=up[1m]&start=0&end=1&step=1',
      'invalid parameter "query": invalid expression type "range vector" for range query, must be Scalar or instant Vector',
    ],
    ['status/tsdb?limit=x', 'limit must be a positive number'],
    ['status/tsdb?limit=10001', 'limit must not exceed 10000'],
  ])('%s', async (path, error) => {
    expect(await answer(ours.url, `GET ${path}`)).toBe(errorOf(error));
  });

  test('an unknown kind of statistics is a warning, a cut result too', async () => {
    const text = await answer(ours.url, `GET query?query=m_total&time=${T}&limit=1&stats=yes`);
    const { warnings } = JSON.parse(text.slice(text.indexOf('{')));
    expect(warnings).toEqual([
      'results truncated due to limit',
      'value "yes" for parameter "stats" is deprecated and will be rejected in the next major release, use "true" or "all"',
    ]);
  });

  test('the tree of a query', async () => {
    const tree = async (request: string) => JSON.parse((await answer(ours.url, request)).replace(/^[^{]*/, '')).data;
    const expected = { type: 'numberLiteral', val: '-1' };
    expect(await tree('GET parse_query?query=-1')).toEqual(expected);
    expect(await tree('POST parse_query query=-1')).toEqual(expected);
    expect(await answer(ours.url, 'GET parse_query?query=sum(')).toMatch(
      /^400 application\/json {2}\{"status":"error","errorType":"bad_data","error":"invalid parameter \\"query\\": 1:/,
    );
  });

  test('the plan of a query, which is ours', async () => {
    expect(await answer(ours.url, 'GET explain_query?query=-x')).toBe(
      `200 application/json  ${JSON.stringify({ status: 'success', data: { plan: '1:1  -    values stream through\n1:2    x  reads (t-5m, t], each series once\n' } })}`,
    );
    expect(await answer(ours.url, 'GET explain_query?query=x%7B')).toMatch(/^400 .*invalid parameter/);
  });

  test('ten annotations are shown, and how many more there are', async () => {
    const query = Array.from({ length: 13 }, (_, i) => `quantile(${i + 2},m_total)`).join(' or ');
    const text = await answer(ours.url, `GET query?query=${encodeURIComponent(query)}&time=${T}`);
    const { warnings } = JSON.parse(text.slice(text.indexOf('{')));
    expect(warnings).toHaveLength(11);
    expect(warnings[10]).toBe('3 more warning annotations omitted');
  });
});
