import { FamilyWriter } from '@avalanche/exposition';
import type { Logger } from '@avalanche/model';
import { FailureLog } from '../base/failure-log.ts';
import type { Scrape } from '../base/scrape.ts';
import { publicAddress, type RedisAddress } from './address.ts';
import { writeClients } from './clients.ts';
import { ClusterConnection, type Command, Connection, type Credentials, type Reply } from './connection.ts';
import { RedisFamilies } from './families.ts';
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
  SETTINGS,
  writeCommandLogs,
  writeConfig,
  writeLatencyHistograms,
  writeLatencySpikes,
  writeSlowlog,
} from './server-answers.ts';
import { writeStreams } from './streams.ts';

const DEFAULT_DATABASES = 16;
/** Where nobody says how long a scrape may take: this many times the timeout of one answer. */
const ANSWERS_A_SCRAPE = 4;
const REFUSED_FOR_MS = 3_600_000;
/** Walking through keys leaves this share of the time to what comes after it. */
const SCAN_SHARE = 0.8;

/** One watched server. A scrape opens a connection and closes it: nothing is left behind on the server. */
export class RedisServer {
  private readonly failures: FailureLog;
  /** Commands that this server does not know or allow, with when they are asked again, as each refusal counts as an error there. */
  private readonly refused = new Map<string, number>();
  private runId = '';
  private asksSettingsByName = false;
  private scrapes = 0;
  private secondsSum = 0;

  constructor(
    private readonly address: RedisAddress,
    private readonly options: RedisScrapeOptions,
    logger: Logger,
  ) {
    this.failures = new FailureLog(logger.child({ server: publicAddress(address) }));
  }

  /** @param credentials who the exporter is this time, as a password file may have been read again */
  async scrape(scrape: Scrape, credentials: Credentials): Promise<FamilyWriter> {
    const begin = performance.now();
    const { connectionTimeoutMs, namespace } = this.options;
    const deadline = Math.min(scrape.deadline, begin + ANSWERS_A_SCRAPE * connectionTimeoutMs);
    const families = new RedisFamilies(new FamilyWriter(), namespace);
    let failure = '';
    let connection: Connection | undefined;
    try {
      connection = await this.connect(deadline, begin, families);
      await new ServerScrape(connection, this.address, this.options, credentials, this).run(deadline, families);
    } catch (error) {
      failure = (error as Error).message || String(error);
    } finally {
      connection?.close();
    }
    this.failures.tell('Scraping', failure === '' ? null : failure);
    this.writeOwn(families, failure, (performance.now() - begin) / 1000);
    return families.writer;
  }

  /** Tells of a part that failed; the others are not held up. */
  tell(part: string, error: Error | null): void {
    this.failures.tell(part, error === null ? null : error.message);
  }

  isRefused(command: string): boolean {
    return performance.now() < (this.refused.get(command) ?? 0);
  }

  /** Remembers a refusal, but not that the server is loading or busy just now. */
  refuse(command: string, { message }: Error): void {
    this.tell(command, new Error(message));
    if (/^(?:ERR|NOPERM)\b/.test(message)) this.refused.set(command, performance.now() + REFUSED_FOR_MS);
  }

  /** A server that was started anew may be another one. */
  meet(runId: string, version: string): void {
    if (runId === this.runId) return;
    this.runId = runId;
    this.asksSettingsByName = Number.parseInt(version, 10) >= 7 && !this.options.includeConfigMetrics;
    this.refused.clear();
  }

  /** What CONFIG GET is asked for: from Redis 7 on, only the settings that are told, which is a tenth of all. */
  get settings(): readonly string[] {
    return this.asksSettingsByName ? SETTINGS : ['*'];
  }

  private async connect(deadline: number, begin: number, families: RedisFamilies): Promise<Connection> {
    try {
      return await Connection.open(this.address, this.options, deadline);
    } finally {
      const seconds = (performance.now() - begin) / 1000;
      families.gauge('exporter_last_scrape_connect_time_seconds', 'Seconds that connecting took last time.', seconds);
    }
  }

  private writeOwn(families: RedisFamilies, failure: string, seconds: number): void {
    this.scrapes++;
    this.secondsSum += seconds;
    const isUp = failure === '';
    families.gauge('up', 'Whether the server could be asked.', isUp ? 1 : 0);
    families.gauge('exporter_last_scrape_error', 'Whether the last scrape failed, and why.', isUp ? 0 : 1, {
      err: failure,
    });
    families.gauge('exporter_last_scrape_duration_seconds', 'Seconds that the last scrape took.', seconds);
    families.role = undefined;
    families.counter('exporter_scrapes_total', 'Scrapes since the start.', this.scrapes);
    const summary = { quantiles: [], sum: this.secondsSum, count: this.scrapes };
    families.summary('exporter_scrape_duration_seconds', 'Seconds that scrapes took.', {}, summary);
  }
}

/** What one scrape asks over its connection. */
class ServerScrape {
  constructor(
    private readonly connection: Connection,
    private readonly address: RedisAddress,
    private readonly options: RedisScrapeOptions,
    private readonly credentials: Credentials,
    private readonly server: RedisServer,
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

/** Addresses of all nodes of the cluster that a server is in. @throws where they cannot be had */
export async function clusterNodes(
  address: RedisAddress,
  options: RedisScrapeOptions,
  credentials: Credentials,
): Promise<string[]> {
  const deadline = performance.now() + options.connectionTimeoutMs;
  const connection = await Connection.open(address, options, deadline);
  try {
    const { user, password } = credentials;
    const auth: Command[] = password === '' ? [] : [user === '' ? ['AUTH', password] : ['AUTH', user, password]];
    const replies = await connection.ask([...auth, ['CLUSTER', 'NODES']]);
    const problem = replies.find((reply) => reply instanceof Error);
    if (problem) throw problem;
    return textOf(replies.at(-1))
      .split('\n')
      .flatMap((line) => nodeAddress(line, options.clusterDiscoverHostnames));
  } finally {
    connection.close();
  }
}

/** `<id> <ip:port@cport[,hostname]> <flags> …` */
export function nodeAddress(line: string, byHostname: boolean): string[] {
  const match = /^\S+ (.+?):(\d+)@\d+(?:,([^\s,]+))?[\s,]/.exec(`${line} `);
  if (!match) return [];
  const [, ip, port, hostname] = match;
  return [`${byHostname && hostname ? hostname : ip}:${port}`];
}
