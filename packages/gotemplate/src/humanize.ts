import { sprintf } from './printf.ts';
import { GoDuration } from './time.ts';
import { typeName } from './values.ts';

const UP = ['k', 'M', 'G', 'T', 'P', 'E', 'Z', 'Y'];
const DOWN = ['m', 'u', 'n', 'p', 'f', 'a', 'z', 'y'];
const BINARY = ['ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei', 'Zi', 'Yi'];

function fourDigits(value: number): string {
  return sprintf('%.4g', [value]);
}

/** Divides by `base` while the value is that large, up to the last prefix. */
function scaledDown(value: number, base: number, prefixes: readonly string[]): string {
  let rest = value;
  let prefix = '';
  for (const next of prefixes) {
    if (Math.abs(rest) < base) break;
    prefix = next;
    rest /= base;
  }
  return fourDigits(rest) + prefix;
}

/** Multiplies by 1000 while the value is below 1, up to the last prefix. */
function scaledUp(value: number): string {
  let rest = value;
  let prefix = '';
  for (const next of DOWN) {
    if (Math.abs(rest) >= 1) break;
    prefix = next;
    rest *= 1000;
  }
  return fourDigits(rest) + prefix;
}

/** `1.234M`: metric prefixes, as the template function `humanize` of upstream prints. */
export function humanize(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return fourDigits(value);
  return Math.abs(value) >= 1 ? scaledDown(value, 1000, UP) : scaledUp(value);
}

/** `1.5Gi`: binary prefixes (`humanize1024`). */
export function humanize1024(value: number): string {
  if (Math.abs(value) <= 1 || !Number.isFinite(value)) return fourDigits(value);
  return scaledDown(value, 1024, BINARY);
}

/** `97.42%` of a ratio (`humanizePercentage`). */
export function humanizePercentage(value: number): string {
  return `${fourDigits(value * 100)}%`;
}

/** `1d 2h 3m 4s` of seconds (`humanizeDuration`). */
export function humanizeDuration(value: number): string {
  if (!Number.isFinite(value)) return fourDigits(value);
  if (value === 0) return `${fourDigits(value)}s`;
  if (Math.abs(value) < 1) return `${scaledUp(value)}s`;
  const sign = value < 0 ? '-' : '';
  const total = Math.trunc(Math.abs(value));
  const seconds = total % 60;
  const minutes = Math.trunc(total / 60) % 60;
  const hours = Math.trunc(total / 3600) % 24;
  const days = Math.trunc(total / 86_400);
  if (days !== 0) return `${sign}${days}d ${hours}h ${minutes}m ${seconds}s`;
  if (hours !== 0) return `${sign}${hours}h ${minutes}m ${seconds}s`;
  if (minutes !== 0) return `${sign}${minutes}m ${seconds}s`;
  return `${sign}${fourDigits(Math.abs(value))}s`;
}

const NUMBER = /^[+-]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const NAMED_NUMBERS: Readonly<Record<string, number>> = {
  nan: Number.NaN,
  inf: Number.POSITIVE_INFINITY,
  infinity: Number.POSITIVE_INFINITY,
};

/** Numbers reach the functions as floats, as ints, as durations or, as in `{{ printf … | humanize }}`, as text. @throws Error */
export function toFloat(value: unknown): number {
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  if (value instanceof GoDuration) return value.Seconds();
  if (typeof value !== 'string') throw new Error(`can't convert ${typeName(value)} to float`);
  if (NUMBER.test(value)) return Number(value);
  const [, sign, name] = /^([+-]?)([a-z]+)$/.exec(value.toLowerCase()) ?? [];
  if (name === undefined || !Object.hasOwn(NAMED_NUMBERS, name)) {
    throw new Error(`strconv.ParseFloat: parsing ${JSON.stringify(value)}: invalid syntax`);
  }
  return sign === '-' ? -NAMED_NUMBERS[name] : NAMED_NUMBERS[name];
}
