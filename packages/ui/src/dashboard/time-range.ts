/** A range as the URL and the dashboard file write it: `now-1h`, `now/d`, epoch milliseconds, or a date. */
export interface RawRange {
  readonly from: string;
  readonly to: string;
}

/** Epoch milliseconds, from ≤ to. */
export interface TimeRange {
  readonly fromMs: number;
  readonly toMs: number;
}

type Unit = 's' | 'm' | 'h' | 'd' | 'w' | 'M' | 'y';
const FIXED_MS: Partial<Record<Unit, number>> = { s: 1000, m: 60_000, h: 3_600_000 };
const STEP = /([+\-/])(\d*)([smhdwMy])/g;

export const QUICK_RANGES: readonly (readonly [from: string, label: string])[] = [
  ['now-5m', 'Last 5 minutes'],
  ['now-15m', 'Last 15 minutes'],
  ['now-30m', 'Last 30 minutes'],
  ['now-1h', 'Last hour'],
  ['now-3h', 'Last 3 hours'],
  ['now-6h', 'Last 6 hours'],
  ['now-12h', 'Last 12 hours'],
  ['now-24h', 'Last 24 hours'],
  ['now-2d', 'Last 2 days'],
  ['now-7d', 'Last 7 days'],
  ['now-30d', 'Last 30 days'],
  ['now-90d', 'Last 90 days'],
];

/** Reads one end of a range. `edge` says which side a rounded time (`now/d`) snaps to. Undefined where unreadable. */
export function parseTime(text: string, nowMs: number, edge: 'start' | 'end', utc = false): number | undefined {
  const trimmed = text.trim();
  if (/^-?\d{9,}$/.test(trimmed)) return Number(trimmed);
  if (!trimmed.startsWith('now')) {
    const parsed = Date.parse(utc && !/[Zz]|[+-]\d\d:?\d\d$/.test(trimmed) ? `${trimmed.replace(' ', 'T')}Z` : trimmed);
    return Number.isNaN(parsed) ? undefined : parsed;
  }
  const rest = trimmed.slice(3);
  if (rest.replaceAll(STEP, '') !== '') return undefined;
  let at = nowMs;
  for (const [, sign, count, unit] of rest.matchAll(STEP)) {
    const by = count === '' ? 1 : Number(count);
    at = sign === '/' ? snap(at, unit as Unit, edge, utc) : shift(at, sign === '-' ? -by : by, unit as Unit, utc);
  }
  return at;
}

function shift(at: number, by: number, unit: Unit, utc: boolean): number {
  const fixed = FIXED_MS[unit];
  if (fixed !== undefined) return at + by * fixed;
  const parts = dateParts(at, utc);
  if (unit === 'd') parts[2] += by;
  else if (unit === 'w') parts[2] += 7 * by;
  else if (unit === 'M') parts[1] += by;
  else parts[0] += by;
  return fromParts(parts, utc);
}

function snap(at: number, unit: Unit, edge: 'start' | 'end', utc: boolean): number {
  const parts = dateParts(at, utc);
  const keep = { y: 1, M: 2, w: 3, d: 3, h: 4, m: 5, s: 6 }[unit];
  for (let i = keep; i < parts.length; i++) parts[i] = i === 2 ? 1 : 0;
  if (unit === 'w') parts[2] -= new Date(at)[utc ? 'getUTCDay' : 'getDay']();
  const start = fromParts(parts, utc);
  return edge === 'start' ? start : shift(start, 1, unit, utc) - 1;
}

type Parts = [number, number, number, number, number, number, number];

function dateParts(at: number, utc: boolean): Parts {
  const d = new Date(at);
  return utc
    ? [
        d.getUTCFullYear(),
        d.getUTCMonth(),
        d.getUTCDate(),
        d.getUTCHours(),
        d.getUTCMinutes(),
        d.getUTCSeconds(),
        d.getUTCMilliseconds(),
      ]
    : [d.getFullYear(), d.getMonth(), d.getDate(), d.getHours(), d.getMinutes(), d.getSeconds(), d.getMilliseconds()];
}

function fromParts(parts: Parts, utc: boolean): number {
  return utc ? Date.UTC(...parts) : new Date(...parts).getTime();
}

const HOUR_MS = 3_600_000;

/** Both ends in milliseconds; what cannot be read becomes the last hour, and swapped ends are put right. */
export function resolveRange(raw: RawRange, nowMs: number, utc = false): TimeRange {
  const to = parseTime(raw.to, nowMs, 'end', utc) ?? nowMs;
  const from = parseTime(raw.from, nowMs, 'start', utc) ?? to - HOUR_MS;
  return from <= to ? { fromMs: from, toMs: to } : { fromMs: to, toMs: from };
}

/** Twice as wide around the same middle, never past `nowMs`. */
export function zoomOut(range: TimeRange, nowMs: number): TimeRange {
  const width = Math.max(range.toMs - range.fromMs, 60_000);
  const toMs = Math.min(range.toMs + width / 2, Math.max(nowMs, range.toMs));
  return { fromMs: Math.round(toMs - width * 2), toMs: Math.round(toMs) };
}

/** The range moved by half its width, back (-1) or forth (1). */
export function shiftRange(range: TimeRange, direction: -1 | 1): TimeRange {
  const by = Math.round(((range.toMs - range.fromMs) / 2) * direction);
  return { fromMs: range.fromMs + by, toMs: range.toMs + by };
}

export function rawOf(range: TimeRange): RawRange {
  return { from: String(Math.round(range.fromMs)), to: String(Math.round(range.toMs)) };
}

const UNIT_WORDS: Readonly<Record<Unit, string>> = {
  s: 'seconds',
  m: 'minutes',
  h: 'hours',
  d: 'days',
  w: 'weeks',
  M: 'months',
  y: 'years',
};

/** What the picker's button says. */
export function describeRange(raw: RawRange, nowMs: number, utc = false): string {
  if (raw.to === 'now') {
    const quick = QUICK_RANGES.find(([from]) => from === raw.from);
    if (quick) return quick[1];
    const simple = /^now-(\d+)([smhdwMy])$/.exec(raw.from);
    if (simple) return `Last ${simple[1]} ${UNIT_WORDS[simple[2] as Unit]}`;
  }
  const { fromMs, toMs } = resolveRange(raw, nowMs, utc);
  if (raw.to === 'now' && !raw.from.startsWith('now')) return `Since ${shortDateTime(fromMs, utc)}`;
  return `${shortDateTime(fromMs, utc)} to ${shortDateTime(toMs, utc)}`;
}

const two = (n: number): string => String(n).padStart(2, '0');

/** `2026-11-22 15:04:05` in local time or UTC. */
export function shortDateTime(ms: number, utc = false): string {
  const [year, month, day, hour, minute, second] = dateParts(ms, utc);
  return `${year}-${two(month + 1)}-${two(day)} ${two(hour)}:${two(minute)}:${two(second)}`;
}
