import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Labels, silentLogger } from '@avalanche/model';
import { Tsdb } from '@avalanche/tsdb';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PrometheusOptions } from '../options.ts';
import { type RunningPrometheus, startPrometheus } from '../start.ts';

const TIME = 1_700_000_000;
const SERIES = 3000;

let directory: string;
let role: RunningPrometheus;
let options: PrometheusOptions;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'direct-'));
  const configFile = join(directory, 'prometheus.yml');
  writeFileSync(configFile, '{}\n');
  const tsdb = await Tsdb.open({ directory: join(directory, 'data'), autoMaintenance: false });
  const appender = tsdb.appender();
  for (let i = 0; i < SERIES; i++) {
    const labels = { __name__: 'm_total', i: `${i}`, é: 'ü"' };
    appender.append(appender.seriesRef(Labels.from(labels)), TIME * 1000, i / 3);
  }
  appender.commit();
  await tsdb.close();
  options = {
    configFile,
    directory: join(directory, 'data'),
    listen: { host: '127.0.0.1', port: 0 },
    logger: silentLogger,
    version: '1.2.3',
  };
  role = await startPrometheus(options);
});

afterAll(async () => {
  await role.stop();
  rmSync(directory, { recursive: true });
});

interface Answer {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

/** On a connection of its own. */
function ask(url: string, headers = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const agent = new Agent({ keepAlive: true });
    const request = get(url, { agent, headers }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('error', reject);
      response.on('end', () => {
        agent.destroy();
        const { date: _, ...others } = response.headers;
        resolve({ status: response.statusCode, headers: others, body: Buffer.concat(parts).toString('latin1') });
      });
    });
    request.on('error', reject);
  });
}

/** What Node's server adds, as ours does not: only it says how long it keeps a connection. */
const isNodes = ({ headers }: Answer) => 'keep-alive' in headers;
const comparable = ({ status, headers, body }: Answer) => {
  const { connection: _connection, 'keep-alive': _keepAlive, ...others } = headers;
  return { status, headers: others, body };
};

test.each([
  `query?query=m_total{i="7"}&time=${TIME}`,
  `query?query=m_total&time=${TIME}`,
  `query?query=m_total&limit=5&time=${TIME}`,
  'query?query=1&time=1',
  'query?query=1&time=x',
  'query?query=1%2B&time=1',
  'query?query=%ff',
  'query',
  `query_range?query=m_total&start=${TIME - 60}&end=${TIME + 60}&step=1`,
  `query_range?query=sum(m_total)&start=${TIME}&end=${TIME}&step=0`,
  `series?match[]=m_total&start=${TIME - 60}&end=${TIME}`,
  'series',
  'labels',
  'labels?match[]={i="7"}&match[]={i="8"}',
  'label/i/values',
  'label/U___xe9_/values',
  'label/U__i/values?limit=2',
  'label/%C3%A9/values',
  'label//values',
  'metadata',
  'targets',
  'rules',
  'status/config',
  'status/flags',
  'nothing',
])('GET /api/v1/%s is answered as by Node and Fastify', async (path) => {
  for (const headers of [{}, { 'accept-encoding': 'gzip' }]) {
    const url = `${role.url}/api/v1/${path}`;
    const [direct, node] = [await ask(url, headers), await ask(url, { ...headers, te: 'trailers' })];
    expect(isNodes(node)).toBe(true);
    expect(isNodes(direct)).toBe(/%C3|\/\/|nothing/.test(path));
    expect(comparable(direct)).toEqual(comparable(node));
  }
});

test('what is answered directly is counted with all else', async () => {
  const count = async () => {
    const { body } = await ask(`${role.url}/metrics`);
    const of = (name: string) =>
      Number(new RegExp(`^${name}(?:.*,|)\\{?handler="/api/v1/label/:name/values"[^ ]* (.*)$`, 'm').exec(body)?.[1]);
    return {
      requests: of('prometheus_http_requests_total\\{'),
      timed: of('prometheus_http_request_duration_seconds_count\\{'),
      bytes: of('prometheus_http_response_size_bytes_sum\\{'),
    };
  };
  const before = await count();
  const { body } = await ask(`${role.url}/api/v1/label/i/values`);
  const after = await count();
  expect(after.requests - before.requests).toBe(1);
  expect(after.timed - before.timed).toBe(1);
  expect(after.bytes - before.bytes).toBe(body.length);
});

test('behind a prefix, and with users, nothing is', async () => {
  const web = join(directory, 'web.yml');
  writeFileSync(web, '{}\n');
  for (const [one, prefix] of [
    [{ routePrefix: '/p' }, '/p'],
    [{ configFile: web }, ''],
  ] as const) {
    const other = await startPrometheus({ ...options, directory: join(directory, `data${prefix}-2`), web: one });
    const answer = await ask(`${other.url}${prefix}/api/v1/labels`);
    await other.stop();
    expect([answer.status, isNodes(answer)]).toEqual([200, true]);
  }
});
