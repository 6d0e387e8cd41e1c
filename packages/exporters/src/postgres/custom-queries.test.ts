import { appendFileSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FamilyWriter } from '@avalanche/exposition';
import { silentLogger } from '@avalanche/model';
import { expect, test } from 'vitest';
import type { Answer } from './connection.ts';
import { parseQueries, QueriesFile } from './custom-queries.ts';
import { writeCustom } from './custom-write.ts';
import { inVersionRange } from './version-range.ts';

const FILE = `
pg_jobs:
  query: |
    SELECT 1
  master: true
  cache_seconds: 30
  runonserver: ">=10.0.0 <16.0.0"
  metrics:
    - kind:
        usage: LABEL
        description: Kind of job
    - done:
        usage: COUNTER
        description: Jobs done
    - wait:
        usage: DURATION
        description: Wait
    - state:
        usage: MAPPEDMETRIC
        description: State
        metric_mapping: {idle: 0, busy: 1}
    - ignored:
        usage: DISCARD
        description: ''
    - seconds:
        usage: HISTOGRAM
        description: Seconds of jobs
`;
const TEXT = 25;
const TIMESTAMPTZ = 1184;
const BOOL = 16;

function written(columns: Record<string, readonly [number, string | null]>): { text: string; problems: string[] } {
  const [query] = parseQueries('queries.yaml', FILE);
  const answer: Answer = {
    columns: Object.entries(columns).map(([name, [dataTypeID]]) => ({ name, dataTypeID })),
    rows: [Object.values(columns).map(([, value]) => value)],
  };
  const families = new FamilyWriter();
  const target = { labels: { server: 'db:5432' }, metricPrefix: 'my', version: 150_000, seen: new Set<string>() };
  const problems = writeCustom(query, answer, target, families);
  return { text: families.text(), problems };
}

test('each usage of a column', () => {
  const { text, problems } = written({
    kind: [TEXT, 'a "b"'],
    done: [20, '9007199254740993'],
    wait: [TEXT, '1m30s'],
    state: [TEXT, 'busy'],
    ignored: [TEXT, 'x'],
    seconds: [1016, '{1,5}'],
    seconds_bucket: [1016, '{2,3}'],
    seconds_sum: [701, '7.5'],
    seconds_count: [20, '4'],
    unknown: [TEXT, '3'],
    seen_at: [TIMESTAMPTZ, '2026-11-23 06:00:00.5+00'],
    on: [BOOL, 't'],
    nothing: [20, null],
    word: [TEXT, 'word'],
  });
  expect(text.replace(/^#.*\n/gm, '')).toBe(
    [
      'my_jobs_done{kind="a \\"b\\"",server="db:5432"} 9007199254740992',
      'my_jobs_nothing{kind="a \\"b\\"",server="db:5432"} NaN',
      'my_jobs_on{kind="a \\"b\\"",server="db:5432"} 1',
      'my_jobs_seconds_bucket{kind="a \\"b\\"",server="db:5432",le="1"} 2',
      'my_jobs_seconds_bucket{kind="a \\"b\\"",server="db:5432",le="5"} 3',
      'my_jobs_seconds_bucket{kind="a \\"b\\"",server="db:5432",le="+Inf"} 4',
      'my_jobs_seconds_sum{kind="a \\"b\\"",server="db:5432"} 7.5',
      'my_jobs_seconds_count{kind="a \\"b\\"",server="db:5432"} 4',
      'my_jobs_seen_at{kind="a \\"b\\"",server="db:5432"} 1795413600',
      'my_jobs_state{kind="a \\"b\\"",server="db:5432"} 1',
      'my_jobs_unknown{kind="a \\"b\\"",server="db:5432"} 3',
      'my_jobs_wait_milliseconds{kind="a \\"b\\"",server="db:5432"} 90000',
      '',
    ].join('\n'),
  );
  expect(text).toContain('# TYPE my_jobs_unknown untyped');
  expect(problems).toEqual(['column word is no number']);
});

test.each([
  ['a: {query: SELECT 1, metrics: [{x: {usage: GUAGE}}]}', 'queries.yaml:1: a.metrics[0].x.usage'],
  ['a:\n  query: SELECT 1\n  runonserver: "newer"', 'queries.yaml:3: a.runonserver'],
  ['a: [', 'queries.yaml:1'],
])('%s is an error with its place', (text, message) => {
  expect(() => parseQueries('queries.yaml', text)).toThrow(message);
});

test('a file that is broken later keeps what was there, and says so', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'queries-'));
  const file = join(directory, 'queries.yaml');
  try {
    writeFileSync(file, FILE);
    const queries = new QueriesFile(file, silentLogger);
    await queries.refresh();
    expect([queries.failed, queries.queries.length, queries.hash.length]).toEqual([false, 1, 64]);
    appendFileSync(file, '\nbroken: [');
    utimesSync(file, 1, 1);
    await queries.refresh();
    expect([queries.failed, queries.queries.length]).toEqual([true, 1]);
    rmSync(file);
    await queries.refresh();
    expect([queries.failed, queries.queries.length, queries.hash]).toEqual([true, 1, '']);
    writeFileSync(file, FILE);
    await queries.refresh();
    expect(queries.failed).toBe(false);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test.each([
  [150_018, '>=10.0.0', true],
  [150_018, '>=10.0.0 <15.0.0', false],
  [150_018, '<10.0.0 || >= 15.1.0', true],
  [150_018, '15.x', true],
  [150_018, '!15.18.0', false],
  [130_002, '13.2.0', true],
  [130_002, '>13.2.0', false],
])('version %d in %s: %s', (version, range, expected) => {
  expect(inVersionRange(version, range)).toBe(expected);
});
