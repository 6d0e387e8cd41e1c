import { setFlagsFromString } from 'node:v8';
import { type AlertmanagerLimits, type AlertmanagerOptions, startAlertmanager } from '@avalanche/alertmanager';
import type { Logger } from '@avalanche/model';
import { type FlagSpec, type FlagSpecs, type Flags, UsageError } from '../flags.ts';
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
  webConfigFlag,
  webOf,
  wholeNumberOf,
} from './command.ts';

/**
 * V8's own choices let a storm of 50,000 alerts peak anywhere from 214 to 272 MiB. The heap may grow by two fifths before it
 * is collected; the young generation grows as by default, which `bin` keeps from it: notifications live for a moment, and
 * copying them costs a third of the CPU time. So the peak is 206-210 MiB.
 */
const HEAP_FLAGS = ['--heap-growing-percent=40', '--semi-space-growth-factor=2'];

const WITHOUT_EFFECT: readonly string[] = ['auto-gomemlimit', 'event-recorder'];
const FEATURES: readonly string[] = [
  ...['alert-names-in-metrics', 'receiver-name-in-metrics', 'group-key-in-metrics', 'classic-mode', 'utf8-strict-mode'],
  ...WITHOUT_EFFECT,
];

/** A cluster of one has no use for these. */
const ofRealClusters: FlagSpecs = {
  'cluster.peer': accepted,
  'cluster.peer-timeout': accepted,
  'cluster.peers-resolve-timeout': accepted,
  'cluster.gossip-interval': accepted,
  'cluster.pushpull-interval': accepted,
  'cluster.tcp-timeout': accepted,
  'cluster.probe-timeout': accepted,
  'cluster.probe-interval': accepted,
  'cluster.settle-timeout': accepted,
  'cluster.reconnect-interval': accepted,
  'cluster.reconnect-timeout': accepted,
  'cluster.tls-config': accepted,
  'cluster.allow-insecure-public-advertise-address-discovery': acceptedBoolean,
  'cluster.label': accepted,
};

/** Answers are made without waiting, and Go's memory is not ours. */
const withoutEffect: FlagSpecs = {
  'web.timeout': accepted,
  'web.systemd-socket': acceptedBoolean,
  'auto-gomemlimit.ratio': accepted,
};

const duration = (help: string, value: string): FlagSpec => ({ kind: 'string', help, default: value });
const bound = (help: string): FlagSpec => ({ kind: 'string', help: `${help}; 0 or less is no bound.`, default: '0' });

export const alertmanagerCommand: Command = {
  flags: {
    'config.file': { kind: 'string', help: 'Alertmanager configuration file name.', default: 'alertmanager.yml' },
    'storage.path': { kind: 'string', help: 'Base path for data storage.', default: 'data/' },
    'data.retention': duration('How long to keep data for.', '120h'),
    'history.retention': duration('How long it is kept what was notified about (ours, not upstream’s).', '30d'),
    'data.maintenance-interval': duration('How often state files are written anew without what has expired.', '15m'),
    'silences.max-silences': bound('Most silences, expired ones included'),
    'silences.max-silence-size-bytes': bound('Most bytes of a silence'),
    'log.silences': { kind: 'boolean', help: 'Log each change of a silence.', default: 'false' },
    'alerts.gc-interval': duration('How often resolved alerts are forgotten.', '30m'),
    'alerts.per-alertname-limit': bound('Most alerts with the same alertname'),
    'dispatch.maintenance-interval': duration('How often groups without alerts are forgotten.', '30s'),
    'dispatch.start-delay': duration('How long after the start no alert is notified about.', '0s'),
    'web.listen-address': { kind: 'list', help: 'Address to listen on.', default: ':9093' },
    'web.external-url': { kind: 'string', help: 'The URL under which Alertmanager is reachable.', default: '' },
    'web.route-prefix': {
      kind: 'string',
      help: 'Prefix of all paths. Defaults to the path of --web.external-url.',
      default: '',
      placeholder: 'PATH',
    },
    'web.get-concurrency': {
      kind: 'string',
      help: 'Most GET requests answered at once; 0 or less is as many as processors, at least 8.',
      default: '0',
    },
    'cluster.listen-address': {
      kind: 'string',
      help: 'Address of this only peer of its cluster; empty for no cluster.',
      default: '0.0.0.0:9094',
    },
    'cluster.advertise-address': { kind: 'string', help: 'Address to tell instead of it.', default: '' },
    'cluster.peer-name': { kind: 'string', help: 'Name of the peer, rather than a random one.', default: '' },
    'enable-feature': { kind: 'string', help: `Comma-separated: ${FEATURES.join(', ')}.`, default: '' },
    ...webConfigFlag,
    ...ofRealClusters,
    ...withoutEffect,
    ...logFlags,
  },
  async run(flags, signal) {
    for (const flag of HEAP_FLAGS) setFlagsFromString(flag);
    const logger = loggerOf(flags);
    tellWithoutEffect(flags, withoutEffect, logger);
    const cluster = Object.keys(ofRealClusters).filter((name) => flags.given(name));
    if (cluster.length > 0) {
      logger.warn('This Alertmanager is a cluster of its own: it tells no peer of silences and notifications', {
        flags: cluster.map((name) => `--${name}`).join(' '),
      });
    }
    const externalUrl = externalUrlOf(flags);
    const role = await startAlertmanager({
      configFile: flags.string('config.file'),
      directory: flags.string('storage.path'),
      listen: listenAddressOf(flags),
      web: { ...(await webOf(flags, 'alertmanager', logger)), routePrefix: routePrefixOf(flags, externalUrl) },
      logger,
      version: VERSION,
      limits: limitsOf(flags),
      ...featuresOf(flags, logger),
      cluster: {
        listenAddress: flags.string('cluster.listen-address'),
        advertiseAddress: flags.string('cluster.advertise-address'),
        peerName: flags.string('cluster.peer-name'),
      },
      getConcurrency: Math.max(integerOf(flags, 'web.get-concurrency') || 8, 1),
      ...(externalUrl ? { externalUrl } : {}),
      flags: flags.all(),
      ui: {
        directory: uiDirectory,
        boot: { prometheusUrl: null, alertmanagerUrl: '', grafanaUrl: null, version: VERSION },
      },
    });
    return serveUntil(signal, role);
  },
};

function limitsOf(flags: Flags): AlertmanagerLimits {
  const ms = (name: string): number => durationOf(flags, name) ?? 0;
  return {
    retentionMs: ms('data.retention'),
    historyRetentionMs: ms('history.retention'),
    maintenanceIntervalMs: ms('data.maintenance-interval'),
    alertsGcIntervalMs: ms('alerts.gc-interval'),
    alertsPerName: integerOf(flags, 'alerts.per-alertname-limit'),
    dispatchMaintenanceIntervalMs: ms('dispatch.maintenance-interval'),
    dispatchStartDelayMs: ms('dispatch.start-delay'),
    silences: integerOf(flags, 'silences.max-silences'),
    silenceBytes: integerOf(flags, 'silences.max-silence-size-bytes'),
    logSilences: flags.boolean('log.silences'),
  };
}

/** A whole number; a negative one means the same as 0. */
function integerOf(flags: Flags, name: string): number {
  const text = flags.string(name);
  return /^-\d+$/.test(text) ? 0 : wholeNumberOf(flags, name);
}

/** @throws UsageError for a feature that there is not, as upstream */
function featuresOf(flags: Flags, logger: Logger): Pick<AlertmanagerOptions, 'features' | 'matcherMode'> {
  const wanted = flags.string('enable-feature').split(',').filter(Boolean);
  const unknown = wanted.find((name) => !FEATURES.includes(name));
  if (unknown !== undefined) throw new UsageError(`unknown option '${unknown}' for --enable-feature`);
  if (wanted.includes('classic-mode') && wanted.includes('utf8-strict-mode')) {
    throw new UsageError('cannot have both classic-mode and utf8-strict-mode enabled');
  }
  for (const option of wanted) {
    if (WITHOUT_EFFECT.includes(option)) logger.warn('This feature has no effect yet', { option });
    else logger.warn('Experimental feature enabled', { option });
  }
  const has = (name: string): boolean => wanted.includes(name);
  return {
    features: {
      alertNamesInMetrics: has('alert-names-in-metrics'),
      receiverNameInMetrics: has('receiver-name-in-metrics'),
      groupKeyInMetrics: has('group-key-in-metrics'),
    },
    matcherMode: has('classic-mode') ? 'classic' : has('utf8-strict-mode') ? 'utf8' : 'fallback',
  };
}

/** Without a slash at its end; '' where none is given. @throws UsageError in upstream's words */
function externalUrlOf(flags: Flags): string {
  const text = flags.string('web.external-url');
  const scheme = /^([a-z][a-z\d+.-]*):/i.exec(text)?.[1] ?? '';
  if (text !== '' && scheme !== 'http' && scheme !== 'https') {
    throw new UsageError(`"${text}": invalid "${scheme}" scheme, only 'http' and 'https' are supported`);
  }
  if (text !== '' && !URL.canParse(text)) throw new UsageError(`--web.external-url: not a URL: "${text}"`);
  return text.replace(/\/+$/, '');
}

/** What every path begins with: what the flag says, else the path of the external URL. */
function routePrefixOf(flags: Flags, externalUrl: string): string {
  const path = flags.string('web.route-prefix') || (externalUrl && new URL(externalUrl).pathname);
  return `/${path.replace(/^\/+|\/+$/g, '')}`;
}
