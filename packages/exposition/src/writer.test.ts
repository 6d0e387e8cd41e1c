import { expect, test } from 'vitest';
import { ENTRY_END, ExpositionParser } from './parser.ts';
import { FamilyWriter, renderLabels } from './writer.ts';

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

test('what another writer has twice or with another type is left out and told', () => {
  const writer = new FamilyWriter();
  writer.gauge('a', 'First.').add(1).add(2, { x: '1' });
  writer.counter('b_total', 'B.').add(1);
  const other = new FamilyWriter();
  other.gauge('a', 'Another help.').add(7, { x: '1' }).add(3, { x: '2' });
  other.gauge('b_total', 'B.').add(2);
  other.gauge('c', 'C.').addRendered(4, renderLabels({ y: 'z' }));
  expect(writer.add(other)).toEqual([
    'series a{x="1"} is there twice',
    'family b_total is a counter here and a gauge there',
  ]);
  expect(writer.text()).toBe(
    '# HELP a First.\n# TYPE a gauge\na 1\na{x="1"} 2\na{x="2"} 3\n' +
      '# HELP b_total B.\n# TYPE b_total counter\nb_total 1\n# HELP c C.\n# TYPE c gauge\nc{y="z"} 4\n',
  );
});

test('a long text comes in pieces of bounded length, which together are the text', () => {
  const writer = new FamilyWriter();
  for (let i = 0; i < 5_000; i++) writer.counter('a_total', 'A.').add(i, { i: String(i) });
  writer.gauge('b', 'B.').add(1);
  for (const [format, text] of [
    ['text', writer.text()],
    ['openmetrics', writer.openMetricsText()],
  ] as const) {
    const pieces = [...writer.pieces(format)];
    expect(pieces.length).toBeGreaterThan(2);
    expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThan(100_000);
    expect(pieces.join('')).toBe(text);
    expect(text.match(/^a_total\{/gm)).toHaveLength(5_000);
  }
});
