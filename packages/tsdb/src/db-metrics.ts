/** What the database has done since it was opened; published under upstream's `prometheus_tsdb_…` names. */
export class TsdbMetrics {
  samplesAppended = 0;
  outOfOrderSamplesAppended = 0;
  histogramsAppended = 0;
  outOfOrderHistogramsAppended = 0;
  /** Compactions of head and blocks. */
  compactions = 0;
  compactionsFailed = 0;
  compactionsTriggered = 0;
  /** How long compactions took. */
  readonly compactionSeconds = new Distribution([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192]);
  /** Overlapping blocks merged. */
  verticalCompactions = 0;
  headTruncations = 0;
  headGcSeconds = 0;
  /** Damaged places found in files of head chunks. */
  headChunkCorruptions = 0;
  timeRetentions = 0;
  sizeRetentions = 0;
  readonly tombstoneCleanupSeconds = new Distribution([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]);
  /** -1: without a lock file; 0: one was left by another process; 1: there was none. */
  cleanStart = -1;
  /** How long reading the log took at the start. */
  replaySeconds = 0;
}

/** How often values up to certain bounds were seen: a histogram. */
export class Distribution {
  /** By bound, those above the bound before; the last is for what is above all. */
  readonly counts: number[];
  sum = 0;

  /** @param bounds ascending */
  constructor(readonly bounds: readonly number[]) {
    this.counts = new Array<number>(bounds.length + 1).fill(0);
  }

  observe(value: number): void {
    const at = this.bounds.findIndex((bound) => value <= bound);
    this.counts[at < 0 ? this.bounds.length : at]++;
    this.sum += value;
  }
}
