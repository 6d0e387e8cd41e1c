import { gauge, type PostgresCollector, viewCollector } from '../view.ts';

const LOCK_MODES = [
  ...['accesssharelock', 'rowsharelock', 'rowexclusivelock', 'shareupdateexclusivelock', 'sharelock'],
  ...['sharerowexclusivelock', 'exclusivelock', 'accessexclusivelock', 'sireadlock'],
];

/** Every mode for every database, as 0 where there is no such lock. */
export const locks = viewCollector({
  name: 'locks',
  labels: { datname: 'd.datname', mode: 'm.mode' },
  samples: [gauge('pg_locks_count', 'COALESCE(l.count, 0)', 'Locks held or waited for, by mode.')],
  from: `pg_database d CROSS JOIN (VALUES ${LOCK_MODES.map((mode) => `('${mode}')`).join(',')}) AS m (mode)
    LEFT JOIN (SELECT database, lower(mode) AS mode, count(*) FROM pg_locks WHERE database IS NOT NULL GROUP BY 1, 2) l
    ON l.database = d.oid AND l.mode = m.mode`,
});

const STATES = [
  ...['active', 'idle', 'idle in transaction', 'idle in transaction (aborted)', 'fastpath function call', 'disabled'],
];
const ACTIVITY_LABELS = ['usename', 'application_name', 'backend_type', 'wait_event_type', 'wait_event'] as const;

/** Every state for every database, as 0 with empty labels where nobody is in it; our own connection does not count. */
export const statActivity = viewCollector({
  name: 'stat_activity',
  labels: {
    datname: 'd.datname',
    state: 's.state',
    ...Object.fromEntries(ACTIVITY_LABELS.map((label) => [label, `a.${label}`])),
  },
  samples: [
    gauge('pg_stat_activity_count', 'COALESCE(a.count, 0)', 'Connections in this state.'),
    gauge(
      'pg_stat_activity_max_tx_duration',
      'COALESCE(a.max_tx_duration, 0)',
      'Seconds that the longest transaction in this state has been open.',
    ),
  ],
  from: `pg_database d CROSS JOIN (VALUES ${STATES.map((state) => `('${state}')`).join(',')}) AS s (state)
    LEFT JOIN (SELECT datname, state, ${ACTIVITY_LABELS.join(', ')}, count(*),
        max(EXTRACT(EPOCH FROM now() - xact_start)) AS max_tx_duration
      FROM pg_stat_activity WHERE pid <> pg_backend_pid() GROUP BY datname, state, ${ACTIVITY_LABELS.join(', ')}) a
    ON a.datname = d.datname AND a.state = s.state`,
});

export const statActivityAutovacuum = viewCollector({
  name: 'stat_activity_autovacuum',
  isDefault: false,
  labels: { relname: "split_part(query, '.', 2)" },
  samples: [
    gauge(
      'pg_stat_activity_autovacuum_timestamp_seconds',
      'min(EXTRACT(EPOCH FROM xact_start))',
      'When the autovacuum of the table began, in seconds since the epoch.',
    ),
  ],
  from: "pg_catalog.pg_stat_activity WHERE query LIKE 'autovacuum:%' GROUP BY 1",
});

export const longRunningTransactions = viewCollector({
  name: 'long_running_transactions',
  isDefault: false,
  samples: [
    gauge('pg_long_running_transactions', 'count(*)', 'Transactions that are open.'),
    gauge(
      'pg_long_running_transactions_oldest_timestamp_seconds',
      'COALESCE(max(EXTRACT(EPOCH FROM clock_timestamp() - xact_start)), 0)',
      'Seconds that the oldest transaction has been open (an age, whatever the name says).',
    ),
  ],
  from: `pg_catalog.pg_stat_activity WHERE state IS DISTINCT FROM 'idle' AND query NOT LIKE 'autovacuum:%'
    AND xact_start IS NOT NULL AND pid <> pg_backend_pid()`,
});

const IDLE_BOUNDS = [1, 2, 5, 15, 30, 60, 90, 120, 300];

/** How long connections have been idle, as a histogram for each application. */
export const processIdle: PostgresCollector = {
  name: 'process_idle',
  isDefault: false,
  async collect(families, { query }) {
    const idle = 'EXTRACT(EPOCH FROM CURRENT_TIMESTAMP - state_change)';
    const { rows } = await query(
      `SELECT state, application_name, count(*), sum(${idle}),
         ${IDLE_BOUNDS.map((bound) => `count(*) FILTER (WHERE ${idle} <= ${bound})`).join(', ')}
       FROM pg_stat_activity WHERE state ~ '^idle' AND pid <> pg_backend_pid() GROUP BY 1, 2`,
    );
    const seconds = families.family('pg_process_idle_seconds', 'histogram', 'Seconds that connections have been idle.');
    for (const [state, application, count, sum, ...buckets] of rows) {
      const labels = { application_name: application ?? 'unknown', state: state ?? 'unknown' };
      IDLE_BOUNDS.forEach((bound, i) => {
        seconds.add(Number(buckets[i]), { ...labels, le: String(bound) }, '_bucket');
      });
      seconds.add(Number(count), { ...labels, le: '+Inf' }, '_bucket');
      seconds.add(Number(sum), labels, '_sum').add(Number(count), labels, '_count');
    }
  },
};
