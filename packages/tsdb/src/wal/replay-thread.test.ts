import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Labels, silentLogger } from '@avalanche/model';
import { rolldown } from 'rolldown';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readLog } from './read-log.ts';
import type { SampleBatch } from './records.ts';
import { Wal } from './wal.ts';

let base = '';
let worker: URL;
beforeAll(async () => {
  base = mkdtempSync(join(tmpdir(), 'replay-thread-'));
  const build = await rolldown({
    input: fileURLToPath(new URL('./replay-worker.ts', import.meta.url)),
    platform: 'node',
    resolve: { conditionNames: ['@avalanche/source', 'import', 'node', 'default'] },
    external: ['fzstd'],
  });
  await build.write({ file: join(base, 'replay-worker.mjs'), format: 'esm' });
  await build.close();
  worker = pathToFileURL(join(base, 'replay-worker.mjs'));
});
afterAll(() => rmSync(base, { recursive: true }));

const series = 3000;
const rounds = 200;

/** A log with enough samples for several turns of the shared buffers. */
async function write(directory: string): Promise<void> {
  const wal = Wal.open(directory, {
    compression: 'snappy',
    fsync: 'never',
    logger: silentLogger,
    segmentBytes: 1 << 20,
  });
  await wal.replay({ series() {}, samples: () => 0 });
  for (let ref = 1; ref <= series; ref++) wal.logSeries(ref, Labels.from({ __name__: 'up', i: String(ref) }));
  const refs = Array.from({ length: series }, (_, i) => i + 1);
  for (let round = 0; round < rounds; round++) {
    const values = Float64Array.from(refs, (ref) => Math.sin(ref + round));
    const times = refs.map(() => 1_700_000_000_000 + round);
    wal.logSamples({ refs, times, bits: new Uint32Array(values.buffer), length: series });
    if (round % 50 === 0) wal.logTombstone(round + 1, round, round + 1);
    if (round === 70) wal.logRaw(Uint8Array.of(99));
    wal.flush();
  }
  await wal.close();
}

/** A checksum of everything that a log hands on, in order. */
async function digest(directory: string, replayWorker: URL | null) {
  const lines: string[] = [];
  let seen = 0;
  let sum = 0;
  const contents = await readLog(
    directory,
    {
      series: (ref, labels) => lines.push(`${ref} ${labels.toString()}`),
      tombstones: (all) => lines.push(`${seen} ${sum} ${JSON.stringify(all)}`),
      samples({ refs, times, bits, length }: SampleBatch) {
        seen += length;
        for (let i = 0; i < length; i++) {
          for (const part of [refs[i], times[i], bits[2 * i], bits[2 * i + 1]]) sum = (Math.imul(sum, 31) + part) >>> 0;
        }
        return 1;
      },
    },
    { logger: silentLogger, replayWorker, replayWorkerBytes: 0 },
  );
  const { samples, records, damage } = contents;
  return { lines, seen, sum, samples, records, damage: damage && { ...damage, message: damage.message } };
}

test('the thread hands on the same as reading here, damage included', async () => {
  const directory = join(base, 'wal');
  await write(directory);
  const here = await digest(directory, null);
  expect(here).toMatchObject({ seen: series * rounds, samples: series * rounds, damage: undefined });
  expect(here.records).toMatchObject({ samples: rounds, tombstones: 4, unknown: 1 });
  expect(await digest(directory, worker)).toEqual(here);
  const path = join(directory, '00000002');
  const bytes = readFileSync(path);
  bytes[500_000] ^= 4;
  writeFileSync(path, bytes);
  const damaged = await digest(directory, null);
  expect(damaged.seen).toBeLessThan(series * rounds);
  expect(damaged.damage).toMatchObject({ path });
  expect(await digest(directory, worker)).toEqual(damaged);
});

test('a record that does not decode ends it, with its place', async () => {
  const directory = join(base, 'undecodable');
  const wal = Wal.open(directory, { compression: 'none', fsync: 'never', logger: silentLogger });
  await wal.replay({ series() {}, samples: () => 0 });
  wal.logSeries(1, Labels.from({ __name__: 'up' }));
  wal.logRaw(Uint8Array.of(3, 0, 0));
  wal.logSeries(2, Labels.from({ __name__: 'down' }));
  wal.flush();
  await wal.close();
  const here = await digest(directory, null);
  expect(here).toMatchObject({ lines: ['1 up'], damage: { reason: 'record ends too early' } });
  expect(await digest(directory, worker)).toEqual(here);
});

test('samples before a record of series that does not decode are handed on', async () => {
  const directory = join(base, 'undecodable-series');
  const wal = Wal.open(directory, { compression: 'none', fsync: 'never', logger: silentLogger });
  await wal.replay({ series() {}, samples: () => 0 });
  wal.logSeries(1, Labels.from({ __name__: 'up' }));
  wal.logSamples({ refs: [1], times: [5], bits: new Uint32Array(2), length: 1 });
  wal.logRaw(Uint8Array.of(1, 0, 0));
  wal.flush();
  await wal.close();
  const here = await digest(directory, null);
  expect(here).toMatchObject({ seen: 1, damage: { reason: 'record ends too early' } });
  expect(await digest(directory, worker)).toEqual(here);
});

test('the thread is never far ahead of a sink that is slow', async () => {
  const directory = join(base, 'many-series');
  const wal = Wal.open(directory, { compression: 'none', fsync: 'never', logger: silentLogger });
  await wal.replay({ series() {}, samples: () => 0 });
  const padding = 'x'.repeat(16_000);
  for (let ref = 1; ref <= 12_000; ref++) {
    wal.logSeries(ref, Labels.from({ __name__: 'up', i: String(ref), padding }));
    if (ref % 100 === 0) wal.flush();
  }
  await wal.close();
  const before = process.memoryUsage.rss();
  let most = 0;
  let seen = 0;
  const sink = {
    series() {
      if (++seen % 3000 === 1) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 250);
      if (seen % 100 === 0) most = Math.max(most, process.memoryUsage.rss() - before);
    },
    samples: () => 0,
  };
  await readLog(directory, sink, { logger: silentLogger, replayWorker: worker, replayWorkerBytes: 0 });
  expect(seen).toBe(12_000);
  expect(most).toBeLessThan(100_000_000); // of 190 MB
});

test('a thread that cannot start and a sink that throws are errors, not hangs', async () => {
  const directory = join(base, 'wal');
  await expect(digest(directory, new URL('file:///nowhere.js'))).rejects.toThrow();
  const sink = {
    series() {
      throw new Error('no room');
    },
    samples: () => 0,
  };
  const options = { logger: silentLogger, replayWorker: worker, replayWorkerBytes: 0 };
  await expect(readLog(directory, sink, options)).rejects.toThrow('no room');
});
