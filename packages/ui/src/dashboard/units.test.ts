import { describe, expect, test } from 'vitest';
import { formatText } from './units.ts';

const NARROW = '\u202f';

describe('formatText', () => {
  test.each([
    [0, '', '0'],
    [-0.0001, '', '-0.0001'],
    [97.4321, 'percent', '97.4 %'],
    [0.974321, 'percentunit', '97.4 %'],
    [1_395_864_371, 'bytes', '1.3 GiB'],
    [1_500_000_000, 'decbytes', '1.5 GB'],
    [2048, 'kbytes', '2 MiB'],
    [0.24, 's', '240 ms'],
    [93, 's', '1.55 min'],
    [1500, 'ms', '1.5 s'],
    [0.0000015, 's', '1.5 µs'],
    [12_000, 'reqps', '12 kreq/s'],
    [999.96, 'short', '1 k'],
    [1_234_567, 'short', '1.23 M'],
    [125_000, 'Bps', '125 kB/s'],
    [8_000_000, 'bps', '8 Mb/s'],
    [1, 'bool_yes_no', 'Yes'],
    [0, 'bool_on_off', 'Off'],
    [90_061, 'dtdurations', '1 day 1 h'],
    [90_061, 'dtdhms', '1 d 01:01:01'],
    [12.5, 'connections', '12.5 connections'],
    [3, 'suffix:apples', '3 apples'],
    [0.002, 'si:V', '2 mV'],
    [1200, 'currencyUSD', '$1.2 k'],
    [Number.POSITIVE_INFINITY, 'short', '+Inf'],
    [Number.NaN, 'bytes', 'NaN'],
  ])('%d in %s is %s', (value, unit, expected) => {
    expect(formatText(value, unit).replaceAll(NARROW, ' ')).toBe(expected);
  });

  test('decimals are kept where they are asked for', () => {
    expect(formatText(2, 'percent', { decimals: 2 }).replaceAll(NARROW, ' ')).toBe('2.00 %');
  });

  test('dates and ages', () => {
    expect(formatText(0, 'dateTimeAsIso', { utc: true })).toBe('1970-01-01 00:00:00');
    expect(formatText(1000, 'dateTimeFromNow', { nowMs: 1000 + 3 * 3_600_000 })).toBe('3 h ago');
  });
});
