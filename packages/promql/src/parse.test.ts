import { describe, expect, test } from 'vitest';
import { PromQLError } from './error.ts';
import { parse, parseSelector, selectorsOf } from './parse.ts';
import { format } from './printer.ts';

const all = { experimental: true };

function reason(text: string): string {
  try {
    parse(text);
  } catch (error) {
    expect(error).toBeInstanceOf(PromQLError);
    expect((error as PromQLError).errorType).toBe('bad_data');
    return (error as Error).message;
  }
  return 'no error';
}

describe('parse and print', () => {
  test.each([
    ['-1^2', '-1 ^ 2'],
    ['a+rate(b[5m:])', 'a + rate(b[5m:])'],
    ['- foo offset 5m', '-foo offset 5m'],
    ['1+2*3^2^1', '1 + 2 * 3 ^ 2 ^ 1'],
    ['sum(a)by(b)', 'sum by (b) (a)'],
    ['topk without(x) (3,a{b=~"c|d"})', 'topk without (x) (3, a{b=~"c|d"})'],
    ['rate(x[1h30m] offset -5m @ 10)', 'rate(x[1h30m] @ 10.000 offset -5m)'],
    ['a / on(x) group_left(y) b', 'a / on (x) group_left (y) b'],
    ['a == bool ignoring(z) b', 'a == bool ignoring (z) b'],
    ['{"my.metric", "odd label"="v"}', '{"my.metric","odd label"="v"}'],
    ['a @ end()', 'a @ end()'],
    ['2.', '2'],
    ['max_of(1, 2)', 'max_of(1, 2)'],
    ['a and b or c unless d', 'a and b or c unless d'],
    ["'it\\'s'", '"it\'s"'],
    ['a # why\n + b', 'a + b'],
  ])('%s', (text, printed) => {
    expect(format(parse(text, all))).toBe(printed);
    expect(format(parse(printed, all))).toBe(printed);
  });

  test('a sign takes the power with it, and postfix binds to the nearest operand', () => {
    expect(parse('-1^2')).toMatchObject({ kind: 'unary', expr: { kind: 'binary', op: '^' } });
    expect(parse('a + rate(b[5m])')).toMatchObject({ kind: 'binary', lhs: { name: 'a' } });
    expect(parse('a + b offset 5m')).toMatchObject({ kind: 'binary', lhs: { offset: null }, rhs: { name: 'b' } });
  });
});

describe('errors say where and what, as upstream', () => {
  test.each([
    ['', '1:1: parse error: no expression found in input'],
    ['1 +', '1:4: parse error: unexpected end of input'],
    ['sum(', '1:5: parse error: unclosed left parenthesis'],
    ['a)', "1:2: parse error: unexpected right parenthesis ')'"],
    ['foo $ bar', "1:5: parse error: unexpected character: '$'"],
    ['foo{a=}', '1:7: parse error: unexpected right brace "}" in label matching, expected string'],
    ['"abc', '1:1: parse error: unterminated quoted string'],
    ['{}', '1:1: parse error: vector selector must contain at least one non-empty matcher'],
    ['foo{a=~"("}', '1:5: parse error: '],
    ['nope(a)', '1:1: parse error: unknown function with name "nope"'],
    ['rate(a)', '1:6: parse error: expected type range vector in call to function "rate", got instant vector'],
    ['rate(a[5m], 1)', '1:1: parse error: expected 1 argument(s) in call to "rate", got 2'],
    ['1 > 2', '1:1: parse error: comparisons between scalars must use BOOL modifier'],
    ['a and 1', '1:1: parse error: set operator "and" not allowed in binary scalar expression'],
    ['a + bool b', '1:1: parse error: bool modifier can only be used on comparison operators'],
    ['a and on(x) group_left b', '1:1: parse error: no grouping allowed for "and" operation'],
    ['a + on(x) group_left(x) b', '1:1: parse error: label "x" must not occur in ON and GROUP clause at once'],
    ['sum(a, b)', '1:1: parse error: wrong number of arguments for aggregate expression provided, expected 1, got 2'],
    ['(a + b)[5m]', '1:1: parse error: ranges only allowed for vector selectors'],
    ['a[5m:1m', '1:8: parse error: unclosed left bracket'],
    ['a offset 5m offset 5m', '1:1: parse error: offset may not be set multiple times'],
    ['a\n + \n b[0s]', '3:2: parse error: duration must be greater than 0'],
    ['a{__name__="b"}', '1:2: parse error: metric name must not be set twice: "a" or "b"'],
    ['mad_over_time(a[5m])', '1:1: parse error: function "mad_over_time" is not enabled'],
  ])('%s', (text, message) => {
    expect(reason(text)).toContain(message);
  });

  test.each([
    ['parentheses', '('.repeat(10_000) + 1 + ')'.repeat(10_000)],
    ['signs', `${'-'.repeat(100_000)}1`],
    ['powers', `1${'^1'.repeat(100_000)}`],
    ['additions', `1${'+1'.repeat(100_000)}`],
    ['calls', `${'abs('.repeat(5_000)}a${')'.repeat(5_000)}`],
    ['brackets', `a${'[1m:1m]'.repeat(20_000)}`],
    ['length', `"${'x'.repeat(2_000_000)}"`],
  ])('absurd %s are a clear error', (_name, text) => {
    expect(reason(text)).toMatch(/parse error: (query is (nested more|longer) than|subquery is only allowed)/);
  });
});

test('selectorsOf finds every selector, those of ranges included', () => {
  const expr = parse('sum(rate(a_total{x="1"}[5m])) / on() b or absent(c) and max_over_time(d[1h:1m])');
  expect(selectorsOf(expr).map(({ name }) => name)).toEqual(['a_total', 'b', 'c', 'd']);
});

test('parseSelector gives matchers and refuses anything else', () => {
  expect(parseSelector('up{job!="x"}').map(String)).toEqual(['job!="x"', '__name__="up"']);
  expect(() => parseSelector('sum(up)')).toThrow(PromQLError);
});
