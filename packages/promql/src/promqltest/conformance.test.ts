import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { runTestFile } from './run.ts';

const UPSTREAM = new URL('../../../../../shared/conformance/promqltest/', import.meta.url);
const OURS = new URL('../testdata/', import.meta.url);

/** Evals that pass, per file: all there are, and so a floor that only goes up. */
const PASSING: Readonly<Record<string, number>> = {
  'aggregators.test': 120,
  'at_modifier.test': 55,
  'collision.test': 2,
  'duration_expression.test': 44,
  'extended_vectors.test': 112,
  'fill-modifier.test': 32,
  'functions.test': 298,
  'histograms.test': 120,
  'info.test': 37,
  'limit.test': 29,
  'literals.test': 16,
  'name_label_dropping.test': 20,
  'native_histograms.test': 362,
  'operators.test': 163,
  'range_queries.test': 14,
  'selectors.test': 20,
  'staleness.test': 11,
  'start_timestamps.test': 20,
  'subquery.test': 26,
  'trig_functions.test': 12,
  'type_and_unit.test': 38,
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

  test('no file is forgotten', () => {
    const files = readdirSync(UPSTREAM).filter((name) => name.endsWith('.test'));
    expect(files.filter((name) => !(name in PASSING))).toEqual([]);
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
