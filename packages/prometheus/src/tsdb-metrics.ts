import type { Tsdb } from '@avalanche/tsdb';
import { type Collected, collectedCounters, collectedGauges, registerFamily, sample } from '@avalanche/web';
import { Counter, type Registry } from 'prom-client';

/** What the database says of itself, under upstream's names. */
export function tsdbMetrics(registry: Registry, tsdb: Tsdb): void {
  collectedGauges(registry, gaugeFamilies(tsdb));
  collectedCounters(registry, counterFamilies(tsdb));
  const { head, metrics, wal } = tsdb;
  typedCounter(registry, 'prometheus_tsdb_head_samples_appended_total', 'Samples appended since the start.', () => [
    ['float', metrics.samplesAppended],
    ['histogram', metrics.histogramsAppended],
  ]);
  typedCounter(
    registry,
    'prometheus_tsdb_out_of_order_samples_total',
    'Samples refused because their series has newer ones.',
    () => [['float', head.outOfOrderRefused]],
  );
  typedCounter(
    registry,
    'prometheus_tsdb_out_of_bound_samples_total',
    'Samples refused because they are older than what the head takes.',
    () => [['float', head.outOfBoundsRefused]],
  );
  typedCounter(
    registry,
    'prometheus_tsdb_too_old_samples_total',
    'Samples refused because they are later than the out-of-order window allows.',
    () => [['float', head.tooOldRefused]],
  );
  totals(registry, 'prometheus_tsdb_wal_fsync_duration_seconds', 'Duration of syncs of the log.', () => [
    wal.metrics.fsyncSeconds,
    wal.metrics.fsyncs,
  ]);
  totals(registry, 'prometheus_tsdb_wal_truncate_duration_seconds', 'Duration of truncations of the log.', () => [
    wal.metrics.truncationSeconds,
    wal.metrics.truncationsDone,
  ]);
  totals(registry, 'prometheus_tsdb_head_gc_duration_seconds', 'Duration of collections of the head.', () => [
    metrics.headGcSeconds,
    metrics.headTruncations,
  ]);
  histogram(
    registry,
    'prometheus_tsdb_compaction_duration_seconds',
    'Duration of compactions.',
    metrics.compactionSeconds,
  );
  histogram(
    registry,
    'prometheus_tsdb_tombstone_cleanup_seconds',
    'Duration of rewriting blocks without what was deleted in them.',
    metrics.tombstoneCleanupSeconds,
  );
}

function gaugeFamilies(tsdb: Tsdb): readonly Collected[] {
  const { head, blocks, wal, retention, metrics, exemplars } = tsdb;
  return [
    ['prometheus_tsdb_head_series', 'Series in the head.', () => head.series.size],
    ['prometheus_tsdb_head_chunks', 'Chunks in the head.', () => head.chunkCount],
    ['prometheus_tsdb_head_min_time', 'Oldest sample of the head, in milliseconds.', () => head.minTime],
    ['prometheus_tsdb_head_max_time', 'Newest sample of the head, in milliseconds.', () => head.maxTime],
    ['prometheus_tsdb_head_min_time_seconds', 'Oldest sample of the head.', () => head.minTime / 1000],
    ['prometheus_tsdb_head_max_time_seconds', 'Newest sample of the head.', () => head.maxTime / 1000],
    ['prometheus_tsdb_lowest_timestamp', 'Oldest sample stored, in milliseconds.', () => tsdb.minTime],
    ['prometheus_tsdb_lowest_timestamp_seconds', 'Oldest sample stored.', () => tsdb.minTime / 1000],
    [
      'prometheus_tsdb_clean_start',
      '-1: there is no lock file. 0: one was left by another process. 1: there was none.',
      () => metrics.cleanStart,
    ],
    [
      'prometheus_tsdb_data_replay_duration_seconds',
      'Duration of reading the log at the start.',
      () => metrics.replaySeconds,
    ],
    ['prometheus_tsdb_blocks_loaded', 'Blocks that are open.', () => blocks.all.length],
    ['prometheus_tsdb_storage_blocks_bytes', 'Bytes that the blocks take on disk.', () => blocks.sizeBytes],
    ['prometheus_tsdb_symbol_table_size_bytes', 'Memory that open blocks take.', () => blocks.memoryBytes],
    ['prometheus_tsdb_retention_limit_bytes', 'Bound of the size of the storage, 0 for none.', () => retention.bytes],
    [
      'prometheus_tsdb_retention_limit_seconds',
      'How long samples are kept, 0 for ever.',
      () => retention.timeMs / 1000,
    ],
    ['prometheus_tsdb_exemplar_exemplars_in_storage', 'Exemplars that are kept.', () => exemplars.size],
    [
      'prometheus_tsdb_exemplar_series_with_exemplars_in_storage',
      'Series with exemplars that are kept.',
      () => exemplars.seriesCount,
    ],
    [
      'prometheus_tsdb_exemplar_last_exemplars_timestamp_seconds',
      'Time of the exemplar that has been kept for longest.',
      () => exemplars.oldestSeconds,
    ],
    ['prometheus_tsdb_exemplar_max_exemplars', 'How many exemplars can be kept.', () => exemplars.max],
    ['prometheus_tsdb_wal_segment_current', 'Log segment being written.', () => wal.currentSegment],
    ['prometheus_tsdb_wal_storage_size_bytes', 'Bytes that the log takes on disk.', () => wal.storageBytes],
  ];
}

function counterFamilies({ head, blocks, metrics, wal, exemplars }: Tsdb): readonly Collected[] {
  const log = wal.metrics;
  return [
    ['prometheus_tsdb_head_series_created_total', 'Series made in the head.', () => head.seriesCreated],
    ['prometheus_tsdb_head_series_removed_total', 'Series collected from the head.', () => head.seriesRemoved],
    ['prometheus_tsdb_head_chunks_created_total', 'Chunks begun in the head.', () => head.chunksCreated],
    ['prometheus_tsdb_head_chunks_removed_total', 'Chunks dropped from the head.', () => head.chunksRemoved],
    ['prometheus_tsdb_head_truncations_total', 'Truncations of the head.', () => metrics.headTruncations],
    [
      'prometheus_tsdb_head_out_of_order_samples_appended_total',
      'Late samples taken.',
      () => metrics.outOfOrderSamplesAppended,
    ],
    ['prometheus_tsdb_exemplar_exemplars_appended_total', 'Exemplars taken.', () => exemplars.appended],
    [
      'prometheus_tsdb_exemplar_out_of_order_exemplars_total',
      'Exemplars refused because their series has newer ones.',
      () => exemplars.outOfOrder,
    ],
    ['prometheus_tsdb_compactions_total', 'Compactions done.', () => metrics.compactions],
    ['prometheus_tsdb_compactions_failed_total', 'Compactions that failed.', () => metrics.compactionsFailed],
    ['prometheus_tsdb_compactions_triggered_total', 'Compactions begun.', () => metrics.compactionsTriggered],
    ['prometheus_tsdb_reloads_total', 'Looks at the blocks of the data directory.', () => blocks.reloads],
    [
      'prometheus_tsdb_reloads_failures_total',
      'Looks at the blocks of the data directory that met one which cannot be read.',
      () => blocks.reloadsFailed,
    ],
    [
      'prometheus_tsdb_mmap_chunk_corruptions_total',
      'Damaged places found in files of head chunks.',
      () => metrics.headChunkCorruptions,
    ],
    [
      'prometheus_tsdb_vertical_compactions_total',
      'Compactions of overlapping blocks.',
      () => metrics.verticalCompactions,
    ],
    [
      'prometheus_tsdb_time_retentions_total',
      'Times that blocks were dropped for their age.',
      () => metrics.timeRetentions,
    ],
    ['prometheus_tsdb_size_retentions_total', 'Times that blocks were dropped for room.', () => metrics.sizeRetentions],
    ['prometheus_tsdb_wal_corruptions_total', 'Damaged places found in the log.', () => log.corruptions],
    ['prometheus_tsdb_wal_page_flushes_total', 'Pages of the log written.', () => log.pageFlushes],
    ['prometheus_tsdb_wal_completed_pages_total', 'Pages of the log completed.', () => log.completedPages],
    ['prometheus_tsdb_wal_truncations_total', 'Truncations of the log.', () => log.truncations],
    [
      'prometheus_tsdb_wal_truncations_failed_total',
      'Truncations of the log that failed.',
      () => log.truncationsFailed,
    ],
    ['prometheus_tsdb_wal_writes_failed_total', 'Writes to the log that failed.', () => log.writesFailed],
    ['prometheus_tsdb_checkpoint_creations_total', 'Checkpoints made.', () => log.checkpointCreations],
    [
      'prometheus_tsdb_checkpoint_creations_failed_total',
      'Checkpoints that failed.',
      () => log.checkpointCreationsFailed,
    ],
    ['prometheus_tsdb_checkpoint_deletions_total', 'Deletions of old checkpoints.', () => log.checkpointDeletions],
    [
      'prometheus_tsdb_checkpoint_deletions_failed_total',
      'Deletions of old checkpoints that failed.',
      () => log.checkpointDeletionsFailed,
    ],
  ];
}

function typedCounter(
  registry: Registry,
  name: string,
  help: string,
  read: () => readonly (readonly [type: string, value: number])[],
): void {
  new Counter({
    name,
    help,
    labelNames: ['type'],
    registers: [registry],
    collect() {
      this.reset();
      for (const [type, value] of read()) this.inc({ type }, value);
    },
  });
}

/** A summary without quantiles: the sum of the durations in seconds, and how many there were. */
function totals(
  registry: Registry,
  name: string,
  help: string,
  read: () => readonly [sum: number, count: number],
): void {
  registerFamily(registry, { name, help, type: 'summary' }, () => {
    const [sum, count] = read();
    return [sample(`${name}_sum`, sum), sample(`${name}_count`, count)];
  });
}

/** A histogram that is kept elsewhere. */
function histogram(registry: Registry, name: string, help: string, distribution: Tsdb['metrics']['compactionSeconds']) {
  registerFamily(registry, { name, help, type: 'histogram' }, () => {
    let count = 0;
    const buckets = distribution.counts.map((n, i) => {
      count += n;
      return sample(`${name}_bucket`, count, { le: distribution.bounds[i] ?? '+Inf' });
    });
    return [...buckets, sample(`${name}_sum`, distribution.sum), sample(`${name}_count`, count)];
  });
}
