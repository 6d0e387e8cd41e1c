import { Counter, Gauge, Histogram, type Registry, Summary } from 'prom-client';

/** Whom targets are found for. */
export type Seeker = 'scrape' | 'notify';

/** What discovery counts, under upstream's names. */
export interface DiscoveryMetrics {
  /** One configuration has told how many targets there are now. */
  discovered(seeker: Seeker, config: string, targets: number): void;
  /** One mechanism has told what it knows. */
  updated(seeker: Seeker): void;
  /** A configuration is no more. */
  ended(seeker: Seeker, config: string): void;
  /** A file of targets was read, or could not be. */
  fileRead(seconds: number, failed: boolean): void;
  refreshed(mechanism: string, config: string, seconds: number, failed: boolean): void;
  httpFailed(): void;
  dnsLookedUp(failed: boolean): void;
}

export function discoveryMetrics(registry: Registry): DiscoveryMetrics {
  const registers = [registry];
  const labelNames = ['mechanism', 'config'] as const;
  const counter = (name: string, help: string) => new Counter({ name, help, registers });
  const failures = new Counter({
    name: 'prometheus_sd_refresh_failures_total',
    help: 'Refreshes of discovered targets that failed.',
    labelNames,
    registers,
  });
  const duration = new Summary({
    name: 'prometheus_sd_refresh_duration_seconds',
    help: 'How long refreshes of discovered targets took, in seconds.',
    labelNames,
    percentiles: [0.5, 0.9, 0.99],
    maxAgeSeconds: 600,
    ageBuckets: 5,
    registers,
  });
  const histogram = new Histogram({
    name: 'prometheus_sd_refresh_duration_histogram_seconds',
    help: 'How long refreshes of discovered targets took, in seconds, over all configurations.',
    labelNames: ['mechanism'],
    buckets: [0.01, 0.1, 1, 10],
    registers,
  });
  const sought = (name: string, help: string) => new Counter({ name, help, labelNames: ['name'], registers });
  const targets = new Gauge({
    name: 'prometheus_sd_discovered_targets',
    help: 'Targets discovered at present.',
    labelNames: ['name', 'config'],
    registers,
  });
  const received = sought('prometheus_sd_received_updates_total', 'Updates that mechanisms of discovery have told.');
  const updates = sought('prometheus_sd_updates_total', 'Updates that were handed on.');
  const failed = new Gauge({
    name: 'prometheus_sd_failed_configs',
    help: 'Configurations of discovery that could not be started: one that cannot is refused when it is loaded.',
    labelNames: ['name'],
    registers,
  });
  for (const name of ['scrape', 'notify']) {
    received.inc({ name }, 0);
    updates.inc({ name }, 0);
    failed.set({ name }, 0);
  }
  const scans = new Summary({
    name: 'prometheus_sd_file_scan_duration_seconds',
    help: 'How long reading files of targets took, in seconds.',
    percentiles: [0.5, 0.9, 0.99],
    maxAgeSeconds: 600,
    ageBuckets: 5,
    registers,
  });
  const fileErrors = counter('prometheus_sd_file_read_errors_total', 'Files of targets that could not be read.');
  const httpFailures = counter('prometheus_sd_http_failures_total', 'Refreshes by HTTP that failed.');
  const lookups = counter('prometheus_sd_dns_lookups_total', 'Lookups of names for discovery.');
  const lookupFailures = counter('prometheus_sd_dns_lookup_failures_total', 'Lookups of names that failed.');
  return {
    discovered(name, config, count) {
      targets.set({ name, config }, count);
      updates.inc({ name });
    },
    updated: (name) => received.inc({ name }),
    ended: (name, config) => targets.remove({ name, config }),
    fileRead(seconds, failed) {
      scans.observe(seconds);
      if (failed) fileErrors.inc();
    },
    refreshed(mechanism, config, seconds, failed) {
      duration.observe({ mechanism, config }, seconds);
      histogram.observe({ mechanism }, seconds);
      failures.inc({ mechanism, config }, failed ? 1 : 0);
    },
    httpFailed: () => httpFailures.inc(),
    dnsLookedUp(failed) {
      lookups.inc();
      if (failed) lookupFailures.inc();
    },
  };
}
