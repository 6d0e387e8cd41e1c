import { expect, test } from 'vitest';
import { SampleHeaps } from './sample-heaps.ts';

function kept(sign: 1 | -1, k: number, values: readonly number[]): readonly (readonly [number, number])[] {
  const heaps = new SampleHeaps(2, k, sign);
  values.forEach((value, series) => {
    heaps.offer(1, series, value, k);
  });
  expect([...heaps.of(0)]).toEqual([]);
  return heaps.ranked(1);
}

test.each<readonly [1 | -1, number, readonly number[], readonly (readonly [number, number])[]]>([
  [
    1,
    2,
    [3, 1, 2],
    [
      [0, 3],
      [2, 2],
    ],
  ],
  [
    -1,
    2,
    [3, 1, 2],
    [
      [1, 1],
      [2, 2],
    ],
  ],
  [
    1,
    2,
    [Number.NaN, 1, Number.NaN],
    [
      [1, 1],
      [0, Number.NaN],
    ],
  ],
  [
    1,
    2,
    [Number.NaN, 1, 2],
    [
      [2, 2],
      [1, 1],
    ],
  ],
  [1, 1, [5, 5], [[0, 5]]],
  // Go's heap has the first of the equal ones on top, and it goes.
  [
    1,
    2,
    [1, 1, 2],
    [
      [2, 2],
      [1, 1],
    ],
  ],
  [
    1,
    5,
    [2, 9],
    [
      [1, 9],
      [0, 2],
    ],
  ],
])('sign %i, the best %i of %j', (sign, k, values, expected) => {
  expect(kept(sign, k, values)).toEqual(expected);
});

test('the best of many are those that sorting finds', () => {
  const values = Array.from({ length: 500 }, (_, i) => (i * 7919) % 1009);
  const best = kept(1, 20, values).map(([, value]) => value);
  expect(best).toEqual([...values].sort((a, b) => b - a).slice(0, 20));
});
