import { type Clock, Labels } from '@avalanche/model';
import type { Alert } from '../alert/alert.ts';
import type { NotificationHistory } from './history.ts';

const KEPT_MS = 24 * 3_600_000;
const ALERTS_MAX = 100_000;

/** The alerts of the last 24 hours by their labels, so that a new silence can say what it would have kept quiet. */
export class SeenAlerts {
  /** In the order of `at`, oldest first. */
  private readonly seen = new Map<string, { readonly labels: Labels; readonly at: number }>();

  constructor(private readonly clock: Clock) {}

  see({ fingerprint, labels }: Pick<Alert, 'fingerprint' | 'labels'>, at = this.clock.now()): void {
    this.seen.delete(fingerprint);
    this.seen.set(fingerprint, { labels, at });
    this.forgetOld();
  }

  /** Learns what was notified about before a restart. */
  async restore(history: NotificationHistory): Promise<void> {
    const since = this.clock.now() - KEPT_MS;
    const before = new Map<string, { labels: Labels; at: number }>();
    for await (const record of history.newestFirst()) {
      const at = Date.parse(record.at);
      if (at < since || before.size >= ALERTS_MAX) break;
      for (const { fingerprint, labels } of record.alerts) {
        if (!before.has(fingerprint)) before.set(fingerprint, { labels: Labels.from(labels), at });
      }
    }
    const sinceStart = [...this.seen];
    this.seen.clear();
    for (const [fingerprint, alert] of [...before].reverse()) this.seen.set(fingerprint, alert);
    for (const [fingerprint, { labels, at }] of sinceStart) this.see({ fingerprint, labels }, at);
  }

  /** Labels of every alert of the last 24 hours. */
  all(): Labels[] {
    this.forgetOld();
    return [...this.seen.values()].map(({ labels }) => labels);
  }

  private forgetOld(): void {
    const since = this.clock.now() - KEPT_MS;
    for (const [fingerprint, { at }] of this.seen) {
      if (at >= since && this.seen.size <= ALERTS_MAX) break;
      this.seen.delete(fingerprint);
    }
  }
}
