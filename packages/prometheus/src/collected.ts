import { Counter, Gauge, type Registry } from 'prom-client';

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
