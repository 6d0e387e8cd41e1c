import { counter, gauge, literal, PG_14, viewCollector } from '../view.ts';

/** Sizes need the right to connect or to read all statistics; a database that we may not look into has none. */
export const database = viewCollector({
  name: 'database',
  labels: { datname: 'datname' },
  samples: [
    gauge('pg_database_connection_limit', 'datconnlimit', 'Connections allowed to the database; -1 is no limit.'),
    gauge(
      'pg_database_size_bytes',
      `CASE WHEN has_database_privilege(oid, 'CONNECT') OR pg_has_role(current_user, 'pg_read_all_stats', 'MEMBER')
        THEN pg_database_size(oid) END`,
      'Disk space that the database takes.',
    ),
  ],
  from: ({ excludeDatabases }) =>
    excludeDatabases.length === 0
      ? 'pg_database'
      : `pg_database WHERE datname NOT IN (${excludeDatabases.map(literal).join(', ')})`,
});

export const databaseWraparound = viewCollector({
  name: 'database_wraparound',
  isDefault: false,
  labels: { datname: 'datname' },
  samples: [
    gauge(
      'pg_database_wraparound_age_datfrozenxid_seconds',
      'age(datfrozenxid)',
      'Transactions since the oldest one that is not frozen yet (not seconds, whatever the name says).',
    ),
    gauge(
      'pg_database_wraparound_age_datminmxid_seconds',
      'mxid_age(datminmxid)',
      'Multixacts since the oldest one that is still needed (not seconds, whatever the name says).',
    ),
  ],
  from: 'pg_catalog.pg_database WHERE datallowconn',
});

const DATABASE_COUNTERS = [
  ['xact_commit', 'Transactions committed.'],
  ['xact_rollback', 'Transactions rolled back.'],
  ['blks_read', 'Blocks read from disk.'],
  ['blks_hit', 'Blocks found in the buffer cache.'],
  ['tup_returned', 'Rows returned by scans.'],
  ['tup_fetched', 'Rows fetched by index scans.'],
  ['tup_inserted', 'Rows inserted.'],
  ['tup_updated', 'Rows updated.'],
  ['tup_deleted', 'Rows deleted.'],
  ['conflicts', 'Queries cancelled because of conflicts with recovery.'],
  ['temp_files', 'Temporary files made by queries.'],
  ['temp_bytes', 'Bytes written to temporary files.'],
  ['deadlocks', 'Deadlocks.'],
  ['blk_read_time', 'Milliseconds spent reading blocks.'],
  ['blk_write_time', 'Milliseconds spent writing blocks.'],
] as const;

export const statDatabase = viewCollector({
  name: 'stat_database',
  labels: { datid: 'datid', datname: 'datname' },
  samples: [
    gauge('pg_stat_database_numbackends', 'numbackends', 'Connections to the database.'),
    ...DATABASE_COUNTERS.map(([column, help]) => counter(`pg_stat_database_${column}`, column, help)),
    counter(
      'pg_stat_database_stats_reset',
      'COALESCE(floor(EXTRACT(EPOCH FROM stats_reset)), 0)',
      'When these statistics were last reset, in seconds since the epoch; 0 is never.',
    ),
    counter(
      'pg_stat_database_active_time_seconds_total',
      'active_time / 1000.0',
      'Seconds spent executing statements.',
      { since: PG_14 },
    ),
  ],
  from: 'pg_stat_database WHERE datid IS NOT NULL AND datname IS NOT NULL',
});

export const roles = viewCollector({
  name: 'roles',
  labels: { rolname: 'rolname' },
  samples: [gauge('pg_roles_connection_limit', 'rolconnlimit', 'Connections allowed to the role; -1 is no limit.')],
  from: 'pg_roles',
});
