import { expect, test } from 'vitest';
import { batchesOf } from './dependencies.ts';

const record = (name: string, expression: string) => ({ name, expression, alerting: false });
const alert = (name: string, expression: string) => ({ name, expression, alerting: true });

// As upstream's SplitGroupIntoBatches.
test.each([
  ['rules that need nothing', [record('a', 'x'), record('b', 'y')], [[0, 1]]],
  ['a chain', [record('a', 'x'), record('b', 'a'), record('c', 'b')], [[0], [1], [2]]],
  ['one that two use', [record('a', 'x'), record('b', 'a'), record('c', 'a')], [[0], [1, 2]]],
  ['an alert on an alert', [alert('A', 'x'), alert('B', 'ALERTS{alertname="A"}'), record('c', 'z')], [[0, 2], [1]]],
  ['an alert on another alert', [alert('A', 'x'), alert('B', 'ALERTS{alertname="Z"}')], [[0, 1]]],
  ['a selector that names two', [record('a', 'x'), record('b', '{__name__=~"a|q"}')], [[0], [1]]],
  ['a selector that names none', [record('a', 'x'), record('b', '{job="q"}')], null],
  ['one that stands later', [record('a', 'b'), record('b', 'x')], [[0, 1]]],
  ['one rule alone', [record('a', '{job="q"}')], [[0]]],
] as const)('%s', (_what, rules, batches) => {
  expect(batchesOf(rules)).toEqual(batches);
});
