import { type Clock, type Labels, type Logger, Matcher, METRIC_NAME, SampleColumns } from '@avalanche/model';
import { type Appender, type Tsdb, UNKNOWN_SERIES } from '@avalanche/tsdb';
import { firstSlot, nextSlot } from '../beat.ts';
import { AlertingRule, type RuleAlert } from './alerting.ts';
import type { QueryVector, Rule } from './rule.ts';

/** How far back a restart looks for the state of alerts, and the `for` below which it does not (upstream's defaults). */
const OUTAGE_TOLERANCE_MS = 60 * 60_000;
const FOR_GRACE_PERIOD_MS = 10 * 60_000;

export interface RuleGroupContext {
  readonly tsdb: Tsdb;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly query: QueryVector;
  /** Passes on the alerts that Alertmanager must hear about, with the time until which each holds. */
  readonly notify: (alerts: readonly RuleAlert[], validUntil: number, expression: string) => void;
  readonly resendDelayMs: number;
  readonly evaluated: (rule: Rule, seconds: number, failed: boolean) => void;
}

/** Rules that are evaluated one after the other at one moment, once an interval. */
export class RuleGroup {
  /** Milliseconds; 0 before the first evaluation. */
  lastEvaluation = 0;
  evaluationSeconds = 0;
  missedIterations = 0;
  private readonly appender: Appender;
  /** By rule: the series that its last evaluation wrote. */
  private readonly written: Map<string, { readonly labels: Labels; ref: number }>[];
  /** Series of rules that a reload took out of the group; they end at its next evaluation. */
  private readonly orphans: number[] = [];
  /** Evaluations until the state from before a restart is looked for. */
  private evaluationsToRestore = 0;
  private readonly abort = new AbortController();
  private cancelTimer: () => void = () => {};
  private running: Promise<void> = Promise.resolve();
  private stopped = false;

  constructor(
    readonly name: string,
    readonly file: string,
    readonly intervalMs: number,
    readonly limit: number,
    readonly queryOffsetMs: number,
    readonly rules: readonly Rule[],
    /** The group's configuration as text: equal text means that a reload keeps the group and its state. */
    readonly fingerprint: string,
    private readonly context: RuleGroupContext,
  ) {
    this.appender = context.tsdb.appender();
    this.written = rules.map(() => new Map());
  }

  start(): void {
    this.schedule(firstSlot(`${this.file};${this.name}`, this.intervalMs, this.context.clock.now()));
  }

  /** Stops evaluating; a query under way is given up. Never rejects. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.cancelTimer();
    this.abort.abort();
    await this.running;
  }

  /** Ends the series of a stopped group, as when its rules are gone for good. */
  endSeries(): void {
    const time = this.context.clock.now();
    for (const ref of this.orphans) this.appender.appendStale(ref, time);
    for (const series of this.written) for (const { ref } of series.values()) this.appender.appendStale(ref, time);
    try {
      this.appender.commit();
    } catch (error) {
      this.context.logger.error('Series of a rule group could not be ended', { group: this.name, error });
    }
  }

  /** Looks for the state from before a restart after two evaluations, when there is fresh data to alert on (upstream). */
  restoreState(): void {
    this.evaluationsToRestore = 2;
    for (const rule of this.rules) {
      if (rule instanceof AlertingRule) rule.restored = rule.options.holdMs < FOR_GRACE_PERIOD_MS;
    }
  }

  /**
   * Goes on where a stopped group of the same name left off before a reload: rules of the same name and labels keep
   * their alerts and series, what other rules wrote ends (upstream's CopyState).
   */
  takeOver(before: RuleGroup): void {
    this.evaluationsToRestore = before.evaluationsToRestore;
    this.orphans.push(...before.orphans);
    const left = new Set(before.rules.keys());
    this.rules.forEach((rule, i) => {
      const match = [...left].find((j) => identity(before.rules[j]) === identity(rule));
      if (match === undefined) return;
      left.delete(match);
      this.written[i] = before.written[match];
      const known = before.rules[match];
      if (rule instanceof AlertingRule && known instanceof AlertingRule) rule.takeOver(known);
    });
    for (const j of left) for (const { ref } of before.written[j].values()) this.orphans.push(ref);
  }

  private schedule(slot: number): void {
    const { clock, logger } = this.context;
    this.cancelTimer = clock.after(slot - clock.now(), () => {
      this.running = this.evaluate(slot).catch((error: unknown) => {
        logger.error('Rule group could not be evaluated', { group: this.name, error });
      });
      void this.running.then(() => {
        if (this.stopped) return;
        const { next, missed } = nextSlot(slot, this.intervalMs, clock.now());
        this.missedIterations += missed;
        this.schedule(next);
      });
    });
  }

  /** Evaluates all rules as of `time` (milliseconds). */
  async evaluate(time: number): Promise<void> {
    const begin = performance.now();
    for (let i = 0; i < this.rules.length; i++) {
      if (this.stopped) return;
      await this.evaluateRule(i, time);
    }
    this.endOrphans(time);
    if (this.evaluationsToRestore > 0 && --this.evaluationsToRestore === 0) await this.restoreAlerts(time);
    this.lastEvaluation = time;
    this.evaluationSeconds = (performance.now() - begin) / 1000;
  }

  private async evaluateRule(index: number, time: number): Promise<void> {
    const rule = this.rules[index];
    const { status } = rule;
    const begin = performance.now();
    const { signal } = this.abort;
    const origin = { ruleGroup: { file: this.file, name: this.name } };
    try {
      const samples = await rule.evaluate(
        time,
        (expression, at) => this.context.query(expression, at - this.queryOffsetMs, signal, origin),
        this.limit,
      );
      // Before anything is written: a full disk must not keep an alert from going out.
      if (rule instanceof AlertingRule) this.send(rule, time);
      this.write(index, samples, time - this.queryOffsetMs);
      status.health = 'ok';
      status.lastError = '';
    } catch (error) {
      if (this.stopped) return;
      status.health = 'err';
      status.lastError = (error as Error).message;
      this.context.logger.warn('Evaluating rule failed', { group: this.name, rule: rule.name, error });
    }
    status.lastEvaluation = time;
    status.evaluationSeconds = (performance.now() - begin) / 1000;
    this.context.evaluated(rule, status.evaluationSeconds, status.health === 'err');
  }

  private send(rule: AlertingRule, time: number): void {
    const { resendDelayMs, notify } = this.context;
    const alerts = rule.toSend(time, resendDelayMs);
    if (alerts.length === 0) return;
    for (const alert of alerts) alert.lastSentAt = time;
    notify(alerts, time + 4 * Math.max(this.intervalMs, resendDelayMs), rule.expression);
  }

  /** Writes what a rule came to, and ends the series that it wrote last time and not now. */
  private write(index: number, samples: readonly { readonly labels: Labels; readonly value: number }[], time: number) {
    const before = this.written[index];
    const now = new Map<string, { readonly labels: Labels; ref: number }>();
    for (const { labels, value } of samples) {
      const series = before.get(labels.key) ?? { labels, ref: this.appender.seriesRef(labels) };
      if (this.appender.append(series.ref, time, value) === UNKNOWN_SERIES) {
        series.ref = this.appender.seriesRef(labels);
        this.appender.append(series.ref, time, value);
      }
      now.set(labels.key, series);
    }
    for (const [key, { ref }] of before) if (!now.has(key)) this.appender.appendStale(ref, time);
    this.appender.commit();
    this.written[index] = now;
  }

  private endOrphans(time: number): void {
    if (this.orphans.length === 0) return;
    for (const ref of this.orphans) this.appender.appendStale(ref, time);
    this.appender.commit();
    this.orphans.length = 0;
  }

  private async restoreAlerts(time: number): Promise<void> {
    for (const rule of this.rules) {
      if (rule instanceof AlertingRule && !rule.restored) await this.restore(rule, time);
    }
  }

  /**
   * After a restart: an alert that was active before it goes on from its `ALERTS_FOR_STATE` instead of from now
   * (upstream's RestoreForState).
   */
  private async restore(rule: AlertingRule, time: number): Promise<void> {
    rule.restored = true;
    const { holdMs } = rule.options;
    if (rule.alerts.size === 0) return;
    const matchers = [new Matcher('=', METRIC_NAME, 'ALERTS_FOR_STATE'), new Matcher('=', 'alertname', rule.name)];
    const querier = this.context.tsdb.querier(time - OUTAGE_TOLERANCE_MS, time);
    const columns = new SampleColumns();
    try {
      for (const series of await querier.select(matchers)) {
        const alert = rule.alerts.get(series.labels.without(METRIC_NAME).key);
        columns.length = 0;
        if (!alert || series.read(time - OUTAGE_TOLERANCE_MS, time - 1, columns) === 0) continue;
        const last = columns.length - 1;
        if (columns.isStale(last)) continue;
        alert.activeAt = restoredActiveAt(columns.v[last] * 1000, columns.t[last], time, holdMs);
      }
    } finally {
      querier.close();
    }
  }
}

/** What tells a rule from the others of its group. */
function identity(rule: Rule): string {
  return JSON.stringify([rule.name, Object.entries(rule.labels).sort()]);
}

/** When a restored alert counts as having become active. All in milliseconds. */
export function restoredActiveAt(activeAt: number, lastSeen: number, now: number, holdMs: number): number {
  const remaining = holdMs - (lastSeen - activeAt);
  if (remaining <= 0) return activeAt;
  if (remaining < FOR_GRACE_PERIOD_MS) return now + FOR_GRACE_PERIOD_MS - holdMs;
  return activeAt + (now - lastSeen);
}
