import type { Clock } from '@avalanche/model';
import { Counter, Gauge, type Registry } from 'prom-client';

/** What upstream tells whoever looks at the server. */
export const RELOAD_FAILED = 'Configuration reload has failed.';
export const STARTING = 'Prometheus is starting and replaying the write-ahead log (WAL).';
export const STOPPING = 'Prometheus is shutting down and gracefully stopping all operations.';

/** As the API shows it; one that has ended is told once more, to those who listen. */
export interface Notification {
  readonly text: string;
  readonly date: string;
  readonly active: boolean;
}

type Listener = (notification: Notification) => void;

/** Messages about the state of the server, for its web pages: those that hold now, and who waits for the next. */
export class Notifications {
  private readonly current = new Map<string, Notification>();
  private readonly listeners = new Set<Listener>();
  private readonly sent: Counter;

  constructor(
    private readonly clock: Clock,
    registry: Registry,
    /** `--web.max-notifications-subscribers` */
    private readonly listenersMax = 16,
  ) {
    const registers = [registry];
    const { listeners } = this;
    new Gauge({
      name: 'prometheus_api_notification_active_subscribers',
      help: 'Who listens to notifications now.',
      registers,
      collect() {
        this.set(listeners.size);
      },
    });
    this.sent = new Counter({
      name: 'prometheus_api_notification_updates_sent_total',
      help: 'Notifications told to those who listen.',
      registers,
    });
    // What is not taken waits in the connection: nothing is dropped, as there are few and they are short.
    new Counter({
      name: 'prometheus_api_notification_updates_dropped_total',
      help: 'Notifications dropped because whoever listens did not take them.',
      registers,
    });
  }

  /** Those that hold. */
  get all(): readonly Notification[] {
    return [...this.current.values()];
  }

  /** Says it, or says it again. */
  add(text: string): void {
    const notification = { text, date: new Date(this.clock.now()).toISOString(), active: true };
    this.current.set(text, notification);
    this.tell(notification);
  }

  /** Takes it back, where it holds. */
  remove(text: string): void {
    const notification = this.current.get(text);
    if (!notification) return;
    this.current.delete(text);
    this.tell({ ...notification, active: false });
  }

  /** Tells `listener` what holds now and what changes. @returns how to end that; undefined where too many listen */
  listen(listener: Listener): (() => void) | undefined {
    if (this.listeners.size >= this.listenersMax) return undefined;
    this.listeners.add(listener);
    for (const notification of this.current.values()) listener(notification);
    return () => this.listeners.delete(listener);
  }

  private tell(notification: Notification): void {
    for (const listener of this.listeners) {
      this.sent.inc();
      listener(notification);
    }
  }
}
