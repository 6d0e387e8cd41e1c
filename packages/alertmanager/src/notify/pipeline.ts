import { type Clock, type Logger, nextTurn, Slices, turnIsOver } from '@avalanche/model';
import { type Alert, isResolved } from '../alert/alert.ts';
import { alertHash } from '../alert/hash.ts';
import type { NotificationHistory } from '../history/history.ts';
import { notificationRecord } from '../history/record.ts';
import type { Inhibitor } from '../inhibit/inhibit.ts';
import type { NotificationMetrics } from '../metrics/notifications.ts';
import type { NotificationLog } from '../nflog/nflog.ts';
import type { Route } from '../route/route.ts';
import type { Silences } from '../silence/silences.ts';
import type { Notification } from '../template/data.ts';
import { type NotificationTemplates, renderRouteLabels } from '../template/templates.ts';
import type { TimeInterval } from '../timeinterval/interval.ts';
import { mutingIntervals } from '../timeinterval/muting.ts';
import { type NotifyReason, notifyReason } from './dedup.ts';
import { type Integration, integrationId, type Outcome, type ReceiverData } from './integration.ts';
import { notifyWithRetry } from './retry.ts';
import type { TroubleLog } from './trouble-log.ts';

/** A turn of a group: what may be notified about, and until when. */
export interface Flush {
  readonly route: Route;
  readonly groupKey: string;
  readonly groupLabels: Readonly<Record<string, string>>;
  /** When the turn came (milliseconds). */
  readonly now: number;
  readonly alerts: readonly Alert[];
  /** Ends the turn: the next one is due, or the configuration goes. */
  readonly signal: AbortSignal;
  /** Tells that the configuration goes: no further attempt is made. */
  readonly ending: AbortSignal;
}

export interface PipelineParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly inhibitor: Inhibitor;
  readonly silences: Silences;
  readonly timeIntervals: ReadonlyMap<string, readonly TimeInterval[]>;
  readonly integrations: ReadonlyMap<string, readonly Integration[]>;
  readonly nflog: NotificationLog;
  readonly history: Pick<NotificationHistory, 'add'>;
  readonly metrics: NotificationMetrics;
  readonly troubles: TroubleLog;
  readonly templates: NotificationTemplates;
  readonly externalUrl: () => string;
  readonly random?: () => number;
}

/** Takes alerts out of a turn, in turns of the event loop where there are many. */
type MuteStage = (parts: PipelineParts, flush: Flush) => Promise<readonly Alert[]>;

const inhibit: MuteStage = ({ inhibitor, metrics, clock }, { alerts }) => {
  const now = clock.now();
  return counted(metrics, 'inhibition', alerts, (alert) => inhibitor.inhibitedBy(alert.labels, now) === undefined);
};

const muteByTime: MuteStage = async ({ timeIntervals, metrics }, { alerts, route, now }) => {
  const muted = mutingIntervals(route, timeIntervals, now);
  if (muted.outsideActive) return counted(metrics, 'active_time_interval', alerts, () => false);
  return muted.byMute.length > 0 ? counted(metrics, 'mute_time_interval', alerts, () => false) : alerts;
};

const silence: MuteStage = ({ silences, metrics, clock }, { alerts }) => {
  const now = clock.now();
  const isLoud = ({ fingerprint, labels }: Alert): boolean =>
    silences.silencedBy(fingerprint, labels, now).length === 0;
  return counted(metrics, 'silence', alerts, isLoud);
};

const MUTE_STAGES: readonly MuteStage[] = [inhibit, muteByTime, silence];

async function counted(
  metrics: NotificationMetrics,
  reason: string,
  alerts: readonly Alert[],
  keep: (alert: Alert) => boolean,
): Promise<readonly Alert[]> {
  const kept: Alert[] = [];
  for (const alert of alerts) {
    if (keep(alert)) kept.push(alert);
    if (turnIsOver()) await nextTurn();
  }
  if (kept.length < alerts.length) metrics.suppressed.inc({ reason }, alerts.length - kept.length);
  return kept;
}

/**
 * Brings a group's turn to its receiver: inhibition, time intervals, silences, then each integration on its own:
 * deduplication, sending with retries, notification log. Returns whether the turn is done with, so that resolved alerts
 * may leave the group; never rejects, as nobody waits for a turn.
 */
export async function runPipeline(parts: PipelineParts, flush: Flush): Promise<boolean> {
  try {
    return await runStages(parts, flush);
  } catch (error) {
    parts.logger.error('BUG: the turn of a group failed', { group: flush.groupKey, error });
    return false;
  }
}

async function runStages(parts: PipelineParts, flush: Flush): Promise<boolean> {
  let { alerts } = flush;
  for (const stage of MUTE_STAGES) alerts = await stage(parts, { ...flush, alerts });
  if (alerts.length === 0) return true;
  const integrations = parts.integrations.get(flush.route.receiver) ?? [];
  const done = await Promise.all(
    integrations.map((integration) =>
      notifyOne(parts, { ...flush, alerts }, integration).catch((error: unknown) => {
        // unforeseen; it must neither end the process nor keep the others from being heard
        parts.logger.error('BUG: a notification failed', { integration: integrationId(integration), error });
        return false;
      }),
    ),
  );
  return !done.includes(false);
}

/** There was nothing to tell. */
const NOTHING: Outcome = { kind: 'sent' };

/** One integration's part of the turn; whether it was sent or did not need to be. */
async function notifyOne(parts: PipelineParts, flush: Flush, integration: Integration): Promise<boolean> {
  const { nflog, troubles } = parts;
  const { groupKey, now, route, alerts } = flush;
  const id = integrationId(integration);
  const firing = await hashesOf(alerts.filter((alert) => !isResolved(alert, now)));
  const resolved = await hashesOf(alerts.filter((alert) => isResolved(alert, now)));
  const { sendResolved } = integration;
  const { repeatIntervalMs } = route;
  const group = { firing, resolved, sendResolved, repeatIntervalMs, now };
  const known = nflog.get(groupKey, id);
  const reason = notifyReason(known, group);
  if (reason === undefined) return true;
  const data: ReceiverData = reason === 'first notification' ? {} : { ...known?.data };
  // without send_resolved only firing alerts are told of, and nothing where none fires
  const wanted = sendResolved ? alerts : alerts.filter((alert) => !isResolved(alert, now));
  const sent =
    wanted.length === 0 ? NOTHING : await send(parts, { ...flush, alerts: wanted }, integration, reason, data);
  // that nothing was sent, or that it was cut off by a reload, says nothing about the receiver
  const isNews = sent !== NOTHING && (sent.kind !== 'failed' || sent.category !== 'contextCanceled');
  if (isNews) troubles.report(id, sent);
  if (sent.kind === 'not-configured') return true;
  if (sent.kind === 'failed') return false;
  try {
    nflog.log(groupKey, id, { firing, resolved, repeatIntervalMs, data });
    troubles.reportLog();
  } catch (error) {
    troubles.reportLog(error);
  }
  return true;
}

async function hashesOf(alerts: readonly Alert[]): Promise<BigUint64Array> {
  const hashes = new BigUint64Array(alerts.length);
  const slices = new Slices();
  for (let i = 0; i < alerts.length; i++) {
    hashes[i] = alertHash(alerts[i].labels);
    if (slices.isOver()) await slices.next();
  }
  return hashes;
}

/** The notification with the labels of its route rendered; those that cannot be are left out. */
function withRouteLabels({ templates, logger }: PipelineParts, notification: Notification): Notification {
  if (Object.keys(notification.routeLabels).length === 0) return notification;
  try {
    return { ...notification, routeLabels: renderRouteLabels(templates, notification) };
  } catch (error) {
    logger.error('The labels of a route cannot be rendered', { group: notification.groupKey, error });
    return { ...notification, routeLabels: {} };
  }
}

/** Sends the turn's alerts, with retries, and records how it went. */
async function send(
  parts: PipelineParts,
  flush: Flush,
  integration: Integration,
  reason: NotifyReason,
  data: ReceiverData,
): Promise<Outcome> {
  const { metrics, troubles, clock, history } = parts;
  const { route, groupKey, groupLabels, now, signal, ending, alerts } = flush;
  const notification = withRouteLabels(parts, {
    receiver: route.receiver,
    groupKey,
    groupLabels,
    routeLabels: route.labels,
    reason,
    alerts,
    externalUrl: parts.externalUrl(),
    now,
  });
  const begin = performance.now();
  const at = clock.now();
  let attempts = 0;
  const attempt = async (): Promise<Outcome> => {
    attempts++;
    const start = performance.now();
    const outcome = await integration.notify(notification, { signal, data });
    if (outcome.kind === 'not-configured') return outcome;
    metrics.attempted(integration, (performance.now() - start) / 1000, outcome.kind === 'failed');
    return outcome;
  };
  const id = integrationId(integration);
  const outcome = await notifyWithRetry(attempt, {
    clock,
    signal,
    ending,
    onFailure: (failure) => troubles.report(id, failure),
    ...(parts.random ? { random: parts.random } : {}),
  });
  if (outcome.kind !== 'not-configured') {
    metrics.notified(integration, outcome.kind === 'failed' ? outcome.category : undefined);
    history.add(
      notificationRecord(notification, integration, { outcome, at, attempts, ms: performance.now() - begin }),
    );
  }
  return outcome;
}
