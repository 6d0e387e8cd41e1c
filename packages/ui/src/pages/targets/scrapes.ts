import { type Labels, type QueryResult, seriesName } from '../../api/prometheus/query.ts';

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
