import { quote } from '@avalanche/model';
import { GoTime, LAYOUT, LONG_DAYS, LONG_MONTHS, zoneOffsetMinutes } from './time.ts';

const short = (names: readonly string[]): readonly string[] => names.map((name) => name.slice(0, 3));

interface Fields {
  year: number;
  month: number;
  day: number;
  hour: number;
  minute: number;
  second: number;
  milliseconds: number;
  afternoon: boolean | undefined;
  offsetMinutes: number;
}

type Take = (fields: Fields, match: string) => void;

const number = (key: 'day' | 'hour' | 'minute' | 'second'): Take => {
  return (fields, match) => {
    fields[key] = Number(match);
  };
};
const month: Take = (fields, match) => {
  fields.month = Number(match);
};
const year: Take = (fields, match) => {
  const value = Number(match);
  fields.year = match.length > 2 ? value : value + (value >= 69 ? 1900 : 2000);
};
const monthName: Take = (fields, match) => {
  fields.month = 1 + short(LONG_MONTHS).findIndex((name) => name.toLowerCase() === match.slice(0, 3).toLowerCase());
};
const half: Take = (fields, match) => {
  fields.afternoon = match.toLowerCase() === 'pm';
};
const offset: Take = (fields, match) => {
  const [, sign, hours, minutes = '0'] = /^([+-])(\d\d):?(\d\d)?$/.exec(match) ?? [];
  fields.offsetMinutes = sign === undefined ? 0 : (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes));
};
const fraction: Take = (fields, match) => {
  fields.milliseconds = Math.floor(Number(`0.${match.slice(1) || '0'}`) * 1000);
};
const ignore: Take = () => {};

const NAMES = (names: readonly string[]): string => names.join('|');
const TWO = '\\d\\d';
const ONE_OR_TWO = '\\d\\d?';

/** What stands in a text for each word of a layout, and where it goes. */
const WORDS: Readonly<Record<string, readonly [pattern: string, take: Take]>> = {
  ...{ '2006': ['\\d{4}', year], '06': [TWO, year], January: [NAMES(LONG_MONTHS), monthName] },
  ...{ Jan: [NAMES(short(LONG_MONTHS)), monthName], '01': [TWO, month], '1': [ONE_OR_TWO, month] },
  ...{ Monday: [NAMES(LONG_DAYS), ignore], Mon: [NAMES(short(LONG_DAYS)), ignore] },
  ...{ '02': [TWO, number('day')], '2': [ONE_OR_TWO, number('day')], _2: [` ?${ONE_OR_TWO}`, number('day')] },
  ...{ '15': [TWO, number('hour')], '03': [TWO, number('hour')], '3': [ONE_OR_TWO, number('hour')] },
  ...{ '04': [TWO, number('minute')], '4': [ONE_OR_TWO, number('minute')] },
  ...{ '05': [TWO, number('second')], '5': [ONE_OR_TWO, number('second')] },
  ...{ PM: ['AM|PM', half], pm: ['am|pm', half], MST: ['[A-Z]{3,5}|[+-]\\d\\d', ignore] },
  ...{ 'Z07:00': ['Z|[+-]\\d\\d:\\d\\d', offset], Z0700: ['Z|[+-]\\d{4}', offset], Z07: ['Z|[+-]\\d\\d', offset] },
  ...{ '-07:00': ['[+-]\\d\\d:\\d\\d', offset], '-0700': ['[+-]\\d{4}', offset], '-07': ['[+-]\\d\\d', offset] },
};

/** Reads a time that is written by a Go layout, in UTC where it names no zone (Go's time.Parse). @throws Error in Go's words */
export function parseTime(layout: string, text: string): GoTime {
  const fields: Fields = {
    ...{ year: 0, month: 1, day: 1, hour: 0, minute: 0, second: 0, milliseconds: 0 },
    ...{ afternoon: undefined, offsetMinutes: 0 },
  };
  const fail = (rest: string, wanted: string): Error =>
    new Error(`parsing time ${quote(text)} as ${quote(layout)}: cannot parse ${quote(rest)} as ${quote(wanted)}`);
  let rest = text;
  const take = (pattern: string, wanted: string): string => {
    const match = new RegExp(`^(?:${pattern})`, 'i').exec(rest)?.[0];
    if (match === undefined) throw fail(rest, wanted);
    rest = rest.slice(match.length);
    return match;
  };
  let at = 0;
  for (const match of layout.matchAll(LAYOUT)) {
    const before = layout.slice(at, match.index);
    if (!rest.startsWith(before)) throw fail(rest, before);
    rest = rest.slice(before.length);
    at = match.index + match[0].length;
    const [pattern, put] = WORDS[match[0]] ?? [
      `[.,]\\d{${match[0].includes('9') ? '0,' : match[0].length - 1}}`,
      fraction,
    ];
    put(fields, take(pattern, match[0]));
    // Go takes fractions of a second where the layout has none
    if (/^0?5$/.test(match[0]) && !/^[.,][09]/.test(layout.slice(at))) fraction(fields, take('[.,]\\d+|', ''));
  }
  if (!rest.startsWith(layout.slice(at))) throw fail(rest, layout.slice(at));
  rest = rest.slice(layout.length - at);
  const problem = `parsing time ${quote(text)}`;
  if (rest !== '') throw new Error(`${problem}: extra text: ${quote(rest)}`);
  return toTime(fields, problem);
}

function toTime(fields: Fields, problem: string): GoTime {
  const { year: y, month: m, day, minute, second, milliseconds, afternoon, offsetMinutes } = fields;
  const hour = afternoon === undefined ? fields.hour : (fields.hour % 12) + (afternoon ? 12 : 0);
  const date = new Date(0);
  date.setUTCFullYear(y, m - 1, day);
  const inRange = { month: m >= 1 && m <= 12, day: date.getUTCDate() === day, hour: hour < 24, minute: minute < 60 };
  const wrong = Object.entries({ ...inRange, second: second < 60 }).find(([, ok]) => !ok)?.[0];
  if (wrong) throw new Error(`${problem}: ${wrong} out of range`);
  date.setUTCHours(hour, minute - offsetMinutes, second, milliseconds);
  return new GoTime(date.getTime());
}

/** The zone's name where there is one. @throws Error in Go's words */
export function loadLocation(name: string): string {
  if (name === '' || name === 'UTC') return 'UTC';
  try {
    zoneOffsetMinutes(0, name === 'Local' ? 'UTC' : name);
    return name === 'Local' ? Intl.DateTimeFormat().resolvedOptions().timeZone : name;
  } catch {
    throw new Error(`unknown time zone ${name}`);
  }
}
