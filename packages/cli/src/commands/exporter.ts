import type { Logger } from '@avalanche/model';
import type { ListenAddress, RunningRole, WebOptions } from '@avalanche/web';
import type { FlagSpec, FlagSpecs, Flags } from '../flags.ts';
import { VERSION } from '../version.ts';
import { logFlags, loggerOf, untilAborted, webConfigFlag, webOf } from './command.ts';

/** What all exporters are started with. */
interface Common {
  readonly listen: ListenAddress;
  readonly logger: Logger;
  readonly web: WebOptions;
  readonly version: string;
}

type Start = (flags: Flags, common: Common) => Promise<RunningRole>;

export async function runExporter(
  flags: Flags,
  signal: AbortSignal,
  listen: ListenAddress,
  start: Start,
): Promise<number> {
  const logger = loggerOf(flags);
  const role = await start(flags, { listen, logger, version: VERSION, web: await webOf(flags, 'exporter', logger) });
  logger.info('Listening on', { address: new URL(role.url).host });
  await untilAborted(signal);
  await role.stop();
  return 0;
}

export function webFlags(port: number, redisStyle = false): FlagSpecs {
  const address: FlagSpec = { kind: 'list', help: 'Address to listen on.', default: `:${port}` };
  return {
    'web.listen-address': address,
    'web.telemetry-path': { kind: 'string', help: 'Path under which to expose metrics.', default: '/metrics' },
    ...(redisStyle
      ? { 'log-level': { kind: 'string', help: 'debug, info, warn or error.', default: 'info' } as const }
      : {}),
    ...webConfigFlag,
    ...logFlags,
  };
}
