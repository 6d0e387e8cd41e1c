import type { Tsdb } from '@avalanche/tsdb';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Rule } from './rules/rule.ts';

/** Values that a role publishes when it is scraped, under upstream's names. */
function gauges(registry: Registry, families: readonly (readonly [string, string, () => number])[]): void {
  for (const [name, help, read] of families) {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        const value = read();
        if (Number.isFinite(value)) this.set(value);
      },
    });
  }
}

/** What the database says of itself. */
export function tsdbMetrics(registry: Registry, tsdb: Tsdb): void {
  gauges(registry, [
    ['prometheus_tsdb_head_series', 'Series in the head.', () => tsdb.stats.series],
    ['prometheus_tsdb_head_chunks', 'Chunks in the head.', () => tsdb.stats.chunks],
    ['prometheus_tsdb_head_min_time', 'Oldest sample of the head, in milliseconds.', () => tsdb.stats.minTime],
    ['prometheus_tsdb_head_max_time', 'Newest sample of the head, in milliseconds.', () => tsdb.stats.maxTime],
    ['prometheus_tsdb_wal_segment_current', 'Log segment being written.', () => tsdb.wal.currentSegment],
    ['prometheus_tsdb_wal_corruptions_total', 'Damaged places repaired in the log.', () => tsdb.wal.metrics.corruptions],
  ]);
  new Counter({
    name: 'prometheus_tsdb_head_samples_appended_total',
    help: 'Samples appended since the start.',
    labelNames: ['type'],
    registers: [registry],
    collect() {
      this.reset();
      this.inc({ type: 'float' }, tsdb.metrics.samplesAppended);
    },
  });
}

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
