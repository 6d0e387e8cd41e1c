import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { runTestFile } from './run.ts';

const UPSTREAM = new URL('../../../../../shared/conformance/promqltest/', import.meta.url);
const OURS = new URL('../testdata/', import.meta.url);

/**
 * Evals that pass, per file: a floor that only goes up. What is short of a file's total needs native histograms unless a
 * reason is given; those are reported as not run, by name, and none may fail.
 */
const PASSING: Readonly<Record<string, number>> = {
  'aggregators.test': 94,
  'at_modifier.test': 55,
  'collision.test': 2,
  'duration_expression.test': 44,
  'fill-modifier.test': 32,
  'functions.test': 255,
  'histograms.test': 67,
  'limit.test': 10,
  'literals.test': 16,
  'name_label_dropping.test': 20,
  'operators.test': 104,
  'range_queries.test': 14,
  'selectors.test': 20,
  'staleness.test': 11,
  'subquery.test': 24,
  'trig_functions.test': 12,
  'type_and_unit.test': 38,
};

/** Files about a part of the language that is still to come. */
const NOT_YET: Readonly<Record<string, string>> = {
  'extended_vectors.test': 'anchored and smoothed selectors',
  'info.test': 'info()',
  'native_histograms.test': 'native histograms',
  'start_timestamps.test': 'start timestamps',
};

const there = existsSync(UPSTREAM);

describe.skipIf(!there)('upstream promqltest files (skipped where ../shared/conformance is missing)', () => {
  for (const [file, floor] of Object.entries(PASSING)) {
    test(file, async () => {
      const result = await runTestFile(readFileSync(new URL(file, UPSTREAM), 'utf8'));
      expect(result.failed).toEqual([]);
      expect(result.passed).toBeGreaterThanOrEqual(floor);
    });
  }

  for (const [file, reason] of Object.entries(NOT_YET)) {
    test(`${file} needs ${reason}: nothing fails otherwise`, async () => {
      const result = await runTestFile(readFileSync(new URL(file, UPSTREAM), 'utf8'));
      expect(result.failed).toEqual([]);
    });
  }

  test('no file is forgotten', () => {
    const files = readdirSync(UPSTREAM).filter((name) => name.endsWith('.test'));
    expect(files.filter((name) => !(name in PASSING) && !(name in NOT_YET))).toEqual([]);
  });
});

describe('our own test scripts', () => {
  for (const file of readdirSync(OURS)) {
    test(file, async () => {
      const result = await runTestFile(readFileSync(new URL(file, OURS), 'utf8'));
      expect({ failed: result.failed, notRun: result.notRun }).toEqual({ failed: [], notRun: [] });
      expect(result.passed).toBeGreaterThan(0);
    });
  }
});

test('a failing eval is reported with its line, expected and got', async () => {
  const result = await runTestFile('load 1m\n  a 1 2\n\neval instant at 1m a\n  a 3\n');
  expect(result.failed).toEqual([{ line: 4, expr: 'a', reason: 'a: expected 0:3, got 0:2' }]);
});

test('an invalid script is an error with its line', async () => {
  await expect(runTestFile('load 1m\n  a 1\n\nevaluate this\n')).rejects.toThrow(/^line 4: /);
});
