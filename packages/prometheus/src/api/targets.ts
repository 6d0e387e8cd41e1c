import { formatDuration } from '@avalanche/model';
import type { ScrapeLoop } from '../scrape/loop.ts';
import type { ScrapeManager } from '../scrape/manager.ts';
import type { Params } from './params.ts';

const NEVER = '0001-01-01T00:00:00Z';

/** A time in milliseconds as the API prints it; 0 is Go's zero time. */
export function isoTime(time: number): string {
  return time === 0 ? NEVER : new Date(time).toISOString();
}

/** `GET /api/v1/targets` */
export function targetsResponse(manager: ScrapeManager, params: Params) {
  const state = params.get('state') || 'any';
  const pool = params.get('scrapePool');
  const jobs = manager.jobs.filter((job) => pool === '' || job.name === pool);
  return {
    activeTargets:
      state === 'dropped' ? [] : jobs.flatMap((job) => job.loops.map((loop) => activeTarget(job.name, loop))),
    droppedTargets:
      state === 'active'
        ? []
        : jobs.flatMap((job) => job.dropped.map((labels) => ({ discoveredLabels: labels, scrapePool: job.name }))),
    droppedTargetCounts: Object.fromEntries(jobs.map((job) => [job.name, job.dropped.length])),
  };
}

function activeTarget(pool: string, loop: ScrapeLoop) {
  const { target } = loop;
  return {
    discoveredLabels: target.discoveredLabels,
    labels: target.labels,
    scrapePool: pool,
    scrapeUrl: target.url,
    globalUrl: target.url,
    lastError: loop.lastError,
    lastScrape: isoTime(loop.lastScrape),
    lastScrapeDuration: loop.lastDurationSeconds,
    health: loop.health,
    scrapeInterval: formatDuration(target.intervalMs),
    scrapeTimeout: formatDuration(target.timeoutMs),
    // Ours: why the last scrapes failed, newest first.
    failures: loop.failures.map(({ time, reason }) => ({ time: isoTime(time), reason })),
  };
}

/** `GET /api/v1/metadata`: type, help and unit by metric, the same from several targets told once. */
export function metadataResponse(manager: ScrapeManager, params: Params) {
  const wanted = params.get('metric');
  const limit = params.wholeNumber('limit', -1, 'limit must be a number');
  const perMetric = params.wholeNumber('limit_per_metric', -1, 'limit_per_metric must be a number');
  const byMetric = new Map<string, Map<string, { type: string; help: string; unit: string }>>();
  for (const job of manager.jobs) {
    for (const loop of job.loops) {
      for (const [metric, metadata] of loop.metadata) {
        if (wanted !== '' && metric !== wanted) continue;
        let entries = byMetric.get(metric);
        if (!entries) {
          if (limit >= 0 && byMetric.size >= limit) continue;
          entries = new Map();
          byMetric.set(metric, entries);
        }
        if (perMetric <= 0 || entries.size < perMetric) entries.set(JSON.stringify(metadata), metadata);
      }
    }
  }
  return Object.fromEntries([...byMetric].map(([metric, entries]) => [metric, [...entries.values()]]));
}
