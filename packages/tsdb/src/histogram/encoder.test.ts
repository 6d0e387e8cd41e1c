import { readFileSync } from 'node:fs';
import { denseBuckets, FloatHistogram, type HistogramFields, SampleColumns, STALE_HISTOGRAM } from '@avalanche/model';
import { expect, test } from 'vitest';
import { ENCODING_FLOAT_HISTOGRAM, ENCODING_HISTOGRAM } from '../chunk-columns.ts';
import { readHistograms } from './chunk.ts';
import { FITS, GAUGE, HistogramEncoder, NO_RESET, RESET, UNKNOWN_RESET } from './encoder.ts';

interface KnownChunks {
  readonly name: string;
  readonly chunks: readonly { readonly encoding: number; readonly hex: string }[];
}

/** Chunks that Prometheus (3.14 development, d15adb9a) has encoded. */
const KNOWN: readonly KnownChunks[] = JSON.parse(
  readFileSync(new URL('testdata/chunks.json', import.meta.url), 'utf8'),
);

function histogram(positive: readonly number[], more: Partial<HistogramFields> = {}, offset = 0): FloatHistogram {
  const zeroCount = more.zeroCount ?? 0;
  const count = positive.reduce((sum, n) => sum + n, zeroCount);
  return new FloatHistogram({
    ...{ schema: 1, zeroThreshold: 0.001, sum: count * 1.5, count, ofIntegers: true },
    positive: denseBuckets(offset, positive),
    ...more,
  });
}

function read(encoder: HistogramEncoder): SampleColumns {
  const { bytes, size: end, encoding } = encoder;
  const columns = new SampleColumns();
  readHistograms({ bytes, start: 0, end, encoding }, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, columns);
  return columns;
}

const WRITTEN = KNOWN.filter(({ name }) => !name.includes('of the future')); // which are written in schema 8

test.each(WRITTEN)('$name: written again, bit for bit as Prometheus does', ({ chunks }) => {
  for (const { encoding, hex } of chunks) {
    const bytes = Buffer.from(hex, 'hex');
    const encoder = HistogramEncoder.resume({ bytes, start: 0, end: bytes.length, encoding });
    expect(Buffer.from(encoder.bytes.subarray(0, encoder.size)).toString('hex')).toBe(hex);
  }
});

test.each([ENCODING_HISTOGRAM, ENCODING_FLOAT_HISTOGRAM])(
  'new buckets make the chunk anew, lost ones are filled up (encoding %i)',
  (encoding) => {
    const ofIntegers = encoding === ENCODING_HISTOGRAM;
    const encoder = new HistogramEncoder(encoding, UNKNOWN_RESET);
    const all = [
      histogram([1, 0, 2], { ofIntegers }, 3),
      histogram([1, 0, 3, 5], { ofIntegers, negative: denseBuckets(-1, [1]), count: 10 }, 3),
      histogram([4, 2], {
        ofIntegers,
        count: 40,
        positive: denseBuckets(1, [4, 0, 2, 3, 9, 11]),
        negative: denseBuckets(-1, [11]),
      }),
    ];
    all.forEach((each, i) => {
      if (i > 0) expect(encoder.judge(each)).toBe(FITS);
      encoder.append(1000 * (i + 1) + i * i, each);
    });
    const { t, histograms, length } = read(encoder);
    expect(length).toBe(3);
    expect([...t.subarray(0, 3)]).toEqual([1000, 2001, 3004]);
    all.forEach((each, i) => {
      expect(histograms?.[i]?.equals(each)).toBe(true);
      expect(histograms?.[i]?.ofIntegers).toBe(ofIntegers);
    });
    expect(histograms?.map((each) => each?.counterResetHint)).toEqual(['unknown', 'not_reset', 'not_reset']);
  },
);

test('what does not go on in a chunk says with which header the next begins', () => {
  const encoder = new HistogramEncoder(ENCODING_HISTOGRAM, UNKNOWN_RESET);
  encoder.append(1, histogram([5, 1], { zeroCount: 2 }));
  const verdicts = [
    [histogram([5, 1], { zeroCount: 2 }), FITS],
    [histogram([4, 3], { zeroCount: 2 }), RESET],
    [histogram([9], { zeroCount: 2 }), RESET],
    [histogram([9, 1], { zeroCount: 1 }), RESET],
    [histogram([5, 1], { zeroCount: 2, counterResetHint: 'reset' }), RESET],
    [histogram([5, 1], { zeroCount: 2, schema: 0 }), UNKNOWN_RESET],
    [histogram([5, 1], { zeroCount: 2, zeroThreshold: 1 }), UNKNOWN_RESET],
    [histogram([5, 1], { zeroCount: 2, counterResetHint: 'gauge' }), GAUGE],
    [STALE_HISTOGRAM, FITS],
  ] as const;
  for (const [next, verdict] of verdicts) expect(encoder.judge(next)).toBe(verdict);
  encoder.append(2, STALE_HISTOGRAM);
  expect(encoder.judge(histogram([7, 1], { zeroCount: 2 }))).toBe(UNKNOWN_RESET);
  encoder.append(3, STALE_HISTOGRAM);
  const columns = read(encoder);
  expect([0, 1, 2].map((i) => columns.isStale(i))).toEqual([false, true, true]);
});

test('a gauge may fall, and keeps what it is after it was read again', () => {
  const gauge = (counts: readonly number[], offset: number) => histogram(counts, { counterResetHint: 'gauge' }, offset);
  const encoder = new HistogramEncoder(ENCODING_HISTOGRAM, GAUGE);
  const all = [gauge([5, 1], 0), gauge([2], 1), gauge([1, 1, 1], 4), gauge([], 0)];
  all.forEach((each, i) => {
    if (i > 0) expect(encoder.judge(each)).toBe(FITS);
    encoder.append(i, each);
  });
  const { bytes, size: end, encoding } = encoder;
  const again = HistogramEncoder.resume({ bytes, start: 0, end, encoding });
  expect(again.bytes.subarray(0, again.size)).toEqual(bytes.subarray(0, end));
  read(again).histograms?.forEach((each, i) => {
    expect(each?.equals(all[i])).toBe(true);
    expect(each?.counterResetHint).toBe('gauge');
  });
  expect(again.judge(histogram([9, 9, 9, 9, 9, 9, 9]))).toBe(UNKNOWN_RESET);
});

test('numbers of all sizes, custom bounds and odd zero buckets come back as they were', () => {
  const numbers = [0, 1, 4, 5, 32, 33, 256, 257, 2048, 131_072, 16_777_216, 16_777_217, 2 ** 40, 2 ** 52];
  const layouts: Partial<HistogramFields>[] = [
    { zeroThreshold: 0 },
    { zeroThreshold: 2 ** -128 },
    { zeroThreshold: 0.3 },
    { schema: -53, zeroThreshold: 0, customValues: Float64Array.of(-1, 0, 0.005, 1.5, 33_554.43, 40_000, 1e9) },
  ];
  for (const layout of layouts) {
    const header = NO_RESET;
    const encoder = new HistogramEncoder(ENCODING_HISTOGRAM, header);
    const all = numbers.map((n, i) =>
      histogram([n, n * 2, 0, Math.floor(n / 3)], { ...layout, sum: i === 3 ? Number.NaN : n / 7 }),
    );
    for (const [i, each] of all.entries()) encoder.append(i ** 5 - 40, each);
    const columns = read(encoder);
    for (const [i, each] of all.entries()) {
      expect(columns.t[i]).toBe(i ** 5 - 40);
      expect(columns.histograms?.[i]?.equals(each)).toBe(true);
    }
  }
});
