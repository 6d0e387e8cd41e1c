import { setMaxListeners } from 'node:events';
import { type Clock, type Labels, nextTurn, Slices, turnIsOver } from '@avalanche/model';
import { type Alert, compareAlerts, isResolved } from '../alert/alert.ts';
import type { Flush } from '../notify/pipeline.ts';
import { STOPPED } from '../notify/retry.ts';
import { groupKey, type Route } from '../route/route.ts';

/** A turn may last as long as the group's interval, but not less than this (upstream notify.MinTimeout). */
const TURN_MS_MIN = 10_000;
const STOP_GRACE_MS = 1_000;

export interface AggregationGroupOptions {
  readonly route: Route;
  readonly labels: Labels;
  readonly clock: Clock;
  /** The first turn does not come before this time (milliseconds since the epoch). */
  readonly startAt: number;
  readonly flush: (flush: Flush) => Promise<boolean>;
}

/**
 * Alerts that are notified about together. The first turn comes group_wait after the first alert (at once where that
 * alert began longer ago), every further one group_interval after the one before.
 */
export class AggregationGroup {
  readonly route: Route;
  readonly labels: Labels;
  readonly key: string;
  private readonly alerts = new Map<string, Alert>();
  /** Fingerprints; a newer report of an alert has its place. */
  private order: readonly string[] | undefined;
  private readonly ending = new AbortController();
  private readonly stopped = new AbortController();
  private cancelTimer = (): void => {};
  /** When the next turn comes, in milliseconds. */
  nextTurnAt = 0;
  /** When the last one came; undefined before the first. */
  lastTurnAt: number | undefined;
  private flushing: Promise<void> | undefined;
  private turnIsDue = false;
  private hasBegun = false;

  constructor(private readonly options: AggregationGroupOptions) {
    this.route = options.route;
    this.labels = options.labels;
    this.key = groupKey(this.route, this.labels);
    // each integration of the receiver listens
    setMaxListeners(0, this.ending.signal);
  }

  get isEmpty(): boolean {
    return this.alerts.size === 0;
  }

  insert(alert: Alert): void {
    if (!this.alerts.has(alert.fingerprint)) this.order = undefined;
    this.alerts.set(alert.fingerprint, alert);
    if (this.hasBegun && this.lastTurnAt === undefined && this.hasWaited(alert)) this.scheduleFirst(0);
  }

  /** As `list`, in turns of the event loop. */
  private async sorted(): Promise<readonly Alert[]> {
    if (!this.order) {
      const { size } = this.alerts;
      const alerts = await new Slices().sort([...this.alerts.values()], compareAlerts);
      // none goes while its turn comes; where others have come, they are not waited for again
      if (this.alerts.size === size) this.order = alerts.map(({ fingerprint }) => fingerprint);
    }
    return this.list();
  }

  /** Lets the turns come. */
  begin(): void {
    if (this.hasBegun) return;
    this.hasBegun = true;
    const isLate = [...this.alerts.values()].some((alert) => this.hasWaited(alert));
    this.scheduleFirst(isLate ? 0 : this.route.groupWaitMs);
  }

  /** Whether an alert has fired for longer than a group waits. */
  private hasWaited({ startsAt }: Alert): boolean {
    return startsAt + this.route.groupWaitMs < this.options.clock.now();
  }

  /** In the order of notifications. */
  list(): readonly Alert[] {
    this.order ??= [...this.alerts.values()].sort(compareAlerts).map(({ fingerprint }) => fingerprint);
    return this.order.map((fingerprint) => this.alerts.get(fingerprint) as Alert);
  }

  /**
   * Ends the turns. An attempt that is under way may come to its end for a moment: cut off after the receiver has taken
   * it, it would be made again by the next configuration or process.
   */
  async stop(): Promise<void> {
    this.cancelTimer();
    this.ending.abort();
    const grace = setTimeout(() => this.stopped.abort(STOPPED), STOP_GRACE_MS);
    await this.flushing;
    clearTimeout(grace);
  }

  private scheduleFirst(delayMs: number): void {
    const { startAt, clock } = this.options;
    this.schedule(Math.max(delayMs, startAt - clock.now()));
  }

  private schedule(delayMs: number): void {
    this.cancelTimer();
    this.nextTurnAt = this.options.clock.now() + Math.max(0, delayMs);
    this.cancelTimer = this.options.clock.after(delayMs, () => this.turn());
  }

  /** A turn that comes while the one before still sends waits for it. */
  private turn(): void {
    if (this.flushing) {
      this.turnIsDue = true;
      return;
    }
    this.schedule(this.route.groupIntervalMs);
    this.lastTurnAt = this.options.clock.now();
    this.flushing = this.runTurn(this.options.clock.now()).finally(() => {
      this.flushing = undefined;
      if (this.turnIsDue && !this.ending.signal.aborted) {
        this.turnIsDue = false;
        this.turn();
      }
    });
  }

  private async runTurn(now: number): Promise<void> {
    // the turns of a storm's groups come at once; what the first have to send must get out before the last are looked at
    while (turnIsOver()) await nextTurn();
    const { clock } = this.options;
    const turn = new AbortController();
    setMaxListeners(0, turn.signal);
    const end = (): void => turn.abort(STOPPED);
    const turnMs = Math.max(TURN_MS_MIN, this.route.groupIntervalMs);
    const cancelDeadline = clock.after(now + turnMs - clock.now(), () => turn.abort());
    if (this.stopped.signal.aborted) end();
    this.stopped.signal.addEventListener('abort', end, { once: true });
    const snapshot = await this.sorted();
    // an alert that fires now is told as firing, also if its end comes while we send
    const alerts = snapshot.map((alert) => (isResolved(alert, now) ? alert : { ...alert, endsAt: 0 }));
    const { route, key, labels } = this;
    try {
      const done = await this.options.flush({
        route,
        groupKey: key,
        groupLabels: labels.toJSON(),
        now,
        alerts,
        signal: turn.signal,
        ending: this.ending.signal,
      });
      if (done) this.forgetResolved(snapshot, now);
    } finally {
      cancelDeadline();
      this.stopped.signal.removeEventListener('abort', end);
    }
  }

  private forgetResolved(snapshot: readonly Alert[], now: number): void {
    for (const alert of snapshot) {
      if (!isResolved(alert, now)) continue;
      const unchanged = this.alerts.get(alert.fingerprint) === alert;
      if (!unchanged) continue;
      this.alerts.delete(alert.fingerprint);
      this.order = undefined;
    }
  }
}
