import type { Logger } from '@avalanche/model';
import { type QueryFeatures, startPrometheus } from '@avalanche/prometheus';
import type { FlagSpecs, Flags } from '../flags.ts';
import { uiDirectory, VERSION } from '../version.ts';
import {
  accepted,
  acceptedBoolean,
  type Command,
  durationOf,
  listenAddressOf,
  logFlags,
  loggerOf,
  serveUntil,
  tellWithoutEffect,
  wholeNumberOf,
} from './command.ts';
import { storageFlags, storageOf } from './storage-flags.ts';

/** Upstream's default. */
const RETENTION_MS = 15 * 86_400_000;

/** Flags of upstream that are accepted, so that a unit file can be used as it is, and told in the log. */
const withoutEffect: FlagSpecs = {
  'web.console.templates': accepted,
  'web.console.libraries': accepted,
  'web.page-title': accepted,
  'web.cors.origin': accepted,
  'web.max-connections': accepted,
  'web.read-timeout': accepted,
  'storage.tsdb.allow-overlapping-blocks': acceptedBoolean,
  'storage.tsdb.allow-overlapping-compaction': acceptedBoolean,
  'storage.tsdb.head-chunks-write-queue-size': accepted,
  'rules.alert.for-outage-tolerance': accepted,
  'rules.alert.for-grace-period': accepted,
  'alertmanager.notification-queue-capacity': accepted,
};

/** Features that have an effect here, with what upstream logs of each. */
const FEATURES: Readonly<Record<string, readonly [name: keyof QueryFeatures, told: string]>> = {
  'promql-experimental-functions': ['experimentalFunctions', 'Experimental PromQL functions enabled.'],
  'promql-extended-range-selectors': [
    'extendedRangeSelectors',
    'Experimental PromQL extended range selectors enabled.',
  ],
  'promql-binop-fill-modifiers': ['fillModifiers', 'Experimental PromQL binary operator fill modifiers enabled.'],
  'promql-delayed-name-removal': ['delayedNameRemoval', 'Experimental PromQL delayed name removal enabled.'],
  'promql-per-step-stats': ['perStepStats', 'Experimental per-step statistics reporting'],
  'type-and-unit-labels': ['typeAndUnitLabels', 'Experimental type and unit labels enabled'],
};
/** Features that are always on. */
const PERMANENT: readonly string[] = ['promql-duration-expr', 'promql-at-modifier', 'promql-negative-offset'];

/** What `--enable-feature` names; what it names in vain is told in the log. */
function featuresOf(flags: Flags, logger: Logger): QueryFeatures {
  const enabled: { -readonly [name in keyof QueryFeatures]: boolean } = {};
  for (const option of flags.list('enable-feature').flatMap((text) => text.split(','))) {
    const known = Object.hasOwn(FEATURES, option) ? FEATURES[option] : undefined;
    if (known) {
      enabled[known[0]] = true;
      logger.info(known[1]);
    } else if (PERMANENT.includes(option)) {
      const told = 'This option for --enable-feature is now permanently enabled and therefore a no-op.';
      logger.warn(told, { option });
    } else if (option !== '') logger.warn('Unknown option for --enable-feature', { option });
  }
  return enabled;
}

export const prometheusCommand: Command = {
  flags: {
    'config.file': { kind: 'string', help: 'Prometheus configuration file path.', default: 'prometheus.yml' },
    'web.listen-address': { kind: 'list', help: 'Address to listen on.', default: '0.0.0.0:9090' },
    'web.external-url': {
      kind: 'string',
      help: 'The URL under which Prometheus is externally reachable.',
      default: '',
    },
    'web.enable-admin-api': { kind: 'boolean', help: 'Enable API endpoints for admin control.', default: 'false' },
    'web.enable-lifecycle': { kind: 'boolean', help: 'Enable shutdown and reload via HTTP request.', default: 'false' },
    'storage.tsdb.path': { kind: 'string', help: 'Base path for metrics storage.', default: 'data/' },
    ...storageFlags('15d'),
    'query.lookback-delta': { kind: 'string', help: 'The maximum lookback duration.', default: '5m' },
    'query.timeout': { kind: 'string', help: 'Maximum time a query may take before being aborted.', default: '2m' },
    'query.max-concurrency': {
      kind: 'string',
      help: 'Maximum number of queries executed concurrently.',
      default: '20',
    },
    'query.max-samples': {
      kind: 'string',
      help: 'Maximum number of samples a single query can load into memory.',
      default: '50000000',
    },
    'rules.alert.resend-delay': { kind: 'string', help: 'Least time between resending an alert.', default: '1m' },
    'enable-feature': {
      kind: 'list',
      help: `Comma separated feature names: ${Object.keys(FEATURES).join(', ')}.`,
      placeholder: 'NAME,…',
    },
    ...withoutEffect,
    ...logFlags,
  },
  async run(flags, signal) {
    const logger = loggerOf(flags);
    tellWithoutEffect(flags, withoutEffect, logger);
    const features = featuresOf(flags, logger);
    const stop = new AbortController();
    const role = await startPrometheus({
      configFile: flags.string('config.file'),
      directory: flags.string('storage.tsdb.path'),
      listen: listenAddressOf(flags),
      logger,
      version: VERSION,
      externalUrl: flags.string('web.external-url').replace(/\/$/, ''),
      enableLifecycle: flags.boolean('web.enable-lifecycle'),
      enableAdminApi: flags.boolean('web.enable-admin-api'),
      storage: storageOf(flags, RETENTION_MS),
      lookbackMs: durationOf(flags, 'query.lookback-delta') ?? 300_000,
      queryTimeoutMs: durationOf(flags, 'query.timeout') ?? 120_000,
      queryMaxConcurrency: wholeNumberOf(flags, 'query.max-concurrency'),
      queryMaxSamples: wholeNumberOf(flags, 'query.max-samples'),
      resendDelayMs: durationOf(flags, 'rules.alert.resend-delay') ?? 60_000,
      features,
      onQuit: () => stop.abort(),
      flags: flags.all(),
      ui: { directory: uiDirectory, boot: { alertmanagerUrl: null, grafanaUrl: null, version: VERSION } },
    });
    return serveUntil(AbortSignal.any([signal, stop.signal]), role);
  },
};
