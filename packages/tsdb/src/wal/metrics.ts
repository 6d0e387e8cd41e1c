/** What a log has done since it was opened; published under upstream's `prometheus_tsdb_wal_…` names. */
export class WalMetrics {
  fsyncs = 0;
  /** Total duration of all syncs, in seconds. */
  fsyncSeconds = 0;
  fsyncsFailed = 0;
  pageFlushes = 0;
  completedPages = 0;
  truncations = 0;
  truncationsFailed = 0;
  /** Total duration of those that had something to do, in seconds, and how many they were. */
  truncationSeconds = 0;
  truncationsDone = 0;
  checkpointCreations = 0;
  checkpointCreationsFailed = 0;
  checkpointDeletions = 0;
  checkpointDeletionsFailed = 0;
  writesFailed = 0;
  recordParts = 0;
  /** Bytes of fragments, headers included, padding not. */
  recordPartBytes = 0;
  /** Bytes that compression saved. */
  recordBytesSaved = 0;
  /** Damaged places found. */
  corruptions = 0;
  /** Records read of types that this version does not know. */
  unknownRecords = 0;
}
