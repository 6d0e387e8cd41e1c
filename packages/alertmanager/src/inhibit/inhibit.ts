import type { Labels, Matcher } from '@avalanche/model';
import { type Alert, isResolved } from '../alert/alert.ts';
import { matchesAll } from '../route/route.ts';

export interface InhibitRule {
  /** '' where it has none. */
  readonly name?: string;
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
    return this.inhibition(labels, now)?.source;
  }

  /** What inhibits these labels now. */
  inhibition(labels: Labels, now: number): Inhibition | undefined {
    for (const index of this.rules) {
      const source = index.sourceFor(labels, now);
      if (source !== undefined) return { source, rule: index.rule };
    }
    return undefined;
  }
}

export interface Inhibition {
  /** Fingerprint of the alert that inhibits. */
  readonly source: string;
  readonly rule: InhibitRule;
}

/** Sources with the same `equal` labels, by fingerprint. */
type Sources = Map<string, Alert>;

class RuleIndex {
  private readonly oneSided = new Map<string, Sources>();
  /** Sources that are targets of the rule too; they do not inhibit each other, nor themselves. */
  private readonly twoSided = new Map<string, Sources>();

  constructor(readonly rule: InhibitRule) {}

  update(alert: Alert): void {
    if (!matchesAll(this.rule.sourceMatchers, alert.labels)) return;
    const index = matchesAll(this.rule.targetMatchers, alert.labels) ? this.twoSided : this.oneSided;
    const key = this.equalKey(alert.labels);
    const sources = index.get(key) ?? new Map<string, Alert>();
    index.set(key, sources.set(alert.fingerprint, alert));
  }

  remove(alert: Alert): void {
    const key = this.equalKey(alert.labels);
    for (const index of [this.oneSided, this.twoSided]) {
      const sources = index.get(key);
      sources?.delete(alert.fingerprint);
      // it may have been empty before: whoever asks forgets those that have ended
      if (sources?.size === 0) index.delete(key);
    }
  }

  sourceFor(labels: Labels, now: number): string | undefined {
    if (!matchesAll(this.rule.targetMatchers, labels)) return undefined;
    const key = this.equalKey(labels);
    const source = firstFiring(this.oneSided.get(key), now);
    if (source !== undefined || matchesAll(this.rule.sourceMatchers, labels)) return source;
    return firstFiring(this.twoSided.get(key), now);
  }

  private equalKey(labels: Labels): string {
    return this.rule.equal.map((name) => labels.get(name)).join('\udfff');
  }
}

/** Those that it finds ended are forgotten: an alert that fires again is told of again. */
function firstFiring(sources: Sources | undefined, now: number): string | undefined {
  if (!sources) return undefined;
  for (const [fingerprint, source] of sources) {
    if (!isResolved(source, now)) return fingerprint;
    sources.delete(fingerprint);
  }
  return undefined;
}
