import type { Clock, Logger } from '@avalanche/model';
import type { Appender, Tsdb } from '@avalanche/tsdb';
import { firstSlot, nextSlot } from '../beat.ts';
import { AlertingRule, type RuleAlert } from './alerting.ts';
import { type Batch, batchesOf, type EvaluationSlots } from './dependencies.ts';
import type { RuleMetrics } from './metrics.ts';
import { DEFAULT_RESTORE, type RestoreOptions, restoreAlerts } from './restore.ts';
import type { QueryVector, Rule, RuleStatus } from './rule.ts';
import { type WrittenMap, writeSamples } from './written.ts';

export interface RuleGroupContext {
  readonly tsdb: Tsdb;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly query: QueryVector;
  /** Passes on the alerts that Alertmanager must hear about, with the time until which each holds. */
  readonly notify: (alerts: readonly RuleAlert[], validUntil: number, expression: string) => void;
  readonly resendDelayMs: number;
  readonly metrics: RuleMetrics;
  /** Where rules may be evaluated side by side: how many of all groups. */
  readonly slots?: EvaluationSlots;
  readonly restore?: RestoreOptions;
}

/** What a group is made of. */
export interface RuleGroupOptions {
  readonly name: string;
  readonly file: string;
  readonly intervalMs: number;
  /** Most alerts or series of one rule; 0 is no limit. */
  readonly limit: number;
  readonly queryOffsetMs: number;
  readonly rules: readonly Rule[];
  /** The group's configuration as text: equal text means that a reload keeps the group and its state. */
  readonly fingerprint: string;
}

const NOTHING: WrittenMap = new Map();

/** Rules that are evaluated at one moment, once an interval, in order or, where they do not need each other, side by side. */
export class RuleGroup {
  /** When the last evaluation began; 0 before it. Milliseconds, as all times here. */
  lastEvaluation = 0;
  evaluationSeconds = 0;
  missedIterations = 0;
  readonly key: string;
  private readonly appender: Appender;
  private readonly batches: readonly Batch[] | null;
  /** By rule: the series that its last evaluation wrote. */
  private readonly written: WrittenMap[];
  /** Series of rules that a reload took out of the group; they end at its next evaluation. */
  private readonly orphans: number[] = [];
  /** Evaluations until the state from before a restart is looked for. */
  private evaluationsToRestore = 0;
  private readonly abort = new AbortController();
  private readonly query: QueryVector;
  private cancelTimer: () => void = () => {};
  private running: Promise<void> = Promise.resolve();
  private stopped = false;

  constructor(
    readonly options: RuleGroupOptions,
    private readonly context: RuleGroupContext,
  ) {
    const { file, name, rules, intervalMs, queryOffsetMs } = options;
    this.key = `${file};${name}`;
    this.appender = context.tsdb.appender();
    this.written = rules.map(() => NOTHING);
    const parts = rules.map((rule) => ({
      name: rule.name,
      expression: rule.expression,
      alerting: rule instanceof AlertingRule,
    }));
    this.batches = context.slots ? batchesOf(parts) : null;
    const origin = { ruleGroup: { file, name } };
    const { signal } = this.abort;
    this.query = (expression, at) => context.query(expression, at - queryOffsetMs, signal, origin);
    context.metrics.groupLoaded(this.key, rules.length, intervalMs / 1000);
  }

  get name(): string {
    return this.options.name;
  }

  get file(): string {
    return this.options.file;
  }

  get rules(): readonly Rule[] {
    return this.options.rules;
  }

  get intervalMs(): number {
    return this.options.intervalMs;
  }

  start(): void {
    this.schedule(firstSlot(this.key, this.intervalMs, this.context.clock.now()));
  }

  /** Stops evaluating; a query under way is given up. Never rejects. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.cancelTimer();
    this.abort.abort();
    await this.running;
  }

  /** Keys of all series that the last evaluation wrote. */
  *writtenKeys(): Generator<string> {
    for (const series of this.written) yield* series.keys();
  }

  /** Ends the series of a stopped group, as when its rules are gone for good, but for those that `isWritten` elsewhere. */
  endSeries(stoppedAt: number, isWritten: (key: string) => boolean): void {
    const time = stoppedAt - this.options.queryOffsetMs;
    for (const ref of this.orphans) this.appender.appendStale(ref, time);
    for (const series of this.written) {
      for (const [key, { ref }] of series) if (!isWritten(key)) this.appender.appendStale(ref, time);
    }
    try {
      this.appender.commit();
    } catch (error) {
      this.context.logger.error('Stale sample appending for previous configuration failed', {
        group: this.name,
        error,
      });
    }
  }

  /** Looks for the state from before a restart after two evaluations, when there is fresh data to alert on (upstream). */
  restoreState(): void {
    this.evaluationsToRestore = 2;
    for (const rule of this.rules) if (rule instanceof AlertingRule) rule.restored = false;
  }

  /**
   * Goes on where a stopped group of the same name left off before a reload: rules of the same name and labels keep
   * their alerts and series, what other rules wrote ends (upstream's CopyState).
   */
  takeOver(before: RuleGroup): void {
    this.lastEvaluation = before.lastEvaluation;
    this.evaluationSeconds = before.evaluationSeconds;
    this.evaluationsToRestore = before.evaluationsToRestore;
    this.orphans.push(...before.orphans);
    const left = new Map<string, number[]>();
    for (const [i, rule] of before.rules.entries()) {
      const key = identity(rule);
      left.set(key, [...(left.get(key) ?? []), i]);
    }
    this.rules.forEach((rule, i) => {
      const match = left.get(identity(rule))?.shift();
      if (match === undefined) return;
      this.written[i] = before.written[match];
      const known = before.rules[match];
      if (rule instanceof AlertingRule && known instanceof AlertingRule) rule.takeOver(known);
    });
    for (const j of [...left.values()].flat()) for (const { ref } of before.written[j].values()) this.orphans.push(ref);
  }

  private schedule(slot: number): void {
    const { clock, logger, metrics } = this.context;
    this.cancelTimer = clock.after(slot - clock.now(), () => {
      this.running = this.evaluate(slot).catch((error: unknown) => {
        logger.error('Rule group could not be evaluated', { group: this.name, error });
      });
      void this.running.then(() => {
        if (this.stopped) return;
        const { next, missed } = nextSlot(slot, this.intervalMs, clock.now());
        this.missedIterations += missed;
        if (missed > 0) metrics.missed(this.key, missed);
        this.schedule(next);
      });
    });
  }

  /** Evaluates all rules as of `time` (milliseconds). */
  async evaluate(time: number): Promise<void> {
    const { clock, metrics } = this.context;
    const begin = performance.now();
    const began = clock.now();
    let samples = 0;
    if (this.batches) samples = await this.evaluateBatches(this.batches, time);
    else for (let i = 0; i < this.rules.length && !this.stopped; i++) samples += await this.evaluateRule(i, time);
    if (this.stopped) return;
    this.endOrphans(time);
    this.lastEvaluation = began;
    this.evaluationSeconds = (performance.now() - begin) / 1000;
    const ruleSeconds = this.rules.reduce((sum, rule) => sum + rule.status.evaluationSeconds, 0);
    metrics.iterated(this.key, { seconds: this.evaluationSeconds, ruleSeconds, samples, time: began });
    if (this.evaluationsToRestore > 0 && --this.evaluationsToRestore === 0) await this.restoreAlerts(time);
  }

  private async evaluateBatches(batches: readonly Batch[], time: number): Promise<number> {
    const { slots } = this.context;
    let samples = 0;
    for (const batch of batches) {
      const beside: Promise<number>[] = [];
      for (const i of batch) {
        if (this.stopped) break;
        if (batch.length > 1 && slots?.take()) beside.push(this.evaluateRule(i, time).finally(() => slots.give()));
        else samples += await this.evaluateRule(i, time);
      }
      for (const count of await Promise.all(beside)) samples += count;
    }
    return samples;
  }

  /** Never rejects: what goes wrong shows in the rule's status. @returns how many samples it came to */
  private async evaluateRule(index: number, time: number): Promise<number> {
    const rule = this.rules[index];
    const { status } = rule;
    const { metrics, clock } = this.context;
    const begin = performance.now();
    const began = clock.now();
    let count = 0;
    let error = '';
    try {
      const samples = await rule.evaluate(time, this.query, this.options.limit);
      count = samples.length;
      // Before anything is written: a full disk must not keep an alert from going out.
      if (rule instanceof AlertingRule) this.send(rule, time);
      error = this.write(index, samples, time);
    } catch (thrown) {
      if (this.stopped) return 0;
      error = (thrown as Error).message;
      this.context.logger.warn('Evaluating rule failed', { group: this.name, rule: rule.name, error: thrown });
    }
    noteResult(status, error, time);
    status.lastEvaluation = began;
    status.evaluationSeconds = (performance.now() - begin) / 1000;
    metrics.evaluated(this.key, status.evaluationSeconds, error !== '');
    return count;
  }

  private send(rule: AlertingRule, time: number): void {
    const { resendDelayMs, notify } = this.context;
    const alerts = rule.toSend(time, resendDelayMs);
    if (alerts.length === 0) return;
    for (const alert of alerts) alert.lastSentAt = time;
    // Time for two evaluations, or two attempts to send, to fail.
    notify(alerts, time + 4 * Math.max(this.intervalMs, resendDelayMs), rule.expression);
  }

  /** @returns why samples were not taken, or '' */
  private write(index: number, samples: Parameters<typeof writeSamples>[1], time: number): string {
    const at = time - this.options.queryOffsetMs;
    const logger = this.context.logger.child({ group: this.name, rule: this.rules[index].name });
    const { series, refused } = writeSamples(this.appender, samples, this.written[index], at, logger);
    this.written[index] = series;
    return refused;
  }

  private endOrphans(time: number): void {
    if (this.orphans.length === 0) return;
    const current = new Set([...this.written].flatMap((series) => [...series.values()].map(({ ref }) => ref)));
    for (const ref of this.orphans) {
      if (!current.has(ref)) this.appender.appendStale(ref, time - this.options.queryOffsetMs);
    }
    this.appender.commit();
    this.orphans.length = 0;
  }

  private async restoreAlerts(time: number): Promise<void> {
    const { tsdb, logger, metrics, restore = DEFAULT_RESTORE } = this.context;
    const begin = performance.now();
    for (const rule of this.rules) {
      if (!(rule instanceof AlertingRule) || rule.restored) continue;
      await restoreAlerts(rule, tsdb, time, this.query, restore).catch((error: unknown) => {
        logger.error("Failed to restore 'for' state", { alertname: rule.name, error });
      });
    }
    metrics.restored(this.key, (performance.now() - begin) / 1000);
  }
}

function noteResult(status: RuleStatus, error: string, time: number): void {
  status.health = error === '' ? 'ok' : 'err';
  status.lastError = error;
  if (error !== '') status.lastErrorTime = time;
}

/** What tells a rule from the others of its group. */
function identity(rule: Rule): string {
  return JSON.stringify([rule.name, Object.entries(rule.labels).sort()]);
}
