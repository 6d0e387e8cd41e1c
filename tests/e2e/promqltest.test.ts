import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isBuilt } from '../support/stack.ts';

const command = fileURLToPath(new URL('../../packages/cli/bin/avalanche.mjs', import.meta.url));

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'promqltest-'));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** Runs the command over files of these contents, named a.test, b.test …, in their directory. */
function promqltest(...contents: readonly string[]) {
  const files = contents.map((content, i) => {
    const name = `${'abc'[i]}.test`;
    writeFileSync(join(directory, name), content);
    return name;
  });
  return run(...files);
}

function run(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [command, 'promqltest', ...args], {
    cwd: directory,
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

const GOOD = 'load 1m\n  a{x="1"} 1 2\n\neval instant at 1m a\n  a{x="1"} 2\n';

describe.skipIf(!isBuilt)('avalanche promqltest (skipped where the command is not built)', () => {
  test('counts what passes, and ends well', () => {
    expect(promqltest(GOOD, GOOD)).toEqual({ status: 0, stdout: '2 passed, 0 failed, 0 not run\n', stderr: '' });
  });

  test('prints each failing eval as a table, what was not run, and the count', () => {
    const script = `load 1m
  a{x="1"} 1 2
  a{x="long"} 10 20

eval range from 0 to 1m step 1m a
  a{x="1"} 1 3
  a{x="long"} 10 20

eval instant at 1m sum(a)
  {} 22

eval instant at 1m a == 5
  a{x="1"} 5

load_with_nhcb 1m
  h_bucket{le="1"} 5
  h_bucket{le="+Inf"} 3

eval instant at 1m h
`;
    expect(promqltest(script)).toEqual({
      status: 1,
      stdout: `a.test:5: a
  1 series differ
    series    at  expected  got
    a{x="1"}  1m  3         2

a.test:12: a == 5
  1 series differ
    series    expected  got
    a{x="1"}  5         no such series

a.test:15: load_with_nhcb
  count is not cumulative: 3 < 5

a.test: 1 not run: the load at line 15 failed (line 19)
1 passed, 3 failed, 1 not run
`,
      stderr: '',
    });
  });

  test('an invalid file is told with its line, and the others are run', () => {
    expect(promqltest('load 1m\n  a 1\n\neval instant at 0 sum(\n', GOOD)).toEqual({
      status: 1,
      stdout: '1 passed, 0 failed, 0 not run, 1 file invalid\n',
      stderr: expect.stringMatching(/^a\.test:4: parse error at column 23: .*\n$/),
    });
    expect(run('missing.test').stderr).toBe('open missing.test: no such file or directory\n');
    expect(run('.').stderr).toBe('.: read: illegal operation on a directory\n');
  });

  test('usage', () => {
    expect(run()).toMatchObject({ status: 1, stderr: 'avalanche: promqltest needs at least one file, try --help\n' });
    expect(run('--all').status).toBe(1);
    expect(run('--help')).toMatchObject({ status: 0, stdout: expect.stringContaining('promqltest FILE...') });
  });
});
