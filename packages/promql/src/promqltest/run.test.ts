import { describe, expect, test } from 'vitest';
import { runTestFile } from './run.ts';

const LOAD = 'load 1m\n  a{x="1"} 1 2 3\n  a{x="2"} 10 20 30\n  b_total 0+60x10\n\n';

/** What is told of the only failing eval of a script. */
async function failureOf(evaluation: string) {
  const { failed, passed } = await runTestFile(LOAD + evaluation);
  expect([passed, failed.length]).toEqual([0, 1]);
  return failed[0];
}

describe('a failing eval is told', () => {
  test('with its line, and point by point', async () => {
    const failure = await failureOf('eval range from 0 to 2m step 1m a\n  a{x="1"} 1 5 _\n  a{x="3"} 1x2\n');
    expect(failure).toMatchObject({ line: 6, expr: 'a', check: '', reason: '3 series differ' });
    expect(failure.rows).toEqual([
      { series: 'a{x="1"}', at: '1m', expected: '5', got: '2' },
      { series: 'a{x="1"}', at: '2m', expected: 'no point', got: '3' },
      { series: 'a{x="3"}', at: '', expected: '1 1 1', got: 'no such series' },
      { series: 'a{x="2"}', at: '', expected: 'no such series', got: '10 20 30' },
    ]);
  });

  test.each([
    ['eval instant at 1m a\n  expect ordered\n  a{x="2"} 20\n  a{x="1"} 2', 'another order'],
    ['eval instant at 1m 1 + 1\n  3', 'another scalar'],
    ['eval instant at 1m 1 + 1\n  {} 2', 'expected a vector or a range vector, got a scalar'],
    ['eval instant at 1m a\n  2', 'expected something else, got a vector'],
    ['eval instant at 1m "x"\n  expect string `y`', 'another string'],
    ['eval instant at 1m a{x="1"}\n  a{x="1"} stale', '1 series differ'],
    ['eval range from 0 to 1m step 1m 1\n  1', 'expected something else, got a matrix'],
    ['eval instant at 1m a\n  expect fail', 'expected an error, got none'],
    ['eval instant at 1m a + on () a\n  expect fail msg: other', 'another error'],
    ['eval_fail instant at 1m a + on () a\n  expected_fail_regexp ^found\\d', 'another error'],
    ['eval instant at 1m a + on () a', 'found duplicate series for the match group {} on the right hand-side'],
    ['eval_warn instant at 1m b_total\n  b_total 60', 'expected warn annotations, got none'],
    ['eval instant at 2m rate(a{x="1"}[5m])\n  expect no_info\n  {x="1"} 0.01', '1 series differ'],
    [
      'eval instant at 2m rate(a{x="9"}[5m]) or rate(a{x="1"}[3m])\n  expect no_info\n  {x="1"} 0.016666667',
      'expected no info annotation',
    ],
    ['eval instant at 2m rate(a{x="1"}[5m])\n  expect info msg: no\n  {x="1"} 0.01', '1 series differ'],
  ])('%j: %s', async (evaluation, reason) => {
    expect((await failureOf(evaluation)).reason).toContain(reason);
  });
});

describe('forms of expectations that hold', () => {
  test.each([
    'eval instant at 1m a{x="1"}\n  a{x="1"} 2.0000001',
    'eval instant at 1m a{x="1"}\n\ta{x="1"}   2\n# a comment ends the body\n',
    'eval instant at 1m 31\n  0x1F\neval instant at 1m 8\n  010\neval instant at 1m -Inf\n  -inf',
    'eval instant at 1m "a\\nb"\n  expect string "a\\nb"',
    'eval instant at 1m a + on () a\n  expect fail regex: ^found duplicate series',
    'eval_fail range from 0 to 1m step 1m a + on () a',
    'eval_ordered instant at 1m sort_desc(a)\n  a{x="2"} 20\n  a{x="1"} 2',
    'eval_info instant at 2m rate(a{x="1"}[3m])\n  {x="1"} 0.016666667',
    'eval instant at 1m a{x="1"}[2m]\n  expect range vector from 0 to 1m step 1m\n  a{x="1"} 1 2',
    'eval instant at 9m a{x="1"}[2m]\n  expect range vector from 0 to 1m step 1m\n  a{x="1"} 1 2',
    'load 1m\n  expect 7\n\neval instant at 0 expect\n  expect{} 7',
    'load 1m\n  c 1\n  c 2\n\neval instant at 0 c\n  c 2',
    'clear\n\neval instant at 1m a',
    'CLEAR\n\neval range from 0 to 1m step 1m a',
  ])('%j', async (script) => {
    const result = await runTestFile(LOAD + script);
    expect(result.failed).toEqual([]);
    expect(result.passed).toBeGreaterThan(0);
  });
});

test('a histogram is compared with its counter reset hint only where that is written', async () => {
  const script = (hint: string) =>
    `load 1m\n  h {{count:1 sum:2 buckets:[1]}}\n\neval instant at 0 h\n  h {{count:1 sum:2 buckets:[1 0]${hint}}}\n`;
  expect(await runTestFile(script(''))).toMatchObject({ passed: 1, failed: [] });
  const { failed } = await runTestFile(script(' counter_reset_hint:gauge'));
  expect(failed[0].rows).toEqual([
    {
      series: 'h',
      at: '',
      expected: '{{count:1 sum:2 counter_reset_hint:gauge buckets:[1]}}',
      got: '{{count:1 sum:2 buckets:[1]}}',
    },
  ]);
});

test('after a load that fails nothing is run up to the next clear', async () => {
  const bad = 'load_with_nhcb 1m\n  h_bucket{le="1"} 5\n  h_bucket{le="+Inf"} 3\n\n';
  const { passed, failed, notRun } = await runTestFile(
    `${bad}eval instant at 0 h_bucket\n\neval instant at 0 1\n  1\n\nclear\n\neval instant at 0 1\n  1\n`,
  );
  expect(passed).toBe(1);
  expect(failed).toEqual([{ line: 1, expr: 'load_with_nhcb', check: '', reason: expect.any(String), rows: [] }]);
  expect(notRun).toEqual([
    { line: 5, expr: 'h_bucket', reason: 'the load at line 1 failed' },
    { line: 7, expr: '1', reason: 'the load at line 1 failed' },
  ]);
});
