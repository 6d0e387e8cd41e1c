import type { Labels } from './query.ts';

/** Answer of `/api/v1/targets`. */
export interface Targets {
  readonly activeTargets: readonly ActiveTarget[];
  readonly droppedTargets?: readonly { readonly discoveredLabels: Labels }[];
  readonly droppedTargetCounts?: Readonly<Record<string, number>>;
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
}
