import { connect as connectSocket, type Socket } from 'node:net';
import type pg from 'pg';
import type { DataSource } from './dsn.ts';
import { passwordFromFile } from './passfile.ts';
import { tlsOptions } from './tls.ts';

/** Values as the server wrote them; null is NULL. */
export type Row = readonly (string | null)[];

export interface Answer {
  readonly rows: readonly Row[];
  readonly columns: readonly { readonly name: string; readonly dataTypeID: number }[];
}

/** Runs one statement. @throws the server's error */
export type Query = (sql: string) => Promise<Answer>;

/** What is known of a server since the connection was made. */
export interface ServerInfo {
  /** As `server_version_num` has it: 150018 is 15.18. */
  readonly version: number;
  /** The text of `version()`. */
  readonly text: string;
}

/** A statement may use this share of the time that is left, so that a slow one leaves some to those after it. */
const SHARE = 1 / 2;
const LOCK_TIMEOUT_MS = 250;
const CONNECT_TIMEOUT_MS = 4_000;
/** An idle connection that the network has forgotten is not waited for longer. */
const PING_TIMEOUT_MS = 1_000;

interface Pending {
  readonly sql: string;
  /** In milliseconds of `performance.now()`. */
  readonly deadline: number;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

/** A statement that was given up, after which its connection is gone. */
export class StatementTimeout extends Error {
  override readonly name = 'StatementTimeout';
}

/**
 * One connection, opened when it is needed and again after it has been lost; never more than one, so that an exporter cannot use
 * up a server's slots. Statements go to the server at once and in order, by the simple protocol, which poolers understand too.
 * One that takes longer than its share of the time left is cancelled, and those behind it go over a new connection.
 */
export class Connection {
  private client: pg.Client | undefined;
  private connecting: Promise<pg.Client> | undefined;
  /** The client of the attempt that is going on. */
  private attempt: pg.Client | undefined;
  private info: ServerInfo | undefined;
  /** What has been sent and not yet answered, the oldest first: the server works on that one. */
  private sent: Pending[] = [];
  private timer: NodeJS.Timeout | undefined;
  /** Whether a pooler is between us and the server: then a session's settings would be somebody else's next. */
  private isPooled = false;
  private closed = false;

  constructor(
    private readonly source: DataSource,
    /** What the server itself may take for a statement, in milliseconds. */
    private readonly statementTimeoutMs: number,
  ) {}

  /** Makes sure that the server answers, over a new connection where the old one does not. @throws where it does not */
  async hello(deadline: number): Promise<ServerInfo> {
    if (this.client && this.info) {
      if (this.sent.length > 0) return this.info; // in use by another scrape, and watched
      try {
        await this.query('SELECT 1', Math.min(deadline, performance.now() + PING_TIMEOUT_MS / SHARE));
        return this.info;
      } catch {
        this.drop();
      }
    }
    await this.open(deadline);
    const { rows } = await this.query(
      "SELECT version(), current_setting('server_version_num'), pg_backend_pid()",
      deadline,
    );
    const [text, version, processId] = rows[0];
    this.isPooled = Number(processId) !== processIdOf(this.client);
    if (!this.isPooled) this.query(this.settings(''), deadline).catch(() => {}); // then the next statement fails too
    this.info = { text: text ?? '', version: Number(version) };
    return this.info;
  }

  /** @throws the server's error, a `StatementTimeout`, or why there is no connection */
  query(sql: string, deadline: number): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.send({ sql, deadline, resolve, reject });
    });
  }

  /** Closes the connection; a later statement opens it again. */
  drop(): void {
    const { client } = this;
    this.client = undefined;
    clearTimeout(this.timer);
    for (const { reject } of this.sent.splice(0)) reject(new Error('the connection was closed'));
    if (client) void client.end().catch(() => {});
  }

  /** Closes the connection for good, also one that is being made. */
  async close(): Promise<void> {
    this.closed = true;
    const { client, attempt } = this;
    this.drop();
    if (attempt) socketOf(attempt).destroy();
    await Promise.allSettled([this.connecting, client?.end()]);
  }

  private send(pending: Pending): void {
    const { client } = this;
    if (!client) {
      this.open(pending.deadline).then(() => this.send(pending), pending.reject);
      return;
    }
    this.sent.push(pending);
    if (this.sent.length === 1) this.watchOldest();
    const text = this.isPooled ? `${this.settings('LOCAL ')}; ${pending.sql}` : pending.sql;
    client.query<(string | null)[]>({ text, rowMode: 'array' }).then(
      (result) => {
        if (client !== this.client) return; // given up, and asked again elsewhere
        this.settle(pending);
        const { rows, fields } = Array.isArray(result) ? (result.at(-1) as typeof result) : result;
        pending.resolve({ rows, columns: fields });
      },
      (error: Error) => {
        if (client !== this.client) return;
        this.settle(pending);
        pending.reject(error);
      },
    );
  }

  private settle(pending: Pending): void {
    this.sent.splice(this.sent.indexOf(pending), 1);
    clearTimeout(this.timer);
    this.watchOldest();
  }

  /** Gives the statement that the server works on now its share of the time left. */
  private watchOldest(): void {
    if (this.sent.length === 0) return;
    const left = Math.max(0, this.sent[0].deadline - performance.now());
    this.timer = setTimeout(() => this.giveUpOldest(left * SHARE), left * SHARE);
  }

  private giveUpOldest(afterMs: number): void {
    const [oldest, ...others] = this.sent.splice(0);
    const { client } = this;
    this.client = undefined;
    if (client) abandon(client, this.source);
    oldest.reject(new StatementTimeout(`no answer within ${Math.round(afterMs)} ms`));
    const now = performance.now();
    for (const other of others) {
      if (other.deadline > now) this.send(other);
      else other.reject(new StatementTimeout('no time was left'));
    }
  }

  /** Waits for the connection up to the deadline; an attempt goes on after that, so that there is never a second one. */
  private async open(deadline: number): Promise<void> {
    if (this.closed) throw new Error('the exporter is being stopped');
    if (this.client) return;
    this.connecting ??= this.connect().finally(() => {
      this.connecting = undefined;
    });
    const limit = Math.min(this.source.connectTimeoutMs ?? CONNECT_TIMEOUT_MS, (deadline - performance.now()) * SHARE);
    this.client = await within(limit, this.connecting, 'no connection');
  }

  /** @param scope '' for the session, `LOCAL ` for the transaction, which a message to the server is */
  private settings(scope: '' | 'LOCAL '): string {
    const statement = Math.round(this.statementTimeoutMs);
    return `SET ${scope}statement_timeout = ${statement}; SET ${scope}lock_timeout = ${LOCK_TIMEOUT_MS}; SET ${scope}datestyle = ISO`;
  }

  private async connect(): Promise<pg.Client> {
    const { sslmode } = this.source;
    const withTls = sslmode !== 'disable' && sslmode !== 'allow' && !this.source.host.startsWith('/');
    try {
      return await this.start(withTls);
    } catch (error) {
      if (sslmode === 'prefer' && withTls && !isFromServer(error) && !isFromNetwork(error)) {
        return this.start(false);
      }
      if (sslmode === 'allow' && isFromServer(error)) return this.start(true);
      throw error;
    }
  }

  private async start(withTls: boolean): Promise<pg.Client> {
    const { source, statementTimeoutMs } = this;
    const { default: library } = await import('pg'); // 10 MB that only those need who watch a PostgreSQL
    const client = new library.Client({
      host: source.host,
      port: source.port,
      user: source.user,
      password: source.password ?? passwordFromFile(source) ?? '',
      database: source.database,
      application_name: source.applicationName,
      options: source.options,
      ssl: withTls ? tlsOptions(source) : false,
      connectionTimeoutMillis: Math.max(statementTimeoutMs, CONNECT_TIMEOUT_MS),
      keepAlive: true,
      pipeline: true,
      types: { getTypeParser: () => asWritten },
    } as pg.ClientConfig);
    const lost = () => {
      if (this.client !== client) return;
      this.client = undefined;
      clearTimeout(this.timer);
      for (const { reject } of this.sent.splice(0)) reject(new Error('the connection was lost'));
    };
    client.on('error', lost);
    client.on('end', lost);
    this.attempt = client;
    try {
      await client.connect();
    } finally {
      this.attempt = undefined;
    }
    if (this.closed) await client.end();
    return client;
  }
}

function asWritten(value: string): string {
  return value;
}

/** Whether the server itself said no, with an SQLSTATE. */
function isFromServer(error: unknown): boolean {
  return typeof (error as { readonly severity?: unknown }).severity === 'string';
}

function isFromNetwork(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code !== undefined && code !== 'ECONNRESET';
}

/** The process of the server that the connection was given to, by its own word or a pooler's. */
function processIdOf(client: pg.Client | undefined): number | null {
  return (client as unknown as { readonly processID: number | null } | undefined)?.processID ?? null;
}

/** Leaves a connection whose statement takes too long, and asks the server to stop it: nothing stays behind there. */
function abandon(client: pg.Client, source: DataSource): void {
  const processId = processIdOf(client);
  const { secretKey } = client as unknown as { readonly secretKey: number | null };
  if (processId !== null && secretKey !== null) sendCancel(source, processId, secretKey);
  socketOf(client).destroy();
}

/** Its own way to be ended waits for a server that does not answer. */
function socketOf(client: pg.Client): Socket {
  return (client as unknown as { readonly connection: { readonly stream: Socket } }).connection.stream;
}

/** The protocol's CancelRequest, over a connection of its own that the server closes at once. */
function sendCancel({ host, port }: DataSource, processId: number, secretKey: number): void {
  const request = Buffer.alloc(16);
  [16, 80_877_102, processId, secretKey].forEach((word, i) => {
    request.writeInt32BE(word, i * 4);
  });
  const socket = host.startsWith('/') ? connectSocket(`${host}/.s.PGSQL.${port}`) : connectSocket(port, host);
  socket.setTimeout(CONNECT_TIMEOUT_MS, () => socket.destroy());
  socket.on('error', () => {});
  socket.end(request);
}

/** @throws Error where `work` takes longer; it is not ended */
async function within<T>(ms: number, work: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} within ${Math.round(ms)} ms`)), Math.max(0, ms));
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}

/** Why something failed, with the server's code for it. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join('; ');
  const { message, code } = error as NodeJS.ErrnoException;
  return code && !message.includes(code) ? `${message} (${code})` : message;
}
