import { formatDuration, Labels, type Matcher } from '@avalanche/model';
import { parseMatchers } from '@avalanche/promql';
import { dumpSection } from '../config/dump.ts';
import { type RelabelRule, relabel } from '../relabel.ts';
import type { ScrapeLoop } from '../scrape/loop.ts';
import type { JobView, ScrapeManager } from '../scrape/manager.ts';
import type { MetricMetadata } from '../scrape/metadata.ts';
import { ApiError, badParameter } from './errors.ts';
import type { Params } from './params.ts';

const NEVER = '0001-01-01T00:00:00Z';

/** A time in milliseconds as the API prints it; 0 is Go's zero time. */
export function isoTime(time: number): string {
  return time === 0 ? NEVER : new Date(time).toISOString();
}

/** Where this server is reached, for addresses that only make sense on its own machine. */
export interface OwnAddress {
  /** The external URL. */
  readonly external: URL;
  /** The port that this server listens on. */
  readonly port: string;
}

/** `GET /api/v1/targets` */
export function targetsResponse(manager: ScrapeManager, params: Params, own: OwnAddress) {
  const state = params.get('state').toLowerCase();
  const isAny = state === '' || state === 'any';
  const pool = params.get('scrapePool');
  const sorted = [...manager.jobs].sort((a, b) => (a.name < b.name ? -1 : 1));
  const jobs = sorted.filter((job) => pool === '' || job.name === pool);
  const active = jobs.flatMap((job) => job.loops.map((loop) => activeTarget(job.name, loop, own)));
  const dropped = jobs.flatMap((job) =>
    job.dropped.map((labels) => ({ discoveredLabels: labels, scrapePool: job.name })),
  );
  const showsDropped = isAny || state === 'dropped';
  return {
    activeTargets: isAny || state === 'active' ? active : [],
    droppedTargets: showsDropped ? dropped : [],
    droppedTargetCounts: showsDropped ? Object.fromEntries(sorted.map((job) => [job.name, job.droppedCount])) : null,
  };
}

function activeTarget(pool: string, loop: ScrapeLoop, own: OwnAddress) {
  const { target } = loop;
  return {
    discoveredLabels: target.discoveredLabels,
    labels: target.labels,
    scrapePool: pool,
    scrapeUrl: target.url,
    globalUrl: globalUrl(target.url, own),
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

const LOOPBACK = new Set(['127.0.0.1', 'localhost', '[::1]']);

/** The address of a target on this machine as others reach it: with the external URL's host; if it is us, with its port. */
function globalUrl(address: string, { external, port }: OwnAddress): string {
  if (!URL.canParse(address)) return address;
  const url = new URL(address);
  if (!LOOPBACK.has(url.hostname)) return address;
  if (url.port === port) {
    url.protocol = external.protocol;
    url.host = external.host;
    url.port = external.port;
  } else url.hostname = external.hostname;
  return url.href;
}

interface TargetMetadata extends MetricMetadata {
  readonly target: Labels;
  readonly metric?: string;
}

/** `GET /api/v1/targets/metadata` */
export function targetMetadataResponse(manager: ScrapeManager, params: Params): TargetMetadata[] {
  const limit = params.wholeNumber('limit', -1, 'limit must be a number');
  const matchers = targetMatchers(params.get('match_target'));
  const metric = params.get('metric');
  const found: TargetMetadata[] = [];
  for (const { target, metadata } of manager.jobs.flatMap((job) => job.loops)) {
    if (limit >= 0 && found.length >= limit) break;
    if (!matchers.every((matcher) => matcher.matches(target.labels.get(matcher.name)))) continue;
    if (metric === '') {
      for (const [family, known] of metadata.entries()) {
        found.push({ target: target.labels, metric: family, ...shown(known) });
      }
    } else {
      const known = metadata.get(metric);
      if (known) found.push({ target: target.labels, ...shown(known) });
    }
  }
  return found;
}

/** @throws ApiError */
function targetMatchers(text: string): readonly Matcher[] {
  if (text === '') return [];
  try {
    return parseMatchers(text);
  } catch (error) {
    throw badParameter('match_target', (error as Error).message);
  }
}

function shown({ type, help, unit }: MetricMetadata): MetricMetadata {
  return { type, help, unit };
}

/** `GET /api/v1/metadata`: type, help and unit by metric, the same from several targets told once. */
export function metadataResponse(manager: ScrapeManager, params: Params) {
  const wanted = params.get('metric');
  const limit = params.wholeNumber('limit', -1, 'limit must be a number');
  const perMetric = params.wholeNumber('limit_per_metric', -1, 'limit_per_metric must be a number');
  const byMetric = new Map<string, Map<string, MetricMetadata>>();
  for (const { metadata } of manager.jobs.flatMap((job) => job.loops)) {
    for (const [metric, known] of metadata.entries()) {
      if (wanted !== '' && metric !== wanted) continue;
      let entries = byMetric.get(metric);
      if (!entries) {
        if (limit >= 0 && byMetric.size >= limit) continue;
        entries = new Map();
        byMetric.set(metric, entries);
      }
      const entry = shown(known);
      if (perMetric <= 0 || entries.size < perMetric) entries.set(JSON.stringify(entry), entry);
    }
  }
  return Object.fromEntries([...byMetric].map(([metric, entries]) => [metric, [...entries.values()]]));
}

/** `GET /api/v1/targets/relabel_steps`: what each rule of a pool makes of a target's labels. */
export function relabelStepsResponse(manager: ScrapeManager, params: Params) {
  const { config } = poolOf(manager, params);
  const text = params.get('labels');
  if (text === '') throw new ApiError('bad_data', 'no labels parameter provided');
  let labels: Labels | null = labelsOf(text);
  const steps = config.relabel_configs.map((rule) => {
    labels = labels && relabel(labels, [rule], config.metric_name_validation_scheme);
    return { rule: shownRule(rule), output: labels ?? Labels.EMPTY, keep: labels !== null };
  });
  return { steps };
}

/** `GET /api/v1/scrape_pools/config` */
export function scrapePoolConfigResponse(manager: ScrapeManager, params: Params) {
  return { yaml: dumpSection(poolOf(manager, params).config) };
}

/** @throws ApiError */
function poolOf(manager: ScrapeManager, params: Params): JobView {
  const name = params.get('scrapePool');
  if (name === '') throw new ApiError('bad_data', 'no scrapePool parameter provided');
  const job = manager.jobs.find((candidate) => candidate.name === name);
  if (job) return job;
  throw new ApiError('bad_data', `error retrieving scrape config: scrape pool ${JSON.stringify(name)} not found`);
}

/** @throws ApiError */
function labelsOf(text: string): Labels {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new ApiError('bad_data', `error parsing labels: ${(error as Error).message}`);
  }
  const isObject = typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed);
  if (!isObject || Object.values(parsed as object).some((value) => typeof value !== 'string')) {
    throw new ApiError('bad_data', 'error parsing labels: expected an object of strings');
  }
  return Labels.from(parsed as Record<string, string>);
}

function shownRule(rule: RelabelRule) {
  return {
    ...(rule.sourceLabels.length > 0 ? { source_labels: rule.sourceLabels } : {}),
    separator: rule.separator,
    regex: rule.regex.pattern,
    ...(rule.modulus > 0 ? { modulus: rule.modulus } : {}),
    ...(rule.targetLabel !== '' ? { target_label: rule.targetLabel } : {}),
    replacement: rule.replacement,
    action: rule.action,
  };
}
