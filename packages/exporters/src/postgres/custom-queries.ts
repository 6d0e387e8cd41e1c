import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import type { Logger } from '@avalanche/model';
import { FileError, parseYaml } from '@avalanche/yamlfile';
import { z } from 'zod';
import { inVersionRange } from './version-range.ts';

/** What becomes of a column. */
export const USAGES = ['DISCARD', 'LABEL', 'COUNTER', 'GAUGE', 'HISTOGRAM', 'MAPPEDMETRIC', 'DURATION'] as const;
export type Usage = (typeof USAGES)[number];

export interface Column {
  readonly usage: Usage;
  readonly description: string;
  /** Values by text, of MAPPEDMETRIC. */
  readonly mapping: Readonly<Record<string, number>>;
  /** Range of server versions; '' is all. */
  readonly versions: string;
}

/** One entry of a queries file; its name begins the names of its families. */
export interface CustomQuery {
  readonly name: string;
  readonly sql: string;
  readonly columns: ReadonlyMap<string, Column>;
  /** Whether only named databases are asked, not those that are discovered. */
  readonly master: boolean;
  readonly cacheMs: number;
  /** Range of server versions; '' is all. */
  readonly runOnServer: string;
}

const range = z.string().refine(isRange, 'is not a range of versions, such as >=10.0.0 <12.0.0');
const column = z.looseObject({
  usage: z.enum(USAGES),
  description: z.string().nullish(),
  metric_mapping: z.record(z.string(), z.number()).nullish(),
  pg_version: range.nullish(),
});
const query = z.looseObject({
  query: z.string().nullish(),
  metrics: z.array(z.record(z.string(), column)).nullish(),
  master: z.boolean().nullish(),
  cache_seconds: z.number().min(0).nullish(),
  runonserver: range.nullish(),
});
const schema = z.record(z.string(), query.nullish());

function isRange(text: string): boolean {
  try {
    inVersionRange(150_000, text);
    return true;
  } catch {
    return false;
  }
}

/** Reads the text of a queries file. @throws FileError naming file, line and key */
export function parseQueries(file: string, text: string): CustomQuery[] {
  const entries = parseYaml(file, text, schema, (keys) =>
    ['query', 'description', 'runonserver'].includes(keys.at(-1) ?? ''),
  );
  return Object.entries(entries).map(([name, entry]) => ({
    name,
    sql: (entry?.query ?? '').trim(),
    columns: new Map(
      (entry?.metrics ?? []).flatMap((metric) =>
        Object.entries(metric).map(([key, { usage, description, metric_mapping, pg_version }]) => [
          key,
          { usage, description: description ?? '', mapping: metric_mapping ?? {}, versions: pg_version ?? '' },
        ]),
      ),
    ),
    master: entry?.master ?? false,
    cacheMs: (entry?.cache_seconds ?? 0) * 1000,
    runOnServer: entry?.runonserver ?? '',
  }));
}

/** A queries file, read again when it changes. A file that cannot be used is told once, and what was there stays. */
export class QueriesFile {
  queries: readonly CustomQuery[] = [];
  /** SHA-256 of the file as it is now, in hexadecimal; '' where it cannot be read. */
  hash = '';
  failed = false;
  private seen = '';

  constructor(
    readonly file: string,
    private readonly logger: Logger,
  ) {}

  async refresh(): Promise<void> {
    try {
      const { mtimeMs, size, ino } = await stat(this.file);
      const now = `${mtimeMs} ${size} ${ino}`;
      if (now === this.seen) return;
      this.seen = now;
      const text = await readFile(this.file, 'utf8');
      this.hash = createHash('sha256').update(text).digest('hex');
      this.queries = parseQueries(this.file, text);
      this.failed = false;
      this.logger.info('Loaded the queries file', { file: this.file, queries: this.queries.length });
    } catch (error) {
      const isNews = !this.failed || error instanceof FileError;
      if (!(error instanceof FileError)) {
        this.hash = '';
        this.seen = '';
      }
      this.failed = true;
      if (isNews) this.logger.error('Failed to reload user queries', { path: this.file, error });
    }
  }
}
