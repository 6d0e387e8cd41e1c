import { describe, expect, test } from 'vitest';
import { align } from './align.ts';
import { sparkRuns } from './sparkline.tsx';
import { stack } from './stack.ts';
import { tickText } from './uplot-options.ts';

const f = (...values: number[]): Float64Array => Float64Array.from(values);

describe('align', () => {
  test('one grid stays as it is', () => {
    const times = f(1, 2, 3);
    expect(
      align([
        { times, values: f(1, Number.NaN, 3) },
        { times, values: f(4, 5, 6) },
      ]).columns,
    ).toEqual([
      [1, null, 3],
      [4, 5, 6],
    ]);
  });

  test('different grids are joined; a missing time is no gap', () => {
    const { times, columns } = align([
      { times: f(1, 3), values: f(10, 30) },
      { times: f(2, 3), values: f(20, Number.NaN) },
    ]);
    expect([...times]).toEqual([1, 2, 3]);
    expect(columns).toEqual([
      [10, undefined, 30],
      [undefined, 20, null],
    ]);
  });
});

describe('stack', () => {
  const normal = { mode: 'normal', group: 'A' } as const;

  test('piles up in order, negative ones apart', () => {
    const { columns, below } = stack(
      [
        [1, 2],
        [3, null],
        [-1, -2],
      ],
      [normal, normal, normal],
    );
    expect(columns).toEqual([
      [1, 2],
      [4, null],
      [-1, -2],
    ]);
    expect(below).toEqual([-1, 0, -1]);
  });

  test('percent adds up to one', () => {
    const percent = { mode: 'percent', group: 'A' } as const;
    expect(stack([[1], [3]], [percent, percent]).columns).toEqual([[0.25], [1]]);
  });
});

test('a sparkline breaks where values are missing', () => {
  expect(sparkRuns(f(1, 2, Number.NaN, 3), 30, 10)).toHaveLength(2);
  expect(sparkRuns(f(Number.NaN), 30, 10)).toEqual([]);
});

test.each([
  [{ spanMs: 3_600_000, everyMs: 600_000 }, '23:30'],
  [{ spanMs: 60_000, everyMs: 15_000 }, '23:30:05'],
  [{ spanMs: 7 * 86_400_000, everyMs: 86_400_000 }, '01-01 23:30'],
])('a tick of a UTC chart is in UTC, wherever the browser is (%j)', (spacing, text) =>
  expect(tickText(Date.parse('2026-01-01T23:30:05Z'), undefined, { ...spacing, utc: true })).toBe(text),
);
