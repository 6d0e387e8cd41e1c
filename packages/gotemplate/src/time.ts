import { named } from './values.ts';

export const LONG_MONTHS = [
  ...['January', 'February', 'March', 'April', 'May', 'June'],
  ...['July', 'August', 'September', 'October', 'November', 'December'],
];
export const LONG_DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
/** The words of a layout, and fractions of a second. */
export const LAYOUT =
  /January|Jan|Monday|Mon|MST|Z07:00|Z0700|Z07|-07:00|-0700|-07|2006|002|01|02|03|04|05|06|15|PM|pm|_2(?!006)|[.,](?:0+|9+)(?!\d)|1|2|3|4|5/g;

/** Go's zero time: the first moment of the year 1. */
const ZERO_MS = -62_135_596_800_000;

/** A time as templates see it: Go's time.Time, as far as templates use it. */
export class GoTime {
  /** What Go has for a time that is not set. */
  static readonly zero = new GoTime(ZERO_MS);

  constructor(
    private readonly ms: number,
    private readonly timeZone = 'UTC',
  ) {}

  Format(layout: string): string {
    const parts = this.parts();
    return layout.replace(LAYOUT, (word) => parts[word] ?? fractionOf(word, parts['.000'].slice(1)));
  }

  Unix(): bigint {
    return BigInt(Math.floor(this.ms / 1000));
  }

  UnixMilli(): bigint {
    return BigInt(Math.floor(this.ms));
  }

  Year(): bigint {
    return BigInt(this.parts()['2006']);
  }

  Day(): bigint {
    return BigInt(this.parts()['2']);
  }

  Hour(): bigint {
    return BigInt(this.parts()['15']);
  }

  Minute(): bigint {
    return BigInt(this.parts()['4']);
  }

  Second(): bigint {
    return BigInt(this.parts()['5']);
  }

  Month(): string {
    return this.parts().January;
  }

  Weekday(): string {
    return this.parts().Monday;
  }

  UnixNano(): bigint {
    return BigInt(Math.round(this.ms * 1000)) * 1000n;
  }

  Nanosecond(): bigint {
    return BigInt(this.parts()['.000'].slice(1)) * 1_000_000n;
  }

  YearDay(): bigint {
    return BigInt(this.parts()['002']);
  }

  Sub(other: GoTime): GoDuration {
    return GoDuration.fromSeconds((this.ms - other.ms) / 1000);
  }

  Add(duration: GoDuration): GoTime {
    return new GoTime(this.ms + duration.Seconds() * 1000, this.timeZone);
  }

  After(other: GoTime): boolean {
    return this.ms > other.ms;
  }

  Before(other: GoTime): boolean {
    return this.ms < other.ms;
  }

  Equal(other: GoTime): boolean {
    return this.ms === other.ms;
  }

  IsZero(): boolean {
    return this.ms === ZERO_MS;
  }

  UTC(): GoTime {
    return new GoTime(this.ms);
  }

  Local(): GoTime {
    return new GoTime(this.ms, Intl.DateTimeFormat().resolvedOptions().timeZone);
  }

  In(timeZone: string): GoTime {
    return new GoTime(this.ms, timeZone);
  }

  get milliseconds(): number {
    return this.ms;
  }

  toJSON(): string {
    return new Date(this.ms).toISOString().replace(/\.?0*Z$/, 'Z');
  }

  String(): string {
    const fraction = Math.round(this.ms) % 1000 === 0 ? '' : `.${this.parts()['.000'].slice(1).replace(/0+$/, '')}`;
    return this.Format('2006-01-02 15:04:05 -0700 MST').replace(/ (?=[+-])/, `${fraction} `);
  }

  toString(): string {
    return this.String();
  }

  /** Each word of a Go layout with what stands for it. */
  private parts(): Readonly<Record<string, string>> {
    const offset = zoneOffsetMinutes(this.ms, this.timeZone);
    const local = new Date(this.ms + offset * 60_000);
    const two = (value: number): string => String(value).padStart(2, '0');
    const [year, month, day] = [local.getUTCFullYear(), local.getUTCMonth(), local.getUTCDate()];
    const [hour, minute, second] = [local.getUTCHours(), local.getUTCMinutes(), local.getUTCSeconds()];
    const sign = offset < 0 ? '-' : '+';
    const [zoneHours, zoneMinutes] = [two(Math.floor(Math.abs(offset) / 60)), two(Math.abs(offset) % 60)];
    const colonOffset = `${sign}${zoneHours}:${zoneMinutes}`;
    return {
      ...{
        '2006': String(year).padStart(4, '0'),
        '06': two(year % 100),
        January: LONG_MONTHS[month],
        '01': two(month + 1),
      },
      ...{ Jan: LONG_MONTHS[month].slice(0, 3), '1': String(month + 1), '02': two(day), '2': String(day) },
      ...{ _2: String(day).padStart(2), Monday: LONG_DAYS[local.getUTCDay()] },
      ...{ Mon: LONG_DAYS[local.getUTCDay()].slice(0, 3), '15': two(hour), '03': two(hour % 12 || 12) },
      ...{
        '3': String(hour % 12 || 12),
        '04': two(minute),
        '4': String(minute),
        '05': two(second),
        '5': String(second),
      },
      ...{ PM: hour < 12 ? 'AM' : 'PM', pm: hour < 12 ? 'am' : 'pm', '-0700': `${sign}${zoneHours}${zoneMinutes}` },
      ...{ '-07:00': colonOffset, 'Z07:00': offset === 0 ? 'Z' : colonOffset, '-07': `${sign}${zoneHours}` },
      ...{
        Z0700: offset === 0 ? 'Z' : `${sign}${zoneHours}${zoneMinutes}`,
        Z07: offset === 0 ? 'Z' : `${sign}${zoneHours}`,
      },
      '002': String((Date.UTC(year, month, day) - Date.UTC(year, 0, 1)) / 86_400_000 + 1).padStart(3, '0'),
      ...{ MST: this.timeZone === 'UTC' ? 'UTC' : zoneName(this.ms, this.timeZone) },
      '.000': `.${String(local.getUTCMilliseconds()).padStart(3, '0')}`,
    };
  }
}

/** `.000` has as many digits as noughts, `.999` those that are there. */
function fractionOf(word: string, milliseconds: string): string {
  const digits = milliseconds.padEnd(word.length - 1, '0').slice(0, word.length - 1);
  if (word[1] === '0') return word[0] + digits;
  const trimmed = digits.replace(/0+$/, '');
  return trimmed && word[0] + trimmed;
}

/** @throws RangeError where there is no such zone */
export function zoneOffsetMinutes(ms: number, timeZone: string): number {
  if (timeZone === 'UTC') return 0;
  const text = zonePart(ms, timeZone, 'longOffset');
  const match = /^GMT([+-])(\d{2}):(\d{2})$/.exec(text);
  return match ? (match[1] === '-' ? -1 : 1) * (Number(match[2]) * 60 + Number(match[3])) : 0;
}

function zoneName(ms: number, timeZone: string): string {
  return zonePart(ms, timeZone, 'short');
}

/** @throws RangeError where there is no such zone */
function zonePart(ms: number, timeZone: string, timeZoneName: 'longOffset' | 'short'): string {
  const parts = new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName }).formatToParts(ms);
  return parts.find(({ type }) => type === 'timeZoneName')?.value ?? '';
}

named('*time.Time', GoTime.prototype);

const SECOND = 1_000_000_000n;
const MINUTE = 60n * SECOND;
const HOUR = 60n * MINUTE;

/** A length of time as templates see it: Go's time.Duration, in nanoseconds. */
export class GoDuration {
  constructor(private readonly ns: bigint) {}

  static fromSeconds(seconds: number): GoDuration {
    return new GoDuration(Number.isFinite(seconds) ? BigInt(Math.trunc(seconds * 1e9)) : 0n);
  }

  Hours(): number {
    return Number(this.ns) / Number(HOUR);
  }

  Minutes(): number {
    return Number(this.ns) / Number(MINUTE);
  }

  Seconds(): number {
    return Number(this.ns) / 1e9;
  }

  Milliseconds(): bigint {
    return this.ns / 1_000_000n;
  }

  Microseconds(): bigint {
    return this.ns / 1000n;
  }

  Nanoseconds(): bigint {
    return this.ns;
  }

  Abs(): GoDuration {
    return new GoDuration(this.ns < 0n ? -this.ns : this.ns);
  }

  String(): string {
    if (this.ns === 0n) return '0s';
    const size = this.ns < 0n ? -this.ns : this.ns;
    return `${this.ns < 0n ? '-' : ''}${size < SECOND ? belowSecond(size) : aboveSecond(size)}`;
  }

  toString(): string {
    return this.String();
  }
}

named('*time.Duration', GoDuration.prototype);

function belowSecond(ns: bigint): string {
  if (ns < 1000n) return `${ns}ns`;
  return ns < 1_000_000n ? `${decimal(ns, 1000n)}µs` : `${decimal(ns, 1_000_000n)}ms`;
}

function aboveSecond(ns: bigint): string {
  const seconds = `${decimal(ns % MINUTE, SECOND)}s`;
  if (ns < MINUTE) return seconds;
  const minutes = `${(ns / MINUTE) % 60n}m${seconds}`;
  return ns < HOUR ? minutes : `${ns / HOUR}h${minutes}`;
}

/** A quotient with the digits behind the point that it needs; `unit` is a power of ten. */
function decimal(ns: bigint, unit: bigint): string {
  const digits = String(ns % unit)
    .padStart(String(unit).length - 1, '0')
    .replace(/0+$/, '');
  return digits === '' ? String(ns / unit) : `${ns / unit}.${digits}`;
}
