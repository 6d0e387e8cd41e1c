import pg from 'pg';

export const STATEMENT_TIMEOUT_MS = 5_000;
const CONNECT_TIMEOUT_MS = 4_000;

export type Row = Readonly<Record<string, unknown>>;

/** Runs one statement. @throws the database's error */
export type Query = (sql: string) => Promise<readonly Row[]>;

/**
 * One connection, opened at the first query and again after it has been lost; never more than one, so that an
 * exporter cannot use up a server's slots. Statements have a time limit on the server and here.
 */
export class Connection {
  private client: pg.Client | undefined;
  /** Settles when the statement before has ended: one connection runs one at a time. */
  private turn: Promise<unknown> = Promise.resolve();

  constructor(private readonly uri: string) {}

  readonly query: Query = (sql) => {
    const result = this.turn.then(() => this.run(sql));
    this.turn = result.catch(() => {});
    return result;
  };

  async close(): Promise<void> {
    const { client } = this;
    this.client = undefined;
    await client?.end().catch(() => {});
  }

  private async run(sql: string): Promise<readonly Row[]> {
    this.client ??= await this.connect();
    return (await this.client.query<Row>(sql)).rows;
  }

  private async connect(): Promise<pg.Client> {
    const client = new pg.Client({
      connectionString: this.uri,
      application_name: 'postgres_exporter',
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      statement_timeout: STATEMENT_TIMEOUT_MS,
      query_timeout: STATEMENT_TIMEOUT_MS + 1_000,
    });
    const lost = () => {
      if (this.client === client) this.client = undefined;
    };
    client.on('error', lost);
    client.on('end', lost);
    await client.connect();
    return client;
  }
}

/** A number of a row; PostgreSQL sends bigint and numeric as text. */
export function numberOf(value: unknown): number {
  if (typeof value === 'boolean') return value ? 1 : 0;
  return value === null || value === undefined ? Number.NaN : Number(value);
}

export function textOf(value: unknown): string {
  return value === null || value === undefined ? '' : String(value);
}
