import { Counter, Gauge, type Metric, type Registry } from 'prom-client';

/** A family whose value is kept elsewhere and read when it is scraped. */
export type Collected = readonly [name: string, help: string, read: () => number];

/** What is not finite is published as 0. */
export function collectedGauges(registry: Registry, families: readonly Collected[]): void {
  for (const [name, help, read] of families) {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        const value = read();
        this.set(Number.isFinite(value) ? value : 0);
      },
    });
  }
}

export function collectedCounters(registry: Registry, families: readonly Collected[]): void {
  for (const [name, help, read] of families) {
    new Counter({
      name,
      help,
      registers: [registry],
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  }
}

/** One line of a family whose samples are kept elsewhere. */
export function sample(metricName: string, value: number, labels: Readonly<Record<string, string | number>> = {}) {
  return { metricName, labels, value };
}

/** A summary or histogram whose samples are kept elsewhere; prom-client has no class for that. */
export function registerFamily(
  registry: Registry,
  family: { readonly name: string; readonly help: string; readonly type: 'summary' | 'histogram' },
  read: () => readonly ReturnType<typeof sample>[],
): void {
  const described = { ...family, aggregator: 'sum' };
  const metric = { ...described, get: async () => ({ ...described, values: read() }), reset: () => {} };
  registry.registerMetric(metric as unknown as Metric);
}
