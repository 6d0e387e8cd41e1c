import { roundsOf } from '@avalanche/model';
import { describe, expect, test } from 'vitest';
import { compileTemplate, SafeHtml, TemplateError, TemplateSet } from './template.ts';

const data = {
  Labels: { job: 'node', instance: 'a:9100' },
  Value: 0.975,
  Alerts: [
    { Name: 'A', Firing: true },
    { Name: 'B', Firing: false },
  ],
  Sum: (a: number, b: number) => a + b,
  Empty: [],
};

test.each([
  ['plain', 'plain'],
  ['{{ .Labels.job }}', 'node'],
  ['{{ .Labels.missing }}|', '|'],
  ['{{ $x := .Value }}{{ $x }}', '0.975'],
  ['a {{- " b " -}} c', 'a b c'],
  ['a {{/* comment */}} b', 'a  b'],
  ['a {{- /* comment */ -}} b', 'ab'],
  ['{{ if .Empty }}x{{ else if .Alerts }}y{{ else }}z{{ end }}', 'y'],
  ['{{ range .Alerts }}{{ .Name }}{{ if .Firing }}!{{ end }};{{ end }}', 'A!;B;'],
  ['{{ range $i, $a := .Alerts }}{{ $i }}{{ $a.Name }}{{ end }}', '0A1B'],
  ['{{ range .Empty }}x{{ else }}none{{ end }}', 'none'],
  ['{{ range .Alerts }}{{ if not .Firing }}{{ break }}{{ end }}{{ .Name }}{{ end }}', 'A'],
  ['{{ range $k, $v := .Labels }}{{ $k }}={{ $v }} {{ end }}', 'instance=a:9100 job=node '],
  ['{{ with .Labels }}{{ .job }}{{ end }}', 'node'],
  ['{{ index .Labels "constructor" }}|{{ index .Labels "__proto__" }}|', '||'],
  ['{{ printf "%*d" 9999999999 1 }}', '%!(BADWIDTH)1'],
  ['{{ with .Missing }}x{{ else }}y{{ end }}', 'y'],
  ['{{ define "x" }}[{{ . }}]{{ end }}{{ template "x" .Labels.job }}', '[node]'],
  ['{{ block "b" .Value }}<{{ . }}>{{ end }}', '<0.975>'],
  ['{{ printf "%.1f%% of %s" .Value .Labels.job }}', '1.0% of node'],
  ['{{ .Labels.job | printf "%-6s|%q" "x" }}', 'x     |"node"'],
  ['{{ printf "%05d %x %v %6.2f" 42 255 true 3.14159 }}', '00042 ff true   3.14'],
  [
    '{{ len .Alerts }} {{ index .Labels "job" }} {{ index .Alerts 1 | printf "%v" }}',
    '2 node map[Firing:false Name:B]',
  ],
  ['{{ eq .Labels.job "x" "node" }} {{ gt .Value 0.9 }} {{ and 1 0 }} {{ or "" "d" }}', 'true true 0 d'],
  ['{{ (index .Alerts 0).Name }}', 'A'],
  ['{{ .Sum 2 3 }}', '5'],
  ['{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ end }}{{ $x }}', '2'],
  ['{{ "\\u00e9\\n" }}{{ `raw\\n` }}', 'é\nraw\\n'],
  ['{{ html "<a>" }} {{ urlquery "a b&c" }}', '&lt;a&gt; a+b%26c'],
  ['{{ 1e21 }} {{ 0.00001 }} {{ 5 }} {{ 1234567 }} {{ 123456.5 }}', '1e+21 1e-05 5 1234567 123456.5'],
  ['{{ .constructor }}{{ .Labels.__proto__ }}', ''],
])('%j', (source, expected) => {
  expect(compileTemplate('t', source).execute(data)).toBe(expected);
});

test.each([
  ['{{ if }}x{{ end }}', 'template: t:1: missing value for if'],
  ['x\n{{ .a', 'template: t:2: unclosed action'],
  ['{{ nope 1 }}', 'template: t:1: function "nope" not defined'],
  ['{{ $x }}', 'template: t:1: undefined variable "$x"'],
  ['{{ if true }}', 'unexpected EOF'],
  ['{{ end }}', 'unexpected {{end}}'],
  ['{{ break }}', '{{break}} outside {{range}}'],
])('%j does not parse', (source, message) => {
  expect(() => compileTemplate('t', source)).toThrow(message);
});

describe('execution errors name the line', () => {
  test.each([
    [
      'a\n{{ index .Alerts 9 }}',
      'template: t:2:3: executing "t" at <index .Alerts 9>: error calling index: index out of range: 9',
    ],
    ['{{ template "x" }}', 'template "x" not defined'],
    ['{{ define "x" }}{{ template "x" }}{{ end }}{{ template "x" }}', 'exceeded maximum template depth'],
    ['{{ .Value.x }}', "can't evaluate field x in type float64"],
    ['{{ lt "a" 1 }}', 'incompatible types for comparison'],
  ])('%j', (source, message) => {
    expect(() => compileTemplate('t', source).execute(data)).toThrow(message);
  });
});

test('a set shares definitions, and HTML is escaped but for what is safe', () => {
  const set = new TemplateSet({ safeHtml: (text: string) => new SafeHtml(text) }, { html: true });
  set.add('a.tmpl', '{{ define "greet" }}<b>{{ . }}</b>{{ end }}');
  const template = set.compile('mail', '{{ template "greet" .X }}{{ .X | safeHtml }}');
  expect(template.execute({ X: '<i>' })).toBe('<b>&lt;i&gt;</b><i>');
});

describe('whatever the text is, there is a result or an error', () => {
  const pieces = [
    ...[
      '{{',
      '}}',
      '{{-',
      '-}}',
      ' ',
      '.',
      '.a',
      '$',
      '$x',
      ':=',
      '=',
      ',',
      '|',
      '(',
      ')',
      '"s"',
      '`r`',
      "'c'",
      '1',
      '0x',
      '1e9',
    ],
    ...[
      'if',
      'else',
      'end',
      'range',
      'with',
      'define',
      'template',
      'block',
      'break',
      'continue',
      'nil',
      'true',
      'printf',
      'index',
    ],
    ...[
      'and',
      'len',
      'slice',
      'eq',
      '/*',
      '*/',
      '\n',
      '\\',
      '"',
      '\u00e9',
      '\ud800',
      '%d',
      '%[1]*.*f',
      '-1',
      '99999999999999999999',
    ],
  ];

  test('fuzzed with a seed', () => {
    let seed = 20_261_123;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
      return (seed >>> 8) % below;
    };
    const outcomes = { ran: 0, refused: 0 };
    for (let round = 0; round < 6000; round++) {
      const inner = Array.from({ length: 1 + random(14) }, () => pieces[random(pieces.length)]);
      const source = random(3) === 0 ? inner.join('') : `{{ ${inner.join(' ')} }}${random(2) ? '{{end}}' : ''}`;
      try {
        compileTemplate('t', source).execute(data);
        outcomes.ran++;
      } catch (error) {
        if (!(error instanceof TemplateError)) throw new Error(`${JSON.stringify(source)}: ${error}`, { cause: error });
        outcomes.refused++;
      }
    }
    expect(outcomes.ran).toBeGreaterThan(300);
    expect(outcomes.refused).toBeGreaterThan(3000);
  });

  test.each([
    ['parentheses', `{{ ${'('.repeat(50_000)}1${')'.repeat(50_000)} }}`],
    ['blocks', `${'{{if 1}}'.repeat(50_000)}${'{{end}}'.repeat(50_000)}`],
    ['else if', `{{if 0}}${'{{else if 0}}'.repeat(50_000)}{{end}}`],
    ['fields', `{{ .Labels${'.a'.repeat(100_000)} }}`],
    [
      'a template that calls itself twice',
      '{{ define "x" }}{{ template "x" }}{{ template "x" }}{{ end }}{{ template "x" }}',
    ],
    ['loops in loops', `${'{{ range 1000 }}'.repeat(20)}x${'{{ end }}'.repeat(20)}`],
    ['a loop without end', '{{ range 9223372036854775807 }}{{ end }}'],
    ['much text', '{{ range 1000000 }}{{ printf "%100000d" 1 }}{{ end }}'],
  ])('%s have a bound', (_what, source) => {
    expect(() => compileTemplate('t', source).execute(data)).toThrow(TemplateError);
  });
});

describe('in turns of the event loop', () => {
  test('a long template lets others run, and writes what it writes at once', async () => {
    const source = `{{ define "odd" }}{{ range . }}{{ if gt . 6 }}{{ break }}{{ end }}{{ if eq . 3 }}{{ continue }}{{ end }}{{ . }}{{ end }}{{ end -}}
{{ $sum := 0 }}{{ range $i := 500 }}{{ $sum = $i }}{{ template "odd" 9 }}{{ with $i }}+{{ else }}-{{ end }}{{ end }}{{ $sum }}`;
    const template = compileTemplate('t', source);
    const atOnce = template.execute(data);
    const { value, rounds } = await roundsOf(() => template.executeInTurns(data));
    expect(value).toBe(atOnce);
    expect(atOnce).toMatch(/^012456-012456\+.*499$/s);
    expect(rounds).toBeGreaterThan(10);
  });

  test('what fails in a later turn fails with its place', async () => {
    const template = compileTemplate('t', '{{ range 1000 }}{{ if eq . 999 }}{{ .x }}{{ end }}{{ end }}');
    await expect(template.executeInTurns(data)).rejects.toThrow("can't evaluate field x in type int");
    expect(() => template.execute(data)).toThrow("can't evaluate field x in type int");
  });
});
