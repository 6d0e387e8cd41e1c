import { expect, test } from 'vitest';
import { WHOLE_LANGUAGE } from './dialect.ts';
import { explain } from './explain.ts';
import { functionSignatures } from './functions/table.ts';

/** The lines of a plan, not lined up. */
function lines(query: string, options = {}): string[] {
  const plan = explain(query, { ...WHOLE_LANGUAGE, ...options });
  return plan
    .trimEnd()
    .split('\n')
    .map((line) => line.replace(/ {2,}/g, '  '));
}

test.each([
  ['x', 'reads (t-5m, t], each series once'],
  ['x[1h]', 'reads (t-1h, t], each series once'],
  ['x[1h] offset 30m', 'reads (t-1h30m, t-30m], each series once'],
  ['x offset -10m', 'reads (t+5m, t+10m], each series once'],
  ['x @ 1000.500', 'reads (700.5, 1000.5], each series once; the same at all steps: computed at one'],
  ['x[1m] @ start() offset 1m', 'reads (start-2m, start-1m], each series once; the same at all steps: computed at one'],
  ['x[5m * 2]', 'reads (t-10m, t], each series once'],
  ['x[step()]', 'reads (t-15s, t], each series once'],
])('%s %s', (query, how) => {
  expect(lines(query, { stepMs: 15_000 })[0]).toBe(`1:1  ${query}  ${how}`);
});

test('a selector in subqueries reads what all of them need', () => {
  const plan = lines('max_over_time(min_over_time(x[10m:1m])[1h:5m] offset 1d)');
  expect(plan.at(-1)).toMatch(/reads \(t-1d1h15m, t-1d\], each series once$/);
  expect(lines('max_over_time((x @ end())[1h:])').at(-1)).toMatch(/reads \(end-5m, end\]/);
  expect(lines('max_over_time(x[1h:])', { lookbackMs: 1000, defaultSubqueryStepMs: 15_000 }).slice(1)).toEqual([
    '1:15  [1h:]  the inside is computed once, at multiples of 15s in (t-1h, t]',
    '1:15  x  reads (t-1h1s, t], each series once',
  ]);
});

test('what stands twice is computed once, where it is computed at the same steps', () => {
  expect(lines('sum(x) +\n  sum(x) + max_over_time(sum(x)[1h:])')).toEqual([
    '1:1  +  both sides are held; who matches whom is settled once',
    '1:1  +  both sides are held; who matches whom is settled once',
    '1:1  sum  the argument streams by; groups × steps are held; computed once and held',
    '1:5  x  reads (t-5m, t], each series once',
    '2:3  sum  the result of sum at 1:1, again',
    '2:12  max_over_time()  series stream through, all windows of one in one pass',
    '2:26  [1h:]  the inside is computed once, at multiples of 1m in (t-1h, t]',
    '2:26  sum  the argument streams by; groups × steps are held',
    '2:30  x  reads (t-1h5m, t], each series once',
  ]);
});

test('a selector and a range of the same series have nothing in common', () => {
  expect(lines('topk(3, x) + sum(rate(x[5m]))')[3]).toBe('1:9  x  reads (t-5m, t], each series once');
});

test('a plan is lined up, and indented by depth', () => {
  expect(explain('-sum(x)')).toBe(`1:1  -      values stream through
1:2    sum  the argument streams by; groups × steps are held
1:6      x  reads (t-5m, t], each series once
`);
});

test.each([
  ['1 + 2 * time()', 'computed for all steps at once'],
  ['-x', 'values stream through'],
  ['x > 1', 'values stream through'],
  ['x / on (a) group_right (b) y', 'both sides are held; who matches whom is settled once'],
  ['x or y', 'the left is held, the right streams through'],
  ['x unless y', 'the left streams through; at which steps the right is there is held'],
  ['quantile(0.5, x)', 'the argument is held'],
  ['limitk(2, x)', 'the argument streams by; k of each group and step are held'],
  ['rate(x[5m])', 'series stream through, all windows of one in one pass'],
  ['rate(x[5m] smoothed)', 'each window anew, in slices; the result is held'],
  ['deriv(x[5m])', 'each window anew, in slices; the result is held'],
  ['abs(x)', 'values stream through'],
  ['scalar(x)', 'the argument streams by; one value of each step is held'],
  ['sort(x)', 'an instant query holds and sorts the argument; in a range query it streams through'],
  ['histogram_quantile(0.9, x)', 'the argument is held; which series are buckets of one histogram is settled once'],
])('%s: %s', (query, how) => {
  expect(lines(query)[0]).toMatch(new RegExp(`  ${how.replace(/[()]/g, '.')}`));
});

test('every function has an explanation', () => {
  const values = { vector: 'x', matrix: 'x[5m]', scalar: '1', string: '"a"' };
  for (const { name, args } of functionSignatures) {
    const query = name === 'info' ? 'info(x)' : `${name}(${args.map((type) => values[type]).join(', ')})`;
    expect(lines(query)[0], query).toMatch(/ {2}\S/);
  }
});

test('a query that is wrong is an error', () => {
  expect(() => explain('sum(')).toThrow('parse error');
  expect(() => explain('limitk(1, x)')).toThrow('experimental');
});
