import { FamilyWriter } from '@avalanche/exposition';
import type { Logger } from '@avalanche/model';
import { type ListenAddress, type RunningRole, StartupError, type WebOptions } from '@avalanche/web';
import { CollectorRunner } from '../base/collector.ts';
import { startExporterServer } from '../base/server.ts';
import { POSTGRES_COLLECTORS } from './collectors.ts';
import { Connection, numberOf, STATEMENT_TIMEOUT_MS, textOf } from './connection.ts';
import { publicName, toConnectionUri } from './dsn.ts';

export interface PostgresExporterOptions {
  readonly listen: ListenAddress;
  readonly web?: WebOptions | undefined;
  readonly logger: Logger;
  readonly version: string;
  readonly telemetryPath?: string;
  /** The first one is watched. */
  readonly dataSourceNames: readonly string[];
}

/** Whether a server lets us in with this connection string. */
export async function postgresAnswers(dataSourceName: string): Promise<boolean> {
  const connection = new Connection(toConnectionUri(dataSourceName));
  try {
    await connection.query('SELECT 1');
    return true;
  } catch {
    return false;
  } finally {
    await connection.close();
  }
}

/** Starts the PostgreSQL exporter. @throws StartupError where the connection string is not one */
export async function startPostgresExporter(options: PostgresExporterOptions): Promise<RunningRole> {
  const uri = connectionUri(options);
  const server = new PostgresServer(uri, options.logger);
  return startExporterServer({
    role: 'postgres-exporter',
    title: 'Postgres Exporter',
    prefix: 'postgres',
    listen: options.listen,
    web: options.web,
    version: options.version,
    telemetryPath: options.telemetryPath ?? '/metrics',
    scrape: () => server.scrape(),
    onStop: () => server.close(),
  });
}

function connectionUri({ dataSourceNames }: PostgresExporterOptions): string {
  try {
    return toConnectionUri(dataSourceNames[0] ?? '');
  } catch (error) {
    const hint = 'set DATABASE_URL or DATA_SOURCE_NAME to postgresql://user:password@host:5432/database';
    throw new StartupError('postgres-exporter', (error as Error).message, hint);
  }
}

/** One watched server and what its scrapes have in common. */
class PostgresServer {
  private readonly connection: Connection;
  private readonly runner: CollectorRunner;
  private readonly logger: Logger;
  private version = 0;
  private scrapes = 0;
  private wasUp: boolean | undefined;

  constructor(uri: string, logger: Logger) {
    this.connection = new Connection(uri);
    this.logger = logger.child({ server: publicName(uri) });
    const { query } = this.connection;
    this.runner = new CollectorRunner(
      POSTGRES_COLLECTORS.map((collector) => ({
        name: collector.name,
        collect: (families) => collector.collect(query, families, this.version),
      })),
      STATEMENT_TIMEOUT_MS + 2_000,
      this.logger,
    );
  }

  close(): Promise<void> {
    return this.connection.close();
  }

  async scrape(): Promise<FamilyWriter> {
    const begin = performance.now();
    this.scrapes++;
    const info = await this.connect();
    const { families, results } = info ? await this.runner.collect() : { families: new FamilyWriter(), results: [] };
    families.gauge('pg_up', 'Whether the server could be reached.').add(info ? 1 : 0);
    if (info) families.family('pg_static', 'untyped', 'Constantly 1, with the version in labels.').add(1, info);
    const duration = families.gauge('pg_scrape_collector_duration_seconds', 'How long a collector took.');
    const success = families.gauge('pg_scrape_collector_success', 'Whether a collector succeeded.');
    for (const { name, seconds, ok } of results) {
      duration.add(seconds, { collector: name });
      success.add(ok ? 1 : 0, { collector: name });
    }
    const failed = !info || results.some(({ ok }) => !ok);
    families.gauge('pg_exporter_last_scrape_error', 'Whether the last scrape had an error.').add(failed ? 1 : 0);
    families
      .gauge('pg_exporter_last_scrape_duration_seconds', 'How long the last scrape took.')
      .add((performance.now() - begin) / 1000);
    families.counter('pg_exporter_scrapes_total', 'Scrapes since the start.').add(this.scrapes);
    return families;
  }

  /** The labels of `pg_static`, or null where the server does not answer; told in the log when that changes. */
  private async connect(): Promise<Record<string, string> | null> {
    try {
      const [row] = await this.connection.query(
        "SELECT version() AS version, current_setting('server_version') AS short, current_setting('server_version_num') AS number",
      );
      this.version = numberOf(row.number);
      if (this.wasUp === false) this.logger.info('PostgreSQL is back');
      this.wasUp = true;
      return { short_version: shortVersion(textOf(row.short)), version: textOf(row.version) };
    } catch (error) {
      if (this.wasUp !== false) this.logger.warn('PostgreSQL does not answer', { error });
      this.wasUp = false;
      await this.connection.close();
      return null;
    }
  }
}

/** `15.18 (Debian …)` as `15.18.0`. */
function shortVersion(text: string): string {
  const parts = (/^\d+(?:\.\d+)*/.exec(text)?.[0] ?? '').split('.');
  while (parts.length < 3) parts.push('0');
  return parts.join('.');
}
