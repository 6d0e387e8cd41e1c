import { formatDuration } from '@avalanche/model';
import { type Alert, goTime, isResolved } from '../alert/alert.ts';
import { alertHash } from '../alert/hash.ts';
import type { Alertmanager } from '../alertmanager.ts';
import type { AggregationGroup } from '../dispatch/group.ts';
import { type NotificationRecord, tellsOf } from '../history/record.ts';
import type { InhibitRule } from '../inhibit/inhibit.ts';
import { printMatchers } from '../matcher/print.ts';
import type { NotificationEntry } from '../nflog/nflog.ts';
import { type Integration, integrationId } from '../notify/integration.ts';
import { groupKey, groupLabels, matchRoutes, pathTo, type Route } from '../route/route.ts';
import { mutingIntervals } from '../timeinterval/muting.ts';

const RECORDS_MAX = 10;
/** Notifications further back than this are not looked through. */
const LOOKED_THROUGH_MAX = 20_000;

/** What became of an alert on one of its routes. Times are RFC 3339. */
export interface RouteExplanation {
  /** Matchers from the root to the route, `{}` for one without. */
  readonly path: readonly string[];
  readonly receiver: string;
  readonly groupKey: string;
  readonly groupLabels: Readonly<Record<string, string>>;
  readonly groupWait: string;
  readonly groupInterval: string;
  readonly repeatInterval: string;
  readonly lastTurn: string | null;
  readonly nextTurn: string | null;
  /** Time intervals that keep the route quiet now. */
  readonly mutedBy: readonly string[];
  readonly integrations: readonly IntegrationExplanation[];
}

export interface IntegrationExplanation {
  readonly integration: string;
  readonly sendResolved: boolean;
  /** Why it cannot send yet. */
  readonly notConfigured: string | null;
  /** What it was last told of the group. */
  readonly lastTold: { readonly at: string; readonly firing: boolean; readonly resolved: boolean } | null;
  /** When it is told again though nothing changes. */
  readonly repeatsAt: string | null;
}

export interface AlertExplanation {
  readonly fingerprint: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAt: string;
  readonly endsAt: string;
  readonly generatorURL: string;
  readonly resolved: boolean;
  /** One sentence: why people have heard of it, or not. */
  readonly verdict: string;
  readonly silencedBy: readonly {
    readonly id: string;
    readonly comment: string;
    readonly createdBy: string;
    readonly endsAt: string;
  }[];
  readonly inhibitedBy: {
    readonly fingerprint: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly rule: {
      readonly name: string;
      readonly source: string;
      readonly target: string;
      readonly equal: readonly string[];
    };
  } | null;
  readonly routes: readonly RouteExplanation[];
  /** The newest notifications that told of it. */
  readonly notifications: readonly NotificationRecord[];
}

/** Says of alerts where they go, what keeps them quiet, and what was told of them. */
export async function explainAlerts(
  alertmanager: Alertmanager,
  alerts: readonly Alert[],
  now: number,
): Promise<AlertExplanation[]> {
  const told = await notificationsOf(
    alertmanager,
    alerts.map(({ fingerprint }) => fingerprint),
  );
  return Promise.all(
    alerts.map((alert) => explainAlert(alertmanager, alert, { now, notifications: told.get(alert.fingerprint) ?? [] })),
  );
}

async function explainAlert(
  alertmanager: Alertmanager,
  alert: Alert,
  { now, notifications }: { readonly now: number; readonly notifications: readonly NotificationRecord[] },
): Promise<AlertExplanation> {
  const { route } = alertmanager.loaded;
  const routes = await Promise.all(
    matchRoutes(route, alert.labels).map((taken) => explainRoute(alertmanager, alert, taken, now)),
  );
  const silencedBy = alertmanager.silences.silencedBy(alert.fingerprint, alert.labels, now).flatMap((id) => {
    const silence = alertmanager.silences.get(id);
    if (!silence) return [];
    const { comment, createdBy, endsAt } = silence;
    return [{ id, comment, createdBy, endsAt: goTime(endsAt) }];
  });
  const explanation = {
    fingerprint: alert.fingerprint,
    labels: alert.labels.toJSON(),
    annotations: alert.annotations,
    startsAt: goTime(alert.startsAt),
    endsAt: goTime(alert.endsAt),
    generatorURL: alert.generatorURL,
    resolved: isResolved(alert, now),
    silencedBy,
    inhibitedBy: explainInhibition(alertmanager, alert, now),
    routes,
    notifications,
  };
  return { ...explanation, verdict: verdictOf(explanation) };
}

/** The newest notifications of each alert, by fingerprint, in one pass through the log. */
async function notificationsOf(
  { history }: Alertmanager,
  fingerprints: readonly string[],
): Promise<Map<string, NotificationRecord[]>> {
  const found = new Map<string, NotificationRecord[]>(fingerprints.map((fingerprint) => [fingerprint, []]));
  const waiting = new Set(fingerprints);
  let looked = 0;
  for await (const record of history.newestFirst()) {
    for (const fingerprint of waiting) {
      const list = found.get(fingerprint);
      if (!list || !tellsOf(record, fingerprint)) continue;
      if (list.push(record) === RECORDS_MAX) waiting.delete(fingerprint);
    }
    if (waiting.size === 0 || ++looked === LOOKED_THROUGH_MAX) break;
  }
  return found;
}

function explainInhibition(alertmanager: Alertmanager, alert: Alert, now: number): AlertExplanation['inhibitedBy'] {
  const inhibition = alertmanager.inhibitionOf(alert, now);
  if (!inhibition) return null;
  const { source, rule } = inhibition;
  const labels = alertmanager.alerts.get(source)?.labels.toJSON() ?? {};
  return { fingerprint: source, labels, rule: printRule(rule) };
}

function printRule({ name = '', sourceMatchers, targetMatchers, equal }: InhibitRule) {
  return { name, source: printMatchers(sourceMatchers), target: printMatchers(targetMatchers), equal };
}

async function explainRoute(
  alertmanager: Alertmanager,
  alert: Alert,
  route: Route,
  now: number,
): Promise<RouteExplanation> {
  const { loaded, dispatcher } = alertmanager;
  const group = dispatcher.groupOf(route, alert.labels);
  const labels = groupLabels(route, alert.labels);
  const muted = mutingIntervals(route, loaded.config.timeIntervals, now);
  return {
    path: pathTo(loaded.route, route).map(({ matchers }) => printMatchers(matchers)),
    receiver: route.receiver,
    groupKey: groupKey(route, labels),
    groupLabels: labels.toJSON(),
    groupWait: formatDuration(route.groupWaitMs),
    groupInterval: formatDuration(route.groupIntervalMs),
    repeatInterval: formatDuration(route.repeatIntervalMs),
    lastTurn: timeOf(group?.lastTurnAt),
    nextTurn: timeOf(group?.nextTurnAt),
    mutedBy: muted.outsideActive ? route.activeTimeIntervals : muted.byMute,
    integrations: await Promise.all(
      alertmanager.integrationsOf(route.receiver).map((one) => explainIntegration(alertmanager, alert, route, one)),
    ),
  };
}

async function explainIntegration(
  { nflog }: Alertmanager,
  alert: Alert,
  route: Route,
  integration: Integration,
): Promise<IntegrationExplanation> {
  const key = groupKey(route, groupLabels(route, alert.labels));
  const entry = nflog.get(key, integrationId(integration));
  return {
    integration: `${integration.kind}[${integration.index}]`,
    sendResolved: integration.sendResolved,
    notConfigured: (await integration.missing()) ?? null,
    lastTold: entry ? lastTold(entry, alert) : null,
    repeatsAt: timeOf(entry && entry.firing.length > 0 ? entry.timestamp + route.repeatIntervalMs : undefined),
  };
}

function lastTold({ timestamp, firing, resolved }: NotificationEntry, alert: Alert) {
  const hash = alertHash(alert.labels);
  return { at: goTime(timestamp), firing: firing.includes(hash), resolved: resolved.includes(hash) };
}

function timeOf(ms: AggregationGroup['lastTurnAt']): string | null {
  return ms === undefined ? null : goTime(ms);
}

/** The first reason that applies, in the order in which a notification meets them. */
function verdictOf(explanation: Omit<AlertExplanation, 'verdict'>): string {
  const { resolved, silencedBy, inhibitedBy, routes, notifications } = explanation;
  const [silence] = silencedBy;
  const [last] = notifications;
  const told = last ? `told ${last.receiver} at ${last.at}` : 'nobody has been told';
  if (resolved) return `It has ended; ${told}.`;
  if (inhibitedBy) {
    const { rule, labels } = inhibitedBy;
    const by = labels.alertname ?? inhibitedBy.fingerprint;
    return `Inhibited by ${by}${rule.name ? ` (rule ${rule.name})` : ''}; ${told}.`;
  }
  if (silence) {
    const why = silence.comment ? ` (${silence.comment})` : '';
    return `Silenced by ${silence.createdBy || 'somebody'} until ${silence.endsAt}${why}; ${told}.`;
  }
  const muted = routes.filter(({ mutedBy }) => mutedBy.length > 0);
  if (routes.length > 0 && muted.length === routes.length) {
    return `Out of hours by ${muted.map(({ mutedBy }) => mutedBy.join(', ')).join('; ')}; ${told}.`;
  }
  if (last?.status === 'failed') return `Telling ${last.receiver} by ${last.integration} failed: ${last.reply}.`;
  if (last) return `It has been told: ${last.receiver} by ${last.integration} at ${last.at}, ${last.reply || 'taken'}.`;
  if (routes.every(({ integrations }) => integrations.length === 0)) return 'Its receivers have nobody to tell.';
  const missing = routes.flatMap(({ integrations }) => integrations).find(({ notConfigured }) => notConfigured);
  if (missing) return `${missing.integration} is not configured: ${missing.notConfigured}.`;
  const waiting = routes.find(({ nextTurn }) => nextTurn);
  return waiting ? `It waits for its group until ${waiting.nextTurn}.` : 'It has not been taken up yet.';
}
