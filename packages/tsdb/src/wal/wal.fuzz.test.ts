import {
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Labels, silentLogger } from '@avalanche/model';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Compression } from './compression.ts';
import { readLog } from './read-log.ts';
import { listSegments, PAGE_BYTES } from './segments.ts';
import { Wal } from './wal.ts';

/** The seed is told with a failure, to repeat it; more rounds find more. */
const seed = Number(process.env.FUZZ_SEED ?? 20_261);
const rounds = Number(process.env.FUZZ_ROUNDS ?? 120);

function randomOf(from: number): (below: number) => number {
  let state = from;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return Math.floor(((state >>> 0) / 2 ** 32) * below);
  };
}

const start = 1_700_000_000_000;
const valueAt = (ref: number, time: number) => (ref % 4 === 0 ? ref : Math.sin(ref * 31 + (time - start)));

let base = '';
beforeAll(() => {
  base = mkdtempSync(join(tmpdir(), 'wal-fuzz-'));
});
afterAll(() => rmSync(base, { recursive: true }));

/** @returns how many samples it holds */
async function write(directory: string, compression: Compression): Promise<number> {
  const wal = Wal.open(directory, { compression, fsync: 'never', logger: silentLogger, segmentBytes: 3 * PAGE_BYTES });
  await wal.replay({ series() {}, samples: () => 0 });
  let samples = 0;
  for (let round = 0; round < 25; round++) {
    const time = start + round * 15_000;
    const refs = Array.from({ length: round % 5 === 0 ? 4000 : 50 }, (_, i) => i + 1);
    for (let i = 0; i < 20; i++) wal.logSeries(round * 20 + i + 1, Labels.from({ __name__: 'up', i: `${round}-${i}` }));
    const bits = new Uint32Array(Float64Array.from(refs, (ref) => valueAt(ref, time)).buffer);
    wal.logSamples({ refs, times: refs.map(() => time), bits, length: refs.length });
    if (round % 7 === 0) wal.logTombstone(round, time, time + 1);
    wal.flush();
    samples += refs.length;
  }
  await wal.close();
  return samples;
}

/** Reads a log, checking all that it hands on. @returns how many samples that was, and whether damage was told */
async function check(directory: string) {
  const lastTime = new Map<number, number>();
  const { samples, damage } = await readLog(
    directory,
    {
      series(ref, labels) {
        expect(labels.get('i')).toBe(`${Math.floor((ref - 1) / 20)}-${(ref - 1) % 20}`);
      },
      tombstones(all) {
        for (const { ref, minTime, maxTime } of all) {
          expect([minTime, maxTime]).toEqual([start + ref * 15_000, start + ref * 15_000 + 1]);
        }
        return 0;
      },
      samples({ refs, times, bits, length }) {
        const values = new Float64Array(bits.buffer, bits.byteOffset, length);
        for (let i = 0; i < length; i++) {
          const before = lastTime.get(refs[i]) ?? start - 1;
          if (values[i] !== valueAt(refs[i], times[i]) || times[i] <= before) throw new Error('a wrong value');
          lastTime.set(refs[i], times[i]);
        }
        return 0;
      },
    },
    { logger: silentLogger, replayWorker: null },
  );
  return { samples, damage };
}

describe.each<Compression>(['none', 'snappy'])('a log damaged at random places (%s)', (compression) => {
  test(`never hands on a wrong value, and tells what is missing (seed ${seed})`, async () => {
    const random = randomOf(seed);
    const directory = join(base, compression);
    const total = await write(directory, compression);
    expect(await check(directory)).toEqual({ samples: total, damage: undefined });
    const files = listSegments(directory).map(({ path }) => ({ path, bytes: readFileSync(path) }));
    expect(files.length).toBeGreaterThan(2);
    for (let round = 0; round < rounds; round++) {
      const { path, bytes } = files[random(files.length)];
      const at = random(bytes.length);
      if (round % 10 === 0) truncateSync(path, at);
      else overwrite(path, at, bytes[at] ^ (1 << random(8)));
      const { samples, damage } = await check(directory);
      // A segment that ends between two records, or in its padding, looks like one that was never written on.
      if (samples < total && round % 10 !== 0) expect(damage?.path).toBe(path);
      if (round % 10 === 0) writeFileSync(path, bytes);
      else overwrite(path, at, bytes[at]);
    }
    expect(await check(directory)).toEqual({ samples: total, damage: undefined });
  });
});

function overwrite(path: string, at: number, byte: number): void {
  const fd = openSync(path, 'r+');
  writeSync(fd, Uint8Array.of(byte), 0, 1, at);
  closeSync(fd);
}
