import { expect, test } from 'vitest';
import { TemplateSet } from './template.ts';
import { SafeHtml, SafeUrl } from './values.ts';

const data = {
  x: `<b>"a'&`,
  js: 'javascript:alert(1)',
  url: 'https://a.test/p?q=a b&c="d"#f',
  n: 1n,
  spaced: 'a b=c',
  colour: 'red',
  bad: 'red;x:y',
  empty: '',
};
const functions = {
  safeHtml: (text: string) => new SafeHtml(text),
  safeUrl: (text: string) => new SafeUrl(text),
};
const ESCAPED = '&lt;b&gt;&#34;a&#39;&amp;';

// What Go 1.26's html/template writes for the same, where the title does not say otherwise.
test.each([
  ['<p>{{ .x }}</p>', `<p>${ESCAPED}</p>`],
  ['<p title="{{ .x }}">', `<p title="${ESCAPED}">`],
  ['<p title={{ .spaced }}>', '<p title=a&#32;b&#61;c>'],
  ['<p title={{ .empty }}>', '<p title=ZgotmplZ>'],
  ['<a href="{{ .js }}">', '<a href="#ZgotmplZ">'],
  ['<a href=" {{ .js }}">', '<a href=" #ZgotmplZ">'],
  ['<a xlink:href="{{ .js }}">', '<a xlink:href="#ZgotmplZ">'],
  ['<p data-url="{{ .js }}">', '<p data-url="#ZgotmplZ">'],
  ['<a href="{{ .url }}">', '<a href="https://a.test/p?q=a%20b&amp;c=%22d%22#f">'],
  ['<a href="/?q={{ .url }}">', '<a href="/?q=https%3a%2f%2fa.test%2fp%3fq%3da%20b%26c%3d%22d%22%23f">'],
  ['<a href="/?q={{ .x | urlquery }}">', '<a href="/?q=%3Cb%3E%22a%27%26">'],
  ['<a href="{{ safeUrl .js }}">', '<a href="javascript:alert%281%29">'],
  ['<p>{{ safeHtml .x }}</p>', `<p>${data.x}</p>`],
  ['<p title="{{ safeHtml .x }}">', '<p title="&#34;a&#39;&">'],
  ['{{ .x | html }}', ESCAPED],
  ['<p style="color:{{ .colour }}">', '<p style="color:red">'],
  ['<p style="color:{{ .bad }}">', '<p style="color:ZgotmplZ">'],
  ['<title>{{ .x }}</title><p>{{ .x }}', `<title>${ESCAPED}</title><p>${ESCAPED}`],
  ['a<!-- {{ .x }} -->b<p title="<!-- kept -->">', 'ab<p title="<!-- kept -->">'],
  ['<p {{ .colour }}="x" {{ .js }}>', '<p red="x" ZgotmplZ>'],
  [
    '{{ define "b" }}<a href="{{ . }}">{{ . }}</a>{{ end }}{{ template "b" .js }}',
    '<a href="#ZgotmplZ">javascript:alert(1)</a>',
  ],
  ['<a href="{{ .n }}:{{ .js }}">', '<a href="1:javascript:alert%281%29">'],
  ['<p title="a>b" class="{{ .x }}">', `<p title="a>b" class="${ESCAPED}">`],
  ['<STYLE>p{}</STYLE>{{ .x }}', `<STYLE>p{}</STYLE>${ESCAPED}`],
  ['<p>{{ .missing }}|', '<p>|'],
])('%s', (source, expected) => {
  expect(new TemplateSet(functions, { html: true }).compile('t', source).execute(data)).toBe(expected);
});

test.each([
  '<script>var x = {{ .x }}</script>',
  '<style>p { color: {{ .colour }} }</style>',
  '<p onclick="f({{ .x }})">',
  '<img srcset="{{ .url }}">',
  '<s{{ .colour }}>',
  '<{{ .colour }}>',
])('a value that could run is refused: %s', (source) => {
  const written = new TemplateSet(functions, { html: true }).compile('t', source).execute(data);
  expect(written).toBe(source.replace(/\{\{.*\}\}/, 'ZgotmplZ'));
});
