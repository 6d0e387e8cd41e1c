import { describe, expect, test } from 'vitest';
import { astJson } from './ast-json.ts';
import { type Dialect, WHOLE_LANGUAGE } from './dialect.ts';
import { PromQLError } from './error.ts';
import { parse, parseSelector, selectorsOf } from './parse.ts';
import { format, print } from './printer.ts';

function reason(text: string, dialect: Dialect = WHOLE_LANGUAGE): string {
  try {
    parse(text, dialect);
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
    ['a + ignoring() b', 'a + b'],
    ['a + ignoring() group_right b', 'a + ignoring () group_right () b'],
    ['{"my.metric", "odd label"="v"}', '{"odd label"="v",__name__="my.metric"}'],
    ['a @ end()', 'a @ end()'],
    ['2. + .5 + 0x1F + 010 + 1_000 + 1e-7 + iNf', '2 + 0.5 + 31 + 8 + 1000 + 0.0000001 + +Inf'],
    ['5m + 36h + 0.5', '5m + 1d12h + 0.5'],
    ['max_of(1, 2)', 'max_of(1, 2)'],
    ['a and b or c unless d', 'a and b or c unless d'],
    ["'it\\'s \\xff \\a é'", '"it\'s \\xff \\a é"'],
    ['a # why\n + b', 'a + b'],
    ['fill + fill(2) sum + avg', 'fill + fill (2) sum + avg'],
    ['offset offset 5 + by', 'offset offset 5s + by'],
    ['a[90:30] @ -1.5', 'a[1m30s:30s] @ -1.500'],
    ['a[(5)*2m + step()] smoothed offset (1h/2)', 'a[(5) * 2m + step()] smoothed offset (1h / 2)'],
    ['a offset -min_of(range(), 5) + 1', 'a offset -min_of(range(), 5) + 1'],
    ['sum by ("é", on, "sum") (a:b)', 'sum by ("é", on, sum) (a:b)'],
  ])('%s', (text, printed) => {
    expect(print(parse(text, WHOLE_LANGUAGE))).toBe(printed);
    expect(print(parse(printed, WHOLE_LANGUAGE))).toBe(printed);
  });

  test('a sign takes the power with it, and postfix binds to the nearest operand', () => {
    expect(parse('-1^2')).toMatchObject({ kind: 'unary', expr: { kind: 'binary', op: '^' } });
    expect(parse('a + rate(b[5m])')).toMatchObject({ kind: 'binary', lhs: { name: 'a' } });
    expect(parse('a + b offset 5m')).toMatchObject({ kind: 'binary', lhs: { offset: null }, rhs: { name: 'b' } });
    expect(parse('a offset 5m + 1')).toMatchObject({ kind: 'binary', lhs: { name: 'a' } });
    expect(parse('a offset (5m) + 1')).toMatchObject({ kind: 'vectorSelector', offset: { kind: 'binary' } });
  });
});

describe('errors say where and what, as upstream', () => {
  test.each([
    ['', 'unknown position: parse error: no expression found in input'],
    [' # nothing', '1:1: parse error: no expression found in input'],
    ['1 +', '1:4: parse error: unexpected end of input'],
    ['sum(', '1:5: parse error: unclosed left parenthesis'],
    ['a)', "1:3: parse error: unexpected right parenthesis ')'"],
    ['foo $ bar', "1:5: parse error: unexpected character: '$'"],
    ['"é" + é', "1:8: parse error: unexpected character: 'é'"],
    ['foo{a=}', '1:7: parse error: unexpected "}" in label matching, expected string'],
    ['foo{a "b"}', '1:7: parse error: unexpected string "\\"b\\"" in label matching, expected label matching operator'],
    ['foo{a="b" c="d"}', '1:11: parse error: unexpected identifier "c" in label matching, expected "," or "}"'],
    ['foo{', '1:5: parse error: unexpected end of input inside braces'],
    ['"abc', '1:1: parse error: unterminated quoted string'],
    ['"\\q"', "1:1: parse error: unknown escape sequence U+0071 'q'"],
    ['"\ud800"', '1:1: parse error: invalid UTF-8 rune'],
    ['{}', '1:1: parse error: vector selector must contain at least one non-empty matcher'],
    ['foo{a=~"("}', '1:5: parse error: error parsing regexp: missing closing ): `(`'],
    ['nope(a)', '1:1: parse error: unknown function with name "nope"'],
    ['nope(a) $', '1:1: parse error: unknown function with name "nope"'],
    ['sum(a, b) $', "1:11: parse error: unexpected character: '$'"],
    ['rate(a, )', '1:7: parse error: trailing commas not allowed in function call args'],
    ['rate(a)', '1:6: parse error: expected type range vector in call to function "rate", got instant vector'],
    ['rate(a[5m], 1)', '1:1: parse error: expected 1 argument(s) in call to "rate", got 2'],
    ['round()', '1:1: parse error: expected at least 1 argument(s) in call to "round", got 0'],
    ['1 > 2', '1:3: parse error: comparisons between scalars must use BOOL modifier'],
    ['a and 1', '1:1: parse error: set operator "and" not allowed in binary scalar expression'],
    ['a + bool b', '1:3: parse error: bool modifier can only be used on comparison operators'],
    ['a and on(x) group_left b', '1:1: parse error: no grouping allowed for "and" operation'],
    ['a + on(x) group_left(x) b', '1:3: parse error: label "x" must not occur in ON and GROUP clause at once'],
    ['a + on b', '1:8: parse error: unexpected identifier "b" in grouping opts, expected "("'],
    ['sum by (1) (a)', '1:9: parse error: unexpected number "1" in grouping opts, expected label'],
    ['sum(a b)', '1:7: parse error: unexpected identifier "b" in aggregation'],
    ['sum(a, b)', '1:1: parse error: wrong number of arguments for aggregate expression provided, expected 1, got 2'],
    ['(a + b)[5m]', '1:8: parse error: ranges only allowed for vector selectors'],
    ['a[5m:1m', '1:8: parse error: unclosed left bracket'],
    ['a[5m 1m]', '1:6: parse error: unexpected duration "1m" in subquery or range, expected ":" or "]"'],
    ['a[x]', "1:3: parse error: unexpected character in duration expression: 'x'"],
    [
      'a offset b',
      '1:10: parse error: unexpected identifier "b" in offset, expected number, duration, step(), or range()',
    ],
    ['a offset 5m offset 5m', '1:1: parse error: offset may not be set multiple times'],
    ['a @ b', '1:5: parse error: unexpected identifier "b" in @, expected timestamp'],
    ['a\n + \n b[0s]', '3:4: parse error: duration must be greater than 0'],
    ['a[5m/0]', '1:5: parse error: division by zero'],
    ['a[5m1h]', '1:3: parse error: not a valid duration string: "5m1h"'],
    ['1e999', '1:1: parse error: error parsing number: strconv.ParseFloat: parsing "1e999": value out of range'],
    ['a{__name__="b"}', '1:1: parse error: metric name must not be set twice: "a" or "b"'],
    ['0xg', '1:1: parse error: bad number or duration syntax: "0x"'],
  ])('%s', (text, message) => {
    expect(reason(text)).toBe(message);
  });

  test.each([
    ['mad_over_time(a[5m])', '1:1: parse error: function "mad_over_time" is not enabled'],
    [
      'limitk(1, a)',
      '1:1: parse error: limitk() is experimental and must be enabled with --enable-feature=promql-experimental-functions',
    ],
    ['a + fill(0) b', '1:1: parse error: binop fill modifiers are experimental and not enabled'],
    ['1 + a[5m] smoothed', '1:5: parse error: smoothed modifier is experimental and not enabled'],
  ])('%s needs a feature', (text, message) => {
    expect(reason(text, {})).toBe(message);
  });

  test.each([
    ['parentheses', '('.repeat(10_000) + 1 + ')'.repeat(10_000)],
    ['signs', `${'-'.repeat(100_000)}1`],
    ['powers', `1${'^1'.repeat(100_000)}`],
    ['additions', `1${'+1'.repeat(100_000)}`],
    ['calls', `${'abs('.repeat(5_000)}a${')'.repeat(5_000)}`],
    ['brackets', `a${'[1m:1m]'.repeat(20_000)}`],
    ['durations', `a[${'('.repeat(10_000)}`],
    ['length', `"${'x'.repeat(2_000_000)}"`],
  ])('absurd %s are a clear error', (_name, text) => {
    expect(reason(text)).toMatch(/parse error: (query is (nested more|longer) than|subquery is only allowed)/);
  });
});

test('a long expression is split over lines, each level indented', () => {
  const long = `sum by (job) (rate(${'x'.repeat(60)}_total[5m])) / on (job) -count by (job) (topk(3, ${'y'.repeat(60)})) > 0`;
  expect(format(parse(long))).toBe(
    [
      `    sum by (job) (rate(${'x'.repeat(60)}_total[5m]))`,
      '  / on (job)',
      `    -count by (job) (topk(3, ${'y'.repeat(60)}))`,
      '>',
      '  0',
    ].join('\n'),
  );
});

test('the tree as JSON has the keys of the HTTP API', () => {
  expect(astJson(parse('-rate(a{b!="c"}[5m] @ end() offset (1m)) * 2m'))).toStrictEqual({
    bool: false,
    lhs: {
      expr: {
        args: [
          {
            anchored: false,
            matchers: [
              { name: 'b', type: '!=', value: 'c' },
              { name: '__name__', type: '=', value: 'a' },
            ],
            name: 'a',
            offset: 0,
            offsetExpr: {
              lhs: null,
              op: '+',
              rhs: { duration: true, type: 'numberLiteral', val: '60' },
              type: 'durationExpr',
              wrapped: true,
            },
            range: 300_000,
            rangeExpr: null,
            smoothed: false,
            startOrEnd: 'end',
            timestamp: null,
            type: 'matrixSelector',
          },
        ],
        func: { argTypes: ['matrix'], name: 'rate', returnType: 'vector', variadic: 0 },
        type: 'call',
      },
      op: '-',
      type: 'unaryExpr',
    },
    matching: null,
    op: '*',
    rhs: { type: 'numberLiteral', val: '120' },
    type: 'binaryExpr',
  });
});

test('selectorsOf finds every selector, those of ranges included', () => {
  const expr = parse('sum(rate(a_total{x="1"}[5m])) / on() b or absent(c) and max_over_time(d[1h:1m])');
  expect(selectorsOf(expr).map(({ name }) => name)).toEqual(['a_total', 'b', 'c', 'd']);
});

test.each([
  ['sum(up)', '1:4: parse error: unexpected "("'],
  ['up offset 5m', '1:4: parse error: unexpected <offset>'],
  ['1', '1:1: parse error: unexpected number "1"'],
  ['', 'unknown position: parse error: unexpected end of input'],
  ['{}', '1:1: parse error: vector selector must contain at least one non-empty matcher'],
])('%s is no selector', (text, message) => {
  expect(() => parseSelector(text)).toThrow(message);
});

test('parseSelector gives the matchers, that of the name last', () => {
  expect(parseSelector('up{job!="x"}').map(String)).toEqual(['job!="x"', '__name__="up"']);
});
