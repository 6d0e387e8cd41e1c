import type { Labels } from './query.ts';

/** Answer of `/api/v1/targets`. */
export interface Targets {
  readonly activeTargets: readonly ActiveTarget[];
  readonly droppedTargets?: readonly DroppedTarget[];
  readonly droppedTargetCounts?: Readonly<Record<string, number>>;
}

export interface DroppedTarget {
  readonly discoveredLabels: Labels;
  readonly scrapePool?: string;
}

/** Why a scrape failed. */
export interface ScrapeFailure {
  readonly time: string;
  readonly reason: string;
}

/** What one relabel rule made of the labels that it got; answer of `/api/v1/targets/relabel_steps`. */
export interface RelabelStep {
  readonly rule: Readonly<Record<string, unknown>>;
  readonly output: Labels;
  readonly keep: boolean;
}

export interface ActiveTarget {
  readonly discoveredLabels: Labels;
  readonly labels: Labels;
  readonly scrapePool: string;
  readonly scrapeUrl: string;
  readonly globalUrl?: string;
  readonly lastError: string;
  readonly lastScrape: string;
  /** Seconds. */
  readonly lastScrapeDuration: number;
  readonly health: 'up' | 'down' | 'unknown';
  readonly scrapeInterval?: string;
  readonly scrapeTimeout?: string;
  /** Of the last scrapes, newest first; ours, the original does not tell. */
  readonly failures?: readonly ScrapeFailure[];
}
