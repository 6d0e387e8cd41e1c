import { expect, test } from 'vitest';
import { Slices } from './turns.ts';

const numbers = Array.from({ length: 20_000 }, (_, i) => (i * 7919) % 20_011);
const ascending = (a: number, b: number) => a - b;

test.each([0, 1, 256, 257, 20_000])('%i items are sorted, equal ones in their order', async (count) => {
  const items = numbers.slice(0, count).map((n, place) => ({ key: n % 100, place }));
  const byKey = (a: { readonly key: number }, b: { readonly key: number }) => a.key - b.key;
  expect(await new Slices().sort([...items], byKey)).toEqual([...items].sort(byKey));
});

test('lists are merged, equal entries joined', async () => {
  const lists = [[1, 4, 9], [], [4, 5], [0, 4]];
  expect(await new Slices().merge(lists, ascending)).toEqual([0, 1, 4, 4, 4, 5, 9]);
  expect(await new Slices().merge(lists, ascending, (a) => a)).toEqual([0, 1, 4, 5, 9]);
});

test('others have their turns while it goes on', async () => {
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  const slow = (a: number, b: number) => {
    for (const end = performance.now() + 0.002; performance.now() < end; );
    return a - b;
  };
  await new Slices().sort([...numbers], slow);
  clearInterval(timer);
  expect(turns).toBeGreaterThan(20);
});
