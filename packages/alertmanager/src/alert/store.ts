import { type Clock, Slices } from '@avalanche/model';
import { type Alert, isResolved, mergeAlerts, overlaps } from './alert.ts';

export interface AlertStoreOptions {
  readonly clock: Clock;
  /** How often ended alerts are forgotten, in milliseconds. */
  readonly gcIntervalMs: number;
  /** Most alerts with one `alertname`; 0 or less is without bound. */
  readonly perName: number;
  /** Told of the name of each alert that the bound kept out. */
  readonly onLimited: (alertname: string) => void;
}

/** All alerts that fire or lately did, by fingerprint. Whoever subscribes hears of every change. */
export class AlertStore {
  private readonly alerts = new Map<string, Alert>();
  private readonly namesakes = new Map<string, number>();
  private readonly listeners = new Set<(alert: Alert) => void>();
  private readonly removalListeners = new Set<(alert: Alert) => void>();
  private stopTimer = (): void => {};

  constructor(private readonly options: AlertStoreOptions) {
    this.scheduleGc();
  }

  /** Takes reports of alerts, many of them in turns of the event loop. */
  async put(alerts: readonly Alert[]): Promise<void> {
    const slices = new Slices();
    for (const report of alerts) {
      this.take(report, this.options.clock.now());
      if (slices.isOver()) await slices.next();
    }
  }

  get(fingerprint: string): Alert | undefined {
    return this.alerts.get(fingerprint);
  }

  /** Every alert, those that have resolved since the last collection included. */
  all(): Alert[] {
    return [...this.alerts.values()];
  }

  /** Shows each alert that there is, as it then is, in turns of the event loop. */
  async each(look: (alert: Alert) => void): Promise<void> {
    const slices = new Slices();
    for (const { fingerprint } of this.all()) {
      const alert = this.alerts.get(fingerprint);
      if (alert) look(alert);
      if (slices.isOver()) await slices.next();
    }
  }

  /** Alerts that fire now. */
  pending(): Alert[] {
    const now = this.options.clock.now();
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

  private take(report: Alert, now: number): void {
    const known = this.alerts.get(report.fingerprint);
    if (!known && !this.admit(report)) return;
    const merged = known && overlaps(known, report) ? mergeAlerts(known, report, now) : report;
    const alert = known ? sharing(known, merged) : merged;
    this.alerts.set(alert.fingerprint, alert);
    for (const listener of this.listeners) listener(alert);
  }

  private scheduleGc(): void {
    this.stopTimer = this.options.clock.after(this.options.gcIntervalMs, () => {
      void this.collect();
      this.scheduleGc();
    });
  }

  private async collect(): Promise<void> {
    await this.each((alert) => {
      if (!isResolved(alert, this.options.clock.now())) return;
      this.alerts.delete(alert.fingerprint);
      this.countNamesake(alert, -1);
      for (const listener of this.removalListeners) listener(alert);
    });
  }

  /** Whether a new alert is within the bound on its namesakes. */
  private admit(alert: Alert): boolean {
    const { perName, onLimited } = this.options;
    if (perName <= 0) return true;
    if ((this.namesakes.get(alert.labels.get('alertname')) ?? 0) < perName) {
      this.countNamesake(alert, 1);
      return true;
    }
    onLimited(alert.labels.get('alertname'));
    return false;
  }

  private countNamesake(alert: Alert, change: 1 | -1): void {
    if (this.options.perName <= 0) return;
    const name = alert.labels.get('alertname');
    const count = (this.namesakes.get(name) ?? 0) + change;
    if (count > 0) this.namesakes.set(name, count);
    else this.namesakes.delete(name);
  }
}

/** `alert` with what is the same in `known` taken from there, so that an alert that is reported for days stays one in memory. */
function sharing(known: Alert, alert: Alert): Alert {
  const { labels, fingerprint, generatorURL } = known;
  const annotations = isSameMap(known.annotations, alert.annotations) ? known.annotations : alert.annotations;
  return {
    ...{ labels, fingerprint, annotations },
    generatorURL: generatorURL === alert.generatorURL ? generatorURL : alert.generatorURL,
    startsAt: alert.startsAt,
    endsAt: alert.endsAt,
    updatedAt: alert.updatedAt,
    timeout: alert.timeout,
  };
}

function isSameMap(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  let count = 0;
  for (const name in a) {
    if (a[name] !== b[name]) return false;
    count++;
  }
  for (const _name in b) count--;
  return count === 0;
}
