import { Counter, Gauge, type Registry, Summary } from 'prom-client';

/** What is counted of a state file, under upstream's names: `alertmanager_silences_…`, `alertmanager_nflog_…`. */
export class StoreMetrics {
  private readonly runs: Counter;
  private readonly errors: Counter;
  private readonly duration: Summary;
  private readonly bytes: Gauge;

  /** @param store `silences` or `nflog` */
  constructor(store: string, registry: Registry) {
    const registers = [registry];
    const prefix = `alertmanager_${store}`;
    this.runs = new Counter({ name: `${prefix}_maintenance_total`, help: 'Maintenance runs.', registers });
    this.errors = new Counter({
      name: `${prefix}_maintenance_errors_total`,
      help: 'Maintenance runs that failed.',
      registers,
    });
    this.duration = new Summary({
      name: `${prefix}_snapshot_duration_seconds`,
      help: 'How long it took to forget what has expired and to write the file anew.',
      percentiles: [],
      registers,
    });
    this.bytes = new Gauge({ name: `${prefix}_snapshot_size_bytes`, help: 'Size of the file.', registers });
  }

  /** Runs and measures a maintenance. @throws what it throws */
  maintain(store: { maintain(): void; readonly bytes: number }): void {
    this.runs.inc();
    const begin = performance.now();
    try {
      store.maintain();
      this.duration.observe((performance.now() - begin) / 1000);
    } catch (error) {
      this.errors.inc();
      throw error;
    } finally {
      this.bytes.set(store.bytes);
    }
  }
}
