import { expect, test } from 'vitest';
import { loadXxhash64 } from './xxhash64.ts';

// what Go's github.com/cespare/xxhash/v2 gives
test.each([
  ['', 'ef46db3751d8e999'],
  ['a', 'd24ec4f1a98c6e5b'],
  ['abc', '44bc2cf5ad770999'],
  ['Nobody inspects the spammish repetition', 'fbcea83c8a378bf1'],
])('%j', async (text, expected) => {
  const hash = await loadXxhash64();
  expect(hash(Buffer.from(text)).toString(16)).toBe(expected);
});
