import { type Clock, Labels } from '@avalanche/model';
import type { Alert } from '../alert/alert.ts';
import type { NotificationHistory } from './history.ts';

const KEPT_MS = 24 * 3_600_000;
const ALERTS_MAX = 100_000;

/** How often those that are older are looked for. */
const SWEEP_MS = 10 * 60_000;

interface Seen {
  labels: Labels;
  at: number;
}

/** The alerts of the last 24 hours by their labels, so that a new silence can say what it would have kept quiet. */
export class SeenAlerts {
  private readonly seen = new Map<string, Seen>();
  private sweptAt = 0;

  constructor(private readonly clock: Clock) {}

  see({ fingerprint, labels }: Pick<Alert, 'fingerprint' | 'labels'>, at = this.clock.now()): void {
    const known = this.seen.get(fingerprint);
    if (known) known.at = Math.max(known.at, at);
    else if (this.seen.size < ALERTS_MAX) this.seen.set(fingerprint, { labels, at });
    if (at - this.sweptAt > SWEEP_MS) this.forgetOld();
  }

  /** Learns what was notified about before a restart. */
  async restore(history: NotificationHistory): Promise<void> {
    const since = this.clock.now() - KEPT_MS;
    for await (const record of history.newestFirst()) {
      const at = Date.parse(record.at);
      if (at < since || this.seen.size >= ALERTS_MAX) break;
      for (const { fingerprint, labels } of record.alerts) this.see({ fingerprint, labels: Labels.from(labels) }, at);
    }
  }

  /** Labels of every alert of the last 24 hours. */
  all(): Labels[] {
    this.forgetOld();
    return [...this.seen.values()].map(({ labels }) => labels);
  }

  private forgetOld(): void {
    this.sweptAt = this.clock.now();
    const since = this.sweptAt - KEPT_MS;
    for (const [fingerprint, { at }] of this.seen) if (at < since) this.seen.delete(fingerprint);
  }
}
