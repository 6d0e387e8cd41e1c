import { type CounterResetHint, FloatHistogram, SampleColumns } from '@avalanche/model';
import { expect, test } from 'vitest';
import { dropIntervals } from '../intervals.ts';
import { mergeRuns } from './merge-columns.ts';

/** A time, and a float, the count of a histogram with its hint, or null for a staleness marker. */
type Sample = readonly [time: number, value: number | null] | readonly [number, number, CounterResetHint];

function push(columns: SampleColumns, samples: readonly Sample[]): void {
  for (const [time, value, counterResetHint] of samples) {
    if (value === null) columns.pushStale(time);
    else if (counterResetHint) columns.pushHistogram(time, new FloatHistogram({ count: value, counterResetHint }));
    else columns.push(time, value);
  }
}

function samplesOf({ t, v, length, histograms }: SampleColumns): unknown[] {
  return Array.from({ length }, (_, i) => {
    const histogram = histograms?.[i];
    if (histogram) return [t[i], histogram.count, histogram.counterResetHint];
    return [t[i], Number.isNaN(v[i]) ? null : v[i]];
  });
}

function merged(first: readonly Sample[], second: readonly Sample[], before: readonly Sample[] = []): unknown[] {
  const columns = new SampleColumns(1);
  push(columns, before);
  push(columns, first);
  const middle = columns.length;
  push(columns, second);
  mergeRuns(columns, before.length, middle);
  expect(columns.histograms === null || columns.histograms.length <= columns.length).toBe(true);
  return samplesOf(columns);
}

test('of two samples of one time the first run has its way, be they floats or histograms', () => {
  expect(
    merged(
      [
        [1, 10],
        [3, 30, 'gauge'],
        [5, null],
      ],
      [
        [1, 11, 'gauge'],
        [2, 20, 'gauge'],
        [3, 31],
        [5, 51, 'gauge'],
        [6, 60],
      ],
    ),
  ).toEqual([
    [1, 10],
    [2, 20, 'gauge'],
    [3, 30, 'gauge'],
    [5, null],
    [6, 60],
  ]);
});

test('nothing is known of a counter reset where one run follows on the other', () => {
  const first: Sample[] = [1, 4, 5].map((t) => [t, t, 'not_reset']);
  const second: Sample[] = [2, 3, 6, 7].map((t) => [t, t, 'not_reset']);
  expect(merged(first, second)).toEqual([
    [1, 1, 'not_reset'],
    [2, 2, 'unknown'],
    [3, 3, 'not_reset'],
    [4, 4, 'unknown'],
    [5, 5, 'not_reset'],
    [6, 6, 'unknown'],
    [7, 7, 'not_reset'],
  ]);
  expect(merged([[1, 1, 'not_reset']], [[2, 2, 'not_reset']])).toEqual([
    [1, 1, 'not_reset'],
    [2, 2, 'unknown'],
  ]);
});

test('samples that were there before stay, and floats merge behind them', () => {
  const before: Sample[] = [
    [1, 1, 'unknown'],
    [2, 2, 'not_reset'],
  ];
  const floats: unknown[] = [
    [3, 3],
    [4, 4],
    [5, 5],
  ];
  expect(
    merged(
      [
        [3, 3],
        [5, 5],
      ],
      [[4, 4]],
      before,
    ),
  ).toEqual([...before, ...floats]);
});

test.each([
  [[], [1, 2, 3, 4, 5, 6]],
  [
    [0, 0, 9, 9],
    [1, 2, 3, 4, 5, 6],
  ],
  [
    [1, 1],
    [2, 3, 4, 5, 6],
  ],
  [
    [2, 3, 5, 5],
    [1, 4, 6],
  ],
  [
    [4, 9],
    [1, 2, 3],
  ],
  [[0, 9], []],
])('deleted times %j leave %j', (intervals, kept) => {
  const samples: Sample[] = [
    [1, 1],
    [2, 2, 'unknown'],
    [3, 3, 'not_reset'],
    [4, 4],
    [5, 5],
    [6, 6, 'unknown'],
  ];
  for (const before of [0, 2]) {
    const columns = new SampleColumns(1);
    push(columns, samples.slice(0, before));
    push(columns, samples);
    dropIntervals(columns, before, intervals);
    push(columns, [[7, 7]]);
    const left = samples.filter(([t]) => kept.includes(t));
    expect(samplesOf(columns)).toEqual([...samples.slice(0, before), ...left, [7, 7]]);
  }
});
