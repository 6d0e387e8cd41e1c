import { Counter, Gauge, type Registry } from 'prom-client';
import { PROCESS_FAMILIES } from './process-families.ts';

/** Registers the `process_*` families. Values are read when scraped; nothing runs between scrapes. */
export function processMetrics(registry: Registry): void {
  for (const { name, help, type, read } of PROCESS_FAMILIES) {
    if (type === 'counter') {
      new Counter({
        name,
        help,
        registers: [registry],
        collect() {
          this.reset();
          this.inc(read());
        },
      });
    } else {
      new Gauge({
        name,
        help,
        registers: [registry],
        collect() {
          const value = read();
          if (value !== undefined) this.set(value);
        },
      });
    }
  }
}
