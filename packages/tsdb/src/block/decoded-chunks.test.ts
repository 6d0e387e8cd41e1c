import { SampleColumns } from '@avalanche/model';
import { expect, test } from 'vitest';
import { ASKED_ONCE, DecodedChunks } from './decoded-chunks.ts';

/** `count` samples from `start` on, `stepMs` apart, with a staleness marker in the middle. */
function chunk(count: number, { start = 0, stepMs = 1000, scale = 1 / 3 } = {}): SampleColumns {
  const into = new SampleColumns(1);
  for (let i = 0; i < count; i++) {
    if (i === count >> 1) into.pushStale(start + i * stepMs);
    else into.push(start + i * stepMs, i * scale);
  }
  return into;
}

function samplesOf({ t, bits, length }: SampleColumns, from = 0): unknown[] {
  return [[...t.subarray(from, length)], [...bits.subarray(2 * from, 2 * length)]];
}

function readAll(cache: DecodedChunks, number: number): unknown[] | null {
  const into = new SampleColumns(1);
  return cache.read(number, -1e15, 1e15, into) ? samplesOf(into) : null;
}

test.each([
  [0, 1e9],
  [5000, 9000],
  [-5, 0],
  [119_000, 1e9],
  [200_000, 300_000],
  [-200_000, -1],
  [5001, 5999],
  [20_000, 100_000],
])('samples from %d to %d are appended', (from, to) => {
  const cache = new DecodedChunks();
  const whole = chunk(120);
  const number = cache.keep(whole, 0);
  const wanted = new SampleColumns();
  wanted.push(-1, 7);
  for (let i = 0; i < whole.length; i++) {
    if (whole.t[i] >= from && whole.t[i] <= to) wanted.pushBits(whole.t[i], whole.bits[2 * i], whole.bits[2 * i + 1]);
  }
  const got = new SampleColumns(1);
  got.push(-1, 7);
  expect(cache.read(number, from, to, got)).toBe(true);
  expect(samplesOf(got)).toEqual(samplesOf(wanted));
});

test('what was never kept, and what was not asked for twice, is not there', () => {
  const cache = new DecodedChunks();
  for (const number of [ASKED_ONCE, 0, 1, 40_000]) expect(readAll(cache, number)).toBe(null);
});

test('the samples after some others are kept alone', () => {
  const cache = new DecodedChunks();
  const both = chunk(5);
  for (let i = 0; i < 7; i++) both.push(1e6 + i, i);
  const number = cache.keep(both, 5);
  expect(readAll(cache, number)).toEqual(samplesOf(both, 5));
});

test('what is oldest is written over, and never read as something else', () => {
  const cache = new DecodedChunks(64 * 1024, 32);
  const kept: { readonly number: number; readonly samples: unknown[] }[] = [];
  let hits = 0;
  for (let i = 0; i < 500; i++) {
    // Some columns of times are shared, some are not; lengths differ.
    const samples = chunk(1 + ((i * 37) % 120), { start: (i % 7) * 1e6, stepMs: 10 + (i % 3), scale: i });
    kept.push({ number: cache.keep(samples, 0), samples: samplesOf(samples) });
    for (const { number, samples } of kept) {
      const found = readAll(cache, number);
      if (found === null) continue;
      hits++;
      expect(found).toEqual(samples);
    }
    expect(readAll(cache, kept[kept.length - 1].number)).not.toBe(null);
  }
  expect(readAll(cache, kept[0].number)).toBe(null);
  expect(hits).toBeGreaterThan(5000);
});

test('series with the same times share them', () => {
  const cache = new DecodedChunks(64 * 1024);
  // Room for about 1,170 times and 7,000 values.
  const numbers = Array.from({ length: 50 }, (_, i) => cache.keep(chunk(120, { scale: i }), 0));
  for (const number of numbers) expect(readAll(cache, number)).not.toBe(null);
});

test('a chunk that would push out all others is not kept', () => {
  expect(new DecodedChunks(64 * 1024).keep(chunk(5000), 0)).toBe(ASKED_ONCE);
});
