import type { FamilyWriter } from '@avalanche/exposition';
import type { Logger } from '@avalanche/model';
import { type ListenAddress, type RunningRole, StartupError } from '@avalanche/web';
import type { FastifyInstance } from 'fastify';
import { type Scrape, scrapeOf } from '../base/scrape.ts';
import { type ExporterWebOptions, sendFamilies, startExporterServer } from '../base/server.ts';
import type { AuthModules } from './auth-config.ts';
import { POSTGRES_COLLECTORS } from './collectors/index.ts';
import { Connection } from './connection.ts';
import { BUILT_IN_QUERY } from './custom-run.ts';
import { parseDataSource } from './dsn.ts';
import { PostgresTarget, type ScrapeOptions } from './target.ts';
import type { StatementsOptions } from './view.ts';

export interface PostgresExporterOptions extends Partial<Omit<ScrapeOptions, 'queriesFile'>> {
  readonly listen: ListenAddress;
  readonly web?: ExporterWebOptions | undefined;
  readonly logger: Logger;
  readonly version: string;
  readonly telemetryPath?: string;
  /** Connection strings; the collectors read the first. None where targets are named by `/probe?target=`. */
  readonly dataSourceNames: readonly string[];
  /** `postgres_exporter.yml`, whose modules `/probe` gets into databases with. */
  readonly configFile?: string;
  /** Custom queries. */
  readonly queriesPath?: string;
}

export const STATEMENTS_DEFAULTS: StatementsOptions = {
  includeQuery: false,
  queryLength: 120,
  limit: 100,
  excludeDatabases: [],
  excludeUsers: [],
};

/** Whether each collector runs where no flag speaks of it. */
export const POSTGRES_COLLECTOR_DEFAULTS: ReadonlyMap<string, boolean> = new Map(
  POSTGRES_COLLECTORS.map(({ name, isDefault }) => [name, isDefault]),
);

const ANSWERS_WITHIN_MS = 5_000;

/** Whether a server lets us in with this connection string. */
export async function postgresAnswers(dataSourceName: string): Promise<boolean> {
  const connection = new Connection(parseDataSource(dataSourceName, process.env), ANSWERS_WITHIN_MS);
  try {
    await connection.hello(performance.now() + ANSWERS_WITHIN_MS);
    return true;
  } catch {
    return false;
  } finally {
    await connection.close();
  }
}

/** The columns that are read through the map of the original, as `--dumpmaps` prints them. */
export function dumpPostgresMaps(): string {
  const lines = [...BUILT_IN_QUERY.columns].map(
    ([name, { usage, description }]) => `  ${name.padEnd(40)} {${usage} ${description}}`,
  );
  return `${BUILT_IN_QUERY.name}\n${lines.join('\n')}\n`;
}

/** Starts the PostgreSQL exporter. @throws StartupError where a connection string is not one */
export async function startPostgresExporter(options: PostgresExporterOptions): Promise<RunningRole> {
  const { logger } = options;
  const scrapeOptions = await scrapeOptionsOf(options);
  const sources = options.dataSourceNames.map(startSource);
  const auth = await loadAuth(options);
  const target = new PostgresTarget(sources, scrapeOptions, logger);
  return startExporterServer({
    role: 'postgres-exporter',
    title: 'Postgres Exporter',
    prefix: 'postgres',
    listen: options.listen,
    web: options.web,
    version: options.version,
    telemetryPath: options.telemetryPath ?? '/metrics',
    async scrape(_request, scrape) {
      const families = await target.scrape(scrape);
      auth.write(families);
      return families;
    },
    routes: (app) => probeRoute(app, auth.modules, scrapeOptions, logger),
    onStop: () => target.close(),
  });
}

async function scrapeOptionsOf(options: PostgresExporterOptions): Promise<ScrapeOptions> {
  return {
    collectors: options.collectors ?? new Map(),
    statements: options.statements ?? STATEMENTS_DEFAULTS,
    collectionTimeoutMs: options.collectionTimeoutMs ?? 60_000,
    disableDefaultMetrics: options.disableDefaultMetrics ?? false,
    autoDiscoverDatabases: options.autoDiscoverDatabases ?? false,
    excludeDatabases: options.excludeDatabases ?? [],
    includeDatabases: options.includeDatabases ?? [],
    metricPrefix: options.metricPrefix ?? 'pg',
    constantLabels: options.constantLabels ?? {},
    queriesFile: await queriesFileOf(options),
  };
}

/** Reading files and checking them is loaded where there is one: it takes more memory than all the rest of the exporter. */
async function queriesFileOf({ queriesPath, logger }: PostgresExporterOptions) {
  if (!queriesPath) return undefined;
  const { QueriesFile } = await import('./custom-queries.ts');
  return new QueriesFile(queriesPath, logger);
}

function startSource(dataSourceName: string) {
  try {
    return parseDataSource(dataSourceName, process.env);
  } catch (error) {
    const hint = 'set DATABASE_URL or DATA_SOURCE_NAME to postgresql://user:password@host:5432/database';
    throw new StartupError('postgres-exporter', (error as Error).message, hint);
  }
}

/** The modules of the configuration file; one that cannot be used is no reason not to start, as in the original. */
async function loadAuth({ configFile, logger }: PostgresExporterOptions) {
  let modules: AuthModules = {};
  let loadedAt = 0;
  if (configFile) {
    try {
      const { readAuthModules } = await import('./auth-config.ts');
      modules = await readAuthModules(configFile);
      loadedAt = Date.now() / 1000;
    } catch (error) {
      logger.warn('Error loading config', { error });
    }
  }
  return {
    modules,
    write(families: FamilyWriter) {
      families
        .gauge('postgres_exporter_config_last_reload_successful', 'Whether the configuration file could be read.')
        .add(loadedAt > 0 ? 1 : 0);
      families
        .gauge(
          'postgres_exporter_config_last_reload_success_timestamp_seconds',
          'When the configuration file was last read, in seconds since the epoch.',
        )
        .add(loadedAt);
    },
  };
}

/** `/probe?target=host:port/database&auth_module=name`: one scrape of any database, over a connection of its own. */
function probeRoute(app: FastifyInstance, modules: AuthModules, options: ScrapeOptions, logger: Logger): void {
  app.all('/probe', async (request, reply) => {
    const { target = '', auth_module: name = '' } = request.query as Record<string, string | undefined>;
    const refuse = (message: string) => reply.code(400).type('text/plain; charset=utf-8').send(`${message}\n`);
    if (target === '') return refuse('target is required');
    const module = Object.hasOwn(modules, name) ? modules[name] : undefined;
    if (name !== '' && !module) return refuse(`auth_module ${name} not found`);
    if (module && (module.userpass.username === '' || module.userpass.password === '')) {
      return refuse(`auth_module ${name} has no username or password`);
    }
    const { probeDataSource } = await import('./auth-config.ts');
    let source: ReturnType<typeof parseDataSource>;
    try {
      source = parseDataSource(probeDataSource(target, module), process.env);
    } catch (error) {
      return refuse(`could not configure dsn for target: ${(error as Error).message}`);
    }
    return sendFamilies(reply, await probe(new PostgresTarget([source], options, logger), scrapeOf(request.headers)));
  });
}

async function probe(target: PostgresTarget, scrape: Scrape): Promise<FamilyWriter> {
  try {
    return await target.scrape(scrape);
  } finally {
    await target.close();
  }
}
