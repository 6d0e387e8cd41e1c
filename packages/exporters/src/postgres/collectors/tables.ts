import { counter, gauge, type PostgresCollector, viewCollector, writeRows } from '../view.ts';

const TABLE_LABELS = { datname: 'current_database()', schemaname: 't.schemaname', relname: 't.relname' };

/** The size of a table cannot be had while somebody holds or waits for this lock; then it has none. */
const unlessLocked = (size: string) => `CASE WHEN l.relation IS NULL THEN ${size} END`;

const TABLE_COUNTERS = [
  ['seq_scan', 'Sequential scans.'],
  ['seq_tup_read', 'Rows read by sequential scans.'],
  ['idx_scan', 'Index scans.'],
  ['idx_tup_fetch', 'Rows fetched by index scans.'],
  ['n_tup_ins', 'Rows inserted.'],
  ['n_tup_upd', 'Rows updated.'],
  ['n_tup_del', 'Rows deleted.'],
  ['n_tup_hot_upd', 'Rows updated without a new index entry.'],
  ['vacuum_count', 'Vacuums by hand.'],
  ['autovacuum_count', 'Vacuums by the daemon.'],
  ['analyze_count', 'Analyzes by hand.'],
  ['autoanalyze_count', 'Analyzes by the daemon.'],
] as const;
const TABLE_GAUGES = [
  ['n_live_tup', 'Live rows, estimated.'],
  ['n_dead_tup', 'Dead rows, estimated.'],
  ['n_mod_since_analyze', 'Rows changed since the last analyze, estimated.'],
] as const;
const TABLE_TIMES = [
  ['last_vacuum', 'Last vacuum by hand, in seconds since the epoch; 0 is never.'],
  ['last_autovacuum', 'Last vacuum by the daemon, in seconds since the epoch; 0 is never.'],
  ['last_analyze', 'Last analyze by hand, in seconds since the epoch; 0 is never.'],
  ['last_autoanalyze', 'Last analyze by the daemon, in seconds since the epoch; 0 is never.'],
] as const;

const TABLES = 'pg_stat_user_tables';

export const statUserTables = viewCollector({
  name: 'stat_user_tables',
  perDatabase: true,
  labels: TABLE_LABELS,
  samples: [
    ...TABLE_COUNTERS.map(([column, help]) => counter(`${TABLES}_${column}`, `COALESCE(t.${column}, 0)`, help)),
    ...TABLE_GAUGES.map(([column, help]) => gauge(`${TABLES}_${column}`, `COALESCE(t.${column}, 0)`, help)),
    ...TABLE_TIMES.map(([column, help]) =>
      gauge(`${TABLES}_${column}`, `COALESCE(floor(EXTRACT(EPOCH FROM t.${column})), 0)`, help),
    ),
    gauge(`${TABLES}_index_size_bytes`, unlessLocked('pg_indexes_size(t.relid)'), 'Disk space of its indexes.'),
    gauge(`${TABLES}_table_size_bytes`, unlessLocked('pg_table_size(t.relid)'), 'Disk space of the table.'),
  ],
  from: `pg_stat_user_tables t LEFT JOIN (SELECT DISTINCT relation FROM pg_locks WHERE mode = 'AccessExclusiveLock'
      AND locktype = 'relation' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())) l
    ON l.relation = t.relid`,
});

const IO_COLUMNS = [
  ['heap_blks_read', 'heap_blocks_read', 'Blocks of the table read from disk.'],
  ['heap_blks_hit', 'heap_blocks_hit', 'Blocks of the table found in the buffer cache.'],
  ['idx_blks_read', 'idx_blocks_read', 'Blocks of its indexes read from disk.'],
  ['idx_blks_hit', 'idx_blocks_hit', 'Blocks of its indexes found in the buffer cache.'],
  ['toast_blks_read', 'toast_blocks_read', 'Blocks of its TOAST table read from disk.'],
  ['toast_blks_hit', 'toast_blocks_hit', 'Blocks of its TOAST table found in the buffer cache.'],
  ['tidx_blks_read', 'tidx_blocks_read', 'Blocks of the index of its TOAST table read from disk.'],
  ['tidx_blks_hit', 'tidx_blocks_hit', 'Blocks of the index of its TOAST table found in the buffer cache.'],
] as const;

export const statioUserTables = viewCollector({
  name: 'statio_user_tables',
  perDatabase: true,
  labels: TABLE_LABELS,
  samples: IO_COLUMNS.map(([column, name, help]) =>
    counter(`pg_statio_user_tables_${name}`, `COALESCE(t.${column}, 0)`, help),
  ),
  from: 'pg_statio_user_tables t',
});

export const statioUserIndexes = viewCollector({
  name: 'statio_user_indexes',
  isDefault: false,
  labels: { schemaname: 'schemaname', relname: 'relname', indexrelname: 'indexrelname' },
  samples: [
    counter(
      'pg_statio_user_indexes_idx_blks_read_total',
      'COALESCE(idx_blks_read, 0)',
      'Blocks of the index read from disk.',
    ),
    counter(
      'pg_statio_user_indexes_idx_blks_hit_total',
      'COALESCE(idx_blks_hit, 0)',
      'Blocks of the index found in the buffer cache.',
    ),
  ],
  from: 'pg_statio_user_indexes',
});

const PHASES = [
  ...['initializing', 'scanning heap', 'vacuuming indexes', 'vacuuming heap', 'cleaning up indexes'],
  ...['truncating heap', 'performing final cleanup'],
];
const VACUUM = 'pg_stat_progress_vacuum';
const VACUUM_SAMPLES = [
  gauge(`${VACUUM}_heap_blks`, 's.param2', 'Blocks of the table that is being vacuumed.'),
  gauge(`${VACUUM}_heap_blks_scanned`, 's.param3', 'Blocks scanned so far.'),
  gauge(`${VACUUM}_heap_blks_vacuumed`, 's.param4', 'Blocks vacuumed so far.'),
  gauge(`${VACUUM}_index_vacuums`, 's.param5', 'Rounds through the indexes so far.'),
  gauge(`${VACUUM}_max_dead_tuples`, 's.param6', 'Dead rows that fit into memory; bytes from PostgreSQL 17 on.'),
  gauge(`${VACUUM}_num_dead_tuples`, 's.param7', 'Dead rows in memory; bytes from PostgreSQL 17 on.'),
];

/**
 * Reads what pg_stat_progress_vacuum is made of, which has the phase as a number. Tables of other databases cannot be named
 * from here: then the label is their OID.
 */
export const statProgressVacuum: PostgresCollector = {
  name: 'stat_progress_vacuum',
  isDefault: true,
  async collect(families, { query }) {
    const { rows } = await query(
      `SELECT d.datname, CASE WHEN d.datname = current_database() THEN s.relid::regclass::text ELSE s.relid::text END,
         s.param1, ${VACUUM_SAMPLES.map(({ sql }) => sql).join(', ')}
       FROM pg_stat_get_progress_info('VACUUM') s LEFT JOIN pg_database d ON s.datid = d.oid`,
    );
    const named = rows.map(([datname, relname, , ...values]) => [
      datname ?? 'unknown',
      relname ?? 'unknown',
      ...values,
    ]);
    writeRows(families, named, ['datname', 'relname'], VACUUM_SAMPLES);
    const phases = families.gauge(`${VACUUM}_phase`, 'Whether the vacuum is in this phase.');
    for (const [datname, relname, current] of rows) {
      PHASES.forEach((phase, i) => {
        const labels = { datname: datname ?? 'unknown', relname: relname ?? 'unknown', phase };
        phases.add(current !== null && Number(current) === i ? 1 : 0, labels);
      });
    }
  },
};
