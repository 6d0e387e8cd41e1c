import { readFileSync } from 'node:fs';
import { SampleColumns } from '@avalanche/model';
import { expect, test } from 'vitest';
import { ENCODING_XOR2 } from '../chunk-columns.ts';
import { InvalidChunk } from '../histogram/bits.ts';
import { readXor2, Xor2Encoder } from './xor2.ts';

/** Chunks that Prometheus (3.14 development, d15adb9a) has encoded: time, start, and the two halves of the value. */
const KNOWN: readonly {
  readonly name: string;
  readonly hex: string;
  readonly samples: readonly (readonly [number, number, number, number])[];
}[] = JSON.parse(readFileSync(new URL('testdata/xor2.json', import.meta.url), 'utf8'));
const SEED = Number(process.env.FUZZ_SEED ?? 20_260_504);

function read(bytes: Uint8Array, minTime = Number.NEGATIVE_INFINITY, maxTime = Number.POSITIVE_INFINITY) {
  const columns = new SampleColumns(4);
  readXor2({ bytes, start: 0, end: bytes.length, encoding: ENCODING_XOR2 }, minTime, maxTime, columns);
  return Array.from({ length: columns.length }, (_, i) => [
    ...[columns.t[i], columns.starts?.[i] ?? 0],
    ...[columns.bits[2 * i], columns.bits[2 * i + 1]],
  ]);
}

test.each(KNOWN)('$name: read and written as Prometheus does', ({ hex, samples }) => {
  const bytes = Buffer.from(hex, 'hex');
  expect(read(bytes)).toEqual(samples);
  const encoder = new Xor2Encoder();
  for (const [time, start, low, high] of samples) encoder.append(time, low, high, start);
  expect(Buffer.from(encoder.bytes.subarray(0, encoder.size)).toString('hex')).toBe(hex);
  const [from, to] = [samples[2][0], samples[samples.length - 2][0]];
  expect(read(bytes, from, to)).toEqual(samples.slice(2, -1));
  const again = Xor2Encoder.resume({ bytes, start: 0, end: bytes.length, encoding: ENCODING_XOR2 });
  for (const each of [encoder, again]) each.append(samples[samples.length - 1][0] + 5, 7, 8, 9);
  expect(again.bytes.subarray(0, again.size)).toEqual(encoder.bytes.subarray(0, encoder.size));
});

test(`flipped bytes give samples or an error (FUZZ_SEED=${SEED})`, () => {
  let state = SEED;
  const random = (below: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 0x1_0000_0000) * below);
  };
  let damaged = 0;
  for (let round = 0; round < 5000; round++) {
    const bytes = Uint8Array.from(Buffer.from(KNOWN[random(KNOWN.length)].hex, 'hex'));
    for (let flips = random(3); flips >= 0; flips--) bytes[random(bytes.length)] ^= 1 + random(255);
    try {
      const times = read(bytes).map(([time]) => time);
      for (let i = 1; i < times.length; i++) expect(times[i]).toBeGreaterThan(times[i - 1]);
    } catch (error) {
      if (!(error instanceof InvalidChunk)) throw error;
      damaged++;
    }
  }
  expect(damaged).toBeGreaterThan(200);
});
