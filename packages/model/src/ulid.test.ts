import { expect, test } from 'vitest';
import { isUlid, newUlid, ulidTime } from './ulid.ts';

test('a ULID keeps its time and sorts by it', () => {
  for (const time of [0, 1, 1_700_000_000_000, 2 ** 48 - 1]) {
    const ulid = newUlid(time);
    expect(isUlid(ulid)).toBe(true);
    expect(ulidTime(ulid)).toBe(time);
  }
  expect(newUlid(1_700_000_000_000) < newUlid(1_700_000_000_001)).toBe(true);
  expect(ulidTime('01M828J2WR3M8XDK042AYYQSYT')).toBe(1_795_372_419_992); // made by promtool
});

test('ULIDs of one millisecond ascend', () => {
  const ulids = Array.from({ length: 2000 }, () => newUlid(5));
  expect([...ulids].sort()).toEqual(ulids);
  expect(new Set(ulids).size).toBe(2000);
});

test('what is none is refused', () => {
  expect(() => newUlid(-1)).toThrow('no ULID time');
  expect(() => newUlid(2 ** 48)).toThrow('no ULID time');
  for (const text of ['', '01M828J2WR3M8XDK042AYYQSY', '01M828J2WR3M8XDK042AYYQSYI', '8ZZZZZZZZZZZZZZZZZZZZZZZZZ']) {
    expect(isUlid(text), text).toBe(false);
    expect(() => ulidTime(text)).toThrow('not a ULID');
  }
});
