import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DayFiles } from './day-files.ts';

const DAY = 86_400_000;
const HOUR = 3_600_000;
const NOW = Date.parse('2026-11-23T07:00:00Z');
let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'day-files-'));
  for (const name of [
    '2026-11-19.jsonl',
    '2026-11-20.jsonl',
    '2026-11-20.1.jsonl',
    '2026-11-22.jsonl',
    'running.jsonl',
  ])
    writeFileSync(join(directory, name), '{}\n');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe('the retention', () => {
  const left = async (...looks: readonly number[]): Promise<string[]> => {
    const files = new DayFiles(directory);
    for (const now of looks) await files.removeExpired(now, 2 * DAY);
    return readdirSync(directory)
      .filter((name) => name.startsWith('2026'))
      .map((name) => name.slice(8, -'.jsonl'.length))
      .sort();
  };

  test.each<[string, readonly number[], readonly string[]]>([
    ['removes what two looks an hour apart find too old', [NOW, NOW + HOUR], ['22']],
    ['waits for the hour', [NOW, NOW + HOUR - 1], ['19', '20', '20.1', '22']],
    ['waits for the second look', [NOW + 3 * 365 * DAY], ['19', '20', '20.1', '22']],
    [
      'forgets a jump of the clock that was put right',
      [NOW + 365 * DAY, NOW - 3 * DAY, NOW + 365 * DAY],
      ['19', '20', '20.1', '22'],
    ],
    ['takes what was too old before a jump', [NOW - 2 * DAY, NOW - DAY, NOW - DAY + 365 * DAY], ['20', '20.1', '22']],
  ])('%s', async (_what, looks, days) => {
    expect(await left(...looks)).toEqual(days);
  });
});
