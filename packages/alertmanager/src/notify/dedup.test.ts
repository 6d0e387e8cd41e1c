import { expect, test } from 'vitest';
import { notifyReason } from './dedup.ts';
import { backoffMs } from './retry.ts';

const hashes = (names: readonly string[]) => BigUint64Array.from(names, (name) => BigInt(name.charCodeAt(0)));

// what was told (f firing, r resolved, minutes ago), what is now, send_resolved, why to tell
test.each<
  [{ f: string[]; r: string[]; ago: number } | undefined, { f: string[]; r: string[] }, boolean, string | undefined]
>([
  [undefined, { f: ['a'], r: [] }, true, 'first notification'],
  [undefined, { f: [], r: ['a'] }, true, undefined],
  [{ f: ['a'], r: [], ago: 1 }, { f: ['a'], r: [] }, true, undefined],
  [{ f: ['a'], r: [], ago: 1 }, { f: ['a', 'b'], r: [] }, true, 'new alerts added'],
  [{ f: ['a', 'b'], r: [], ago: 1 }, { f: ['a'], r: ['b'] }, true, 'some alerts resolved'],
  [{ f: ['a', 'b'], r: [], ago: 1 }, { f: ['a'], r: ['b'] }, false, undefined],
  [{ f: ['a'], r: ['b'], ago: 1 }, { f: ['a'], r: ['b'] }, true, undefined],
  [{ f: ['a'], r: [], ago: 1 }, { f: [], r: ['a'] }, false, 'all alerts resolved'],
  [{ f: [], r: ['a'], ago: 1 }, { f: [], r: ['b'] }, true, undefined],
  [{ f: ['a'], r: [], ago: 60 }, { f: ['a'], r: [] }, true, undefined],
  [{ f: ['a'], r: [], ago: 61 }, { f: ['a'], r: [] }, true, 'repeat interval elapsed'],
  [{ f: [], r: ['a'], ago: 1 }, { f: ['a'], r: [] }, true, 'first notification'],
])('told %o, now %o, send_resolved %s: %s', (told, group, sendResolved, expected) => {
  const now = 10_000_000;
  const entry = told && {
    ...{ groupKey: 'g', receiver: 'r', firing: hashes(told.f), resolved: hashes(told.r), expiresAt: now },
    timestamp: now - told.ago * 60_000,
  };
  const state = { firing: hashes(group.f), resolved: hashes(group.r), sendResolved, repeatIntervalMs: 3_600_000, now };
  expect(notifyReason(entry, state)).toBe(expected);
});

test('waits grow from half a second to a minute, vary by half, and respect Retry-After', () => {
  expect([1, 2, 3, 50].map((attempt) => backoffMs(attempt, 0.5))).toEqual([500, 750, 1125, 60_000]);
  expect(backoffMs(1, 0)).toBe(250);
  expect(backoffMs(1, 0.5, 30_000)).toBe(30_000);
});
