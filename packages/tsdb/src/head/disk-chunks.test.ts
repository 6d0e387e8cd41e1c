import { type ChildProcess, spawn } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Labels, type Logger, Matcher, SampleColumns, silentLogger } from '@avalanche/model';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { hasPrometheus } from '../../../../tests/support/real-prometheus.ts';
import { freePort } from '../../../../tests/support/services.ts';
import { Tsdb, type TsdbOptions } from '../db.ts';

const SERIES = 20;
const STEP = 15_000;
const HOUR = 3_600_000;

let directory = '';
let chunkFiles = '';
let told: string[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'disk-chunks-'));
  chunkFiles = join(directory, 'chunks_head');
  told = [];
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const tell = (message: string) => void told.push(message);
const logger: Logger = { ...silentLogger, warn: tell, error: tell };

function open(options: Partial<TsdbOptions> = {}): Promise<Tsdb> {
  return Tsdb.open({ directory, autoMaintenance: false, noLockFile: true, logger, retentionMs: 0, ...options });
}

const start = Math.floor(Date.now() / (2 * HOUR)) * 2 * HOUR - 2 * HOUR;

function labelsOf(i: number): Labels {
  return Labels.from({ __name__: 'm', i: `${i}` });
}

/** Appends scrapes `from` … `to` of all series. */
function append(db: Tsdb, from: number, to: number): void {
  const appender = db.appender();
  const refs = Array.from({ length: SERIES }, (_, i) => appender.seriesRef(labelsOf(i)));
  for (let n = from; n < to; n++) {
    for (const [i, ref] of refs.entries()) appender.append(ref, start + n * STEP, Math.floor(Math.sin(n + i) * 1000));
    appender.commit();
  }
}

async function read(db: Tsdb): Promise<Record<string, string[]>> {
  const querier = db.querier(0, Number.MAX_SAFE_INTEGER);
  const out: Record<string, string[]> = {};
  for (const series of await querier.select([new Matcher('=', '__name__', 'm')])) {
    const samples = new SampleColumns();
    series.read(0, Number.MAX_SAFE_INTEGER, samples);
    out[series.labels.toString()] = Array.from({ length: samples.length }, (_, i) => `${samples.t[i]} ${samples.v[i]}`);
  }
  querier.close();
  return out;
}

function expected(scrapes: number): Record<string, string[]> {
  const samples = (i: number) =>
    Array.from({ length: scrapes }, (_, n) => `${start + n * STEP} ${Math.floor(Math.sin(n + i) * 1000)}`);
  return Object.fromEntries(Array.from({ length: SERIES }, (_, i) => [labelsOf(i).toString(), samples(i)]));
}

/** A directory of 400 scrapes, of which three chunks a series are closed. */
async function prepare(): Promise<void> {
  const db = await open();
  append(db, 0, 400);
  expect(await read(db)).toEqual(expected(400)); // partly from memory
  db.head.disk.flush();
  expect(db.head.disk.pendingBytes).toBe(0);
  expect(await read(db)).toEqual(expected(400));
  await db.close();
}

test('closed chunks are read from files, before and after a restart, and the log does not make them again', async () => {
  await prepare();
  expect(readdirSync(chunkFiles)).toEqual(['000001']);
  const db = await open();
  expect(await read(db)).toEqual(expected(400));
  expect(db.stats.chunks).toBe(4 * SERIES);
  expect(db.head.disk.pendingBytes).toBe(0);
  append(db, 400, 500);
  expect(await read(db)).toEqual(expected(500));
  await db.close();
  expect(readdirSync(chunkFiles)).toEqual(['000001', '000002']);
  const again = await open();
  expect(await read(again)).toEqual(expected(500));
  await again.close();
  expect(told).toEqual([]);
});

test.each([
  ['a torn end is cut off', () => truncateSync(join(chunkFiles, '000001'), 8 + 3000), ['000001'], 0],
  [
    'zeros after the last chunk are no chunks',
    () => appendFileSync(join(chunkFiles, '000001'), Buffer.alloc(9000)),
    ['000001'],
    0,
  ],
  ['a flipped byte', () => flip('000001', 5000), ['000001', '000001.corrupt'], 1],
  ['a flipped byte in the header', () => flip('000001', 2), ['000001.corrupt'], 1],
  ['an empty last file', () => writeFileSync(join(chunkFiles, '000002'), ''), ['000001'], 0],
  ['a missing file', () => renameSync(join(chunkFiles, '000001'), join(chunkFiles, '000003')), ['000003'], 0],
] as const)('damage: %s; nothing is lost', async (_name, damage, files, corruptions) => {
  await prepare();
  damage();
  const db = await open();
  expect(readdirSync(chunkFiles).sort()).toEqual(files);
  expect(db.metrics.headChunkCorruptions).toBe(corruptions);
  expect(told.length > 0).toBe(corruptions > 0 || _name.includes('torn'));
  expect(await read(db)).toEqual(expected(400));
  append(db, 400, 500);
  await db.close();
  const again = await open();
  expect(await read(again)).toEqual(expected(500));
  expect(again.metrics.headChunkCorruptions).toBe(0);
  await again.close();
});

function flip(name: string, at: number): void {
  const path = join(chunkFiles, name);
  const bytes = readFileSync(path);
  bytes[at] ^= 4;
  writeFileSync(path, bytes);
}

test('a gap in the files sets aside what follows it', async () => {
  await prepare();
  cpSync(join(chunkFiles, '000001'), join(chunkFiles, '000003'));
  const db = await open();
  expect(readdirSync(chunkFiles).sort()).toEqual(['000001', '000003.corrupt']);
  expect(await read(db)).toEqual(expected(400));
  await db.close();
});

test('chunks of series that the log does not know are dropped, and their references not given out again', async () => {
  await prepare();
  rmSync(join(directory, 'wal'), { recursive: true });
  const db = await open();
  expect(db.stats).toMatchObject({ series: 0, chunks: 0 });
  append(db, 0, 10);
  await db.close();
  const again = await open();
  expect(await read(again)).toEqual(expected(10));
  await again.close();
});

test('a byte flipped while a file is in use is an error that names it, and a restart heals', async () => {
  await prepare();
  const db = await open();
  flip('000001', 5000);
  await expect(read(db)).rejects.toThrow(/chunks_head\/000001 is damaged at offset \d+: checksum mismatch/);
  await db.close();
  const again = await open();
  expect(await read(again)).toEqual(expected(400));
  await again.close();
});

test('what cannot be written stays in memory, is told once and is written later', async () => {
  const db = await open();
  writeFileSync(chunkFiles, 'in the way');
  append(db, 0, 400);
  db.head.disk.flush();
  db.head.disk.flush();
  expect(db.head.disk.writesFailed).toBe(2);
  expect(told).toHaveLength(1);
  expect(await read(db)).toEqual(expected(400));
  rmSync(chunkFiles);
  db.head.disk.flush();
  expect(db.head.disk.pendingBytes).toBe(0);
  expect(await read(db)).toEqual(expected(400));
  await db.close();
  const again = await open();
  expect(await read(again)).toEqual(expected(400));
  expect(again.stats.chunks).toBe(4 * SERIES);
  await again.close();
});

test('files go when the head is truncated past them', async () => {
  const db = await open();
  for (let n = 0; n < 8; n++) {
    append(db, n * 480, (n + 1) * 480); // two hours
    await db.maintain();
  }
  const files = readdirSync(chunkFiles).map(Number);
  expect(files.length).toBeLessThanOrEqual(3);
  expect(Math.min(...files)).toBeGreaterThan(2);
  expect(files).toEqual(files.map((_, i) => files[0] + i));
  expect(await read(db)).toEqual(expected(8 * 480));
  await db.close();
  const again = await open();
  expect(await read(again)).toEqual(expected(8 * 480));
  await again.close();
  expect(told).toEqual([]);
});

describe.skipIf(!hasPrometheus)('with the real Prometheus (Debian package prometheus)', () => {
  let child: ChildProcess | undefined;
  let log = '';
  afterEach(() => stop());

  async function stop(): Promise<void> {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = new Promise((resolve) => child?.once('exit', resolve));
    child.kill('SIGTERM');
    await exited;
  }

  async function startPrometheus(): Promise<string> {
    const port = await freePort();
    writeFileSync(join(directory, 'prometheus.yml'), '{}');
    log = '';
    child = spawn(
      'prometheus',
      [
        `--config.file=${directory}/prometheus.yml`,
        `--storage.tsdb.path=${directory}`,
        '--storage.tsdb.retention.time=100y',
        `--web.listen-address=127.0.0.1:${port}`,
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    child.stderr?.on('data', (text: Buffer) => {
      log += text.toString();
    });
    const url = `http://127.0.0.1:${port}`;
    for (let attempt = 0; attempt < 200; attempt++) {
      const answer = await fetch(`${url}/-/ready`).catch(() => undefined);
      if (answer?.ok) return url;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`prometheus did not become ready: ${log}`);
  }

  async function query(url: string): Promise<Record<string, string[]>> {
    const time = (start + 3 * HOUR) / 1000;
    const answer = await fetch(`${url}/api/v1/query?query=${encodeURIComponent('m[6h]')}&time=${time}`);
    const { data } = (await answer.json()) as {
      data: { result: { metric: Record<string, string>; values: [number, string][] }[] };
    };
    return Object.fromEntries(
      data.result.map(({ metric, values }) => [
        Labels.from(metric).toString(),
        values.map(([at, value]) => `${Math.round(at * 1000)} ${Number(value)}`),
      ]),
    );
  }

  async function counter(url: string, name: string): Promise<number> {
    const text = await (await fetch(`${url}/metrics`)).text();
    return Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1]);
  }

  test('it opens our files, we open its', { timeout: 60_000 }, async () => {
    await prepare();
    const before = readFileSync(join(chunkFiles, '000001'));
    let url = await startPrometheus();
    expect(await query(url)).toEqual(expected(400));
    expect(await counter(url, 'prometheus_tsdb_mmap_chunk_corruptions_total')).toBe(0);
    expect(await counter(url, 'prometheus_tsdb_head_chunks')).toBe(4 * SERIES);
    expect(log).not.toMatch(/level=(warn|error)/);
    await stop();
    expect(readFileSync(join(chunkFiles, '000001')).equals(before)).toBe(true);
    // Made by it from the log alone.
    rmSync(chunkFiles, { recursive: true });
    url = await startPrometheus();
    expect(await query(url)).toEqual(expected(400));
    await stop();
    const files = readdirSync(chunkFiles);
    expect(files).toHaveLength(1);
    const db = await open({ snapshotAfterBytes: 1 });
    expect(db.stats.chunks).toBe(4 * SERIES);
    expect(await read(db)).toEqual(expected(400));
    append(db, 400, 650);
    await db.maintain(); // with a snapshot of the head, which means nothing to the other
    append(db, 650, 700);
    await db.close();
    expect(told).toEqual([]);
    expect(readdirSync(chunkFiles)).toHaveLength(2);
    url = await startPrometheus();
    expect(await query(url)).toEqual(expected(700));
    expect(await counter(url, 'prometheus_tsdb_mmap_chunk_corruptions_total')).toBe(0);
    await stop();
    const again = await open();
    expect(await read(again)).toEqual(expected(700));
    await again.close();
  });
});
