import {
  NODE_COLLECTORS,
  startCeleryExporter,
  startNodeExporter,
  startPostgresExporter,
  startRedisExporter,
} from '@avalanche/exporters';
import type { Logger } from '@avalanche/model';
import type { ListenAddress, RunningRole, WebOptions } from '@avalanche/web';
import { type FlagSpec, type FlagSpecs, type Flags, UsageError } from '../flags.ts';
import { VERSION } from '../version.ts';
import {
  type Command,
  listenAddressOf,
  logFlags,
  loggerOf,
  untilAborted,
  webConfigFlag,
  webOf,
  wholeNumberOf,
} from './command.ts';

/** What all exporters are started with. */
interface Common {
  readonly listen: ListenAddress;
  readonly logger: Logger;
  readonly web: WebOptions;
  readonly version: string;
}

type Start = (flags: Flags, common: Common) => Promise<RunningRole>;

async function runExporter(flags: Flags, signal: AbortSignal, listen: ListenAddress, start: Start): Promise<number> {
  const logger = loggerOf(flags);
  const role = await start(flags, { listen, logger, version: VERSION, web: await webOf(flags, 'exporter', logger) });
  logger.info('Listening on', { address: new URL(role.url).host });
  await untilAborted(signal);
  await role.stop();
  return 0;
}

function webFlags(port: number, redisStyle = false): FlagSpecs {
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

export const nodeExporter: Command = {
  flags: {
    'path.procfs': { kind: 'string', help: 'Where /proc is.', default: '/proc' },
    'path.sysfs': { kind: 'string', help: 'Where /sys is.', default: '/sys' },
    'path.rootfs': { kind: 'string', help: 'Where / is.', default: '/' },
    'collector.disable-defaults': { kind: 'boolean', help: 'Only collectors that a flag names.', default: 'false' },
    ...Object.fromEntries(
      Object.keys(NODE_COLLECTORS).map((name): [string, FlagSpec] => [
        `collector.${name}`,
        { kind: 'boolean', help: `The ${name} collector.`, default: 'true' },
      ]),
    ),
    ...webFlags(9100),
  },
  run: (flags, signal) =>
    runExporter(flags, signal, listenAddressOf(flags), (_flags, common) =>
      startNodeExporter({
        ...common,
        telemetryPath: flags.string('web.telemetry-path'),
        paths: {
          procfs: flags.string('path.procfs'),
          sysfs: flags.string('path.sysfs'),
          rootfs: flags.string('path.rootfs'),
        },
        collectors: Object.keys(NODE_COLLECTORS).filter((name) => isWanted(flags, name)),
      }),
    ),
};

function isWanted(flags: Flags, collector: string): boolean {
  const flag = `collector.${collector}`;
  return flags.boolean('collector.disable-defaults') && !flags.given(flag) ? false : flags.boolean(flag);
}

export const postgresExporter: Command = {
  flags: webFlags(9187),
  run: (flags, signal) =>
    runExporter(flags, signal, listenAddressOf(flags), (_flags, common) =>
      startPostgresExporter({
        ...common,
        telemetryPath: flags.string('web.telemetry-path'),
        dataSourceNames: dataSourceNames(process.env),
      }),
    ),
};

/** postgres_exporter's ways to name a server: DATA_SOURCE_NAME, or URI, user and password apart; ours: DATABASE_URL. */
function dataSourceNames(env: NodeJS.ProcessEnv): string[] {
  if (env.DATA_SOURCE_NAME) return env.DATA_SOURCE_NAME.split(',');
  if (env.DATA_SOURCE_URI) {
    const text = `postgresql://${env.DATA_SOURCE_URI}`;
    if (!URL.canParse(text)) throw new UsageError('DATA_SOURCE_URI must be HOST:PORT/DATABASE');
    const uri = new URL(text);
    uri.username = env.DATA_SOURCE_USER ?? '';
    uri.password = env.DATA_SOURCE_PASS ?? '';
    return [uri.href];
  }
  return env.DATABASE_URL ? [env.DATABASE_URL] : [''];
}

export const redisExporter: Command = {
  singleDash: true,
  flags: {
    'redis.addr': { kind: 'string', help: 'Address of the Redis instance.', default: '' },
    'redis.user': { kind: 'string', help: 'User name for Redis ACL.', default: '' },
    'redis.password': { kind: 'string', help: 'Password of the Redis instance.', default: '' },
    ...webFlags(9121, true),
  },
  run: (flags, signal) =>
    runExporter(flags, signal, listenAddressOf(flags), (_flags, common) => {
      const { REDIS_ADDR, REDIS_URL, REDIS_USER, REDIS_PASSWORD } = process.env;
      const address = flags.given('redis.addr')
        ? flags.string('redis.addr')
        : (REDIS_ADDR ?? REDIS_URL ?? 'redis://localhost:6379');
      return startRedisExporter({
        ...common,
        telemetryPath: flags.string('web.telemetry-path'),
        address,
        user: flags.string('redis.user') || (REDIS_USER ?? ''),
        password: flags.string('redis.password') || (REDIS_PASSWORD ?? ''),
      });
    }),
};

export const celeryExporter: Command = {
  flags: {
    'broker-url': { kind: 'string', help: 'The broker, such as redis://host:6379/0.', default: '' },
    host: { kind: 'string', help: 'Address to listen on.', default: '0.0.0.0' },
    port: { kind: 'string', help: 'Port to listen on.', default: '9808' },
    queues: { kind: 'string', help: 'Queues to tell from the start (comma separated).', default: '' },
    'default-queue-name': { kind: 'string', help: 'Queue of tasks that name none.', default: 'celery' },
    'worker-timeout': { kind: 'string', help: 'Seconds without a heartbeat until a worker is down.', default: '300' },
    'purge-offline-worker-metrics': {
      kind: 'string',
      help: 'Seconds until a dead worker is forgotten.',
      default: '600',
    },
    ...logFlags,
  },
  run(flags, signal) {
    const value = (name: string) => {
      const variable = process.env[`CE_${name.toUpperCase().replaceAll('-', '_')}`];
      return flags.given(name) ? flags.string(name) : (variable ?? flags.string(name));
    };
    const brokerUrl = value('broker-url') || (process.env.CELERY_BROKER_URL ?? '');
    if (brokerUrl === '') throw new UsageError('required flag --broker-url not provided, try --help');
    const number = (name: string) => wholeNumberOf(flags, name, value(name));
    const listen = { host: value('host'), port: number('port') };
    const [timeout, purge] = [number('worker-timeout'), number('purge-offline-worker-metrics')];
    return runExporter(flags, signal, listen, (_flags, common) =>
      startCeleryExporter({
        ...common,
        brokerUrl,
        queues: value('queues')
          .split(',')
          .filter((queue) => queue !== ''),
        defaultQueue: value('default-queue-name'),
        workerTimeoutMs: timeout * 1000,
        purgeOfflineMs: purge * 1000,
      }),
    );
  },
};
