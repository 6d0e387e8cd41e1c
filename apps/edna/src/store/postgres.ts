import type { ApplicationMetrics } from '@avalanche/metrics';
import type { Logger } from '@avalanche/model';
import pg from 'pg';
import { JobError } from '../errors.ts';
import type { Job } from '../jobs/job.ts';
import { JOBS_KEPT, type JobStore, type ListOptions } from './store.ts';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS edna_jobs (
    id uuid PRIMARY KEY,
    kind text NOT NULL,
    status text NOT NULL,
    created_at timestamptz NOT NULL,
    document jsonb NOT NULL
  );
  CREATE INDEX IF NOT EXISTS edna_jobs_created_at ON edna_jobs (created_at DESC);
`;

/** How often the database's size and tables are counted, at most. */
const SIZE_INTERVAL_MS = 15_000;
const QUERY_TIMEOUT_MS = 10_000;
/** Old jobs are deleted once per this many saved ones. */
const FORGET_EVERY = 50;

type Operation = 'schema' | 'insert' | 'select' | 'delete' | 'statistics';

/**
 * Jobs in the table `edna_jobs`, which is made when first needed. A database that is away fails the call, not the
 * service: the next call tries again. Every query is timed into `database_query_duration_seconds`.
 */
export class PostgresJobStore implements JobStore {
  private readonly pool: pg.Pool;
  private schema: Promise<unknown> | undefined;
  private saves = 0;
  private sizeAt = 0;

  constructor(
    connectionString: string,
    private readonly metrics: ApplicationMetrics,
    private readonly log: Logger,
  ) {
    this.pool = new pg.Pool({
      connectionString,
      max: 5,
      connectionTimeoutMillis: 5_000,
      query_timeout: QUERY_TIMEOUT_MS,
      statement_timeout: QUERY_TIMEOUT_MS,
      application_name: 'edna',
    });
    this.pool.on('error', (error) => log.warn('a database connection was lost', { error }));
    const { databaseConnections } = metrics.families;
    Object.assign(databaseConnections, { collect: () => this.collect() });
  }

  async save(job: Job): Promise<void> {
    await this.query(
      'insert',
      `INSERT INTO edna_jobs (id, kind, status, created_at, document) VALUES ($1, $2, $3, $4, $5)
       ON CONFLICT (id) DO UPDATE SET status = excluded.status, document = excluded.document`,
      [job.id, job.kind, job.status, job.createdAt, JSON.stringify(job)],
    );
    if (++this.saves % FORGET_EVERY === 0) await this.forgetOldest();
  }

  async load(id: string): Promise<Job | undefined> {
    const [row] = await this.query('select', 'SELECT document FROM edna_jobs WHERE id = $1', [id]);
    return row?.document;
  }

  list({ limit, kind }: ListOptions): Promise<Job[]> {
    return this.documents(
      `SELECT document - 'result' AS document FROM edna_jobs WHERE $2::text IS NULL OR kind = $2
       ORDER BY created_at DESC LIMIT $1`,
      [limit, kind ?? null],
    );
  }

  unfinished(): Promise<Job[]> {
    return this.documents(
      "SELECT document FROM edna_jobs WHERE status IN ('queued', 'running') ORDER BY created_at LIMIT $1",
      [JOBS_KEPT],
    );
  }

  async stop(): Promise<void> {
    await this.pool.end();
  }

  private async documents(text: string, values: readonly unknown[]): Promise<Job[]> {
    return (await this.query('select', text, values)).map((row) => row.document);
  }

  private async forgetOldest(): Promise<void> {
    await this.query(
      'delete',
      `DELETE FROM edna_jobs WHERE status IN ('succeeded', 'failed') AND created_at <
       (SELECT created_at FROM edna_jobs ORDER BY created_at DESC OFFSET $1 LIMIT 1)`,
      [JOBS_KEPT],
    );
  }

  private async query(operation: Operation, text: string, values: readonly unknown[]): Promise<{ document: Job }[]> {
    try {
      this.schema ??= this.timed('schema', () => this.pool.query(SCHEMA));
      await this.schema;
      const { rows } = await this.timed(operation, () => this.pool.query<{ document: Job }>(text, [...values]));
      return rows;
    } catch (error) {
      this.schema = undefined;
      this.log.warn('a database query failed', { operation, error });
      throw new JobError('store_unavailable', 'the database does not answer; try again later', { cause: error });
    }
  }

  private async timed<T>(operation: Operation, run: () => Promise<T>): Promise<T> {
    const end = this.metrics.families.databaseQuery.startTimer({ operation });
    try {
      return await run();
    } finally {
      end();
    }
  }

  /** At a scrape: the pool's connections at once, sizes as of the last count, and a new count where that is old. */
  private collect(): void {
    this.metrics.families.databaseConnections.set(this.pool.totalCount);
    const nowMs = Date.now();
    if (nowMs - this.sizeAt < SIZE_INTERVAL_MS || this.pool.ended) return;
    this.sizeAt = nowMs;
    this.count().catch((error: unknown) => this.log.debug('the database cannot be measured', { error }));
  }

  private async count(): Promise<void> {
    const { rows } = await this.timed('statistics', () =>
      this.pool.query<{ name: string; bytes: string; tables: string }>(
        `SELECT current_database() AS name, pg_database_size(current_database()) AS bytes,
         (SELECT count(*) FROM pg_catalog.pg_stat_user_tables) AS tables`,
      ),
    );
    const [row] = rows;
    if (!row) return;
    this.metrics.families.databaseTables.set(Number(row.tables));
    this.metrics.families.databaseSize.set({ database: row.name }, Number(row.bytes));
  }
}
