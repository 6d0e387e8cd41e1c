import { readFileSync } from 'node:fs';
import { rootCertificates, type ConnectionOptions as TlsOptions } from 'node:tls';
import type { Cluster, Redis } from 'ioredis';
import type { RedisAddress } from './address.ts';
import type { RedisScrapeOptions } from './options.ts';

/** What a server answers to one command; an Error where it refuses. */
export type Reply = string | number | null | Error | readonly Reply[];
export type Command = readonly (string | number)[];

/** Something that commands can be put to. */
export interface Asker {
  /** Puts commands in one go; their answers come in the same order. @throws Error where there is no answer in time */
  ask(commands: readonly Command[]): Promise<Reply[]>;
}

type ConnectOptions = Pick<
  RedisScrapeOptions,
  | 'connectionTimeoutMs'
  | 'skipTlsVerification'
  | 'tlsClientCertFile'
  | 'tlsClientKeyFile'
  | 'tlsCaCertFile'
  | 'tlsServerName'
>;

/** Who the exporter is to the server. */
export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/**
 * One connection for one scrape. It says nothing of its own to the server: no HELLO, no INFO, so that what it asks is all that the
 * server counts. Nothing takes longer than the timeout, nor goes on after the deadline.
 */
export class Connection implements Asker {
  private failure: Error | undefined;

  private constructor(
    private readonly client: Redis,
    private readonly timeoutMs: number,
    /** In milliseconds of `performance.now()`. */
    readonly deadline: number,
  ) {
    client.on('error', (error: Error) => {
      this.failure ??= error;
    });
  }

  /** @throws Error where the server is not reached, or a file of its certificate cannot be read */
  static async open(address: RedisAddress, options: ConnectOptions, deadline: number): Promise<Connection> {
    const { Redis: Client } = await import('ioredis'); // 20 MB that only those need who watch a Redis
    const client = new Client({
      ...baseOptions(address, options),
      ...where(address),
      lazyConnect: true,
      enableOfflineQueue: false,
      retryStrategy: () => null,
    });
    const connection = new Connection(client, options.connectionTimeoutMs, deadline);
    try {
      await connection.inTime(client.connect());
      return connection;
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  async ask(commands: readonly Command[]): Promise<Reply[]> {
    const pipeline = this.client.pipeline();
    for (const [name, ...args] of commands) pipeline.call(String(name), ...args.map(String));
    const results = (await this.inTime(pipeline.exec())) ?? [];
    const lost = results.find(([error]) => error && error.name !== 'ReplyError')?.[0];
    if (lost) throw this.failure ?? lost;
    return results.map(([error, reply]) => error ?? (reply as Reply));
  }

  /** One command. @throws what the server refuses it with */
  async askOne(...command: Command): Promise<Exclude<Reply, Error>> {
    return soleReply(await this.ask([command]));
  }

  close(): void {
    this.client.disconnect();
  }

  private async inTime<T>(work: Promise<T>): Promise<T> {
    const ms = Math.max(0, Math.min(this.timeoutMs, this.deadline - performance.now()));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        reject(new Error(`no answer within ${Math.round(ms)} ms`));
        this.client.disconnect();
      }, ms);
    });
    try {
      return await Promise.race([work, late]);
    } catch (error) {
      throw this.failure ?? error;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** A cluster: a command goes to the node that has its key, and keys are walked through on all masters. */
export class ClusterConnection implements Asker {
  private failure: Error | undefined;

  private constructor(
    private readonly cluster: Cluster,
    private readonly timeoutMs: number,
    private readonly deadline: number,
  ) {
    cluster.on('error', (error: Error) => {
      this.failure ??= (error as { lastNodeError?: Error }).lastNodeError ?? error;
    });
  }

  /** @throws Error where no node is reached */
  static async open(
    address: RedisAddress,
    { user, password }: Credentials,
    options: ConnectOptions,
    deadline: number,
  ): Promise<ClusterConnection> {
    const { Cluster: Client } = await import('ioredis');
    const cluster = new Client([{ host: address.host, port: address.port }], {
      lazyConnect: true,
      enableOfflineQueue: false,
      enableReadyCheck: false,
      clusterRetryStrategy: () => null,
      slotsRefreshTimeout: options.connectionTimeoutMs,
      ...(address.isTls ? { dnsLookup: (host, done) => done(null, host) } : {}),
      redisOptions: {
        ...baseOptions(address, options),
        ...(user === '' ? {} : { username: user }),
        ...(password === '' ? {} : { password }),
      },
    });
    const connection = new ClusterConnection(cluster, options.connectionTimeoutMs, deadline);
    try {
      await connection.inTime(cluster.connect());
      return connection;
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  async ask(commands: readonly Command[]): Promise<Reply[]> {
    const one = ([name, ...args]: Command) =>
      this.cluster.call(String(name), args.map(String)).then(
        (reply) => reply as Reply,
        (error: Error) => error,
      );
    return this.inTime(Promise.all(commands.map(one)));
  }

  /** The masters, each to be asked alone. */
  masters(): Asker[] {
    return this.cluster.nodes('master').map((node) => ({
      ask: async (commands) => {
        const pipeline = node.pipeline();
        for (const [name, ...args] of commands) pipeline.call(String(name), ...args.map(String));
        const results = (await this.inTime(pipeline.exec())) ?? [];
        return results.map(([error, reply]) => error ?? (reply as Reply));
      },
    }));
  }

  close(): void {
    this.cluster.disconnect();
  }

  private async inTime<T>(work: Promise<T>): Promise<T> {
    const ms = Math.max(0, Math.min(this.timeoutMs, this.deadline - performance.now()));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${Math.round(ms)} ms`)), ms);
    });
    try {
      return await Promise.race([work, late]);
    } catch (error) {
      throw this.failure ?? error;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** @throws the error that stands in the answers' place */
export function soleReply(replies: readonly Reply[]): Exclude<Reply, Error> {
  const [reply] = replies;
  if (reply instanceof Error) throw reply;
  return reply;
}

function where({ path, host, port }: RedisAddress) {
  return path === '' ? { host, port } : { path };
}

/** Passwords are sent by a command of ours, as this client takes a server that asks for none for a mere warning. */
function baseOptions({ isTls }: RedisAddress, options: ConnectOptions) {
  return {
    enableReadyCheck: false,
    disableClientInfo: true,
    protocol: 2 as const,
    autoResubscribe: false,
    connectTimeout: options.connectionTimeoutMs,
    maxRetriesPerRequest: 0,
    ...(isTls ? { tls: tlsOptions(options) } : {}),
  };
}

/** @throws Error naming the flag whose file cannot be read */
export function tlsOptions(options: Omit<ConnectOptions, 'connectionTimeoutMs'>): TlsOptions {
  const { tlsCaCertFile: ca, tlsClientCertFile: cert, tlsClientKeyFile: key, tlsServerName: servername } = options;
  return {
    rejectUnauthorized: !options.skipTlsVerification,
    ca: ca === '' ? [...rootCertificates] : read(ca, 'tls-ca-cert-file'),
    ...(cert === '' ? {} : { cert: read(cert, 'tls-client-cert-file') }),
    ...(key === '' ? {} : { key: read(key, 'tls-client-key-file') }),
    ...(servername === '' ? {} : { servername }),
  };
}

function read(file: string, flag: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(`--${flag}: cannot read ${file}: ${(error as NodeJS.ErrnoException).code}`);
  }
}
