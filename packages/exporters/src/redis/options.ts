/** What the flags of redis_exporter say about scraping. */
export interface RedisScrapeOptions {
  /** ACL user; '' for the default one. */
  readonly user: string;
  readonly password: string;
  /** What every family begins with. */
  readonly namespace: string;
  /** `CONFIG`, what it has been renamed to, or `-` where it is not to be asked. */
  readonly configCommand: string;
  /** Lists of keys or patterns, such as `db0=jobs:*,db3=queue`. */
  readonly checkKeys: string;
  readonly checkSingleKeys: string;
  readonly checkStreams: string;
  readonly checkSingleStreams: string;
  readonly countKeys: string;
  /** Lua patterns that keys are grouped by, as a line of CSV. */
  readonly checkKeyGroups: string;
  readonly maxDistinctKeyGroups: number;
  /** The COUNT of SCAN. */
  readonly checkKeysBatchSize: number;
  /** Keys that SCAN may walk past for one pattern. */
  readonly maxScannedKeys: number;
  readonly skipCheckKeysForRoleMaster: boolean;
  readonly streamsExcludeConsumerMetrics: boolean;
  readonly disableExportingKeyValues: boolean;
  readonly includeConfigMetrics: boolean;
  readonly redactConfigMetrics: boolean;
  readonly includeSystemMetrics: boolean;
  readonly includeModulesMetrics: boolean;
  readonly includeSearchIndexesMetrics: boolean;
  /** Regular expression in RE2's notation. */
  readonly checkSearchIndexes: string;
  readonly includeSentinelPeerInfo: boolean;
  readonly includeRdbFileSizeMetric: boolean;
  readonly includeMetricsForEmptyDatabases: boolean;
  readonly excludeLatencyHistogramMetrics: boolean;
  readonly exportClientList: boolean;
  readonly exportClientPort: boolean;
  readonly isCluster: boolean;
  readonly clusterDiscoverHostnames: boolean;
  readonly isTile38: boolean;
  readonly appendInstanceRoleLabel: boolean;
  readonly setClientName: boolean;
  readonly pingOnConnect: boolean;
  /** Lua scripts by file name, which tell further values. */
  readonly scripts: ReadonlyMap<string, string>;
  readonly luaScriptReadOnly: boolean;
  /** For connecting, and for each answer. */
  readonly connectionTimeoutMs: number;
  readonly skipTlsVerification: boolean;
  readonly tlsClientCertFile: string;
  readonly tlsClientKeyFile: string;
  readonly tlsCaCertFile: string;
  readonly tlsServerName: string;
}

export const REDIS_DEFAULTS: RedisScrapeOptions = {
  user: '',
  password: '',
  namespace: 'redis',
  configCommand: 'CONFIG',
  checkKeys: '',
  checkSingleKeys: '',
  checkStreams: '',
  checkSingleStreams: '',
  countKeys: '',
  checkKeyGroups: '',
  maxDistinctKeyGroups: 100,
  checkKeysBatchSize: 1000,
  maxScannedKeys: 10_000_000,
  skipCheckKeysForRoleMaster: false,
  streamsExcludeConsumerMetrics: false,
  disableExportingKeyValues: false,
  includeConfigMetrics: false,
  redactConfigMetrics: true,
  includeSystemMetrics: true,
  includeModulesMetrics: false,
  includeSearchIndexesMetrics: false,
  checkSearchIndexes: '.*',
  includeSentinelPeerInfo: false,
  includeRdbFileSizeMetric: false,
  includeMetricsForEmptyDatabases: true,
  excludeLatencyHistogramMetrics: false,
  exportClientList: false,
  exportClientPort: false,
  isCluster: false,
  clusterDiscoverHostnames: false,
  isTile38: false,
  appendInstanceRoleLabel: false,
  setClientName: true,
  pingOnConnect: false,
  scripts: new Map(),
  luaScriptReadOnly: false,
  connectionTimeoutMs: 15_000,
  skipTlsVerification: false,
  tlsClientCertFile: '',
  tlsClientKeyFile: '',
  tlsCaCertFile: '',
  tlsServerName: '',
};
