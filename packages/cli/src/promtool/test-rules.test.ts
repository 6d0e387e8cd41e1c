import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ours, promtoolIsMissing, theirs } from './promtool-fixture.ts';

const FIXTURES = new URL('testdata/rule-tests/', import.meta.url).pathname;
const files = readdirSync(FIXTURES).filter((name) => /^(?:pass|fail)-/.test(name));

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'test-rules-'));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe('each way in which a test can pass or fail', () => {
  test.each(files)('%s', async (name) => {
    const { code, err } = await ours('test', 'rules', join(FIXTURES, name));
    expect(code, err).toBe(name.startsWith('pass-') ? 0 : 1);
  });

  test.skipIf(promtoolIsMissing)('promtool says the same of each (skipped where it is missing)', () => {
    const verdicts = files.map((name) => [name, theirs('test', 'rules', join(FIXTURES, name)).code]);
    expect(verdicts).toEqual(files.map((name) => [name, name.startsWith('pass-') ? 0 : 1]));
  });
});

describe('of Prometheus 3', () => {
  const test3 = (body: string) => `fuzzy_compare: true\ntests:\n${body}`;

  test.each([
    [
      'values that are neighbours are equal with fuzzy_compare',
      "  - promql_expr_test: [{expr: '0.1 + 0.2', eval_time: 0, exp_samples: [{labels: '', value: 0.3}]}]\n",
      0,
    ],
    [
      'and no others',
      "  - promql_expr_test: [{expr: '0.1 + 0.2', eval_time: 0, exp_samples: [{labels: '', value: 0.300000000001}]}]\n",
      1,
    ],
    [
      'start_timestamp as a date',
      "  - start_timestamp: 2024-01-01T00:00:00Z\n    promql_expr_test: [{expr: 'time()', eval_time: 1m, exp_samples: [{value: 1704067260}]}]\n",
      0,
    ],
    [
      'start_timestamp in seconds',
      "  - start_timestamp: 100\n    input_series: [{series: a, values: '1 2 3'}]\n    promql_expr_test: [{expr: 'a', eval_time: 1m, exp_samples: [{labels: a, value: 2}]}]\n",
      0,
    ],
    [
      'histograms',
      "  - input_series: [{series: a, values: '{{schema:0 count:3 sum:5 buckets:[1 2]}}'}]\n    promql_expr_test: [{expr: 'a', eval_time: 0, exp_samples: [{labels: a, histogram: '{{count:3 sum:5 buckets:[1 2]}}'}]}]\n",
      0,
    ],
    [
      'histograms that differ',
      "  - input_series: [{series: a, values: '{{schema:0 count:3 sum:5 buckets:[1 2]}}'}]\n    promql_expr_test: [{expr: 'a', eval_time: 0, exp_samples: [{labels: a, histogram: '{{count:3 sum:5 buckets:[2 1]}}'}]}]\n",
      1,
    ],
  ])('%s', async (_what, body, code) => {
    const file = join(directory, 'test.yml');
    writeFileSync(file, test3(body));
    const result = await ours('test', 'rules', file);
    expect(result.code, result.err).toBe(code);
  });
});

test('a failure is told as upstream tells it', async () => {
  const { out, err } = await ours('test', 'rules', join(FIXTURES, 'fail-annotation.yml'));
  expect(out).toBe(`Unit Testing:  ${join(FIXTURES, 'fail-annotation.yml')}\n\n\n`);
  expect(err).toBe(`  FAILED:
    alertname: Down, time: 5m, 
        exp:[
            0:
              Labels:{alertname="Down", instance="x", job="a", severity="page", zone="lab"}
              Annotations:{link="http://p", summary="x is down (1)"}
            ], 
        got:[
            0:
              Labels:{alertname="Down", instance="x", job="a", severity="page", zone="lab"}
              Annotations:{link="http://p", summary="x is down (0)"}
            ]
`);
});

test('--diff shows in colours what differs', async () => {
  const { err } = await ours('test', 'rules', '--diff', join(FIXTURES, 'fail-annotation.yml'));
  expect(err).toContain('\x1b[0;31m-             "summary": "x is down (1)"\x1b[0m');
  expect(err).toContain('\x1b[0;32m+             "summary": "x is down (0)"\x1b[0m');
});

test('--junit writes each test', async () => {
  const file = join(directory, 'junit.xml');
  const names = ['pass-record.yml', 'fail-value.yml', 'fail-unknown-field.yml'].map((name) => join(FIXTURES, name));
  expect((await ours('test', '--junit', file, 'rules', ...names)).code).toBe(1);
  const xml = readFileSync(file, 'utf8')
    .replaceAll(FIXTURES, '')
    .replaceAll(/timestamp="[^"]+"/g, 'timestamp="T"');
  expect(xml).toBe(
    '<testsuites><testsuite name="pass-record.yml" tests="1" failures="0" errors="0" skipped="0" timestamp="T">' +
      '<testcase name="unnamed#0"></testcase></testsuite>' +
      '<testsuite name="fail-value.yml" tests="1" failures="1" errors="0" skipped="0" timestamp="T">' +
      '<testcase name="unnamed#0"><failure>    expr: &#34;job:up:sum&#34;, time: 4m,&#xA;        exp: {__name__=&#34;job:up:sum&#34;, job=&#34;a&#34;} 2E+00&#xA;        got: {__name__=&#34;job:up:sum&#34;, job=&#34;a&#34;} 1E+00</failure></testcase></testsuite>' +
      '<testsuite name="fail-unknown-field.yml" tests="1" failures="0" errors="1" skipped="0" timestamp="">' +
      '<testcase name="unknown"><error>yaml: unmarshal errors:&#xA;  line 3: field foo not found in type main.unitTestFile</error></testcase></testsuite></testsuites>',
  );
});

test('--run picks test groups by name', async () => {
  const file = join(directory, 'test.yml');
  const failing = (name: string) => `  - name: ${name}\n    promql_expr_test: [{expr: '1', eval_time: 0}]\n`;
  writeFileSync(file, `tests:\n${failing('one')}${failing('two')}${failing('other')}`);
  expect((await ours('test', 'rules', file)).err.match(/expr:/g)?.length).toBe(3);
  expect((await ours('test', 'rules', '--run', '^t', '--run=her$', file)).err.match(/expr:/g)?.length).toBe(2);
  expect((await ours('test', 'rules', '--run=none', file)).code).toBe(0);
  expect((await ours('test', 'rules', '--run=(', file)).err).toContain('promtool: error: --run:');
});

test('--coverage names what no test looks at', async () => {
  const file = join(FIXTURES, 'pass-alert-fires.yml');
  const { out, code } = await ours('test', 'rules', '--coverage', file);
  expect(code).toBe(0);
  expect(out).toContain(`Coverage: 1 of 4 rules are tested (25.0 %)
  ${join(FIXTURES, 'rules.yml')}; group alerts
    alert Down: no test says when it does not fire
    alert Kept: not tested
  ${join(FIXTURES, 'rules.yml')}; group records
    record job:up:sum: not tested
    record job:up:double: not tested
`);
});

test('--debug tells of each test and dumps its data', async () => {
  const { err } = await ours('test', 'rules', '--debug', join(FIXTURES, 'pass-record.yml'));
  expect(err).toMatch(/^DEBUG: Starting test unnamed#0\nDEBUG: Dump of all data \(input_series and rules\) at 4m1s:\n/);
  expect(err).toContain('{__name__="job:up:double", job="a"} =>\n4 @[60000]\n2 @[120000]');
});

test('a pattern that matches no file is a warning, or with our flag a failure', async () => {
  const file = join(FIXTURES, 'pass-no-file-matches.yml');
  expect((await ours('test', 'rules', file)).err).toBe(
    `  WARNING: no file match pattern ${join(FIXTURES, 'nothing*.yml')}\n`,
  );
  expect(await ours('test', 'rules', '--fail-on-missing-files', file)).toMatchObject({ code: 1 });
});
