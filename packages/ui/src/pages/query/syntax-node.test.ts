import { expect, test } from 'vitest';
import type { SyntaxNode } from '../../api/prometheus/syntax-tree.ts';
import { childrenOf, kindOf, matchersOf, textOf } from './syntax-node.ts';

type Selector = Extract<SyntaxNode, { readonly type: 'vectorSelector' }>;

/** Nodes as the server answers them. */
const unshifted = { offset: 0, timestamp: null, startOrEnd: null } as const;
const isNamed = (name: string) => ({ name: '__name__', type: '=', value: name }) as const;
const selector = (name: string, more: Partial<Selector> = {}): Selector => ({
  type: 'vectorSelector',
  name,
  matchers: [isNamed(name)],
  ...unshifted,
  ...more,
});
const number = (val: string): SyntaxNode => ({ type: 'numberLiteral', val });
const call = (name: string, ...args: readonly SyntaxNode[]): SyntaxNode => ({ type: 'call', func: { name }, args });

/** A tree as indented text. */
function drawn(node: SyntaxNode, indent = ''): string {
  const parts = childrenOf(node).map((child) => drawn(child, `${indent}  `));
  return `${indent}${kindOf(node)}: ${textOf(node)}\n${parts.join('')}`;
}

test('parts are in the order of upstream, and texts leave them out', () => {
  const range: SyntaxNode = {
    ...selector('x_total', {
      matchers: [{ name: 'a', type: '=', value: 'b' }, { name: 'c d', type: '!~', value: 'e.*' }, isNamed('x_total')],
      offset: 3_600_000,
    }),
    type: 'matrixSelector',
    range: 300_000,
  };
  const sum = {
    type: 'aggregation',
    op: 'sum',
    expr: call('rate', range),
    param: null,
    grouping: ['job'],
    without: false,
  } as const;
  const division: SyntaxNode = {
    type: 'binaryExpr',
    op: '/',
    lhs: { ...sum, op: 'topk', expr: sum, param: number('3'), grouping: [], without: true },
    rhs: { type: 'unaryExpr', op: '-', expr: { type: 'parenExpr', expr: selector('y') } },
    bool: false,
    matching: { card: 'many-to-one', labels: ['job'], on: true, include: ['z'] },
  };
  expect(
    drawn({ ...division, op: '>', lhs: division, rhs: number('2'), bool: true, matching: null }),
  ).toBe(`operator: … > bool …
  operator: … / on (job) group_left (z) …
    aggregation: topk without () (…, …)
      number: 3
      aggregation: sum by (job) (…)
        function: rate(…)
          range selector: x_total{a="b", "c d"!~"e.*"}[5m] offset 1h
    sign: -…
      parentheses: (…)
        instant selector: y
  number: 2
`);
});

test.each<readonly [string, SyntaxNode]>([
  [
    '…[1h:5m] @ end()',
    { type: 'subquery', expr: selector('a'), ...unshifted, startOrEnd: 'end', range: 3_600_000, step: 300_000 },
  ],
  ['…[5m:]', { type: 'subquery', expr: selector('a'), ...unshifted, range: 300_000, step: 0 }],
  ['a @ 1.500 offset -5m', selector('a', { timestamp: 1500, offset: -300_000 })],
  ['{__name__=~"a.*"}', selector('', { matchers: [{ name: '__name__', type: '=~', value: 'a.*' }] })],
  ['a smoothed', selector('a', { smoothed: true })],
  ['"x\\"y"', { type: 'stringLiteral', val: 'x"y' }],
  ['time()', call('time')],
  ['round(…, …)', call('round', selector('a'), number('2'))],
  [
    'a[(5m * 2)]',
    {
      ...selector('a'),
      type: 'matrixSelector',
      range: 0,
      rangeExpr: {
        type: 'durationExpr',
        op: '*',
        lhs: { type: 'numberLiteral', val: '300', duration: true },
        rhs: { type: 'numberLiteral', val: '2', duration: false },
        wrapped: true,
      },
    },
  ],
  [
    '… and ignoring (b) …',
    {
      type: 'binaryExpr',
      op: 'and',
      lhs: selector('a'),
      rhs: selector('c'),
      bool: false,
      matching: { card: 'many-to-many', labels: ['b'], on: false, include: [] },
    },
  ],
])('%s', (text, node) => expect(textOf(node)).toBe(text));

test('matchers without that of the name', () => {
  const other = { name: '__name__', type: '=~', value: 'b.*' } as const;
  expect(matchersOf(selector('a', { matchers: [isNamed('a'), other] }))).toEqual([other]);
  expect(matchersOf(number('1'))).toEqual([]);
});
