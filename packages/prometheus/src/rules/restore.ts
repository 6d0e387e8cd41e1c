import { type Labels, Matcher, METRIC_NAME, SampleColumns } from '@avalanche/model';
import type { Tsdb } from '@avalanche/tsdb';
import type { AlertingRule } from './alerting.ts';
import type { QueryVector } from './rule.ts';

/** How the state from before a restart is taken up again. Milliseconds. */
export interface RestoreOptions {
  /** How far back it is looked for (`--rules.alert.for-outage-tolerance`). */
  readonly outageToleranceMs: number;
  /** Least time between the restoring and the firing of an alert (`--rules.alert.for-grace-period`). */
  readonly forGraceMs: number;
}

export const DEFAULT_RESTORE: RestoreOptions = { outageToleranceMs: 60 * 60_000, forGraceMs: 10 * 60_000 };

interface LastSample {
  readonly labels: Labels;
  readonly time: number;
  readonly value: number;
}

/**
 * After a restart: an alert that was active before it goes on from its `ALERTS_FOR_STATE` instead of from now
 * (upstream's RestoreForState). Beyond upstream, one that fired and that `keep_firing_for` holds though its expression
 * has no result goes on firing, for as long as is left of it.
 */
export async function restoreAlerts(
  rule: AlertingRule,
  tsdb: Tsdb,
  time: number,
  query: QueryVector,
  options: RestoreOptions,
): Promise<void> {
  rule.restored = true;
  const { holdMs, keepFiringMs } = rule.options;
  const restoresFor = holdMs >= options.forGraceMs && rule.alerts.size > 0;
  if (!restoresFor && keepFiringMs === 0) return;
  const from = time - options.outageToleranceMs;
  const states = await lastSamples(rule, 'ALERTS_FOR_STATE', tsdb, from, time);
  if (restoresFor) {
    for (const [key, { time: seen, value }] of states) {
      const alert = rule.alerts.get(key);
      if (alert) alert.activeAt = restoredActiveAt(value * 1000, seen, time, holdMs, options.forGraceMs);
    }
  }
  if (keepFiringMs === 0) return;
  const firing = await lastSamples(rule, 'ALERTS', tsdb, from, time);
  for (const [key, state] of states) {
    if (firing.has(key) && time - state.time < keepFiringMs) await keepFiring(rule, state, time, query);
  }
}

/** Goes on with an alert that fired when it was last seen, and whose expression has no result now. */
async function keepFiring(rule: AlertingRule, state: LastSample, time: number, query: QueryVector): Promise<void> {
  const { labels } = state;
  if (rule.alerts.has(labels.key)) return;
  const activeAt = state.value * 1000;
  rule.alerts.set(labels.key, {
    labels,
    annotations: await rule.annotationsOf(labels, time, query),
    state: 'firing',
    value: Number.NaN,
    activeAt,
    firedAt: activeAt + rule.options.holdMs,
    resolvedAt: 0,
    lastSentAt: 0,
    keepFiringSince: state.time,
  });
  const reason = 'it fired before the restart, and keep_firing_for holds it';
  rule.history.add({ time, labels, from: 'inactive', to: 'firing', value: null, reason });
}

/** The last samples of the series that a rule wrote, by the key of their alert's labels; not of those that had ended. */
async function lastSamples(
  rule: AlertingRule,
  metric: 'ALERTS' | 'ALERTS_FOR_STATE',
  tsdb: Tsdb,
  from: number,
  time: number,
): Promise<Map<string, LastSample>> {
  // Labels that templates make are others for each alert.
  const fixed = Object.entries(rule.labels).filter(([, text]) => !text.includes('{{'));
  const matchers = [
    new Matcher('=', METRIC_NAME, metric),
    new Matcher('=', 'alertname', rule.name),
    ...(metric === 'ALERTS' ? [new Matcher('=', 'alertstate', 'firing')] : []),
    ...fixed.filter(([name]) => name !== 'alertname').map(([name, text]) => new Matcher('=', name, text)),
  ];
  const found = new Map<string, LastSample>();
  const querier = tsdb.querier(from, time);
  const columns = new SampleColumns();
  try {
    for (const series of await querier.select(matchers)) {
      columns.length = 0;
      if (series.read(from, time - 1, columns) === 0) continue;
      const last = columns.length - 1;
      if (columns.isStale(last)) continue;
      const labels = series.labels.without(METRIC_NAME, ...(metric === 'ALERTS' ? ['alertstate'] : []));
      found.set(labels.key, { labels, time: columns.t[last], value: columns.v[last] });
    }
  } finally {
    querier.close();
  }
  return found;
}

/** When a restored alert counts as having become active. All in milliseconds. */
export function restoredActiveAt(
  activeAt: number,
  lastSeen: number,
  now: number,
  holdMs: number,
  graceMs: number,
): number {
  const remaining = holdMs - (lastSeen - activeAt);
  if (remaining <= 0) return activeAt;
  if (remaining < graceMs) return now + graceMs - holdMs;
  return activeAt + (now - lastSeen);
}
