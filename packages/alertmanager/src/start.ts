import { accessSync, constants } from 'node:fs';
import { type Clock, type Logger, systemClock } from '@avalanche/model';
import {
  buildInfo,
  createServer,
  type ListenAddress,
  listen,
  makeDirectory,
  processMetrics,
  type RunningRole,
  StartupError,
  serveMetrics,
  serveUi,
  type UiBoot,
  type WebOptions,
} from '@avalanche/web';
import { FileError } from '@avalanche/yamlfile';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { Registry } from 'prom-client';
import {
  Alertmanager,
  type AlertmanagerFeatures,
  type AlertmanagerLimits,
  type AlertmanagerParts,
} from './alertmanager.ts';
import { apiV2 } from './api/v2.ts';
import { type ClusterOptions, onlyPeer } from './cluster.ts';
import { type LoadedAlertmanagerConfig, loadAlertmanagerConfig } from './config/load.ts';
import { type MatcherMode, setMatcherMode } from './matcher/parse.ts';
import { measureRequests } from './metrics/http.ts';

export interface AlertmanagerOptions {
  readonly configFile: string;
  /** Where silences and the notification log are kept (`--storage.path`). */
  readonly directory: string;
  readonly listen: ListenAddress;
  readonly web?: WebOptions | undefined;
  readonly logger: Logger;
  readonly version: string;
  /** URL under which people reach this server; for links in notifications. Default: the address it listens on. */
  readonly externalUrl?: string;
  readonly limits?: Partial<AlertmanagerLimits>;
  readonly features?: AlertmanagerFeatures;
  /** How matchers are read, by this whole process. Default `fallback`. */
  readonly matcherMode?: MatcherMode;
  /** Default: a cluster of one on port 9094. */
  readonly cluster?: ClusterOptions;
  /** Most GET requests that are answered at once. Default 8. */
  readonly getConcurrency?: number;
  readonly clock?: Clock;
  /** Called by `/-/quit`, which is not served without it. */
  readonly onQuit?: () => void;
  /** Flags as the command line had them; shown in the debug log at the start. */
  readonly flags?: Readonly<Record<string, string>>;
  readonly ui?: { readonly directory: string; readonly boot: Omit<UiBoot, 'door'> };
}

/** The running alertmanager role; `reload` is what SIGHUP and `/-/reload` do. */
export interface RunningAlertmanager extends RunningRole {
  /** @throws FileError, after which the configuration from before goes on */
  reload(): Promise<void>;
}

const ROLE = 'alertmanager';
const V1_GONE = `${JSON.stringify({
  status: 'deprecated',
  error:
    'The Alertmanager v1 API was deprecated in version 0.16.0 and is removed as of version 0.27.0 - please use the equivalent route in the v2 API',
})}\n`;
const GET_CONCURRENCY = 8;
const DEFAULT_CLUSTER: ClusterOptions = { listenAddress: '0.0.0.0:9094', advertiseAddress: '', peerName: '' };
const BODY_BYTES_MAX = 16 * 1024 * 1024;

/** Starts the alertmanager role. @throws StartupError, with nothing left running */
export async function startAlertmanager(options: AlertmanagerOptions): Promise<RunningAlertmanager> {
  const { logger, configFile, version } = options;
  const clock = options.clock ?? systemClock;
  setMatcherMode(options.matcherMode ?? 'fallback');
  const cluster = onlyPeer(options.cluster ?? DEFAULT_CLUSTER, clock.now());
  const loaded = await loadAlertmanagerConfig(configFile).catch(startupErrorOfFile);
  const registry = new Registry();
  processMetrics(registry);
  buildInfo(registry, ROLE, version);
  let externalUrl = options.externalUrl?.replace(/\/+$/, '') ?? '';
  // before files are opened, as it refuses a wrong web configuration
  const app = createServer({ bodyLimit: BODY_BYTES_MAX }, options.web);
  const alertmanager = openAlertmanager(options, { clock, registry, cluster, externalUrl: () => externalUrl });

  const reload = async (): Promise<void> => {
    let next: LoadedAlertmanagerConfig;
    try {
      next = await loadAlertmanagerConfig(configFile);
    } catch (error) {
      alertmanager.reloadFailed();
      logger.error('Reloading the configuration failed; the one from before goes on', { error });
      throw error;
    }
    if (!(await alertmanager.apply(next))) return;
    logger.info('Completed loading of configuration file', { file: configFile });
  };

  let address: Awaited<ReturnType<typeof listen>>;
  try {
    measureRequests(app, registry, options.getConcurrency ?? GET_CONCURRENCY);
    serveMetrics(app, registry);
    const startTime = clock.now();
    const api = { alertmanager, clock, version, startTime, cluster, externalUrl: () => externalUrl };
    await app.register(async (scope) => apiV2(scope, { ...api, listenHost: options.listen.host }), {
      prefix: '/api/v2',
    });
    lifecycle(app, reload, options.onQuit);
    app.all('/api/v1/*', (_request, reply) => reply.code(410).type('application/json').send(V1_GONE));
    if (options.ui) await serveAlertmanagerUi(app, options.ui);
    else app.setNotFoundHandler((_request, reply) => plainText(reply, 404, '404 page not found\n'));
    // before the server answers: an alert that is posted must find its route
    await alertmanager.apply(loaded);
    void alertmanager.seen.restore(alertmanager.history).catch((error) => {
      logger.warn('What was notified about before the start cannot be read', { error });
    });
    address = await listen(app, ROLE, options.listen);
  } catch (error) {
    await app.close();
    await alertmanager.stop();
    throw error;
  }
  if (externalUrl === '') externalUrl = address.url;
  logger.debug('Flags', options.flags);
  logger.info('Listening on', { address: `${address.host}:${address.port}` });

  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    await app.close();
    await alertmanager.stop();
  };
  return {
    name: ROLE,
    url: address.url,
    reload,
    stop: () => {
      stopping ??= stop();
      return stopping;
    },
  };
}

function startupErrorOfFile(error: unknown): never {
  if (!(error instanceof FileError)) throw error;
  throw new StartupError(ROLE, error.message, 'choose another file with --config.file or --config-dir', {
    cause: error,
  });
}

function openAlertmanager(
  options: AlertmanagerOptions,
  parts: Pick<AlertmanagerParts, 'clock' | 'registry' | 'cluster' | 'externalUrl'>,
): Alertmanager {
  const { directory, logger, version, limits = {}, features = {} } = options;
  try {
    makeDirectory(directory);
    accessSync(directory, constants.W_OK | constants.R_OK);
    return new Alertmanager({ ...parts, directory, logger, version, limits, features });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    const hint = 'choose another directory with --storage.path or --data-dir';
    throw new StartupError(ROLE, `cannot write to ${directory}: ${code}`, hint, { cause: error });
  }
}

function serveAlertmanagerUi(app: FastifyInstance, ui: NonNullable<AlertmanagerOptions['ui']>): Promise<void> {
  return serveUi(app, {
    directory: ui.directory,
    boot: () => ({ ...ui.boot, door: 'alertmanager', alertmanagerUrl: '' }),
    isApi: (path) => path.startsWith('/api/') || path.startsWith('/-/'),
  });
}

function lifecycle(app: FastifyInstance, reload: () => Promise<void>, quit: (() => void) | undefined): void {
  app.get('/-/healthy', (_request, reply) => plainText(reply, 200, 'OK'));
  app.get('/-/ready', (_request, reply) => plainText(reply, 200, 'OK'));
  app.get('/-/reload', (_request, reply) =>
    plainText(reply.header('allow', 'POST, OPTIONS'), 405, 'Method Not Allowed\n'),
  );
  app.post('/-/reload', async (_request, reply) => {
    try {
      await reload();
      return plainText(reply, 200, '');
    } catch (error) {
      return plainText(reply, 500, `failed to reload config: ${(error as Error).message}\n`);
    }
  });
  if (!quit) return;
  app.post('/-/quit', (_request, reply) => {
    setImmediate(quit);
    return plainText(reply, 200, 'Requesting termination... Goodbye!');
  });
}

function plainText(reply: FastifyReply, code: number, body: string): FastifyReply {
  return reply.code(code).type('text/plain; charset=utf-8').send(body);
}
