import { randomUUID } from 'node:crypto';
import { type Channel, type ChannelModel, type ConsumeMessage, connect } from 'amqplib';
import type { Broker, BrokerListener, QueueMeasure } from './broker.ts';
import { type BrokerAddress, type BrokerOptions, tlsOptions } from './broker-address.ts';
import {
  type ControlMethod,
  controlMessage,
  INSPECT_METHODS,
  INSPECT_WAIT_MS,
  type InspectReply,
  repliesOf,
} from './inspect.ts';
import { Reconnecting, type Session } from './reconnecting.ts';

export interface RabbitmqBrokerOptions {
  readonly addresses: readonly BrokerAddress[];
  readonly tls: BrokerOptions;
  readonly retryMs: number;
}

const CONNECT_TIMEOUT_MS = 5_000;
/** A connection on which nothing came for two of these is dead. */
const HEARTBEAT_SECONDS = 15;
/** Channels that ask for lengths of queues side by side. */
const MEASURING_CHANNELS = 4;
/** A queue that does not exist is not looked for again before this. */
const MISSING_MS = 30_000;
const CONTROL_EXCHANGE = 'celery.pidbox';
const NOT_FOUND = 404;

/** Celery's settings `event_queue_ttl` and `event_queue_expires`: events that nobody takes do not pile up. */
const EVENT_QUEUE = { exclusive: true, autoDelete: true, durable: false, messageTtl: 5_000, expires: 60_000 };

class RabbitmqSession implements Session {
  /** Answers since the last question. */
  replies: InspectReply[] = [];

  constructor(
    readonly connection: ChannelModel,
    readonly channel: Channel,
    readonly replyQueue: string,
  ) {}

  async close(): Promise<void> {
    await this.connection.close().catch(() => {}); // it may have been closed by the other side
  }
}

/** A broker on RabbitMQ: events come by a queue of our own, and queues are looked at by declaring them passively. */
export class RabbitmqBroker implements Broker {
  readonly address: string;
  private sessions: Reconnecting<RabbitmqSession> | undefined;
  /** Queues that did not exist, and when we looked, in milliseconds of `performance.now()`. */
  private readonly missing = new Map<string, number>();

  constructor(private readonly options: RabbitmqBrokerOptions) {
    this.address = options.addresses.map(({ shown }) => shown).join(';');
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
    if (await this.hasWorkers()) this.publish(controlMessage(method));
  }

  async inspect(): Promise<InspectReply[]> {
    const { session } = this;
    session.replies = [];
    if (!(await this.hasWorkers())) return [];
    for (const method of INSPECT_METHODS) this.publish(controlMessage(method, session.replyQueue));
    await new Promise((resolve) => setTimeout(resolve, INSPECT_WAIT_MS));
    return session.replies;
  }

  /** The protocol has no list of queues: they are known by their workers and by what is sent to them. */
  async discoverQueues(): Promise<string[]> {
    return [];
  }

  async measure(queues: readonly string[]): Promise<Map<string, QueueMeasure>> {
    const { connection } = this.session;
    const out = new Map<string, QueueMeasure>();
    const left = queues.values();
    const channels = Math.min(MEASURING_CHANNELS, queues.length);
    await Promise.all(Array.from({ length: channels }, () => this.measureAll(connection, left, out)));
    return out;
  }

  /** Takes queues until there are none left; to look for one that does not exist costs a channel. */
  private async measureAll(
    connection: ChannelModel,
    left: Iterator<string>,
    out: Map<string, QueueMeasure>,
  ): Promise<void> {
    let channel: Channel | null = null;
    for (let next = left.next(); !next.done; next = left.next()) {
      const queue = next.value;
      if (performance.now() - (this.missing.get(queue) ?? Number.NEGATIVE_INFINITY) < MISSING_MS) {
        out.set(queue, { length: 0, consumers: 0 });
        continue;
      }
      channel ??= await openChannel(connection);
      try {
        const { messageCount, consumerCount } = await channel.checkQueue(queue);
        out.set(queue, { length: messageCount, consumers: consumerCount });
        this.missing.delete(queue);
      } catch (error) {
        if (!isNotFound(error)) throw error;
        out.set(queue, { length: 0, consumers: 0 });
        this.missing.set(queue, performance.now());
        channel = null;
      }
    }
    await channel?.close();
  }

  async oldestTasks(): Promise<Map<string, string>> {
    return new Map(); // a message can only be seen by taking it
  }

  async unacknowledged(): Promise<number | null> {
    return null;
  }

  async probe(): Promise<void> {
    const channel = await openChannel(this.session.connection);
    await channel.close();
  }

  async close(): Promise<void> {
    await this.sessions?.close();
  }

  private get session(): RabbitmqSession {
    if (!this.sessions) throw new Error('the broker was not opened');
    return this.sessions.current;
  }

  private async connect(attempt: number, lost: (error: Error) => void, listener: BrokerListener) {
    const address = this.options.addresses[attempt % this.options.addresses.length];
    const connection = await openConnection(address, this.options.tls);
    let failure: Error | undefined;
    connection.on('error', (error: Error) => {
      failure = error;
    });
    connection.on('close', () => lost(failure ?? new Error('the broker closed the connection')));
    try {
      return await this.listen(connection, lost, listener);
    } catch (error) {
      connection.close().catch(() => {});
      throw failure ?? error;
    }
  }

  private async listen(
    connection: ChannelModel,
    lost: (error: Error) => void,
    listener: BrokerListener,
  ): Promise<RabbitmqSession> {
    if (!(await exchangeExists(connection, 'celeryev'))) {
      const first = await openChannel(connection);
      await first.assertExchange('celeryev', 'topic', { durable: true });
      await first.close();
    }
    const channel = await connection.createChannel();
    channel.on('error', lost);
    const events = `celeryev.${randomUUID()}`;
    await channel.assertQueue(events, EVENT_QUEUE);
    await channel.bindQueue(events, 'celeryev', '#');
    await channel.consume(events, (message) => (message ? takeEvents(message, listener) : lost(NO_QUEUE)), {
      noAck: true,
    });
    const replyQueue = `${randomUUID()}.reply.celery.pidbox`;
    const session = new RabbitmqSession(connection, channel, replyQueue);
    await channel.assertQueue(replyQueue, EVENT_QUEUE);
    await channel.consume(replyQueue, (message) => takeReplies(message, session, listener), { noAck: true });
    return session;
  }

  /** Before the first worker there is no control exchange, and to publish to it would close our channel. */
  private hasWorkers(): Promise<boolean> {
    return exchangeExists(this.session.connection, CONTROL_EXCHANGE);
  }

  private publish(body: object): void {
    this.session.channel.publish(CONTROL_EXCHANGE, '', Buffer.from(JSON.stringify(body)), {
      contentType: 'application/json',
      contentEncoding: 'utf-8',
      headers: { clock: 1, expires: Date.now() / 1000 + 10 },
    });
  }
}

function openConnection(address: BrokerAddress, options: BrokerOptions): Promise<ChannelModel> {
  const tls = tlsOptions(address, options);
  return connect(
    {
      protocol: tls ? 'amqps' : 'amqp',
      hostname: address.host,
      port: address.port,
      username: address.user || 'guest',
      password: address.user === '' ? 'guest' : address.password,
      vhost: address.path === '' ? '/' : address.path,
      heartbeat: HEARTBEAT_SECONDS,
    },
    { timeout: CONNECT_TIMEOUT_MS, clientProperties: { connection_name: 'celery_exporter' }, ...tls },
  );
}

/** A channel whose errors are told by the calls that cause them. */
async function openChannel(connection: ChannelModel): Promise<Channel> {
  const channel = await connection.createChannel();
  channel.on('error', () => {});
  return channel;
}

async function exchangeExists(connection: ChannelModel, name: string): Promise<boolean> {
  const channel = await openChannel(connection);
  try {
    await channel.checkExchange(name);
    await channel.close();
    return true;
  } catch (error) {
    if (isNotFound(error)) return false; // which has closed the channel
    throw error;
  }
}

function isNotFound(error: unknown): boolean {
  return (error as { code?: unknown }).code === NOT_FOUND;
}

const NO_QUEUE = new Error('the queue of events was deleted');

function takeEvents(message: ConsumeMessage, listener: BrokerListener): void {
  try {
    listener.events(JSON.parse(message.content.toString('utf8')));
  } catch (error) {
    listener.unreadable(error as Error);
  }
}

function takeReplies(message: ConsumeMessage | null, session: RabbitmqSession, listener: BrokerListener): void {
  if (!message) return;
  try {
    const body: unknown = JSON.parse(message.content.toString('utf8'));
    session.replies.push(...repliesOf(message.properties.headers?.ticket, body));
  } catch (error) {
    listener.unreadable(error as Error);
  }
}
