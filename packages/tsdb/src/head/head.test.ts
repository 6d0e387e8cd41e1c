import { Labels, SampleColumns } from '@avalanche/model';
import { expect, test } from 'vitest';
import { Head } from './head.ts';

test('samples that take the most bytes stay within the cells of their chunks', () => {
  const head = new Head(7_200_000);
  const slots = Array.from({ length: 50 }, (_, i) => head.createSeries(Labels.from({ i: `${i}` })));
  const expected: string[][] = slots.map(() => []);
  let state = 7;
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state;
  };
  let time = 1_700_000_000_000;
  for (let n = 0; n < 200; n++) {
    time += n % 2 === 0 ? 1 : 700_000 + (random() % 1_000_000); // deltas of deltas of 64 bits
    for (const [i, slot] of slots.entries()) {
      const low = random();
      const high = (random() & 0x7fef_ffff) >>> 0;
      head.appendInOrder(slot, time, low, high);
      expected[i].push(`${time} ${low} ${high}`);
    }
  }
  for (const [i, slot] of slots.entries()) {
    const samples = new SampleColumns();
    head.read(slot, 0, Number.MAX_SAFE_INTEGER, samples);
    const { t, bits, length } = samples;
    expect(Array.from({ length }, (_, k) => `${t[k]} ${bits[2 * k]} ${bits[2 * k + 1]}`)).toEqual(expected[i]);
  }
});
