import { Counter, Histogram, type Registry, Summary } from 'prom-client';

/** What the mechanisms that ask at intervals count, under upstream's names. */
export interface DiscoveryMetrics {
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
  const httpFailures = counter('prometheus_sd_http_failures_total', 'Refreshes by HTTP that failed.');
  const lookups = counter('prometheus_sd_dns_lookups_total', 'Lookups of names for discovery.');
  const lookupFailures = counter('prometheus_sd_dns_lookup_failures_total', 'Lookups of names that failed.');
  return {
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
