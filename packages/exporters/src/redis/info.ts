import type { RedisFamilies } from './families.ts';
import { COUNTER_FIELDS, GAUGE_FIELDS } from './fields.ts';

/** One line of INFO, in the section it stands in. */
export interface InfoField {
  readonly section: string;
  readonly name: string;
  readonly value: string;
}

/** The text of INFO as its fields in their order. */
export function parseInfo(text: string): InfoField[] {
  const fields: InfoField[] = [];
  let section = '';
  for (const raw of text.split('\n')) {
    const line = raw.trim();
    if (line.startsWith('# ')) {
      section = line.slice(2);
      continue;
    }
    const colon = line.indexOf(':');
    if (colon > 0) fields.push({ section, name: line.slice(0, colon), value: line.slice(colon + 1) });
  }
  return fields;
}

/** `a=1,b=2` as a map. */
export function parsePairs(text: string): Map<string, string> {
  return new Map(
    text.split(',').map((pair) => {
      const equals = pair.indexOf('=');
      return [pair.slice(0, equals), pair.slice(equals + 1)] as const;
    }),
  );
}

/** `ok` and `true` are 1, `err`, `fail` and `false` 0; null for what is no number. */
export function infoNumber(text: string): number | null {
  if (text === 'ok' || text === 'true') return 1;
  if (text === 'err' || text === 'fail' || text === 'false') return 0;
  if (/^-?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?$/i.test(text)) return Number(text);
  if (/^-?inf$/i.test(text)) return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return /^-?nan$/i.test(text) ? Number.NaN : null;
}

/** Writes a field under the name that it has as a family; one that nobody knows, or that is no number, is left out. */
export function writeField(families: RedisFamilies, field: string, text: string): void {
  const thread = /^used_active_time_io_thread_(\d+)$/.exec(field)?.[1];
  const gauge = GAUGE_FIELDS.get(field) ?? (/^(?:cluster_|db)/.test(field) ? field : undefined);
  const counter = COUNTER_FIELDS.get(field);
  if (gauge === undefined && counter === undefined && thread === undefined) return;
  const value = infoNumber(text);
  if (value === null) return;
  const help = `Field ${field} of INFO.`;
  if (thread !== undefined) families.counter('active_time_io_thread_seconds_total', help, value, { thread });
  else if (counter !== undefined) families.counter(counter, help, value);
  else if (gauge === 'latest_fork_usec')
    families.gauge('latest_fork_seconds', 'Seconds of the last fork.', value / 1e6);
  else if (gauge !== undefined) families.gauge(gauge.replace(/[^a-zA-Z0-9_]/g, '_'), help, value);
}
