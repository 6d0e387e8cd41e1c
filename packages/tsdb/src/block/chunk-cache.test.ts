import { SampleColumns } from '@avalanche/model';
import { expect, test } from 'vitest';
import { ChunkCache } from './chunk-cache.ts';

/** A chunk of `count` samples a second apart, with a staleness marker in the middle. */
function decoder(count: number): (into: SampleColumns) => void {
  return (into) => {
    for (let i = 0; i < count; i++) {
      if (i === count >> 1) into.pushStale(i * 1000);
      else into.push(i * 1000, i / 3);
    }
  };
}

function samplesOf({ t, bits, length }: SampleColumns): unknown[] {
  return [[...t.subarray(0, length)], [...bits.subarray(0, 2 * length)]];
}

test('a chunk is kept when it is asked for again, and read in any range', () => {
  const cache = new ChunkCache().ofBlock();
  expect(cache.read(77, 0, 1e9, new SampleColumns())).toBe(false);
  cache.offer(77, decoder(120));
  expect(cache.read(77, 0, 1e9, new SampleColumns())).toBe(false);
  cache.offer(77, decoder(120));
  const whole = new SampleColumns();
  decoder(120)(whole);
  for (const [from, to] of [
    [0, 1e9],
    [5000, 9000],
    [-5, 0],
    [119_000, 1e9],
    [200_000, 300_000],
    [5001, 5999],
  ] as const) {
    const wanted = new SampleColumns();
    wanted.push(-1, 7);
    for (let i = 0; i < whole.length; i++) {
      if (whole.t[i] >= from && whole.t[i] <= to) wanted.pushBits(whole.t[i], whole.bits[2 * i], whole.bits[2 * i + 1]);
    }
    const got = new SampleColumns(1);
    got.push(-1, 7);
    expect(cache.read(77, from, to, got)).toBe(true);
    expect(samplesOf(got)).toEqual(samplesOf(wanted));
  }
});

test('blocks do not see each other, and what is not asked for any more goes', () => {
  const chunks = new ChunkCache(64 * 1024);
  const [a, b] = [chunks.ofBlock(), chunks.ofBlock()];
  for (let twice = 0; twice < 2; twice++) a.offer(1, decoder(10));
  expect(a.read(1, 0, 1e9, new SampleColumns())).toBe(true);
  expect(b.read(1, 0, 1e9, new SampleColumns())).toBe(false);
  for (let ref = 100; ref < 150; ref++) for (let twice = 0; twice < 2; twice++) b.offer(ref, decoder(120));
  expect(a.read(1, 0, 1e9, new SampleColumns())).toBe(false);
  expect(b.read(149, 0, 1e9, new SampleColumns())).toBe(true);
});
