import { describe, expect, test } from 'vitest';
import { bucketsFromSpans, spansOf } from './buckets.ts';
import {
  allBuckets,
  BOUNDS_RECONCILED,
  ClassicHistogram,
  combine,
  denseBuckets,
  detectReset,
  FloatHistogram,
  formatHistogram,
  formatHistogramJSON,
  formatHistogramLiteral,
  type HistogramFields,
  HistogramSum,
  RESET_COLLISION,
  trim,
} from './index.ts';

const exponential = new FloatHistogram({
  count: 12,
  sum: 100,
  zeroCount: 2,
  zeroThreshold: 0.001,
  positive: denseBuckets(0, [2, 3, 0, 1, 4]),
});

function custom(bounds: number[], counts: number[], fields: Partial<HistogramFields> = {}): FloatHistogram {
  const count = counts.reduce((sum, n) => sum + n, 0);
  const positive = denseBuckets(0, counts);
  return new FloatHistogram({ schema: -53, count, customValues: Float64Array.from(bounds), positive, ...fields });
}

function exponentialOf(schema: number, offset: number, counts: number[], more: Partial<HistogramFields> = {}) {
  const count = counts.reduce((sum, n) => sum + n, more.zeroCount ?? 0);
  return new FloatHistogram({ schema, count, positive: denseBuckets(offset, counts), ...more });
}

describe('layout', () => {
  test('spans and indexes say the same', () => {
    const spans = [
      { offset: -2, length: 2 },
      { offset: 3, length: 1 },
    ];
    const { indexes } = bucketsFromSpans(spans, [1, 2, 3]);
    expect([...indexes]).toEqual([-2, -1, 3]);
    expect(spansOf(indexes)).toEqual(spans);
  });

  test('spans that do not fit are refused', () => {
    expect(() => bucketsFromSpans([{ offset: 0, length: 2 }], [1])).toThrow('spans need 2 buckets, have 1 buckets');
  });

  test.each([
    [0, -1, [1, 2, 3, 4], [3, 7]],
    [2, 0, [1, 1, 1, 1, 1], [4, 1]],
    [1, -4, [1, 2, 3], [6]],
  ])('schema %i reduced to %i', (from, to, counts, merged) => {
    expect(exponentialOf(from, 1, counts).reducedTo(to).positive).toEqual(denseBuckets(1, merged));
  });

  test('the bucket of the largest numbers ends at the largest number', () => {
    const top = allBuckets(exponentialOf(0, 1024, [1, 1]));
    expect(top.map(({ upper }) => upper)).toEqual([Number.MAX_VALUE, Number.POSITIVE_INFINITY]);
    expect(allBuckets(exponentialOf(8, 262144, [1]))[0].upper).toBe(Number.MAX_VALUE);
    expect(allBuckets(exponentialOf(-4, -67, [1]))[0].upper).toBe(2 ** -1072);
  });
});

test.each<[string, Partial<HistogramFields>, string]>([
  ['a schema that there is not', { schema: 9 }, 'got schema 9'],
  ['fewer than no observations', { count: -1 }, 'observation count is -1'],
  ['a negative bucket', { negative: denseBuckets(0, [1, -2]) }, 'negative side: bucket number 2'],
  ['custom bounds that fall', custom([2, 1], [1]), 'strictly increasing order'],
  ['too few custom bounds', custom([1], [1, 1, 1]), 'custom bounds are too few'],
  ['custom bounds beside exponential buckets', { customValues: Float64Array.of(1) }, 'must not have custom bounds'],
])('%s is not valid', (_, fields, message) => {
  expect(() => new FloatHistogram(fields).validate()).toThrow(message);
});

test('empty buckets do not make a difference', () => {
  expect(exponentialOf(0, 1, [1, 0, 2]).equals(exponentialOf(0, 1, [1, 0, 2, 0]))).toBe(true);
  expect(exponentialOf(0, 1, [1, 0, 2]).equals(exponentialOf(0, 1, [1, 2]))).toBe(false);
  expect(exponentialOf(0, 1, [1]).equals(exponentialOf(0, 2, [1]))).toBe(false);
});

describe('adding', () => {
  test('different resolutions meet at the lower one', () => {
    const sum = combine(exponentialOf(1, 1, [1, 1, 1, 1]), exponentialOf(0, 1, [1, 1, 1]), 1);
    expect(sum?.histogram.schema).toBe(0);
    expect(sum?.histogram.positive).toEqual(denseBuckets(1, [3, 3, 1]));
  });

  test('zero buckets meet at one that cuts no populated bucket', () => {
    const narrow = exponentialOf(0, -1, [1, 2, 3], { zeroThreshold: 0.001, zeroCount: 1 });
    const wide = exponentialOf(0, 1, [5], { zeroThreshold: 0.7, zeroCount: 10 });
    for (const [a, b] of [
      [narrow, wide],
      [wide, narrow],
    ]) {
      const sum = combine(a, b, 1)?.histogram;
      expect(sum).toMatchObject({ zeroThreshold: 1, zeroCount: 14, count: 22 });
      expect(sum?.positive).toEqual(denseBuckets(1, [8]));
    }
  });

  test('custom bounds meet at those that both have', () => {
    const sum = combine(custom([1, 2, 3], [1, 1, 1, 1]), custom([2, 3, 4], [10, 10, 10, 10]), 1);
    expect(sum?.outcome).toBe(BOUNDS_RECONCILED);
    expect([...(sum?.histogram.customValues ?? [])]).toEqual([2, 3]);
    expect(sum?.histogram.positive).toEqual(denseBuckets(0, [12, 11, 21]));
  });

  test('custom and exponential buckets do not meet', () => {
    expect(combine(exponential, custom([1], [1]), 1)).toBeNull();
  });

  test('a difference with itself has no buckets', () => {
    expect(combine(exponential, exponential, -1)?.histogram).toMatchObject({ count: 0, zeroCount: 0 });
    expect(combine(exponential, exponential, -1)?.histogram.positive.indexes).toHaveLength(0);
  });

  test('is compensated', () => {
    const sum = new HistogramSum(exponential.with({ sum: 1e100 }));
    for (const value of [1, -1e100, 1]) sum.add(exponential.with({ sum: value }));
    expect(sum.result()).toMatchObject({ sum: 2, count: 48 });
  });

  test.each([
    ['unknown', 'gauge', 'gauge', 0],
    ['gauge', 'reset', 'gauge', 0],
    ['reset', 'unknown', 'unknown', 0],
    ['reset', 'reset', 'reset', 0],
    ['reset', 'not_reset', 'unknown', RESET_COLLISION],
  ] as const)('%s and %s is %s', (a, b, hint, outcome) => {
    const sum = combine(exponential.withHint(a), exponential.withHint(b), 1);
    expect([sum?.histogram.counterResetHint, sum?.outcome]).toEqual([hint, outcome]);
  });
});

test('whatever is added, every observation stays in some bucket (seed 5)', () => {
  let state = 5;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const side = () =>
    denseBuckets(
      random(9) + 1,
      Array.from({ length: random(6) }, () => random(4)),
    );
  const any = (): FloatHistogram => {
    const [positive, negative, zeroCount] = [side(), side(), random(5)];
    const count = [...positive.counts, ...negative.counts].reduce((sum, n) => sum + n, zeroCount);
    // Below all buckets of the schema, so that the input itself is sound.
    const zeroThreshold = random(2) ? 0 : 1;
    return new FloatHistogram({ schema: random(5) - 2, zeroThreshold, zeroCount, positive, negative, count });
  };
  const population = ({ positive, negative, zeroCount }: FloatHistogram): number =>
    [...positive.counts, ...negative.counts].reduce((sum, n) => sum + n, zeroCount);
  for (let round = 0; round < 300; round++) {
    const [a, b, c] = [any(), any(), any()];
    const sum = new HistogramSum(a);
    sum.add(b);
    sum.add(c);
    const result = sum.result();
    expect(population(result)).toBe(a.count + b.count + c.count);
    expect(result.count).toBe(population(result));
    expect(detectReset(result, a)).toBe(false);
    const back = combine(combine(result, b, -1)?.histogram ?? a, c, -1)?.histogram;
    expect(population(back ?? a)).toBe(a.count);
  }
});

test.each<[string, FloatHistogram, FloatHistogram, boolean]>([
  ['the same', exponential, exponential, false],
  ['more', exponential.times(2), exponential, false],
  ['less in one bucket', exponentialOf(0, 1, [5, 0]), exponentialOf(0, 1, [1, 1]), true],
  ['a bucket gone', exponentialOf(0, 2, [5]), exponentialOf(0, 1, [1]), true],
  ['an empty bucket gone', exponentialOf(0, 2, [5]), exponentialOf(0, 1, [0, 1]), false],
  ['a lower resolution', exponentialOf(0, 1, [3]), exponentialOf(1, 1, [1, 1]), false],
  ['a higher resolution', exponentialOf(1, 1, [1, 1]), exponentialOf(0, 1, [1]), true],
  ['a narrower zero bucket', exponential.with({ zeroThreshold: 0 }), exponential, true],
  [
    'a zero bucket that takes in a bucket',
    exponentialOf(0, 1, [1], { zeroCount: 4, zeroThreshold: 1 }),
    exponentialOf(0, 0, [3, 1], { zeroCount: 1, zeroThreshold: 0.5 }),
    false,
  ],
  [
    'a zero bucket that cuts one',
    exponentialOf(0, 1, [1], { zeroCount: 9, zeroThreshold: 0.75 }),
    exponentialOf(0, 0, [3, 1], { zeroThreshold: 0.5 }),
    true,
  ],
  ['what says that it was not', exponential.times(0.5).withHint('not_reset'), exponential, false],
  ['what says that it was', exponential.withHint('reset'), exponential, true],
  ['other custom bounds', custom([1, 3], [3, 1, 1]), custom([1, 2, 3], [1, 1, 1, 1]), true],
  ['coarser custom bounds', custom([1, 3], [3, 1, 1]), custom([1, 2, 3], [1, 1, 0, 0]), false],
])('a counter reset before %s: %#', (_, current, previous, reset) => {
  expect(detectReset(current, previous)).toBe(reset);
});

describe('trimming', () => {
  test('a bucket that holds the point is divided exponentially', () => {
    const trimmed = trim(exponentialOf(0, 0, [1, 4, 4], { sum: 12 }), Math.SQRT2, 'below');
    expect(trimmed.positive.counts[1]).toBeCloseTo(2, 12);
    expect(trimmed.count).toBeCloseTo(3, 12);
  });

  test('custom buckets are divided linearly, and the first begins at 0', () => {
    expect(trim(custom([2, 4], [4, 4, 4]), 1, 'above')).toMatchObject({ count: 10, sum: 2 * 1.5 + 4 * 3 + 4 * 4 });
    expect(trim(custom([2, 4], [4, 4, 4]), 3, 'below').positive).toEqual(denseBuckets(0, [4, 2]));
  });

  test('where nothing goes, nothing changes', () => {
    expect(trim(exponential, 1e6, 'below')).toBe(exponential);
  });
});

describe('text', () => {
  test('as upstream prints it', () => {
    expect(formatHistogram(exponential)).toBe(
      '{count:12, sum:100, [-0.001,0.001]:2, (0.5,1]:2, (1,2]:3, (4,8]:1, (8,16]:4}',
    );
    expect(formatHistogram(custom([-2, 3], [1, 0, 2]))).toBe('{count:3, sum:0, [-Inf,-2]:1, (3,+Inf]:2}');
    expect(formatHistogram(new FloatHistogram({ negative: denseBuckets(1, [1, 2]) }))).toBe(
      '{count:0, sum:0, [-4,-2):2, [-2,-1):1}',
    );
  });

  test('as a literal', () => {
    expect(formatHistogramLiteral(exponential)).toBe(
      '{{count:12 sum:100 z_bucket:2 z_bucket_w:0.001 buckets:[2 3 0 1 4]}}',
    );
    expect(formatHistogramLiteral(custom([-2, 3], [0, 1, 2]).withHint('gauge'))).toBe(
      '{{schema:-53 count:3 custom_values:[-2 3] counter_reset_hint:gauge offset:1 buckets:[1 2]}}',
    );
  });

  test('as the HTTP API has it', () => {
    expect(JSON.parse(formatHistogramJSON(exponential))).toEqual({
      count: '12',
      sum: '100',
      buckets: [
        [3, '-0.001', '0.001', '2'],
        [0, '0.5', '1', '2'],
        [0, '1', '2', '3'],
        [0, '4', '8', '1'],
        [0, '8', '16', '4'],
      ],
    });
  });
});

describe('a classic histogram', () => {
  test('becomes one with custom buckets', () => {
    const classic = new ClassicHistogram();
    for (const [bound, count] of [
      [5, 7],
      [1, 2],
      [Number.POSITIVE_INFINITY, 9],
    ])
      classic.addBucket(bound, count);
    classic.setSum(30);
    expect(classic.convert()).toEqual(custom([1, 5], [2, 5, 2], { sum: 30, ofIntegers: true }));
  });

  test('gets its last bucket from the count', () => {
    const classic = new ClassicHistogram();
    classic.addBucket(1, 2);
    classic.setCount(5);
    expect(classic.convert()).toEqual(custom([1], [2, 3], { ofIntegers: true }));
  });

  test.each([
    ['falls', [3, 2], 4, 'count is not cumulative: 2 < 3'],
    ['has less than its buckets', [1, 2], 1, 'count mismatch: count=1 != le=+Inf count=2'],
  ])('that %s is refused', (_, [first, second], count, message) => {
    const classic = new ClassicHistogram();
    classic.addBucket(1, first);
    classic.addBucket(Number.POSITIVE_INFINITY, second);
    classic.setCount(count);
    expect(() => classic.convert()).toThrow(message);
  });
});
