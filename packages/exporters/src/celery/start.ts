import type { Logger } from '@avalanche/model';
import { type ListenAddress, type RunningRole, StartupError } from '@avalanche/web';
import { type ExporterWebOptions, startExporterServer } from '../base/server.ts';
import type { Broker } from './broker.ts';
import { type BrokerAddress, parseBrokerUrl, parseOptions } from './broker-address.ts';
import { BullWatch } from './bull-watch.ts';
import { CeleryExporter } from './exporter.ts';
import { Buckets } from './histogram.ts';
import { CeleryMetrics } from './metrics.ts';
import { RedisBroker } from './redis-broker.ts';

export interface CeleryExporterOptions {
  readonly listen: ListenAddress;
  readonly web?: ExporterWebOptions | undefined;
  readonly logger: Logger;
  readonly version: string;
  /** As kombu writes them: `redis://host:6379/0`, `amqp://user:password@host//`. */
  readonly brokerUrl: string;
  /** `key=value` of Celery's `broker_transport_options`. */
  readonly transportOptions?: readonly string[];
  /** `key=value` of Celery's `broker_use_ssl`. */
  readonly sslOptions?: readonly string[];
  /** Queues that are told from the start, empty or not. */
  readonly queues?: readonly string[];
  readonly defaultQueue?: string;
  /** 0: a silent worker stays up for ever. */
  readonly workerTimeoutMs?: number;
  /** 0: series of a dead worker stay for ever. */
  readonly purgeOfflineMs?: number;
  /** How often workers are asked what they do. Default ten seconds. */
  readonly inspectIntervalMs?: number;
  /** How long to wait before the broker is tried again. Default one second. */
  readonly retryMs?: number;
  /** Upper bounds of `celery_task_runtime` and `celery_task_queue_wait_time`, in seconds. */
  readonly runtimeBuckets?: readonly number[];
  readonly waitBuckets?: readonly number[];
  readonly metricPrefix?: string;
  readonly staticLabels?: Readonly<Record<string, string>>;
  readonly genericSender?: boolean;
  readonly genericWorker?: boolean;
  readonly countPriorities?: boolean;
  readonly enableEvents?: boolean;
  readonly taskSeriesMax?: number;
  /** Prefixes of BullMQ's keys; none: BullMQ is not looked at. */
  readonly bullmqPrefixes?: readonly string[];
  /** Told whenever the broker is lost or cannot be had; the exporter goes on trying. */
  readonly onBrokerLost?: (error: Error) => void;
}

/** celery-exporter's defaults of `--buckets` and `--queue-wait-buckets`, in seconds. */
export const RUNTIME_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
export const WAIT_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800];

const INSPECT_INTERVAL_MS = 10_000;

/**
 * Starts the Celery exporter. A broker that is away is tried again and again; until then scrapes fail.
 * @throws StartupError where an option is wrong, or the port is taken
 */
export async function startCeleryExporter(options: CeleryExporterOptions): Promise<RunningRole> {
  const { logger, workerTimeoutMs = 300_000, metricPrefix = 'celery_', staticLabels = {} } = options;
  const broker = await openableBroker(options);
  const inspectIntervalMs = options.inspectIntervalMs ?? INSPECT_INTERVAL_MS;
  const metrics = new CeleryMetrics({
    defaultQueue: options.defaultQueue ?? 'celery',
    workerTimeoutMs,
    purgeOfflineMs: options.purgeOfflineMs ?? 600_000,
    reportTtlMs: Math.max(30_000, 3 * inspectIntervalMs),
    prefix: metricPrefix,
    staticLabels,
    runtimeBuckets: new Buckets(options.runtimeBuckets ?? RUNTIME_BUCKETS),
    waitBuckets: new Buckets(options.waitBuckets ?? WAIT_BUCKETS),
    taskSeriesMax: options.taskSeriesMax ?? 5_000,
    genericSender: options.genericSender ?? false,
    genericWorker: options.genericWorker ?? false,
  });
  const prefixes = options.bullmqPrefixes ?? [];
  const bull =
    broker instanceof RedisBroker && prefixes.length > 0
      ? new BullWatch({
          prefixes,
          redis: () => broker.redis,
          metrics,
          logger,
          metricPrefix,
          staticLabels,
          workerTimeoutMs,
        })
      : null;
  const exporter = new CeleryExporter({
    logger,
    broker,
    metrics,
    bull,
    queues: options.queues ?? [],
    inspectIntervalMs,
    enableEvents: options.enableEvents ?? false,
    onBrokerLost: options.onBrokerLost ?? (() => {}),
  });
  await exporter.start();
  try {
    return await serve(options, exporter);
  } catch (error) {
    await exporter.stop(); // a port in use leaves no connection behind
    throw error;
  }
}

function serve(options: CeleryExporterOptions, exporter: CeleryExporter): Promise<RunningRole> {
  return startExporterServer({
    role: 'celery-exporter',
    title: 'Celery Exporter',
    prefix: 'celery',
    listen: options.listen,
    web: options.web,
    version: options.version,
    telemetryPath: '/metrics',
    openMetrics: true,
    scrape: (_request, scrape) => exporter.scrape(scrape),
    routes(app) {
      app.get('/health', async (_request, reply) => {
        const { ok, text } = await exporter.health();
        return reply
          .code(ok ? 200 : 500)
          .type('text/html; charset=utf-8')
          .send(text);
      });
    },
    onStop: () => exporter.stop(),
  });
}

async function openableBroker(options: CeleryExporterOptions): Promise<Broker> {
  const hint = 'see --broker-url and --broker-transport-option in docs/exporters.md';
  try {
    const addresses = parseBrokerUrl(options.brokerUrl);
    const transport = parseOptions(options.transportOptions ?? []);
    const common = {
      addresses,
      transport,
      tls: parseOptions(options.sslOptions ?? []),
      retryMs: options.retryMs ?? 1_000,
    };
    if (isAmqp(addresses)) {
      if (options.bullmqPrefixes?.length) throw new Error('BullMQ needs a Redis broker');
      const { RabbitmqBroker } = await import('./rabbitmq-broker.ts'); // few need it
      return new RabbitmqBroker(common);
    }
    return new RedisBroker({ ...common, countPriorities: options.countPriorities ?? false });
  } catch (error) {
    throw new StartupError('celery-exporter', (error as Error).message, hint, { cause: error });
  }
}

/** @throws Error where there are no addresses, or some of another kind */
function isAmqp(addresses: readonly BrokerAddress[]): boolean {
  if (addresses.length === 0) throw new Error('the broker URL is empty');
  const amqp = addresses.filter(({ transport }) => transport === 'amqp').length;
  if (amqp !== 0 && amqp !== addresses.length) throw new Error('the addresses of a broker must be of one transport');
  return amqp > 0;
}
