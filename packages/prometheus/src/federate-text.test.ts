import { expect, test } from 'vitest';
import { type Escaping, metricText } from './federate-text.ts';

test.each<[Escaping, string]>([
  ['underscores', 'my_rate_s{_a__="x\\"\\\\\\n"}'],
  ['values', 'U__my_2e_rate_2f_s{U___31_a_2d__e9_="x\\"\\\\\\n"}'],
  ['dots', 'my_dot_rate__s{__a____="x\\"\\\\\\n"}'],
  ['allow-utf-8', '{"my.rate/s","1a-é"="x\\"\\\\\\n"}'],
])('names that are none of the text format, with %s', (escaping, line) => {
  expect(metricText('my.rate/s', [['1a-é', 'x"\\\n']], escaping).line).toBe(line);
});

test('names of the text format stay', () => {
  const labels: [string, string][] = [['_b', '1']];
  expect(metricText('a:b_c', labels, 'values')).toEqual({ familyName: 'a:b_c', line: 'a:b_c{_b="1"}' });
  expect(metricText('a_b', [], 'dots').line).toBe('a__b');
});
