import type { FlagSpec, FlagSpecs } from '../flags.ts';
import { logFlags } from './command.ts';
import { storageFlags } from './storage-flags.ts';

const text = (help: string, value = '', placeholder?: string): FlagSpec => ({
  kind: 'string',
  help,
  default: value,
  ...(placeholder ? { placeholder } : {}),
});
const boolean = (help: string, value: 'true' | 'false' = 'false'): FlagSpec => ({
  kind: 'boolean',
  help,
  default: value,
});
/** A flag of upstream that changes nothing here. */
const without = (value = ''): FlagSpec => ({ kind: 'string', help: '', default: value, ignored: true });
const withoutSwitch = (value: 'true' | 'false'): FlagSpec => ({
  kind: 'boolean',
  help: '',
  default: value,
  ignored: true,
});

/** Flags that are accepted, so that a unit file can be used as it is, and told in the log where they are given. */
export const withoutEffect: FlagSpecs = {
  'auto-gomaxprocs': withoutSwitch('true'),
  'auto-gomemlimit': withoutSwitch('true'),
  'auto-gomemlimit.ratio': without('0.9'),
  'auto-gomemlimit.refresh-interval': without('0s'),
  'web.local-assets': without(),
  'storage.tsdb.use-lockfile': withoutSwitch('false'), // Debian's
  'storage.tsdb.retention': without(),
  'storage.tsdb.max-block-chunk-segment-size': without('0B'),
  'storage.tsdb.allow-overlapping-blocks': withoutSwitch('true'),
  'storage.tsdb.allow-overlapping-compaction': withoutSwitch('true'),
  'storage.tsdb.head-chunks-write-queue-size': without('0'),
  'storage.tsdb.samples-per-chunk': without('120'),
  'storage.tsdb.delayed-compaction.max-percent': without('10'),
  'storage.tsdb.delay-compact-file.path': without(),
  'storage.tsdb.block-reload-interval': without('1m'),
  'alertmanager.timeout': without(),
};

/** Flags of the agent, which this server is not. */
export const agentOnly: FlagSpecs = {
  'storage.agent.path': without('data-agent/'),
  'storage.agent.wal-segment-size': without('0B'),
  'storage.agent.wal-compression': withoutSwitch('true'),
  'storage.agent.wal-compression-type': without('snappy'),
  'storage.agent.wal-truncate-frequency': without('0s'),
  'storage.agent.retention.min-time': without('5m'),
  'storage.agent.retention.max-time': without('4h'),
  'storage.agent.checkpoint-from-in-memory-series': withoutSwitch('false'),
  'storage.agent.checkpoint-batch-size': without('1000'),
  'storage.agent.use-lockfile': withoutSwitch('false'), // Debian's
  'storage.agent.no-lockfile': withoutSwitch('false'),
};

const effective: FlagSpecs = {
  'config.file': text('Prometheus configuration file path.', 'prometheus.yml'),
  'config.auto-reload': boolean('Reload the configuration when one of its files has changed.'),
  'config.auto-reload-interval': text('How often to look for changes, with --config.auto-reload.', '30s'),
  'web.listen-address': { kind: 'list', help: 'Address to listen on. Can be repeated.', default: '0.0.0.0:9090' },
  'web.config.file': text('File that enables TLS or authentication.', '', 'FILE'),
  'web.read-timeout': text('Longest time to read a request, and for a connection to be idle.', '5m'),
  'web.max-connections': text('Largest number of connections at a time.', '512'),
  'web.external-url': text(
    'URL under which Prometheus is reachable from outside; its path becomes the prefix.',
    '',
    'URL',
  ),
  'web.route-prefix': text('Prefix of all paths. Defaults to the path of --web.external-url.', '', 'PATH'),
  'web.enable-admin-api': boolean('Enable API endpoints for admin control actions.'),
  'web.enable-lifecycle': boolean('Enable shutdown and reload via HTTP request.'),
  'web.enable-otlp-receiver': boolean('Accept metrics by OTLP at /api/v1/otlp/v1/metrics.'),
  'web.max-notifications-subscribers': text('How many may listen to live notifications at a time.', '16'),
  'web.search.max-limit': text('Largest "limit" of the search API; 0 is none.', '10000'),
  'web.page-title': text('Title of the web pages.', 'Prometheus Time Series Collection and Processing Server'),
  'web.console.templates': text('Directory of console templates, which are at /consoles.', 'consoles', 'DIR'),
  'web.console.libraries': text('Directory of what console templates share, *.lib.', 'console_libraries', 'DIR'),
  'web.user-assets': text('Directory whose files are served at /user.', '', 'DIR'),
  'storage.remote.read-sample-limit': text(
    'Most samples of one query that remote read answers unstreamed; 0 is no limit.',
    '50000000',
  ),
  'storage.remote.read-concurrent-limit': text('Most remote read requests that are answered at a time.', '10'),
  'storage.remote.read-max-bytes-in-frame': text('Bytes of a frame of streamed remote read.', '1048576'),
  'web.cors.origin': text('Anchored expression of origins whose pages may read answers.', '.*'),
  'storage.tsdb.path': text('Base path for metrics storage.', 'data/'),
  ...storageFlags('15d'),
  'web.enable-remote-write-receiver': boolean('Take what others send by remote write at /api/v1/write.'),
  'web.remote-write-receiver.accepted-protobuf-messages': {
    kind: 'list',
    help: 'Messages of remote write that are taken.',
    default: 'prometheus.WriteRequest,io.prometheus.write.v2.Request',
  },
  'storage.remote.flush-deadline': text('How long to send what waits for remote write, at the end.', '1m'),
  'scrape.adjust-timestamps': boolean('Move scrape times that are nearly on their slot onto it.', 'true'),
  'scrape.timestamp-tolerance': text('How near to its slot a scrape is on time; up to 1% of the interval.', '2ms'),
  'scrape.discovery-reload-interval': text('A job takes other targets no more often. Without the flag: at once.', '5s'),
  'query.lookback-delta': text('How far back the last sample of a series counts.', '5m'),
  'query.timeout': text('Maximum time a query may take before being aborted.', '2m'),
  'query.max-concurrency': text('Maximum number of queries executed concurrently.', '20'),
  'query.max-samples': text('Maximum number of samples a single query can load into memory.', '50000000'),
  'rules.alert.for-outage-tolerance': text('Longest outage over which the "for" state of alerts is restored.', '1h'),
  'rules.alert.for-grace-period': text('Least time between a restored alert and its firing.', '10m'),
  'alertmanager.notification-queue-capacity': text('Most alerts that wait for one Alertmanager.', '10000'),
  'alertmanager.notification-batch-size': text('Most alerts of one request to an Alertmanager.', '256'),
  'alertmanager.drain-notification-queue-on-shutdown': boolean(
    'Send what waits for the Alertmanagers at the end, rather than drop it.',
    'true',
  ),
  'rules.alert.resend-delay': text('Least time between resending an alert.', '1m'),
  'rules.max-concurrent-evals': text(
    'How many independent rules are evaluated side by side, with the feature on.',
    '4',
  ),
  agent: { kind: 'boolean', help: '', default: 'false', ignored: true },
};

/** Every flag of `prometheus --help` of 3.14. @param features what `--enable-feature` may name, for the help */
export function prometheusFlags(features: readonly string[]): FlagSpecs {
  return {
    ...effective,
    'enable-feature': {
      kind: 'list',
      help: `Comma separated feature names: ${features.join(', ')}.`,
      placeholder: 'NAME,…',
    },
    ...withoutEffect,
    ...agentOnly,
    ...logFlags,
  };
}

/** What the API shows of a flag that is a duration or size and was not given. */
const UNSET: Readonly<Record<string, string>> = {
  'storage.tsdb.retention.time': '0s',
  'storage.tsdb.retention.size': '0B',
  'storage.tsdb.max-block-duration': '0s',
  'storage.tsdb.wal-segment-size': '0B',
};

/** Flags as `/api/v1/status/flags` shows them. */
export function shownFlags(all: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(all)
      .filter(([name]) => name !== 'agent')
      .map(([name, value]) => [name, value || (UNSET[name] ?? '')])
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}
