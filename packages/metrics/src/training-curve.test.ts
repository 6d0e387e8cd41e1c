import { expect, test } from 'vitest';
import { TRAINING_PROBLEMS, TrainingCurve, type TrainingPoint } from './training-curve.ts';

function problemsOf(points: readonly TrainingPoint[]): string[] {
  const curve = new TrainingCurve();
  for (const point of points) curve.add(point);
  return TRAINING_PROBLEMS.filter((problem) => curve.has(problem));
}

const losses = (...values: number[]) => values.map((loss, epoch) => ({ epoch, loss }));
const falling = [2.3, 1.9, 1.5, 1.2, 1.0, 0.9, 0.82, 0.77, 0.73, 0.7, 0.68, 0.66];

test.each<[string, readonly TrainingPoint[], string[]]>([
  ['nothing yet', [], []],
  ['a loss that falls', losses(...falling), []],
  ['one bad batch', losses(...falling, 1.9), []],
  ['a loss that is no number', losses(2, 1, Number.NaN), ['nan']],
  ['an infinite loss', losses(2, 1, Infinity), ['nan']],
  ['a number again after one that was none', losses(2, 1, Number.NaN, 0.9), []],
  ['a loss that stays', losses(...falling, ...Array<number>(10).fill(0.66)), ['plateau']],
  ['a loss that stays, not long enough', losses(...falling, ...Array<number>(9).fill(0.66)), []],
  ['a loss that comes back up', losses(...falling, 1.2, 1.6, 2.1), ['divergence']],
  ['a loss that only rises', losses(1, 1.2, 1.4, 1.9), ['divergence']],
  ['a negative loss that falls', losses(-1, -2, -3, -4), []],
  ['accuracy alone that rises', [0.1, 0.4, 0.6, 0.7].map((accuracy) => ({ accuracy })), []],
  ['accuracy alone that stays', Array.from({ length: 12 }, () => ({ accuracy: 0.5 })), ['plateau']],
  ['accuracy alone that falls back', [0.1, 0.6, 0.8, 0.3, 0.2, 0.2].map((accuracy) => ({ accuracy })), ['divergence']],
  ['points without either', [{ epoch: 1 }, { epoch: 2 }], []],
])('%s', (_name, points, expected) => {
  expect(problemsOf(points)).toEqual(expected);
});
