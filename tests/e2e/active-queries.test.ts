import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Labels, silentLogger } from '@avalanche/model';
import { Tsdb } from '@avalanche/tsdb';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { freePort } from '../support/services.ts';
import { isBuilt } from '../support/stack.ts';

const command = fileURLToPath(new URL('../../packages/cli/bin/avalanche.mjs', import.meta.url));

let directory: string;
let url: string;
let server: ChildProcess;
let told: string;

/** Starts the role with these flags, and waits until it answers. */
async function start(...flags: readonly string[]): Promise<void> {
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  told = '';
  server = spawn(process.execPath, [
    command,
    'prometheus',
    `--config.file=${join(directory, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(directory, 'data')}`,
    `--web.listen-address=127.0.0.1:${port}`,
    ...flags,
  ]);
  server.stderr?.on('data', (chunk: Buffer) => {
    told += chunk.toString();
  });
  await until(async () => (await fetch(`${url}/-/ready`).catch(() => null))?.ok === true);
}

async function until(check: () => Promise<boolean>): Promise<void> {
  for (let i = 0; !(await check()); i++) {
    if (i > 300) throw new Error(`not reached: ${told}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function kill(signal: NodeJS.Signals): Promise<void> {
  const ended = new Promise<void>((resolve) => server.once('exit', () => resolve()));
  server.kill(signal);
  return ended;
}

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'active-queries-'));
  writeFileSync(join(directory, 'prometheus.yml'), '{}\n');
  const tsdb = await Tsdb.open({ directory: join(directory, 'data'), logger: silentLogger });
  const appender = tsdb.appender();
  const start = Date.now() - 6_000_000;
  for (let i = 0; i < 100; i++) {
    const ref = appender.seriesRef(Labels.from({ __name__: 'm', i: `${i}` }));
    for (let s = 0; s < 400; s++) appender.append(ref, start + s * 15_000, s * i);
    appender.commit();
  }
  await tsdb.close();
});

afterEach(async () => {
  if (server.exitCode === null && server.signalCode === null) await kill('SIGKILL');
  rmSync(directory, { recursive: true });
});

const UNFINISHED =
  /msg="These queries didn't finish in prometheus' last run:" component=activeQueryTracker queries="(.*)"/;
const queries = () => readFileSync(join(directory, 'data', 'queries.active'), 'utf8').replaceAll('\0', '');

describe.skipIf(!isBuilt)('queries.active (skipped where the command is not built)', () => {
  test('a server that was killed in the middle of a query says so when it starts again', async () => {
    await start('--query.max-concurrency=4', '--enable-feature=promql-per-step-stats,nonsense');
    expect(told).not.toContain("didn't finish");
    expect(told).toContain('msg="Experimental per-step statistics reporting"');
    expect(told).toContain('msg="Unknown option for --enable-feature" option=nonsense');
    const now = Date.now() / 1000;
    const query = encodeURIComponent('sum(deriv(m[1h:1s]))');
    void fetch(`${url}/api/v1/query_range?query=${query}&start=${now - 6000}&end=${now}&step=1`).catch(() => {});
    await until(async () => queries().includes('deriv'));
    expect(queries()).toMatch(/^\[\{"query":"sum\(deriv\(m\[1h:1s\]\)\)","timestamp_sec":\d+\},$/);
    await kill('SIGKILL');

    await start();
    const [, left] = UNFINISHED.exec(told) ?? [];
    expect(JSON.parse((left ?? '').replaceAll('\\"', '"'))).toEqual([
      { query: 'sum(deriv(m[1h:1s]))', timestamp_sec: expect.any(Number) },
    ]);
    expect(queries()).toBe('[');
    await fetch(`${url}/api/v1/query?query=up`);
    await kill('SIGTERM');

    await start();
    expect(told).not.toContain("didn't finish");
  });
});
