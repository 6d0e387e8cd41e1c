import { FamilyWriter } from '@avalanche/exposition';
import { expect, test } from 'vitest';
import type { CollectorContext } from '../view.ts';
import { POSTGRES_COLLECTORS } from './index.ts';
import { settingOf } from './settings.ts';

/** The statement that a collector puts to a server of a version. */
async function statementFor(name: string, version: number): Promise<string> {
  const statements: string[] = [];
  const context: CollectorContext = {
    query(sql) {
      statements.push(sql.replace(/\s+/g, ' '));
      return Promise.resolve({ rows: [], columns: [] });
    },
    version,
    excludeDatabases: ["it's"],
    statements: { includeQuery: true, queryLength: 60, limit: 5, excludeDatabases: ['a'], excludeUsers: [] },
  };
  const collector = POSTGRES_COLLECTORS.find((other) => other.name === name);
  await collector?.collect(new FamilyWriter(), context);
  return statements.join('\n');
}

test.each([
  [
    'stat_statements',
    120_000,
    ['s.total_time', 's.blk_read_time', 'FROM pg_stat_statements s'],
    ['shared_blk', 'exec'],
  ],
  ['stat_statements', 130_000, ['s.total_exec_time', 's.blk_read_time', 'pg_stat_statements(true) s'], ['shared_blk']],
  ['stat_statements', 180_000, ['s.total_exec_time', 's.shared_blk_read_time', 'LIMIT 5'], ['s.blk_read']],
  ['stat_statements', 170_000, ["d.datname NOT IN ('a')", 'left(s.query, 60)'], ['pg_get_userbyid(s.userid) NOT IN']],
  ['stat_bgwriter', 160_000, ['checkpoints_timed', 'buffers_backend_fsync', 'buffers_alloc'], []],
  ['stat_bgwriter', 170_000, ['buffers_clean', 'maxwritten_clean', 'buffers_alloc'], ['checkpoint', 'backend']],
  ['stat_database', 130_000, ['blk_read_time'], ['active_time']],
  ['stat_database', 140_000, ['active_time / 1000.0'], []],
  ['replication_slots', 120_000, ['confirmed_flush_lsn'], ['safe_wal_size', 'wal_status']],
  ['replication_slots', 130_000, ['safe_wal_size', 'wal_status'], []],
  ['stat_wal_receiver', 120_000, ['receive_start_lsn'], ['flushed_lsn']],
  ['database', 150_000, ["NOT IN ('it''s')"], []],
])('%s on %d asks for the columns that are there', async (name, version, with_, without) => {
  const statement = await statementFor(name, version);
  for (const part of with_) expect(statement).toContain(part);
  for (const part of without) expect(statement).not.toContain(part);
});

test.each([
  ['shared_buffers', '16384', '8kB', 'integer', ['pg_settings_shared_buffers_bytes', 134_217_728]],
  ['wal_segment_size', '16777216', 'B', 'integer', ['pg_settings_wal_segment_size_bytes', 16_777_216]],
  ['min_wal_size', '5', '16MB', 'integer', ['pg_settings_min_wal_size_bytes', 83_886_080]],
  ['log_rotation_age', '1440', 'min', 'integer', ['pg_settings_log_rotation_age_seconds', 86_400]],
  ['deadlock_timeout', '1001', 'ms', 'integer', ['pg_settings_deadlock_timeout_seconds', 1.001]],
  ['log_min_duration_statement', '-1', 'ms', 'integer', ['pg_settings_log_min_duration_statement_seconds', -1]],
  ['random_page_cost', '1.1', '', 'real', ['pg_settings_random_page_cost', 1.1]],
  ['pg_stat.track-it', 'on', '', 'bool', ['pg_settings_pg_stat_track_it', 1]],
  ['rds.memory', '5GB', 'GB', 'integer', ['pg_settings_rds_memory_bytes', 5 * 2 ** 30]],
  ['odd', 'none', '', 'integer', null],
  ['odd', '1', 'parsecs', 'integer', null],
])('the setting %s of %s %s', (name, setting, unit, type, expected) => {
  expect(settingOf(name, setting, unit, type)).toEqual(expected);
});
