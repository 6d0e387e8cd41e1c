import { expect, test } from 'vitest';
import { Labels } from './labels.ts';
import { compareStrings } from './strings.ts';

test('labels are sorted by name, and empty values are no labels', () => {
  const labels = Labels.from({ job: 'node', __name__: 'up', instance: '', a: '1' });
  expect(labels.pairs).toEqual(['__name__', 'up', 'a', '1', 'job', 'node']);
  expect(labels.get('instance')).toBe('');
  expect(labels.toString()).toBe('up{a="1", job="node"}');
});

test('changes are laid over, and an empty value removes', () => {
  const labels = Labels.from({ a: '1', b: '2' });
  expect(labels.with({ a: '', c: '3' }).toJSON()).toEqual({ b: '2', c: '3' });
  expect(labels.without('b').equals(Labels.from({ a: '1' }))).toBe(true);
});

test('strings sort by code point, as their UTF-8 bytes do', () => {
  const sorted = ['\u{1f600}', '\ufb01', 'z', 'é'].sort(compareStrings);
  expect(sorted).toEqual(['z', 'é', '\ufb01', '\u{1f600}']);
});

test.each([
  ['a', 'x', 'a="x", b="2", d="4"'],
  ['b', 'x', 'b="x", d="4"'],
  ['c', 'x', 'b="2", c="x", d="4"'],
  ['e', 'x', 'b="2", d="4", e="x"'],
  ['b', '', 'd="4"'],
  ['c', '', 'b="2", d="4"'],
])('one label is set: %s="%s"', (name, value, expected) => {
  expect(Labels.from({ b: '2', d: '4' }).withLabel(name, value).toString()).toBe(`{${expected}}`);
});

test('keys of a part of the labels are equal where that part is', () => {
  const labels = Labels.from({ __name__: 'up', a: '1', b: '2' });
  const other = Labels.from({ __name__: 'down', a: '1', b: '3' });
  expect(labels.keyOf(['a', 'c'])).toBe(other.keyOf(['a', 'c']));
  expect(labels.keyOf(['a', 'b'])).not.toBe(other.keyOf(['a', 'b']));
  expect(labels.keyWithout(['b'])).toBe(other.keyWithout(['b']));
  expect(labels.keyWithout([])).not.toBe(other.keyWithout([]));
  expect(labels.nameless.toString()).toBe('{a="1", b="2"}');
});

test('JSON has every label, whatever its name means to JavaScript', () => {
  const text = '{"1":"one","__proto__":"p","a":"b","constructor":"c"}';
  expect(JSON.stringify(Labels.from(JSON.parse(text) as Record<string, string>))).toBe(text);
  expect(JSON.stringify(Labels.from({ b: '2', a: '1' }))).toBe('{"a":"1","b":"2"}');
});
