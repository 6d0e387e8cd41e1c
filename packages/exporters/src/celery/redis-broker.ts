import { randomUUID } from 'node:crypto';
import { Redis, type RedisOptions } from 'ioredis';
import type { Broker, BrokerListener, QueueMeasure } from './broker.ts';
import { type BrokerAddress, type BrokerOptions, tlsOptions } from './broker-address.ts';
import { decodeEnvelope, encodeEnvelope, taskIdOf } from './envelope.ts';
import {
  type ControlMethod,
  controlMessage,
  INSPECT_METHODS,
  INSPECT_WAIT_MS,
  type InspectReply,
  repliesOf,
} from './inspect.ts';
import { Reconnecting, type Session } from './reconnecting.ts';

export interface RedisBrokerOptions {
  readonly addresses: readonly BrokerAddress[];
  /** Celery's `broker_transport_options`. */
  readonly transport: BrokerOptions;
  readonly tls: BrokerOptions;
  readonly retryMs: number;
  /** Whether messages of all priorities are counted, not only of the lowest. */
  readonly countPriorities: boolean;
}

const COMMAND_TIMEOUT_MS = 5_000;
/** Commands sent to Redis in one go. */
const PIPELINE_MAX = 1_000;
/** Messages can be long, so few are fetched at once. */
const MESSAGES_MAX = 16;
/** How many steps through the keys one round of discovery makes, and how many exchanges it remembers. */
const SCANS_A_ROUND = 20;
const EXCHANGES_MAX = 1_000;

/** Without what ioredis declares twice. */
type ClientOptions = Omit<RedisOptions, 'replyMapping'>;

class RedisSession implements Session {
  constructor(
    readonly client: Redis,
    readonly subscriber: Redis,
    private readonly lost: (error: Error) => void,
  ) {}

  /** Gives up a connection that listens to nothing any more: it would not notice by itself. */
  async check(): Promise<void> {
    try {
      await this.subscriber.ping();
    } catch (error) {
      this.lost(error as Error);
      throw error;
    }
  }

  close(): void {
    this.client.disconnect();
    this.subscriber.disconnect();
  }
}

/** A broker on Redis. Events are published to whoever listens and kept by nobody; what happens while we are away is lost. */
export class RedisBroker implements Broker {
  readonly address: string;
  private sessions: Reconnecting<RedisSession> | undefined;
  private readonly names: KeyNames;
  private readonly replyQueue = `${randomUUID()}.reply.celery.pidbox`;
  /** Binding sets found so far; the one of Celery's default exchange is there without a search. */
  private readonly exchanges: Set<string>;
  private cursor = '0';

  constructor(private readonly options: RedisBrokerOptions) {
    this.address = options.addresses.map(({ shown }) => shown).join(';');
    this.names = new KeyNames(options.transport, databaseOf(options.addresses[0]));
    this.exchanges = new Set([this.names.binding('celery')]);
  }

  /** For commands of others. @throws Error while there is no connection */
  get redis(): Redis {
    return this.session.client;
  }

  open(listener: BrokerListener): void {
    this.sessions = new Reconnecting({
      connect: (attempt, lost) => this.connect(attempt, lost, listener),
      connected: () => listener.connected(),
      lost: (error) => listener.lost(error),
      retryMs: this.options.retryMs,
    });
    this.sessions.start();
  }

  async broadcast(method: ControlMethod): Promise<void> {
    await this.publish(controlMessage(method));
  }

  async inspect(): Promise<InspectReply[]> {
    const { session } = this;
    const { client } = session;
    await session.check();
    for (const method of INSPECT_METHODS) await this.publish(controlMessage(method, this.replyQueue));
    await new Promise((resolve) => setTimeout(resolve, INSPECT_WAIT_MS));
    const key = this.names.key(this.replyQueue);
    const results = await client.multi().lrange(key, 0, -1).del(key).exec();
    const messages = (results?.[0]?.[1] ?? []) as string[];
    return messages.flatMap((message) => {
      const { headers, body } = decodeEnvelope(message);
      return repliesOf(headers?.ticket, body);
    });
  }

  /** The queues in the bindings of direct exchanges. Other bindings are found step by step, as keys can be many. */
  async discoverQueues(): Promise<string[]> {
    const { client } = this.session;
    for (let i = 0; i < SCANS_A_ROUND && this.exchanges.size < EXCHANGES_MAX; i++) {
      const pattern = `${escapeGlob(this.names.binding(''))}*`;
      const [cursor, keys] = await client.scan(this.cursor, 'MATCH', pattern, 'COUNT', PIPELINE_MAX);
      for (const key of keys) if (!isInternal(key)) this.exchanges.add(key);
      this.cursor = cursor;
      if (cursor === '0') break;
    }
    const results = await this.pipelined([...this.exchanges].map((key) => ['smembers', key]));
    const members = results.flatMap((result) => (Array.isArray(result) ? (result as string[]) : []));
    const queues = members.map((member) => member.split(this.names.separator).at(-1) ?? '');
    return queues.filter((queue) => queue !== '' && !isInternal(queue));
  }

  async measure(queues: readonly string[]): Promise<Map<string, QueueMeasure>> {
    const steps = this.options.countPriorities ? this.names.prioritySteps : [0];
    const lengths = await this.pipelined(
      queues.flatMap((queue) => steps.map((step) => ['llen', this.names.queue(queue, step)])),
    );
    return new Map(
      queues.map((queue, i) => {
        const own = lengths.slice(i * steps.length, (i + 1) * steps.length);
        return [queue, { length: own.reduce<number>((sum, length) => sum + (Number(length) || 0), 0) }];
      }),
    );
  }

  /** Producers push to the left and workers take from the right. */
  async oldestTasks(queues: readonly string[]): Promise<Map<string, string>> {
    const out = new Map<string, string>();
    for (let i = 0; i < queues.length; i += MESSAGES_MAX) {
      const some = queues.slice(i, i + MESSAGES_MAX);
      const messages = await this.pipelined(some.map((queue) => ['lindex', this.names.queue(queue, 0), '-1']));
      some.forEach((queue, at) => {
        const id = typeof messages[at] === 'string' ? readTaskId(messages[at]) : undefined;
        if (id !== undefined) out.set(queue, id);
      });
    }
    return out;
  }

  async unacknowledged(): Promise<number | null> {
    const key = this.options.transport.unacked_key ?? 'unacked';
    return this.session.client.hlen(this.names.key(String(key)));
  }

  async probe(): Promise<void> {
    await this.session.client.ping();
  }

  async close(): Promise<void> {
    try {
      await this.session.client.del(this.names.key(this.replyQueue));
    } catch {
      // the broker is away, and so is the list
    }
    await this.sessions?.close();
  }

  private get session(): RedisSession {
    if (!this.sessions) throw new Error('the broker was not opened');
    return this.sessions.current;
  }

  private async connect(attempt: number, lost: (error: Error) => void, listener: BrokerListener) {
    const { addresses, transport, tls } = this.options;
    const options = connectionOptions(addresses, attempt, transport, tls);
    const session = new RedisSession(new Redis(options), new Redis(options), lost);
    const { client, subscriber } = session;
    let failure: Error | undefined;
    for (const one of [client, subscriber]) {
      one.on('error', (error: Error) => {
        failure = error;
      });
      one.on('close', () => lost(failure ?? new Error('the broker closed the connection')));
    }
    subscriber.on('pmessage', (_pattern: string, _channel: string, message: string) => take(message, listener));
    subscriber.on('message', (_channel: string, message: string) => take(message, listener));
    try {
      // One after the other: ioredis must not be told to disconnect while it greets by TLS, for then an error of the socket is
      // heard by nobody and ends the process.
      await client.connect();
      await subscriber.connect();
      const events = this.names.channel('celeryev');
      if (isFalse(transport.fanout_patterns)) await subscriber.subscribe(events);
      else await subscriber.psubscribe(`${escapeGlob(events)}/*`);
    } catch (error) {
      session.close();
      throw failure ?? error;
    }
    return session;
  }

  private async publish(body: object): Promise<void> {
    const expires = Date.now() / 1000 + 10;
    const channel = this.names.channel('celery.pidbox');
    await this.session.client.publish(channel, encodeEnvelope(body, 'celery.pidbox', randomUUID(), expires));
  }

  /** What each command gave, or undefined where it failed, as with a key of another type. */
  private async pipelined(commands: readonly string[][]): Promise<unknown[]> {
    const { client } = this.session;
    const out: unknown[] = [];
    for (let i = 0; i < commands.length; i += PIPELINE_MAX) {
      const results = await client.pipeline(commands.slice(i, i + PIPELINE_MAX)).exec();
      for (const [error, result] of results ?? []) {
        if (error && !/^WRONGTYPE/.test(error.message)) throw error;
        out.push(error ? undefined : result);
      }
    }
    return out;
  }
}

/** Kombu's names for keys and channels, as its transport options change them. */
class KeyNames {
  readonly separator: string;
  readonly prioritySteps: readonly number[];
  private readonly prefix: string;
  private readonly fanout: string;

  constructor(options: BrokerOptions, database: number) {
    this.prefix = String(options.global_keyprefix ?? '');
    this.separator = String(options.sep ?? '\x06\x16');
    const steps = options.priority_steps;
    this.prioritySteps = Array.isArray(steps) ? steps.map(Number) : [0, 3, 6, 9];
    const { fanout_prefix: fanout = true } = options;
    const pattern = typeof fanout === 'string' ? fanout : '/{db}.';
    this.fanout = isFalse(fanout) ? '' : pattern.replaceAll('{db}', String(database));
  }

  key(name: string): string {
    return `${this.prefix}${name}`;
  }

  queue(name: string, priority: number): string {
    return this.key(priority === 0 ? name : `${name}${this.separator}${priority}`);
  }

  binding(exchange: string): string {
    return this.key(`_kombu.binding.${exchange}`);
  }

  /** The channel of a fanout exchange. */
  channel(exchange: string): string {
    return this.key(`${this.fanout}${exchange}`);
  }
}

function isFalse(value: unknown): boolean {
  return value === false || value === 0 || value === 'False' || value === 'false';
}

/** Exchanges and queues that Celery has for itself. */
function isInternal(name: string): boolean {
  return name.endsWith('.pidbox') || /(^|\.)celeryev(\.|$)/.test(name);
}

function take(message: string, listener: BrokerListener): void {
  try {
    listener.events(decodeEnvelope(message).body);
  } catch (error) {
    listener.unreadable(error as Error);
  }
}

function readTaskId(message: string): string | undefined {
  try {
    return taskIdOf(message);
  } catch {
    return undefined;
  }
}

function escapeGlob(text: string): string {
  return text.replace(/[\\*?[\]]/g, '\\$&');
}

/** @throws Error as kombu, where the path is no number */
function databaseOf(address: BrokerAddress): number {
  const text = address.transport === 'socket' ? (address.query.get('virtual_host') ?? '') : address.path;
  const digits = text.replace(/^\//, '');
  if (!/^\d*$/.test(digits)) throw new Error(`Database is int between 0 and limit - 1, not ${JSON.stringify(text)}`);
  return Number(digits);
}

function connectionOptions(
  addresses: readonly BrokerAddress[],
  attempt: number,
  transport: BrokerOptions,
  ssl: BrokerOptions,
): ClientOptions {
  const address = addresses[attempt % addresses.length];
  const tls = tlsOptions(address, ssl);
  const common: ClientOptions = {
    lazyConnect: true,
    enableOfflineQueue: false,
    enableReadyCheck: false, // it needs INFO; a Redis that is still loading fails the scrape
    maxRetriesPerRequest: 0,
    retryStrategy: () => null, // connecting again is the broker's own business
    connectTimeout: secondsOf(transport.socket_connect_timeout),
    commandTimeout: secondsOf(transport.socket_timeout),
    connectionName: String(transport.client_name ?? 'celery_exporter'),
    db: databaseOf(address),
    ...(address.user === '' ? {} : { username: address.user }),
    ...(address.password === '' ? {} : { password: address.password }),
    ...(tls ? { tls } : {}),
  };
  if (address.transport === 'socket') return { ...common, path: `/${address.path.replace(/^\//, '')}` };
  if (address.transport === 'redis') return { ...common, host: address.host, port: address.port };
  const master = transport.master_name;
  if (typeof master !== 'string') throw new Error("'master_name' transport option must be specified.");
  const own = (transport.sentinel_kwargs ?? {}) as { readonly username?: string; readonly password?: string };
  return {
    ...common,
    name: master,
    sentinels: addresses.map(({ host, port }) => ({ host, port })),
    sentinelRetryStrategy: () => null,
    ...(own.username === undefined ? {} : { sentinelUsername: own.username }),
    ...(own.password === undefined ? {} : { sentinelPassword: own.password }),
    ...(tls ? { sentinelTLS: tls, enableTLSForSentinelMode: true } : {}),
  };
}

function secondsOf(value: unknown): number {
  return typeof value === 'number' && value > 0 ? value * 1000 : COMMAND_TIMEOUT_MS;
}
