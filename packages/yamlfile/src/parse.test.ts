import { expect, test } from 'vitest';
import { z } from 'zod';
import { parseYaml, readYamlFile } from './parse.ts';
import { durationMs } from './schemas.ts';

const schema = z.strictObject({
  global: z.strictObject({ interval: durationMs.optional() }).optional(),
  jobs: z.array(z.strictObject({ name: z.string() })).default([]),
});

test.each([
  ['global:\n  intervall: 5s\n', 'x.yml:2: global.intervall: unknown key'],
  ['global:\n  interval: 5 s\n', 'x.yml:2: global.interval: unknown unit " s" in duration "5 s"'],
  ['jobs:\n  - name: a\n  - nam: b\n', 'x.yml:3: jobs[1].nam: unknown key'],
  ['jobs:\n  - name: a\n    name: b\n', 'x.yml:3: Map keys must be unique'],
  ['jobs: [\n', 'x.yml:2:'],
  ['jobs: []\n!!binary "/w==": a\n', 'x.yml:2: a key must be text, not binary data'],
])('%j', (text, message) => {
  expect(() => parseYaml('x.yml', text, schema)).toThrow(message);
});

const NINE = Array.from({ length: 9 }, (_, i) => i);

test.each([
  ['jobs: &a [*a]\n', "x.yml:1: anchor 'a' value contains itself"],
  ['global: {<<: 5}\n', 'x.yml: Merge sources must be maps'],
  ['global: {}\njobs: [*nope]\n', "x.yml:2: unknown anchor 'nope' referenced"],
  [
    `a0: &a0 [x]\n${NINE.map((i) => `a${i + 1}: &a${i + 1} [${NINE.map(() => `*a${i}`)}]\n`).join('')}`,
    'x.yml: document contains excessive aliasing',
  ],
])('aliases that lead nowhere, in circles or too far: %j', (text, message) => {
  expect(() => parseYaml('x.yml', text, schema)).toThrow(message);
});

test('an alias stands for what it names, which a later anchor may replace', () => {
  const text = 'jobs: [{name: &a one}, {name: *a}, {name: &a two}, {name: *a}]\n';
  expect(parseYaml('x.yml', text, schema).jobs.map(({ name }) => name)).toEqual(['one', 'one', 'two', 'two']);
});

test('all problems are told at once', () => {
  expect(() => parseYaml('x.yml', 'a: 1\nb: 2\n', schema)).toThrow('x.yml:1: a: unknown key; x.yml:2: b: unknown key');
});

test('an empty file is an empty mapping', () => {
  expect(parseYaml('x.yml', '# nothing\n', schema)).toEqual({ jobs: [] });
});

test('a missing file is named', async () => {
  await expect(readYamlFile('no/such.yml', schema)).rejects.toThrow('no/such.yml: no such file');
});

test('keys and labels stay as they are written', () => {
  const labels = z.object({ labels: z.record(z.string(), z.string()), count: z.number() });
  expect(parseYaml('x.yml', 'labels: {1.10: 1.10, on: yes, quoted: "no"}\ncount: 010\n', labels)).toEqual({
    labels: { '1.10': '1.10', on: 'yes', quoted: 'no' },
    count: 8,
  });
});

test.each([
  ['jobs: [{name: a}]\n---\njobs: [{name: b}]\n', ['a']],
  ['---\njobs: [{name: a}]\n...\n---\n[ not: yaml: }\n', ['a']],
  ['---\n---\njobs: [{name: b}]\n', []],
])('of several documents the first counts: %j', (text, names) => {
  expect(parseYaml('x.yml', text, schema).jobs.map(({ name }) => name)).toEqual(names);
});

test('what is wrong with the first of several documents is still told', () => {
  expect(() => parseYaml('x.yml', 'job: []\n---\njobs: []\n', schema)).toThrow('x.yml:1: job: unknown key');
});

test('which scalars are texts can be said; keys and dates always are', () => {
  const text = 'a: 1.10\nb: 1.10\nc: {2024-01-02: 2024-01-02}\n';
  const parsed = parseYaml('x.yml', text, z.unknown(), (keys) => keys[0] === 'a');
  expect(parsed).toEqual({ a: '1.10', b: 1.1, c: { '2024-01-02': '2024-01-02' } });
});
