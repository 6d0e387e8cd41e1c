import type { PostgresCollector } from '../view.ts';
import { locks, longRunningTransactions, processIdle, statActivity, statActivityAutovacuum } from './activity.ts';
import { database, databaseWraparound, roles, statDatabase } from './databases.ts';
import { replication, replicationSlots, statReplication, statWalReceiver } from './replication.ts';
import {
  buffercacheSummary,
  postmaster,
  statArchiver,
  statBgwriter,
  statCheckpointer,
  statStatements,
  wal,
} from './server.ts';
import { settings } from './settings.ts';
import { statioUserIndexes, statioUserTables, statProgressVacuum, statUserTables } from './tables.ts';

/** Location of the log before PostgreSQL 10, which is not served here: the flag is taken and the collector tells nothing. */
const xlogLocation: PostgresCollector = { name: 'xlog_location', isDefault: false, async collect() {} };

/** All collectors, in the order in which the server answers: what may take long comes last. */
export const POSTGRES_COLLECTORS: readonly PostgresCollector[] = [
  statDatabase,
  statActivity,
  locks,
  replication,
  replicationSlots,
  statReplication,
  statWalReceiver,
  statBgwriter,
  statCheckpointer,
  statArchiver,
  postmaster,
  settings,
  roles,
  longRunningTransactions,
  statActivityAutovacuum,
  processIdle,
  databaseWraparound,
  statProgressVacuum,
  wal,
  xlogLocation,
  buffercacheSummary,
  statioUserTables,
  statioUserIndexes,
  statUserTables,
  statStatements,
  database,
];
