import { readFileSync } from 'node:fs';
import {
  dumpPostgresMaps,
  POSTGRES_COLLECTOR_DEFAULTS,
  type PostgresExporterOptions,
  STATEMENTS_DEFAULTS,
  startPostgresExporter,
} from '@avalanche/exporters';
import { parseGoDuration } from '@avalanche/model';
import { type FlagSpec, type FlagSpecs, type Flags, UsageError } from '../flags.ts';
import { type Command, listenAddressOf, wholeNumberOf } from './command.ts';
import { runExporter, webFlags } from './exporter.ts';

const NO_DATABASE_URL =
  'no database is named; set DATA_SOURCE_NAME, or ask for one with /probe?target=host:port/database';

function listFlag(help: string): FlagSpec {
  return { kind: 'string', help: `${help} (comma separated).`, default: '', placeholder: 'NAMES' };
}

function booleanFlag(help: string, isOn = false): FlagSpec {
  return { kind: 'boolean', help, default: String(isOn) };
}

const collectorFlags: FlagSpecs = Object.fromEntries(
  [...POSTGRES_COLLECTOR_DEFAULTS].map(([name, isOn]) => [
    `collector.${name}`,
    booleanFlag(`Enable the ${name} collector.`, isOn),
  ]),
);

const flagSpecs: FlagSpecs = {
  'config.file': { kind: 'string', help: 'File with modules for /probe.', default: 'postgres_exporter.yml' },
  ...webFlags(9187),
  ...collectorFlags,
  'collector.stat_statements.include_query': booleanFlag('Tell the text of statements beside their queryid.'),
  'collector.stat_statements.query_length': { kind: 'string', help: 'Characters of that text.', default: '120' },
  'collector.stat_statements.limit': { kind: 'string', help: 'Statements to tell of at most.', default: '100' },
  'collector.stat_statements.exclude_databases': listFlag('Databases whose statements are left out'),
  'collector.stat_statements.exclude_users': listFlag('Users whose statements are left out'),
  'disable-default-metrics': booleanFlag('Leave out pg_static and pg_stat_database_conflicts.'),
  'disable-settings-metrics': booleanFlag('Leave out pg_settings.'),
  'auto-discover-databases': booleanFlag('Ask the other databases of the server as well.'),
  'include-databases': listFlag('With auto-discovery: ask only these'),
  'exclude-databases': listFlag('Databases that are left out'),
  'extend.query-path': { kind: 'string', help: 'File with custom queries.', default: '', placeholder: 'FILE' },
  constantLabels: { kind: 'string', help: 'Labels for the own metrics and for those of custom queries.', default: '' },
  'metric-prefix': { kind: 'string', help: 'What custom queries begin with instead of pg.', default: 'pg' },
  'collection-timeout': { kind: 'string', help: 'Time for one scrape.', default: '1m' },
  dumpmaps: booleanFlag('Print the columns that are read through a map, and end.'),
};

/** The flags that have an environment variable each, which counts where the flag is not given. */
const VARIABLES: Readonly<Record<string, string>> = {
  'web.telemetry-path': 'PG_EXPORTER_WEB_TELEMETRY_PATH',
  'disable-default-metrics': 'PG_EXPORTER_DISABLE_DEFAULT_METRICS',
  'disable-settings-metrics': 'PG_EXPORTER_DISABLE_SETTINGS_METRICS',
  'auto-discover-databases': 'PG_EXPORTER_AUTO_DISCOVER_DATABASES',
  'include-databases': 'PG_EXPORTER_INCLUDE_DATABASES',
  'exclude-databases': 'PG_EXPORTER_EXCLUDE_DATABASES',
  'extend.query-path': 'PG_EXPORTER_EXTEND_QUERY_PATH',
  constantLabels: 'PG_EXPORTER_CONSTANT_LABELS',
  'metric-prefix': 'PG_EXPORTER_METRIC_PREFIX',
  'collection-timeout': 'PG_EXPORTER_COLLECTION_TIMEOUT',
};

export const postgresExporter: Command = {
  flags: flagSpecs,
  run(flags, signal) {
    if (flags.boolean('dumpmaps')) {
      process.stdout.write(dumpPostgresMaps());
      return Promise.resolve(0);
    }
    return runExporter(flags, signal, listenAddressOf(flags), (_flags, common) => {
      const dataSourceNames = postgresSources(process.env);
      if (dataSourceNames.length === 0) common.logger.warn(NO_DATABASE_URL);
      return startPostgresExporter({ ...common, ...postgresOptions(flags, process.env), dataSourceNames });
    });
  },
};

/** What the flags and `PG_EXPORTER_*` say. @throws UsageError */
function postgresOptions(flags: Flags, env: NodeJS.ProcessEnv): Partial<PostgresExporterOptions> {
  const text = (name: string) => {
    const fromEnvironment = flags.given(name) ? undefined : env[VARIABLES[name] ?? ''];
    return fromEnvironment || flags.string(name);
  };
  const isOn = (name: string) => {
    if (flags.given(name) || !env[VARIABLES[name] ?? '']) return flags.boolean(name);
    return booleanOf(VARIABLES[name], env[VARIABLES[name]] ?? '');
  };
  const prefix = text('metric-prefix');
  return {
    telemetryPath: text('web.telemetry-path'),
    configFile: flags.string('config.file'),
    queriesPath: text('extend.query-path'),
    collectors: collectorsOf(flags, isOn('disable-settings-metrics')),
    statements: statementsOf(flags),
    collectionTimeoutMs: timeoutOf(text('collection-timeout')),
    disableDefaultMetrics: isOn('disable-default-metrics'),
    autoDiscoverDatabases: isOn('auto-discover-databases'),
    includeDatabases: listOf(text('include-databases')),
    excludeDatabases: listOf(text('exclude-databases')),
    constantLabels: labelsOf(text('constantLabels')),
    metricPrefix: prefix,
  };
}

function booleanOf(variable: string, value: string): boolean {
  if (/^(1|t|true)$/i.test(value)) return true;
  if (/^(0|f|false)$/i.test(value)) return false;
  throw new UsageError(`${variable} is true or false, not ${JSON.stringify(value)}`);
}

function collectorsOf(flags: Flags, withoutSettings: boolean): Map<string, boolean> {
  const given = [...POSTGRES_COLLECTOR_DEFAULTS.keys()].filter((name) => flags.given(`collector.${name}`));
  const chosen = new Map(given.map((name) => [name, flags.boolean(`collector.${name}`)]));
  return withoutSettings ? chosen.set('settings', false) : chosen;
}

function statementsOf(flags: Flags) {
  const positive = (name: string) => {
    const number = wholeNumberOf(flags, `collector.stat_statements.${name}`);
    if (number === 0) throw new UsageError(`--collector.stat_statements.${name} must be greater than zero`);
    return number;
  };
  return {
    ...STATEMENTS_DEFAULTS,
    includeQuery: flags.boolean('collector.stat_statements.include_query'),
    queryLength: positive('query_length'),
    limit: positive('limit'),
    excludeDatabases: listOf(flags.string('collector.stat_statements.exclude_databases')),
    excludeUsers: listOf(flags.string('collector.stat_statements.exclude_users')),
  };
}

function timeoutOf(text: string): number {
  try {
    const ms = parseGoDuration(text);
    if (ms >= 1) return ms;
  } catch (error) {
    throw new UsageError(`invalid collection timeout ${JSON.stringify(text)}: ${(error as Error).message}`);
  }
  throw new UsageError('timeout must be greater than 1ms');
}

function listOf(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

function labelsOf(text: string): Record<string, string> {
  return Object.fromEntries(
    listOf(text).map((pair) => {
      const [name, value, ...rest] = pair.split('=').map((part) => part.trim());
      if (value === undefined || rest.length > 0 || !/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name)) {
        throw new UsageError(`--constantLabels: ${JSON.stringify(pair)} is not label=value`);
      }
      return [name, value] as const;
    }),
  );
}

/**
 * postgres_exporter's ways to name servers, in its order: DATA_SOURCE_NAME, or URI, user and password apart, each of them in
 * a file as well; ours: DATABASE_URL.
 * @throws UsageError
 */
export function postgresSources(env: NodeJS.ProcessEnv): string[] {
  if (env.DATA_SOURCE_NAME) return env.DATA_SOURCE_NAME.split(',');
  const part = (name: string, what: string) => {
    const file = env[`${name}_FILE`];
    if (!file) return env[name] ?? '';
    try {
      return readFileSync(file, 'utf8').trim();
    } catch (error) {
      throw new UsageError(`failed loading data source ${what} file ${file}: ${(error as NodeJS.ErrnoException).code}`);
    }
  };
  const uri = part('DATA_SOURCE_URI', 'URI');
  if (uri === '') return env.DATABASE_URL ? [env.DATABASE_URL] : [];
  const user = encodeURIComponent(part('DATA_SOURCE_USER', 'user'));
  const password = encodeURIComponent(part('DATA_SOURCE_PASS', 'pass'));
  return [`postgresql://${user === '' && password === '' ? '' : `${user}:${password}@`}${uri}`];
}
