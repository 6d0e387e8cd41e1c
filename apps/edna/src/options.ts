import { parseArgs } from 'node:util';
import type { LogLevel } from '@avalanche/model';
import { type LogFormat, StartupError } from '@avalanche/web';
import type { ApplicationOptions } from './application.ts';

export interface ProgramOptions {
  readonly application: ApplicationOptions;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
}

export const USAGE = `edna: a small eDNA service with an HTTP API

  --host ADDR               address to listen on (EDNA_HOST, default 127.0.0.1)
  --port N                  port of the API (EDNA_PORT, default 8000)
  --queue-port N|off        port of the task queue's metrics (EDNA_QUEUE_PORT, default 9808)
  --data-dir DIR            folder for jobs, uploads, references and backups (EDNA_DATA_DIR, default data/edna)
  --redis-url URL           task queue by BullMQ on this Redis (REDIS_URL; without it in this process)
  --database-url URL        jobs in this PostgreSQL (DATABASE_URL; without it files in the data folder)
  --runs-url URL            report runs to this pushgateway role (AVALANCHE_RUNS_URL; without it nowhere)
  --upload-limit-mib N      largest upload, as it is sent (EDNA_UPLOAD_LIMIT_MIB, default 256)
  --allow-private-downloads let downloads reach private networks (EDNA_ALLOW_PRIVATE_DOWNLOADS=true)
  --demo                    keep submitting jobs (EDNA_DEMO=true)
  --log-level LEVEL         debug, info, warn or error (default info)
  --log-format FORMAT       logfmt or json (default logfmt)
`;

const FLAGS = {
  host: { type: 'string' },
  port: { type: 'string' },
  'queue-port': { type: 'string' },
  'data-dir': { type: 'string' },
  'redis-url': { type: 'string' },
  'database-url': { type: 'string' },
  'runs-url': { type: 'string' },
  'upload-limit-mib': { type: 'string' },
  'allow-private-downloads': { type: 'boolean' },
  demo: { type: 'boolean' },
  'log-level': { type: 'string' },
  'log-format': { type: 'string' },
  help: { type: 'boolean' },
} as const;

/** Reads flags, and the environment for what no flag says. Undefined asks for the usage. @throws StartupError */
export function parseOptions(args: readonly string[], env: NodeJS.ProcessEnv): ProgramOptions | undefined {
  const flags = parseFlags(args);
  if (flags.help) return undefined;
  const text = (flag: string | undefined, variable: string) => flag ?? (env[variable] || undefined);
  const switched = (flag: boolean | undefined, variable: string) => flag ?? env[variable] === 'true';
  const redisUrl = text(flags['redis-url'], 'REDIS_URL');
  const databaseUrl = text(flags['database-url'], 'DATABASE_URL');
  const runsUrl = text(flags['runs-url'], 'AVALANCHE_RUNS_URL');
  const uploadMib = text(flags['upload-limit-mib'], 'EDNA_UPLOAD_LIMIT_MIB');
  const queuePort = text(flags['queue-port'], 'EDNA_QUEUE_PORT') ?? '9808';
  return {
    application: {
      host: text(flags.host, 'EDNA_HOST') ?? '127.0.0.1',
      port: wholeNumber('port', text(flags.port, 'EDNA_PORT') ?? '8000', 65_535),
      queuePort: queuePort === 'off' ? 'off' : wholeNumber('queue-port', queuePort, 65_535),
      dataDirectory: text(flags['data-dir'], 'EDNA_DATA_DIR') ?? 'data/edna',
      demo: switched(flags.demo, 'EDNA_DEMO'),
      allowPrivateDownloads: switched(flags['allow-private-downloads'], 'EDNA_ALLOW_PRIVATE_DOWNLOADS'),
      ...(redisUrl === undefined ? {} : { redisUrl: checkedUrl('redis-url', redisUrl, ['redis:', 'rediss:']) }),
      ...(databaseUrl === undefined
        ? {}
        : { databaseUrl: checkedUrl('database-url', databaseUrl, ['postgres:', 'postgresql:']) }),
      ...(runsUrl === undefined ? {} : { runsUrl: checkedUrl('runs-url', runsUrl, ['http:', 'https:']) }),
      ...(uploadMib === undefined
        ? {}
        : { limits: { inputBytesMax: wholeNumber('upload-limit-mib', uploadMib, 65_536) * 1024 * 1024 } }),
    },
    logLevel: oneOf('log-level', flags['log-level'] ?? 'info', ['debug', 'info', 'warn', 'error'] as const),
    logFormat: oneOf('log-format', flags['log-format'] ?? 'logfmt', ['logfmt', 'json'] as const),
  };
}

function parseFlags(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: FLAGS, strict: true }).values;
  } catch (error) {
    throw new StartupError('application', error instanceof Error ? error.message : String(error), 'see --help');
  }
}

function wholeNumber(flag: string, text: string, max: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value <= max) return value;
  throw new StartupError('application', `not a number from 0 to ${max}: ${JSON.stringify(text)}`, `change --${flag}`);
}

function oneOf<T extends string>(flag: string, text: string, choices: readonly T[]): T {
  const choice = choices.find((one) => one === text);
  if (choice !== undefined) return choice;
  throw new StartupError(
    'application',
    `${JSON.stringify(text)} is not one of ${choices.join(', ')}`,
    `change --${flag}`,
  );
}

/** The message never shows the URL: it may hold a password. */
function checkedUrl(flag: string, text: string, protocols: readonly string[]): string {
  if (URL.canParse(text) && protocols.includes(new URL(text).protocol)) return text;
  throw new StartupError('application', `not a ${protocols.join('// or ')}// URL`, `change --${flag}`);
}
