import { nextTurn, turnIsOver } from '@avalanche/model';
import { type Alert, goTime, isResolved } from '../../alert/alert.ts';
import {
  commonAnnotations,
  commonLabels,
  type Notification,
  notificationStatus,
  quoteMeta,
  truncateAlerts,
} from '../../template/data.ts';

/** The message that webhooks and incident.io get, as JSON in upstream's order of keys, made in turns of the event loop. */
export async function dataMessage(
  notification: Notification,
  options: { readonly version: string; readonly maxAlerts: number },
): Promise<string> {
  const { alerts, now } = notification;
  const shown = truncateAlerts(notification, options.maxAlerts);
  const texts: string[] = [];
  for (const alert of shown.alerts) {
    texts.push(alertJson(alert, now));
    if (turnIsOver()) await nextTurn();
  }
  const before = JSON.stringify({ receiver: quoteMeta(notification.receiver), status: notificationStatus(shown) });
  const after = JSON.stringify({
    notification_reason: notification.reason,
    groupLabels: notification.groupLabels,
    commonLabels: commonLabels(shown),
    commonAnnotations: commonAnnotations(shown),
    routeLabels: notification.routeLabels,
    externalURL: notification.externalUrl,
    version: options.version,
    groupKey: notification.groupKey,
    truncatedAlerts: alerts.length - shown.alerts.length,
  });
  return `${before.slice(0, -1)},"alerts":[${texts.join(',')}],${after.slice(1)}`;
}

function alertJson(alert: Alert, now: number): string {
  return JSON.stringify({
    status: isResolved(alert, now) ? 'resolved' : 'firing',
    labels: alert.labels.toJSON(),
    annotations: alert.annotations,
    startsAt: goTime(alert.startsAt),
    endsAt: goTime(alert.endsAt),
    generatorURL: alert.generatorURL,
    fingerprint: alert.fingerprint,
  });
}
