import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isUlid, Labels, newUlid, SampleColumns } from '@avalanche/model';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { freePort } from '../../../../tests/support/services.ts';
import { ChunkColumns } from '../chunk-columns.ts';
import { Block } from './block.ts';
import { type FixtureSeries, writeFixture } from './block-fixture.ts';
import { BlockWriter } from './block-writer.ts';
import { PageCache } from './page-cache.ts';
import { TombstonesBuilder } from './tombstones.ts';

const START_MS = 1_700_000_000_000;
const has = (command: string) => spawnSync(command, ['--version']).status === 0;

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'block-interop-'));
  for (const name of ['theirs/wal', 'ours/wal']) mkdirSync(join(directory, name), { recursive: true });
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe.skipIf(!has('promtool'))('promtool (skipped where promtool is missing)', () => {
  test('has its blocks read by us, sample for sample', () => {
    createTheirs(openMetrics());
    const ours = openBlocks('theirs').flatMap(({ block }) => dumpOf(block));
    expect(ours.sort()).toEqual(dump('theirs'));
    expect(ours.length).toBeGreaterThan(20_000);
  });

  test('gets its own bytes from our writer', () => {
    createTheirs(openMetrics());
    for (const { name, block } of openBlocks('theirs')) {
      const copy = rewrite(block);
      for (const file of ['index', 'chunks/000001', 'tombstones']) {
        const original = readFileSync(join(directory, 'theirs', name, file));
        expect(readFileSync(join(directory, 'ours', copy, file)).equals(original), file).toBe(true);
      }
    }
    expect(dump('ours')).toEqual(dump('theirs'));
  });

  test('lists, analyzes and dumps a block of ours with several segments', () => {
    const series = oddSeries();
    const meta = writeFixture(join(directory, 'ours'), series, { segmentBytes: 8192 });
    expect(readdirSync(join(directory, 'ours', meta.ulid, 'chunks')).length).toBeGreaterThan(1);
    expect(promtool('list', 'ours')).toContain(meta.ulid);
    expect(promtool('analyze', 'ours')).toContain(`Series: ${series.length}`);
    const wanted = series.flatMap(({ labels, samples }) =>
      samples.map(([t, v]) => dumpLine(Labels.from(labels), t, v)),
    );
    expect(dump('ours')).toEqual(wanted.sort());
  });
});

describe.skipIf(!has('prometheus'))('prometheus (skipped where prometheus is missing)', () => {
  test('answers queries from a block of ours', async () => {
    const series = oddSeries();
    writeFixture(join(directory, 'ours'), series);
    const prometheus = await startPrometheus(join(directory, 'ours'));
    try {
      for (const { labels, samples } of series) {
        const found = await queryRange(prometheus.url, labels, samples);
        expect(found).toEqual([{ metric: labels, values: samples.map(([t, v]) => [t / 1000, v]) }]);
      }
    } finally {
      await prometheus.stop();
    }
  });
});

describe.skipIf(!has('prometheus'))('deletions (skipped where prometheus is missing)', () => {
  test('of ours are respected by Prometheus, and its by us', async () => {
    const series = oddSeries().slice(0, 3);
    const { ulid } = writeFixture(join(directory, 'ours'), series);
    const ours = Block.open(join(directory, 'ours', ulid), new PageCache());
    const [ref] = ours.index.postings('instance', 'host-0');
    const builder = new TombstonesBuilder();
    builder.add(ref, START_MS, series[0].samples[99][0]);
    ours.setTombstones(builder.build());
    const prometheus = await startPrometheus(join(directory, 'ours'));
    try {
      const [first, second, third] = series;
      const left = first.samples.slice(100);
      const found = await queryRange(prometheus.url, first.labels, first.samples);
      expect(found).toEqual([{ metric: first.labels, values: left.map(([t, v]) => [t / 1000, v]) }]);
      const body = new URLSearchParams({
        'match[]': '{instance=~"host-[01]"}',
        start: String(second.samples[200][0] / 1000),
        end: String(second.samples[210][0] / 1000),
      });
      const url = `${prometheus.url}/api/v1/admin/tsdb/delete_series`;
      expect((await fetch(url, { method: 'POST', body })).status).toBe(204);
      const again = Block.open(ours.directory, new PageCache());
      const kept = [
        ...dumpLines(first, (i) => i >= 100 && (i < 200 || i > 210)),
        ...dumpLines(second, (i) => i < 200 || i > 210),
        ...dumpLines(third, () => true),
      ];
      expect(dumpOf(again).sort()).toEqual(kept.sort());
      expect(again.tombstones.count).toBe(3);
      again.close();
    } finally {
      ours.close();
      await prometheus.stop();
    }
  });
});

function dumpLines({ labels, samples }: FixtureSeries, keep: (i: number) => boolean): string[] {
  return samples.filter((_, i) => keep(i)).map(([t, v]) => dumpLine(Labels.from(labels), t, v));
}

/** Three hours of samples, so that two or more blocks are made of them. */
function openMetrics(): string {
  const lines: string[] = [];
  const values = ['NaN', '+Inf', '-Inf', '0', '-1.5', '1e300', '4.9e-324', '0.1'];
  for (let metric = 0; metric < 5; metric++) {
    lines.push(`# TYPE metric_${metric} gauge`);
    for (let instance = 0; instance < 6; instance++) {
      for (let i = 0; i < 720; i++) {
        const value = (i + metric) % 7 === 0 ? values[(i + instance) % values.length] : String(i * instance);
        const time = START_MS / 1000 + i * 15 + ((i * metric) % 3) / 1000;
        lines.push(`metric_${metric}{instance="host-${instance}",path="/ü/${metric}"} ${value} ${time.toFixed(3)}`);
      }
    }
  }
  return `${lines.join('\n')}\n# EOF\n`;
}

function oddSeries(): FixtureSeries[] {
  const samples = (count: number, scale: number) =>
    Array.from({ length: count }, (_, i) => [START_MS + i * 15_000, Math.sin(i) * scale] as const);
  return [
    ...Array.from({ length: 40 }, (_, i) => ({
      labels: { __name__: 'ours', instance: `host-${i}`, job: i % 2 === 0 ? 'even' : 'odd' },
      samples: samples(240, i),
    })),
    { labels: { __name__: 'ours', text: 'größer 😀 \\ "quoted"' }, samples: samples(3, 1) },
    { labels: { __name__: 'ours', text: 'long '.repeat(20_000) }, samples: samples(1, 1e-300) },
  ];
}

function createTheirs(text: string): void {
  const file = join(directory, 'input.om');
  writeFileSync(file, text);
  const run = spawnSync('promtool', ['tsdb', 'create-blocks-from', 'openmetrics', file, join(directory, 'theirs')]);
  expect(run.status, String(run.stderr)).toBe(0);
}

function promtool(command: string, data: string): string {
  const run = spawnSync('promtool', ['tsdb', command, join(directory, data)], { maxBuffer: 256 << 20 });
  expect(run.status, String(run.stderr)).toBe(0);
  return String(run.stdout);
}

/** Sorted lines of `promtool tsdb dump`, each with its value as JavaScript writes it. */
function dump(data: string): string[] {
  const lines = promtool('dump', data).trimEnd().split('\n');
  return lines.map((line) => line.replace(/} (\S+) (-?\d+)$/, (_, v, t) => `} ${printed(parseGo(v))} ${t}`)).sort();
}

function dumpOf(block: Block): string[] {
  const lines: string[] = [];
  const into = new SampleColumns();
  block.eachSeries((ref, entry) => {
    into.length = 0;
    const labels = block.index.labelsOf(entry);
    const count = block.read(ref, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, into);
    for (let i = 0; i < count; i++) lines.push(dumpLine(labels, into.t[i], into.v[i]));
  });
  return lines;
}

function dumpLine(labels: Labels, time: number, value: number): string {
  const pairs = [...labels.entries()].map(([name, text]) => `${name}=${JSON.stringify(text)}`);
  return `{${pairs.join(', ')}} ${printed(value)} ${time}`;
}

function printed(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

function parseGo(text: string): number {
  return Number(text.replace('Inf', 'Infinity'));
}

function openBlocks(data: string): { readonly name: string; readonly block: Block }[] {
  const cache = new PageCache(1 << 20, 4096);
  const names = readdirSync(join(directory, data)).filter(isUlid);
  return names.map((name) => ({ name, block: Block.open(join(directory, data, name), cache) }));
}

/** Writes the block again under `ours`, chunk by chunk, as a compaction does. */
function rewrite(block: Block): string {
  const ulid = newUlid(Date.now());
  const writer = new BlockWriter(join(directory, 'ours'), ulid, block.index.allSymbols());
  const chunks = new ChunkColumns();
  block.eachSeries((_ref, entry) => {
    chunks.clear();
    for (let i = 0; i < entry.chunkCount; i++) {
      const { bytes, start, end, encoding } = block.chunks.read(entry.chunkRef[i]);
      chunks.add(encoding, entry.minTime[i], entry.maxTime[i], bytes, start, end);
    }
    writer.addSeries(entry.pairs, entry.pairCount, chunks);
  });
  const { minTime, maxTime } = block.meta;
  writer.finish({ minTime, maxTime, compaction: { level: 1, sources: [ulid] } });
  return ulid;
}

async function startPrometheus(data: string): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const config = join(directory, 'prometheus.yml');
  writeFileSync(config, '{}');
  const port = await freePort();
  const flags = [
    `--config.file=${config}`,
    `--storage.tsdb.path=${data}`,
    '--storage.tsdb.retention.time=100y',
    '--web.enable-admin-api',
    `--web.listen-address=127.0.0.1:${port}`,
  ];
  const child = spawn('prometheus', flags, { stdio: 'ignore' });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const url = `http://127.0.0.1:${port}`;
  await untilReady(url);
  return {
    url,
    async stop() {
      child.kill('SIGTERM');
      await exited;
    },
  };
}

async function untilReady(url: string): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const ready = await fetch(`${url}/-/ready`).catch(() => undefined);
    if (ready?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('prometheus did not become ready');
}

/** The samples themselves: an instant query of a range, as of the last sample. */
async function queryRange(
  url: string,
  labels: Readonly<Record<string, string>>,
  samples: FixtureSeries['samples'],
): Promise<unknown[]> {
  const matchers = Object.entries({ instance: '', text: '', ...labels }).map(([n, v]) => `${n}=${JSON.stringify(v)}`);
  const last = samples[samples.length - 1][0] / 1000;
  const body = new URLSearchParams({ query: `{${matchers.join(',')}}[2h]`, time: String(last) });
  const response = await fetch(`${url}/api/v1/query`, { method: 'POST', body });
  const answer = (await response.json()) as { data: { result: { metric: object; values: [number, string][] }[] } };
  return answer.data.result.map(({ metric, values }) => ({ metric, values: values.map(([t, v]) => [t, parseGo(v)]) }));
}
