import { afterEach, describe, expect, test } from 'vitest';
import { parseMatcher, parseMatchers, setMatcherMode } from './parse.ts';
import { printMatcher } from './print.ts';

afterEach(() => setMatcherMode('fallback'));

test.each([
  ['foo="bar"', 'foo="bar"'],
  ['foo=bar', 'foo="bar"'],
  [' foo != bar baz ', 'foo!="bar baz"'],
  ['foo=~"a|b"', 'foo=~"a|b"'],
  ['foo!~5..', 'foo!~"5.."'],
  ['foo=', 'foo=""'],
  ['foo=""', 'foo=""'],
  ['foo="say \\"hi\\""', 'foo="say \\"hi\\""'],
  ['foo="a\\nb"', 'foo="a\\nb"'],
  ['foo=~"\\d+"', 'foo=~"\\\\d+"'],
  ['"a name"="x"', '"a name"="x"'],
  ['"größe"="x"', 'größe="x"'],
  ['größe=x', 'größe="x"'],
  // both understand it, each in its own way
  ['foo="\\u0041"', 'foo="\\\\u0041"'],
])('matcher %s', (text, printed) => {
  expect(printMatcher(parseMatcher(text))).toBe(printed);
});

test.each([
  ['foo', 'bad matcher format: foo'],
  ['=bar', 'bad matcher format: =bar'],
  ['foo="bar', 'matcher value contains unescaped double quote: "bar'],
  ['foo=b"ar', 'matcher value contains unescaped double quote: b"ar'],
  ['foo="b"ar"', 'matcher value contains unescaped double quote: "b"ar"'],
  ['{foo=bar}', 'unexpected open or close brace: {foo=bar}'],
])('refused: %s', (text, message) => {
  expect(() => parseMatcher(text)).toThrow(message);
});

test.each([
  ['{foo = "bar", dings != "bums", }', ['foo="bar"', 'dings!="bums"']],
  ['foo=bar,dings!=bums', ['foo="bar"', 'dings!="bums"']],
  ['{quote="a, \\"b\\", c"}', ['quote="a, \\"b\\", c"']],
  ['{}', []],
])('list %s', (text, printed) => {
  expect(parseMatchers(text).map(printMatcher)).toEqual(printed);
});

describe('in UTF-8 mode alone', () => {
  // messages of upstream's parser
  test.each([
    ['{', '0:1: end of input: expected close brace'],
    ['foo=bar}', '0:8: }: expected opening brace'],
    ['{foo=bar', '0:8: end of input: expected close brace'],
    ['foo', "end of input: expected an operator such as '=', '!=', '=~' or '!~'"],
    ['foo=', 'end of input: expected label value'],
    [
      'foo!',
      "3:4: unexpected end of input, expected one of '=~': expected an operator such as '=', '!=', '=~' or '!~'",
    ],
    ['foo!x', "3:4: !: expected one of '=~': expected an operator such as '=', '!=', '=~' or '!~'"],
    ['foo=~bar~', '8:9: ~: invalid input: expected a comma or close brace'],
    ['=bar', '0:1: unexpected =: expected label name'],
    ['foo=bar baz', '8:11: unexpected baz: expected a comma or close brace'],
    ['foo=bar,=', '8:9: unexpected =: expected a matcher or close brace after comma'],
    ['foo="bar', '4:8: "bar: missing end ": expected label value'],
    ['foo="\\d"', '4:8: "\\d": invalid input'],
    ['{foo=bar}x', '9:10: x: expected end of input'],
  ])('refused: %s', (text, message) => {
    setMatcherMode('utf8');
    expect(() => parseMatchers(text)).toThrow(new Error(message));
  });

  test('escapes are Go’s', () => {
    setMatcherMode('utf8');
    expect(parseMatchers('{"a\\tb"="\\u0041", c=d,}').map(({ name, value }) => [name, value])).toEqual([
      ['a\tb', 'A'],
      ['c', 'd'],
    ]);
    expect(() => parseMatcher('a=b,c=d')).toThrow('expected 1 matcher, found 2');
    expect(() => parseMatcher('')).toThrow('no matchers');
  });
});

test('classic mode knows no other names', () => {
  setMatcherMode('classic');
  expect(() => parseMatcher('größe=x')).toThrow('bad matcher format: größe=x');
  expect(parseMatchers('{a=b').map(printMatcher)).toEqual(['a="b"']);
});
