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

/** The number behind `key=` in `a=1,b=2`; null where there is none. Without a map, as there are hundreds of such lines. */
export function pairNumber(text: string, key: string): number | null {
  let at = text.startsWith(`${key}=`) ? 0 : text.indexOf(`,${key}=`) + 1;
  if (at === 0 && !text.startsWith(`${key}=`)) return null;
  at += key.length + 1;
  const comma = text.indexOf(',', at);
  return infoNumber(comma < 0 ? text.slice(at) : text.slice(at, comma));
}

const [DASH, NINE] = ['-'.charCodeAt(0), '9'.charCodeAt(0)];

/** `ok` and `true` are 1, `err`, `fail` and `false` 0; null for what is no number. */
export function infoNumber(text: string): number | null {
  const first = text.charCodeAt(0);
  if (first >= DASH && first <= NINE) {
    const value = Number(text);
    if (!Number.isNaN(value)) return value;
  }
  if (text === 'ok' || text === 'true') return 1;
  if (text === 'err' || text === 'fail' || text === 'false') return 0;
  if (/^-?inf$/i.test(text)) return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return /^-?nan$/i.test(text) ? Number.NaN : null;
}

const IO_THREAD = 'used_active_time_io_thread_';

/** Writes a field under the name that it has as a family; one that nobody knows, or that is no number, is left out. */
export function writeField(families: RedisFamilies, field: string, text: string): void {
  const gauge = GAUGE_FIELDS.get(field);
  const counter = gauge === undefined ? COUNTER_FIELDS.get(field) : undefined;
  const isOther = gauge === undefined && counter === undefined;
  if (isOther && !/^(?:cluster_|db|used_active_time_io_thread_)/.test(field)) return;
  const value = infoNumber(text);
  if (value === null) return;
  const help = `Field ${field} of INFO.`;
  if (gauge === 'latest_fork_usec') families.gauge('latest_fork_seconds', 'Seconds of the last fork.', value / 1e6);
  else if (gauge !== undefined) families.gauge(gauge, help, value);
  else if (counter !== undefined) families.counter(counter, help, value);
  else if (field.startsWith(IO_THREAD)) {
    families.counter('active_time_io_thread_seconds_total', help, value, { thread: field.slice(IO_THREAD.length) });
  } else families.gauge(field.replace(/[^a-zA-Z0-9_]/g, '_'), help, value);
}
