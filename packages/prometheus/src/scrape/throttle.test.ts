import { ManualClock } from '@avalanche/model';
import { expect, test } from 'vitest';
import { Throttle } from './throttle.ts';

test('the first passes at once, then the newest of an interval', async () => {
  const clock = new ManualClock(1000);
  const passed: string[] = [];
  const throttle = new Throttle<string>(clock, 5000, (value) => passed.push(`${clock.now()} ${value}`));
  throttle.push('a');
  throttle.push('b');
  await clock.advance(3000);
  throttle.push('c');
  await clock.advance(3000);
  expect(passed).toEqual(['1000 a', '6000 c']);
  await clock.advance(10_000);
  throttle.push('d');
  throttle.push('e');
  throttle.stop();
  await clock.advance(10_000);
  expect(passed).toEqual(['1000 a', '6000 c', '17000 d']);
});

test('without an interval all pass', () => {
  const passed: number[] = [];
  const throttle = new Throttle<number>(new ManualClock(0), 0, (value) => passed.push(value));
  for (const value of [1, 2, 3]) throttle.push(value);
  expect(passed).toEqual([1, 2, 3]);
});
