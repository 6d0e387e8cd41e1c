import { readFileSync } from 'node:fs';
import { FloatHistogram, SampleColumns } from '@avalanche/model';
import { expect, test } from 'vitest';
import { ENCODING_FLOAT_HISTOGRAM, ENCODING_HISTOGRAM } from '../chunk-columns.ts';
import { InvalidChunk } from './bits.ts';
import { type EncodedChunk, readHistograms } from './chunk.ts';

/** A sample as Prometheus decodes it; buckets are pairs of index and count. */
interface KnownSample {
  readonly t: number;
  readonly stale?: boolean;
  readonly hint: string;
  readonly schema: number;
  readonly zeroThreshold: number;
  readonly zeroCount: number;
  readonly count: number;
  readonly sum: string;
  readonly positive: readonly (readonly [number, number])[];
  readonly negative: readonly (readonly [number, number])[];
  readonly customValues: readonly number[];
}

interface KnownChunks {
  readonly name: string;
  readonly chunks: readonly {
    readonly encoding: number;
    readonly hex: string;
    readonly samples: readonly KnownSample[];
  }[];
}

/** Chunks that Prometheus (3.14 development, d15adb9a) has encoded, and what it reads from them. */
const KNOWN: readonly KnownChunks[] = JSON.parse(
  readFileSync(new URL('testdata/chunks.json', import.meta.url), 'utf8'),
);
const SEED = Number(process.env.FUZZ_SEED ?? 20_240_501);

function chunkOf({ encoding, hex }: { readonly encoding: number; readonly hex: string }): EncodedChunk {
  // Not at the start of its buffer, and with other bytes behind it, as in a file.
  const bytes = Buffer.concat([Buffer.of(1, 2, 3), Buffer.from(hex, 'hex'), Buffer.alloc(4, 0xff)]);
  return { bytes, start: 3, end: bytes.length - 4, encoding };
}

function read(chunk: EncodedChunk, minTime = Number.NEGATIVE_INFINITY, maxTime = Number.POSITIVE_INFINITY) {
  const into = new SampleColumns(1);
  expect(readHistograms(chunk, minTime, maxTime, into)).toBe(into.length);
  return into;
}

function samplesOf(columns: SampleColumns) {
  return Array.from({ length: columns.length }, (_, i) => {
    const h = columns.histograms?.[i];
    if (!h) return { t: columns.t[i], stale: columns.isStale(i) };
    const { counterResetHint, schema, zeroThreshold, zeroCount, count, sum, positive, negative, customValues } = h;
    const pairs = ({ indexes, counts }: FloatHistogram['positive']) =>
      Array.from(indexes, (index, k) => [index, counts[k]]);
    return {
      t: columns.t[i],
      hint: counterResetHint,
      ...{ schema, zeroThreshold, zeroCount, count, sum },
      ...{ positive: pairs(positive), negative: pairs(negative), customValues: [...customValues] },
    };
  });
}

function wanted(samples: readonly KnownSample[]) {
  return samples.map((sample) => (sample.stale ? sample : { ...sample, sum: Number(sample.sum) }));
}

test.each(KNOWN)('$name', ({ chunks }) => {
  for (const chunk of chunks) expect(samplesOf(read(chunkOf(chunk)))).toEqual(wanted(chunk.samples));
});

test('only the asked part of a chunk is given', () => {
  for (const { chunks } of KNOWN) {
    for (const chunk of chunks) {
      const all = wanted(chunk.samples);
      const minTime = all[Math.floor(all.length / 3)].t;
      const maxTime = all[Math.floor((2 * all.length) / 3)].t - 1;
      const inside = all.filter(({ t }) => t >= minTime && t <= maxTime);
      expect(samplesOf(read(chunkOf(chunk), minTime, maxTime))).toEqual(inside);
    }
  }
});

test('what is read later does not change what was read before', () => {
  const columns = read(chunkOf(KNOWN[0].chunks[0]));
  const before = samplesOf(columns);
  readHistograms(chunkOf(KNOWN[1].chunks[0]), 0, Number.POSITIVE_INFINITY, columns);
  expect(samplesOf(columns).slice(0, before.length)).toEqual(before);
  expect(columns.length).toBe(before.length + KNOWN[1].chunks[0].samples.length);
});

test('a chunk that is cut short anywhere is damaged', () => {
  for (const { chunks } of KNOWN) {
    const chunk = chunkOf(chunks[0]);
    for (let end = chunk.start; end < chunk.end - 1; end++) {
      expect(() => read({ ...chunk, end })).toThrow(InvalidChunk);
    }
  }
});

/** A chunk of one sample whose layout begins with these bits, with zeros behind them. */
function withLayout(encoding: number, ...bits: readonly string[]): EncodedChunk {
  const text = bits.join('').replaceAll(' ', '');
  const bytes = (text.padEnd(Math.ceil(text.length / 8) * 8, '0').match(/.{8}/g) ?? []).map((byte) =>
    parseInt(byte, 2),
  );
  return chunkOf({ encoding, hex: `000100${Buffer.from(bytes).toString('hex')}${'00'.repeat(50)}` });
}

const NO_ZERO_BUCKET = '00000000';
const SCHEMA_0 = '0';
const CUSTOM = '1110 111001011';
const ONE = '10 001';
const NO_SPANS = '0';
const HUGE = `11111111 ${'1'.repeat(64)}`;

test.each([
  ['spans', withLayout(ENCODING_HISTOGRAM, NO_ZERO_BUCKET, SCHEMA_0, HUGE), 'a chunk ends too early'],
  ['buckets', withLayout(ENCODING_HISTOGRAM, NO_ZERO_BUCKET, SCHEMA_0, ONE, HUGE), 'more buckets than the chunk'],
  // 7 of 64 bits each, and 50 bytes are there.
  ['floats', withLayout(ENCODING_FLOAT_HISTOGRAM, NO_ZERO_BUCKET, SCHEMA_0, ONE, '10 111'), 'more buckets than'],
  [
    'bounds',
    withLayout(ENCODING_FLOAT_HISTOGRAM, NO_ZERO_BUCKET, CUSTOM, NO_SPANS, NO_SPANS, HUGE),
    'a chunk ends too early',
  ],
])('more %s than the chunk has room for are damage, and take no memory', (_, chunk, message) => {
  expect(() => read(chunk)).toThrow(InvalidChunk);
  expect(() => read(chunk)).toThrow(message);
});

test(`flipped bytes give histograms or an error, at once (FUZZ_SEED=${SEED})`, () => {
  let state = SEED;
  const random = (below: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 0x1_0000_0000) * below);
  };
  const chunks = KNOWN.flatMap((known) => known.chunks.map(chunkOf));
  let damaged = 0;
  for (let round = 0; round < 30_000; round++) {
    const chunk = chunks[random(chunks.length)];
    const bytes = Uint8Array.from(chunk.bytes);
    for (let flips = random(3); flips >= 0; flips--) {
      bytes[chunk.start + random(chunk.end - chunk.start)] ^= 1 + random(255);
    }
    try {
      const { length, t, histograms } = read({ ...chunk, bytes });
      for (let i = 1; i < length; i++) expect(t[i]).toBeGreaterThan(t[i - 1]);
      expect(histograms?.every((histogram) => histogram instanceof FloatHistogram)).not.toBe(false);
    } catch (error) {
      if (!(error instanceof InvalidChunk)) throw error;
      damaged++;
    }
  }
  expect(damaged).toBeGreaterThan(1000);
});
