import { startCeleryExporter } from '@avalanche/exporters';
import { type FlagSpec, type FlagSpecs, type Flags, UsageError } from '../flags.ts';
import { type Command, logFlags, wholeNumberOf } from './command.ts';
import { runExporter } from './exporter.ts';

const text = (help: string, fallback = ''): FlagSpec => ({ kind: 'string', help, default: fallback });
const list = (help: string): FlagSpec => ({ kind: 'list', help });
const toggle = (help: string): FlagSpec => ({ kind: 'boolean', help, default: 'false' });

/** celery-exporter's, each with an environment variable CE_…, and ours at the end. */
const FLAGS: FlagSpecs = {
  'broker-url': text('The broker, such as redis://host:6379/0 or amqp://user:password@host//.'),
  'broker-transport-option': list('KEY=VALUE of broker_transport_options, such as global_keyprefix=x; repeatable.'),
  'broker-ssl-option': list('KEY=VALUE of broker_use_ssl, such as ssl_ca_certs=FILE; repeatable.'),
  'accept-content': text('Accepted for compatibility: events and answers are read as JSON.'),
  'retry-interval': text('Seconds until a lost broker is tried again; 0: the exporter ends.', '0'),
  host: text('Address to listen on.', '0.0.0.0'),
  port: text('Port to listen on.', '9808'),
  buckets: text('Buckets of celery_task_runtime, in seconds (comma separated).'),
  'queue-wait-buckets': text('Buckets of celery_task_queue_wait_time, in seconds (comma separated).'),
  'log-level': text('DEBUG, INFO, WARNING or ERROR.', 'INFO'),
  'worker-timeout': text('Seconds without a sign of life until a worker is down; 0: never.', '300'),
  'purge-offline-worker-metrics': text('Seconds until a dead worker is forgotten; 0: never.', '600'),
  'generic-hostname-task-sent-metric': toggle('Counts tasks sent under the host name "generic".'),
  'generic-hostname-worker-task-metric': toggle('Counts what workers do under the host name "generic".'),
  queues: { kind: 'string', short: 'Q', help: 'Queues to tell from the start (comma separated).', default: '' },
  'metric-prefix': text('What the names of the metrics begin with.', 'celery_'),
  'default-queue-name': text('Queue of tasks that name none.', 'celery'),
  'static-label': list('KEY=VALUE to add to every series; repeatable.'),
  'count-priority-queues': toggle('Counts messages of all priorities, not only of the lowest (Redis).'),
  'enable-task-events': toggle('Tells workers to send task events, as those started without -E do not.'),
  'max-task-series': text('Combinations of task, host and queue to tell apart.', '5000'),
  'bullmq-prefix': text(
    'Watches the BullMQ queues of this Redis with these key prefixes, such as bull (comma separated).',
  ),
  ...logFlags,
};

export const celeryExporter: Command = {
  flags: FLAGS,
  async run(flags, signal) {
    const value = (name: string) => environment(flags, name) ?? flags.string(name);
    const brokerUrl = value('broker-url') || (process.env.CELERY_BROKER_URL ?? '');
    if (brokerUrl === '') throw new UsageError('required flag --broker-url not provided, try --help');
    const number = (name: string) => wholeNumberOf(flags, name, value(name));
    const listen = { host: value('host'), port: number('port') };
    const retrySeconds = number('retry-interval');
    const settings = {
      brokerUrl,
      ...optionsOf(flags, value),
      workerTimeoutMs: number('worker-timeout') * 1000,
      purgeOfflineMs: number('purge-offline-worker-metrics') * 1000,
      taskSeriesMax: number('max-task-series'),
      ...(retrySeconds === 0 ? {} : { retryMs: retrySeconds * 1000 }),
    };
    const lost = new AbortController();
    const either = AbortSignal.any([signal, lost.signal]);
    const code = await runExporter(withLogLevel(flags, value('log-level')), either, listen, (_flags, common) => {
      // As the original: without an interval, a broker that is away ends the exporter.
      const onBrokerLost = (error: Error) => {
        if (retrySeconds > 0 || signal.aborted) return;
        common.logger.error('Without the broker this ends; --retry-interval=SECONDS would wait for it', { error });
        lost.abort();
      };
      return startCeleryExporter({ ...common, ...settings, onBrokerLost });
    });
    return lost.signal.aborted ? 1 : code;
  },
};

function optionsOf(flags: Flags, value: (name: string) => string) {
  const many = (name: string) => (flags.given(name) ? flags.list(name) : words(environment(flags, name) ?? '', /\s+/));
  const runtimeBuckets = bucketsOf('buckets', value);
  const waitBuckets = bucketsOf('queue-wait-buckets', value);
  return {
    transportOptions: many('broker-transport-option'),
    sslOptions: many('broker-ssl-option'),
    queues: words(value('queues'), ','),
    defaultQueue: value('default-queue-name'),
    metricPrefix: value('metric-prefix'),
    staticLabels: Object.fromEntries(many('static-label').map(labelOf)),
    genericSender: isTrue(value('generic-hostname-task-sent-metric')),
    genericWorker: isTrue(value('generic-hostname-worker-task-metric')),
    countPriorities: isTrue(value('count-priority-queues')),
    enableEvents: isTrue(value('enable-task-events')),
    bullmqPrefixes: words(value('bullmq-prefix'), ','),
    ...(runtimeBuckets ? { runtimeBuckets } : {}),
    ...(waitBuckets ? { waitBuckets } : {}),
  };
}

/** What the environment says of a flag that was not given: CE_WORKER_TIMEOUT of --worker-timeout. */
function environment(flags: Flags, name: string): string | undefined {
  return flags.given(name) ? undefined : process.env[`CE_${name.toUpperCase().replaceAll('-', '_')}`];
}

function words(text: string, separator: string | RegExp): string[] {
  return text.split(separator).filter((word) => word !== '');
}

/** The words that click takes for true. */
function isTrue(text: string): boolean {
  return /^(1|true|t|yes|y|on)$/i.test(text);
}

function bucketsOf(name: string, value: (name: string) => string): number[] | undefined {
  const bounds = words(value(name), ',').map((bound) => (/^\+?inf$/i.test(bound.trim()) ? Infinity : Number(bound)));
  if (bounds.some(Number.isNaN)) throw new UsageError(`--${name} must be numbers, not ${JSON.stringify(value(name))}`);
  return bounds.length === 0 ? undefined : bounds;
}

function labelOf(pair: string): [string, string] {
  const match = /^([a-zA-Z_][a-zA-Z0-9_]*)=(.*)$/s.exec(pair);
  if (!match) throw new UsageError(`--static-label must be NAME=VALUE, not ${JSON.stringify(pair)}`);
  return [match[1], match[2]];
}

/** The levels of Python's loguru, under which the original logs. */
const LEVELS: Readonly<Record<string, string>> = {
  TRACE: 'debug',
  DEBUG: 'debug',
  INFO: 'info',
  SUCCESS: 'info',
  WARNING: 'warn',
  WARN: 'warn',
  ERROR: 'error',
  CRITICAL: 'error',
};

function withLogLevel(flags: Flags, text: string): Flags {
  const level = LEVELS[text.toUpperCase()];
  if (!level) throw new UsageError(`--log-level must be one of ${Object.keys(LEVELS).join(', ')}`);
  return flags.given('log.level') ? flags : flags.with('log.level', level);
}
