import { z } from 'zod';
import { parsedBy } from '../config/values.ts';
import { parseRange, parseTimeOfDay, type Range, type TimeInterval } from './interval.ts';

const WEEKDAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'];
const MONTHS = [
  ...['january', 'february', 'march', 'april', 'may', 'june'],
  ...['july', 'august', 'september', 'october', 'november', 'december'],
];

function ranges(parse: (text: string) => Range) {
  return z.array(z.union([z.string(), z.number()]).transform(String).transform(parsedBy(parse))).optional();
}

const timeOfDay = z.string().transform(parsedBy(parseTimeOfDay));

/** As Go finds it among the files of the time zone database: by its exact name. @throws Error */
function parseLocation(name: string): string {
  if (name === '') return 'UTC';
  if (name === 'Local') return Intl.DateTimeFormat().resolvedOptions().timeZone;
  let known: string;
  try {
    known = new Intl.DateTimeFormat('en-US', { timeZone: name }).resolvedOptions().timeZone;
  } catch {
    throw new Error(`unknown time zone ${name}`);
  }
  if (known !== name && known.toLowerCase() === name.toLowerCase()) throw new Error(`unknown time zone ${name}`);
  return name;
}

const location = z.string().transform(parsedBy(parseLocation));

/** One item of `time_intervals` (upstream timeinterval.TimeInterval). */
export const timeIntervalSchema = z
  .strictObject({
    times: z
      .array(
        z
          .strictObject({ start_time: timeOfDay, end_time: timeOfDay })
          .refine((time) => time.start_time < time.end_time, {
            message: 'start time cannot be equal or after end time',
          }),
      )
      .optional(),
    weekdays: ranges((text) => parseRange(text, { names: WEEKDAYS, first: 0, min: 0, max: 6, namesOnly: true })),
    days_of_month: ranges((text) => parseRange(text, { min: -31, max: 31, noZero: true })),
    months: ranges((text) => parseRange(text, { names: MONTHS, first: 1, min: 1, max: 12 })),
    years: ranges((text) => parseRange(text, { min: 0, max: 9999 })),
    location: location.default('UTC'),
  })
  .transform(
    (raw): TimeInterval => ({
      times: raw.times?.map((time) => ({ from: time.start_time, to: time.end_time })),
      weekdays: raw.weekdays,
      daysOfMonth: raw.days_of_month,
      months: raw.months,
      years: raw.years,
      timeZone: raw.location,
    }),
  );
