import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { freePort } from '../../../../tests/support/services.ts';
import { ours, promtoolIsMissing, START_MS, theirs } from './promtool-fixture.ts';

const START = START_MS / 1000;
const missing = promtoolIsMissing || spawnSync('prometheus', ['--version']).error !== undefined;

const RULES = `groups:
  - name: one
    interval: 30s
    rules:
      - record: job:value:sum
        expr: sum by (job) (value)
        labels: {origin: backfill}
      - record: odd
        expr: value{job="a"} / 0
  - name: two
    rules:
      - record: all:value:max
        expr: max(value)
`;

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'rules-'));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe.skipIf(missing)('beside promtool and prometheus (skipped where one is missing)', () => {
  test('the same blocks are made of the same rules', async () => {
    const data = join(directory, 'data');
    const input = join(directory, 'input.om');
    const lines = Array.from({ length: 400 }, (_, i) => [
      `value{job="a"} ${i % 7} ${START + i * 30}`,
      `value{job="b",x="${i % 3}"} ${i * 1.5} ${START + i * 30}`,
    ]);
    writeFileSync(input, `${lines.flat().join('\n')}\n# EOF\n`);
    await ours('tsdb', 'create-blocks-from', 'openmetrics', '-q', input, data);
    const rules = join(directory, 'rules-of-a-file-with-a-long-name.yml');
    writeFileSync(rules, RULES);
    const server = await startPrometheus(data);
    try {
      const flags = [`--url=${server.url}`, `--start=${START + 601}`, `--end=${START + 11_000}`, rules];
      const create = ['tsdb', 'create-blocks-from', 'rules'];
      expect((await ours(...create, `--output-dir=${join(directory, 'ours')}`, ...flags)).code).toBe(0);
      expect(theirs(...create, `--output-dir=${join(directory, 'theirs')}`, ...flags).code).toBe(0);
    } finally {
      await server.stop();
    }
    const ranges = blockRanges('ours');
    expect(ranges).toEqual(blockRanges('theirs'));
    expect(ranges.length).toBe(6);
    const dump = (name: string) => theirs('tsdb', 'dump', join(directory, name));
    for (const name of ['ours', 'theirs']) mkdirSync(join(directory, name, 'wal'), { recursive: true });
    expect(dump('ours')).toEqual(dump('theirs'));
    expect(dump('ours').out).toContain('{__name__="job:value:sum", job="b", origin="backfill"}');
  }, 15_000);

  test.each([
    [['f.yml'], "promtool: error: path 'f.yml' does not exist, try --help\n"],
    [['/dev/null'], "promtool: error: required flag(s) '--start' not provided, try --help\n"],
    [['--start=5', '/'], "promtool: error: '/' is a directory, try --help\n"],
    [['--start=x', '/dev/null'], 'error parsing start time: cannot parse "x" to a valid timestamp\n'],
    [['--start=5', '--end=4', '/dev/null'], 'start time is not before end time\n'],
    [['--start=5'], "promtool: error: required argument 'rule-files' not provided, try --help\n"],
  ])('%j fails the same', async (args, message) => {
    const create = ['tsdb', 'create-blocks-from', 'rules', ...args];
    expect(await ours(...create)).toEqual({ code: 1, out: '', err: message });
    // 2.42 writes `flag` and no quotes.
    const old = message.replace("flag(s) '--start'", 'flag --start');
    expect(theirs(...create)).toEqual({ code: 1, out: '', err: old });
  });

  test('a server that cannot be reached is told for each rule', async () => {
    const rules = join(directory, 'rules.yml');
    writeFileSync(rules, RULES);
    const url = `http://127.0.0.1:${await freePort()}`;
    const flags = [`--url=${url}`, `--output-dir=${directory}`, '--start=5', '--end=500', rules];
    const { code, err } = await ours('tsdb', 'create-blocks-from', 'rules', ...flags);
    expect(code).toBe(1);
    expect(err.match(/rule importer error: query range: Post "http/g)?.length).toBe(3);
    expect(err).toMatch(/\nerror importing rules\n$/);
  });
});

function blockRanges(name: string): unknown[] {
  const data = join(directory, name);
  return readdirSync(data)
    .filter((entry) => entry.length === 26)
    .map((ulid) => JSON.parse(readFileSync(join(data, ulid, 'meta.json'), 'utf8')))
    .map(({ minTime, maxTime, stats }) => `${minTime} ${maxTime} ${stats.numSamples} ${stats.numSeries}`)
    .sort();
}

async function startPrometheus(data: string): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const config = join(directory, 'prometheus.yml');
  writeFileSync(config, '{}');
  const url = `http://127.0.0.1:${await freePort()}`;
  const flags = [`--config.file=${config}`, `--storage.tsdb.path=${data}`, '--storage.tsdb.retention.time=100y'];
  const child = spawn('prometheus', [...flags, `--web.listen-address=${url.slice('http://'.length)}`], {
    stdio: 'ignore',
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  for (let attempt = 0; ; attempt++) {
    const ready = await fetch(`${url}/-/ready`).catch(() => undefined);
    if (ready?.ok) break;
    if (attempt > 200) throw new Error('prometheus did not become ready');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return {
    url,
    async stop() {
      child.kill();
      await exited;
    },
  };
}
