import { newUlid } from '@avalanche/model';
import { type Alert, goTime, isResolved } from '../alert/alert.ts';
import type { FailureCategory, Integration, IntegrationKind, Outcome } from '../notify/integration.ts';
import type { Notification } from '../template/data.ts';

/** Alerts of a notification that are kept whole; of all others the fingerprints are. */
const WHOLE_ALERTS_MAX = 20;
const FINGERPRINTS_MAX = 10_000;
/** As soon as the alerts' texts come to this many characters, no further one is kept whole. */
const WHOLE_CHARACTERS_MAX = 256 * 1024;

/** An alert as a notification told of it. */
export interface NotifiedAlert {
  readonly fingerprint: string;
  readonly status: 'firing' | 'resolved';
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** RFC 3339. */
  readonly startsAt: string;
  /** Where it still fired, empty. */
  readonly endsAt: string;
  readonly generatorURL: string;
}

/** One notification: what was told to whom, why, what the receiver's server said, and how long it took. */
export interface NotificationRecord {
  /** A ULID of the time at which it was begun. */
  readonly id: string;
  /** When it was begun, RFC 3339. */
  readonly at: string;
  readonly receiver: string;
  readonly integration: IntegrationKind;
  readonly index: number;
  readonly groupKey: string;
  readonly groupLabels: Readonly<Record<string, string>>;
  /** `first notification`, `repeat interval elapsed`, …; `test` for one that somebody asked for. */
  readonly reason: string;
  readonly status: 'sent' | 'failed';
  /** What the server answered, or why it failed. */
  readonly reply: string;
  readonly category?: FailureCategory;
  readonly attempts: number;
  readonly durationSeconds: number;
  readonly firing: number;
  readonly resolved: number;
  /** The first of its alerts, firing ones first. */
  readonly alerts: readonly NotifiedAlert[];
  /** Of the alerts that are not in `alerts`. */
  readonly otherFingerprints: readonly string[];
}

/** How a notification went. */
export interface Course {
  readonly outcome: Exclude<Outcome, { readonly kind: 'not-configured' }>;
  /** When it was begun, in milliseconds since the epoch. */
  readonly at: number;
  readonly attempts: number;
  readonly ms: number;
}

export function notificationRecord(
  notification: Notification,
  { receiver, kind, index }: Integration,
  { outcome, at, attempts, ms }: Course,
): NotificationRecord {
  const { groupKey, groupLabels, reason, alerts, now } = notification;
  const resolved = alerts.filter((alert) => isResolved(alert, now));
  const firing = alerts.filter((alert) => !isResolved(alert, now));
  const all = [...firing, ...resolved];
  const whole = wholeAlerts(all);
  return {
    id: newUlid(at),
    at: goTime(at),
    receiver,
    integration: kind,
    index,
    groupKey,
    groupLabels,
    reason,
    status: outcome.kind,
    ...(outcome.kind === 'sent'
      ? { reply: outcome.reply ?? '' }
      : { reply: outcome.reason, category: outcome.category }),
    attempts,
    durationSeconds: Math.round(ms) / 1000,
    firing: firing.length,
    resolved: resolved.length,
    alerts: all.slice(0, whole).map((alert) => notifiedAlert(alert, now)),
    otherFingerprints: all.slice(whole, FINGERPRINTS_MAX).map(({ fingerprint }) => fingerprint),
  };
}

/** How many of the alerts are kept whole: a huge one would be on the disk again with each notification of it. */
function wholeAlerts(alerts: readonly Alert[]): number {
  let characters = 0;
  const count = Math.min(alerts.length, WHOLE_ALERTS_MAX);
  for (let i = 0; i < count; i++) {
    const { labels, annotations } = alerts[i];
    for (const part of labels.pairs) characters += part.length;
    for (const name in annotations) characters += name.length + annotations[name].length;
    if (characters > WHOLE_CHARACTERS_MAX) return i;
  }
  return count;
}

function notifiedAlert(alert: Alert, now: number): NotifiedAlert {
  const { fingerprint, labels, annotations, startsAt, endsAt, generatorURL } = alert;
  const ended = isResolved(alert, now);
  return {
    fingerprint,
    status: ended ? 'resolved' : 'firing',
    labels: labels.toJSON(),
    annotations,
    startsAt: goTime(startsAt),
    endsAt: ended ? goTime(endsAt) : '',
    generatorURL,
  };
}

/** Whether a record tells of an alert. */
export function tellsOf(record: NotificationRecord, fingerprint: string): boolean {
  return (
    record.alerts.some((alert) => alert.fingerprint === fingerprint) || record.otherFingerprints.includes(fingerprint)
  );
}
