import { type Matcher, METRIC_NAME } from '@avalanche/model';
import { parse, selectorsOf, WHOLE_LANGUAGE } from '@avalanche/promql';

/** What of a rule says whether others depend on it. */
export interface DependencyRule {
  readonly name: string;
  readonly expression: string;
  readonly alerting: boolean;
}

/** Indexes of rules that may be evaluated side by side. */
export type Batch = readonly number[];

const ALERT_METRICS = ['ALERTS', 'ALERTS_FOR_STATE'];

/**
 * The order in which the rules of a group may be evaluated: batch by batch, the rules of a batch side by side. First
 * those that use no other's result, then one by one those in between, then those that no other uses (upstream's
 * SplitGroupIntoBatches). Null where that cannot be said, because a selector names no metric.
 */
export function batchesOf(rules: readonly DependencyRule[]): readonly Batch[] | null {
  const uses = usesOf(rules);
  if (uses === null) return null;
  const usedByOthers = new Set(uses.flatMap((used) => [...used]));
  const free: number[] = [];
  const between: number[] = [];
  const last: number[] = [];
  uses.forEach((used, i) => {
    if (used.size === 0) free.push(i);
    else (usedByOthers.has(i) ? between : last).push(i);
  });
  return [free, ...between.map((i) => [i]), last].filter((batch) => batch.length > 0);
}

/** By rule: the earlier rules whose results it reads. */
function usesOf(rules: readonly DependencyRule[]): Set<number>[] | null {
  const uses: Set<number>[] = [];
  for (const [i, { expression }] of rules.entries()) {
    const used = new Set<number>();
    if (rules.length > 1) {
      for (const { matchers } of selectorsOf(parse(expression, WHOLE_LANGUAGE))) {
        const name = matchers.find((matcher) => matcher.name === METRIC_NAME);
        if (!name) return null;
        for (let j = 0; j < i; j++) if (reads(name, matchers, rules[j])) used.add(j);
      }
    }
    uses.push(used);
  }
  return uses;
}

function reads(metric: Matcher, matchers: readonly Matcher[], { name, alerting }: DependencyRule): boolean {
  if (metric.matches(name)) return true;
  if (!alerting || !ALERT_METRICS.some((known) => metric.matches(known))) return false;
  return matchers.find((matcher) => matcher.name === 'alertname')?.matches(name) ?? true;
}

/** Lets no more than a number of rules of all groups be evaluated beside others. */
export class EvaluationSlots {
  private free: number;

  constructor(most: number) {
    this.free = most;
  }

  /** Takes a slot where there is one. */
  take(): boolean {
    if (this.free <= 0) return false;
    this.free--;
    return true;
  }

  give(): void {
    this.free++;
  }
}
