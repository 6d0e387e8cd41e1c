import { parser } from '@prometheus-io/lezer-promql';
import { expect, test } from 'vitest';
import { WHOLE_LANGUAGE } from './dialect.ts';
import { functionSignatures } from './functions/table.ts';
import { parse } from './parse.ts';

/** Upstream's grammar for editors, which the query page uses. It must not underline what the server takes. */
test.each([
  '-1 ^ 2 + Inf * 0x1F - 1h30m',
  'sum by (job, "a.b") (rate(x_total{a="b", c!~"d|e"}[5m] offset -1h @ 10))',
  'topk(3, a) / on (x) group_left (y) b > bool ignoring (z) c',
  'a and b or c unless on () d atan2 e',
  '{"my.metric", "odd label"=~"v.*"}[1h:5m] @ start()',
  'x[5m * 2 + step()] offset (range() / min_of(2, 3h))',
  'rate(x[5m] smoothed) - x anchored',
  'a + fill_left (0) fill_right (-1) b * fill (2) c',
  'limit_ratio(-0.5, count_values("v", a)) without (b)',
  "label_replace(a, 'x', `$1`, \"y\", '(.*)') # why",
])('the editor accepts %s', (text) => {
  parse(text, WHOLE_LANGUAGE);
  const errors: number[] = [];
  parser.parse(text).iterate({
    enter: ({ type, from }) => {
      if (type.isError) errors.push(from);
    },
  });
  expect(errors).toEqual([]);
});

test('a new version of the grammar names no function that we lack', () => {
  const names = parser.nodeSet.types.map(({ name }) => name);
  const functions = names.slice(names.indexOf('FunctionIdentifier') + 1, names.indexOf('MatrixSelector'));
  const ours = new Set(functionSignatures.map(({ name }) => name.replaceAll('_', '')));
  const missing = functions.filter((name) => name !== 'Identifier' && !ours.has(name.toLowerCase()));
  expect(missing).toEqual([]);
});
