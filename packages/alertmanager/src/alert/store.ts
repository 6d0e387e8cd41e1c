import type { Clock } from '@avalanche/model';
import { type Alert, isResolved, mergeAlerts, overlaps } from './alert.ts';

/** More alerts than this are refused; upstream has no bound. */
export const ALERTS_MAX = 200_000;
const GC_INTERVAL_MS = 30 * 60_000;

/** All alerts that fire or lately did, by fingerprint. Whoever subscribes hears of every change. */
export class AlertStore {
  private readonly alerts = new Map<string, Alert>();
  private readonly listeners = new Set<(alert: Alert) => void>();
  private readonly removalListeners = new Set<(alert: Alert) => void>();
  private stopTimer = (): void => {};

  constructor(
    private readonly clock: Clock,
    private readonly max = ALERTS_MAX,
  ) {
    this.scheduleGc();
  }

  /** Takes reports of alerts. Returns how many were refused because the store is full. */
  put(alerts: readonly Alert[]): number {
    const now = this.clock.now();
    let refused = 0;
    for (const report of alerts) {
      const known = this.alerts.get(report.fingerprint);
      if (!known && this.alerts.size >= this.max) {
        refused++;
        continue;
      }
      const alert = known && overlaps(known, report) ? mergeAlerts(known, report, now) : report;
      this.alerts.set(alert.fingerprint, alert);
      for (const listener of this.listeners) listener(alert);
    }
    return refused;
  }

  get(fingerprint: string): Alert | undefined {
    return this.alerts.get(fingerprint);
  }

  /** Every alert, those that have resolved since the last collection included. */
  all(): Alert[] {
    return [...this.alerts.values()];
  }

  /** Alerts that fire now. */
  pending(): Alert[] {
    const now = this.clock.now();
    return this.all().filter((alert) => !isResolved(alert, now));
  }

  /** Calls `listener` for each change from now on; the function returned ends it. */
  subscribe(listener: (alert: Alert) => void, onRemoved: (alert: Alert) => void = () => {}): () => void {
    this.listeners.add(listener);
    this.removalListeners.add(onRemoved);
    return () => {
      this.listeners.delete(listener);
      this.removalListeners.delete(onRemoved);
    };
  }

  stop(): void {
    this.stopTimer();
  }

  private scheduleGc(): void {
    this.stopTimer = this.clock.after(GC_INTERVAL_MS, () => {
      this.collect();
      this.scheduleGc();
    });
  }

  private collect(): void {
    const now = this.clock.now();
    for (const alert of this.alerts.values()) {
      if (!isResolved(alert, now)) continue;
      this.alerts.delete(alert.fingerprint);
      for (const listener of this.removalListeners) listener(alert);
    }
  }
}
