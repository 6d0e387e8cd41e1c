import { type FamilyType, type FamilyWriter, renderLabels } from '@avalanche/exposition';
import { compareStrings } from '@avalanche/model';
import type { Query, Row } from './connection.ts';

/** As `server_version_num` has it: 150018 is 15.18, 170000 the first 17. */
export type ServerVersion = number;

export const PG_13 = 130_000;
export const PG_14 = 140_000;
export const PG_16 = 160_000;
export const PG_17 = 170_000;

/** What a collector may ask of the exporter's flags. */
export interface CollectorContext {
  readonly query: Query;
  readonly version: ServerVersion;
  readonly excludeDatabases: readonly string[];
  readonly statements: StatementsOptions;
}

/** Flags `--collector.stat_statements.*`. */
export interface StatementsOptions {
  readonly includeQuery: boolean;
  /** Characters of a statement that go into the label. */
  readonly queryLength: number;
  readonly limit: number;
  readonly excludeDatabases: readonly string[];
  readonly excludeUsers: readonly string[];
}

export interface PostgresCollector {
  readonly name: string;
  /** Whether it runs where no flag speaks of it. */
  readonly isDefault: boolean;
  /** The first version that has what it reads; it is left out before. */
  readonly since?: ServerVersion;
  /** Whether it tells of the connected database alone, so that each database is asked. */
  readonly perDatabase?: boolean;
  collect(families: FamilyWriter, context: CollectorContext): Promise<void>;
}

/** One column of a view as a family. */
export interface Sample {
  readonly family: string;
  readonly type: FamilyType;
  readonly help: string;
  /** An expression; a NULL is no sample. */
  readonly sql: string;
  /** Versions that have the column: from `since` on, and before `before`. */
  readonly since?: ServerVersion;
  readonly before?: ServerVersion;
}

type Text = string | ((context: CollectorContext) => string);

/** A collector that is one SELECT: label columns first, then one column for each family. */
export interface View {
  readonly name: string;
  readonly isDefault?: boolean;
  readonly since?: ServerVersion;
  readonly perDatabase?: boolean;
  /** Expressions by label; a NULL is the empty text. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly samples: readonly Sample[];
  /** What comes after FROM. */
  readonly from?: Text;
}

export function counter(family: string, sql: string, help: string, versions: Partial<Sample> = {}): Sample {
  return { family, type: 'counter', help, sql, ...versions };
}

export function gauge(family: string, sql: string, help: string, versions: Partial<Sample> = {}): Sample {
  return { family, type: 'gauge', help, sql, ...versions };
}

export function viewCollector(view: View): PostgresCollector {
  return {
    name: view.name,
    isDefault: view.isDefault ?? true,
    ...(view.since === undefined ? {} : { since: view.since }),
    perDatabase: view.perDatabase ?? false,
    async collect(families, context) {
      const { rows } = await context.query(viewSql(view, context));
      writeRows(families, rows, Object.keys(view.labels ?? {}), samplesFor(view.samples, context.version));
    },
  };
}

/** The statement of a view for one version of the server. */
export function viewSql({ labels = {}, samples, from }: View, context: CollectorContext): string {
  const columns = [...Object.values(labels), ...samplesFor(samples, context.version).map(({ sql }) => sql)];
  const source = typeof from === 'function' ? from(context) : from;
  return `SELECT ${columns.join(', ')}${source === undefined ? '' : ` FROM ${source}`}`;
}

function samplesFor(samples: readonly Sample[], version: ServerVersion): Sample[] {
  return samples.filter(({ since = 0, before = Number.POSITIVE_INFINITY }) => version >= since && version < before);
}

/** Writes rows whose first columns are labels, the others one family each. */
export function writeRows(
  families: FamilyWriter,
  rows: readonly Row[],
  labelNames: readonly string[],
  samples: readonly Sample[],
): void {
  const sorted = labelNames.map((name, i) => [name, i] as const).sort(([a], [b]) => compareStrings(a, b));
  const rendered = rows.map((row) => renderLabels(Object.fromEntries(sorted.map(([name, i]) => [name, row[i] ?? '']))));
  samples.forEach(({ family, type, help }, i) => {
    const sink = families.family(family, type, help);
    const column = labelNames.length + i;
    for (let r = 0; r < rows.length; r++) {
      const value = rows[r][column];
      if (value !== null) sink.addRendered(numberOf(value), rendered[r]);
    }
  });
}

/** A number as the server writes it, or a boolean. */
export function numberOf(text: string): number {
  if (text === 't') return 1;
  if (text === 'f') return 0;
  return Number(text);
}

/** A text as an SQL literal. */
export function literal(text: string): string {
  const quoted = `'${text.replaceAll("'", "''")}'`;
  return text.includes('\\') ? `E${quoted.replaceAll('\\', '\\\\')}` : quoted;
}
