import { goTime, isResolved } from '../../alert/alert.ts';
import {
  commonAnnotations,
  commonLabels,
  type Notification,
  notificationStatus,
  quoteMeta,
} from '../../template/data.ts';

/** The message that webhooks and incident.io get, in upstream's order of keys. */
export function dataMessage(notification: Notification, options: { version: string; maxAlerts: number }) {
  const { alerts, now } = notification;
  const shown = truncateAlerts(notification, options.maxAlerts);
  return {
    receiver: quoteMeta(notification.receiver),
    status: notificationStatus(shown),
    alerts: shown.alerts.map((alert) => ({
      status: isResolved(alert, now) ? 'resolved' : 'firing',
      labels: alert.labels.toJSON(),
      annotations: alert.annotations,
      startsAt: goTime(alert.startsAt),
      endsAt: goTime(alert.endsAt),
      generatorURL: alert.generatorURL,
      fingerprint: alert.fingerprint,
    })),
    notification_reason: notification.reason,
    groupLabels: notification.groupLabels,
    commonLabels: commonLabels(shown),
    commonAnnotations: commonAnnotations(shown),
    routeLabels: notification.routeLabels,
    externalURL: notification.externalUrl,
    version: options.version,
    groupKey: notification.groupKey,
    truncatedAlerts: alerts.length - shown.alerts.length,
  };
}

/** The notification with its first alerts only; 0 keeps all. */
export function truncateAlerts(notification: Notification, maxAlerts: number): Notification {
  const { alerts } = notification;
  return maxAlerts > 0 && alerts.length > maxAlerts
    ? { ...notification, alerts: alerts.slice(0, maxAlerts) }
    : notification;
}
