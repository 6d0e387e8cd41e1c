/** Both ends included. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/** When something is in force; a part that is not given is always true (upstream timeinterval.TimeInterval). */
export interface TimeInterval {
  /** Minutes of the day, the end excluded. */
  readonly times: readonly Range[] | undefined;
  /** 0 is Sunday. */
  readonly weekdays: readonly Range[] | undefined;
  /** 1 … 31; negative counts from the end of the month. */
  readonly daysOfMonth: readonly Range[] | undefined;
  readonly months: readonly Range[] | undefined;
  readonly years: readonly Range[] | undefined;
  readonly timeZone: string;
}

/** `17:30` as minutes of the day; `24:00` is its end. @throws Error */
export function parseTimeOfDay(text: string): number {
  const match = /^(\d{2}):(\d{2})$/.exec(text);
  const minutes = match ? Number(match[1]) * 60 + Number(match[2]) : Number.NaN;
  if (!match || Number(match[2]) > 59 || minutes > 24 * 60) {
    throw new Error(`couldn't parse timestamp ${text}, invalid format`);
  }
  return minutes;
}

export interface RangeOptions {
  readonly names?: readonly string[];
  /** The number of the first name. */
  readonly first?: number;
  readonly namesOnly?: boolean;
  readonly min: number;
  readonly max: number;
  readonly noZero?: boolean;
}

/** `3`, `1:5`, `-3:-1`, `monday:friday`. @throws Error */
export function parseRange(text: string, options: RangeOptions): Range {
  const parts = text.split(':');
  if (parts.length > 2) throw new Error(`too many colons: ${JSON.stringify(text)}`);
  const [from, to = from] = parts.map((part) => parseBound(part.toLowerCase(), options));
  if (from < 0 && to > 0) throw new Error('end day must be negative if start day is negative');
  // a day that is counted from the month's end must come after the other one in the shortest month too
  if (inFebruary(from) > inFebruary(to)) throw new Error('start cannot be after end');
  return { from, to };
}

function inFebruary(day: number): number {
  return day < 0 ? 28 + day : day;
}

function parseBound(text: string, { names, first = 0, namesOnly, min, max, noZero }: RangeOptions): number {
  const named = names?.indexOf(text) ?? -1;
  if (named >= 0) return named + first;
  const value = !namesOnly && /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max) || (noZero && value === 0)) {
    throw new Error(`${JSON.stringify(text)} is not a valid value (${names?.join(', ') ?? `${min} to ${max}`})`);
  }
  return value;
}

/** Whether the moment `now` (milliseconds) lies in the interval. */
export function containsTime(interval: TimeInterval, now: number): boolean {
  const local = localTime(now, interval.timeZone);
  const daysInMonth = new Date(Date.UTC(local.year, local.month, 0)).getUTCDate();
  const fromEnd = (day: number): number => (day < 0 ? daysInMonth + day + 1 : Math.min(day, daysInMonth));
  const within = (ranges: readonly Range[] | undefined, value: number): boolean =>
    ranges === undefined || ranges.some(({ from, to }) => value >= from && value <= to);
  return (
    (interval.times === undefined ||
      interval.times.some(({ from, to }) => local.minutes >= from && local.minutes < to)) &&
    within(
      interval.daysOfMonth
        ?.filter(({ from }) => from <= daysInMonth)
        .map(({ from, to }) => ({ from: Math.max(1, fromEnd(from)), to: fromEnd(to) })),
      local.day,
    ) &&
    within(interval.weekdays, local.weekday) &&
    within(interval.months, local.month) &&
    within(interval.years, local.year)
  );
}

const WEEKDAY_NAMES = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const formats = new Map<string, Intl.DateTimeFormat>();

function localTime(now: number, timeZone: string) {
  let format = formats.get(timeZone);
  if (!format) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      hourCycle: 'h23',
      weekday: 'short',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
    });
    formats.set(timeZone, format);
  }
  const parts = Object.fromEntries(format.formatToParts(now).map(({ type, value }) => [type, value]));
  return {
    minutes: Number(parts.hour) * 60 + Number(parts.minute),
    weekday: WEEKDAY_NAMES.indexOf(parts.weekday),
    day: Number(parts.day),
    month: Number(parts.month),
    year: Number(parts.year),
  };
}
