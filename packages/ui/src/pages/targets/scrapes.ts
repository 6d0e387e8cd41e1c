import { type Labels, type QueryResult, seriesName } from '../../api/prometheus/query.ts';
import type { ScrapeFailure } from '../../api/prometheus/targets.ts';

/** One scrape as its own series tell of it. */
export interface Scrape {
  readonly atMs: number;
  readonly up: boolean;
  readonly seconds: number;
  readonly samples: number;
}

const SHOWN = 20;

/** The last scrapes, oldest first, from `up`, `scrape_duration_seconds` and `scrape_samples_scraped` over a range. */
export function lastScrapes(up: QueryResult, took: QueryResult, samples: QueryResult): readonly Scrape[] {
  const [seconds, counts] = [byTime(took), byTime(samples)];
  return [...byTime(up)]
    .sort(([a], [b]) => a - b)
    .slice(-SHOWN)
    .map(([atMs, value]) => ({
      atMs,
      up: value === 1,
      seconds: seconds.get(atMs) ?? 0,
      samples: counts.get(atMs) ?? 0,
    }));
}

function byTime(result: QueryResult): Map<number, number> {
  if (result.resultType !== 'matrix') return new Map();
  return new Map(
    result.result.flatMap(({ values = [] }) =>
      values.map(([seconds, value]) => [Math.round(seconds * 1000), Number(value)] as const),
    ),
  );
}

/** A selector for what the server records of a target. */
export function selectorOf(labels: Labels): string {
  return seriesName(Object.fromEntries(Object.entries(labels).filter(([name]) => name !== '__name__')));
}

/** Failures one after another with the same reason. */
export interface FailureRun {
  readonly reason: string;
  readonly count: number;
  /** Of the newest and the oldest. */
  readonly last: string;
  readonly first: string;
}

/** @param failures newest first, as the result is */
export function failureRuns(failures: readonly ScrapeFailure[]): readonly FailureRun[] {
  const runs: FailureRun[] = [];
  for (const { time, reason } of failures) {
    const run = runs.at(-1);
    if (run?.reason === reason) runs[runs.length - 1] = { ...run, count: run.count + 1, first: time };
    else runs.push({ reason, count: 1, last: time, first: time });
  }
  return runs;
}
