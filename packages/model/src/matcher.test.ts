import { expect, test } from 'vitest';
import { formatDuration, parseDuration } from './duration.ts';
import { compileAnchored, Matcher } from './matcher.ts';

test.each([
  ['=', 'node', 'node', true],
  ['!=', 'node', 'nod', true],
  ['=~', 'a|bc', 'bc', true],
  ['=~', 'a|bc', 'abc', false],
  ['=~', 'no.*', 'node', true],
  ['=~', 'o', 'node', false],
  ['!~', '.+', '', true],
  ['=~', '.*', 'with\nnewline', true],
] as const)('%s %j against %j is %s', (type, pattern, value, expected) => {
  expect(new Matcher(type, 'job', pattern).matches(value)).toBe(expected);
});

test('an alternation of literals is a set', () => {
  expect(compileAnchored('a|b').set).toEqual(['a', 'b']);
  expect(compileAnchored('a.|b').set).toBeNull();
  expect(compileAnchored('db-1\\.lab:9100|a|').set).toEqual(['db-1.lab:9100', 'a', '']);
  expect(compileAnchored('a|b').captures('b')).toEqual(['b']);
});

test.each([
  ['(a|b|)', ['', 'a', 'b']],
  ['(a)', ['a']],
  ['(a)|b', ['a', 'b']],
  ['()', ['']],
  ['(a|b)c', ['ac']],
])('%s accepts %j', (pattern, accepted) => {
  const matcher = new Matcher('=~', 'x', pattern);
  expect(['', 'a', 'b', 'c', 'ac', '(a', 'a)'].filter((value) => matcher.matches(value))).toEqual(accepted);
});

test('a parenthesis alone is an error', () => {
  expect(() => new Matcher('=~', 'x', '(a')).toThrow('missing closing ): `(a`');
  expect(() => new Matcher('=~', 'x', 'a)')).toThrow('unexpected ): `a)`');
  expect(compileAnchored('(a|b)').captures('b')).toEqual(['b', 'b']);
});

test('words in parentheses, as Grafana writes the values of a variable, are the same set', () => {
  const words = Array.from({ length: 50_000 }, (_, i) => `10.0.${i}:80`);
  const matcher = new Matcher('=~', 'instance', `(${words.join('|').replaceAll('.', '\\.')})`);
  expect(matcher.set).toEqual(words);
  expect([matcher.matches('10.0.7:80'), matcher.matches('10x0.7:80')]).toEqual([true, false]);
});

test('a hundred thousand words are no more than a set', () => {
  const words = Array.from({ length: 100_000 }, (_, i) => `host-${i}`);
  const { set, accepts } = compileAnchored(words.join('|'));
  expect(set).toEqual(words);
  expect(accepts('host-77777')).toBe(true);
  expect(accepts('host-7777x')).toBe(false);
});

test('a replacement expands numbered and named groups', () => {
  const regex = compileAnchored('(?P<host>[^:]+):(\\d+)');
  expect(regex.expand('db:9187', '${host}/$2 $$ $9')).toBe('db/9187 $ ');
  expect(regex.expand('db', '$1')).toBeNull();
});

test('durations are read and printed as Prometheus does', () => {
  expect(parseDuration('1h30m')).toBe(5_400_000);
  expect(formatDuration(5_400_000)).toBe('1h30m');
  expect(formatDuration(30 * 86_400_000)).toBe('30d');
  expect(() => parseDuration('5 m')).toThrow('unknown unit " m" in duration "5 m"');
});

test('an expression stands for itself: anchors neither close its groups nor end in its quotes', () => {
  const error = (pattern: string): string => {
    try {
      new Matcher('=~', 'a', pattern);
    } catch (thrown) {
      return (thrown as Error).message;
    }
    return '';
  };
  expect(error('a)|(b')).toBe('error parsing regexp: unexpected ): `a)|(b`');
  expect(error('(a')).toBe('error parsing regexp: missing closing ): `(a`');
  expect(error('a\\')).toBe('error parsing regexp: trailing backslash at end of expression: ``');
  expect(new Matcher('=~', 'a', 'x\\Q.*').matches('x.*')).toBe(true);
  expect(new Matcher('=~', 'a', '\\Q.\\E+').matches('...')).toBe(true);
});
