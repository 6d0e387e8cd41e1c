import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Labels, silentLogger } from '@avalanche/model';
import { startPrometheus } from '@avalanche/prometheus';
import { Tsdb } from '@avalanche/tsdb';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ours, promtoolIsMissing, START_MS, theirs } from './promtool-fixture.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'check-rules-'));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

function file(text: string, name = 'rules.yml'): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

const rule = (text: string) => `groups:\n  - name: g\n    rules:\n${text}`;
const GOOD = rule('      - record: a\n        expr: up\n      - alert: B\n        expr: up == 0\n');
const DUPLICATES = rule(`      - record: a
        expr: up
        labels: {x: y}
      - record: a
        expr: up * 2
        labels: {x: y}
      - alert: a
        expr: up * 2
        labels: {x: y}
`);

describe.skipIf(promtoolIsMissing)('beside promtool (skipped where it is missing)', () => {
  test.each([
    ['good rules', GOOD, []],
    ['no rules', '', []],
    ['duplicates', DUPLICATES, []],
    ['duplicates that are fatal', DUPLICATES, ['--lint-fatal']],
    ['duplicates that are not looked for', DUPLICATES, ['--lint=none', '--lint-fatal']],
    ['all lints', DUPLICATES, ['--lint=all', '--lint-fatal']],
    ['a bad expression', rule('      - record: a\n        expr: sum(\n'), []],
    ['a bad template', rule('      - alert: a\n        expr: up\n        labels: {a: "{{ .x"}\n'), ['--lint-fatal']],
    ['an unknown field', rule('      - alert: a\n        expr: up\n        foo: bar\n'), []],
    ['both names', rule('      - alert: a\n        record: b\n        expr: up\n'), []],
    ['a record with for', rule('      - record: a\n        for: 1m\n        expr: up\n'), []],
    ['a group twice', 'groups:\n  - name: g\n  - name: g\n', []],
    ['a group without a name', 'groups:\n  - rules: []\n', []],
  ])('%s', async (_what, text, flags) => {
    const path = file(text);
    const [mine, real] = [await ours('check', 'rules', ...flags, path), theirs('check', 'rules', ...flags, path)];
    // Promtool 2 prints an empty line more after a failure.
    expect({ code: mine.code, out: mine.out.trimEnd() }).toEqual({ code: real.code, out: real.out.trimEnd() });
    expect(mine.err === '').toBe(real.err === '');
  });
});

test('problems are told with file, place, group and rule', async () => {
  const path = file(rule('      - record: a\n        expr: sum(\n'));
  expect(await ours('check', 'rules', path)).toEqual({
    code: 1,
    out: `Checking ${path}\n`,
    err: `  FAILED:\n${path}: 5:15: group "g", rule 1, "a": could not parse expression: 1:5: parse error: unclosed left parenthesis\n`,
  });
});

test('duplicates of labels that the group gives are found, and unknown fields may be passed over', async () => {
  const text = `groups:
  - name: g
    labels: {x: y}
    owner: me
    rules:
      - {record: a, expr: up}
      - {record: a, expr: up, labels: {x: y}}
`;
  const path = file(text);
  expect((await ours('check', 'rules', path)).err).toContain('field owner not found in type rulefmt.RuleGroup');
  expect(await ours('check', 'rules', '--ignore-unknown-fields', path)).toEqual({
    code: 0,
    out: `Checking ${path}\n\n`,
    err: '  FAILED:\nlint error 1 duplicate rule(s) found.\nMetric: a\nLabel(s):\n\tx: y\nMight cause inconsistency while recording expressions\n',
  });
});

test('of several documents the first counts, and that is said', async () => {
  const path = file(`${GOOD}---\ngroups: 5\n`);
  const { code, out, err } = await ours('check', 'rules', path);
  expect({ code, out }).toEqual({ code: 0, out: `Checking ${path}\n  SUCCESS: 2 rules found\n\n` });
  expect(err).toBe(
    'WARNING: Multiple document yaml rules files are not supported, only the first document is processed\n',
  );
});

test('--live names every selector that matches nothing', async () => {
  const data = join(directory, 'data');
  const tsdb = await Tsdb.open({ directory: data });
  const appender = tsdb.appender();
  appender.append(appender.seriesRef(Labels.from({ __name__: 'up', job: 'node' })), START_MS - 60_000, 1);
  appender.commit();
  await tsdb.close();
  const server = await startPrometheus({
    configFile: file('{}', 'prometheus.yml'),
    directory: data,
    listen: { host: '127.0.0.1', port: 0 },
    logger: silentLogger,
    version: 'test',
  });
  try {
    const path = file(
      rule(`      - record: job:up
        expr: sum by (job) (up) / on () group_left () count(nodes{site!="x", job=~"a|b"} offset 5m)
      - alert: Gone
        expr: absent(up{job="db"}) or job:up == 0 or nodes{site!="x", job=~"a|b"} > 1
`),
    );
    const { code, out, err } = await ours('check', 'rules', '--live', server.url, path);
    expect({ code, out }).toEqual({ code: 0, out: `Checking ${path}\n  SUCCESS: 2 rules found\n\n` });
    expect(err).toBe(
      '  NO MATCH: nodes{site!="x",job=~"a|b"} (group "g", rule 1, "job:up"; group "g", rule 2, "Gone")\n' +
        '  NO MATCH: up{job="db"} (group "g", rule 2, "Gone")\n',
    );
    expect((await ours('check', 'rules', '--lint-fatal', `--live=${server.url}`, path)).code).toBe(3);
  } finally {
    await server.stop();
  }
});
