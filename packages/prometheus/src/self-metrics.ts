import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Rule } from './rules/rule.ts';

export interface RuleMetrics {
  evaluated(rule: Rule, seconds: number, failed: boolean): void;
}

export function ruleMetrics(registry: Registry): RuleMetrics {
  const registers = [registry];
  const evaluations = new Counter({
    name: 'prometheus_rule_evaluations_total',
    help: 'Rule evaluations.',
    registers,
  });
  const failures = new Counter({
    name: 'prometheus_rule_evaluation_failures_total',
    help: 'Rule evaluations that failed.',
    registers,
  });
  const duration = new Histogram({
    name: 'avalanche_prometheus_rule_evaluation_seconds',
    help: 'How long rule evaluations took.',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1],
    registers,
  });
  return {
    evaluated(_rule, seconds, failed) {
      evaluations.inc();
      if (failed) failures.inc();
      duration.observe(seconds);
    },
  };
}

/** The outcome of the last load of the configuration. */
export interface ReloadMetrics {
  reloaded(ok: boolean): void;
}

export function reloadMetrics(registry: Registry): ReloadMetrics {
  const registers = [registry];
  const ok = new Gauge({
    name: 'prometheus_config_last_reload_successful',
    help: 'Whether the last load of the configuration succeeded.',
    registers,
  });
  const time = new Gauge({
    name: 'prometheus_config_last_reload_success_timestamp_seconds',
    help: 'When the configuration was last loaded with success, in seconds since the epoch.',
    registers,
  });
  return {
    reloaded(success) {
      ok.set(success ? 1 : 0);
      if (success) time.set(Date.now() / 1000);
    },
  };
}

export function buildInfo(registry: Registry, version: string): void {
  new Gauge({
    name: 'prometheus_build_info',
    help: 'Constantly 1, with the version in labels.',
    labelNames: ['version', 'revision', 'branch', 'goversion', 'goos', 'goarch', 'tags'],
    registers: [registry],
  }).set(
    { version, revision: '', branch: '', goversion: '', goos: process.platform, goarch: process.arch, tags: '' },
    1,
  );
}
