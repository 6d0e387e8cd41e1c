import { randomUUID } from 'node:crypto';
import type { Logger } from '@avalanche/model';
import { Redis } from 'ioredis';
import { decodeEnvelope, encodeEnvelope } from './envelope.ts';
import type { QueueStatus } from './metrics.ts';
import type { CeleryEvent } from './tasks.ts';

const INSPECT_WAIT_MS = 1_000;
const SEPARATOR = '\x06\x16';

interface WorkerStats {
  readonly pool?: { readonly processes?: readonly unknown[] };
}
type ActiveQueues = readonly { readonly name: string }[];

/**
 * A Celery broker on Redis: its events, which are published and kept by nobody, and the state of its queues, which is
 * asked for in the background so that a scrape answers at once.
 */
export class RedisBroker {
  private readonly client: Redis;
  private readonly subscriber: Redis;
  private readonly database: number;
  private readonly knownQueues: Set<string>;
  connected = false;
  /** By queue name; a queue stays once it has been seen. */
  readonly queues = new Map<string, QueueStatus>();

  constructor(
    url: string,
    queues: readonly string[],
    private readonly logger: Logger,
  ) {
    const options = { lazyConnect: true, maxRetriesPerRequest: 1, retryStrategy: () => 1_000 };
    this.client = new Redis(url, { ...options, connectionName: 'celery_exporter' });
    this.subscriber = new Redis(url, { ...options, connectionName: 'celery_exporter' });
    this.database = this.client.options.db ?? 0;
    this.knownQueues = new Set(queues);
    for (const client of [this.client, this.subscriber]) {
      client.on('error', (error: Error) => {
        if (this.connected) this.logger.warn('The broker does not answer', { error });
        this.connected = false;
      });
    }
    this.subscriber.on('ready', () => {
      this.connected = true;
      // At every connection: what was asked for while the broker was away has been given up.
      void this.subscribe();
    });
  }

  /** Listens to events. Goes on over lost connections; what is published meanwhile is lost, as Celery keeps nothing. */
  async listen(take: (event: CeleryEvent) => void): Promise<void> {
    this.subscriber.on('pmessage', (_pattern: string, _channel: string, message: string) => {
      try {
        const body = decodeEnvelope(message);
        for (const event of Array.isArray(body) ? body : [body]) take(event as CeleryEvent);
      } catch (error) {
        this.logger.warn('An event of the broker cannot be read', { error });
      }
    });
    this.client.connect().catch(() => {}); // told by the error handler; ioredis goes on trying
    await this.subscriber.connect().then(
      () => this.subscribe(),
      () => {},
    );
  }

  /** Asks every worker to report at once. */
  async requestHeartbeats(): Promise<void> {
    await this.broadcast({ method: 'heartbeat', arguments: {}, destination: null, pattern: null, matcher: null });
  }

  /** One round of what workers serve which queue, and how long the queues are. @throws where the broker is away */
  async refreshQueues(): Promise<void> {
    const [stats, active] = await Promise.all([this.inspect('stats'), this.inspect('active_queues')]);
    const workers = new Map<string, { workers: number; processes: number }>();
    for (const [worker, queues] of active as ReadonlyMap<string, ActiveQueues>) {
      const processes = (stats.get(worker) as WorkerStats | undefined)?.pool?.processes?.length ?? 0;
      for (const { name } of queues) {
        const queue = workers.get(name) ?? { workers: 0, processes: 0 };
        queue.workers++;
        queue.processes += processes;
        workers.set(name, queue);
        this.knownQueues.add(name);
      }
    }
    for (const name of this.knownQueues) {
      const length = await this.client.llen(name).catch(() => 0); // a key of another type is not a queue
      this.queues.set(name, { length, ...(workers.get(name) ?? { workers: 0, processes: 0 }) });
    }
  }

  close(): void {
    this.client.disconnect();
    this.subscriber.disconnect();
  }

  private async subscribe(): Promise<void> {
    await this.subscriber.psubscribe(`/${this.database}.celeryev/*`).catch(() => {}); // tried again when connected
  }

  private async broadcast(body: object): Promise<void> {
    const expires = Date.now() / 1000 + 1;
    const channel = `/${this.database}.celery.pidbox`;
    await this.client.publish(channel, encodeEnvelope(body, 'celery.pidbox', randomUUID(), expires));
  }

  /** Asks all workers a question and collects what they answer within a second, by worker. */
  private async inspect(method: string): Promise<Map<string, unknown>> {
    const route = randomUUID();
    const replies = `${route}.reply.celery.pidbox`;
    const binding = '_kombu.binding.reply.celery.pidbox';
    const member = `${route}${SEPARATOR}${SEPARATOR}${replies}`;
    await this.client.sadd(binding, member);
    try {
      await this.broadcast({
        method,
        arguments: {},
        destination: null,
        pattern: null,
        matcher: null,
        ticket: randomUUID(),
        reply_to: { exchange: 'reply.celery.pidbox', routing_key: route },
      });
      await new Promise((resolve) => setTimeout(resolve, INSPECT_WAIT_MS).unref());
      const messages = await this.client.lrange(replies, 0, -1);
      return new Map(messages.flatMap((message) => Object.entries(decodeEnvelope(message) as object)));
    } finally {
      await this.client.srem(binding, member);
      await this.client.del(replies);
    }
  }
}
