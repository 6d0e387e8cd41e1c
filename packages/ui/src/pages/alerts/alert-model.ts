import { matchesLabels, parseMatchers } from '../../api/alertmanager/matcher.ts';
import type { GettableAlert } from '../../api/alertmanager/types.ts';
import { withoutName } from '../../api/prometheus/client.ts';
import type { Labels } from '../../api/prometheus/query.ts';
import type { AlertingRule, RuleAlert, RuleGroup } from '../../api/prometheus/rules.ts';

/** One alert as a person sees it: what Prometheus says, joined with what Alertmanager does with it. */
export interface AlertView {
  readonly key: string;
  readonly name: string;
  readonly severity: string;
  readonly state: 'firing' | 'pending';
  /** Why nobody is told, if so. */
  readonly muted: 'silenced' | 'inhibited' | undefined;
  readonly since: string | undefined;
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly value: string | undefined;
  readonly receivers: readonly string[];
  /** Alertmanager's name of it; undefined where it does not have it. */
  readonly fingerprint: string | undefined;
  /** Id of the silence that keeps it quiet, the first of them. */
  readonly silence: string | undefined;
}

const RANK: Readonly<Record<string, number>> = { critical: 0, page: 0, warning: 1, info: 2 };

/** Worst first: firing before pending, by severity, the newest on top. */
export function joinAlerts(rule: readonly RuleAlert[], managed: readonly GettableAlert[]): readonly AlertView[] {
  const byLabels = new Map(managed.map((alert) => [labelKey(alert.labels), alert]));
  const views = rule
    .filter((alert) => alert.state !== 'inactive')
    .map((alert) => {
      const key = labelKey(alert.labels);
      const match = byLabels.get(key) ?? findByOwnLabels(managed, alert.labels);
      if (match) byLabels.delete(labelKey(match.labels));
      return viewOf(key, alert, match);
    });
  const others = [...byLabels.values()].map((alert) => managedView(alert));
  return [...views, ...others].sort(compareAlerts);
}

function compareAlerts(a: AlertView, b: AlertView): number {
  const state = Number(a.state === 'pending') - Number(b.state === 'pending');
  const muted = Number(a.muted !== undefined) - Number(b.muted !== undefined);
  const severity = (RANK[a.severity] ?? 3) - (RANK[b.severity] ?? 3);
  return state || muted || severity || (b.since ?? '').localeCompare(a.since ?? '') || a.name.localeCompare(b.name);
}

/** External labels are added on the way to Alertmanager, so its alert may carry more labels than the rule's. */
function findByOwnLabels(managed: readonly GettableAlert[], labels: Labels): GettableAlert | undefined {
  return managed.find((alert) => Object.entries(labels).every(([name, value]) => alert.labels[name] === value));
}

function labelKey(labels: Labels): string {
  return JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function viewOf(key: string, alert: RuleAlert, managed: GettableAlert | undefined): AlertView {
  return {
    key,
    name: alert.labels.alertname ?? '',
    severity: alert.labels.severity ?? '',
    state: alert.state === 'pending' ? 'pending' : 'firing',
    muted: mutedBy(managed),
    since: alert.activeAt,
    labels: withoutName(alert.labels),
    annotations: alert.annotations,
    value: alert.value,
    receivers: (managed?.receivers ?? []).map(({ name }) => name),
    fingerprint: managed?.fingerprint,
    silence: managed?.status.silencedBy[0],
  };
}

function managedView(alert: GettableAlert): AlertView {
  return {
    key: labelKey(alert.labels),
    name: alert.labels.alertname ?? '',
    severity: alert.labels.severity ?? '',
    state: 'firing',
    muted: mutedBy(alert),
    since: alert.startsAt,
    labels: withoutName(alert.labels),
    annotations: alert.annotations,
    value: undefined,
    receivers: alert.receivers.map(({ name }) => name),
    fingerprint: alert.fingerprint,
    silence: alert.status.silencedBy[0],
  };
}

function mutedBy(alert: GettableAlert | undefined): AlertView['muted'] {
  if (alert?.status.state !== 'suppressed') return undefined;
  return alert.status.silencedBy.length > 0 ? 'silenced' : 'inhibited';
}

/** Whether an alert is among those that were looked for: by words, or by matchers in braces as upstream's links have them. */
export function matchesText(alert: AlertView, text: string): boolean {
  const { matchers, bad } = parseMatchers(text);
  if (/^\s*\{/.test(text) && bad.length === 0) {
    return matchesLabels(matchers, { alertname: alert.name, ...alert.labels });
  }
  const haystack = `${alert.name} ${JSON.stringify(alert.labels)} ${JSON.stringify(alert.annotations)}`.toLowerCase();
  return text
    .toLowerCase()
    .split(/\s+/)
    .every((word) => haystack.includes(word));
}

/** All alerting rules of one name, with their groups. */
export function alertingRules(
  groups: readonly RuleGroup[],
  name: string,
): readonly { rule: AlertingRule; group: RuleGroup }[] {
  return groups.flatMap((group) =>
    group.rules.flatMap((rule) => (rule.type === 'alerting' && rule.name === name ? [{ rule, group }] : [])),
  );
}

/** The last comparison of an expression with a number, `… > 90`, for the line across its graph. */
export function comparedLevel(expr: string): { readonly left: string; readonly level: number } | undefined {
  const match = /^([\s\S]*\S)\s*(?:>=|<=|==|>|<)\s*(?:bool\s+)?(-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)\s*$/i.exec(expr);
  if (!match || /\b(?:and|or|unless)\b/.test(expr)) return undefined;
  return { left: match[1]!, level: Number(match[2]) };
}

const HOUR_MS = 3_600_000;

/** How much of the past the graph of an alert shows: twice its age, between one hour and a day; six hours where it is quiet. */
export function graphWindowMs(firstMs: number | undefined, nowMs: number): number {
  if (firstMs === undefined) return 6 * HOUR_MS;
  return Math.min(24 * HOUR_MS, Math.max(HOUR_MS, Math.ceil((2 * (nowMs - firstMs)) / HOUR_MS) * HOUR_MS));
}

const AREA_DASHBOARDS: Readonly<Record<string, string>> = {
  system: 'system-overview',
  application: 'application-metrics',
  database: 'database-performance',
  'task-queue': 'task-queue',
  pipelines: 'edna-pipelines',
};

/** The uid of the dashboard that shows an `area` label's part of the platform. */
export function areaDashboard(area: string | undefined): string | undefined {
  return area === undefined ? undefined : AREA_DASHBOARDS[area];
}

/** The name of a runbook that our own servers show; undefined for one that is somewhere else. */
export function runbookName(url: string): string | undefined {
  return /\/runbooks\/(\w+)$/.exec(url)?.[1];
}

/** The value of an alert's expression, which the API writes with an exponent, in few digits. */
export function valueText(text: string): string {
  const value = Number(text);
  return Number.isFinite(value) ? String(Number(value.toPrecision(6))) : text;
}
