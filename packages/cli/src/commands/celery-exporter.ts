import { startCeleryExporter } from '@avalanche/exporters';
import { UsageError } from '../flags.ts';
import { type Command, logFlags, wholeNumberOf } from './command.ts';
import { runExporter } from './exporter.ts';

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
