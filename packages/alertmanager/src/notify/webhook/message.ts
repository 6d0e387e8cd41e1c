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

/** Texts are encoded in pieces of about this many characters: 20 MB at once hold the event loop for 100 ms. */
const PIECE_CHARACTERS = 64 * 1024;

/**
 * The message that webhooks and incident.io get, as a line of JSON in upstream's order of keys, made in turns of the
 * event loop.
 */
export async function dataMessage(
  notification: Notification,
  options: { readonly version: string; readonly maxAlerts: number },
): Promise<Buffer> {
  const { alerts, now } = notification;
  const shown = truncateAlerts(notification, options.maxAlerts);
  const before = JSON.stringify({ receiver: quoteMeta(notification.receiver), status: notificationStatus(shown) });
  const pieces: Buffer[] = [];
  let text = `${before.slice(0, -1)},"alerts":[`;
  for (const [i, alert] of shown.alerts.entries()) {
    text += i === 0 ? alertJson(alert, now) : `,${alertJson(alert, now)}`;
    if (text.length >= PIECE_CHARACTERS) {
      pieces.push(Buffer.from(text));
      text = '';
    }
    if (turnIsOver()) await nextTurn();
  }
  const labels = commonLabels(shown);
  // asked again in the new turn, which lasts from then on
  while (turnIsOver()) await nextTurn();
  const after = JSON.stringify({
    notification_reason: notification.reason,
    groupLabels: notification.groupLabels,
    commonLabels: labels,
    commonAnnotations: commonAnnotations(shown),
    routeLabels: notification.routeLabels,
    externalURL: notification.externalUrl,
    version: options.version,
    groupKey: notification.groupKey,
    truncatedAlerts: alerts.length - shown.alerts.length,
  });
  pieces.push(Buffer.from(`${text}],${after.slice(1)}\n`));
  while (turnIsOver()) await nextTurn();
  return Buffer.concat(pieces);
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
