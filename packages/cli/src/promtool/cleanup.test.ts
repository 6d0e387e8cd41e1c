import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ours, promtoolIsMissing, START_MS, theirs } from './promtool-fixture.ts';

const HOUR_MS = 3_600_000;
const FIRST_MS = START_MS - (START_MS % (2 * HOUR_MS));

let directory: string;
let data: string;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'cleanup-'));
  data = join(directory, 'data');
  await createBlocks();
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** Three blocks of two hours with a sample a minute of two series. */
async function createBlocks(): Promise<void> {
  const lines: string[] = [];
  for (let minute = 0; minute < 360; minute++) {
    for (const job of ['a', 'b']) lines.push(`up{job="${job}"} ${minute} ${FIRST_MS / 1000 + 60 * minute}`);
  }
  const input = join(directory, 'input.om');
  writeFileSync(input, `${lines.join('\n')}\n# EOF\n`);
  const result = await ours('tsdb', 'create-blocks-from', 'openmetrics', '-q', input, data);
  expect(result).toEqual({ code: 0, out: '', err: '' });
}

async function samples(): Promise<string[]> {
  return (await ours('tsdb', 'dump', data)).out.split('\n').filter(Boolean);
}

const timeOf = (line: string) => Number(line.split(' ').at(-1));
const at = (hours: number) => String((FIRST_MS + hours * HOUR_MS) / 1000);

test('whole blocks go and the one that the time cuts is rewritten, as the plan said', async () => {
  const before = await samples();
  const plan = await ours('tsdb', 'cleanup', `--older-than=${at(3)}`, '--dry-run', data);
  expect(plan.out).toContain(': 360 samples, about ');
  expect(plan.out).toContain('blocks to delete: 1, to rewrite: 1.');
  expect(await samples()).toEqual(before);

  const done = await ours('tsdb', 'cleanup', `--older-than=${at(3)}`, data);
  expect(done).toMatchObject({ code: 0, err: '' });
  expect(done.out).toMatch(/ rewritten\nFreed [\d.]+(KiB|B): /);
  expect(await samples()).toEqual(before.filter((line) => timeOf(line) >= FIRST_MS + 3 * HOUR_MS));
  expect(readdirSync(data).length).toBe(2);
  const again = await ours('tsdb', 'cleanup', `--older-than=${at(3)}`, data);
  expect(again.out).toContain('Nothing to free');
});

test.skipIf(promtoolIsMissing)('what it leaves is read by promtool (skipped where promtool is missing)', async () => {
  await ours('tsdb', 'cleanup', `--older-than=${at(3)}`, '--match={job="a"}', data);
  const left = await samples();
  mkdirSync(join(data, 'wal'));
  expect(theirs('tsdb', 'dump', data).out.split('\n').filter(Boolean)).toEqual(left);
});

test('only the series that match go; a block that loses all of them goes', async () => {
  const before = await samples();
  const plan = await ours('tsdb', 'cleanup', `--older-than=${at(5)}`, '--match={job="a"}', '--dry-run', data);
  expect(plan.out).toContain('blocks to delete: 0, to rewrite: 3.');
  await ours('tsdb', 'cleanup', `--older-than=${at(5)}`, '--match={job="a"}', data);
  const gone = (line: string) => line.includes('job="a"') && timeOf(line) < FIRST_MS + 5 * HOUR_MS;
  expect(await samples()).toEqual(before.filter((line) => !gone(line)));
  const rest = await ours('tsdb', 'cleanup', `--older-than=${at(4)}`, '--match={job="b"}', data);
  expect(rest.out).toContain('blocks to delete: 2, to rewrite: 0.');
});

test.each([
  ['a duration', '30d', 'Nothing to free: no block has such samples before 2023-10-15T22:13:20.000Z.'],
  ['a date', '2023-11-14T22:30:00Z', 'Before 2023-11-14T22:30:00.000Z'],
])('the time may be %s', async (_name, age, told) => {
  expect((await ours('tsdb', 'cleanup', `--older-than=${age}`, '--dry-run', data)).out).toContain(told);
});

test.each([
  [[], "promtool: error: required flag(s) '--older-than' not provided, try --help"],
  [['--older-than=soon'], 'promtool: error: --older-than: not a valid duration string: "soon", try --help'],
  [['--older-than=5'], ''],
  [['--older-than=1h', '--match={job='], '1:6: parse error: '],
  [['--older-than=1h', '--match={}'], '1:1: parse error: vector selector must contain at least one non-empty matcher'],
])('%j', async (args, message) => {
  const { err, code } = await ours('tsdb', 'cleanup', '--dry-run', ...args, data);
  expect(err).toContain(message);
  expect([code, err.split('\n').length]).toEqual(message === '' ? [0, 1] : [1, 2]);
});

test('a damaged block is named and nothing is changed', async () => {
  const [ulid] = readdirSync(data);
  const index = join(data, ulid, 'index');
  writeFileSync(index, readFileSync(index).subarray(0, 100));
  const result = await ours('tsdb', 'cleanup', '--older-than=0s', data);
  expect(result.code).toBe(1);
  expect(result.err).toContain(ulid);
  expect(readdirSync(data).length).toBe(3);
});

const hasFlock = spawnSync('flock', ['--version']).status === 0;
test.skipIf(!hasFlock)('a directory that another process has locked is refused (flock of util-linux)', async () => {
  const lock = join(data, 'lock');
  const holder = spawn('flock', [lock, 'sh', '-c', 'echo locked; exec sleep 60'], { detached: true });
  try {
    await new Promise((resolve) => holder.stdout.once('data', resolve));
    writeFileSync(lock, `${holder.pid}\n`);
    await expectRefused(holder);
  } finally {
    process.kill(-(holder.pid ?? 0));
  }
});

test.skipIf(process.platform !== 'linux')(
  'a directory in which a server without a lock file writes is refused (skipped where there is no /proc)',
  async () => {
    mkdirSync(join(data, 'wal'));
    const script = `require('fs').openSync(process.argv[1], 'a'); console.log('open'); setTimeout(() => {}, 60_000)`;
    const holder = spawn(process.execPath, ['-e', script, join(data, 'wal', '00000000')]);
    try {
      await new Promise((resolve) => holder.stdout.once('data', resolve));
      await expectRefused(holder);
    } finally {
      holder.kill();
    }
  },
);

async function expectRefused(holder: ChildProcess): Promise<void> {
  const copy = join(directory, 'copy');
  cpSync(data, copy, { recursive: true });
  const result = await ours('tsdb', 'cleanup', `--older-than=${at(3)}`, data);
  const hint = 'stop it or use POST /api/v1/admin/tsdb/delete_series';
  expect(result).toEqual({ code: 1, out: '', err: `${data} is in use by process ${holder.pid}; ${hint}\n` });
  expect(readdirSync(data, { recursive: true })).toEqual(readdirSync(copy, { recursive: true }));
}
