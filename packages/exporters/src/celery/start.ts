import { FamilyWriter } from '@avalanche/exposition';
import type { Logger } from '@avalanche/model';
import { type ListenAddress, type RunningRole, StartupError, type WebOptions } from '@avalanche/web';
import { startExporterServer } from '../base/server.ts';
import { RedisBroker } from './broker.ts';
import { CeleryMetrics } from './metrics.ts';

export interface CeleryExporterOptions {
  readonly listen: ListenAddress;
  readonly web?: WebOptions | undefined;
  readonly logger: Logger;
  readonly version: string;
  /** `redis://host:6379/0` */
  readonly brokerUrl: string;
  /** Queues that are told from the start, empty or not. */
  readonly queues?: readonly string[];
  readonly defaultQueue?: string;
  readonly workerTimeoutMs?: number;
  readonly purgeOfflineMs?: number;
  /** How often workers are asked what they serve. Default ten seconds. */
  readonly inspectIntervalMs?: number;
}

/** Starts the Celery exporter on a Redis broker. @throws StartupError for another kind of broker */
export async function startCeleryExporter(options: CeleryExporterOptions): Promise<RunningRole> {
  if (!/^rediss?:\/\//.test(options.brokerUrl)) {
    throw new StartupError(
      'celery-exporter',
      'only Redis brokers are supported yet',
      'set --broker-url=redis://host:6379/0',
    );
  }
  const defaultQueue = options.defaultQueue ?? 'celery';
  const metrics = new CeleryMetrics({
    defaultQueue,
    workerTimeoutMs: options.workerTimeoutMs ?? 300_000,
    purgeOfflineMs: options.purgeOfflineMs ?? 600_000,
  });
  const broker = new RedisBroker(options.brokerUrl, options.queues ?? [defaultQueue], options.logger);
  await broker.listen((event) => metrics.take(event, Date.now()));
  let asked = false;
  const refresh = async () => {
    if (!broker.connected) return;
    if (!asked) await broker.requestHeartbeats();
    asked = true;
    await broker.refreshQueues();
  };
  const refreshQuietly = () => {
    refresh().catch((error: unknown) => options.logger.warn('Asking the workers failed', { error }));
  };
  refreshQuietly();
  const timer = setInterval(refreshQuietly, options.inspectIntervalMs ?? 10_000);
  timer.unref();
  const end = async (): Promise<void> => {
    clearInterval(timer);
    broker.close();
  };
  const starting = startExporterServer({
    role: 'celery-exporter',
    title: 'Celery Exporter',
    prefix: 'celery',
    listen: options.listen,
    web: options.web,
    version: options.version,
    telemetryPath: '/metrics',
    async scrape() {
      if (!broker.connected) throw new Error('the broker does not answer');
      const families = new FamilyWriter();
      metrics.write(families, broker.queues, Date.now());
      return families;
    },
    routes(app) {
      app.get('/health', async (_request, reply) =>
        broker.connected ? 'Connected to the broker' : reply.code(500).send('not connected to the broker'),
      );
    },
    onStop: end,
  });
  starting.catch(end); // a port in use leaves no connection behind
  return starting;
}
