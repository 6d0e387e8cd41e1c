import { FamilyWriter, type Labels } from '@avalanche/exposition';
import type { Logger } from '@avalanche/model';
import { CollectorRunner } from '../base/collector.ts';
import { FailureLog } from '../base/failure-log.ts';
import type { Scrape } from '../base/scrape.ts';
import { POSTGRES_COLLECTORS } from './collectors/index.ts';
import { Connection, type Query, reasonOf, type ServerInfo } from './connection.ts';
import type { QueriesFile } from './custom-queries.ts';
import { CustomRun } from './custom-run.ts';
import { type DataSource, publicName } from './dsn.ts';
import type { CollectorContext, PostgresCollector, StatementsOptions } from './view.ts';

/** What the flags say about scraping, the same for the exporter's own databases and for those of `/probe`. */
export interface ScrapeOptions {
  /** Collectors switched on or off by flags; the others run if they are on by default. */
  readonly collectors: ReadonlyMap<string, boolean>;
  readonly statements: StatementsOptions;
  readonly collectionTimeoutMs: number;
  readonly disableDefaultMetrics: boolean;
  readonly autoDiscoverDatabases: boolean;
  readonly excludeDatabases: readonly string[];
  /** All where it is empty. */
  readonly includeDatabases: readonly string[];
  readonly metricPrefix: string;
  readonly constantLabels: Labels;
  readonly queriesFile: QueriesFile | undefined;
}

/** Discovered databases that are connected to at a time. */
const DISCOVERED_AT_ONCE = 4;

/** What one scrape carries along. */
interface Run {
  readonly families: FamilyWriter;
  /** Series of custom queries that are there already. */
  readonly seen: Set<string>;
  readonly deadline: number;
  errors: number;
  connected: number;
}

/**
 * The databases of one exporter, or of one `/probe`. The collectors read the first; queries of the queries file go to all of them,
 * and with auto-discovery to the other databases of their servers, where the tables are read as well.
 */
export class PostgresTarget {
  private readonly connections: Connection[];
  private readonly runner: CollectorRunner;
  private readonly failures: FailureLog;
  private readonly custom: CustomRun;
  private readonly chosen: readonly PostgresCollector[];
  private info: ServerInfo = { version: 0, text: '' };
  private scrapes = 0;

  constructor(
    private readonly sources: readonly DataSource[],
    private readonly options: ScrapeOptions,
    logger: Logger,
  ) {
    this.connections = sources.map((source) => new Connection(source, options.collectionTimeoutMs));
    this.failures = new FailureLog(logger);
    this.custom = new CustomRun(options, this.failures);
    this.chosen = POSTGRES_COLLECTORS.filter(({ name, isDefault }) => options.collectors.get(name) ?? isDefault);
    this.runner = new CollectorRunner(
      this.chosen.map((collector) => ({
        name: collector.name,
        collect: (families, { deadline }) =>
          collector.collect(families, this.contextOf(this.connections[0], this.info, deadline)),
      })),
      options.collectionTimeoutMs,
      sources.length === 0 ? logger : logger.child({ server: publicName(sources[0]) }),
    );
  }

  async close(): Promise<void> {
    await Promise.all(this.connections.map((connection) => connection.close()));
  }

  async scrape(scrape: Scrape): Promise<FamilyWriter> {
    const begin = performance.now();
    this.scrapes++;
    const deadline = Math.min(scrape.deadline, begin + this.options.collectionTimeoutMs);
    const run: Run = { families: new FamilyWriter(), seen: new Set(), deadline, errors: 0, connected: 0 };
    await this.options.queriesFile?.refresh();
    await Promise.all(this.sources.map((_source, i) => this.scrapeSource(i, run)));
    this.writeOwn(run, (performance.now() - begin) / 1000);
    return run.families;
  }

  /** The server's own statements, over one connection: the collectors for the first, custom queries for all. */
  private async scrapeSource(index: number, run: Run): Promise<void> {
    const connection = this.connections[index];
    const source = this.sources[index];
    const info = await this.connect(connection, source, run);
    if (!info) return;
    const query: Query = (sql) => connection.query(sql, run.deadline);
    const collecting = index === 0 ? this.collect(info, run) : Promise.resolve();
    const custom = this.custom.run({ source, query, info, isNamed: true, ...run });
    const discovering = this.options.autoDiscoverDatabases ? this.scrapeDiscovered(source, query, run) : null;
    const [, failed] = await Promise.all([collecting, custom, discovering]);
    run.errors += failed;
  }

  private async connect(connection: Connection, source: DataSource, run: Run): Promise<ServerInfo | null> {
    const key = `Connecting to ${publicName(source)}`;
    try {
      const info = await connection.hello(run.deadline);
      run.connected++;
      this.failures.tell(key, null);
      return info;
    } catch (error) {
      connection.drop();
      run.errors++;
      this.failures.tell(key, reasonOf(error));
      return null;
    }
  }

  private async collect(info: ServerInfo, run: Run): Promise<void> {
    this.info = info;
    const only = new Set(this.chosen.filter(({ since = 0 }) => info.version >= since).map(({ name }) => name));
    const { families, results } = await this.runner.collect(only, { deadline: run.deadline });
    run.families.add(families);
    const duration = run.families.gauge('pg_scrape_collector_duration_seconds', 'How long a collector took.');
    const success = run.families.gauge('pg_scrape_collector_success', 'Whether a collector succeeded.');
    for (const { name, seconds, ok } of results) {
      duration.add(seconds, { collector: name });
      success.add(ok ? 1 : 0, { collector: name });
    }
  }

  /** The other databases of a server, a few at a time, over connections that are closed again. */
  private async scrapeDiscovered(source: DataSource, query: Query, run: Run): Promise<void> {
    const { excludeDatabases: without, includeDatabases: only } = this.options;
    const named = new Set(
      this.sources.filter(({ server }) => server === source.server).map(({ database }) => database),
    );
    let found: string[];
    try {
      const { rows } = await query(
        'SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate AND datname <> current_database()',
      );
      found = rows.map(([name]) => name ?? '');
    } catch (error) {
      run.errors++;
      this.failures.tell('Discovering databases', reasonOf(error));
      return;
    }
    this.failures.tell('Discovering databases', null);
    const left = found.filter(
      (name) => !named.has(name) && !without.includes(name) && (only.length === 0 || only.includes(name)),
    );
    const worker = async () => {
      for (let name = left.shift(); name !== undefined; name = left.shift()) {
        await this.scrapeDatabase({ ...source, database: name }, run);
      }
    };
    await Promise.all(Array.from({ length: DISCOVERED_AT_ONCE }, worker));
  }

  private async scrapeDatabase(source: DataSource, run: Run): Promise<void> {
    const isOfFirst = source.server === this.sources[0].server;
    const collectors = isOfFirst ? this.chosen.filter(({ perDatabase }) => perDatabase) : [];
    if (collectors.length === 0 && !this.custom.readsDiscovered) return;
    const connection = new Connection(source, this.options.collectionTimeoutMs);
    try {
      const info = await this.connect(connection, source, run);
      if (!info) return;
      const context = this.contextOf(connection, info, run.deadline);
      const collecting = collectors.map(async (collector) => {
        const key = `Collector ${collector.name} of database ${source.database}`;
        try {
          await collector.collect(run.families, context);
          this.failures.tell(key, null);
        } catch (error) {
          this.failures.tell(key, reasonOf(error));
        }
      });
      const { query } = context;
      const custom = this.custom.run({ source, query, info, isNamed: false, ...run });
      await Promise.all(collecting);
      run.errors += await custom;
    } finally {
      await connection.close();
    }
  }

  private contextOf(connection: Connection, { version }: ServerInfo, deadline: number): CollectorContext {
    const { excludeDatabases, statements } = this.options;
    return { query: (sql) => connection.query(sql, deadline), version, excludeDatabases, statements };
  }

  /** What the exporter tells of itself. Collectors that fail are no error of the scrape, as in the original. */
  private writeOwn({ families, errors, connected }: Run, seconds: number): void {
    const { constantLabels, queriesFile } = this.options;
    families.gauge('pg_up', 'Whether a server could be reached.').add(connected > 0 ? 1 : 0, constantLabels);
    families
      .gauge('pg_exporter_last_scrape_error', 'Whether the last scrape had an error.')
      .add(errors > 0 ? 1 : 0, constantLabels);
    families
      .gauge('pg_exporter_last_scrape_duration_seconds', 'How long the last scrape took.')
      .add(seconds, constantLabels);
    families.counter('pg_exporter_scrapes_total', 'Scrapes since the start.').add(this.scrapes, constantLabels);
    if (!queriesFile) return;
    families
      .gauge('pg_exporter_user_queries_load_error', 'Whether the queries file could not be used.')
      .add(queriesFile.failed ? 1 : 0, { ...constantLabels, filename: queriesFile.file, hashsum: queriesFile.hash });
  }
}
