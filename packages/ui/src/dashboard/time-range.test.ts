import { describe, expect, test } from 'vitest';
import { formatDuration, parseDuration, spokenAgo, spokenDuration } from './duration.ts';
import { describeRange, parseTime, resolveRange, shiftRange, zoomOut } from './time-range.ts';

const NOW = Date.UTC(2026, 10, 22, 15, 4, 5);
const utc = (...parts: [number, number, number, number?, number?, number?]): number => Date.UTC(...parts);

describe('parseTime', () => {
  test.each([
    ['now', 'start', NOW],
    ['now-1h', 'start', NOW - 3_600_000],
    ['now-1h30m', 'start', undefined],
    ['now-1h-30m', 'start', NOW - 5_400_000],
    ['now/d', 'start', utc(2026, 10, 22)],
    ['now/d', 'end', utc(2026, 10, 23) - 1],
    ['now-1d/d', 'start', utc(2026, 10, 21)],
    ['now-1M', 'start', utc(2026, 9, 22, 15, 4, 5)],
    ['now/w', 'start', utc(2026, 10, 22)],
    ['1700000000000', 'start', 1_700_000_000_000],
    ['2026-01-31 12:00', 'start', utc(2026, 0, 31, 12)],
    ['yesterday', 'start', undefined],
  ] as const)('%s at the %s', (text, edge, expected) => {
    expect(parseTime(text, NOW, edge, true)).toBe(expected);
  });
});

test('unreadable ends become the last hour, swapped ends are put right', () => {
  expect(resolveRange({ from: 'rubbish', to: 'now' }, NOW)).toEqual({ fromMs: NOW - 3_600_000, toMs: NOW });
  expect(resolveRange({ from: 'now', to: 'now-1h' }, NOW)).toEqual({ fromMs: NOW - 3_600_000, toMs: NOW });
});

test('zooming out doubles the width and stays out of the future; shifting goes by half', () => {
  const range = { fromMs: NOW - 600_000, toMs: NOW };
  expect(zoomOut(range, NOW)).toEqual({ fromMs: NOW - 1_200_000, toMs: NOW });
  expect(shiftRange(range, -1)).toEqual({ fromMs: NOW - 900_000, toMs: NOW - 300_000 });
});

test('ranges in words', () => {
  expect(describeRange({ from: 'now-1h', to: 'now' }, NOW)).toBe('Last hour');
  expect(describeRange({ from: 'now-45m', to: 'now' }, NOW)).toBe('Last 45 minutes');
  expect(describeRange({ from: '0000000000000', to: 'now' }, NOW, true)).toBe('Since 1970-01-01 00:00:00');
  expect(describeRange({ from: '0000000000000', to: '0000000060000' }, NOW, true)).toBe(
    '1970-01-01 00:00:00 to 1970-01-01 00:01:00',
  );
});

describe('durations', () => {
  test.each([
    ['1h30m', 5_400_000],
    ['15s', 15_000],
    ['250ms', 250],
    ['90', 90_000],
    ['', undefined],
    ['5 apples', undefined],
  ])('%s', (text, expected) => expect(parseDuration(text)).toBe(expected));

  test('printing is exact, speaking is short', () => {
    expect(formatDuration(5_400_000)).toBe('1h30m');
    expect(formatDuration(604_800_000)).toBe('1w');
    expect(spokenDuration(41 * 86_400_000)).toBe('41 days');
    expect(spokenDuration(3 * 3_600_000 + 12 * 60_000)).toBe('3 h 12 min');
    expect(spokenAgo(NOW - 4000, NOW)).toBe('4 s ago');
    expect(spokenAgo(NOW + 7_200_000, NOW)).toBe('in 2 h');
  });
});
