import { formatDuration, parseDuration } from './duration.ts';
import { interpolate, type Scope, type VariableValue, verbatim } from './interpolate.ts';
import type { Panel, PanelTarget } from './model.ts';
import { shortDateTime, type TimeRange } from './time-range.ts';

/** How often the data source is scraped, which $__rate_interval depends on; Grafana's default for Prometheus. */
const SCRAPE_INTERVAL_MS = 15_000;
/** Prometheus refuses a range query of more points per series. */
const POINTS_MAX = 11_000;

const NICE_MS = [
  1, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 15_000, 20_000, 30_000, 60_000, 120_000, 300_000, 600_000,
  900_000, 1_200_000, 1_800_000, 3_600_000, 7_200_000, 10_800_000, 21_600_000, 43_200_000, 86_400_000, 604_800_000,
  2_592_000_000, 31_536_000_000,
];

/** The smallest round step that gives at most `points` points over the range, never below `minMs`. */
export function intervalMs(range: TimeRange, points: number, minMs: number): number {
  const exact = (range.toMs - range.fromMs) / Math.max(1, points);
  const nice = NICE_MS.find((step) => step >= exact * 0.75) ?? NICE_MS.at(-1)!;
  const limit = Math.ceil((range.toMs - range.fromMs) / (POINTS_MAX - 1) / 1000) * 1000;
  return Math.max(nice, minMs, nice * POINTS_MAX < range.toMs - range.fromMs ? limit : 0);
}

/** One request to make for a panel. Times in milliseconds; an instant query is at `endMs`. */
export interface PlannedQuery {
  readonly target: PanelTarget;
  readonly expr: string;
  readonly kind: 'range' | 'instant';
  readonly startMs: number;
  readonly endMs: number;
  readonly stepMs: number;
}

/** The queries of a panel `widthPx` wide, everything interpolated, range ends on multiples of the step. */
export function planQueries(panel: Panel, range: TimeRange, widthPx: number, scope: Scope): readonly PlannedQuery[] {
  const points = Math.max(10, panel.maxDataPoints ?? Math.round(widthPx));
  return panel.targets
    .filter((target) => !target.hidden && target.expr.trim() !== '')
    .map((target) => planQuery(target, panel, range, points, scope));
}

function planQuery(target: PanelTarget, panel: Panel, range: TimeRange, points: number, scope: Scope): PlannedQuery {
  const minText = interpolate(target.interval || panel.interval, scope, 'plain').replace(/^[<>=]+/, '');
  const minMs = parseDuration(minText) ?? SCRAPE_INTERVAL_MS;
  const stepMs = Math.max(1000, intervalMs(range, points, minMs) * target.intervalFactor);
  const full = new Map([...scope, ...stepBuiltins(stepMs, minMs)]);
  return {
    target,
    expr: interpolate(target.expr, full, 'promql'),
    kind: target.instant ? 'instant' : 'range',
    startMs: Math.floor(range.fromMs / stepMs) * stepMs,
    endMs: target.instant ? range.toMs : Math.ceil(range.toMs / stepMs) * stepMs,
    stepMs,
  };
}

/** `$__interval` and the like for a query of that step. */
export function stepBuiltins(stepMs: number, minMs: number): readonly [string, VariableValue][] {
  const scrapeMs = Math.max(minMs, 1000);
  const rateMs = Math.max(stepMs + scrapeMs, 4 * scrapeMs);
  return [
    ['__interval', verbatim(formatDuration(stepMs))],
    ['__interval_ms', verbatim(String(stepMs))],
    ['__rate_interval', verbatim(formatDuration(rateMs))],
    ['__rate_interval_ms', verbatim(String(rateMs))],
  ];
}

/** Built-ins of the whole dashboard. */
export function rangeBuiltins(range: TimeRange, rangeUrl: string, title: string): Map<string, VariableValue> {
  const widthMs = Math.max(1000, range.toMs - range.fromMs);
  const seconds = Math.round(widthMs / 1000);
  const stepMs = Math.max(SCRAPE_INTERVAL_MS, intervalMs(range, 100, SCRAPE_INTERVAL_MS));
  return new Map([
    ...stepBuiltins(stepMs, SCRAPE_INTERVAL_MS),
    ['__range', verbatim(`${seconds}s`)],
    ['__range_s', verbatim(String(seconds))],
    ['__range_ms', verbatim(String(widthMs))],
    ['__from', verbatim(String(range.fromMs), shortDateTime(range.fromMs))],
    ['__to', verbatim(String(range.toMs), shortDateTime(range.toMs))],
    ['__url_time_range', verbatim(rangeUrl)],
    ['__dashboard', verbatim(title)],
  ]);
}

/** The panel's own time range where `timeFrom` or `timeShift` say one. */
export function panelRange(panel: Panel, range: TimeRange): TimeRange {
  const widthMs = parseDuration(panel.timeFrom.replace(/^now-/, ''));
  const shiftMs = parseDuration(panel.timeShift) ?? 0;
  const fromMs = widthMs === undefined ? range.fromMs : range.toMs - widthMs;
  return { fromMs: fromMs - shiftMs, toMs: range.toMs - shiftMs };
}
