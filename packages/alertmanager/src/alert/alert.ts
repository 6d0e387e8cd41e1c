import { compareStrings, type Labels } from '@avalanche/model';

/** An alert as it was received. Times are milliseconds since the epoch; 0 is "not set" (Go's zero time). */
export interface Alert {
  readonly fingerprint: string;
  readonly labels: Labels;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAt: number;
  /** When it ended or will be taken for ended; 0 inside a notification means that it still fires. */
  readonly endsAt: number;
  readonly updatedAt: number;
  /** Whether `endsAt` is ours (resolve_timeout), not the sender's. */
  readonly timeout: boolean;
  readonly generatorURL: string;
}

export function isResolved(alert: Alert, now: number): boolean {
  return alert.endsAt !== 0 && alert.endsAt <= now;
}

/**
 * One alert of two reports with the same labels (upstream types.Alert.Merge): the earliest start; the younger report's
 * end, but an explicit end of the older one where it is later.
 */
export function mergeAlerts(a: Alert, b: Alert, now: number): Alert {
  const [older, younger] = b.updatedAt < a.updatedAt ? [b, a] : [a, b];
  const startsAt = Math.min(older.startsAt, younger.startsAt);
  let { endsAt } = younger;
  if (older.endsAt > endsAt) {
    const olderCounts = isResolved(younger, now) ? isResolved(older, now) : !older.timeout;
    if (olderCounts) endsAt = older.endsAt;
  }
  return { ...younger, startsAt, endsAt };
}

/** Whether two reports are about the same occurrence: one begins or ends within the other (upstream mem.Alerts.Put). */
export function overlaps(known: Alert, report: Alert): boolean {
  return (
    (report.endsAt > known.startsAt && report.endsAt < known.endsAt) ||
    (report.startsAt > known.startsAt && report.startsAt < known.endsAt)
  );
}

/** The order of alerts in a notification: by job, instance (those without last), then all labels (upstream types.AlertSlice). */
export function compareAlerts(a: Alert, b: Alert): number {
  return (
    compareLabel('job', a.labels, b.labels) ||
    compareLabel('instance', a.labels, b.labels) ||
    a.labels.size - b.labels.size ||
    a.labels.compare(b.labels)
  );
}

function compareLabel(name: string, a: Labels, b: Labels): number {
  const [first, second] = [a.get(name), b.get(name)];
  if (first === second) return 0;
  // '' is none
  if (first === '' || second === '') return first === '' ? 1 : -1;
  return compareStrings(first, second);
}

/** The last time that was printed: alerts that come together have begun together. */
const printed = { ms: 0, text: '0001-01-01T00:00:00Z' };

/** A time as Go prints it in JSON: RFC 3339 without needless zeros; 0 is Go's zero time. */
export function goTime(ms: number): string {
  if (ms === 0) return '0001-01-01T00:00:00Z';
  if (ms === printed.ms) return printed.text;
  const text = new Date(ms).toISOString().replace(/\.?0*Z$/, 'Z');
  printed.ms = ms;
  printed.text = text;
  return text;
}
