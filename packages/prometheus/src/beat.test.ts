import { expect, test } from 'vitest';
import { firstSlot, nextSlot } from './beat.ts';

test.each([
  ['on time', 1000, 1003, 1100, 0],
  ['a timer that fires early', 1000, 999, 1100, 0],
  ['two and a half intervals late', 1000, 1250, 1300, 2],
  ['the clock set back by an hour', 3_601_000, 1020, 1200, 0],
])('%s', (_name, slot, now, next, missed) => {
  expect(nextSlot(slot, 100, now)).toEqual({ next, missed });
});

test('the first slot depends on the key alone', () => {
  const slot = firstSlot('a', 60_000, 1_700_000_000_000);
  expect(slot).toBeGreaterThanOrEqual(1_700_000_000_000);
  expect(firstSlot('a', 60_000, slot)).toBe(slot);
  expect(firstSlot('a', 60_000, slot + 1)).toBe(slot + 60_000);
});
