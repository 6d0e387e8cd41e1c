import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@avalanche/model';
import { type RunningPrometheus, startPrometheus } from '@avalanche/prometheus';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ours, promtoolIsMissing, type Result } from './promtool-fixture.ts';

const T = 1_700_000_000;

let directory: string;
let server: RunningPrometheus;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'promtool-query-'));
  const values = [0, 1, 1e-7, 1e21, 123_456_789.25, Number.NaN];
  const lines: string[] = [];
  for (let s = 0; s < 20; s++) {
    const time = T + s * 15;
    lines.push(`m_total{i="1",j="<a \\"b\\">"} ${values[s % 6]} ${time}`, `m_total{i="2"} ${s} ${time}`);
    lines.push(`plain ${s} ${time}`);
    for (const [le, n] of [
      ['0.1', s],
      ['1', 3 * s],
      ['10', 3 * s],
      ['+Inf', 3 * s + (s > 10 ? 1 : 0)],
    ]) {
      lines.push(`h_bucket{le="${le}",job="x"} ${n} ${time}`);
    }
  }
  writeFileSync(join(directory, 'in.om'), `${lines.sort().join('\n')}\n# EOF\n`);
  await ours('tsdb', 'create-blocks-from', 'openmetrics', '-q', join(directory, 'in.om'), join(directory, 'data'));
  writeFileSync(join(directory, 'prometheus.yml'), '{}\n');
  server = await startPrometheus({
    configFile: join(directory, 'prometheus.yml'),
    directory: join(directory, 'data'),
    listen: { host: '127.0.0.1', port: 0 },
    logger: silentLogger,
    version: 'test',
    storage: { retentionMs: 0 },
  });
});

afterAll(async () => {
  await server.stop();
  rmSync(directory, { recursive: true });
});

/** Runs the real one beside a server of this process. */
function theirs(...args: readonly string[]): Promise<Result> {
  return new Promise((resolve) => {
    const child = spawn('promtool', args);
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      err += chunk.toString();
    });
    child.once('close', (code) => resolve({ code, out, err }));
  });
}

describe.skipIf(promtoolIsMissing)('beside promtool (skipped where promtool is missing)', () => {
  test.each([
    ['instant', 'URL', 'm_total', `--time=${T + 60}`],
    ['instant', 'URL', 'm_total * 1e-9', `--time=${T + 30}.5`],
    ['instant', 'URL', 'sum(m_total)', '--time=2023-11-14T22:14:20Z'],
    ['instant', 'URL', 'plain', `--time=${T}`],
    ['instant', 'URL', 'nothing', `--time=${T}`],
    ['instant', 'URL', '1e-7', '--time=1.5'],
    ['instant', 'URL', 'm_total[1m]', `--time=${T + 60}`],
    ['instant', 'URL', 'm_total', '--time=yesterday'],
    ['instant', 'URL', 'm_total + on () m_total', `--time=${T + 60}`],
    ['range', 'URL', 'm_total', `--start=${T}`, `--end=${T + 60}`, '--step=20s'],
    ['range', 'URL', 'm_total', `--start=${T}`, `--end=${T + 3000}`],
    ['range', 'URL', 'm_total', `--start=${T}`, `--end=${T}`],
    ['range', 'URL', 'm_total', '--start=x'],
    ['range', 'URL', 'm_total', '--end=x'],
    ['series', 'URL', '--match=m_total', '--match=plain', `--start=${T}`],
    ['series', 'URL', '--match=m_total', `--start=${T + 9000}`],
    ['series', 'URL', '--match={}', `--start=${T}`],
    ['series', 'URL', '--match=m_total', '--start=x'],
    ['labels', 'URL', 'i', '--start=0'],
    ['labels', 'URL', '__name__', '--match={i=~".+"}', `--start=${T}`, `--end=${T + 60}`],
    ['labels', 'URL', 'i', '--end=x'],
  ])('query %s %s %s %s %s %s', async (...args) => {
    const given = args.map((arg) => arg.replace('URL', server.url));
    expect(await ours('query', ...given)).toEqual(await theirs('query', ...given));
    expect(await ours('query', '-o', 'json', ...given)).toEqual(await theirs('query', '-o', 'json', ...given));
  });
});

test('headers, a server without a scheme, and what goes wrong', async () => {
  const address = server.url.replace('http://', '');
  const result = await ours('query', 'instant', '--header', 'X-A=b', address, 'plain', `--time=${T}`, '-ojson');
  expect(result).toEqual({ code: 0, out: `[{"metric":{"__name__":"plain"},"value":[${T},"0"]}]\n`, err: '' });
  expect((await ours('query', 'instant', address, 'sum(')).err).toMatch(
    /^query error: bad_data: invalid parameter "query": 1:5: parse error: /,
  );
  expect((await ours('query', 'instant', 'http://127.0.0.1:1', 'up')).err).toMatch(
    /^query error: Post "http:\/\/127\.0\.0\.1:1\/api\/v1\/query": .*\n$/,
  );
  expect((await ours('query', 'instant', `${address}/nowhere`, 'up')).err).toMatch(
    /^query error: client_error: client error: 404 \(detail: .*\)\n$/,
  );
  expect((await ours('query', 'series', address)).err).toBe(
    "promtool: error: required flag(s) '--match' not provided, try --help\n",
  );
  expect((await ours('query', 'instant', '-o', 'xml', address, 'up')).err).toBe(
    "promtool: error: enum value must be one of promql,json, got 'xml', try --help\n",
  );
});

test('a string is printed as it is', async () => {
  expect((await ours('query', 'instant', server.url, '"a <b>"')).out).toBe('a <b>\n');
});

test('analyze tells how many buckets are used', async () => {
  const args = [`--server=${server.url}`, '--match=h_bucket', '--duration=1m', `--time=${T + 200}`];
  const { code, out } = await ours('query', 'analyze', '--type=histogram', ...args);
  expect(code).toBe(0);
  expect(out).toMatch(/^Bucket stats for each histogram series over time\n-+\n/);
  expect(out).toContain(
    `

- h_bucket{job="x"} (classic): 2/2.750/3/4

Aggregated bucket stats
-----------------------
Each line shows min/avg/max over the series above.

Classic histogram series (1 in total):
- min populated: 2/2.000/2
- avg populated: 2/2.000/2
- max populated: 3/3.000/3
- total: 4/4.000/4
`,
  );
  const refused = await ours('query', 'analyze', '--type=counter', ...args);
  expect(refused).toEqual({ code: 1, out: '', err: "analyze type is counter, must be 'histogram'\n" });
});
