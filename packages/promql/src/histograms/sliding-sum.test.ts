import { denseBuckets, FloatHistogram } from '@avalanche/model';
import { expect, test } from 'vitest';
import { SlidingHistogramSum } from './sliding-sum.ts';

const HISTOGRAMS = Array.from({ length: 60 }, (_, i) => {
  const counts = [i % 3, i, 1];
  return new FloatHistogram({
    schema: (i % 7) - 2,
    count: 1 + i + (i % 3),
    sum: i / 10,
    positive: denseBuckets(i % 4, counts),
  });
});

test.each([
  ['that overlap', 20, 1],
  ['that overlap a little', 20, 17],
  ['that just touch', 10, 10],
  ['with gaps between them', 5, 9],
  ['of one histogram', 1, 1],
])('windows %s have the sums of their histograms', (_, width, step) => {
  const sliding = new SlidingHistogramSum(HISTOGRAMS);
  for (let from = 0; from + width <= HISTOGRAMS.length; from += step) {
    const got = sliding.over(from, from + width).result();
    const wanted = sliding.plain(from, from + width).result();
    expect(got.sum).toBeCloseTo(wanted.sum, 12);
    expect(got.with({ sum: 0 })).toEqual(wanted.with({ sum: 0 }));
  }
});

test('nothing is lost between the parts', () => {
  const values = [1e100, 3, -1e100, 5, 1, 1];
  const histograms = values.map((sum) => new FloatHistogram({ sum, count: 1 }));
  const sliding = new SlidingHistogramSum(histograms);
  sliding.over(0, 3);
  expect(sliding.over(0, 6).result()).toMatchObject({ sum: 10, count: 6 });
});
