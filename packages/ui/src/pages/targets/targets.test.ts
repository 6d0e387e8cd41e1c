import { expect, test } from 'vitest';
import type { QueryResult } from '../../api/prometheus/query.ts';
import { changedLabels, ruleText } from './relabel-model.ts';
import { failureRuns, lastScrapes, selectorOf } from './scrapes.ts';

const matrix = (...values: [number, string][]): QueryResult =>
  ({ resultType: 'matrix', result: [{ metric: {}, values }] }) as QueryResult;

test('the last scrapes are told from three series, oldest first', () => {
  const up = matrix([1.5, '1'], [2.5, '0']);
  expect(lastScrapes(up, matrix([1.5, '0.25'], [2.5, '3']), matrix([1.5, '7']))).toEqual([
    { atMs: 1500, up: true, seconds: 0.25, samples: 7 },
    { atMs: 2500, up: false, seconds: 3, samples: 0 },
  ]);
  const many = matrix(...Array.from({ length: 30 }, (_, i): [number, string] => [i, '1']));
  expect(lastScrapes(many, matrix(), matrix()).map(({ atMs }) => atMs / 1000)).toEqual(
    Array.from({ length: 20 }, (_, i) => i + 10),
  );
});

test('a target is selected by its labels', () => {
  expect(selectorOf({ job: 'a', instance: 'x:1', q: '"' })).toBe('{job="a", instance="x:1", q="\\""}');
});

test('what relabelling changed', () => {
  expect(changedLabels({ a: '1', b: '2', c: '3' }, { a: '1', c: '4', d: '5' })).toEqual([
    '-b',
    'c="3" → "4"',
    '+d="5"',
  ]);
  expect(ruleText({ source_labels: ['a', 'b'], separator: ';', regex: 'x.*', replacement: '$1', action: 'keep' })).toBe(
    'keep  source_labels: [a, b]  regex: x.*',
  );
});

test('failures of the same reason are told once', () => {
  const failures = [
    { time: '3', reason: 'refused' },
    { time: '2', reason: 'refused' },
    { time: '1', reason: 'timeout' },
    { time: '0', reason: 'refused' },
  ];
  expect(failureRuns(failures)).toEqual([
    { reason: 'refused', count: 2, last: '3', first: '2' },
    { reason: 'timeout', count: 1, last: '1', first: '1' },
    { reason: 'refused', count: 1, last: '0', first: '0' },
  ]);
});
