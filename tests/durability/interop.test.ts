// Our data directory in the real Prometheus and its in ours, blocks and log, after a clean end and after kill -9: the dump
// of promtool says the same before and after each change of hands.
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Labels, Matcher, SampleColumns } from '@avalanche/model';
import { Tsdb } from '@avalanche/tsdb';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { hasPrometheus } from '../support/real-prometheus.ts';
import { freePort } from '../support/services.ts';

const HOUR = 3_600_000;
const SERIES = 12;

let directory = '';
let data = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'avalanche-interop-'));
  data = join(directory, 'data');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** `LABELS TIME VALUE` lines of everything, sorted; NaN with its bits unknown. */
async function ours(): Promise<string[]> {
  const db = await Tsdb.open({ directory: data, retentionMs: 0, autoMaintenance: false });
  const lines = await dumpOf(db);
  await db.close();
  return lines;
}

async function dumpOf(db: Tsdb): Promise<string[]> {
  const lines: string[] = [];
  const querier = db.querier(0, Number.MAX_SAFE_INTEGER);
  for (const series of await querier.select([new Matcher('!=', '__name__', '')])) {
    const samples = new SampleColumns();
    series.read(0, Number.MAX_SAFE_INTEGER, samples);
    const labels = JSON.stringify(series.labels);
    for (let i = 0; i < samples.length; i++) lines.push(`${labels} ${samples.t[i]} ${samples.v[i]}`);
  }
  querier.close();
  return lines.sort();
}

function theirs(): string[] {
  const { stdout, stderr } = spawnSync('promtool', ['tsdb', 'dump', data], { encoding: 'utf8', maxBuffer: 1 << 30 });
  expect(stderr).toBe('');
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => {
      const match = /^\{(.*)\} (\S+) (\d+)$/.exec(line);
      if (!match) throw new Error(`not a line of a dump: ${line}`);
      const labels = [...match[1].matchAll(/(\w+)=("(?:[^"\\]|\\.)*")/g)].map(([, name, text]) => [
        name,
        JSON.parse(text),
      ]);
      return `${JSON.stringify(Object.fromEntries(labels))} ${match[3]} ${Number(match[2].replace('+Inf', 'Infinity').replace('-Inf', '-Infinity'))}`;
    });
  return lines.sort();
}

/** A day of samples every minute, two of the series ending early, one with late samples; then a deletion. */
async function fill(db: Tsdb, until: number): Promise<void> {
  const appender = db.appender();
  for (let time = until - 24 * HOUR; time <= until; time += 60_000) {
    for (let i = 0; i < SERIES; i++) {
      if (i < 2 && time > until - 6 * HOUR) continue;
      const labels = Labels.from({ __name__: 'interop_samples', i: `${i}`, text: 'größe "x" \\ y' });
      const value = i % 3 === 0 ? Math.floor(time / 60_000) : i === 4 ? Number.NaN : Math.sin(time / HOUR) * i;
      appender.append(appender.seriesRef(labels), time, value);
    }
    appender.commit();
    if (time % (2 * HOUR) < 60_000) await db.maintain(time);
  }
  await db.maintain(until);
  await db.delete(until - 13 * HOUR, until - 12 * HOUR, [[new Matcher('=', 'i', '5')]]);
  await db.delete(until - HOUR, until - HOUR / 2, [[new Matcher('=', 'i', '6')]]);
}

/** Runs the real Prometheus on the directory until it has scraped itself a few times and `meanwhile` is done, then ends it. */
async function prometheusRuns(
  signal: NodeJS.Signals,
  more: object = {},
  meanwhile: (url: string) => Promise<void> = async () => {},
): Promise<void> {
  const port = await freePort();
  const address = `127.0.0.1:${port}`;
  const config = join(directory, 'prometheus.yml');
  const job = { job_name: 'self', static_configs: [{ targets: [address] }] };
  writeFileSync(
    config,
    JSON.stringify({ global: { scrape_interval: '100ms', scrape_timeout: '100ms' }, scrape_configs: [job], ...more }),
  );
  const flags = [
    `--config.file=${config}`,
    `--storage.tsdb.path=${data}`,
    '--storage.tsdb.retention.time=10y',
    `--web.listen-address=${address}`,
  ];
  const child = spawn('prometheus', flags, { stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => {
    log += chunk.toString();
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  try {
    await eventually(async () => {
      if (child.exitCode !== null) throw new Error(`Prometheus ended: ${log}`);
      const query = encodeURIComponent('count_over_time(up[1m]) > 5');
      const answer = await fetch(`http://${address}/api/v1/query?query=${query}`).catch(() => undefined);
      if (!answer?.ok) return false;
      const body = (await answer.json()) as { data: { result: unknown[] } };
      return body.data.result.length > 0;
    });
    await meanwhile(`http://${address}`);
  } finally {
    child.kill(signal);
    await ended;
  }
  expect(log).not.toMatch(/level=error|corrupt/i);
}

async function eventually(condition: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 300; i++) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('it did not come about in 15 s');
}

describe.skipIf(!hasPrometheus)('one data directory, two servers (needs Debian package prometheus)', () => {
  test.each(['SIGTERM', 'SIGKILL'] as const)(
    'there and back and there again, Prometheus ended by %s',
    { timeout: 120_000 },
    async (signal) => {
      const until = Date.now() - 60_000;
      const db = await Tsdb.open({ directory: data, retentionMs: 0, autoMaintenance: false });
      await fill(db, until);
      const first = await dumpOf(db);
      expect(db.blocks.all.length).toBeGreaterThan(1);
      if (signal === 'SIGTERM') await db.close();
      else {
        // What a killed process leaves: everything that was committed, and the lock.
        const copy = join(directory, 'copy');
        cpSync(data, copy, { recursive: true });
        await db.close();
        rmSync(data, { recursive: true });
        cpSync(copy, data, { recursive: true });
      }
      expect(theirs()).toEqual(first);

      await prometheusRuns(signal);
      const second = theirs();
      expect(second.length).toBeGreaterThan(first.length + 1000);
      const after = new Set(second);
      expect(first.filter((line) => !after.has(line))).toEqual([]);
      expect(await ours()).toEqual(second);

      const again = await Tsdb.open({ directory: data, retentionMs: 0, autoMaintenance: false });
      const appender = again.appender();
      const ref = appender.seriesRef(Labels.from({ __name__: 'interop_samples', i: '7', text: 'größe "x" \\ y' }));
      appender.append(ref, Date.now(), 7);
      appender.commit();
      await again.maintain();
      const third = await dumpOf(again);
      await again.close();
      expect(third).toHaveLength(second.length + 1);
      expect(theirs()).toEqual(third);
      await prometheusRuns(signal);
      const last = new Set(theirs());
      expect(third.filter((line) => !last.has(line))).toEqual([]);
    },
  );

  test('late samples of ours, in wbl/ and in blocks, are answered by Prometheus', { timeout: 60_000 }, async () => {
    const now = Date.now();
    const db = await Tsdb.open({
      directory: data,
      retentionMs: 0,
      autoMaintenance: false,
      outOfOrderWindowMs: 6 * HOUR,
    });
    const appender = db.appender();
    const ref = appender.seriesRef(Labels.from({ __name__: 'late' }));
    const minutes = [240, 300, 120, 60, 200, 5, 90, 30];
    for (const [i, minute] of minutes.entries()) {
      appender.append(ref, now - minute * 60_000, minute);
      appender.commit();
      if (i === 5) await db.maintain(); // those before lie in blocks, those after in wbl/
    }
    const expected = minutes.sort((a, b) => b - a).map((minute) => [(now - minute * 60_000) / 1000, `${minute}`]);
    await db.close();
    let answer: unknown;
    await prometheusRuns('SIGKILL', { storage: { tsdb: { out_of_order_time_window: '6h' } } }, async (url) => {
      const response = await fetch(`${url}/api/v1/query?query=${encodeURIComponent('late[1d]')}`);
      answer = ((await response.json()) as { data: { result: { values: unknown }[] } }).data.result[0]?.values;
    });
    expect(answer).toEqual(expected);
  });
});
