import { type Logger, type LogLevel, parseDuration } from '@avalanche/model';
import {
  createLogger,
  type ListenAddress,
  type LogFormat,
  parseListenAddress,
  type RunningRole,
  StartupError,
  type WebOptions,
} from '@avalanche/web';
import { type FlagSpec, type FlagSpecs, type Flags, UsageError } from '../flags.ts';

/** One subcommand of `avalanche`. */
export interface Command {
  readonly flags: FlagSpecs;
  /** Whether flags may have one dash, as those of redis_exporter. */
  readonly singleDash?: boolean;
  /** Runs until the command is done or `signal` asks it to end; the number is the exit code. */
  run(flags: Flags, signal: AbortSignal): Promise<number>;
}

/** A command with subcommands of its own, which reads its arguments itself. */
export interface ToolSet {
  runArguments(args: readonly string[]): Promise<number>;
}

export const logFlags: FlagSpecs = {
  'log.level': { kind: 'string', help: 'debug, info, warn or error.', default: 'info' },
  'log.format': { kind: 'string', help: 'logfmt or json.', default: 'logfmt' },
};

const LEVELS: readonly string[] = ['debug', 'info', 'warn', 'error'];
const FORMATS: readonly string[] = ['logfmt', 'json'];

export function loggerOf(flags: Flags, prefix = 'log.'): Logger {
  const level = flags.string(`${prefix}level`).toLowerCase();
  const format = flags.string(`${prefix}format`);
  if (!LEVELS.includes(level)) throw new UsageError(`--${prefix}level must be one of ${LEVELS.join(', ')}`);
  if (!FORMATS.includes(format)) throw new UsageError(`--${prefix}format must be one of ${FORMATS.join(', ')}`);
  return createLogger({ level: level as LogLevel, format: format as LogFormat });
}

export const webConfigFlag: FlagSpecs = {
  'web.config.file': {
    kind: 'string',
    help: 'File that enables TLS or authentication.',
    default: '',
    placeholder: 'FILE',
  },
};

/** How a server is guarded: as the file of `--web.config.file` says. @throws StartupError where it cannot be used */
export async function webOf(flags: Flags, role: string, logger: Logger): Promise<WebOptions> {
  const file = flags.string('web.config.file');
  if (file === '') return {};
  const { WebConfig } = await import('@avalanche/web');
  try {
    return { config: new WebConfig(file, logger) };
  } catch (error) {
    throw new StartupError(role, (error as Error).message, 'choose another file with --web.config.file');
  }
}

export function listenAddressOf(flags: Flags, name = 'web.listen-address'): ListenAddress {
  try {
    return parseListenAddress(flags.list(name)[0] ?? '');
  } catch (error) {
    throw new UsageError(`--${name}: ${(error as Error).message}`);
  }
}

/** Milliseconds of a duration flag; undefined where it is empty. */
export function durationOf(flags: Flags, name: string): number | undefined {
  const text = flags.string(name);
  if (text === '') return undefined;
  try {
    return parseDuration(text);
  } catch (error) {
    throw new UsageError(`--${name}: ${(error as Error).message}`);
  }
}

export function wholeNumberOf(flags: Flags, name: string, text = flags.string(name)): number {
  if (!/^\d+$/.test(text)) throw new UsageError(`--${name} must be a whole number, not ${JSON.stringify(text)}`);
  return Number(text);
}

/** Settles when the command is asked to end. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

/** A flag of upstream without meaning here; accepted, so that a unit file can be used as it is. */
export const accepted: FlagSpec = { kind: 'list', help: '', ignored: true };
export const acceptedBoolean: FlagSpec = { kind: 'boolean', help: '', ignored: true };

/** Tells once of each flag that was given and has no meaning here. */
export function tellWithoutEffect(flags: Flags, specs: FlagSpecs, logger: Logger): void {
  for (const name of Object.keys(specs).filter((flag) => flags.given(flag))) {
    logger.warn('This flag has no effect yet', { flag: `--${name}` });
  }
}

/** Lets a role run until the command is asked to end, reloading it at each SIGHUP; gives the exit code. */
export async function serveUntil(
  signal: AbortSignal,
  role: RunningRole & { reload(): Promise<void> },
): Promise<number> {
  const reload = () => {
    if (!signal.aborted) role.reload().catch(() => {}); // told in the log
  };
  process.on('SIGHUP', reload);
  await untilAborted(signal);
  await role.stop();
  // not before: a SIGHUP that nobody hears would end us with the state unwritten
  process.off('SIGHUP', reload);
  return 0;
}
