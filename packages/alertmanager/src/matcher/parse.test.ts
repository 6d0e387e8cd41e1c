import { expect, test } from 'vitest';
import { parseMatcher, parseMatchers, printMatcher } from './parse.ts';

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
])('matcher %s', (text, printed) => {
  expect(printMatcher(parseMatcher(text))).toBe(printed);
});

test.each([
  ['foo', 'bad matcher format: foo'],
  ['=bar', 'bad matcher format: =bar'],
  ['5foo=bar', 'bad matcher format: 5foo=bar'],
  ['foo="bar', 'matcher value contains unescaped double quote: "bar'],
  ['foo=b"ar', 'matcher value contains unescaped double quote: b"ar'],
  ['foo="b"ar"', 'matcher value contains unescaped double quote: "b"ar"'],
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
