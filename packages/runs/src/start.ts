import { type FamilyType, TEXT_CONTENT_TYPE } from '@avalanche/exposition';
import { createApplicationMetrics } from '@avalanche/metrics';
import { type Clock, type Logger, systemClock } from '@avalanche/model';
import {
  buildInfo,
  compressAnswers,
  createServer,
  type ListenAddress,
  listen,
  makeDirectory,
  processMetrics,
  type RunningRole,
  StartupError,
  sendTextPieces,
  type WebOptions,
} from '@avalanche/web';
import type { FastifyInstance } from 'fastify';
import { Counter, Registry } from 'prom-client';
import { ownFamilies, writeSchedules } from './own-metrics.ts';
import { PushedMetrics } from './pushed/pushed-metrics.ts';
import { pushRoutes } from './pushed/routes.ts';
import { runRoutes, succeed } from './registry/api.ts';
import { RunRegistry } from './registry/registry.ts';
import type { RunRecord } from './registry/run-record.ts';
import { workflowRoutes } from './workflows/routes.ts';

export interface PushgatewayOptions {
  readonly listen: ListenAddress;
  readonly web?: WebOptions | undefined;
  readonly logger: Logger;
  readonly version: string;
  /** Where runs and schedules are kept. */
  readonly directory: string;
  /** Where pushed metrics are kept over restarts; '' for nowhere. */
  readonly persistenceFile: string;
  readonly persistenceIntervalMs: number;
  /** How long pushed metrics are kept, in milliseconds; 0: until they are deleted. */
  readonly ttlMs: number;
  /** How long ended runs are kept, in milliseconds. */
  readonly runRetentionMs: number;
  readonly telemetryPath?: string;
  readonly checkPushes?: boolean;
  readonly enableAdminApi?: boolean;
  /** Ends the process; without it `/-/quit` is refused. */
  readonly quit?: () => void;
  /** As `/api/v1/status` shows them. */
  readonly flags?: Readonly<Record<string, string>>;
  /** Told of each run that ends. */
  readonly onRunEnd?: (run: RunRecord) => void;
  readonly clock?: Clock;
}

const ROLE = 'pushgateway';
const MAINTENANCE_MS = 10_000;

/** Starts the pushgateway role: pushed metrics, reported runs, schedules. @throws StartupError */
export async function startPushgateway(options: PushgatewayOptions): Promise<RunningRole> {
  const { logger, clock = systemClock } = options;
  const registry = new Registry();
  processMetrics(registry);
  buildInfo(registry, 'pushgateway', options.version);
  const requests = new Counter({
    name: 'pushgateway_http_requests_total',
    help: 'Pushes, deletions and other requests by handler, method and status.',
    labelNames: ['code', 'handler', 'method'],
    registers: [registry],
  });
  const metrics = createApplicationMetrics({ registry, now: () => clock.now() });
  const { runs, pushed } = await openState(options, clock, metrics, registry);

  const app = createServer({}, options.web);
  compressAnswers(app);
  refuseForeignPages(app);
  const { ttlMs, checkPushes = true, enableAdminApi = false } = options;
  pushRoutes(app, { pushed, ttlMs, check: checkPushes, mayWipe: enableAdminApi, requests });
  app.get(options.telemetryPath ?? '/metrics', async (_request, reply) => {
    const families = await ownFamilies(registry);
    await pushed.write(families);
    writeSchedules(families, runs);
    return sendTextPieces(reply.type(TEXT_CONTENT_TYPE), families.pieces('text'));
  });
  const startedAt = new Date(clock.now()).toISOString();
  await app.register(
    async (api) => {
      runRoutes(api, runs);
      workflowRoutes(api, runs, clock);
      api.get('/status', (_request, reply) =>
        succeed(reply, {
          build_information: { version: options.version },
          flags: options.flags ?? {},
          start_time: startedAt,
        }),
      );
    },
    { prefix: '/api/v1' },
  );
  app.get('/-/healthy', (_request, reply) => reply.send('OK'));
  app.get('/-/ready', (_request, reply) => reply.send('OK'));
  app.route({
    method: ['PUT', 'POST'],
    url: '/-/quit',
    handler: (_request, reply) => {
      if (!options.quit) return reply.code(403).send('Lifecycle API is not enabled.');
      setImmediate(options.quit);
      return reply.send('Requesting termination... Goodbye!');
    },
  });
  app.get('/', (_request, reply) => reply.type('text/html; charset=utf-8').send(LANDING_PAGE));

  const { url } = await listen(app, ROLE, options.listen);
  const stopMaintenance = maintain(options, clock, { runs, pushed });
  return {
    name: ROLE,
    url,
    async stop() {
      stopMaintenance();
      await app.close();
      await saveQuietly(pushed, runs, logger);
      await runs.synced();
    },
  };
}

/**
 * A browser sends forms of any web page to a server on loopback, which asks nobody for a password, and says whose they
 * are. Clients that are no browsers do not have the header.
 */
function refuseForeignPages(app: FastifyInstance): void {
  app.addHook('onRequest', async ({ method, url, headers }, reply) => {
    if (headers['sec-fetch-site'] !== 'cross-site') return;
    const changes = !['GET', 'HEAD', 'OPTIONS'].includes(method) || url.includes('/create_workflow');
    if (changes)
      await reply.code(403).send({ status: 'error', errorType: 'forbidden', error: 'from a page of another site' });
  });
}

interface State {
  readonly runs: RunRegistry;
  readonly pushed: PushedMetrics;
}

async function openState(
  { directory, persistenceFile, logger, runRetentionMs, onRunEnd }: PushgatewayOptions,
  clock: Clock,
  metrics: ReturnType<typeof createApplicationMetrics>,
  registry: Registry,
): Promise<State> {
  try {
    makeDirectory(directory);
    const runs = await RunRegistry.open({
      ...{ directory, clock, logger, metrics, retentionMs: runRetentionMs },
      ...(onRunEnd ? { onEnd: onRunEnd } : {}),
    });
    const ownType = (name: string) =>
      (registry.getSingleMetric(name) as { readonly type?: FamilyType } | undefined)?.type;
    const pushed = await PushedMetrics.open({ file: persistenceFile, clock, ownType });
    return { runs, pushed };
  } catch (error) {
    const hint = 'choose another folder with --storage.path, or another file with --persistence.file';
    throw new StartupError(ROLE, (error as Error).message, hint, { cause: error });
  }
}

/** Expiry of pushed metrics and lost runs every few seconds, and saving. @returns what ends it */
function maintain(options: PushgatewayOptions, clock: Clock, { runs, pushed }: State): () => void {
  let cancel = (): void => {};
  let savedAt = clock.now();
  const failed = (error: unknown): void =>
    options.logger.error('Maintenance of runs or pushed metrics failed', { error });
  const run = (): void => {
    pushed.forgetExpired().catch(failed);
    runs.maintain().catch(failed);
    if (clock.now() - savedAt >= options.persistenceIntervalMs) {
      savedAt = clock.now();
      void saveQuietly(pushed, runs, options.logger);
    }
    cancel = clock.after(MAINTENANCE_MS, run);
  };
  cancel = clock.after(MAINTENANCE_MS, run);
  return () => cancel();
}

async function saveQuietly(pushed: PushedMetrics, runs: RunRegistry, logger: Logger): Promise<void> {
  const told = (what: string) => (error: unknown) => logger.error(`${what} cannot be saved`, { error });
  await Promise.all([
    runs.saveLastRuns().catch(told('When jobs last ended')),
    pushed.save().catch(told('What jobs pushed')),
  ]);
}

const LANDING_PAGE = `<!doctype html><html lang="en"><head><title>Pushgateway</title></head><body><h1>Pushgateway</h1>
<ul><li><a href="metrics">Metrics</a></li><li><a href="api/v1/runs">Runs</a></li><li><a href="api/v1/schedules">Schedules</a></li>
<li><a href="api/v1/metrics">Pushed metrics by group</a></li></ul></body></html>`;
