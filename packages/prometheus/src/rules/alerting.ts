import { type Labels, METRIC_NAME } from '@avalanche/model';
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
}

/**
 * Turns the result of its expression into alerts: inactive → pending while the result lasts → firing after `for` →
 * inactive when it is gone. Writes `ALERTS` and `ALERTS_FOR_STATE` (upstream rules/alerting.go).
 */
export class AlertingRule implements Rule {
  readonly status = newStatus();
  readonly alerts = new Map<string, RuleAlert>();
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
  }

  /** The state of the most advanced alert. */
  get state(): AlertState {
    const states = [...this.alerts.values()].map((alert) => alert.state);
    return states.includes('firing') ? 'firing' : states.includes('pending') ? 'pending' : 'inactive';
  }

  async evaluate(time: number, query: QueryVector, limit: number): Promise<readonly VectorSample[]> {
    const result = await query(this.expression, time);
    const found = await Promise.all(result.map((sample) => this.alertOf(sample, time, query)));
    checkUnique(found, 'alert');
    if (limit > 0 && found.length > limit) {
      this.alerts.clear();
      throw new Error(`exceeded limit of ${limit} with ${found.length} alerts`);
    }
    this.advance(found, time);
    return this.restored ? this.stateSeries() : [];
  }

  /** Alerts that Alertmanager must be told about now; the caller marks them by `lastSentAt`. */
  toSend(time: number, resendDelayMs: number): RuleAlert[] {
    return [...this.alerts.values()].filter((alert) => {
      if (alert.state === 'pending') return false;
      if (alert.resolvedAt > alert.lastSentAt) return true;
      return alert.lastSentAt + resendDelayMs < time;
    });
  }

  private async alertOf(sample: VectorSample, time: number, query: QueryVector): Promise<RuleAlert> {
    const { options } = this;
    const { labels: sampleLabels, value, histogram } = sample;
    const data: AlertTemplateData = { ...options, labels: sampleLabels, value, histogram, time };
    const ask = (expression: string) => query(expression, time);
    const expand = async (texts: Readonly<Record<string, string>>) => {
      const expanded: Record<string, string> = {};
      for (const [name, text] of Object.entries(texts)) expanded[name] = (await expandTemplate(text, data, ask)).text;
      return expanded;
    };
    const labels = await expand(options.labels);
    return {
      labels: sample.labels.without(METRIC_NAME).with({ ...labels, alertname: options.name }),
      annotations: await expand(options.annotations),
      state: 'pending',
      value: sample.value,
      activeAt: time,
      firedAt: 0,
      resolvedAt: 0,
      lastSentAt: 0,
      keepFiringSince: 0,
    };
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
        known.keepFiringSince = 0;
      } else this.alerts.set(key, alert);
    }
    for (const [key, alert] of this.alerts) {
      if (!present.has(key) && !this.keepsFiring(alert, time)) {
        if (alert.state === 'pending' || (alert.resolvedAt > 0 && time - alert.resolvedAt > RESOLVED_RETENTION_MS)) {
          this.alerts.delete(key);
        } else if (alert.state === 'firing') {
          alert.state = 'inactive';
          alert.resolvedAt = time;
        }
      } else if (alert.state === 'pending' && time - alert.activeAt >= this.options.holdMs) {
        alert.state = 'firing';
        alert.firedAt = time;
      }
    }
  }

  /** Whether `keep_firing_for` holds a firing alert whose result is gone. */
  private keepsFiring(alert: RuleAlert, time: number): boolean {
    if (alert.state !== 'firing' || this.options.keepFiringMs === 0) return false;
    if (alert.keepFiringSince === 0) alert.keepFiringSince = time;
    return time - alert.keepFiringSince < this.options.keepFiringMs;
  }

  private stateSeries(): VectorSample[] {
    const samples: VectorSample[] = [];
    for (const alert of this.alerts.values()) {
      if (alert.state === 'inactive') continue;
      samples.push(
        { labels: alert.labels.with({ [METRIC_NAME]: 'ALERTS', alertstate: alert.state }), value: 1, histogram: null },
        {
          labels: alert.labels.with({ [METRIC_NAME]: 'ALERTS_FOR_STATE' }),
          value: Math.floor(alert.activeAt / 1000),
          histogram: null,
        },
      );
    }
    return samples;
  }
}
