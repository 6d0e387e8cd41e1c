import { goTime } from '../alert/alert.ts';

const LONG_MONTHS = [
  ...['January', 'February', 'March', 'April', 'May', 'June'],
  ...['July', 'August', 'September', 'October', 'November', 'December'],
];
const LONG_DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const LAYOUT = /January|Jan|Monday|Mon|MST|Z07:00|-07:00|-0700|2006|01|02|03|04|05|06|15|PM|pm|_2|\.0+|1|2|3|4|5/g;

/** A time as templates see it: Go's time.Time, as far as templates use it. */
export class GoTime {
  constructor(
    private readonly ms: number,
    private readonly timeZone = 'UTC',
  ) {}

  Format(layout: string): string {
    const parts = this.parts();
    return layout.replace(LAYOUT, (word) => parts[word] ?? `.${parts['.000'].slice(1).padEnd(word.length - 1, '0')}`);
  }

  Unix(): number {
    return Math.floor(this.ms / 1000);
  }

  UnixMilli(): number {
    return this.ms;
  }

  /** Seconds from `other` to this; Go gives nanoseconds, which `humanizeDuration` takes as well. */
  Sub(other: GoTime): number {
    return (this.ms - other.ms) / 1000;
  }

  IsZero(): boolean {
    return this.ms === 0;
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
    return goTime(this.ms);
  }

  toString(): string {
    return this.Format('2006-01-02 15:04:05 -0700 MST');
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
      ...{ '2006': String(year), '06': two(year % 100), January: LONG_MONTHS[month], '01': two(month + 1) },
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
      ...{ '-07:00': colonOffset, 'Z07:00': offset === 0 ? 'Z' : colonOffset },
      ...{ MST: this.timeZone === 'UTC' ? 'UTC' : zoneName(this.ms, this.timeZone) },
      '.000': `.${String(local.getUTCMilliseconds()).padStart(3, '0')}`,
    };
  }
}

function zoneOffsetMinutes(ms: number, timeZone: string): number {
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
