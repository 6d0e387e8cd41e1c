import { mkdirSync } from 'node:fs';
import { type Clock, formatDuration, Labels, type Logger, systemClock } from '@avalanche/model';
import { Engine } from '@avalanche/promql';
import { DirectoryLocked, Tsdb, UnsupportedWal } from '@avalanche/tsdb';
import {
  acceptForms,
  createServer,
  type ListenAddress,
  listen,
  processMetrics,
  type RunningRole,
  StartupError,
  serveMetrics,
  serveUi,
  type UiBoot,
} from '@avalanche/web';
import { FileError } from '@avalanche/yamlfile';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { Registry } from 'prom-client';
import { apiV1 } from './api/v1.ts';
import { type LoadedConfig, loadConfig } from './config/load.ts';
import { pathResolver } from './discovery/discovery.ts';
import { Notifier } from './notifier/notifier.ts';
import { type LoadedRuleFile, loadRuleFiles, RuleManager } from './rules/manager.ts';
import type { QueryVector } from './rules/rule.ts';
import { ScrapeManager } from './scrape/manager.ts';
import { scrapeMetrics } from './scrape/metrics.ts';
import { buildInfo, reloadMetrics, ruleMetrics, tsdbMetrics } from './self-metrics.ts';

export interface PrometheusOptions {
  readonly configFile: string;
  /** The TSDB directory (`--storage.tsdb.path`). */
  readonly directory: string;
  readonly listen: ListenAddress;
  readonly logger: Logger;
  readonly version: string;
  readonly retentionMs?: number;
  /** URL under which people reach this server; for links in alerts. Default: the address it listens on. */
  readonly externalUrl?: string;
  /** Where relative `targets/…` paths of `file_sd_configs` are looked up instead of beside the configuration. */
  readonly targetsDirectory?: string;
  readonly lookbackMs?: number;
  readonly queryTimeoutMs?: number;
  readonly queryMaxSamples?: number;
  readonly queryMaxConcurrency?: number;
  readonly experimentalFunctions?: boolean;
  /** `--rules.alert.resend-delay`; default one minute. */
  readonly resendDelayMs?: number;
  /** Whether `/-/reload` and `/-/quit` are allowed. */
  readonly enableLifecycle?: boolean;
  /** Called by `/-/quit`. */
  readonly onQuit?: () => void;
  /** Flags as `/api/v1/status/flags` shows them. */
  readonly flags?: Readonly<Record<string, string>>;
  readonly ui?: {
    readonly directory: string;
    readonly boot: Omit<UiBoot, 'door' | 'prometheusUrl'>;
    readonly runbooksDirectory?: string;
  };
  readonly clock?: Clock;
}

/** The running prometheus role; `reload` is what SIGHUP and `/-/reload` do. */
export interface RunningPrometheus extends RunningRole {
  /** @throws FileError, after which the configuration from before goes on */
  reload(): Promise<void>;
}

const ROLE = 'prometheus';

/** Starts the prometheus role. @throws StartupError, with nothing left running */
export async function startPrometheus(options: PrometheusOptions): Promise<RunningPrometheus> {
  const { logger } = options;
  const clock = options.clock ?? systemClock;
  const loaded = await loadAll(options.configFile).catch((error: unknown) => {
    if (!(error instanceof FileError)) throw error;
    throw new StartupError(ROLE, error.message, 'choose another file with --config.file or --config-dir');
  });
  const tsdb = await openTsdb(options);
  const registry = new Registry();
  processMetrics(registry);
  buildInfo(registry, options.version);
  tsdbMetrics(registry, tsdb);
  const reloads = reloadMetrics(registry);
  const engine = new Engine({
    defaultSubqueryStepMs: loaded.config.config.global.evaluation_interval,
    ...(options.lookbackMs ? { lookbackMs: options.lookbackMs } : {}),
    ...(options.queryTimeoutMs ? { timeoutMs: options.queryTimeoutMs } : {}),
    ...(options.queryMaxSamples ? { maxSamples: options.queryMaxSamples } : {}),
    ...(options.queryMaxConcurrency ? { maxConcurrency: options.queryMaxConcurrency } : {}),
    experimental: options.experimentalFunctions ?? false,
  });
  const resolvePath = pathResolver(options.configFile, options.targetsDirectory);
  const app = createServer({ bodyLimit: 64 * 1024 * 1024 });
  acceptForms(app);

  const reload = { success: true, time: new Date(clock.now()) };
  let current = loaded.config;
  const facts = {
    version: options.version,
    startTime: new Date(clock.now()),
    directory: options.directory,
    retention: formatDuration(options.retentionMs ?? 15 * 86_400_000),
    flags: options.flags ?? {},
    reload,
  };
  const metrics = scrapeMetrics(registry);
  const scrapes = new ScrapeManager({ tsdb, clock, logger, metrics, resolvePath });
  let externalUrl = options.externalUrl ?? '';
  const notifier = new Notifier({ logger, registry, resolvePath });
  const query = vectorQuery(engine, tsdb);
  const rules = new RuleManager(
    {
      tsdb,
      clock,
      logger,
      query,
      resendDelayMs: options.resendDelayMs ?? 60_000,
      notify: (alerts, validUntil, expression) =>
        notifier.send(alerts, validUntil, `${externalUrl}/graph?g0.expr=${encodeURIComponent(expression)}&g0.tab=1`),
      ...ruleMetrics(registry),
    },
    () => externalUrl,
  );

  const apply = async ({ config, ruleFiles }: LoadedFiles): Promise<void> => {
    notifier.apply(config);
    await scrapes.apply(config);
    await rules.apply(config, ruleFiles);
    current = config;
    reload.success = true;
    reload.time = new Date(clock.now());
    reloads.reloaded(true);
  };
  let stopping: Promise<void> | undefined;
  const reloadOnce = async (): Promise<void> => {
    if (stopping) throw new Error('the server is stopping');
    try {
      await apply(await loadAll(options.configFile));
      logger.info('Completed loading of configuration file', { filename: options.configFile });
    } catch (error) {
      reload.success = false;
      reloads.reloaded(false);
      logger.error('Reloading the configuration failed; the one from before goes on', { error });
      throw error;
    }
  };

  /** One reload after the other: two at once would both replace what runs, and leave some of it running for ever. */
  let turn: Promise<void> = Promise.resolve();
  const reloadNow = (): Promise<void> => {
    const done = turn.then(reloadOnce);
    turn = done.catch(() => {});
    return done;
  };

  serveMetrics(app, registry);
  await app.register(
    (api) => apiV1(api, { engine, tsdb, clock, scrapes, rules, notifier, facts, configYaml: () => current.maskedYaml }),
    { prefix: '/api/v1' },
  );
  lifecycle(app, { enabled: options.enableLifecycle ?? false, reload: reloadNow, quit: options.onQuit });
  if (options.ui) {
    const { boot, ...files } = options.ui;
    await serveUi(app, {
      ...files,
      boot: () => ({ ...boot, door: 'prometheus', prometheusUrl: '' }),
      isApi: (path) => path.startsWith('/api/') || path.startsWith('/-/'),
    });
  }

  let address: Awaited<ReturnType<typeof listen>>;
  try {
    address = await listen(app, ROLE, options.listen);
  } catch (error) {
    await tsdb.close();
    throw error;
  }
  if (externalUrl === '') externalUrl = address.url;
  logger.info('Listening on', { address: `${address.host}:${address.port}` });
  await apply(loaded);

  const stop = async (): Promise<void> => {
    await turn;
    notifier.stop();
    await Promise.all([scrapes.stop(), rules.stop()]);
    await app.close();
    await tsdb.close();
  };
  return {
    name: ROLE,
    url: address.url,
    reload: reloadNow,
    stop: () => {
      stopping ??= stop();
      return stopping;
    },
  };
}

interface LoadedFiles {
  readonly config: LoadedConfig;
  readonly ruleFiles: readonly LoadedRuleFile[];
}

/** Everything that a start or reload reads, before anything changes. @throws FileError */
async function loadAll(file: string): Promise<LoadedFiles> {
  const config = await loadConfig(file);
  return { config, ruleFiles: await loadRuleFiles(config) };
}

async function openTsdb({ directory, retentionMs, logger }: PrometheusOptions): Promise<Tsdb> {
  try {
    mkdirSync(directory, { recursive: true });
    return await Tsdb.open({ directory, logger, ...(retentionMs ? { retentionMs } : {}) });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const told = error instanceof DirectoryLocked || error instanceof UnsupportedWal;
    if (!told && code === undefined) throw error;
    const hint = 'choose another directory with --storage.tsdb.path or --data-dir';
    const reason = told ? error.message : `cannot write to ${directory}: ${code}`;
    throw new StartupError(ROLE, reason, hint, { cause: error });
  }
}

function vectorQuery(engine: Engine, tsdb: Tsdb): QueryVector {
  return async (expression, time, signal) => {
    const result = await engine.instant(tsdb, expression, time, { signal });
    if (result.type === 'vector') return result.samples;
    if (result.type === 'scalar') return [{ labels: Labels.EMPTY, value: result.value }];
    throw new Error('rule result is not a vector or scalar');
  };
}

interface LifecycleOptions {
  readonly enabled: boolean;
  readonly reload: () => Promise<void>;
  readonly quit: (() => void) | undefined;
}

function lifecycle(app: FastifyInstance, { enabled, reload, quit }: LifecycleOptions): void {
  const text = (reply: FastifyReply, code: number, body: string) => reply.code(code).type('text/plain').send(body);
  app.get('/-/healthy', (_request, reply) => text(reply, 200, 'Prometheus Server is Healthy.\n'));
  app.get('/-/ready', (_request, reply) => text(reply, 200, 'Prometheus Server is Ready.\n'));
  for (const method of ['POST', 'PUT'] as const) {
    app.route({
      method,
      url: '/-/reload',
      handler: async (_request, reply) => {
        if (!enabled) return text(reply, 403, 'Lifecycle API is not enabled.');
        try {
          await reload();
          return text(reply, 200, '');
        } catch (error) {
          return text(reply, 500, `failed to reload config: ${(error as Error).message}\n`);
        }
      },
    });
    app.route({
      method,
      url: '/-/quit',
      handler: async (_request, reply) => {
        if (!enabled || !quit) return text(reply, 403, 'Lifecycle API is not enabled.');
        setImmediate(quit);
        return text(reply, 200, 'Requesting termination... Goodbye!');
      },
    });
  }
}
