import type { Labels, Matcher } from '@avalanche/model';
import { type Alert, isResolved } from '../alert/alert.ts';
import { matchesAll } from '../route/route.ts';

export interface InhibitRule {
  readonly sourceMatchers: readonly Matcher[];
  readonly targetMatchers: readonly Matcher[];
  /** Labels that source and target must have the same; missing on both counts as the same. */
  readonly equal: readonly string[];
}

/** Which alerts keep others quiet. Sources are indexed by their `equal` labels, so that a storm costs no pair-wise search. */
export class Inhibitor {
  private readonly rules: RuleIndex[];

  constructor(rules: readonly InhibitRule[]) {
    this.rules = rules.map((rule) => new RuleIndex(rule));
  }

  /** Learns of a new or changed alert. */
  update(alert: Alert): void {
    for (const rule of this.rules) rule.update(alert);
  }

  remove(alert: Alert): void {
    for (const rule of this.rules) rule.remove(alert);
  }

  /** The fingerprint of an alert that inhibits these labels now, of the first rule that has one; else undefined. */
  inhibitedBy(labels: Labels, now: number): string | undefined {
    for (const rule of this.rules) {
      const source = rule.sourceFor(labels, now);
      if (source !== undefined) return source;
    }
    return undefined;
  }
}

class RuleIndex {
  private readonly sources = new Map<string, Map<string, Alert>>();

  constructor(private readonly rule: InhibitRule) {}

  update(alert: Alert): void {
    if (!matchesAll(this.rule.sourceMatchers, alert.labels)) return;
    const key = this.equalKey(alert.labels);
    const alerts = this.sources.get(key) ?? new Map<string, Alert>();
    this.sources.set(key, alerts.set(alert.fingerprint, alert));
  }

  remove(alert: Alert): void {
    const key = this.equalKey(alert.labels);
    const alerts = this.sources.get(key);
    if (alerts?.delete(alert.fingerprint) && alerts.size === 0) this.sources.delete(key);
  }

  /** An alert that is both source and target of a rule is not inhibited by another such one, itself included. */
  sourceFor(labels: Labels, now: number): string | undefined {
    if (!matchesAll(this.rule.targetMatchers, labels)) return undefined;
    const alerts = this.sources.get(this.equalKey(labels));
    if (!alerts) return undefined;
    const twoSided = matchesAll(this.rule.sourceMatchers, labels);
    for (const source of alerts.values()) {
      if (isResolved(source, now)) continue;
      if (twoSided && matchesAll(this.rule.targetMatchers, source.labels)) continue;
      return source.fingerprint;
    }
    return undefined;
  }

  private equalKey(labels: Labels): string {
    return this.rule.equal.map((name) => labels.get(name)).join('\udfff');
  }
}
