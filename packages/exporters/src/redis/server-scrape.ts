import type { RedisAddress } from './address.ts';
import { writeClients } from './clients.ts';
import { ClusterConnection, type Command, type Connection, type Credentials, type Reply } from './connection.ts';
import type { RedisFamilies } from './families.ts';
import { type InfoField, parseInfo, writeField } from './info.ts';
import { writeInfo } from './info-families.ts';
import { parseCsvLine, writeKeyGroups } from './key-groups.ts';
import { expand, type KeySource, parseKeys, writeKeyCounts, writeKeys } from './keys.ts';
import { writeModules, writeScripts, writeSearchIndexes, writeTile38 } from './modules.ts';
import type { RedisScrapeOptions } from './options.ts';
import { textOf } from './reply.ts';
import { writeSentinel } from './sentinel.ts';
import {
  COMMAND_LOG_COMMANDS,
  configOf,
  writeCommandLogs,
  writeConfig,
  writeLatencyHistograms,
  writeLatencySpikes,
  writeSlowlog,
} from './server-answers.ts';
import { writeStreams } from './streams.ts';

const DEFAULT_DATABASES = 16;
/** Walking through keys leaves this share of the time to what comes after it. */
const SCAN_SHARE = 0.8;

/** What a scrape needs to know of the server over time, and what it learns of it. */
export interface KnownServer {
  /** Tells of a part that failed; the others are not held up. */
  tell(part: string, error: Error | null): void;
  isRefused(command: string): boolean;
  /** Remembers a refusal, but not that the server is loading or busy just now. */
  refuse(command: string, error: Error): void;
  /** A server that was started anew may be another one. */
  meet(runId: string, version: string): void;
  /** What CONFIG GET is asked for. */
  readonly settings: readonly string[];
}

/** What one scrape asks over its connection. */
export class ServerScrape {
  constructor(
    private readonly connection: Connection,
    private readonly address: RedisAddress,
    private readonly options: RedisScrapeOptions,
    private readonly credentials: Credentials,
    private readonly server: KnownServer,
  ) {}

  /** @throws where the server does not let us in or cannot be asked; parts that fail are only told */
  async run(deadline: number, families: RedisFamilies): Promise<void> {
    if (this.options.pingOnConnect) await this.ping(families);
    const asked = await this.askServer();
    const all = parseInfo(asked.info);
    const info = this.options.includeSystemMetrics ? all : all.filter(({ name }) => name !== 'total_system_memory');
    const field = (name: string) => info.find((other) => other.name === name)?.value ?? '';
    this.server.meet(field('run_id'), field('redis_version'));
    if (this.options.appendInstanceRoleLabel) families.role = field('role');
    const isCluster = field('cluster_enabled') === '1';
    const config = configOf(asked.config);
    const databases = isCluster ? 1 : Number(config.get('databases')) || DEFAULT_DATABASES;
    const padded = this.options.includeMetricsForEmptyDatabases ? databases : 0;
    this.part('The configuration', () => writeConfig(config, this.options, families));
    writeInfo(info, { databases: padded, now: Date.now() / 1000 }, families);
    writeLatencySpikes(asked.latency, families);
    writeLatencyHistograms(asked.histograms, info, families);
    writeSlowlog(asked.slowlogLength, asked.slowlogNewest, families);
    await this.askMore(info, { isCluster, config, isSentinel: asked.info.includes('# Sentinel') }, families);
    await this.askKeys({ role: field('role'), databases, deadline }, families);
    const { scripts, luaScriptReadOnly: readOnly } = this.options;
    if (scripts.size === 0) return;
    if (!isCluster) await this.connection.ask([['SELECT', this.address.db]]); // keys were looked for in others
    await writeScripts(this.connection, scripts, { readOnly }, families);
  }

  private async ping(families: RedisFamilies): Promise<void> {
    const begin = performance.now();
    const replies = await this.connection.ask([...this.opening(), ['PING']]);
    const problem = replies.find((reply) => reply instanceof Error);
    if (problem) throw problem;
    const seconds = (performance.now() - begin) / 1000;
    families.gauge('exporter_last_scrape_ping_time_seconds', 'Seconds that the answer to PING took.', seconds);
  }

  /** What makes a new connection ours. */
  private opening(): Command[] {
    const { user, password } = this.credentials;
    const commands: Command[] = [];
    if (password !== '') commands.push(user === '' ? ['AUTH', password] : ['AUTH', user, password]);
    if (this.address.db !== 0) commands.push(['SELECT', this.address.db]);
    return commands;
  }

  /** All that any server is asked, in one go. @throws where it does not let us in, or refuses INFO */
  private async askServer() {
    const { setClientName, configCommand, excludeLatencyHistogramMetrics, pingOnConnect } = this.options;
    const opening = pingOnConnect ? [] : this.opening();
    const names: Command[] = setClientName ? [['CLIENT', 'SETNAME', 'redis_exporter']] : [];
    const optional: readonly (readonly [string, Command, boolean])[] = [
      ['CONFIG GET', [configCommand, 'GET', ...this.server.settings], configCommand !== '-'],
      ['SLOWLOG LEN', ['SLOWLOG', 'LEN'], true],
      ['SLOWLOG GET', ['SLOWLOG', 'GET', 1], true],
      ['LATENCY LATEST', ['LATENCY', 'LATEST'], true],
      ['LATENCY HISTOGRAM', ['LATENCY', 'HISTOGRAM'], !excludeLatencyHistogramMetrics],
    ];
    const chosen = optional.filter(([name, , isWanted]) => isWanted && !this.server.isRefused(name));
    const commands = [...opening, ...names, ['INFO', 'ALL'], ...chosen.map(([, command]) => command)];
    const replies = await this.connection.ask(commands);
    const refusal = replies.slice(0, opening.length).find((reply) => reply instanceof Error);
    if (refusal) throw refusal;
    const at = opening.length + names.length;
    const answers = new Map<string, Reply>(chosen.map(([name], i) => [name, replies[at + 1 + i]]));
    for (const [name, reply] of answers) {
      if (reply instanceof Error) this.server.refuse(name, reply);
      else this.server.tell(name, null);
    }
    const first = replies[at];
    const info = first instanceof Error || first === '' ? await this.connection.askOne('INFO') : first;
    const get = (name: string): Reply => answers.get(name) ?? null;
    return {
      info: textOf(info),
      config: get('CONFIG GET'),
      slowlogLength: get('SLOWLOG LEN'),
      slowlogNewest: answers.get('SLOWLOG GET') ?? new Error('not asked'),
      latency: get('LATENCY LATEST'),
      histograms: get('LATENCY HISTOGRAM'),
    };
  }

  /** What only some servers are asked, or only where a flag says so. */
  private async askMore(
    info: readonly InfoField[],
    about: { readonly isCluster: boolean; readonly isSentinel: boolean; readonly config: Map<string, string> },
    families: RedisFamilies,
  ): Promise<void> {
    const { options, connection } = this;
    const isValkey = info.some(({ name }) => name === 'valkey_version');
    const wanted = new Map<string, readonly Command[]>();
    if (about.isCluster) wanted.set('CLUSTER INFO', [['CLUSTER', 'INFO']]);
    if (isValkey && !this.server.isRefused('COMMANDLOG')) wanted.set('COMMANDLOG', COMMAND_LOG_COMMANDS);
    if (options.exportClientList) wanted.set('CLIENT LIST', [['CLIENT', 'LIST']]);
    if (options.isTile38) wanted.set('SERVER EXT', [['SERVER', 'EXT']]);
    if (options.includeModulesMetrics) wanted.set('INFO MODULES', [['INFO', 'MODULES']]);
    const commands = [...wanted.values()].flat();
    const replies = commands.length === 0 ? [] : [...(await connection.ask(commands))];
    for (const [name, { length }] of wanted) {
      const own = replies.splice(0, length);
      const problem = own.find((reply) => reply instanceof Error) ?? null;
      if (problem) this.server.refuse(name, problem);
      else this.part(name, () => this.writeMore(name, own, about.config, families));
    }
    if (about.isSentinel) {
      const withPeers = options.includeSentinelPeerInfo;
      const withConfig = options.includeConfigMetrics;
      await this.asyncPart('SENTINEL', () => writeSentinel(connection, { withPeers, withConfig }, families));
    }
    if (options.includeSearchIndexesMetrics) {
      await this.asyncPart('FT.INFO', () => writeSearchIndexes(connection, options.checkSearchIndexes, families));
    }
  }

  private writeMore(
    name: string,
    replies: readonly Reply[],
    config: ReadonlyMap<string, string>,
    families: RedisFamilies,
  ): void {
    const text = textOf(replies[0]);
    switch (name) {
      case 'CLUSTER INFO':
        for (const field of parseInfo(text)) writeField(families, field.name, field.value);
        break;
      case 'COMMANDLOG':
        writeCommandLogs(replies, config, families);
        break;
      case 'CLIENT LIST':
        writeClients(text, { now: Date.now() / 1000, withPort: this.options.exportClientPort }, families);
        break;
      case 'SERVER EXT':
        writeTile38(replies[0], families);
        break;
      case 'INFO MODULES':
        writeModules(text, families);
        break;
    }
  }

  /** Keys, streams and groups of keys, as the flags ask for them. */
  private async askKeys(
    { role, databases, deadline }: { readonly role: string; readonly databases: number; readonly deadline: number },
    families: RedisFamilies,
  ): Promise<void> {
    const { options } = this;
    const lists = [options.checkKeys, options.checkSingleKeys, options.countKeys];
    const streams = [options.checkStreams, options.checkSingleStreams];
    const patterns = parseCsvLine(options.checkKeyGroups);
    const isSkipped = options.skipCheckKeysForRoleMaster && role !== 'slave';
    const isAsked = !isSkipped && [...lists, ...streams].some((list) => list !== '');
    const now = performance.now();
    const limits = {
      batchSize: options.checkKeysBatchSize,
      maxScannedKeys: options.maxScannedKeys,
      deadline: now + (Math.min(deadline, now + 1e9) - now) * SCAN_SHARE,
    };
    const bounds = { ...limits, databases, maxGroups: options.maxDistinctKeyGroups };
    await this.asyncPart('Grouping keys', (failed) =>
      writeKeyGroups(this.connection, patterns, bounds, families, failed),
    );
    if (!isAsked) return;
    const { source, close } = await this.keySource();
    try {
      await this.writeKeys(source, limits, families);
    } finally {
      close();
    }
  }

  private async writeKeys(
    source: KeySource,
    limits: Parameters<typeof expand>[2],
    families: RedisFamilies,
  ): Promise<void> {
    const { options } = this;
    await this.asyncPart('Checking keys', async (failed) => {
      const found = await expand(source, parseKeys(options.checkKeys), limits, failed);
      const keys = new Map(
        [...parseKeys(options.checkSingleKeys), ...found].map((key) => [`${key.db} ${key.key}`, key]),
      );
      await writeKeys(source, [...keys.values()], options, families);
    });
    await this.asyncPart('Counting keys', (failed) =>
      writeKeyCounts(source, parseKeys(options.countKeys), limits, families, failed),
    );
    await this.asyncPart('Checking streams', async (failed) => {
      const found = await expand(source, parseKeys(options.checkStreams), limits, failed);
      const single = parseKeys(options.checkSingleStreams);
      const streams = new Map([...single, ...found].map((key) => [`${key.db} ${key.key}`, key]));
      const withConsumers = !options.streamsExcludeConsumerMetrics;
      await writeStreams(source, [...streams.values()], { withConsumers }, families, failed);
    });
  }

  /** Where keys are asked of: this server, or the cluster that it is a node of. */
  private async keySource(): Promise<{ readonly source: KeySource; close(): void }> {
    const { connection, options } = this;
    if (!options.isCluster) {
      const ask = (commands: readonly Command[]) => connection.ask(commands);
      return { source: { ask, scanned: [connection], isCluster: false }, close() {} };
    }
    let cluster: ClusterConnection;
    try {
      cluster = await ClusterConnection.open(this.address, this.credentials, options, connection.deadline);
    } catch (error) {
      this.server.tell('Connecting to the cluster', error as Error);
      throw error;
    }
    this.server.tell('Connecting to the cluster', null);
    const ask = (commands: readonly Command[]) => cluster.ask(commands);
    return { source: { ask, scanned: cluster.masters(), isCluster: true }, close: () => cluster.close() };
  }

  private part(name: string, work: () => void): void {
    try {
      work();
      this.server.tell(name, null);
    } catch (error) {
      this.server.tell(name, error as Error);
    }
  }

  private async asyncPart(name: string, work: (failed: (error: Error) => void) => Promise<void>): Promise<void> {
    let failure: Error | null = null;
    try {
      await work((error) => {
        failure ??= error;
      });
    } catch (error) {
      failure = error as Error;
    }
    this.server.tell(name, failure);
  }
}
