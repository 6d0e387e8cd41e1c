import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { REDIS_DEFAULTS, type RedisExporterOptions, startRedisExporter } from '@avalanche/exporters';
import { type Logger, parseGoDuration } from '@avalanche/model';
import { parseListenAddress, WebConfig } from '@avalanche/web';
import { type FlagSpec, type FlagSpecs, Flags, UsageError } from '../flags.ts';
import { acceptedBoolean, type Command, wholeNumberOf } from './command.ts';
import { runExporter, webFlags } from './exporter.ts';

type Kind = 'string' | 'boolean';
/** Flag, environment variable, help; and the default where it is not '' or false. */
type FlagRow = readonly [flag: string, variable: string, help: string, fallback?: string];

const TEXTS: readonly FlagRow[] = [
  ['redis.addr', 'REDIS_ADDR', 'Address of the Redis instance; empty for /scrape alone.', 'redis://localhost:6379'],
  ['redis.user', 'REDIS_USER', 'User name for Redis ACL.'],
  ['redis.password', 'REDIS_PASSWORD', 'Password of the Redis instance.'],
  ['redis.password-file', 'REDIS_PASSWORD_FILE', 'File with passwords by address, as JSON.'],
  ['namespace', 'REDIS_EXPORTER_NAMESPACE', 'What metrics begin with.', 'redis'],
  ['check-keys', 'REDIS_EXPORTER_CHECK_KEYS', 'Patterns of keys whose value and size to tell, searched for with SCAN.'],
  ['check-single-keys', 'REDIS_EXPORTER_CHECK_SINGLE_KEYS', 'Keys whose value and size to tell.'],
  ['check-key-groups', 'REDIS_EXPORTER_CHECK_KEY_GROUPS', 'Lua patterns to group keys by.'],
  ['check-streams', 'REDIS_EXPORTER_CHECK_STREAMS', 'Patterns of streams to tell of, searched for with SCAN.'],
  ['check-single-streams', 'REDIS_EXPORTER_CHECK_SINGLE_STREAMS', 'Streams to tell of.'],
  ['count-keys', 'REDIS_EXPORTER_COUNT_KEYS', 'Patterns of keys to count, searched for with SCAN.'],
  ['check-keys-batch-size', 'REDIS_EXPORTER_CHECK_KEYS_BATCH_SIZE', 'COUNT of SCAN.', '1000'],
  [
    'check-keys-max-scanned',
    'REDIS_EXPORTER_CHECK_KEYS_MAX_SCANNED',
    'Keys that SCAN may pass for a pattern.',
    '10000000',
  ],
  ['max-distinct-key-groups', 'REDIS_EXPORTER_MAX_DISTINCT_KEY_GROUPS', 'Groups to tell of at most.', '100'],
  ['script', 'REDIS_EXPORTER_SCRIPT', 'Files with Lua scripts that tell further values (comma separated).'],
  ['config-command', 'REDIS_EXPORTER_CONFIG_COMMAND', 'What CONFIG is called here; "-" not to ask.', 'CONFIG'],
  ['connection-timeout', 'REDIS_EXPORTER_CONNECTION_TIMEOUT', 'For connecting, and for each answer.', '15s'],
  ['tls-client-key-file', 'REDIS_EXPORTER_TLS_CLIENT_KEY_FILE', 'Key of our certificate.'],
  ['tls-client-cert-file', 'REDIS_EXPORTER_TLS_CLIENT_CERT_FILE', 'Certificate that we show to the server.'],
  ['tls-ca-cert-file', 'REDIS_EXPORTER_TLS_CA_CERT_FILE', 'Who signed the certificate of the server.'],
  ['tls-server-name', 'REDIS_EXPORTER_TLS_SERVER_NAME', 'Name that the certificate of the server must have.'],
  ['tls-server-key-file', 'REDIS_EXPORTER_TLS_SERVER_KEY_FILE', 'Key for serving with TLS.'],
  ['tls-server-cert-file', 'REDIS_EXPORTER_TLS_SERVER_CERT_FILE', 'Certificate for serving with TLS.'],
  ['tls-server-ca-cert-file', 'REDIS_EXPORTER_TLS_SERVER_CA_CERT_FILE', 'Who signs certificates of those who ask.'],
  ['tls-server-min-version', 'REDIS_EXPORTER_TLS_SERVER_MIN_VERSION', 'Lowest version of TLS to serve.', 'TLS1.2'],
  ['check-search-indexes', 'REDIS_EXPORTER_CHECK_SEARCH_INDEXES', 'Names of search indexes to tell of.', '.*'],
  ['basic-auth-username', 'REDIS_EXPORTER_BASIC_AUTH_USERNAME', 'Who may ask.'],
  ['basic-auth-password', 'REDIS_EXPORTER_BASIC_AUTH_PASSWORD', 'Their password.'],
  ['basic-auth-hash-password', 'REDIS_EXPORTER_BASIC_AUTH_HASH_PASSWORD', 'The bcrypt hash of it instead.'],
];

const SWITCHES: readonly FlagRow[] = [
  ['streams-exclude-consumer-metrics', 'REDIS_EXPORTER_STREAMS_EXCLUDE_CONSUMER_METRICS', 'Leave out consumers.'],
  ['lua-script-read-only', 'REDIS_EXPORTER_LUA_SCRIPT_READ_ONLY', 'Run scripts with EVAL_RO.'],
  ['debug', 'REDIS_EXPORTER_DEBUG', 'Log everything.'],
  ['set-client-name', 'REDIS_EXPORTER_SET_CLIENT_NAME', 'Name our connection redis_exporter.', 'true'],
  ['is-tile38', 'REDIS_EXPORTER_IS_TILE38', 'Ask what Tile38 knows.'],
  ['is-cluster', 'REDIS_EXPORTER_IS_CLUSTER', 'Look for keys in the whole cluster.'],
  ['cluster-discover-hostnames', 'REDIS_EXPORTER_CLUSTER_DISCOVER_HOSTNAMES', 'Discover nodes by host name.'],
  ['export-client-list', 'REDIS_EXPORTER_EXPORT_CLIENT_LIST', 'Tell of each connection.'],
  ['export-client-port', 'REDIS_EXPORTER_EXPORT_CLIENT_PORT', 'With its port.'],
  ['redis-only-metrics', 'REDIS_EXPORTER_REDIS_ONLY_METRICS', 'Tell nothing of the exporter itself.'],
  ['ping-on-connect', 'REDIS_EXPORTER_PING_ON_CONNECT', 'Measure a PING.'],
  ['include-config-metrics', 'REDIS_EXPORTER_INCL_CONFIG_METRICS', 'Tell all settings.'],
  ['include-modules-metrics', 'REDIS_EXPORTER_INCL_MODULES_METRICS', 'Tell of modules.'],
  ['include-search-indexes-metrics', 'REDIS_EXPORTER_INCL_SEARCH_INDEXES_METRICS', 'Tell of search indexes.'],
  ['include-sentinel-peer-info', 'REDIS_EXPORTER_INCL_SENTINEL_PEER_INFO', 'Tell of each other Sentinel.'],
  ['disable-exporting-key-values', 'REDIS_EXPORTER_DISABLE_EXPORTING_KEY_VALUES', 'Leave out values of keys.'],
  ['exclude-latency-histogram-metrics', 'REDIS_EXPORTER_EXCLUDE_LATENCY_HISTOGRAM_METRICS', 'Leave these out.'],
  ['redact-config-metrics', 'REDIS_EXPORTER_REDACT_CONFIG_METRICS', 'Leave out settings with passwords.', 'true'],
  ['include-system-metrics', 'REDIS_EXPORTER_INCL_SYSTEM_METRICS', 'Tell the memory of the machine.', 'true'],
  ['include-rdb-file-size-metric', 'REDIS_EXPORTER_INCL_RDB_FILE_SIZE_METRIC', 'Tell the size of the RDB file.'],
  ['skip-tls-verification', 'REDIS_EXPORTER_SKIP_TLS_VERIFICATION', 'Take any certificate of the server.'],
  ['skip-checkkeys-for-role-master', 'REDIS_EXPORTER_SKIP_CHECKKEYS_FOR_ROLE_MASTER', 'Look at keys of replicas only.'],
  ['disable-scrape-endpoint', 'REDIS_EXPORTER_DISABLE_SCRAPE_ENDPOINT', 'Do not serve /scrape.'],
  ['include-metrics-for-empty-databases', 'REDIS_EXPORTER_INCL_METRICS_FOR_EMPTY_DATABASES', 'Tell their 0.', 'true'],
  ['append-instance-role-label', 'REDIS_EXPORTER_APPEND_INSTANCE_ROLE_LABEL', 'Label everything with the role.'],
];

/** Flags of the base that the original has a variable for. */
const BASE_VARIABLES: Readonly<Record<string, string>> = {
  'web.listen-address': 'REDIS_EXPORTER_WEB_LISTEN_ADDRESS',
  'web.telemetry-path': 'REDIS_EXPORTER_WEB_TELEMETRY_PATH',
  'log-level': 'REDIS_EXPORTER_LOG_LEVEL',
  'log-format': 'REDIS_EXPORTER_LOG_FORMAT',
};

const VARIABLES: ReadonlyMap<string, string> = new Map([
  ...[...TEXTS, ...SWITCHES].map(([flag, variable]) => [flag, variable] as const),
  ...Object.entries(BASE_VARIABLES),
]);

function specsOf(rows: readonly FlagRow[], kind: Kind): [string, FlagSpec][] {
  return rows.map(([flag, , help, fallback]) => {
    const initial = fallback ?? (kind === 'boolean' ? 'false' : '');
    return [flag, kind === 'boolean' ? { kind, help, default: initial } : { kind, help, default: initial }];
  });
}

export const redisExporter: Command = {
  singleDash: true,
  flags: {
    ...Object.fromEntries([...specsOf(TEXTS, 'string'), ...specsOf(SWITCHES, 'boolean')]),
    'include-go-runtime-metrics': acceptedBoolean,
    'log-format': { kind: 'string', help: 'txt or json.', default: 'txt' },
    ...webFlags(9121, true),
  },
  async run(given, signal) {
    const flags = withEnvironment(given, process.env);
    const options = redisOptions(flags);
    const guard = webConfigOf(flags);
    try {
      const listen = listenOf(flags);
      return await runExporter(withLogFlags(flags), signal, listen, (_flags, common) => {
        const web = guard ? { ...common.web, config: guardOf(guard.file, common.logger) } : common.web;
        return startRedisExporter({ ...common, ...options, web });
      });
    } finally {
      guard?.remove();
    }
  },
};

/** @throws UsageError where a certificate, a key or the hash cannot be used */
function guardOf(file: string, logger: Logger): WebConfig {
  try {
    return new WebConfig(file, logger);
  } catch (error) {
    throw new UsageError(`--tls-server-* or --basic-auth-*: ${(error as Error).message}`);
  }
}

function listenOf(flags: Flags) {
  try {
    return parseListenAddress(flags.list('web.listen-address')[0] ?? '');
  } catch (error) {
    throw new UsageError(`--web.listen-address: ${(error as Error).message}`);
  }
}

/** The flags, with those from the environment that were not given; REDIS_URL is ours. */
function withEnvironment(flags: Flags, env: NodeJS.ProcessEnv): Flags {
  const specs: FlagSpecs = redisExporter.flags;
  const values = new Map<string, string[]>();
  for (const name of Object.keys(specs)) {
    const variable = env[VARIABLES.get(name) ?? ''];
    if (flags.given(name)) values.set(name, [...flags.list(name)]);
    else if (variable !== undefined && isUsable(specs[name], variable)) values.set(name, [variable]);
  }
  if (!values.has('redis.addr') && env.REDIS_URL) values.set('redis.addr', [env.REDIS_URL]);
  return new Flags(specs, values, flags.words);
}

/** A switch whose variable is no boolean keeps its default, as in the original. */
function isUsable({ kind }: FlagSpec, value: string): boolean {
  return kind !== 'boolean' || /^(1|0|t|f|true|false)$/i.test(value);
}

/** The logging flags of this exporter under the names that all others have. */
function withLogFlags(flags: Flags): Flags {
  const level = flags.boolean('debug') ? 'debug' : flags.string('log-level').toLowerCase().replace('warning', 'warn');
  const known = ['debug', 'info', 'warn', 'error'].includes(level) ? level : 'info';
  const format = flags.string('log-format') === 'json' ? 'json' : 'logfmt';
  const values = new Map(Object.keys(redisExporter.flags).map((name) => [name, [...flags.list(name)]]));
  if (!flags.given('log.level')) values.set('log.level', [known]);
  if (!flags.given('log.format')) values.set('log.format', [format]);
  return new Flags(redisExporter.flags, values, flags.words);
}

type Options = Omit<RedisExporterOptions, 'listen' | 'logger' | 'version' | 'web'>;

/** @throws UsageError */
function redisOptions(flags: Flags): Options {
  const text = (name: string) => flags.string(name);
  const isOn = (name: string) => flags.boolean(name);
  const basicAuth = basicAuthOf(flags);
  if ((text('tls-client-cert-file') === '') !== (text('tls-client-key-file') === '')) {
    throw new UsageError('TLS client key file and cert file should both be present');
  }
  return {
    ...REDIS_DEFAULTS,
    telemetryPath: text('web.telemetry-path'),
    address: text('redis.addr'),
    user: text('redis.user'),
    password: text('redis.password'),
    passwordFile: text('redis.password-file'),
    namespace: text('namespace'),
    checkKeys: text('check-keys'),
    checkSingleKeys: text('check-single-keys'),
    checkKeyGroups: text('check-key-groups'),
    checkStreams: text('check-streams'),
    checkSingleStreams: text('check-single-streams'),
    countKeys: text('count-keys'),
    checkKeysBatchSize: wholeNumberOf(flags, 'check-keys-batch-size'),
    maxScannedKeys: wholeNumberOf(flags, 'check-keys-max-scanned'),
    maxDistinctKeyGroups: wholeNumberOf(flags, 'max-distinct-key-groups'),
    scripts: scriptsOf(text('script')),
    configCommand: text('config-command'),
    connectionTimeoutMs: timeoutOf(text('connection-timeout')),
    tlsClientKeyFile: text('tls-client-key-file'),
    tlsClientCertFile: text('tls-client-cert-file'),
    tlsCaCertFile: text('tls-ca-cert-file'),
    tlsServerName: text('tls-server-name'),
    checkSearchIndexes: text('check-search-indexes'),
    streamsExcludeConsumerMetrics: isOn('streams-exclude-consumer-metrics'),
    luaScriptReadOnly: isOn('lua-script-read-only'),
    setClientName: isOn('set-client-name'),
    isTile38: isOn('is-tile38'),
    isCluster: isOn('is-cluster'),
    clusterDiscoverHostnames: isOn('cluster-discover-hostnames'),
    exportClientList: isOn('export-client-list'),
    exportClientPort: isOn('export-client-port'),
    redisOnlyMetrics: isOn('redis-only-metrics'),
    pingOnConnect: isOn('ping-on-connect'),
    includeConfigMetrics: isOn('include-config-metrics'),
    includeModulesMetrics: isOn('include-modules-metrics'),
    includeSearchIndexesMetrics: isOn('include-search-indexes-metrics'),
    includeSentinelPeerInfo: isOn('include-sentinel-peer-info'),
    disableExportingKeyValues: isOn('disable-exporting-key-values'),
    excludeLatencyHistogramMetrics: isOn('exclude-latency-histogram-metrics'),
    redactConfigMetrics: isOn('redact-config-metrics'),
    includeSystemMetrics: isOn('include-system-metrics'),
    includeRdbFileSizeMetric: isOn('include-rdb-file-size-metric'),
    skipTlsVerification: isOn('skip-tls-verification'),
    skipCheckKeysForRoleMaster: isOn('skip-checkkeys-for-role-master'),
    disableScrapeEndpoint: isOn('disable-scrape-endpoint'),
    includeMetricsForEmptyDatabases: isOn('include-metrics-for-empty-databases'),
    appendInstanceRoleLabel: isOn('append-instance-role-label'),
    ...(basicAuth ? { basicAuth } : {}),
  };
}

function timeoutOf(text: string): number {
  try {
    const ms = parseGoDuration(text);
    if (ms > 0) return ms;
  } catch (error) {
    throw new UsageError(`Couldn't parse connection timeout duration, err: ${(error as Error).message}`);
  }
  throw new UsageError('--connection-timeout must be greater than zero');
}

function scriptsOf(list: string): Map<string, string> {
  const files = list === '' ? [] : list.split(',');
  return new Map(
    files.map((file) => {
      try {
        return [file, readFileSync(file, 'utf8')] as const;
      } catch (error) {
        throw new UsageError(`Error loading script files: ${file}: ${(error as NodeJS.ErrnoException).code}`);
      }
    }),
  );
}

function basicAuthOf(flags: Flags): { readonly user: string; readonly password: string } | undefined {
  const [user, password, hash] = ['username', 'password', 'hash-password'].map((name) =>
    flags.string(`basic-auth-${name}`),
  );
  if (password !== '' && hash !== '') {
    throw new UsageError('cannot set both basic auth password and basic auth hash password');
  }
  return user === '' || password === '' ? undefined : { user, password };
}

/**
 * The flags `--tls-server-*` and the hashed password as a file of `--web.config.file`, which says the same; null where they are
 * not given.
 * @throws UsageError
 */
function webConfigOf(flags: Flags): { readonly file: string; remove(): void } | null {
  const [user, hash] = [flags.string('basic-auth-username'), flags.string('basic-auth-hash-password')];
  const tls = serverTls(flags);
  const users = user === '' || hash === '' ? {} : { basic_auth_users: { [user]: hash } };
  const config = { ...(tls ? { tls_server_config: tls } : {}), ...users };
  if (Object.keys(config).length === 0) return null;
  if (flags.given('web.config.file'))
    throw new UsageError('--web.config.file stands for --tls-server-* and --basic-auth-*');
  const directory = mkdtempSync(join(tmpdir(), 'redis-exporter-'));
  const file = join(directory, 'web.yml');
  writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
  return { file, remove: () => rmSync(directory, { recursive: true, force: true }) };
}

function serverTls(flags: Flags): Record<string, string> | null {
  const [cert, key, ca, version] = ['cert-file', 'key-file', 'ca-cert-file', 'min-version'].map((name) =>
    flags.string(`tls-server-${name}`),
  );
  if (cert === '' || key === '') return null;
  if (!/^TLS1\.[0-3]$/.test(version)) throw new UsageError(`--tls-server-min-version: ${version} is no version of TLS`);
  return {
    cert_file: resolve(cert),
    key_file: resolve(key),
    min_version: version.replace('.', ''),
    ...(ca === '' ? {} : { client_ca_file: resolve(ca), client_auth_type: 'RequireAndVerifyClientCert' }),
  };
}
