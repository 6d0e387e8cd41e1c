import { formatDuration, type Logger } from '@avalanche/model';
import { type PrometheusOptions, startPrometheus, WRITE_MESSAGES, type WriteMessage } from '@avalanche/prometheus';
import { CorsOrigin, type ListenAddress, parseListenAddress } from '@avalanche/web';
import { type Flags, UsageError } from '../flags.ts';
import { uiDirectory, VERSION } from '../version.ts';
import { type Command, durationOf, loggerOf, serveUntil, tellWithoutEffect, wholeNumberOf } from './command.ts';
import { FEATURE_NAMES, type Features, featuresOf } from './features.ts';
import { agentOnly, prometheusFlags, shownFlags, withoutEffect } from './prometheus-flags.ts';
import { storageOf } from './storage-flags.ts';

/** Upstream's default. */
const RETENTION_MS = 15 * 86_400_000;
/** What upstream exits with for a value that is not one, and for flags that do not go together. */
const EXIT_BAD_VALUE = 2;
const EXIT_BAD_MODE = 3;
const AUTO_RELOAD_MS_MIN = 1000;

export const prometheusCommand: Command = {
  flags: prometheusFlags(FEATURE_NAMES),
  async run(flags, signal) {
    refuseAgent(flags);
    const { logger, options } = checked(() => {
      const logger = loggerOf(flags);
      const features = featuresOf(flags.list('enable-feature'), logger);
      return { logger, options: optionsOf(flags, features, logger) };
    });
    tellWithoutEffect(flags, withoutEffect, logger);
    const stop = new AbortController();
    const ended = AbortSignal.any([signal, stop.signal]);
    const role = await startPrometheus({ ...options, warmUp: true, onQuit: () => stop.abort() });
    return serveUntil(ended, role);
  },
};

/** @throws UsageError, with upstream's exit code */
function refuseAgent(flags: Flags): void {
  if (flags.boolean('agent')) throw new UsageError('the agent mode (--agent) is not supported yet', EXIT_BAD_MODE);
  const given = Object.keys(agentOnly).filter((name) => flags.given(name));
  if (given.length === 0) return;
  const names = given.map((name) => JSON.stringify(`--${name}`)).join(' ');
  throw new UsageError(`The following flag(s) can only be used in agent mode: [${names}]`, EXIT_BAD_MODE);
}

/** What is thrown of a flag's value ends the program as upstream does. */
function checked<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new UsageError(`Error parsing command line arguments: ${error.message}`, EXIT_BAD_VALUE);
  }
}

function optionsOf(flags: Flags, features: Features, logger: Logger): PrometheusOptions {
  const [first, ...more] = flags.list('web.listen-address').map(listenAddress);
  const external = externalUrlOf(flags);
  const autoReloadMs = autoReloadOf(flags, features, logger);
  const prefix = flags.string('web.route-prefix') || external.path;
  return {
    configFile: flags.string('config.file'),
    directory: flags.string('storage.tsdb.path'),
    listen: first,
    web: {
      listenAlso: more,
      configFile: flags.string('web.config.file'),
      corsOrigin: corsOriginOf(flags),
      routePrefix: `/${prefix.replace(/^\/+|\/+$/g, '')}`,
      maxConnections: wholeNumberOf(flags, 'web.max-connections'),
      readTimeoutMs: durationOf(flags, 'web.read-timeout'),
      enableOtlpReceiver: flags.boolean('web.enable-otlp-receiver'),
      notificationListenersMax: wholeNumberOf(flags, 'web.max-notifications-subscribers'),
      ...(flags.given('web.page-title') ? { pageTitle: flags.string('web.page-title') } : {}),
      search: { enabled: features.searchApi, limitMax: wholeNumberOf(flags, 'web.search.max-limit') },
      consoleTemplates: flags.string('web.console.templates'),
      consoleLibraries: flags.string('web.console.libraries'),
      userAssets: flags.string('web.user-assets'),
    },
    remoteRead: {
      samplesMax: wholeNumberOf(flags, 'storage.remote.read-sample-limit'),
      concurrencyMax: Math.max(1, wholeNumberOf(flags, 'storage.remote.read-concurrent-limit')),
      frameBytesMax: wholeNumberOf(flags, 'storage.remote.read-max-bytes-in-frame'),
    },
    logger,
    version: VERSION,
    externalUrl: external.url,
    enableLifecycle: flags.boolean('web.enable-lifecycle'),
    enableAdminApi: flags.boolean('web.enable-admin-api'),
    remoteWrite: {
      flushDeadlineMs: durationOf(flags, 'storage.remote.flush-deadline') ?? 60_000,
      receiver: flags.boolean('web.enable-remote-write-receiver'),
      acceptedMessages: acceptedMessagesOf(flags),
    },
    storage: storageOf(flags, RETENTION_MS),
    ...(autoReloadMs ? { autoReloadMs } : {}),
    lookbackMs: durationOf(flags, 'query.lookback-delta') ?? 300_000,
    queryTimeoutMs: durationOf(flags, 'query.timeout') ?? 120_000,
    queryMaxConcurrency: wholeNumberOf(flags, 'query.max-concurrency'),
    queryMaxSamples: wholeNumberOf(flags, 'query.max-samples'),
    resendDelayMs: durationOf(flags, 'rules.alert.resend-delay') ?? 60_000,
    sending: {
      capacity: wholeNumberOf(flags, 'alertmanager.notification-queue-capacity'),
      batchSize: Math.max(1, wholeNumberOf(flags, 'alertmanager.notification-batch-size')),
      drainOnShutdown: flags.boolean('alertmanager.drain-notification-queue-on-shutdown'),
    },
    ruleRestore: {
      forGraceMs: durationOf(flags, 'rules.alert.for-grace-period') ?? 600_000,
      outageToleranceMs: durationOf(flags, 'rules.alert.for-outage-tolerance') ?? 3_600_000,
    },
    ...(features.concurrentRules ? { concurrentRules: wholeNumberOf(flags, 'rules.max-concurrent-evals') } : {}),
    features: features.query,
    scraping: {
      features: features.scraping,
      adjustTimestamps: flags.boolean('scrape.adjust-timestamps'),
      ...timestampTolerance(flags),
      ...discoveryReload(flags),
    },
    flags: shownFlags({ ...flags.all(), 'web.route-prefix': prefix || '/' }),
    ui: { directory: uiDirectory, boot: { alertmanagerUrl: null, grafanaUrl: null, version: VERSION } },
  };
}

/** Upstream's default fits Go's scheduler; ours is left to the scrape loop. */
function timestampTolerance(flags: Flags): { readonly timestampToleranceMs?: number } {
  const given = durationOf(flags, 'scrape.timestamp-tolerance');
  return given === undefined || given === 2 ? {} : { timestampToleranceMs: given };
}

/** Upstream's default spares its discovery; ours tells of changes alone, which are taken at once. */
function discoveryReload(flags: Flags): { readonly discoveryReloadMs?: number } {
  const given = flags.given('scrape.discovery-reload-interval');
  return given ? { discoveryReloadMs: durationOf(flags, 'scrape.discovery-reload-interval') ?? 0 } : {};
}

/** @throws UsageError in upstream's words */
function acceptedMessagesOf(flags: Flags): WriteMessage[] {
  const names = flags.list('web.remote-write-receiver.accepted-protobuf-messages').flatMap((text) => text.split(','));
  return names.map((name) => {
    const known = WRITE_MESSAGES.find((message) => message === name);
    if (known) return known;
    const supported = WRITE_MESSAGES.join(', ');
    throw new UsageError(`unknown type for remote write protobuf message ${name}, supported: ${supported}`);
  });
}

function listenAddress(text: string): ListenAddress {
  try {
    return parseListenAddress(text);
  } catch (error) {
    throw new UsageError(`--web.listen-address: ${(error as Error).message}`);
  }
}

/** Without a slash at its end; '' where none is given, and the address it listens on stands for it. */
function externalUrlOf(flags: Flags): { readonly url: string; readonly path: string } {
  const text = flags.string('web.external-url');
  if (text === '') return { url: '', path: '' };
  const problem = (reason: string) => new UsageError(`parse external URL ${JSON.stringify(text)}: ${reason}`);
  if (/^["']|["']$/.test(text)) throw problem('URL must not begin or end with quotes');
  // As a path alone it is on whatever host people reach us by.
  if (!text.startsWith('/') && !URL.canParse(text)) throw problem('not a URL');
  return { url: text.replace(/\/+$/, ''), path: new URL(text, 'http://host').pathname.replace(/\/+$/, '') };
}

function corsOriginOf(flags: Flags): string {
  const pattern = flags.string('web.cors.origin');
  try {
    new CorsOrigin(pattern);
    return pattern;
  } catch (error) {
    throw new UsageError(`could not compile CORS regex string ${JSON.stringify(pattern)}: ${(error as Error).message}`);
  }
}

function autoReloadOf(flags: Flags, features: Features, logger: Logger): number | null {
  if (!features.autoReload && !flags.boolean('config.auto-reload')) return null;
  const ms = Math.max(AUTO_RELOAD_MS_MIN, durationOf(flags, 'config.auto-reload-interval') ?? 0);
  logger.info('Automatic configuration file reloading enabled', { interval: formatDuration(ms) });
  return ms;
}
