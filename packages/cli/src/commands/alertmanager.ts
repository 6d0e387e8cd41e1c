import { startAlertmanager } from '@avalanche/alertmanager';
import { type FlagSpecs, type Flags, UsageError } from '../flags.ts';
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
} from './command.ts';

/** One node has no use for these. */
const withoutEffect: FlagSpecs = {
  'cluster.listen-address': accepted,
  'cluster.advertise-address': accepted,
  'cluster.peer': accepted,
  'cluster.peer-timeout': accepted,
  'cluster.gossip-interval': accepted,
  'cluster.pushpull-interval': accepted,
  'cluster.tcp-timeout': accepted,
  'cluster.probe-timeout': accepted,
  'cluster.probe-interval': accepted,
  'cluster.settle-timeout': accepted,
  'cluster.reconnect-interval': accepted,
  'cluster.reconnect-timeout': accepted,
  'cluster.allow-insecure-public-advertise-address-discovery': acceptedBoolean,
  'cluster.label': accepted,
  'alerts.gc-interval': accepted,
  'web.get-concurrency': accepted,
  'web.timeout': accepted,
  'data.maintenance-interval': accepted,
};

export const alertmanagerCommand: Command = {
  flags: {
    'config.file': { kind: 'string', help: 'Alertmanager configuration file name.', default: 'alertmanager.yml' },
    'storage.path': { kind: 'string', help: 'Base path for data storage.', default: 'data/' },
    'data.retention': { kind: 'string', help: 'How long to keep data for.', default: '120h' },
    'web.listen-address': { kind: 'list', help: 'Address to listen on.', default: ':9093' },
    'web.external-url': { kind: 'string', help: 'The URL under which Alertmanager is reachable.', default: '' },
    'web.route-prefix': {
      kind: 'string',
      help: 'Prefix of all paths. Defaults to the path of --web.external-url.',
      default: '',
      placeholder: 'PATH',
    },
    ...webConfigFlag,
    ...withoutEffect,
    ...logFlags,
  },
  async run(flags, signal) {
    const logger = loggerOf(flags);
    tellWithoutEffect(flags, withoutEffect, logger);
    const externalUrl = externalUrlOf(flags);
    const role = await startAlertmanager({
      configFile: flags.string('config.file'),
      directory: flags.string('storage.path'),
      listen: listenAddressOf(flags),
      web: { ...(await webOf(flags, 'alertmanager', logger)), routePrefix: routePrefixOf(flags, externalUrl) },
      logger,
      version: VERSION,
      limits: { retentionMs: durationOf(flags, 'data.retention') ?? 120 * 3_600_000 },
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
