import { type FamilyType, type FamilyWriter, type Labels, renderLabels } from '@avalanche/exposition';
import { compareStrings, parseGoDuration } from '@avalanche/model';
import type { Answer, Row } from './connection.ts';
import type { Column, CustomQuery } from './custom-queries.ts';
import { inVersionRange } from './version-range.ts';

const OID_BOOL = 16;
const OID_DATE = 1082;
const OID_TIMESTAMP = 1114;
const OID_TIMESTAMPTZ = 1184;

export interface CustomTarget {
  /** `server` and the constant labels. */
  readonly labels: Labels;
  readonly metricPrefix: string;
  readonly version: number;
  /** Series that this scrape has already; one that comes again is left out. */
  readonly seen: Set<string>;
}

/**
 * Writes the answer to a custom query: labels and families as its columns say, other columns untyped where they are numbers. A
 * NULL is NaN, as in the original.
 * @returns a sentence for each column that could not be written
 */
export function writeCustom(
  query: CustomQuery,
  answer: Answer,
  target: CustomTarget,
  families: FamilyWriter,
): string[] {
  const { columns } = answer;
  const prefix = query.name.replace('pg', target.metricPrefix);
  const problems: string[] = [];
  const labels = rowLabels(query, answer, target);
  columns.forEach(({ name, dataTypeID }, i) => {
    const column = columnOf(
      query,
      name,
      columns.map((other) => other.name),
      target.version,
    );
    if (column?.usage === 'DISCARD' || column?.usage === 'LABEL') return;
    if (column?.usage === 'HISTOGRAM') {
      problems.push(...writeHistogram(families, `${prefix}_${name}`, column, answer, i, labels));
      return;
    }
    const [family, type, help] = familyOf(prefix, name, column);
    const sink = families.family(family, type, help);
    answer.rows.forEach((row, r) => {
      const value = sampleOf(row[i], dataTypeID, column);
      const rendered = renderLabels(labels[r]);
      const series = family + rendered;
      if (value === null) problems.push(`column ${name} is no number`);
      else if (target.seen.has(series)) problems.push(`${series} is there twice`);
      else sink.addRendered(value, rendered);
      target.seen.add(series);
    });
  });
  return [...new Set(problems)];
}

/** How a column is mapped; undefined where the file does not speak of it. */
function columnOf(
  { columns }: CustomQuery,
  name: string,
  names: readonly string[],
  version: number,
): Column | undefined {
  const column = columns.get(name);
  if (column) return column.versions === '' || inVersionRange(version, column.versions) ? column : DISCARDED;
  const histogram = /^(.+)_(?:bucket|sum|count)$/.exec(name)?.[1] ?? '';
  const isPart = names.includes(histogram) && columns.get(histogram)?.usage === 'HISTOGRAM';
  return isPart ? DISCARDED : undefined;
}

const DISCARDED: Column = { usage: 'DISCARD', description: '', mapping: {}, versions: '' };

function familyOf(prefix: string, name: string, column: Column | undefined): [string, FamilyType, string] {
  if (!column) return [`${prefix}_${name}`, 'untyped', `Unknown metric from ${prefix}`];
  const suffix = column.usage === 'DURATION' ? '_milliseconds' : '';
  return [`${prefix}_${name}${suffix}`, column.usage === 'COUNTER' ? 'counter' : 'gauge', column.description];
}

/** The labels of each row, sorted by name. */
function rowLabels({ columns }: CustomQuery, answer: Answer, target: CustomTarget): Labels[] {
  const named = [...columns].filter(([, { usage }]) => usage === 'LABEL').map(([name]) => name);
  return answer.rows.map((row) => {
    const labels: [string, string][] = Object.entries(target.labels);
    for (const name of named) {
      const i = answer.columns.findIndex((column) => column.name === name);
      labels.push([name, i < 0 ? '' : labelText(row[i], answer.columns[i].dataTypeID)]);
    }
    return Object.fromEntries(labels.sort(([a], [b]) => compareStrings(a, b)));
  });
}

function labelText(text: string | null, type: number): string {
  if (text === null) return '';
  if (type === OID_BOOL) return text === 't' ? 'true' : 'false';
  const seconds = secondsOf(text, type);
  return seconds === null ? text : String(Math.floor(seconds));
}

/** A value as a sample; null where it is no number. */
function sampleOf(text: string | null, type: number, column: Column | undefined): number | null {
  if (text === null) return Number.NaN;
  if (column?.usage === 'MAPPEDMETRIC' && Object.hasOwn(column.mapping, text)) return column.mapping[text];
  if (type === OID_BOOL) return text === 't' ? 1 : 0;
  const seconds = secondsOf(text, type);
  if (seconds !== null) return Math.floor(seconds);
  const value = goNumber(text);
  if (value !== null || column?.usage !== 'DURATION') return value;
  try {
    return Math.trunc(parseGoDuration(text));
  } catch {
    return null;
  }
}

/** What Go's ParseFloat takes. */
function goNumber(text: string): number | null {
  if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return Number(text);
  if (/^nan$/i.test(text)) return Number.NaN;
  const infinity = /^([+-]?)inf(inity)?$/i.exec(text);
  return infinity ? (infinity[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY) : null;
}

/** Seconds since the epoch of a point in time as PostgreSQL writes it in ISO style; null for other types. */
function secondsOf(text: string, type: number): number | null {
  if (type === OID_DATE) return parsedSeconds(`${text}T00:00:00Z`);
  if (type === OID_TIMESTAMP) return parsedSeconds(`${text.replace(' ', 'T')}Z`);
  if (type !== OID_TIMESTAMPTZ) return null;
  return parsedSeconds(text.replace(' ', 'T').replace(/([+-]\d\d)$/, '$1:00'));
}

function parsedSeconds(text: string): number | null {
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? null : ms / 1000;
}

/** Bounds are an array in the column itself, counts in `<column>_bucket`; `<column>_sum` and `<column>_count` complete it. */
function writeHistogram(
  families: FamilyWriter,
  name: string,
  { description }: Column,
  { rows, columns }: Answer,
  at: number,
  labels: readonly Labels[],
): string[] {
  const [bucketAt, sumAt, countAt] = ['bucket', 'sum', 'count'].map((part) =>
    columns.findIndex((column) => column.name === `${columns[at].name}_${part}`),
  );
  if (bucketAt < 0 || sumAt < 0 || countAt < 0) {
    return [`histogram ${name} needs the columns ${columns[at].name}_bucket, _sum and _count`];
  }
  const sink = families.family(name, 'histogram', description);
  rows.forEach((row: Row, r) => {
    const counts = arrayOf(row[bucketAt]);
    const bounds = arrayOf(row[at]).map((bound, i) => [Number(bound), Number(counts[i] ?? 0)] as const);
    for (const [bound, count] of bounds.filter(([le]) => Number.isFinite(le)).sort(([a], [b]) => a - b)) {
      sink.add(count, { ...labels[r], le: String(bound) }, '_bucket');
    }
    const count = Number(row[countAt] ?? 0);
    sink.add(count, { ...labels[r], le: '+Inf' }, '_bucket');
    sink.add(row[sumAt] === null ? Number.NaN : Number(row[sumAt]), labels[r], '_sum').add(count, labels[r], '_count');
  });
  return [];
}

/** The items of a one-dimensional array of numbers. */
function arrayOf(text: string | null): string[] {
  const inner = /^\{(.*)\}$/s.exec(text ?? '')?.[1] ?? '';
  return inner === '' ? [] : inner.split(',');
}
