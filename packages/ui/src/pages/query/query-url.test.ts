import { expect, test } from 'vitest';
import { errorPosition } from './error-position.ts';
import { decodeQueryUrl, encodeQueryUrl, newQuery } from './query-url.ts';

test('queries survive the address', () => {
  const queries = [
    { ...newQuery('rate(x{a="b&c"}[5m])'), stacked: true, step: '30' },
    { ...newQuery('sum(up)'), tab: 'explain' as const },
    { ...newQuery('up'), tab: 'table' as const, end: '2026-11-22 15:00:00' },
  ];
  expect(decodeQueryUrl(encodeQueryUrl(queries))).toEqual(queries);
});

test('addresses of Prometheus 2 and 3', () => {
  expect(decodeQueryUrl('g0.expr=up&g0.tab=1&g0.range_input=2h')[0]).toMatchObject({ tab: 'table', range: '2h' });
  expect(decodeQueryUrl('g0.expr=up&g0.tab=graph&g0.display_mode=stacked')[0]).toMatchObject({
    tab: 'graph',
    stacked: true,
  });
  expect(decodeQueryUrl('')).toEqual([newQuery()]);
});

test.each([
  ['1:4: parse error: unexpected identifier "foo"', 'up foo', { line: 'up foo', column: 3, length: 3 }],
  ['invalid parameter "query": 2:1: parse error: unexpected )', 'up +\n)', { line: ')', column: 0, length: 1 }],
  ['query timed out', 'up', undefined],
])('%s', (message, expr, expected) => expect(errorPosition(message, expr)).toEqual(expected));
