/** What the database has done since it was opened; published under upstream's `prometheus_tsdb_…` names. */
export class TsdbMetrics {
  samplesAppended = 0;
  outOfOrderSamplesAppended = 0;
  /** Compactions of head and blocks. */
  compactions = 0;
  compactionsFailed = 0;
  compactionsTriggered = 0;
  compactionSeconds = 0;
  /** Overlapping blocks merged. */
  verticalCompactions = 0;
  headTruncations = 0;
  headGcSeconds = 0;
  /** Damaged places found in files of head chunks. */
  headChunkCorruptions = 0;
  timeRetentions = 0;
  sizeRetentions = 0;
  tombstoneCleanupSeconds = 0;
}
