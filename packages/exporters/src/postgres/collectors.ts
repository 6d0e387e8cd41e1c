import type { FamilyType, FamilyWriter } from '@avalanche/exposition';
import { numberOf, type Query, type Row, textOf } from './connection.ts';

/** Major version of the server times 10000, as `server_version_num` gives it. */
export type ServerVersion = number;

export interface PostgresCollector {
  readonly name: string;
  collect(query: Query, families: FamilyWriter, version: ServerVersion): Promise<void>;
}

/** Columns of a statement's rows to write, as `[column, family, type, help]`; a NULL is no sample. */
type Columns = readonly (readonly [string, string, FamilyType, string])[];

function writeRows(families: FamilyWriter, rows: readonly Row[], labels: readonly string[], columns: Columns): void {
  for (const row of rows) {
    const own = Object.fromEntries(labels.map((label) => [label, textOf(row[label])]));
    for (const [column, name, type, help] of columns) {
      const value = numberOf(row[column]);
      if (row[column] !== null && row[column] !== undefined) families.family(name, type, help).add(value, own);
    }
  }
}

const database: PostgresCollector = {
  name: 'database',
  async collect(query, families) {
    const rows = await query(
      `SELECT datname, pg_database_size(oid) AS bytes, datconnlimit FROM pg_database
       WHERE datallowconn AND NOT datistemplate AND has_database_privilege(oid, 'CONNECT')`,
    );
    writeRows(
      families,
      rows,
      ['datname'],
      [
        ['bytes', 'pg_database_size_bytes', 'gauge', 'Disk space of the database, in bytes.'],
        ['datconnlimit', 'pg_database_connection_limit', 'gauge', 'Connections allowed; -1 is no limit.'],
      ],
    );
  },
};

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

const statDatabase: PostgresCollector = {
  name: 'stat_database',
  async collect(query, families) {
    const rows = await query(
      `SELECT datid, datname, numbackends, EXTRACT(EPOCH FROM stats_reset) AS stats_reset,
       ${DATABASE_COUNTERS.map(([column]) => column).join(', ')}
       FROM pg_stat_database WHERE datname IS NOT NULL`,
    );
    const counters: Columns = DATABASE_COUNTERS.map(([column, help]) => [
      column,
      `pg_stat_database_${column}`,
      'counter',
      help,
    ]);
    writeRows(
      families,
      rows,
      ['datid', 'datname'],
      [
        ['numbackends', 'pg_stat_database_numbackends', 'gauge', 'Connections to the database.'],
        ['stats_reset', 'pg_stat_database_stats_reset', 'counter', 'When the statistics were last reset.'],
        ...counters,
      ],
    );
  },
};

const LOCK_MODES = [
  ...['accesssharelock', 'rowsharelock', 'rowexclusivelock', 'shareupdateexclusivelock', 'sharelock'],
  ...['sharerowexclusivelock', 'exclusivelock', 'accessexclusivelock', 'sireadlock'],
];

const locks: PostgresCollector = {
  name: 'locks',
  async collect(query, families) {
    const rows = await query(
      `SELECT d.datname, m.mode, COALESCE(l.count, 0) AS count
       FROM pg_database d CROSS JOIN (VALUES ${LOCK_MODES.map((mode) => `('${mode}')`).join(',')}) AS m (mode)
       LEFT JOIN (SELECT database, lower(mode) AS mode, count(*) FROM pg_locks WHERE database IS NOT NULL GROUP BY 1, 2) l
       ON l.database = d.oid AND l.mode = m.mode WHERE NOT d.datistemplate`,
    );
    writeRows(families, rows, ['datname', 'mode'], [['count', 'pg_locks_count', 'gauge', 'Locks held, by mode.']]);
  },
};

const activity: PostgresCollector = {
  name: 'stat_activity',
  async collect(query, families) {
    const rows = await query(
      `SELECT d.datname, s.state, COALESCE(a.count, 0) AS count, COALESCE(a.max_tx_duration, 0) AS max_tx_duration,
         COALESCE(a.usename, '') AS usename, COALESCE(a.application_name, '') AS application_name,
         COALESCE(a.backend_type, '') AS backend_type, COALESCE(a.wait_event_type, '') AS wait_event_type,
         COALESCE(a.wait_event, '') AS wait_event
       FROM pg_database d CROSS JOIN (VALUES ('active'), ('idle'), ('idle in transaction'),
         ('idle in transaction (aborted)'), ('fastpath function call'), ('disabled')) AS s (state)
       LEFT JOIN (SELECT datname, state, usename, application_name, backend_type, wait_event_type, wait_event,
           count(*), max(EXTRACT(EPOCH FROM now() - xact_start)) AS max_tx_duration
         FROM pg_stat_activity GROUP BY 1, 2, 3, 4, 5, 6, 7) a ON a.datname = d.datname AND a.state = s.state
       WHERE NOT d.datistemplate`,
    );
    const labels = ['datname', 'state', 'usename', 'application_name', 'backend_type', 'wait_event_type', 'wait_event'];
    writeRows(families, rows, labels, [
      ['count', 'pg_stat_activity_count', 'gauge', 'Connections in this state.'],
      [
        'max_tx_duration',
        'pg_stat_activity_max_tx_duration',
        'gauge',
        'Longest transaction in this state, in seconds.',
      ],
    ]);
  },
};

/** Up to version 16 one view; its checkpoint columns moved to pg_stat_checkpointer in 17. */
const bgwriter: PostgresCollector = {
  name: 'stat_bgwriter',
  async collect(query, families, version) {
    const [writer] = await query('SELECT * FROM pg_stat_bgwriter');
    const counter = (row: Row, column: string, view: string, help: string) => {
      if (row[column] === undefined || row[column] === null) return;
      families.counter(`pg_stat_${view}_${column}_total`, help).add(numberOf(row[column]));
    };
    for (const column of Object.keys(writer).filter((name) => name !== 'stats_reset')) {
      counter(writer, column, 'bgwriter', `pg_stat_bgwriter column ${column}.`);
    }
    if (version < 170_000) return;
    const [checkpointer] = await query('SELECT * FROM pg_stat_checkpointer');
    for (const column of Object.keys(checkpointer).filter((name) => name !== 'stats_reset')) {
      counter(checkpointer, column, 'checkpointer', `pg_stat_checkpointer column ${column}.`);
    }
  },
};

const replication: PostgresCollector = {
  name: 'replication',
  async collect(query, families) {
    const [row] = await query(
      `SELECT CASE WHEN NOT pg_is_in_recovery() THEN 0
         WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
         ELSE GREATEST(0, EXTRACT(EPOCH FROM (now() - pg_last_xact_replay_timestamp()))) END AS lag,
       pg_is_in_recovery() AS is_replica`,
    );
    families.gauge('pg_replication_lag_seconds', 'How far the replica is behind, in seconds.').add(numberOf(row.lag));
    families.gauge('pg_replication_is_replica', 'Whether the server is a replica.').add(numberOf(row.is_replica));
  },
};

const postmaster: PostgresCollector = {
  name: 'postmaster',
  async collect(query, families) {
    const [row] = await query('SELECT EXTRACT(EPOCH FROM pg_postmaster_start_time()) AS start');
    families
      .gauge('pg_postmaster_start_time_seconds', 'When the server started, in seconds since the epoch.')
      .add(numberOf(row.start));
  },
};

const TABLE_COLUMNS = [
  ['seq_scan', 'counter', 'Sequential scans.'],
  ['seq_tup_read', 'counter', 'Rows read by sequential scans.'],
  ['idx_scan', 'counter', 'Index scans.'],
  ['idx_tup_fetch', 'counter', 'Rows fetched by index scans.'],
  ['n_tup_ins', 'counter', 'Rows inserted.'],
  ['n_tup_upd', 'counter', 'Rows updated.'],
  ['n_tup_del', 'counter', 'Rows deleted.'],
  ['n_tup_hot_upd', 'counter', 'Rows updated without a new index entry.'],
  ['n_live_tup', 'gauge', 'Live rows, estimated.'],
  ['n_dead_tup', 'gauge', 'Dead rows, estimated.'],
  ['n_mod_since_analyze', 'gauge', 'Rows changed since the last analyze, estimated.'],
  ['vacuum_count', 'counter', 'Vacuums by hand.'],
  ['autovacuum_count', 'counter', 'Vacuums by the daemon.'],
  ['analyze_count', 'counter', 'Analyzes by hand.'],
  ['autoanalyze_count', 'counter', 'Analyzes by the daemon.'],
] as const;
const TABLE_TIMES = ['last_vacuum', 'last_autovacuum', 'last_analyze', 'last_autoanalyze'] as const;

const userTables: PostgresCollector = {
  name: 'stat_user_tables',
  async collect(query, families) {
    const rows = await query(
      `SELECT current_database() AS datname, schemaname, relname,
         ${TABLE_TIMES.map((column) => `COALESCE(EXTRACT(EPOCH FROM ${column}), 0) AS ${column}`).join(', ')},
         ${TABLE_COLUMNS.map(([column]) => column).join(', ')},
         pg_table_size(relid) AS table_size_bytes, pg_indexes_size(relid) AS index_size_bytes
       FROM pg_stat_user_tables`,
    );
    writeRows(
      families,
      rows,
      ['datname', 'schemaname', 'relname'],
      [
        ...TABLE_COLUMNS.map(([column, type, help]) => [column, `pg_stat_user_tables_${column}`, type, help] as const),
        ...TABLE_TIMES.map(
          (column) =>
            [column, `pg_stat_user_tables_${column}`, 'gauge', `Time of the ${column.replace('_', ' ')}.`] as const,
        ),
        ['table_size_bytes', 'pg_stat_user_tables_table_size_bytes', 'gauge', 'Disk space of the table, in bytes.'],
        ['index_size_bytes', 'pg_stat_user_tables_index_size_bytes', 'gauge', 'Disk space of its indexes, in bytes.'],
      ],
    );
  },
};

/** Factor and suffix of the units in pg_settings. */
const UNITS: Readonly<Record<string, readonly [number, string]>> = {
  ms: [0.001, '_seconds'],
  s: [1, '_seconds'],
  min: [60, '_seconds'],
  B: [1, '_bytes'],
  kB: [1024, '_bytes'],
  '8kB': [8 * 1024, '_bytes'],
  '16kB': [16 * 1024, '_bytes'],
  '16MB': [16 * 1024 ** 2, '_bytes'],
  '32MB': [32 * 1024 ** 2, '_bytes'],
  MB: [1024 ** 2, '_bytes'],
  GB: [1024 ** 3, '_bytes'],
  TB: [1024 ** 4, '_bytes'],
};

const settings: PostgresCollector = {
  name: 'settings',
  async collect(query, families) {
    const rows = await query(
      "SELECT name, setting, COALESCE(unit, '') AS unit, short_desc, vartype FROM pg_settings WHERE vartype IN ('bool', 'integer', 'real') AND name <> 'sync_commit_cancel_wait'",
    );
    for (const row of rows) {
      const [factor, suffix] = UNITS[textOf(row.unit)] ?? [1, ''];
      const raw = row.vartype === 'bool' ? Number(row.setting === 'on') : Number(row.setting);
      const value = raw === -1 && suffix !== '' ? -1 : raw * factor;
      const name = `pg_settings_${textOf(row.name).replaceAll('.', '_')}${suffix}`;
      families.gauge(name, `Server parameter ${textOf(row.name)}: ${textOf(row.short_desc)}`).add(value);
    }
  },
};

export const POSTGRES_COLLECTORS: readonly PostgresCollector[] = [
  database,
  statDatabase,
  locks,
  activity,
  bgwriter,
  replication,
  postmaster,
  userTables,
  settings,
];
