import { FamilyWriter } from '@avalanche/exposition';
import type { Logger } from '@avalanche/model';
import type { ListenAddress, RunningRole, WebOptions } from '@avalanche/web';
import { Redis } from 'ioredis';
import { sendFamilies, startExporterServer } from '../base/server.ts';
import { type RedisAnswers, redisFamilies } from './families.ts';

export interface RedisExporterOptions {
  readonly listen: ListenAddress;
  readonly web?: WebOptions | undefined;
  readonly logger: Logger;
  readonly version: string;
  readonly telemetryPath?: string;
  /** `redis://`, `rediss://`, `unix://` or `host:port`; '' where targets are named by `/scrape?target=`. */
  readonly address: string;
  readonly user?: string;
  readonly password?: string;
}

const TIMEOUT_MS = 5_000;

/** A client that fails at once where the server is away, instead of queueing. */
function connect(address: string, { user, password }: Partial<RedisExporterOptions>): Redis {
  const url = /^(redis|rediss):\/\//.test(address)
    ? address
    : address.startsWith('unix://')
      ? address.slice('unix://'.length)
      : `redis://${address}`;
  const client = new Redis(url, {
    lazyConnect: true,
    enableOfflineQueue: false,
    connectTimeout: TIMEOUT_MS,
    commandTimeout: TIMEOUT_MS,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    connectionName: 'redis_exporter',
    ...(user ? { username: user } : {}),
    ...(password ? { password } : {}),
  });
  client.on('error', () => {}); // each failure is told where it is met: by connect or by a command
  return client;
}

/** Whether a server lets us in. */
export async function redisAnswers(address: string): Promise<boolean> {
  const client = connect(address, {});
  try {
    await client.connect();
    return (await client.ping()) === 'PONG';
  } catch {
    return false;
  } finally {
    client.disconnect();
  }
}

/** Starts the Redis exporter. */
export async function startRedisExporter(options: RedisExporterOptions): Promise<RunningRole> {
  const server = new RedisServer(options.address, options);
  let targetErrors = 0;
  return startExporterServer({
    role: 'redis-exporter',
    title: 'Redis Exporter',
    prefix: 'redis',
    listen: options.listen,
    web: options.web,
    version: options.version,
    telemetryPath: options.telemetryPath ?? '/metrics',
    async scrape() {
      const families = options.address === '' ? new FamilyWriter() : await server.scrape();
      families
        .counter('redis_target_scrape_request_errors_total', 'Requests to /scrape that were wrong.')
        .add(targetErrors);
      return families;
    },
    routes(app) {
      app.get('/health', async () => 'ok');
      app.get('/scrape', async (request, reply) => {
        const { target } = request.query as { readonly target?: string };
        if (!target) {
          targetErrors++;
          return reply.code(400).type('text/plain').send("'target' parameter must be specified\n");
        }
        const families = await new RedisServer(target, options).scrape();
        return sendFamilies(reply, families);
      });
    },
  });
}

/** One watched server. A scrape opens a connection and closes it: nothing is left behind on the server. */
class RedisServer {
  private scrapes = 0;
  private wasUp: boolean | undefined;
  private secondsSum = 0;

  constructor(
    private readonly address: string,
    private readonly options: RedisExporterOptions,
  ) {}

  async scrape(): Promise<FamilyWriter> {
    const families = new FamilyWriter();
    const begin = performance.now();
    this.scrapes++;
    const client = connect(this.address, this.options);
    let failure = '';
    let connectSeconds = 0;
    try {
      await client.connect();
      connectSeconds = (performance.now() - begin) / 1000;
      redisFamilies(await ask(client), families);
      if (this.wasUp === false) this.options.logger.info('Redis is back');
    } catch (error) {
      failure = (error as Error).message;
      if (this.wasUp !== false) this.options.logger.warn('Redis does not answer', { error });
    } finally {
      client.disconnect();
    }
    this.wasUp = failure === '';
    const seconds = (performance.now() - begin) / 1000;
    this.secondsSum += seconds;
    this.writeScrape(families, { failure, seconds, connectSeconds });
    return families;
  }

  private writeScrape(
    families: FamilyWriter,
    { failure, seconds, connectSeconds }: { failure: string; seconds: number; connectSeconds: number },
  ): void {
    families.gauge('redis_up', 'Whether the server could be asked.').add(failure === '' ? 1 : 0);
    families
      .gauge('redis_exporter_last_scrape_error', 'Whether the last scrape had an error, with the error as label.')
      .add(failure === '' ? 0 : 1, { err: failure });
    families.gauge('redis_exporter_last_scrape_duration_seconds', 'How long the last scrape took.').add(seconds);
    families
      .gauge('redis_exporter_last_scrape_connect_time_seconds', 'How long connecting took at the last scrape.')
      .add(connectSeconds);
    families.counter('redis_exporter_scrapes_total', 'Scrapes since the start.').add(this.scrapes);
    families
      .family('redis_exporter_scrape_duration_seconds', 'summary', 'How long scrapes took.')
      .add(this.secondsSum, {}, '_sum')
      .add(this.scrapes, {}, '_count');
  }
}

async function ask(client: Redis): Promise<RedisAnswers> {
  const orNull = <T>(answer: Promise<T>) => answer.catch(() => null);
  const [info, config, length, last] = await Promise.all([
    client.info('all').catch(() => client.info()),
    orNull(client.config('GET', '*') as Promise<string[]>),
    orNull(client.slowlog('LEN') as Promise<number>),
    orNull(client.slowlog('GET', 1) as Promise<unknown[][]>),
  ]);
  const slowlog =
    length === null || last === null
      ? null
      : { length: Number(length), lastId: Number(last[0]?.[0] ?? 0), lastMicros: Number(last[0]?.[2] ?? 0) };
  return { info, config, slowlog };
}
