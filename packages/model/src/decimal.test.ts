import { describe, expect, test } from 'vitest';
import { VALUE_BYTES_MAX, writeInteger, writeValue } from './decimal.ts';
import { formatValue } from './number.ts';

const view = new DataView(new ArrayBuffer(VALUE_BYTES_MAX + 8));

function written(value: number): string {
  const end = writeValue(view, 3, value);
  expect(end - 3).toBeLessThanOrEqual(VALUE_BYTES_MAX);
  return Buffer.from(view.buffer, 3, end - 3).toString('latin1');
}

/** Numbers of all kinds that samples have, from a seed. */
function* numbers(count: number): Generator<number> {
  let seed = 7;
  const random = () => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return seed / 2 ** 32;
  };
  for (let i = 0; i < count; i++) {
    yield (random() + random() / 2 ** 32) * 10 ** Math.floor(random() * 17 - 5);
    yield Math.floor(random() * 1e9) / 10 ** Math.floor(random() * 10);
    yield Math.floor(random() * 10_000) / 285;
    yield 2 ** Math.floor(random() * 100 - 30);
    yield Math.floor(random() * 2 ** 53);
  }
}

describe('a value is written with the digits of formatValue', () => {
  test.each([
    0,
    -0,
    1,
    -1,
    99_999_999,
    100_000_000,
    2 ** 53 - 1,
    2 ** 53,
    1e21,
    0.1,
    0.3,
    1 / 3,
    2 / 3,
    999_999.999_999_999_9,
    4_503_599_627_370_495.5,
    1e-6,
    1e-7,
    5e-324,
    Number.MAX_VALUE,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
  ])('%d', (value) => {
    expect(written(value)).toBe(formatValue(value));
  });

  test('many from a seed', () => {
    for (const value of numbers(20_000)) {
      if (written(value) !== formatValue(value)) expect(written(value)).toBe(formatValue(value));
      if (written(-value) !== formatValue(-value)) expect(written(-value)).toBe(formatValue(-value));
    }
  });
});

test('whole numbers have no leading zeros', () => {
  for (const n of [0, 7, 10, 123, 9999, 10_000, 1e8, 1e8 + 5, 123_456_789_012, Number.MAX_SAFE_INTEGER]) {
    const end = writeInteger(view, 0, n);
    expect(Buffer.from(view.buffer, 0, end).toString()).toBe(String(n));
  }
});
