import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Labels } from '@avalanche/model';
import { Tsdb } from '@avalanche/tsdb';
import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { tsdbMetrics } from './tsdb-metrics.ts';

/** What Prometheus 2.42 and 3 say of their database, as far as we have it: dashboards and alerts ask for these. */
const UPSTREAM = {
  counter: [
    'checkpoint_creations_failed_total',
    'checkpoint_creations_total',
    'checkpoint_deletions_failed_total',
    'checkpoint_deletions_total',
    'compactions_failed_total',
    'compactions_total',
    'compactions_triggered_total',
    'exemplar_exemplars_appended_total',
    'exemplar_out_of_order_exemplars_total',
    'head_chunks_created_total',
    'head_chunks_removed_total',
    'head_out_of_order_samples_appended_total',
    'head_samples_appended_total',
    'head_series_created_total',
    'head_series_removed_total',
    'head_truncations_total',
    'mmap_chunk_corruptions_total',
    'out_of_bound_samples_total',
    'out_of_order_samples_total',
    'reloads_failures_total',
    'reloads_total',
    'size_retentions_total',
    'time_retentions_total',
    'too_old_samples_total',
    'vertical_compactions_total',
    'wal_completed_pages_total',
    'wal_corruptions_total',
    'wal_page_flushes_total',
    'wal_truncations_failed_total',
    'wal_truncations_total',
    'wal_writes_failed_total',
  ],
  gauge: [
    'blocks_loaded',
    'clean_start',
    'data_replay_duration_seconds',
    'exemplar_exemplars_in_storage',
    'exemplar_last_exemplars_timestamp_seconds',
    'exemplar_max_exemplars',
    'exemplar_series_with_exemplars_in_storage',
    'head_chunks',
    'head_max_time',
    'head_max_time_seconds',
    'head_min_time',
    'head_min_time_seconds',
    'head_series',
    'lowest_timestamp',
    'lowest_timestamp_seconds',
    'retention_limit_bytes',
    'retention_limit_seconds',
    'storage_blocks_bytes',
    'symbol_table_size_bytes',
    'wal_segment_current',
    'wal_storage_size_bytes',
  ],
  histogram: ['compaction_duration_seconds', 'tombstone_cleanup_seconds'],
  summary: ['head_gc_duration_seconds', 'wal_fsync_duration_seconds', 'wal_truncate_duration_seconds'],
};

test('the families of the database have the names and types of the original, and grow as they should', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'tsdb-metrics-'));
  const tsdb = await Tsdb.open({ directory, autoMaintenance: false });
  try {
    const registry = new Registry();
    tsdbMetrics(registry, tsdb);
    const appender = tsdb.appender();
    const ref = appender.seriesRef(Labels.from({ __name__: 'up' }));
    for (let hour = 0; hour < 5; hour++) appender.append(ref, hour * 3_600_000, hour);
    appender.commit();
    await tsdb.maintain();
    const text = await registry.metrics();
    const families = Object.entries(UPSTREAM).flatMap(([type, names]) =>
      names.map((name) => `# TYPE prometheus_tsdb_${name} ${type}`),
    );
    expect(
      text
        .split('\n')
        .filter((line) => line.startsWith('# TYPE'))
        .sort(),
    ).toEqual(families.sort());
    for (const line of [
      'clean_start 1',
      'blocks_loaded 1',
      'compaction_duration_seconds_bucket{le="1"} 1',
      'compaction_duration_seconds_bucket{le="+Inf"} 1',
      'compaction_duration_seconds_count 1',
      'head_gc_duration_seconds_count 1',
      'head_min_time 7200000',
      'head_max_time_seconds 14400',
    ]) {
      expect(text).toContain(`\nprometheus_tsdb_${line}\n`);
    }
  } finally {
    await tsdb.close();
    rmSync(directory, { recursive: true });
  }
});
