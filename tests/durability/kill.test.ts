// Kills the prometheus role at random moments while it scrapes, compacts and deletes, and asks after each restart for
// everything that it had shown before. KILL_ROUNDS=100 is the run of the release notes; KILL_SEED chooses another one.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { hasPrometheus } from '../support/real-prometheus.ts';
import { freePort } from '../support/services.ts';
import { isBuilt } from '../support/stack.ts';

const ROUNDS = Number(process.env.KILL_ROUNDS ?? 8);
const SEED = Number(process.env.KILL_SEED ?? 1);
const SERIES = 40;
const command = fileURLToPath(new URL('../../packages/cli/bin/avalanche.mjs', import.meta.url));

/** A sample that the server has shown: its value is the number of the scrape that brought it. */
type Shown = Map<number, number>;

interface MatrixSeries {
  readonly metric: Readonly<Record<string, string>>;
  readonly values: readonly (readonly [number, string])[];
}

/** Serves SERIES series whose value is the number of the scrape. */
class Target {
  scrapes = 0;
  private readonly server: Server = createServer((_request, response) => {
    const number = ++this.scrapes;
    let body = '# TYPE chaos gauge\n';
    for (let i = 0; i < SERIES; i++) body += `chaos{i="${i}",group="${i % 4}"} ${number}\n`;
    // Some come and go, so that series are made and collected all the time.
    body += `passing{life="${Math.floor(number / 5)}"} ${number}\n`;
    response.setHeader('content-type', 'text/plain; version=0.0.4').end(body);
  });

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}

class Trial {
  readonly directory = mkdtempSync(join(tmpdir(), 'avalanche-kill-'));
  readonly data = join(this.directory, 'data');
  readonly target = new Target();
  /** By series: what was shown and not deleted since. */
  readonly shown = new Map<string, Shown>();
  /** By group: times in seconds up to which a deletion was acknowledged. */
  readonly deletedUntil = new Map<string, number>();
  private server: ChildProcess | undefined;
  private port = 0;

  async prepare(): Promise<void> {
    const target = await this.target.listen();
    this.port = await freePort();
    const config = {
      global: { scrape_interval: '50ms', scrape_timeout: '50ms' },
      scrape_configs: [{ job_name: 'chaos', static_configs: [{ targets: [target] }] }],
    };
    writeFileSync(join(this.directory, 'prometheus.yml'), JSON.stringify(config));
  }

  async start(): Promise<void> {
    const args = [
      'prometheus',
      `--config.file=${join(this.directory, 'prometheus.yml')}`,
      `--storage.tsdb.path=${this.data}`,
      `--web.listen-address=127.0.0.1:${this.port}`,
      '--web.enable-admin-api',
      '--storage.tsdb.min-block-duration=2s',
      '--storage.tsdb.max-block-duration=18s',
    ];
    const server = spawn(process.execPath, [command, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
    this.server = server;
    let log = '';
    server.stderr?.on('data', (chunk: Buffer) => {
      log = (log + chunk.toString()).slice(-4000);
    });
    for (let i = 0; i < 400; i++) {
      if (server.exitCode !== null) throw new Error(`the server ended at its start: ${log}`);
      const answer = await fetch(`http://127.0.0.1:${this.port}/-/ready`).catch(() => undefined);
      if (answer?.ok) return;
      await sleep(20);
    }
    throw new Error(`the server is not ready: ${log}`);
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    const { server } = this;
    if (!server || server.exitCode !== null) return;
    const ended = new Promise((resolve) => server.once('exit', resolve));
    server.kill(signal);
    await ended;
  }

  async matrix(selector: string): Promise<readonly MatrixSeries[]> {
    const query = encodeURIComponent(`${selector}[1d]`);
    const answer = await fetch(`http://127.0.0.1:${this.port}/api/v1/query?query=${query}`);
    const body = (await answer.json()) as { status: string; error?: string; data: { result: MatrixSeries[] } };
    if (body.status !== 'success') throw new Error(body.error);
    return body.data.result;
  }

  /** Reads everything; it must hold what was shown before, each scrape whole, nothing twice. */
  async look(): Promise<void> {
    const byTime = new Map<number, { value: number; series: number }>();
    const seen = new Map<string, Shown>();
    for (const { metric, values } of await this.matrix('chaos')) {
      const samples: Shown = new Map();
      let last = { time: 0, value: 0 };
      for (const [time, text] of values) {
        const value = Number(text);
        expect(time, `chaos{i="${metric.i}"} goes back`).toBeGreaterThan(last.time);
        expect(value, `chaos{i="${metric.i}"} at ${time} after ${last.value}`).toBeGreaterThan(last.value);
        last = { time, value };
        samples.set(time, value);
        const scrape = byTime.get(time) ?? { value, series: 0 };
        expect(value, `scrape at ${time}`).toBe(scrape.value);
        scrape.series++;
        byTime.set(time, scrape);
      }
      const deleted = this.deletedUntil.get(metric.group) ?? 0;
      const left = values.filter(([time]) => time <= deleted);
      expect(left, `deleted samples of chaos{i="${metric.i}"} until ${deleted}`).toEqual([]);
      seen.set(metric.i, samples);
    }
    const deletions = Math.max(0, ...this.deletedUntil.values());
    for (const [time, { series }] of byTime) if (time > deletions) expect(series, `scrape at ${time}`).toBe(SERIES);
    for (const [i, samples] of this.shown) {
      const lost = [...samples].filter(([time, value]) => seen.get(i)?.get(time) !== value);
      expect(lost, `samples of chaos{i="${i}"} that were shown before`).toEqual([]);
    }
    for (const [i, samples] of seen) this.shown.set(i, samples);
  }

  /** Deletes the older half of one group; what is not acknowledged may or may not have happened. */
  async deleteGroup(group: string): Promise<void> {
    const times = [...(this.shown.get(group) ?? new Map()).keys()].sort((a, b) => a - b);
    if (times.length < 10) return;
    const until = times[times.length >> 1];
    for (const [i, samples] of this.shown) {
      if (Number(i) % 4 !== Number(group)) continue;
      for (const time of samples.keys()) if (time <= until) samples.delete(time);
    }
    const match = encodeURIComponent(`chaos{group="${group}"}`);
    const url = `http://127.0.0.1:${this.port}/api/v1/admin/tsdb/delete_series?match[]=${match}&end=${until}`;
    const answer = await fetch(url, { method: 'POST' });
    expect(answer.status).toBe(204);
    this.deletedUntil.set(group, Math.max(until, this.deletedUntil.get(group) ?? 0));
  }

  async clean(): Promise<void> {
    const url = `http://127.0.0.1:${this.port}/api/v1/admin/tsdb/clean_tombstones`;
    expect((await fetch(url, { method: 'POST' })).status).toBe(204);
  }

  async dispose(): Promise<void> {
    await this.kill('SIGKILL');
    this.target.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function randomSource(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

let trial: Trial | undefined;
afterEach(async () => {
  await trial?.dispose();
  trial = undefined;
});

describe.skipIf(!isBuilt)('the prometheus role killed at random moments (needs the build)', () => {
  test(`${ROUNDS} times: nothing that was shown is lost, nothing is doubled`, {
    timeout: ROUNDS * 30_000,
  }, async () => {
    const random = randomSource(SEED);
    trial = new Trial();
    await trial.prepare();
    for (let round = 0; round < ROUNDS; round++) {
      await trial.start();
      await trial.look();
      const until = performance.now() + 300 + random() * 2500;
      while (performance.now() < until) {
        const choice = random();
        if (choice < 0.1) await trial.deleteGroup(String(Math.floor(random() * 4)));
        else if (choice < 0.15) await trial.clean();
        else await trial.look();
        await sleep(random() * 150);
      }
      // An operation may be under way when the end comes.
      const unfinished = random() < 0.3 ? trial.clean().catch(() => {}) : undefined;
      await sleep(random() * 20);
      await trial.kill('SIGKILL');
      await unfinished;
    }
    await trial.start();
    await trial.look();
    const blocks = readdirSync(trial.data).filter((name) => /^[0-9A-Z]{26}$/.test(name));
    expect(blocks.length).toBeGreaterThan(0);
    await trial.kill('SIGTERM');
    expect(readdirSync(trial.data).filter((name) => name.includes('.corrupt'))).toEqual([]);
    if (hasPrometheus) checkWithPromtool(trial);
  });
});

/** The real promtool must find what we show. */
function checkWithPromtool({ data, shown }: Trial): void {
  const { stdout, stderr } = spawnSync('promtool', ['tsdb', 'dump', '--match={__name__="chaos",i="7"}', data], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  expect(stderr).toBe('');
  const dumped = stdout
    .trim()
    .split('\n')
    .map((line) => line.slice(line.lastIndexOf('}') + 2).split(' '))
    .filter(([value]) => value !== 'NaN')
    .map(([value, time]) => [Number(time) / 1000, Number(value)]);
  const known = new Set(dumped.map(([time, value]) => `${time} ${value}`));
  const lost = [...(shown.get('7') ?? [])].filter(([time, value]) => !known.has(`${time} ${value}`));
  expect(lost).toEqual([]);
  expect(known.size).toBe(dumped.length);
}
