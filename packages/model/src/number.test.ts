import { expect, test } from 'vitest';
import { formatG } from './number.ts';

// What Go prints was found out with promtool 2.42 and Go 1.19.
test.each([
  [0, '0'],
  [-0, '-0'],
  [123456, '123456'],
  [999_999.5, '999999.5'],
  [1_000_000, '1e+06'],
  [1_234_567, '1.234567e+06'],
  [-1e21, '-1e+21'],
  [1.5e100, '1.5e+100'],
  [0.0001, '0.0001'],
  [0.000099, '9.9e-05'],
  [5e-324, '5e-324'],
  [Number.NaN, 'NaN'],
  [Number.POSITIVE_INFINITY, '+Inf'],
  [Number.NEGATIVE_INFINITY, '-Inf'],
])('the number %d', (value, text) => {
  expect(formatG(value)).toBe(text);
});
