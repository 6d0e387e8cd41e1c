import { hostname } from 'node:os';
import { escapeQuery } from '@avalanche/gotemplate';
import { type Clock, systemClock } from '@avalanche/model';
import type { Engine } from '@avalanche/promql';
import type { Tsdb } from '@avalanche/tsdb';
import {
  acceptForms,
  answerDirectly,
  buildInfo,
  CorsOrigin,
  compressAnswers,
  createServer,
  DirectRoutes,
  listen,
  listenAlso,
  processMetrics,
  type RunningRole,
  StartupError,
  serveDirectory,
  serveUi,
  WebConfig,
} from '@avalanche/web';
import { FileError } from '@avalanche/yamlfile';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { Registry } from 'prom-client';
import { type ApiContext, apiV1 } from './api/v1.ts';
import { checkTlsFiles } from './config/tls-files.ts';
import { Consoles } from './consoles.ts';
import { pathResolver } from './discovery/discovery.ts';
import { discoveryMetrics } from './discovery/metrics.ts';
import { featuresResponse } from './features.ts';
import { RequestMetrics } from './http-metrics.ts';
import { Notifications, RELOAD_FAILED, STARTING, STOPPING } from './notifications/notifications.ts';
import { Notifier } from './notifier/notifier.ts';
import { LOOKBACK_MS, type PrometheusOptions, ROLE } from './options.ts';
import { OtlpReceiver } from './otlp/route.ts';
import { rootPages } from './pages.ts';
import { dialectOf, makeEngine, type QueryLogs, startQueryLogs, vectorQuery } from './query/engine.ts';
import { QueryMetrics, registerQueryMetrics } from './query/metrics.ts';
import { Readiness } from './readiness.ts';
import { type LoadedFiles, loadFiles, Reloader } from './reloader.ts';
import { WRITE_MESSAGES } from './remote/proto/messages.ts';
import { ReadClientMetrics } from './remote/read/client.ts';
import { Fanout } from './remote/read/fanout.ts';
import { READ_LIMITS, RemoteRead } from './remote/read/route.ts';
import { ReceiveMetrics } from './remote/receive/metrics.ts';
import { type ReceiverOptions, remoteWriteReceiver } from './remote/receive/route.ts';
import { RemoteWrite } from './remote/write/remote-write.ts';
import { plainText } from './routes.ts';
import { EvaluationSlots } from './rules/dependencies.ts';
import { RuleManager } from './rules/manager.ts';
import { ruleMetrics, templateMetrics } from './rules/metrics.ts';
import { DEFAULT_RESTORE } from './rules/restore.ts';
import { ScrapeManager } from './scrape/manager.ts';
import { ScrapeMetrics } from './scrape/metrics.ts';
import { reloadMetrics } from './self-metrics.ts';
import { describeRetention, maxExemplarsOf, openTsdb, retentionOf, walReplayOf } from './storage.ts';
import { tsdbMetrics } from './tsdb-metrics.ts';
import { whileWaiting } from './waiting-room.ts';
import { WarmUp } from './warm-up.ts';

/** The running prometheus role; `reload` is what SIGHUP and `/-/reload` do. */
export interface RunningPrometheus extends RunningRole {
  /** @throws FileError, after which the configuration from before goes on */
  reload(): Promise<void>;
}

/** Upstream's default of `--storage.remote.flush-deadline`. */
const FLUSH_DEADLINE_MS = 60_000;
/** As upstream ends where it cannot use its configuration. */
const EXIT_BAD_CONFIG = 2;

/** Reads every file of the configuration. @throws FileError */
function loadAll(options: PrometheusOptions): Promise<LoadedFiles> {
  const { configFile, targetsDirectory, logger, scraping } = options;
  // As upstream: most clients say only there when their counters began.
  const protobufFirst = scraping?.features?.startTimeZeros === true || scraping?.features?.startTimes === true;
  return loadFiles(configFile, dialectOf(options), { targetsDirectory, logger, protobufFirst });
}

/** Starts the prometheus role. @throws StartupError, with nothing left running */
export async function startPrometheus(options: PrometheusOptions): Promise<RunningPrometheus> {
  const files = await loadAll(options).catch((error: unknown) => {
    if (!(error instanceof FileError)) throw error;
    const hint = 'choose another file with --config.file or --config-dir';
    throw new StartupError(ROLE, error.message, hint, { exitCode: EXIT_BAD_CONFIG });
  });
  checkTlsAtStart(files);
  const webConfig = openWebConfig(options);
  const room = { listen: options.listen, web: { ...options.web, config: webConfig } };
  const tsdb = await whileWaiting(room, openTsdb(options, files.config.config));
  const queries = await startQueryLogs(options, tsdb);
  const app = createServer({ bodyLimit: 64 * 1024 * 1024 }, { ...options.web, config: webConfig });
  const server = new PrometheusServer(options, files, tsdb, queries);
  try {
    await server.serve(app);
    const { url, host, port } = await listen(app, ROLE, options.listen);
    options.logger.info('Listening on', { address: shownAddress(host, port) });
    for (const address of options.web?.listenAlso ?? []) {
      const more = await listenAlso(app, ROLE, address);
      options.logger.info('Listening on', { address: shownAddress(more.host, more.port) });
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

/** @throws StartupError with upstream's exit code, which is not that of a file that cannot be used */
function checkTlsAtStart({ config }: LoadedFiles): void {
  try {
    checkTlsFiles(config);
  } catch (error) {
    throw new StartupError(ROLE, (error as Error).message, 'the certificates and keys that the configuration names');
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

/** As Go writes an address: that of IPv6 in brackets. */
function shownAddress(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The parts of the role and how they hang together. */
class PrometheusServer {
  readonly reloader: Reloader;
  private readonly registry = new Registry();
  private readonly discoveryMetrics = discoveryMetrics(this.registry);
  private readonly engine: Engine;
  private readonly storage: Fanout;
  private readonly scrapes: ScrapeManager;
  private readonly rules: RuleManager;
  private readonly remoteWrite: RemoteWrite;
  private readonly notifier: Notifier;
  private readonly clock: Clock;
  private readonly readiness: Readiness;
  private readonly notifications: Notifications;
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
    buildInfo(registry, ROLE, options.version);
    this.readiness = new Readiness(registry);
    this.notifications = new Notifications(clock, registry, options.web?.notificationListenersMax);
    this.notifications.add(STARTING);
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
    this.storage = new Fanout(tsdb, new ReadClientMetrics(registry), options.version, clock);
    const resolvePath = pathResolver(configFile, options.targetsDirectory);
    this.scrapes = new ScrapeManager({
      tsdb,
      clock,
      logger,
      metrics: new ScrapeMetrics(registry),
      ...options.scraping,
      features: {
        ...options.scraping?.features,
        typeAndUnitLabels: options.features?.typeAndUnitLabels ?? false,
      },
      resolvePath,
      discoveryMetrics: this.discoveryMetrics,
    });
    this.remoteWrite = new RemoteWrite({
      directory: options.directory,
      tsdb,
      metadata: () => this.scrapes.jobs.flatMap(({ loops }) => loops.map(({ metadata }) => metadata)),
      registry,
      logger,
      version: options.version,
      flushDeadlineMs: options.remoteWrite?.flushDeadlineMs ?? FLUSH_DEADLINE_MS,
    });
    this.notifier = new Notifier({
      logger,
      registry,
      resolvePath,
      discoveryMetrics: this.discoveryMetrics,
      sending: options.sending ?? {},
    });
    this.rules = new RuleManager({
      tsdb,
      clock,
      logger,
      query: vectorQuery(this.engine, this.storage),
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
    const gauges = reloadMetrics(registry);
    const metrics = {
      reloaded: (ok: boolean) => {
        gauges.reloaded(ok);
        if (ok) this.notifications.remove(RELOAD_FAILED);
        else this.notifications.add(RELOAD_FAILED);
      },
    };
    const apply = (loaded: LoadedFiles) => this.apply(loaded);
    const { autoReloadMs } = options;
    const load = async () => {
      const loaded = await loadAll(options);
      checkTlsFiles(loaded.config, this.reloader.config);
      return loaded;
    };
    this.reloader = new Reloader({ file: configFile, load, autoReloadMs, clock, logger, metrics, apply }, files.config);
  }

  /** Adds every route. */
  async serve(app: FastifyInstance): Promise<void> {
    const { options, engine, tsdb, clock, scrapes, rules, notifier, reloader, registry, readiness } = this;
    acceptForms(app);
    compressAnswers(app);
    const requests = new RequestMetrics(registry);
    requests.observe(app);
    const direct = this.directRoutes(app, requests);
    const facts = {
      version: options.version,
      startTime: this.startTime,
      directory: options.directory,
      get retention() {
        return describeRetention(tsdb.retention);
      },
      flags: options.flags ?? {},
      reload: reloader.status,
      walReplay: walReplayOf(tsdb),
    };
    const configYaml = () => reloader.config.maskedYaml;
    const adminEnabled = options.enableAdminApi ?? false;
    const cors = new CorsOrigin(options.web?.corsOrigin);
    const perStepStats = options.features?.perStepStats ?? false;
    const context = {
      engine,
      perStepStats,
      storage: this.storage,
      tsdb,
      clock,
      scrapes,
      rules,
      notifier,
      facts,
      configYaml,
      ownAddress: () => ({ external: new URL(this.externalUrl, this.listenUrl), port: new URL(this.listenUrl).port }),
      adminEnabled,
      search: options.web?.search ?? { enabled: false, limitMax: 0 },
      cors,
      readiness,
      registry,
      notifications: this.notifications,
      direct,
      features: () => featuresResponse(options),
    };
    await app.register((api) => apiV1(api, context), { prefix: '/api/v1' });
    const refuse = (reply: FastifyReply) => (readiness.isReady ? null : readiness.refuse(reply));
    const externalLabels = () => reloader.config.config.global.external_labels;
    const limits = { ...READ_LIMITS, ...options.remoteRead };
    const remoteRead = new RemoteRead({ tsdb, limits, externalLabels, registry, refuse });
    await app.register(async (api) => remoteRead.serve(api), { prefix: '/api/v1' });
    const otlp = this.otlpReceiver(refuse);
    await app.register(async (api) => otlp.serve(api), { prefix: '/api/v1' });
    const received = this.receiverOptions(refuse);
    await app.register(async (api) => remoteWriteReceiver(api, received), { prefix: '/api/v1' });
    if (options.warmUp) this.warmUp = new WarmUp(tsdb, () => unobservedApi(options, context), options.logger);
    const consoles = new Consoles({
      templates: options.web?.consoleTemplates ?? 'consoles',
      libraries: options.web?.consoleLibraries ?? 'console_libraries',
      query: vectorQuery(engine, this.storage),
      clock,
      externalUrl: () => this.externalUrl,
      externalLabels,
    });
    rootPages(app, { options, readiness, registry, tsdb, clock, facts, reloader, consoles });
    if (options.web?.userAssets) await serveDirectory(app, options.web.userAssets, '/user/');
    if (!options.ui) {
      app.setNotFoundHandler(async (_request, reply) => plainText(reply, 404, '404 page not found\n'));
      return;
    }
    const { boot, ...files } = options.ui;
    await serveUi(app, {
      ...files,
      title: options.web?.pageTitle,
      boot: () => ({ ...boot, door: 'prometheus', prometheusUrl: '' }),
      isApi: (path) => path.startsWith('/api/') || path.startsWith('/-/'),
    });
  }

  /** Where each request is looked at by hooks of `--web.config.file`, or loses a prefix, nothing goes past them. */
  private directRoutes(app: FastifyInstance, requests: RequestMetrics): DirectRoutes | undefined {
    const { configFile, routePrefix = '' } = this.options.web ?? {};
    if (configFile || routePrefix.replaceAll('/', '') !== '') return undefined;
    const routes = new DirectRoutes({
      isReady: () => this.readiness.isReady,
      served: (served) => requests.served(served),
    });
    answerDirectly(app, routes);
    return routes;
  }

  private otlpReceiver(refuse: (reply: FastifyReply) => FastifyReply | null): OtlpReceiver {
    const { options, tsdb, registry, reloader, clock } = this;
    const { features = {} } = options.scraping ?? {};
    return new OtlpReceiver({
      tsdb,
      registry,
      refuse,
      logger: options.logger.child({ component: 'otlp' }),
      enabled: options.web?.enableOtlpReceiver ?? false,
      config: () => reloader.config.config.otlp,
      now: () => clock.now(),
      startTimeZeros: features.startTimeZeros ?? false,
      startTimes: features.startTimes ?? false,
      metadataRecords: features.metadataRecords ?? false,
      lookbackMs: options.lookbackMs ?? LOOKBACK_MS,
      typeAndUnitLabels: options.features?.typeAndUnitLabels ?? false,
    });
  }

  /** Begins to scrape and evaluate; `url` is what links in alerts begin with where no external URL is given. */
  async start(files: LoadedFiles, url: string): Promise<void> {
    this.listenUrl = url;
    if (this.externalUrl === '') this.externalUrl = this.reachableUrl(url);
    await this.reloader.start(files);
    this.readiness.started();
    this.notifications.remove(STARTING);
    this.warmUp?.start();
  }

  async stop(app: FastifyInstance): Promise<void> {
    this.readiness.stopping();
    this.notifications.add(STOPPING);
    await this.warmUp?.stop();
    await this.reloader.stop();
    await Promise.all([this.scrapes.stop(), this.rules.stop()]);
    await this.notifier.stop(); // after the rules: what they sent last goes out
    await this.remoteWrite.stop();
    await app.close();
    this.queries.log.close();
    this.queries.active.close();
    this.storage.close();
    await this.tsdb.close();
  }

  private receiverOptions(refuse: ReceiverOptions['refuse']): ReceiverOptions {
    const { tsdb, clock, registry, options } = this;
    const { receiver = false, acceptedMessages: accepted = WRITE_MESSAGES } = options.remoteWrite ?? {};
    const metrics = new ReceiveMetrics();
    if (receiver) metrics.register(registry);
    const logger = options.logger.child({ component: 'web' });
    const features = { ...options.scraping?.features, typeAndUnitLabels: options.features?.typeAndUnitLabels ?? false };
    return { tsdb, logger, features, now: () => clock.now(), enabled: receiver, accepted, metrics, refuse };
  }

  /** Others can reach what listens everywhere by the name of the machine, which is upstream's default. */
  private reachableUrl(url: string): string {
    const isEverywhere = ['0.0.0.0', '::'].includes(this.options.listen.host);
    return isEverywhere ? url.replace(/\/\/[^/]*?(?=:\d+$)/, `//${hostname()}`) : url;
  }

  private async apply({ config, ruleFiles }: LoadedFiles): Promise<void> {
    const { query_log_file: logFile, evaluation_interval: intervalMs } = config.config.global;
    this.queries.log.setFile(logFile);
    this.engine.defaultSubqueryStepMs = intervalMs;
    this.tsdb.setRetention(retentionOf(config.config, this.options));
    this.storage.apply(config.config);
    await this.remoteWrite.apply(config.config); // before anything is scraped, so that all of it is sent
    this.tsdb.exemplars.resize(maxExemplarsOf(this.options, config.config));
    await this.tsdb.setOutOfOrderWindow(config.config.storage.tsdb.out_of_order_time_window);
    this.notifier.apply(config);
    await this.scrapes.apply(config);
    await this.rules.apply(config, ruleFiles);
  }
}

/** The API in an app of its own, whose queries show in no log and no metric. */
async function unobservedApi(options: PrometheusOptions, context: ApiContext): Promise<FastifyInstance> {
  const app = createServer();
  const direct = new DirectRoutes({ isReady: () => true, served: () => {} });
  answerDirectly(app, direct);
  acceptForms(app);
  await app.register((api) => apiV1(api, { ...context, engine: makeEngine(options), direct }), {
    prefix: '/api/v1',
  });
  return app;
}
