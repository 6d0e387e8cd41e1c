import { ENTRY_END, ExpositionParser } from '@avalanche/exposition';
import { type Logger, silentLogger } from '@avalanche/model';
import pg from 'pg';
import { type PostgresExporterOptions, startPostgresExporter } from './start.ts';

const running: { stop(): Promise<void> }[] = [];
/** Stops what the test has started. */
export async function stopAll(): Promise<void> {
  for (const role of running.splice(0).reverse()) await role.stop();
}

export async function start(dataSourceNames: readonly string[], options: Partial<PostgresExporterOptions> = {}) {
  const role = await startPostgresExporter({
    listen: { host: '127.0.0.1', port: 0 },
    logger: silentLogger,
    version: 'test',
    dataSourceNames,
    ...options,
  });
  running.push(role);
  return role;
}

/** The body of a scrape, which must be a valid exposition. */
export async function scrape(url: string, path = '/metrics', timeoutSeconds = 10): Promise<string> {
  const headers = { 'x-prometheus-scrape-timeout-seconds': String(timeoutSeconds) };
  const text = await (await fetch(url + path, { headers })).text();
  const parser = new ExpositionParser(text, 'text');
  while (parser.next() !== ENTRY_END); // throws where it is no exposition
  return text;
}

/** What is logged from warnings on, as text. */
export function remembering(): { readonly logger: Logger; readonly lines: string[] } {
  const lines: string[] = [];
  const keep = (message: string, fields?: Readonly<Record<string, unknown>>) => {
    const texts = Object.entries(fields ?? {}).map(([name, value]) => `${name}=${String(value)}`);
    lines.push([message, ...texts].join(' '));
  };
  const logger: Logger = { debug() {}, info: keep, warn: keep, error: keep, child: () => logger };
  return { logger, lines };
}

export async function sql(url: string, ...statements: readonly string[]): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    let result: pg.QueryResult | undefined;
    for (const statement of statements) result = await client.query(statement);
    return result as pg.QueryResult;
  } finally {
    await client.end();
  }
}

/** Connections of the exporter that the server knows, beside the one that asks. */
export async function connectionsLeft(url: string): Promise<number> {
  const text = "SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = 'postgres_exporter'";
  return (await sql(url, text)).rows[0].n as number;
}

export function failed(text: string): string[] {
  return [...text.matchAll(/^pg_scrape_collector_success\{collector="([^"]+)"\} 0$/gm)].map(([, name]) => name);
}
