import {
  counter,
  gauge,
  literal,
  PG_13,
  PG_16,
  PG_17,
  type PostgresCollector,
  type Sample,
  viewCollector,
  writeRows,
} from '../view.ts';

export const postmaster = viewCollector({
  name: 'postmaster',
  samples: [
    gauge(
      'pg_postmaster_start_time_seconds',
      'EXTRACT(EPOCH FROM pg_postmaster_start_time())',
      'When the server started, in seconds since the epoch.',
    ),
  ],
});

/** Needs the rights of pg_monitor. */
export const wal = viewCollector({
  name: 'wal',
  samples: [
    gauge('pg_wal_segments', 'count(*)', 'Segments of the write-ahead log on disk.'),
    gauge('pg_wal_size_bytes', 'sum(size)', 'Bytes of the write-ahead log on disk.'),
  ],
  from: "pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$'",
});

export const statArchiver = viewCollector({
  name: 'stat_archiver',
  samples: [
    counter('pg_stat_archiver_archived_count', 'archived_count', 'Segments archived.'),
    counter('pg_stat_archiver_failed_count', 'failed_count', 'Attempts to archive a segment that failed.'),
    gauge(
      'pg_stat_archiver_last_archive_age',
      'EXTRACT(EPOCH FROM now() - last_archived_time)',
      'Seconds since the last segment was archived.',
    ),
  ],
  from: 'pg_stat_archiver',
});

const STATS_RESET = 'COALESCE(floor(EXTRACT(EPOCH FROM stats_reset)), 0)';
const STATS_RESET_HELP = 'When these statistics were last reset, in seconds since the epoch; 0 is never.';

/** Counters of a view with one row, under the columns' names and `_total`. */
function totals(
  view: string,
  columns: readonly (readonly [string, string])[],
  versions: Partial<Sample> = {},
): Sample[] {
  return columns.map(([column, help]) => counter(`${view}_${column}_total`, `COALESCE(${column}, 0)`, help, versions));
}

/** Up to 16 one view; what it had about checkpoints is in pg_stat_checkpointer from 17 on. */
export const statBgwriter = viewCollector({
  name: 'stat_bgwriter',
  samples: [
    ...totals(
      'pg_stat_bgwriter',
      [
        ['checkpoints_timed', 'Checkpoints that were due.'],
        ['checkpoints_req', 'Checkpoints that were asked for.'],
        ['checkpoint_write_time', 'Milliseconds that checkpoints spent writing files.'],
        ['checkpoint_sync_time', 'Milliseconds that checkpoints spent syncing files.'],
        ['buffers_checkpoint', 'Buffers written by checkpoints.'],
        ['buffers_backend', 'Buffers written by backends themselves.'],
        ['buffers_backend_fsync', 'Times that a backend had to sync a file itself.'],
      ],
      { before: PG_17 },
    ),
    ...totals('pg_stat_bgwriter', [
      ['buffers_clean', 'Buffers written by the background writer.'],
      ['maxwritten_clean', 'Times that the background writer stopped because it had written too much.'],
      ['buffers_alloc', 'Buffers allocated.'],
    ]),
    counter('pg_stat_bgwriter_stats_reset_total', STATS_RESET, STATS_RESET_HELP),
  ],
  from: 'pg_stat_bgwriter',
});

/** Runs by itself where there is such a view, as it has what stat_bgwriter has lost. */
export const statCheckpointer = viewCollector({
  name: 'stat_checkpointer',
  since: PG_17,
  samples: [
    ...totals('pg_stat_checkpointer', [
      ['num_timed', 'Checkpoints that were due.'],
      ['num_requested', 'Checkpoints that were asked for.'],
      ['restartpoints_timed', 'Restartpoints that were due.'],
      ['restartpoints_req', 'Restartpoints that were asked for.'],
      ['restartpoints_done', 'Restartpoints performed.'],
      ['write_time', 'Milliseconds spent writing files.'],
      ['sync_time', 'Milliseconds spent syncing files.'],
      ['buffers_written', 'Buffers written.'],
    ]),
    counter('pg_stat_checkpointer_stats_reset_total', STATS_RESET, STATS_RESET_HELP),
  ],
  from: 'pg_stat_checkpointer',
});

/** Reads without locks; needs the extension pg_buffercache. */
export const buffercacheSummary = viewCollector({
  name: 'buffercache_summary',
  isDefault: false,
  since: PG_16,
  samples: [
    gauge('pg_buffercache_summary_buffers_used', 'COALESCE(buffers_used, 0)', 'Shared buffers in use.'),
    gauge('pg_buffercache_summary_buffers_unused', 'COALESCE(buffers_unused, 0)', 'Shared buffers not in use.'),
    gauge('pg_buffercache_summary_buffers_dirty', 'COALESCE(buffers_dirty, 0)', 'Shared buffers to be written.'),
    gauge('pg_buffercache_summary_buffers_pinned', 'COALESCE(buffers_pinned, 0)', 'Shared buffers pinned.'),
    gauge('pg_buffercache_summary_usagecount_avg', 'COALESCE(usagecount_avg, 0)', 'Mean usage count of buffers.'),
  ],
  from: 'pg_buffercache_summary()',
});

const STATEMENT_SAMPLES = [
  counter('pg_stat_statements_calls_total', 'calls', 'Executions of the statement.'),
  counter('pg_stat_statements_rows_total', 'rows', 'Rows read or changed by the statement.'),
];

function statementSamples(version: number): Sample[] {
  const total = version >= PG_13 ? 'total_exec_time' : 'total_time';
  const block = version >= PG_17 ? 'shared_blk' : 'blk';
  return [
    ...STATEMENT_SAMPLES,
    counter('pg_stat_statements_seconds_total', `${total} / 1000.0`, 'Seconds spent in the statement.'),
    counter(
      'pg_stat_statements_block_read_seconds_total',
      `${block}_read_time / 1000.0`,
      'Seconds that the statement spent reading blocks.',
    ),
    counter(
      'pg_stat_statements_block_write_seconds_total',
      `${block}_write_time / 1000.0`,
      'Seconds that the statement spent writing blocks.',
    ),
  ];
}

/** The statements that take most time; a series for each, so a busy server has many. Needs pg_stat_statements. */
export const statStatements: PostgresCollector = {
  name: 'stat_statements',
  isDefault: false,
  async collect(families, { query, version, statements }) {
    const { includeQuery, queryLength, limit, excludeDatabases, excludeUsers } = statements;
    const total = version >= PG_13 ? 'total_exec_time' : 'total_time';
    const source = (withText: boolean) => (version >= PG_13 ? `pg_stat_statements(${withText})` : 'pg_stat_statements');
    const samples = statementSamples(version);
    const without = (what: string, names: readonly string[]) =>
      names.length === 0 ? '' : `AND ${what} NOT IN (${names.map(literal).join(', ')})`;
    const { rows } = await query(
      `SELECT pg_get_userbyid(s.userid), d.datname, s.queryid,
         ${samples.map(({ sql }) => `s.${sql}`).join(', ')}${includeQuery ? `, left(s.query, ${queryLength})` : ''}
       FROM ${source(includeQuery)} s JOIN pg_database d ON d.oid = s.dbid
       WHERE s.${total} > (SELECT percentile_cont(0.1) WITHIN GROUP (ORDER BY ${total}) FROM ${source(false)})
         ${without('d.datname', excludeDatabases)} ${without('pg_get_userbyid(s.userid)', excludeUsers)}
       ORDER BY s.${total} DESC LIMIT ${limit}`,
    );
    const once = firstOfEach(rows, ([user, datname, id]) => `${user}\n${datname}\n${id}`);
    writeRows(families, once, ['user', 'datname', 'queryid'], samples);
    if (!includeQuery) return;
    const texts = families.counter('pg_stat_statements_query_id', 'Constantly 1, with the text of the statement.');
    for (const row of firstOfEach(rows, ([, , id]) => id ?? '')) {
      texts.add(1, { queryid: row[2] ?? 'unknown', query: row.at(-1) ?? 'unknown' });
    }
  },
};

/** pg_stat_statements counts statements inside of functions apart: the same one may be there twice. */
function firstOfEach<T>(rows: readonly T[], keyOf: (row: T) => string): T[] {
  const seen = new Set<string>();
  return rows.filter((row) => {
    const key = keyOf(row);
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}
