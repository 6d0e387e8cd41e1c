import { SampleColumns } from '@avalanche/model';
import { expect, test } from 'vitest';
import { randomNumbers } from '../../../../tests/support/random-numbers.ts';
import { appendXor, newXorState, readXor, type XorState } from './xor.ts';

function encode(times: readonly number[], values: Float64Array): XorState {
  const state: XorState = newXorState(new Uint8Array(times.length * 20 + 2));
  const bits = new Uint32Array(values.buffer);
  times.forEach((time, i) => {
    appendXor(state, time, bits[2 * i], bits[2 * i + 1]);
  });
  return state;
}

function decode(state: XorState, from = -Infinity, to = Infinity): SampleColumns {
  const into = new SampleColumns(1);
  readXor(state.bytes, 0, state.count, from, to, into);
  return into;
}

test.each([1, 2, 3, 4, 5])('random samples come back bit by bit (seed %i)', (seed) => {
  const next = randomNumbers(seed);
  const times: number[] = [];
  const values = new Float64Array(120);
  const bits = new Uint32Array(values.buffer);
  let time = Math.floor(next() * 2e12);
  for (let i = 0; i < 120; i++) {
    const jump = [15_000, 1, 9_000, 100_000, 600_000, 5e9][Math.floor(next() * 6)];
    time += 1 + Math.floor(next() * jump);
    times.push(time);
    if (next() < 0.3) values[i] = Math.floor(next() * 1000);
    else {
      bits[2 * i] = next() * 2 ** 32;
      bits[2 * i + 1] = next() * 2 ** 32;
    }
  }
  const out = decode(encode(times, values));
  expect([...out.t.subarray(0, out.length)]).toEqual(times);
  expect([...out.bits.subarray(0, out.length * 2)]).toEqual([...bits]);
});

test('a chunk cut to its last byte is read whole: nothing is loaded from beyond it', () => {
  for (let count = 1; count <= 40; count++) {
    const values = Float64Array.from({ length: count }, (_, i) => i * 1.1);
    const times = Array.from(values, (_, i) => 1e12 + i * 15_000 + (i % 3));
    const state = encode(times, values);
    state.bytes = state.bytes.slice(0, Math.ceil(state.bitLength / 8));
    const out = decode(state);
    expect([...out.v.subarray(0, out.length)]).toEqual([...values]);
  }
});

test('what lies behind a chunk does not matter', () => {
  const values = Float64Array.from({ length: 40 }, (_, i) => Math.sin(i));
  const times = Array.from(values, (_, i) => 1e12 + i * 15_000 + (i % 7) * 9000);
  const state = encode(times, values);
  const bytes = state.bytes.slice(0, Math.ceil(state.bitLength / 8));
  for (const behind of [1, 20, 24, 25, 26, 30, 200]) {
    state.bytes = new Uint8Array(bytes.length + behind).fill(0xa7);
    state.bytes.set(bytes);
    const out = decode(state);
    expect([...out.t.subarray(0, out.length)]).toEqual(times);
    expect([...out.v.subarray(0, out.length)]).toEqual([...values]);
  }
});

test('a count far beyond the data ends', () => {
  const state = encode([1, 2, 3], new Float64Array([1, 2, 3]));
  state.bytes = state.bytes.slice(0, Math.ceil(state.bitLength / 8));
  state.count = 65_535;
  expect(decode(state).length).toBe(65_535);
});

test('the bytes are those of Prometheus 2.42 (tsdb/chunkenc, same samples)', () => {
  const times = [1.6e12, 1.6e12 + 15_000, 1.6e12 + 30_000, 1.6e12 + 45_001, 1.6e12 + 160_001, 1.6e12 + 9_000_000];
  const state = encode(times, new Float64Array([1, 1, 2, 2.5, -0.1, 1e300]));
  const bytes = Buffer.from(state.bytes.subarray(0, Math.ceil(state.bitLength / 8)));
  expect(bytes.toString('hex')).toBe(
    '00068080f4f6905d3ff000000000000098753097ffe0007683e1869fc1fffdecccccccccccdf0000000000852207b0639f6944667b0180',
  );
});

test.each([-8191, -8192, 8192, 8193, -65_535, 65_536, 65_537, -524_287, 524_288, 524_289, 3e10])(
  'a delta of deltas of %i ms at the edge of a bit range',
  (dod) => {
    const times = [1e12, 1e12 + 1e6, 1e12 + 2e6 + dod];
    expect([...decode(encode(times, new Float64Array([1, 2, 3]))).t.subarray(0, 3)]).toEqual(times);
  },
);

test('only the range asked for is read, both ends included', () => {
  const state = encode([10, 20, 30, 40], new Float64Array([1, 2, 3, 4]));
  const out = decode(state, 20, 30);
  expect([...out.t.subarray(0, out.length)]).toEqual([20, 30]);
  expect([...out.v.subarray(0, out.length)]).toEqual([2, 3]);
});

test('a staleness marker keeps its payload', () => {
  const values = new Float64Array(2);
  const bits = new Uint32Array(values.buffer);
  bits[2] = 2;
  bits[3] = 0x7ff00000;
  const out = decode(encode([1, 2], values));
  expect(out.isStale(0)).toBe(false);
  expect(out.isStale(1)).toBe(true);
});
