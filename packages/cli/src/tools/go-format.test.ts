import { formatGoDuration, parseGoDuration, quote } from '@avalanche/model';
import { expect, test } from 'vitest';
import { formatBase2, formatGoTime, formatTable } from './go-format.ts';

// What Go prints was found out with promtool 2.42 and Go 1.19.
test.each([
  ['plain', '"plain"'],
  ['a"b\\', '"a\\"b\\\\"'],
  ['\n\t\x00\x7f', '"\\n\\t\\x00\\x7f"'],
  ['ü☃😀', '"ü☃😀"'],
  ['\u00a0\u200b\u{e0001}', '"\\u00a0\\u200b\\U000e0001"'],
])('the string %j', (text, quoted) => {
  expect(quote(text)).toBe(quoted);
});

test.each([
  [0, '0s'],
  [1, '1ms'],
  [15_002, '15.002s'],
  [60_000, '1m0s'],
  [7_200_000, '2h0m0s'],
  [90_061_500, '25h1m1.5s'],
])('%d ms', (ms, text) => {
  expect(formatGoDuration(ms)).toBe(text);
  expect(parseGoDuration(text)).toBe(ms);
});

test('durations have no days', () => {
  expect(() => parseGoDuration('1d')).toThrow('time: unknown unit "d" in duration "1d"');
  expect(() => parseGoDuration('5')).toThrow('time: missing unit in duration "5"');
  expect(() => parseGoDuration('')).toThrow('time: invalid duration ""');
});

test.each([
  [0, '0B'],
  [584, '584B'],
  [1024, '1KiB'],
  [1_048_576 + 5, '1MiB5B'],
  [5 * 1024 ** 3 + 2048, '5GiB2KiB'],
])('%d bytes', (bytes, text) => {
  expect(formatBase2(bytes)).toBe(text);
});

test('times and tables', () => {
  expect(formatGoTime(1_700_000_000_999)).toBe('2023-11-14 22:13:20 +0000 UTC');
  expect(
    formatTable([
      ['a', 'b'],
      ['x'.repeat(20), 'y'],
    ]),
  ).toBe(`${'a'.padEnd(22)}b\n${'x'.repeat(20)}  y\n`);
});
