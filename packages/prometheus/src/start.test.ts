import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@avalanche/model';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type RunningPrometheus, startPrometheus } from './start.ts';

let directory = '';
let target: Server;
let body = '';
let scraped = 0;
let status = 200;
let posted: { labels: Record<string, string>; endsAt: string; annotations: Record<string, string> }[] = [];
let prometheus: RunningPrometheus;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'prometheus-'));
  body = 'jobs_total{kind="a b"} 3\nqueue_length 7\n';
  status = 200;
  posted = [];
  target = createServer((request, response) => {
    if (request.url === '/api/v2/alerts') {
      let text = '';
      request.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      request.on('end', () => {
        posted.push(...(JSON.parse(text) as typeof posted));
        response.end('{}');
      });
      return;
    }
    scraped++;
    response.writeHead(status, { 'content-type': 'text/plain; version=0.0.4' }).end(body);
  });
  await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve));
  const { port } = target.address() as AddressInfo;
  mkdirSync(join(directory, 'targets'));
  writeFileSync(join(directory, 'targets', 'app.yml'), `- targets: ['127.0.0.1:${port}']\n  labels: {role: app}\n`);
  writeFileSync(
    join(directory, 'prometheus.yml'),
    `global: {scrape_interval: 100ms, evaluation_interval: 100ms, external_labels: {site: lab}}
rule_files: [rules.yml]
alerting: {alertmanagers: [{static_configs: [{targets: ['127.0.0.1:${port}']}]}]}
scrape_configs:
  - job_name: app
    file_sd_configs: [{files: ['targets/*.yml']}]
`,
  );
  writeFileSync(
    join(directory, 'rules.yml'),
    `groups:
  - name: test
    rules:
      - {record: 'job:queue:double', expr: 'queue_length * 2', labels: {team: x}}
      - alert: QueueLong
        expr: queue_length > 5
        for: 200ms
        labels: {severity: warning}
        annotations: {summary: 'Queue of {{ $labels.instance }} is {{ $value | humanize }} long'}
`,
  );
  await start();
});

afterEach(async () => {
  await prometheus.stop();
  target.closeAllConnections();
  await new Promise((resolve) => target.close(resolve));
  rmSync(directory, { recursive: true });
});

async function start(): Promise<void> {
  prometheus = await startPrometheus({
    configFile: join(directory, 'prometheus.yml'),
    directory: join(directory, 'data'),
    listen: { host: '127.0.0.1', port: 0 },
    logger: silentLogger,
    version: 'test',
    enableLifecycle: true,
  });
}

async function api<T>(path: string): Promise<T> {
  const response = await fetch(`${prometheus.url}/api/v1/${path}`);
  return ((await response.json()) as { data: T }).data;
}

type Vector = { result: { metric: Record<string, string>; value: [number, string] }[] };
const query = async (text: string) => (await api<Vector>(`query?query=${encodeURIComponent(text)}`)).result;

/** Waits for a condition that real time brings about, at most five seconds. */
async function until<T>(read: () => Promise<T>, accept: (value: T) => boolean): Promise<T> {
  for (let i = 0; ; i++) {
    const value = await read();
    if (accept(value)) return value;
    if (i > 100) throw new Error(`not reached: ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

test('scrapes, records, alerts, and tells Alertmanager of firing and resolved', async () => {
  const [sample] = await until(
    () => query('job:queue:double'),
    (result) => result.length === 1,
  );
  expect(sample.metric).toMatchObject({ __name__: 'job:queue:double', team: 'x', job: 'app', role: 'app' });
  expect(sample.value[1]).toBe('14');
  expect((await query('up{job="app"}'))[0].value[1]).toBe('1');
  expect((await query('scrape_samples_scraped'))[0].value[1]).toBe('2');

  const [alert] = await until(
    async () => posted,
    (alerts) => alerts.length > 0,
  );
  expect(alert.labels).toMatchObject({ alertname: 'QueueLong', severity: 'warning', site: 'lab' });
  expect(alert.annotations.summary).toMatch(/^Queue of 127\.0\.0\.1:\d+ is 7 long$/);
  expect((await query('ALERTS{alertstate="firing"}')).length).toBe(1);

  body = 'queue_length 1\n';
  await until(
    async () => posted,
    (alerts) => alerts.some((a) => Date.parse(a.endsAt) <= Date.now()),
  );
  expect(await query('ALERTS')).toEqual([]);
  expect(await query('jobs_total')).toEqual([]);
});

test('a target that fails is down with its reason, and its series end', async () => {
  await until(
    () => query('queue_length'),
    (result) => result.length === 1,
  );
  status = 503;
  await until(
    () => query('up == 0'),
    (result) => result.length === 1,
  );
  expect(await query('queue_length')).toEqual([]);
  const { activeTargets } = await api<{ activeTargets: { health: string; lastError: string }[] }>('targets');
  expect(activeTargets[0]).toMatchObject({
    health: 'down',
    lastError: 'server returned HTTP status 503 Service Unavailable',
  });
  status = 200;
  body = 'queue_length x\n';
  await until(
    () => api<typeof activeTargets extends infer T ? { activeTargets: T } : never>('targets'),
    (targets) => targets.activeTargets[0].lastError.startsWith('line 1: strconv.ParseFloat: parsing "x"'),
  );
});

test('a bad configuration is refused whole, and the running one goes on', async () => {
  await until(
    () => query('up'),
    (result) => result.length === 1,
  );
  const file = join(directory, 'prometheus.yml');
  writeFileSync(file, 'scrape_configs:\n  - job_name: app\n    scrape_intervall: 5s\n');
  const response = await fetch(`${prometheus.url}/-/reload`, { method: 'POST' });
  expect(response.status).toBe(500);
  expect(await response.text()).toContain('prometheus.yml:3: scrape_configs[0].scrape_intervall: unknown key');
  expect(await (await fetch(`${prometheus.url}/metrics`)).text()).toContain(
    'prometheus_config_last_reload_successful 0',
  );
  expect((await api<{ activeTargets: unknown[] }>('targets')).activeTargets).toHaveLength(1);
});

test('a target file that changes changes the targets', async () => {
  await until(
    () => query('up'),
    (result) => result.length === 1,
  );
  writeFileSync(join(directory, 'targets', 'app.yml'), '[]\n');
  await until(
    () => query('up'),
    (result) => result.length === 0,
  );
});

test('samples outlive a restart', async () => {
  await until(
    () => query('queue_length'),
    (result) => result.length === 1,
  );
  const path = `query?query=${encodeURIComponent('queue_length[1m]')}&time=${Date.now() / 1000}`;
  type Matrix = { result: { values: unknown[] }[] };
  const before = (await api<Matrix>(path)).result[0].values;
  await prometheus.stop();
  await start();
  const after = (await api<Matrix>(path)).result[0].values;
  expect(after.slice(0, before.length)).toEqual(before);
});

test.each([
  ['query?query=', 400, 'bad_data', 'invalid parameter "query": '],
  ['query?query=up%5B', 400, 'bad_data', 'invalid parameter "query": 1:'],
  ['query_range?query=up&start=0&end=1', 400, 'bad_data', 'invalid parameter "step"'],
  ['query_range?query=up&start=1&end=0&step=1', 400, 'bad_data', 'end timestamp must not be before start time'],
  ['query_range?query=up&start=0&end=1e6&step=1', 400, 'bad_data', 'exceeded maximum resolution of 11,000 points'],
  ['query?query=up&time=yesterday', 400, 'bad_data', 'cannot parse "yesterday" to a valid timestamp'],
  ['query?query=up&time=1e999', 400, 'bad_data', 'cannot parse "1e999" to a valid timestamp'],
  ['query_range?query=up&start=1e17&end=1e17&step=1', 400, 'bad_data', 'cannot parse "1e17"'],
  ['query_range?query=up&start=0&end=1&step=0.0001', 400, 'bad_data', 'zero or negative query resolution'],
  ['query_range?query=up&start=0&end=1&step=1e12', 400, 'bad_data', 'It overflows int64'],
  ['format_query?query=up%5B', 400, 'bad_data', 'invalid parameter "query": 1:'],
  ['series', 400, 'bad_data', 'no match[] parameter provided'],
  ['series?match[]=%7B%7D', 400, 'bad_data', 'at least one non-empty matcher'],
])('%s is refused with %i %s', async (path, code, errorType, message) => {
  const response = await fetch(`${prometheus.url}/api/v1/${path}`);
  const answer = (await response.json()) as { status: string; errorType: string; error: string };
  expect([response.status, answer.status, answer.errorType]).toEqual([code, 'error', errorType]);
  expect(answer.error).toContain(message);
});

test('a form and the address are one set of parameters, and a cut answer says so', async () => {
  await until(
    () => query('up'),
    (result) => result.length === 1,
  );
  const response = await fetch(`${prometheus.url}/api/v1/series?match[]=up&limit=1`, {
    method: 'POST',
    body: new URLSearchParams([['match[]', 'queue_length']]),
  });
  const { data, warnings } = (await response.json()) as { data: Record<string, string>[]; warnings: string[] };
  expect([data.length, data[0].__name__, warnings]).toEqual([1, 'queue_length', ['results truncated due to limit']]);
});

test('reloads at the same time leave one scrape loop a target', async () => {
  await until(
    () => query('up'),
    (result) => result.length === 1,
  );
  const file = join(directory, 'prometheus.yml');
  const text = readFileSync(file, 'utf8');
  const reloads = [10, 20, 30].map((ms) => {
    writeFileSync(file, text.replace('- job_name: app', `- job_name: app\n    scrape_timeout: ${ms}ms`));
    return prometheus.reload();
  });
  await Promise.all(reloads);
  writeFileSync(file, 'global: {}\n');
  await prometheus.reload();
  scraped = 0;
  await new Promise((resolve) => setTimeout(resolve, 250));
  expect(scraped).toBe(0);
});
