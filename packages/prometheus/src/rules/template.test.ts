import { FloatHistogram, Labels } from '@avalanche/model';
import { expect, test } from 'vitest';
import { checkTemplate, expandTemplate } from './template.ts';
import known from './testdata/templates.json' with { type: 'json' };

const data = {
  name: 't',
  labels: Labels.from({ instance: 'db.example.org:9187', job: 'postgres' }),
  externalLabels: { site: 'lab' },
  externalUrl: 'http://monitor:9090/prefix',
  value: 1_234_567,
  histogram: null,
  time: 1_700_000_000_123,
};
const asked: string[] = [];
const query = async (expression: string) => {
  asked.push(expression);
  if (expression === 'broken') throw new Error('it does not parse');
  if (expression === 'none') return [];
  return [
    { labels: Labels.from({ __name__: 'up', job: 'b' }), value: 2, histogram: null },
    { labels: Labels.from({ __name__: 'up', job: 'a' }), value: 1, histogram: null },
  ];
};

// What upstream's template package (3.14 development) makes of the same texts and data.
test.each(known as [string, string][])('%j', async (text, expected) => {
  expect((await expandTemplate(text, data, query)).text).toBe(expected);
});

test('a query is made once, however often the text asks for it', async () => {
  asked.length = 0;
  const text = '{{ query "x" | first | value }}{{ query "y" | first | value }}{{ query "x" | len }}';
  expect(await expandTemplate(text, data, query)).toEqual({ text: '222', error: null });
  expect(asked).toEqual(['x', 'y']);
});

test('the value of an alert may be a histogram', async () => {
  const histogram = new FloatHistogram({
    schema: 0,
    count: 3,
    sum: 7.5,
    positive: { indexes: Int32Array.of(1), counts: Float64Array.of(3) },
  });
  const text = '{{ $value }}, {{ $value.Count }} of {{ .Value.Sum }}';
  expect((await expandTemplate(text, { ...data, histogram }, query)).text).toBe(
    '{count:3, sum:7.5, (1,2]:3}, 3 of 7.5',
  );
});

test('a text that does not compile is refused', () => {
  expect(() => checkTemplate('{{ nope }}', 'Down')).toThrow('template: __alert_Down:1: function "nope" not defined');
});
