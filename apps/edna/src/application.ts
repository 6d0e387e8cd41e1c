import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { type ApplicationMetrics, createApplicationMetrics } from '@avalanche/metrics';
import { type Logger, silentLogger } from '@avalanche/model';
import { createServer, listen, type RunningRole, StartupError } from '@avalanche/web';
import type { FastifyInstance } from 'fastify';
import { DEFAULT_REFERENCE, jobRoutes, jsonErrors } from './api/routes.ts';
import { ComputeThread } from './compute/thread.ts';
import { DataFolder } from './data-folder.ts';
import { demoFileRoutes } from './demo/files.ts';
import { generateReference, referenceFasta } from './demo/generator.ts';
import { startDemoLoad } from './demo/load.ts';
import type { AddressPolicy } from './jobs/address.ts';
import { JOB_KINDS, QUEUE_OF, taskName } from './jobs/job.ts';
import { JobService } from './jobs/service.ts';
import { BullQueue } from './queue/bullmq.ts';
import { InProcessQueue } from './queue/in-process.ts';
import { serveQueueMetrics, TaskQueueMetrics } from './queue/metrics.ts';
import type { TaskQueue } from './queue/queue.ts';
import { DEFAULT_INPUT_LIMITS, type InputLimits } from './sequences/read.ts';
import { writeFileAtomically } from './store/atomic-file.ts';
import { FileJobStore } from './store/files.ts';
import { PostgresJobStore } from './store/postgres.ts';
import type { JobStore } from './store/store.ts';

export interface ApplicationOptions {
  /** Default 127.0.0.1: the API has no password, and takes files and work from anybody who reaches it. */
  readonly host?: string;
  /** Default 8000; 0 takes a free one. */
  readonly port?: number;
  /** Port of the queue's metrics, default 9808; 0 takes a free one, `off` does without. */
  readonly queuePort?: number | 'off';
  readonly dataDirectory: string;
  /** BullMQ on this Redis; without it the queue is in this process. */
  readonly redisUrl?: string;
  /** Jobs and results in this PostgreSQL; without it they are files in the data folder. */
  readonly databaseUrl?: string;
  /** Where analyses, trainings and downloads are reported as runs: the pushgateway role. */
  readonly runsUrl?: string;
  /** Keeps submitting jobs at a human pace. */
  readonly demo?: boolean;
  readonly version?: string;
  readonly log?: Logger;
  readonly limits?: Partial<InputLimits>;
  /** Jobs that may wait per queue. Default 200. */
  readonly queueWaitingMax?: number;
  /** Default 2 GiB. */
  readonly downloadBytesMax?: number;
  /** Lets downloads reach private networks. Default false. */
  readonly allowPrivateDownloads?: boolean;
  /** The bundled compute thread; default: `edna-worker.js` beside this program, where it is. */
  readonly workerScript?: string;
}

export interface RunningApplication extends RunningRole {
  /** Where the queue's metrics are, when they are served. */
  readonly queueUrl: string | undefined;
}

/** Buckets for a demonstration, whose jobs last seconds: the usual ones, with finer ones before them. */
const DEMO_BUCKETS = {
  analysis: [0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 5400, 7200],
  training: [0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 600, 1200, 1800, 3600, 7200, 10_800, 14_400, 21_600, 28_800],
  download: [0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14_400],
  backup: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 900, 1800, 3600],
};

const GIB = 1024 ** 3;

/**
 * Starts the eDNA service: API, queue with its worker, and the queue's metrics.
 * @throws StartupError for a port or a data folder that cannot be had
 */
export async function startApplication(options: ApplicationOptions): Promise<RunningApplication> {
  const log = options.log ?? silentLogger;
  const stops: (() => Promise<void> | void)[] = [];
  const stopAll = async (): Promise<void> => {
    for (const stop of stops.splice(0).reverse()) await stop();
  };
  let stopping: Promise<void> | undefined;
  try {
    const application = await compose(options, log, stops);
    return { ...application, stop: () => (stopping ??= stopAll()) };
  } catch (error) {
    await stopAll().catch((stopError: unknown) => log.debug('stopping after a failed start', { error: stopError }));
    throw error;
  }
}

type Stops = (() => Promise<void> | void)[];

/** Builds the service from the inside out; each part puts its own end on `stops`, which run in reverse. */
async function compose(
  options: ApplicationOptions,
  log: Logger,
  stops: Stops,
): Promise<Omit<RunningApplication, 'stop'>> {
  const limits: InputLimits = { ...DEFAULT_INPUT_LIMITS, ...options.limits };
  const data = await openData(options.dataDirectory);
  const metrics = createMetrics(options);
  stops.push(() => metrics.flushRuns());
  const store = await openStore(options, { data, metrics, log });
  stops.push(() => store.stop());
  const compute = new ComputeThread(...(options.workerScript === undefined ? [] : [options.workerScript]));
  stops.push(() => compute.stop());

  const ownOrigins = new Set<string>();
  const addressPolicy: AddressPolicy = { allowPrivate: options.allowPrivateDownloads ?? false, origins: ownOrigins };
  const downloadBytesMax = options.downloadBytesMax ?? 2 * GIB;
  const jobs = new JobService({ data, store, compute, metrics, log, limits, downloadBytesMax, addressPolicy });
  stops.push(() => jobs.stop());
  const queueMetrics = new TaskQueueMetrics();
  const queues = await createQueues(options, { jobs, queueMetrics, log });
  stops.push(async () => void (await Promise.all([queues.compute.stop(), queues.transfer.stop()])));

  const app = createServer({ bodyLimit: 1024 * 1024 });
  stops.push(() => app.close());
  await app.register(metrics.http.fastify());
  jsonErrors(app, log);
  app.get('/metrics', async ({ headers }, reply) => {
    const { contentType, body } = await metrics.scrape(headers.accept);
    return reply.type(contentType).send(body);
  });
  healthRoute(app, store, queues);
  await jobRoutes(app, { jobs, data, metrics, log, limits, addressPolicy });
  if (options.demo) demoFileRoutes(app);
  const { url } = await listen(app, 'application', { host: options.host ?? '127.0.0.1', port: options.port ?? 8000 });

  const queueUrl = await serveQueue(options, queueMetrics, stops);
  await jobs.start(queues).catch((error: unknown) => log.warn('unfinished jobs cannot be taken up', { error }));
  if (options.demo) {
    ownOrigins.add(new URL(url).origin);
    const load = startDemoLoad({ url, log });
    stops.push(() => load.stop());
  }
  return { name: 'application', url, queueUrl };
}

async function openData(directory: string): Promise<DataFolder> {
  try {
    const data = await DataFolder.open(directory);
    const reference = data.path(DEFAULT_REFERENCE);
    if (!existsSync(reference)) await writeFileAtomically(reference, referenceFasta(generateReference()));
    // Uploads that a former process did not receive to their end, and archives that it did not write to theirs.
    for (const folder of ['uploads', 'backups']) {
      for (const name of await readdir(data.path(folder))) {
        if (name.endsWith('.part')) await rm(data.path(folder, name), { force: true });
      }
    }
    return data;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new StartupError('application', `the data folder cannot be used: ${why}`, 'change it with --data-dir', {
      cause: error,
    });
  }
}

function createMetrics(options: ApplicationOptions): ApplicationMetrics {
  const environment = options.demo ? 'demo' : 'production';
  const metrics = createApplicationMetrics({
    info: { version: options.version ?? '0.1.0', name: 'edna', environment },
    ...(options.demo ? { buckets: DEMO_BUCKETS } : {}),
    ...(options.runsUrl === undefined ? {} : { runsUrl: options.runsUrl }),
  });
  // Series that are there from the start: a first failure is then an increase, which rate() can see.
  const { analysisRuns, analysisActive, trainingRuns } = metrics.families;
  analysisActive.set({ analysis_type: 'taxonomic' }, 0);
  for (const status of ['success', 'failed']) {
    analysisRuns.inc({ analysis_type: 'taxonomic', status }, 0);
    trainingRuns.inc({ model_type: 'naive_bayes', status }, 0);
  }
  return metrics;
}

async function openStore(
  { databaseUrl }: ApplicationOptions,
  { data, metrics, log }: { data: DataFolder; metrics: ApplicationMetrics; log: Logger },
): Promise<JobStore> {
  if (databaseUrl === undefined) return FileJobStore.open(data.path('jobs'), log);
  return new PostgresJobStore(databaseUrl, metrics, log);
}

type Queues = Record<'compute' | 'transfer', TaskQueue>;

async function createQueues(
  { redisUrl, queueWaitingMax = 200 }: ApplicationOptions,
  { jobs, queueMetrics, log }: { jobs: JobService; queueMetrics: TaskQueueMetrics; log: Logger },
): Promise<Queues> {
  const create = async (name: keyof Queues, concurrency: number): Promise<TaskQueue> => {
    const handler = jobs.handle.bind(jobs);
    const events = queueMetrics.listener(name);
    const common = { name, concurrency, waitingMax: queueWaitingMax, handler, events };
    const queue =
      redisUrl === undefined ? new InProcessQueue(common) : await BullQueue.open({ ...common, redisUrl, log });
    queueMetrics.add(queue, JOB_KINDS.filter((kind) => QUEUE_OF[kind] === name).map(taskName));
    return queue;
  };
  const [compute, transfer] = await Promise.all([create('compute', 1), create('transfer', 2)]);
  return { compute, transfer };
}

/** 200 while jobs can be taken in, 503 with the part that is away. */
function healthRoute(app: FastifyInstance, store: JobStore, queues: Queues): void {
  const answers = (check: Promise<unknown>) =>
    check.then(
      () => 'ok',
      () => 'unavailable',
    );
  app.get('/health', async (_request, reply) => {
    const [storage, queue] = await Promise.all([
      answers(store.list({ limit: 1 })),
      answers(Promise.all([queues.compute.state(), queues.transfer.state()])),
    ]);
    const healthy = storage === 'ok' && queue === 'ok';
    return reply.code(healthy ? 200 : 503).send({ status: healthy ? 'ok' : 'unavailable', storage, queue });
  });
}

async function serveQueue(
  options: ApplicationOptions,
  metrics: TaskQueueMetrics,
  stops: Stops,
): Promise<string | undefined> {
  const port = options.queuePort ?? 9808;
  if (port === 'off') return undefined;
  const server = await serveQueueMetrics({ host: options.host ?? '127.0.0.1', port, metrics });
  stops.push(() => server.stop());
  return server.url;
}
