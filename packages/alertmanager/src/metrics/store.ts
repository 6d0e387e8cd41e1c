import { collectedCounters, registerFamily, sample } from '@avalanche/web';
import { Counter, Gauge, type Registry, Summary } from 'prom-client';

const QUERY_BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** How often a store was asked, and how long that took in all. */
export interface QueryCounts {
  queries: number;
  seconds: number;
}

/** What is counted of a state file, under upstream's names: `alertmanager_silences_…`, `alertmanager_nflog_…`. */
export class StoreMetrics {
  private readonly runs: Counter;
  private readonly errors: Counter;
  private readonly duration: Summary;
  private readonly forgetting: Summary;
  private readonly bytes: Gauge;

  /** @param store `silences` or `nflog` */
  constructor(store: string, registry: Registry, counts: QueryCounts) {
    const registers = [registry];
    const prefix = `alertmanager_${store}`;
    this.runs = new Counter({ name: `${prefix}_maintenance_total`, help: 'Maintenance runs.', registers });
    this.errors = new Counter({
      name: `${prefix}_maintenance_errors_total`,
      help: 'Maintenance runs that failed.',
      registers,
    });
    const summary = (name: string, help: string) => new Summary({ name, help, percentiles: [], registers });
    this.duration = summary(`${prefix}_snapshot_duration_seconds`, 'How long it took to write the file anew.');
    this.forgetting = summary(`${prefix}_gc_duration_seconds`, 'How long it took to forget what has expired.');
    this.bytes = new Gauge({ name: `${prefix}_snapshot_size_bytes`, help: 'Size of the file.', registers });
    queryMetrics(prefix, registry, counts);
  }

  /** Runs and measures a maintenance. @throws what it throws */
  async maintain(store: { forgetExpired(): void; compact(): Promise<void>; readonly bytes: number }): Promise<void> {
    this.runs.inc();
    try {
      const begin = performance.now();
      store.forgetExpired();
      const forgotten = performance.now();
      this.forgetting.observe((forgotten - begin) / 1000);
      await store.compact();
      this.duration.observe((performance.now() - forgotten) / 1000);
    } catch (error) {
      this.errors.inc();
      throw error;
    } finally {
      this.bytes.set(store.bytes);
    }
  }
}

/** Queries cannot fail here, and take far less than the first bound of upstream's histogram. */
function queryMetrics(prefix: string, registry: Registry, counts: QueryCounts): void {
  collectedCounters(registry, [
    [`${prefix}_queries_total`, 'Queries.', () => counts.queries],
    [`${prefix}_query_errors_total`, 'Queries that failed.', () => 0],
    [`${prefix}_gossip_messages_propagated_total`, 'Always 0 in a cluster of one.', () => 0],
  ]);
  const name = `${prefix}_query_duration_seconds`;
  registerFamily(registry, { name, help: 'How long queries took.', type: 'histogram' }, () => [
    ...[...QUERY_BOUNDS, '+Inf'].map((le) => sample(`${name}_bucket`, counts.queries, { le })),
    sample(`${name}_sum`, counts.seconds),
    sample(`${name}_count`, counts.queries),
  ]);
}
