import { counter, gauge, PG_13, type PostgresCollector, viewCollector, writeRows } from '../view.ts';

const LAST_REPLAY = 'GREATEST(0, EXTRACT(EPOCH FROM (now() - pg_last_xact_replay_timestamp())))';

export const replication = viewCollector({
  name: 'replication',
  samples: [
    gauge(
      'pg_replication_lag_seconds',
      `CASE WHEN NOT pg_is_in_recovery() OR pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
        ELSE ${LAST_REPLAY} END`,
      'Seconds that the replica is behind; 0 on a primary.',
    ),
    gauge('pg_replication_is_replica', 'pg_is_in_recovery()', 'Whether the server is a replica.'),
    gauge('pg_replication_last_replay_seconds', LAST_REPLAY, 'Seconds since the last transaction was replayed.'),
  ],
});

/** Where the log ends, on a primary or a replica. */
const LOG_END = 'CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END';

const SLOT_SAMPLES = [
  gauge('pg_replication_slots_active', 'active', 'Whether somebody uses the slot.'),
  gauge(
    'pg_replication_slots_pg_wal_lsn_diff',
    `pg_wal_lsn_diff(${LOG_END}, restart_lsn)`,
    'Bytes of log that are kept for the slot.',
  ),
];
const SLOT_TYPE_SAMPLES = [
  gauge('pg_replication_slots_slot_current_wal_lsn', `(${LOG_END}) - '0/0'`, 'Where the log ends, in bytes.'),
  gauge(
    'pg_replication_slots_slot_confirmed_flush_lsn',
    "CASE WHEN active THEN COALESCE(confirmed_flush_lsn, '0/0') - '0/0' END",
    'Up to where the user of the slot has confirmed the log, in bytes.',
  ),
  gauge('pg_replication_slots_slot_is_active', 'active', 'Whether somebody uses the slot, by type of slot.'),
];
const SAFE_WAL_SIZE = gauge(
  'pg_replication_slots_safe_wal_size_bytes',
  'safe_wal_size',
  'Bytes that may be written before the slot is in danger of losing log.',
);

/** Two sets of labels over one view; in one statement, so that they agree. */
export const replicationSlots: PostgresCollector = {
  name: 'replication_slots',
  isDefault: true,
  async collect(families, { query, version }) {
    const bySlot = version >= PG_13 ? [...SLOT_TYPE_SAMPLES, SAFE_WAL_SIZE] : SLOT_TYPE_SAMPLES;
    const samples = [...SLOT_SAMPLES, ...bySlot];
    const status = version >= PG_13 ? 'wal_status' : 'NULL';
    const { rows } = await query(
      `SELECT slot_name, database, slot_type, ${status}, ${samples.map(({ sql }) => sql).join(', ')} FROM pg_replication_slots`,
    );
    const byDatabase = rows.map(([slot, database, , , ...values]) => [slot, database, ...values]);
    writeRows(families, byDatabase, ['slot_name', 'database'], SLOT_SAMPLES);
    const byType = rows.map(([slot, , type, , ...values]) => [slot, type, ...values.slice(SLOT_SAMPLES.length)]);
    writeRows(families, byType, ['slot_name', 'slot_type'], bySlot);
    const statuses = families.gauge('pg_replication_slots_wal_status', 'Whether the log of the slot is still there.');
    for (const [slot, , type, walStatus] of rows) {
      if (walStatus) statuses.add(1, { slot_name: slot ?? '', slot_type: type ?? '', wal_status: walStatus });
    }
  },
};

/**
 * Connections of replicas. Two that have all labels in common are one series with the greater lag, as the process id, which
 * would part them, is a new one after each reconnect.
 */
export const statReplication = viewCollector({
  name: 'stat_replication',
  labels: {
    application_name: 'r.application_name',
    client_addr: 'r.client_addr::text',
    state: 'r.state',
    slot_name: 's.slot_name',
  },
  samples: [
    gauge('pg_stat_replication_pg_current_wal_lsn_bytes', `max((${LOG_END}) - '0/0')`, 'Where the log ends, in bytes.'),
    gauge(
      'pg_stat_replication_pg_wal_lsn_diff',
      `max(pg_wal_lsn_diff(${LOG_END}, r.replay_lsn))`,
      'Bytes of log that the replica has not replayed yet.',
    ),
  ],
  from: 'pg_stat_replication r LEFT JOIN pg_replication_slots s ON s.active_pid = r.pid GROUP BY 1, 2, 3, 4',
});

/** Positions in the log, kept to 52 bits, which a sample holds exactly. */
const position = (column: string) => `(${column} - '0/0') % (2^52)::bigint`;
const epoch = (column: string) => `EXTRACT(EPOCH FROM ${column})`;
const RECEIVER = 'pg_stat_wal_receiver';

export const statWalReceiver = viewCollector({
  name: 'stat_wal_receiver',
  isDefault: false,
  labels: {
    upstream_host: "trim(both '''' from substring(conninfo from 'host=([^ ]*)'))",
    slot_name: 'slot_name',
    status: 'status',
  },
  samples: [
    counter(`${RECEIVER}_receive_start_lsn`, position('receive_start_lsn'), 'Where receiving began, in bytes.'),
    counter(`${RECEIVER}_flushed_lsn`, position('flushed_lsn'), 'Up to where the log is on disk, in bytes.', {
      since: PG_13,
    }),
    gauge(`${RECEIVER}_receive_start_tli`, 'receive_start_tli', 'Timeline on which receiving began.'),
    gauge(`${RECEIVER}_received_tli`, 'received_tli', 'Timeline of the last log received.'),
    counter(`${RECEIVER}_last_msg_send_time`, epoch('last_msg_send_time'), 'When the last message was sent.'),
    counter(`${RECEIVER}_last_msg_receipt_time`, epoch('last_msg_receipt_time'), 'When the last message came.'),
    counter(
      `${RECEIVER}_latest_end_lsn`,
      position('latest_end_lsn'),
      'Last position reported to the sender, in bytes.',
    ),
    counter(`${RECEIVER}_latest_end_time`, epoch('latest_end_time'), 'When that position was reported.'),
    gauge(
      `${RECEIVER}_upstream_node`,
      "substring(slot_name from 'repmgr_slot_([0-9]+)')",
      'Node of repmgr that the slot is named after.',
    ),
  ],
  from: 'pg_catalog.pg_stat_wal_receiver',
});
