import { describe, expect, test } from 'vitest';
import { cellText } from './frame.ts';
import { framesOfResult } from './frames-of-result.ts';
import { legendNames } from './legend-format.ts';
import type { PlannedQuery } from './query-plan.ts';

function query(format: 'time_series' | 'table', legendFormat = ''): PlannedQuery {
  const target = {
    refId: 'A',
    expr: 'up',
    legendFormat,
    instant: false,
    format,
    interval: '',
    intervalFactor: 1,
    hidden: false,
  };
  return { target, expr: 'up', kind: 'range', startMs: 0, endMs: 30_000, stepMs: 10_000 };
}

describe('framesOfResult', () => {
  test('a matrix lands on the grid, gaps are NaN, all series share their times', () => {
    const frames = framesOfResult(
      query('time_series', '{{job}}'),
      {
        resultType: 'matrix',
        result: [
          {
            metric: { job: 'a' },
            values: [
              [0, '1'],
              [20, '+Inf'],
            ],
          },
          { metric: { job: 'b' }, values: [[30, '4']] },
        ],
      },
      0,
    );
    expect(frames.map((frame) => frame.fields[1]?.legend)).toEqual(['a', 'b']);
    expect([...frames[0]!.fields[1]!.values]).toEqual([1, Number.NaN, Number.POSITIVE_INFINITY, Number.NaN]);
    expect(frames[0]!.fields[0]!.values).toBe(frames[1]!.fields[0]!.values);
  });

  test('a table has a column per label and numbers its value where there are several', () => {
    const result = {
      resultType: 'vector' as const,
      result: [{ metric: { job: 'a', host: 'h' }, value: [1, '2'] as const }],
    };
    const [frame] = framesOfResult(query('table'), result, 2);
    expect(frame?.fields.map((field) => [field.name, cellText(field, 0)])).toEqual([
      ['Time', '1000'],
      ['host', 'h'],
      ['job', 'a'],
      ['Value #A', '2'],
    ]);
  });
});

test.each([
  ['{{job}} on {{ host }}', [{ job: 'a', host: 'h' }], ['a on h']],
  [
    '__auto',
    [
      { __name__: 'up', job: 'a', x: '1' },
      { __name__: 'up', job: 'b', x: '1' },
    ],
    ['a', 'b'],
  ],
  ['__auto', [{ __name__: 'up', job: 'a' }], ['up']],
  ['__auto', [{}], ['sum(up)']],
  ['', [{ __name__: 'up', job: 'a' }], ['up{job="a"}']],
])('legend %s', (format, series, expected) => {
  expect(legendNames(format, series as Record<string, string>[], 'sum(up)')).toEqual(expected);
});
