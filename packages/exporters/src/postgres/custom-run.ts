import type { FamilyWriter, Labels } from '@avalanche/exposition';
import type { FailureLog } from '../base/failure-log.ts';
import { type Answer, type Query, reasonOf, type ServerInfo } from './connection.ts';
import type { Column, CustomQuery, QueriesFile } from './custom-queries.ts';
import { writeCustom } from './custom-write.ts';
import { type DataSource, publicName } from './dsn.ts';
import { inVersionRange } from './version-range.ts';

const CONFLICTS = [
  ['confl_tablespace', 'Queries cancelled because of dropped tablespaces.'],
  ['confl_lock', 'Queries cancelled because of lock timeouts.'],
  ['confl_snapshot', 'Queries cancelled because of old snapshots.'],
  ['confl_bufferpin', 'Queries cancelled because of pinned buffers.'],
  ['confl_deadlock', 'Queries cancelled because of deadlocks.'],
] as const;

/** The one view that the original still reads as if it were a custom query; columns of newer servers are untyped. */
export const BUILT_IN_QUERY: CustomQuery = {
  name: 'pg_stat_database_conflicts',
  sql: 'SELECT * FROM pg_stat_database_conflicts',
  columns: new Map<string, Column>([
    ['datid', { usage: 'LABEL', description: 'OID of the database', mapping: {}, versions: '' }],
    ['datname', { usage: 'LABEL', description: 'Name of the database', mapping: {}, versions: '' }],
    ...CONFLICTS.map(
      ([name, description]) => [name, { usage: 'COUNTER', description, mapping: {}, versions: '' }] as const,
    ),
  ]),
  master: true,
  cacheMs: 0,
  runOnServer: '',
};

export interface CustomRunOptions {
  readonly queriesFile: QueriesFile | undefined;
  readonly metricPrefix: string;
  readonly constantLabels: Labels;
  readonly disableDefaultMetrics: boolean;
}

/** One database in one scrape. */
export interface CustomDatabase {
  readonly source: DataSource;
  readonly query: Query;
  readonly info: ServerInfo;
  /** Whether a connection string names it; else it was discovered, and queries with `master` leave it out. */
  readonly isNamed: boolean;
  readonly families: FamilyWriter;
  readonly seen: Set<string>;
}

/** Puts the queries of the queries file to databases, and keeps answers for as long as the file allows. */
export class CustomRun {
  private readonly cached = new Map<string, { readonly until: number; readonly answer: Answer }>();

  constructor(
    private readonly options: CustomRunOptions,
    private readonly failures: FailureLog,
  ) {}

  /** Whether there is anything to ask of databases that are discovered. */
  get readsDiscovered(): boolean {
    return this.options.queriesFile?.queries.some(({ master }) => !master) ?? false;
  }

  /** @returns how many queries failed; each is told in the log */
  async run(database: CustomDatabase): Promise<number> {
    const { disableDefaultMetrics, queriesFile } = this.options;
    const builtIn = database.isNamed && !disableDefaultMetrics;
    if (builtIn) this.writeStatic(database);
    const queries = [...(builtIn ? [BUILT_IN_QUERY] : []), ...(queriesFile?.queries ?? [])];
    const own = new Map(queries.map((query) => [query.name, query])); // one of the file replaces the built-in one
    const results = await Promise.all([...own.values()].map((query) => this.runOne(query, database)));
    return results.filter((ok) => !ok).length;
  }

  private async runOne(query: CustomQuery, database: CustomDatabase): Promise<boolean> {
    const { isNamed, info, families, seen, source } = database;
    if (query.sql === '' || (query.master && !isNamed)) return true;
    if (query.runOnServer !== '' && !inVersionRange(info.version, query.runOnServer)) return true;
    const key = `Query ${query.name} on ${publicName(source)}`;
    try {
      const answer = await this.answer(query, database);
      const target = {
        labels: this.labelsOf(database),
        metricPrefix: this.options.metricPrefix,
        version: info.version,
        seen,
      };
      const problems = writeCustom(query, answer, target, families);
      this.failures.tell(key, problems.length === 0 ? null : problems.slice(0, 5).join('; '));
      return true;
    } catch (error) {
      this.failures.tell(key, reasonOf(error));
      return false;
    }
  }

  private async answer(query: CustomQuery, { source, query: ask }: CustomDatabase): Promise<Answer> {
    if (query.cacheMs === 0) return ask(query.sql);
    const key = `${publicName(source)} ${query.name} ${query.sql}`;
    const now = performance.now();
    const kept = this.cached.get(key);
    if (kept && kept.until >= now) return kept.answer;
    const answer = await ask(query.sql);
    for (const [old, { until }] of this.cached) if (until < now) this.cached.delete(old);
    this.cached.set(key, { until: now + query.cacheMs, answer });
    return answer;
  }

  private writeStatic(database: CustomDatabase): void {
    const { families, seen, info } = database;
    const labels = { ...this.labelsOf(database), short_version: shortVersion(info.text), version: info.text };
    const series = `pg_static ${JSON.stringify(labels)}`;
    if (seen.has(series)) return;
    seen.add(series);
    families.family('pg_static', 'untyped', 'Constantly 1, with the version in labels.').add(1, labels);
  }

  private labelsOf({ source }: CustomDatabase): Labels {
    return { server: source.server, ...this.options.constantLabels };
  }
}

/** `PostgreSQL 15.18 (Debian …)` as `15.18.0`. */
export function shortVersion(text: string): string {
  const parts = (/^\w+ (\d+(?:\.\d+){0,2})/.exec(text)?.[1] ?? '0').split('.');
  while (parts.length < 3) parts.push('0');
  return parts.join('.');
}
