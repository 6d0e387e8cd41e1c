import { expect, test } from 'vitest';
import { titleOf } from './query-error.tsx';

test.each([
  ['bad_data', 'The query is not accepted'],
  ['execution', 'The query failed'],
  ['timeout', 'The query took too long'],
  ['away', 'Prometheus is away'],
])('an error of the kind %s is headed "%s"', (kind, title) => {
  expect(titleOf(kind)).toBe(title);
});
