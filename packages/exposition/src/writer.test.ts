import { expect, test } from 'vitest';
import { ENTRY_END, ExpositionParser } from './parser.ts';
import { FamilyWriter } from './writer.ts';

test('families are sorted, escaped, and parse', () => {
  const writer = new FamilyWriter();
  writer.gauge('b', 'Second.\nLine').add(1, { path: 'C:\\a "b"\n', x: 'y' }).add(Number.NaN);
  writer.counter('a_total', 'First.').add(1e21);
  writer.gauge('empty', 'Nothing.');
  writer.family('h', 'histogram', 'H.').add(1, { le: '+Inf' }, '_bucket').add(1, {}, '_count');
  expect(writer.text()).toBe(
    '# HELP a_total First.\n# TYPE a_total counter\na_total 1e+21\n' +
      '# HELP b Second.\\nLine\n# TYPE b gauge\nb{path="C:\\\\a \\"b\\"\\n",x="y"} 1\nb NaN\n' +
      '# HELP h H.\n# TYPE h histogram\nh_bucket{le="+Inf"} 1\nh_count 1\n',
  );
  const parser = new ExpositionParser(writer.text(), 'text');
  while (parser.next() !== ENTRY_END);
  expect(parser.line).toBe(11);
});
