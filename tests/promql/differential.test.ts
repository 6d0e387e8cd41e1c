// Random queries over one block directory, here and in the real Prometheus. Debian's is 2.42: what 3.x does otherwise is
// kept out by the data and the words that the queries are made of, and what is left of it stands in `EXPLAINED`.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Labels } from '@avalanche/model';
import { Engine, type InstantResult } from '@avalanche/promql';
import { Tsdb } from '@avalanche/tsdb';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { QueryMaker, Random, type Vocabulary } from '../support/random-query.ts';
import { hasPrometheus } from '../support/real-prometheus.ts';
import { freePort } from '../support/services.ts';

const START_S = 1_700_000_000;
/**
 * Samples lie off the seconds that queries name, and both off the times of evaluation, which subqueries' steps are aligned
 * to: so it makes no difference that ranges of 2.42 are closed on the left.
 */
const SAMPLES_OFF_S = 3.5;
const EVALUATION_OFF_S = 0.25;
const COUNT = Number(process.env.DIFFERENTIAL_QUERIES ?? 400);
const SEED = Number(process.env.DIFFERENTIAL_SEED ?? 1);

const WORDS: Vocabulary = {
  gauges: ['g', 'g{job="a"}', 'gaps', 'up', '{__name__=~"g|up"}'],
  counters: ['c_total', 'c_total{instance=~"0|1"}', 'resetting_total'],
  buckets: ['h_bucket'],
  times: [START_S + 1000, START_S + 1800],
  modern: false,
};

/** What 3.x answers otherwise than 2.42: by the text of the query, and by that of the difference. */
const EXPLAINED: readonly { readonly query: RegExp; readonly found?: RegExp; readonly why: string }[] = [
  { query: / atan2 /, why: '2.42 keeps the metric name' },
  { query: /predict_linear\(.* @ /, why: '2.42 moves the window of `@` with the step' },
  { query: /timestamp\(\S+ offset \S+ @ /, why: 'Prometheus forgets the offset there, 3.x too' },
  { query: /(?:changes|resets)\(\(.*(?:sum|avg)/, why: 'sums of 2.42 are not compensated, so equal ones may differ' },
  {
    query: /(?:%|sin|cos|tan).*\^|\^.*%/,
    why: 'powers differ in the last bit, and a remainder or a sine makes much of it',
  },
  { query: /topk|bottomk/, why: '2.42 keeps others of equal samples' },
  { query: /\b(?:stddev|stdvar)\b/, found: /: 0 there, NaN here/, why: 'of a first NaN 2.42 says 0' },
  {
    query: / [!=<>]=? /,
    found: /^here: multiple matches for labels/,
    why: '2.42 minds only matches that the filter keeps',
  },
];

function isExplained(query: string, difference: string): boolean {
  return EXPLAINED.some(({ query: text, found }) => text.test(query) && (found?.test(difference) ?? true));
}

function openMetrics(): string {
  const random = new Random(99);
  const lines: string[] = [];
  const add = (name: string, labels: Record<string, string>, value: (i: number) => number | null): void => {
    const text = Object.entries(labels).map(([key, word]) => `${key}="${word}"`);
    for (let i = 0; i < 240; i++) {
      const v = value(i);
      if (v !== null) lines.push(`${name}{${text.join(',')}} ${v} ${START_S + i * 15 + SAMPLES_OFF_S}`);
    }
  };
  for (const job of ['a', 'b']) {
    for (const instance of ['0', '1', '2']) {
      let counter = 1e6;
      add('c_total', { job, instance }, () => (counter += random.below(40)));
      let falling = 1e6;
      add('resetting_total', { job, instance }, (i) => (falling = i % 83 === 82 ? 5e5 : falling + random.below(9)));
      add('g', { job, instance }, () => random.below(2000) / 16 - 40);
      add('gaps', { job, instance, code: '200' }, (i) => (i % 60 < 25 + Number(instance) ? random.below(64) : null));
      add('up', { job, instance }, () => (random.below(10) > 0 ? 1 : 0));
      let total = 0;
      const grown = Array.from({ length: 240 }, () => (total += random.below(20) * 16));
      for (const [le, share] of [
        ['0.25', 1 / 8],
        ['0.5', 1 / 4],
        ['1', 3 / 4],
        ['+Inf', 1],
      ] as const) {
        add('h_bucket', { job, instance, le }, (i) => grown[i] * share);
      }
    }
  }
  return `${lines.join('\n')}\n# EOF\n`;
}

interface Answer {
  readonly status: string;
  readonly error?: string;
  readonly data?: { readonly resultType: string; readonly result: readonly Record<string, unknown>[] };
}

/** A result as lines `LABELS TIME` with their values. */
type Points = Map<string, number>;

function pointsOf({ data }: Answer): Points {
  const points: Points = new Map();
  for (const { metric, value, values } of data?.result ?? []) {
    const labels = Labels.from(metric as Record<string, string>).toString();
    for (const [time, text] of (values ?? [value]) as [number, string][]) {
      points.set(`${labels} ${time}`, Number(text.replace('Inf', 'Infinity')));
    }
  }
  return points;
}

function ourPoints(result: InstantResult): Points {
  const points: Points = new Map();
  if (result.type === 'vector') {
    for (const { labels, value } of result.samples) points.set(`${labels} ${result.timeMs / 1000}`, value);
  } else if (result.type === 'matrix') {
    for (const { labels, t, v, length } of result.series) {
      for (let i = 0; i < length; i++) points.set(`${labels} ${t[i] / 1000}`, v[i]);
    }
  }
  return points;
}

/** The first difference of two results in words, or ''. Values may differ by 1e-12 of the larger, or where they vanish. */
function difference(wanted: Points, got: Points): string {
  for (const key of new Set([...wanted.keys(), ...got.keys()])) {
    const [a, b] = [wanted.get(key), got.get(key)];
    if (a === undefined || b === undefined) return `${key}: ${a} there, ${b} here`;
    const near = Math.abs(a - b) <= 1e-12 * Math.max(Math.abs(a), Math.abs(b)) + 1e-9;
    if (!near && !Object.is(a, b) && a !== b) return `${key}: ${a} there, ${b} here`;
  }
  return '';
}

describe.skipIf(!hasPrometheus)('random queries (skipped where prometheus or promtool is missing)', () => {
  let folder = '';
  let server: ChildProcess | undefined;
  let url = '';
  let db: Tsdb;
  const engine = new Engine({ experimental: true });

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'avalanche-differential-'));
    writeFileSync(join(folder, 'samples.txt'), openMetrics());
    writeFileSync(join(folder, 'prometheus.yml'), '{}\n');
    const [theirs, ours] = [join(folder, 'theirs'), join(folder, 'ours')];
    execFileSync('promtool', ['tsdb', 'create-blocks-from', 'openmetrics', join(folder, 'samples.txt'), theirs]);
    cpSync(theirs, ours, { recursive: true });
    db = await Tsdb.open({ directory: ours, retentionMs: 0, autoMaintenance: false });
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    server = spawn('prometheus', [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${theirs}`,
      '--storage.tsdb.retention.time=100y',
      '--enable-feature=promql-at-modifier,promql-negative-offset',
      `--web.listen-address=127.0.0.1:${port}`,
    ]);
    await vi.waitFor(async () => expect((await fetch(`${url}/-/ready`)).status).toBe(200), { timeout: 15_000 });
  });

  afterAll(async () => {
    if (server) {
      const ended = new Promise((resolve) => server?.once('exit', resolve));
      server.kill('SIGTERM');
      await ended;
    }
    await db?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function ask(path: string, params: Record<string, string>): Promise<Answer> {
    const response = await fetch(`${url}/api/v1/${path}`, { method: 'POST', body: new URLSearchParams(params) });
    return (await response.json()) as Answer;
  }

  /** Answers with samples: of nothing but empty ones there would be nothing to learn. */
  let withSamples = 0;

  /** Says how the two answers to a query differ, or ''. */
  async function compare(query: string, isRange: boolean): Promise<string> {
    const origin = START_S + EVALUATION_OFF_S;
    const [start, end, step, time] = [origin + 900, origin + 2400, 75, origin + 2000];
    // 3.0 has given the function another name.
    const modern = query.replaceAll('holt_winters', 'double_exponential_smoothing');
    const ours = isRange
      ? engine.range(db, modern, { startMs: start * 1000, endMs: end * 1000, stepMs: step * 1000 })
      : engine.instant(db, modern, time * 1000);
    const [here, there] = await Promise.all([
      ours.catch((error: Error) => error),
      isRange
        ? ask('query_range', { query, start: `${start}`, end: `${end}`, step: `${step}` })
        : ask('query', { query, time: `${time}` }),
    ]);
    if (there.status === 'error') return here instanceof Error ? '' : `there: ${there.error}; here no error`;
    if (here instanceof Error) return `here: ${here.message}; there no error`;
    const wanted = pointsOf(there);
    if (wanted.size > 0) withSamples++;
    return difference(wanted, ourPoints(here));
  }

  test(`${COUNT} queries from seed ${SEED} are answered alike`, { timeout: 120_000 }, async () => {
    const maker = new QueryMaker(new Random(SEED), WORDS);
    const unexplained: string[] = [];
    let answered = 0;
    for (let i = 0; i < COUNT; i++) {
      const query = maker.vector(1 + (i % 4));
      const found = await compare(query, i % 3 > 0);
      if (found === '') answered++;
      else if (!isExplained(query, found)) unexplained.push(`${query}\n    ${found}`);
    }
    expect(unexplained.slice(0, 20)).toEqual([]);
    expect(answered).toBeGreaterThan(0.9 * COUNT);
    expect(withSamples).toBeGreaterThan(0.6 * COUNT);
  });
});
