import { parseDuration, quote } from '@avalanche/model';

const RFC3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/;
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** A Unix time in seconds, or a date as RFC 3339 has it, in milliseconds. @throws Error with upstream's words */
export function parseTime(text: string): number {
  if (NUMBER.test(text)) return Number(text) * 1000;
  const time = RFC3339.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time)) throw new Error(`cannot parse ${quote(text)} to a valid timestamp`);
  return time;
}

/** The moment that a duration before `now`, a date or a Unix time names, in whole milliseconds. @throws Error */
export function parseAge(text: string, now: number): number {
  if (/[a-z]$/.test(text)) return now - parseDuration(text);
  return Math.floor(parseTime(text));
}
