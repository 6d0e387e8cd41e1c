import { expect, test } from 'vitest';
import { RecentValues } from './recent-values.ts';

test('quantiles of what is recent', () => {
  const values = new RecentValues(1000);
  expect(values.quantiles([0.5], 0)).toEqual([Number.NaN]);
  for (let i = 1; i <= 100; i++) values.add(101 - i, i);
  expect(values.quantiles([0, 0.5, 0.9, 0.99, 1], 100)).toEqual([1, 50, 90, 99, 100]);
  expect(values.quantiles([1], 1050)).toEqual([51]);
  expect(values.quantiles([1], 5000)).toEqual([Number.NaN]);
});

test('many values: the newest count', () => {
  const values = new RecentValues(Number.POSITIVE_INFINITY);
  for (let i = 0; i < 5000; i++) values.add(i, i);
  expect(values.quantiles([0, 1], 5000)).toEqual([5000 - 1024, 4999]);
});
