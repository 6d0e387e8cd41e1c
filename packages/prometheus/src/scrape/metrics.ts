import { Histogram, type Registry } from 'prom-client';
import { collectedCounters } from '../collected.ts';

/** The scrape side's self metrics, counted in plain fields and published when scraped. */
export interface ScrapeMetrics {
  scraped(seconds: number): void;
  outOfOrder(): void;
  duplicate(): void;
  outOfBounds(): void;
}

export function scrapeMetrics(registry: Registry): ScrapeMetrics {
  const counts = { outOfOrder: 0, duplicate: 0, outOfBounds: 0 };
  collectedCounters(registry, [
    [
      'prometheus_target_scrapes_sample_out_of_order_total',
      'Samples rejected because they are older than the newest one of their series.',
      () => counts.outOfOrder,
    ],
    [
      'prometheus_target_scrapes_sample_duplicate_timestamp_total',
      'Samples rejected because their series has another value at the same time.',
      () => counts.duplicate,
    ],
    [
      'prometheus_target_scrapes_sample_out_of_bounds_total',
      'Samples rejected because their time is too old or too far in the future.',
      () => counts.outOfBounds,
    ],
  ]);
  const duration = new Histogram({
    name: 'avalanche_prometheus_scrape_duration_seconds',
    help: 'How long scrapes took, over all targets.',
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [registry],
  });
  return {
    scraped: (seconds) => duration.observe(seconds),
    outOfOrder: () => {
      counts.outOfOrder++;
    },
    duplicate: () => {
      counts.duplicate++;
    },
    outOfBounds: () => {
      counts.outOfBounds++;
    },
  };
}
