import { escapeQuery } from '@avalanche/gotemplate';
import { type Clock, formatBytes, formatDuration, Labels, type Logger, systemClock } from '@avalanche/model';
import { type Dialect, Engine, type QueryObserver } from '@avalanche/promql';
import { DirectoryLocked, NewerFormat, Tsdb, type TsdbOptions, WalCorruption, WalGap } from '@avalanche/tsdb';
import {
  acceptForms,
  CorsOrigin,
  compressAnswers,
  createServer,
  type ListenAddress,
  listen,
  listenAlso,
  makeDirectory,
  processMetrics,
  type RunningRole,
  StartupError,
  serveMetrics,
  serveUi,
  type UiBoot,
  WebConfig,
  type WebOptions,
} from '@avalanche/web';
import { FileError } from '@avalanche/yamlfile';
import type { FastifyInstance } from 'fastify';
import { Registry } from 'prom-client';
import { type ApiContext, apiV1 } from './api/v1.ts';
import type { PrometheusConfig } from './config/schema.ts';
import { pathResolver } from './discovery/discovery.ts';
import { discoveryMetrics } from './discovery/metrics.ts';
import { lifecycle } from './lifecycle.ts';
import { Notifier } from './notifier/notifier.ts';
import type { SendOptions } from './notifier/send-loop.ts';
import { ActiveQueries } from './query/active-queries.ts';
import { QueryMetrics, registerQueryMetrics } from './query/metrics.ts';
import { QueryLog } from './query/query-log.ts';
import { type LoadedFiles, loadFiles, Reloader } from './reloader.ts';
import { EvaluationSlots } from './rules/dependencies.ts';
import { RuleManager } from './rules/manager.ts';
import { ruleMetrics, templateMetrics } from './rules/metrics.ts';
import { DEFAULT_RESTORE, type RestoreOptions } from './rules/restore.ts';
import type { QueryVector } from './rules/rule.ts';
import type { ScrapeContext } from './scrape/loop.ts';
import { ScrapeManager } from './scrape/manager.ts';
import { ScrapeMetrics } from './scrape/metrics.ts';
import { buildInfo, reloadMetrics } from './self-metrics.ts';
import { tsdbMetrics } from './tsdb-metrics.ts';
import { WarmUp } from './warm-up.ts';

export interface PrometheusOptions {
  readonly configFile: string;
  /** The TSDB directory (`--storage.tsdb.path`). */
  readonly directory: string;
  readonly listen: ListenAddress;
  readonly logger: Logger;
  readonly version: string;
  /** How the database is kept; its directory and logger are set here. */
  readonly storage?: Omit<TsdbOptions, 'directory' | 'logger' | 'outOfOrderWindowMs' | 'maxExemplars'>;
  /** The `--web.*` flags that say how it is served. */
  readonly web?: {
    /** Further addresses beside `listen`. */
    readonly listenAlso?: readonly ListenAddress[];
    /** `--web.config.file`: TLS, users, headers. */
    readonly configFile?: string;
    /** An anchored expression: pages of which origins may read answers. */
    readonly corsOrigin?: string;
  } & Pick<WebOptions, 'routePrefix' | 'maxConnections' | 'readTimeoutMs'>;
  /** Whether `/api/v1/admin/tsdb/…` is served. */
  readonly enableAdminApi?: boolean;
  /** URL under which people reach this server; for links in alerts. Default: the address it listens on. */
  readonly externalUrl?: string;
  /** Where relative `targets/…` paths of `file_sd_configs` are looked up instead of beside the configuration. */
  readonly targetsDirectory?: string;
  /** How often the files of the configuration are looked at for changes; default never. */
  readonly autoReloadMs?: number;
  readonly lookbackMs?: number;
  readonly queryTimeoutMs?: number;
  readonly queryMaxSamples?: number;
  readonly queryMaxConcurrency?: number;
  readonly features?: QueryFeatures;
  /** Features of scraping, and how near to its slot a scrape is taken for on time. */
  readonly scraping?: Pick<ScrapeContext, 'features' | 'adjustTimestamps' | 'timestampToleranceMs'>;
  /** `--rules.alert.resend-delay`; default one minute. */
  readonly resendDelayMs?: number;
  /** `--rules.alert.for-grace-period` and `…for-outage-tolerance`. */
  readonly ruleRestore?: Partial<RestoreOptions>;
  /** `--alertmanager.notification-…` and `…drain-notification-queue-on-shutdown`. */
  readonly sending?: Partial<SendOptions>;
  /** How many rules that do not need each other may be evaluated side by side; without it, none are. */
  readonly concurrentRules?: number;
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
  /** Whether to have the code of queries compiled soon after the start. */
  readonly warmUp?: boolean;
}

/** What `--enable-feature` switches on of queries; upstream's names without `promql-`. */
export interface QueryFeatures {
  readonly experimentalFunctions?: boolean;
  readonly extendedRangeSelectors?: boolean;
  readonly fillModifiers?: boolean;
  readonly delayedNameRemoval?: boolean;
  /** `stats=all` counts samples by step. */
  readonly perStepStats?: boolean;
  readonly typeAndUnitLabels?: boolean;
}

/** The running prometheus role; `reload` is what SIGHUP and `/-/reload` do. */
export interface RunningPrometheus extends RunningRole {
  /** @throws FileError, after which the configuration from before goes on */
  reload(): Promise<void>;
}

const ROLE = 'prometheus';
/** As upstream ends where it cannot use its configuration. */
const EXIT_BAD_CONFIG = 2;

/** Reads every file of the configuration. @throws FileError */
function loadAll(options: PrometheusOptions): Promise<LoadedFiles> {
  const { configFile, targetsDirectory, logger } = options;
  return loadFiles(configFile, dialectOf(options), { targetsDirectory, logger });
}

/** Starts the prometheus role. @throws StartupError, with nothing left running */
export async function startPrometheus(options: PrometheusOptions): Promise<RunningPrometheus> {
  const files = await loadAll(options).catch((error: unknown) => {
    if (!(error instanceof FileError)) throw error;
    const hint = 'choose another file with --config.file or --config-dir';
    throw new StartupError(ROLE, error.message, hint, { exitCode: EXIT_BAD_CONFIG });
  });
  const webConfig = openWebConfig(options);
  const tsdb = await openTsdb(options, files.config.config);
  const queries = await startQueryLogs(options, tsdb);
  const app = createServer({ bodyLimit: 64 * 1024 * 1024 }, { ...options.web, config: webConfig });
  const server = new PrometheusServer(options, files, tsdb, queries);
  try {
    await server.serve(app);
    const { url, host, port } = await listen(app, ROLE, options.listen);
    options.logger.info('Listening on', { address: `${host}:${port}` });
    for (const address of options.web?.listenAlso ?? []) {
      const more = await listenAlso(app, ROLE, address);
      options.logger.info('Listening on', { address: `${more.host}:${more.port}` });
    }
    await server.start(files, url);
    let stopping: Promise<void> | undefined;
    const stop = () => {
      stopping ??= server.stop(app);
      return stopping;
    };
    return { name: ROLE, url, reload: () => server.reloader.reload(), stop };
  } catch (error) {
    await server.stop(app);
    throw error;
  }
}

/** @throws StartupError where the file of `--web.config.file` cannot be used */
function openWebConfig({ web, logger }: PrometheusOptions): WebConfig | undefined {
  if (!web?.configFile) return undefined;
  try {
    return new WebConfig(web.configFile, logger);
  } catch (error) {
    throw new StartupError(ROLE, (error as Error).message, 'choose another file with --web.config.file');
  }
}

/** The parts of the role and how they hang together. */
class PrometheusServer {
  readonly reloader: Reloader;
  private readonly registry = new Registry();
  private readonly engine: Engine;
  private readonly scrapes: ScrapeManager;
  private readonly rules: RuleManager;
  private readonly notifier: Notifier;
  private readonly clock: Clock;
  private readonly startTime: Date;
  private externalUrl: string;
  private listenUrl = '';
  private warmUp: WarmUp | undefined;

  constructor(
    private readonly options: PrometheusOptions,
    files: LoadedFiles,
    private readonly tsdb: Tsdb,
    private readonly queries: QueryLogs,
  ) {
    const { logger, configFile } = options;
    const { registry } = this;
    const clock = options.clock ?? systemClock;
    this.clock = clock;
    this.startTime = new Date(clock.now());
    this.externalUrl = options.externalUrl ?? '';
    processMetrics(registry);
    buildInfo(registry, options.version);
    tsdbMetrics(registry, tsdb);
    const queryMetrics = new QueryMetrics();
    this.engine = makeEngine(options, {
      started: (text) => queries.active.insert(text),
      ended: (report) => {
        queryMetrics.observe(report);
        queries.log.write(report);
      },
    });
    registerQueryMetrics(registry, this.engine, queryMetrics, queries.log);
    const resolvePath = pathResolver(configFile, options.targetsDirectory);
    this.scrapes = new ScrapeManager({
      tsdb,
      clock,
      logger,
      metrics: new ScrapeMetrics(registry),
      ...options.scraping,
      resolvePath,
      discoveryMetrics: discoveryMetrics(registry),
    });
    this.notifier = new Notifier({ logger, registry, resolvePath, sending: options.sending ?? {} });
    this.rules = new RuleManager({
      tsdb,
      clock,
      logger,
      query: vectorQuery(this.engine, tsdb),
      resendDelayMs: options.resendDelayMs ?? 60_000,
      notify: (alerts, validUntil, expression) => {
        const query = `g0.expr=${escapeQuery(expression)}&g0.tab=1`;
        this.notifier.send(alerts, validUntil, `${this.externalUrl}/graph?${query}`);
      },
      metrics: ruleMetrics(registry),
      templateMetrics: templateMetrics(registry),
      externalUrl: () => this.externalUrl,
      ...(options.concurrentRules ? { slots: new EvaluationSlots(options.concurrentRules) } : {}),
      restore: { ...DEFAULT_RESTORE, ...options.ruleRestore },
    });
    const metrics = reloadMetrics(registry);
    const apply = (loaded: LoadedFiles) => this.apply(loaded);
    const { autoReloadMs } = options;
    const load = () => loadAll(options);
    this.reloader = new Reloader({ file: configFile, load, autoReloadMs, clock, logger, metrics, apply }, files.config);
  }

  /** Adds every route. */
  async serve(app: FastifyInstance): Promise<void> {
    const { options, engine, tsdb, clock, scrapes, rules, notifier, reloader } = this;
    acceptForms(app);
    compressAnswers(app);
    serveMetrics(app, this.registry);
    const facts = {
      version: options.version,
      startTime: this.startTime,
      directory: options.directory,
      get retention() {
        return describeRetention(tsdb.retention);
      },
      flags: options.flags ?? {},
      reload: reloader.status,
    };
    const configYaml = () => reloader.config.maskedYaml;
    const adminEnabled = options.enableAdminApi ?? false;
    const cors = new CorsOrigin(options.web?.corsOrigin);
    const perStepStats = options.features?.perStepStats ?? false;
    const context = {
      engine,
      perStepStats,
      tsdb,
      clock,
      scrapes,
      rules,
      notifier,
      facts,
      configYaml,
      ownAddress: () => ({ external: new URL(this.externalUrl), port: new URL(this.listenUrl).port }),
      adminEnabled,
      cors,
    };
    await app.register((api) => apiV1(api, context), { prefix: '/api/v1' });
    if (options.warmUp) this.warmUp = new WarmUp(tsdb, () => unobservedApi(options, context), options.logger);
    const enabled = options.enableLifecycle ?? false;
    lifecycle(app, { enabled, reload: () => reloader.reload(), quit: options.onQuit });
    if (!options.ui) return;
    const { boot, ...files } = options.ui;
    await serveUi(app, {
      ...files,
      boot: () => ({ ...boot, door: 'prometheus', prometheusUrl: '' }),
      isApi: (path) => path.startsWith('/api/') || path.startsWith('/-/'),
    });
  }

  /** Begins to scrape and evaluate; `url` is what links in alerts begin with where no external URL is given. */
  async start(files: LoadedFiles, url: string): Promise<void> {
    this.listenUrl = url;
    if (this.externalUrl === '') this.externalUrl = url;
    await this.reloader.start(files);
    this.warmUp?.start();
  }

  async stop(app: FastifyInstance): Promise<void> {
    await this.warmUp?.stop();
    await this.reloader.stop();
    await Promise.all([this.scrapes.stop(), this.rules.stop()]);
    await this.notifier.stop(); // after the rules: what they sent last goes out
    await app.close();
    this.queries.log.close();
    this.queries.active.close();
    await this.tsdb.close();
  }

  private async apply({ config, ruleFiles }: LoadedFiles): Promise<void> {
    const { query_log_file: logFile, evaluation_interval: intervalMs } = config.config.global;
    this.queries.log.setFile(logFile);
    this.engine.defaultSubqueryStepMs = intervalMs;
    // One object with what the database deletes blocks by.
    Object.assign(this.tsdb.retention, retentionOf(config.config, this.options));
    for (const section of WITHOUT_EFFECT.filter((key) => config.config[key].length > 0)) {
      this.options.logger.warn('This section of the configuration has no effect yet', { section });
    }
    this.tsdb.exemplars.resize(maxExemplarsOf(this.options, config.config));
    await this.tsdb.setOutOfOrderWindow(config.config.storage.tsdb.out_of_order_time_window);
    this.notifier.apply(config);
    await this.scrapes.apply(config);
    await this.rules.apply(config, ruleFiles);
  }
}

/** Upstream's default of `--storage.tsdb.retention.time`. */
const RETENTION_MS = 15 * 86_400_000;
/** Upstream's default of `--query.max-concurrency`. */
const CONCURRENCY = 20;

/** The parts of the language that are on. */
function dialectOf({ features = {} }: PrometheusOptions): Dialect {
  return {
    experimental: features.experimentalFunctions ?? false,
    extendedRangeSelectors: features.extendedRangeSelectors ?? false,
    fillModifiers: features.fillModifiers ?? false,
  };
}

/** The API in an app of its own, whose queries show in no log and no metric. */
async function unobservedApi(options: PrometheusOptions, context: ApiContext): Promise<FastifyInstance> {
  const app = createServer();
  acceptForms(app);
  await app.register((api) => apiV1(api, { ...context, engine: makeEngine(options) }), { prefix: '/api/v1' });
  return app;
}

function makeEngine(options: PrometheusOptions, observer?: QueryObserver): Engine {
  const { features = {} } = options;
  return new Engine({
    ...(observer ? { observer } : {}),
    ...(options.lookbackMs ? { lookbackMs: options.lookbackMs } : {}),
    ...(options.queryTimeoutMs === undefined ? {} : { timeoutMs: options.queryTimeoutMs }),
    ...(options.queryMaxSamples === undefined ? {} : { maxSamples: options.queryMaxSamples }),
    maxConcurrency: options.queryMaxConcurrency ?? CONCURRENCY,
    ...dialectOf(options),
    delayedNameRemoval: features.delayedNameRemoval ?? false,
    typeAndUnitLabels: features.typeAndUnitLabels ?? false,
  });
}

interface QueryLogs {
  readonly active: ActiveQueries;
  readonly log: QueryLog;
}

/** Tells which queries the last run left behind. The directory is ours alone by now, being locked. */
async function startQueryLogs({ directory, logger, queryMaxConcurrency }: PrometheusOptions, tsdb: Tsdb) {
  try {
    const component = logger.child({ component: 'activeQueryTracker' });
    const active = ActiveQueries.open(directory, queryMaxConcurrency ?? CONCURRENCY, component);
    return { active, log: new QueryLog(logger.child({ component: 'query engine' })) };
  } catch (error) {
    await tsdb.close();
    throw new StartupError(ROLE, `failed to initialize active query tracker: ${(error as Error).message}`);
  }
}

/** None without the feature that switches them on. */
function maxExemplarsOf({ scraping }: PrometheusOptions, { storage }: PrometheusConfig): number {
  return scraping?.features?.exemplars ? storage.exemplars.max_exemplars : 0;
}

async function openTsdb(options: PrometheusOptions, config: PrometheusConfig): Promise<Tsdb> {
  const { directory, logger } = options;
  try {
    makeDirectory(directory);
    const outOfOrderWindowMs = config.storage.tsdb.out_of_order_time_window;
    const maxExemplars = maxExemplarsOf(options, config);
    return await Tsdb.open({ ...options.storage, directory, logger, outOfOrderWindowMs, maxExemplars });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const told = [DirectoryLocked, NewerFormat, WalCorruption, WalGap].some((kind) => error instanceof kind);
    if (!told && code === undefined) throw error;
    const hint = 'choose another directory with --storage.tsdb.path or --data-dir';
    const reason = told ? (error as Error).message : `cannot write to ${directory}: ${code}`;
    throw new StartupError(ROLE, reason, hint, { cause: error });
  }
}

/** Sections that are checked, and that nothing stands behind. */
const WITHOUT_EFFECT = ['remote_write', 'remote_read'] as const;

/** What `storage.tsdb.retention` says of time and size holds; where it says neither, the flags do. */
function retentionOf({ storage }: PrometheusConfig, options: PrometheusOptions): Tsdb['retention'] {
  const { time = 0, size = 0 } = storage.tsdb.retention ?? {};
  if (time > 0 || size > 0) return { timeMs: time, bytes: size };
  return { timeMs: options.storage?.retentionMs ?? RETENTION_MS, bytes: options.storage?.retentionBytes ?? 0 };
}

/** As `/api/v1/status/runtimeinfo` shows it. */
function describeRetention({ timeMs, bytes }: Tsdb['retention']): string {
  const parts = [...(timeMs > 0 ? [formatDuration(timeMs)] : []), ...(bytes > 0 ? [formatBytes(bytes)] : [])];
  return parts.join(' or ');
}

function vectorQuery(engine: Engine, tsdb: Tsdb): QueryVector {
  return async (expression, time, signal, origin = {}) => {
    const result = await engine.instant(tsdb, expression, time, { signal, origin });
    if (result.type === 'vector') return result.samples;
    if (result.type === 'scalar') return [{ labels: Labels.EMPTY, value: result.value, histogram: null }];
    throw new Error('rule result is not a vector or scalar');
  };
}
