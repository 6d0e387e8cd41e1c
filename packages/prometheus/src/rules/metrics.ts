import { Counter, Gauge, Histogram, type Registry, Summary } from 'prom-client';
import type { TemplateMetrics } from './alerting.ts';

/** One round of a group. */
export interface GroupIteration {
  readonly seconds: number;
  /** What its rules took, one added to the other. */
  readonly ruleSeconds: number;
  readonly samples: number;
  /** When it began, in milliseconds. */
  readonly time: number;
}

/** What the rules tell of themselves. A group is named by `FILE;NAME`. */
export interface RuleMetrics {
  evaluated(group: string, seconds: number, failed: boolean): void;
  groupLoaded(group: string, rules: number, intervalSeconds: number): void;
  groupGone(group: string): void;
  iterated(group: string, iteration: GroupIteration): void;
  missed(group: string, iterations: number): void;
  restored(group: string, seconds: number): void;
}

const BUCKETS = [0.01, 0.1, 1, 10];
const MAX_AGE = { maxAgeSeconds: 600, ageBuckets: 5 };

/** `prometheus_rule_…` (upstream rules/group.go). */
export function ruleMetrics(registry: Registry): RuleMetrics {
  const registers = [registry];
  const labelNames = ['rule_group'] as const;
  const perGroup: (Counter<'rule_group'> | Gauge<'rule_group'>)[] = [];
  const counter = (name: string, help: string) => {
    const metric = new Counter({ name: `prometheus_rule_${name}`, help, labelNames, registers });
    perGroup.push(metric);
    return metric;
  };
  const gauge = (name: string, help: string) => {
    const metric = new Gauge({ name: `prometheus_rule_group_${name}`, help, labelNames, registers });
    perGroup.push(metric);
    return metric;
  };
  const summary = (name: string, help: string, percentiles: number[]) =>
    new Summary({ name: `prometheus_rule_${name}`, help, percentiles, ...MAX_AGE, pruneAgedBuckets: false, registers });
  const histogram = (name: string, help: string) =>
    new Histogram({ name: `prometheus_rule_${name}`, help, buckets: BUCKETS, registers });

  const evaluations = counter('evaluations_total', 'The total number of rule evaluations.');
  const failures = counter('evaluation_failures_total', 'The total number of rule evaluation failures.');
  const scheduled = counter(
    'group_iterations_total',
    'The total number of scheduled rule group evaluations, whether executed or missed.',
  );
  const missed = counter(
    'group_iterations_missed_total',
    'The total number of rule group evaluations missed due to slow rule group evaluation.',
  );
  const interval = gauge('interval_seconds', 'The interval of a rule group.');
  const rules = gauge('rules', 'The number of rules.');
  const lastTime = gauge('last_evaluation_timestamp_seconds', 'When a rule group was last evaluated, in seconds.');
  const lastDuration = gauge('last_duration_seconds', 'The duration of the last rule group evaluation.');
  const lastSum = gauge('last_rule_duration_sum_seconds', 'The sum of what the rules of a group last took.');
  const lastRestore = gauge('last_restore_duration_seconds', 'How long it took to restore the alerts of a group.');
  const lastSamples = gauge('last_evaluation_samples', 'The number of samples of the last rule group evaluation.');
  const ruleSummary = summary('evaluation_duration_seconds', 'The duration for a rule to execute.', [0.5, 0.9, 0.99]);
  const ruleHistogram = histogram('evaluation_duration_histogram_seconds', 'The duration for a rule to execute.');
  const groupSummary = summary(
    'group_duration_seconds',
    'The duration of rule group evaluations.',
    [0.01, 0.05, 0.5, 0.9, 0.99],
  );
  const groupHistogram = histogram('group_duration_histogram_seconds', 'The duration of rule group evaluations.');
  return {
    evaluated(group, seconds, failed) {
      evaluations.inc({ rule_group: group });
      if (failed) failures.inc({ rule_group: group });
      ruleSummary.observe(seconds);
      ruleHistogram.observe(seconds);
    },
    groupLoaded(group, count, intervalSeconds) {
      const labels = { rule_group: group };
      for (const metric of [evaluations, failures, scheduled, missed]) metric.inc(labels, 0);
      for (const metric of [lastTime, lastDuration, lastSum, lastSamples]) metric.inc(labels, 0);
      rules.set(labels, count);
      interval.set(labels, intervalSeconds);
    },
    groupGone(group) {
      for (const metric of perGroup) metric.remove({ rule_group: group });
    },
    iterated(group, { seconds, ruleSeconds, samples, time }) {
      const labels = { rule_group: group };
      scheduled.inc(labels);
      groupSummary.observe(seconds);
      groupHistogram.observe(seconds);
      lastTime.set(labels, time / 1000);
      lastDuration.set(labels, seconds);
      lastSum.set(labels, ruleSeconds);
      lastSamples.set(labels, samples);
    },
    missed(group, iterations) {
      missed.inc({ rule_group: group }, iterations);
      scheduled.inc({ rule_group: group }, iterations);
    },
    restored(group, seconds) {
      lastRestore.set({ rule_group: group }, seconds);
    },
  };
}

/** `prometheus_template_text_…` (upstream template/template.go). */
export function templateMetrics(registry: Registry): TemplateMetrics {
  const registers = [registry];
  const expansions = new Counter({
    name: 'prometheus_template_text_expansions_total',
    help: 'The total number of template text expansions.',
    registers,
  });
  const failures = new Counter({
    name: 'prometheus_template_text_expansion_failures_total',
    help: 'The total number of template text expansion failures.',
    registers,
  });
  return {
    expanded(failed) {
      expansions.inc();
      if (failed) failures.inc();
    },
  };
}
