import { type Labels, type Logger, METRIC_NAME, nextTurn, silentLogger, turnIsOver } from '@avalanche/model';
import { AlertHistory } from './history.ts';
import { checkUnique, newStatus, type QueryVector, type Rule, type VectorSample } from './rule.ts';
import { type AlertTemplateData, expandTemplate } from './template.ts';

export type AlertState = 'inactive' | 'pending' | 'firing';

/** An alert of one label set. Times are milliseconds; 0 says "not yet". */
export interface RuleAlert {
  readonly labels: Labels;
  annotations: Readonly<Record<string, string>>;
  state: AlertState;
  value: number;
  activeAt: number;
  firedAt: number;
  resolvedAt: number;
  lastSentAt: number;
  keepFiringSince: number;
}

/** How long a resolved alert is still told to Alertmanager (upstream's resolvedRetention). */
const RESOLVED_RETENTION_MS = 15 * 60_000;

export interface AlertingRuleOptions {
  readonly name: string;
  readonly expression: string;
  readonly holdMs: number;
  readonly keepFiringMs: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly externalLabels: Readonly<Record<string, string>>;
  readonly externalUrl: string;
  /** Told of templates that fail. */
  readonly logger?: Logger | undefined;
  readonly templateMetrics?: TemplateMetrics | undefined;
}

/** Counts texts of labels and annotations. */
export interface TemplateMetrics {
  expanded(failed: boolean): void;
}

/**
 * Turns the result of its expression into alerts: inactive → pending while the result lasts → firing after `for` →
 * inactive when it is gone. Writes `ALERTS` and `ALERTS_FOR_STATE` (upstream rules/alerting.go).
 */
export class AlertingRule implements Rule {
  readonly status = newStatus();
  readonly alerts = new Map<string, RuleAlert>();
  readonly history = new AlertHistory();
  /** Whether the state from before a restart has been looked for; until then the rule writes nothing over it. */
  restored = true;

  constructor(readonly options: AlertingRuleOptions) {}

  get name(): string {
    return this.options.name;
  }

  get expression(): string {
    return this.options.expression;
  }

  get labels(): Readonly<Record<string, string>> {
    return this.options.labels;
  }

  /** Goes on with the alerts of this rule as it was before a reload. */
  takeOver(before: AlertingRule): void {
    for (const [key, alert] of before.alerts) this.alerts.set(key, alert);
    this.restored = before.restored;
    this.history.takeOver(before.history);
  }

  /** The state of the most advanced alert; unknown before the first evaluation. */
  get state(): AlertState | 'unknown' {
    if (this.status.lastEvaluation === 0) return 'unknown';
    let state: AlertState = 'inactive';
    for (const alert of this.alerts.values()) {
      if (alert.state === 'firing') return 'firing';
      if (alert.state === 'pending') state = 'pending';
    }
    return state;
  }

  /** Alerts that are pending or firing. */
  get activeAlerts(): RuleAlert[] {
    return [...this.alerts.values()].filter((alert) => alert.resolvedAt === 0);
  }

  async evaluate(time: number, query: QueryVector, limit: number): Promise<readonly VectorSample[]> {
    const result = await query(this.expression, time);
    this.status.lastResultSize = result.length;
    const found: RuleAlert[] = [];
    for (const sample of result) {
      found.push(await this.alertOf(sample, time, query));
      if (turnIsOver()) await nextTurn(); // thousands of alerts take a while
    }
    checkUnique(found, 'alert');
    this.advance(found, time);
    const active = this.activeAlerts;
    if (limit > 0 && active.length > limit) {
      this.forget(time, `exceeded limit of ${limit}`);
      throw new Error(`exceeded limit of ${limit} with ${active.length} alerts`);
    }
    return this.restored ? active.flatMap((alert) => this.stateSeries(alert)) : [];
  }

  /** Alerts that Alertmanager must be told about now; the caller marks them by `lastSentAt`. */
  toSend(time: number, resendDelayMs: number): RuleAlert[] {
    return [...this.alerts.values()].filter((alert) => {
      if (alert.state === 'pending') return false;
      if (alert.resolvedAt > alert.lastSentAt) return true;
      return alert.lastSentAt + resendDelayMs < time;
    });
  }

  /** Annotations for an alert whose value is not known any more. */
  async annotationsOf(labels: Labels, time: number, query: QueryVector): Promise<Readonly<Record<string, string>>> {
    const data = { ...this.options, labels, value: Number.NaN, histogram: null, time };
    return this.expand(this.options.annotations, data, query);
  }

  private async alertOf(sample: VectorSample, time: number, query: QueryVector): Promise<RuleAlert> {
    const { options } = this;
    const data: AlertTemplateData = { ...options, ...sample, time };
    const labels = await this.expand(options.labels, data, query);
    return {
      labels: sample.labels.without(METRIC_NAME).with({ ...labels, alertname: options.name }),
      annotations: await this.expand(options.annotations, data, query),
      state: 'pending',
      value: sample.histogram ? 0 : sample.value,
      activeAt: time,
      firedAt: 0,
      resolvedAt: 0,
      lastSentAt: 0,
      keepFiringSince: 0,
    };
  }

  private async expand(
    texts: Readonly<Record<string, string>>,
    data: AlertTemplateData,
    query: QueryVector,
  ): Promise<Record<string, string>> {
    const { logger = silentLogger, templateMetrics, name } = this.options;
    const expanded: [string, string][] = [];
    for (const [key, text] of Object.entries(texts)) {
      const result = await expandTemplate(text, data, (expression) => query(expression, data.time));
      if (result.error) logger.warn('Expanding alert template failed', { alert: name, error: result.error });
      templateMetrics?.expanded(result.error !== null);
      expanded.push([key, result.text]);
    }
    return Object.fromEntries(expanded);
  }

  private advance(found: readonly RuleAlert[], time: number): void {
    const present = new Set<string>();
    for (const alert of found) {
      const { key } = alert.labels;
      present.add(key);
      const known = this.alerts.get(key);
      if (known && known.state !== 'inactive') {
        known.value = alert.value;
        known.annotations = alert.annotations;
      } else {
        this.alerts.set(key, alert);
        if (this.options.holdMs > 0) this.changed(alert, 'inactive', time, 'the expression has a result');
      }
    }
    for (const [key, alert] of this.alerts) {
      if (present.has(key)) alert.keepFiringSince = 0;
      else if (!this.keepsFiring(alert, time)) {
        this.end(key, alert, time);
        continue;
      }
      this.checkHold(alert, time);
    }
  }

  /** The result of an alert is gone. */
  private end(key: string, alert: RuleAlert, time: number): void {
    const { state } = alert;
    const gone = alert.resolvedAt > 0 && time - alert.resolvedAt > RESOLVED_RETENTION_MS;
    if (state === 'pending' || gone) this.alerts.delete(key);
    if (state === 'inactive') return;
    const kept = alert.keepFiringSince > 0 ? ', and keep_firing_for is over' : '';
    alert.state = 'inactive';
    alert.resolvedAt = time;
    this.changed(alert, state, time, `the expression has no result any more${kept}`);
  }

  /** Pending becomes firing after `for`; a longer `for` after a reload makes it pending again. */
  private checkHold(alert: RuleAlert, time: number): void {
    const held = time - alert.activeAt >= this.options.holdMs;
    if (alert.state === 'pending' && held) {
      alert.state = 'firing';
      alert.firedAt = time;
      const reason =
        this.options.holdMs > 0
          ? 'the expression had a result for as long as `for` says'
          : 'the expression has a result';
      this.changed(alert, this.options.holdMs > 0 ? 'pending' : 'inactive', time, reason);
    } else if (alert.state === 'firing' && !held) {
      alert.state = 'pending';
      alert.firedAt = 0;
      alert.lastSentAt = 0;
      alert.keepFiringSince = 0;
      this.changed(alert, 'firing', time, '`for` has become longer');
    }
  }

  /** Whether `keep_firing_for` holds a firing alert whose result is gone. */
  private keepsFiring(alert: RuleAlert, time: number): boolean {
    if (alert.state !== 'firing' || this.options.keepFiringMs === 0) return false;
    if (alert.keepFiringSince === 0) alert.keepFiringSince = time;
    return time - alert.keepFiringSince < this.options.keepFiringMs;
  }

  private changed(alert: RuleAlert, from: AlertState, time: number, reason: string): void {
    const { labels, state, value } = alert;
    this.history.add({ time, labels, from, to: state, value: state === 'inactive' ? null : value, reason });
  }

  private forget(time: number, reason: string): void {
    for (const alert of this.activeAlerts) {
      const from = alert.state;
      alert.state = 'inactive';
      this.changed(alert, from, time, reason);
    }
    this.alerts.clear();
  }

  private stateSeries({ labels, state, activeAt }: RuleAlert): VectorSample[] {
    // A label of the rule that came to nothing stays as it is written, as with upstream.
    const base = { ...this.labels, ...labels.toJSON(), alertname: this.name };
    const seriesOf = (own: Readonly<Record<string, string>>) => labels.with({ ...base, ...own });
    return [
      { labels: seriesOf({ [METRIC_NAME]: 'ALERTS', alertstate: state }), value: 1, histogram: null },
      { labels: seriesOf({ [METRIC_NAME]: 'ALERTS_FOR_STATE' }), value: Math.floor(activeAt / 1000), histogram: null },
    ];
  }
}
