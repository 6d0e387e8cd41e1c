import type { ExporterWebOptions } from '@avalanche/exporters';
import type { Logger } from '@avalanche/model';
import { type ListenAddress, parseListenAddress, type RunningRole } from '@avalanche/web';
import { compileLate } from '../compile-late.ts';
import { type FlagSpec, type FlagSpecs, type Flags, UsageError } from '../flags.ts';
import { VERSION } from '../version.ts';
import { logFlags, loggerOf, untilAborted, webConfigFlag, webOf } from './command.ts';

/** What all exporters are started with. */
interface Common {
  readonly listen: ListenAddress;
  readonly logger: Logger;
  readonly web: ExporterWebOptions;
  readonly version: string;
}

type Start = (flags: Flags, common: Common) => Promise<RunningRole>;

/**
 * Runs an exporter until the command is asked to end.
 * @param listen the first address; those after the first of `--web.listen-address` are listened on as well
 */
export async function runExporter(
  flags: Flags,
  signal: AbortSignal,
  listen: ListenAddress,
  start: Start,
): Promise<number> {
  if (flags.boolean(SYSTEMD_SOCKET)) {
    throw new UsageError(`--${SYSTEMD_SOCKET} is not supported here; name an address with --web.listen-address`);
  }
  compileLate();
  const logger = loggerOf(flags);
  const web = { ...(await webOf(flags, 'exporter', logger)), alsoListen: furtherAddresses(flags) };
  const role = await start(flags, { listen, logger, version: VERSION, web });
  logger.info('Listening on', { address: new URL(role.url).host });
  await untilAborted(signal);
  await role.stop();
  return 0;
}

const SYSTEMD_SOCKET = 'web.systemd-socket';

function furtherAddresses(flags: Flags): ListenAddress[] {
  try {
    return flags.list('web.listen-address').slice(1).map(parseListenAddress);
  } catch (error) {
    throw new UsageError(`--web.listen-address: ${(error as Error).message}`);
  }
}

export function webFlags(port: number, redisStyle = false): FlagSpecs {
  const address: FlagSpec = { kind: 'list', help: 'Address to listen on; repeatable.', default: `:${port}` };
  return {
    'web.listen-address': address,
    'web.telemetry-path': { kind: 'string', help: 'Path under which to expose metrics.', default: '/metrics' },
    ...(redisStyle
      ? { 'log-level': { kind: 'string', help: 'debug, info, warn or error.', default: 'info' } as const }
      : { [SYSTEMD_SOCKET]: { kind: 'boolean', help: 'Not supported here.', default: 'false' } as const }),
    ...webConfigFlag,
    ...logFlags,
  };
}
