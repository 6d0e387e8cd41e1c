import { Labels } from '@avalanche/model';
import { expect, test } from 'vitest';
import { checkTemplate, expandTemplate } from './template.ts';

const data = {
  labels: Labels.from({ instance: 'db.example.org:9187', job: 'postgres' }),
  externalLabels: { site: 'lab' },
  externalUrl: 'http://monitor:9090/prefix',
  value: 1234567,
};
const asked: string[] = [];
const query = async (expression: string) => {
  asked.push(expression);
  if (expression === 'broken') throw new Error('it does not parse');
  if (expression === 'none') return [];
  return [
    { labels: Labels.from({ __name__: 'up', job: 'b' }), value: 2 },
    { labels: Labels.from({ __name__: 'up', job: 'a' }), value: 1 },
  ];
};

test.each([
  ['plain', 'plain'],
  ['{{ $labels.instance | stripPort }} {{ $labels.instance | stripDomain }}', 'db.example.org db:9187'],
  [
    '{{ $value | humanize }} {{ $value | humanize1024 }} {{ $value | humanizeDuration }}',
    '1.235M 1.177Mi 14d 6h 56m 7s',
  ],
  ['{{ 0.9742 | humanizePercentage }} {{ 0.0123 | humanizeDuration }}', '97.42% 12.3ms'],
  ['{{ $externalLabels.site }} {{ $externalURL }} {{ pathPrefix }}', 'lab http://monitor:9090/prefix /prefix'],
  ['{{ reReplaceAll "(.*):\\\\d+" "$1" $labels.instance }}', 'db.example.org'],
  ['{{ if match "^db" $labels.instance }}yes{{ end }}', 'yes'],
  ['{{ query "up" | first | value }}', '2'],
  ['{{ range query "up" | sortByLabel "job" }}{{ .Labels.job }}={{ .Value }} {{ end }}', 'a=1 b=2 '],
  ['{{ with query "none" }}{{ . | first | label "job" }}{{ else }}nothing{{ end }}', 'nothing'],
  ['{{ graphLink "a b" }}', '/graph?g0.expr=a+b&g0.tab=0'],
  ['{{ query "none" | first | value }}', expect.stringContaining('first() called on vector with no elements')],
  ['{{ query "broken" }}', '<error expanding template: it does not parse>'],
  ['{{ template "x" }}', expect.stringMatching(/^<error expanding template: .*"x" not defined>$/)],
])('%j', async (text, expected) => {
  checkTemplate(text);
  expect(await expandTemplate(text, data, query)).toEqual(expected);
});

test('a query is made once, however often the text asks for it', async () => {
  asked.length = 0;
  await expandTemplate(
    '{{ query "x" | first | value }}{{ query "y" | first | value }}{{ query "x" | len }}',
    data,
    query,
  );
  expect(asked).toEqual(['x', 'y']);
});

test('a text that does not compile is refused', () => {
  expect(() => checkTemplate('{{ nope }}')).toThrow('function "nope" not defined');
});
