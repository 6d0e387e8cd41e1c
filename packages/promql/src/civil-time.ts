/** A UTC date and time of the Gregorian calendar. Months and days count from 1, weekdays from Sunday as 0. */
export interface CivilTime {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly weekday: number;
  readonly hour: number;
  readonly minute: number;
}

/** Seconds up to which JavaScript's dates go. */
const DATE_MAX = 8.64e12;
const SECONDS_PER_DAY = 86_400n;
const DAYS_PER_400_YEARS = 146_097n;
/** Go counts from March 1 of the year -292277022400, so that all of its 64 bits of seconds are dates after that. */
const YEARS_BEFORE_0 = 292_277_022_400n;
/** Days from there to 1970-01-01. */
const DAYS_TO_1970 = (YEARS_BEFORE_0 / 400n) * DAYS_PER_400_YEARS + 719_468n;

/** The date of a sample value in seconds since the epoch; fractions are cut off. */
export function civilTime(seconds: number): CivilTime {
  if (!(Math.abs(seconds) <= DATE_MAX)) return distantTime(seconds);
  const date = new Date(Math.trunc(seconds) * 1000);
  return {
    year: date.getUTCFullYear(),
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    weekday: date.getUTCDay(),
    hour: date.getUTCHours(),
    minute: date.getUTCMinutes(),
  };
}

/** What does not fit into 64 bits is, as in Go on the machines that Prometheus runs on, the least that does. */
function distantTime(seconds: number): CivilTime {
  const fits = Math.abs(seconds) < 2 ** 63;
  const whole = fits ? BigInt(Math.trunc(seconds)) : -(1n << 63n);
  const since = BigInt.asUintN(64, whole + DAYS_TO_1970 * SECONDS_PER_DAY);
  const days = since / SECONDS_PER_DAY;
  const secondOfDay = Number(since % SECONDS_PER_DAY);
  const eras = days / DAYS_PER_400_YEARS;
  const dayOfEra = Number(days % DAYS_PER_400_YEARS);
  const leapDays = Math.floor(dayOfEra / 1460) - Math.floor(dayOfEra / 36_524) + Math.floor(dayOfEra / 146_096);
  const yearOfEra = Math.floor((dayOfEra - leapDays) / 365);
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
  return {
    year: Number(eras * 400n - YEARS_BEFORE_0) + yearOfEra + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1,
    weekday: Number((days + 3n) % 7n),
    hour: Math.floor(secondOfDay / 3600),
    minute: Math.floor((secondOfDay % 3600) / 60),
  };
}

const DAYS_BEFORE_MONTH = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365];

function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

export function daysInMonth({ year, month }: CivilTime): number {
  if (month === 2 && isLeap(year)) return 29;
  return DAYS_BEFORE_MONTH[month] - DAYS_BEFORE_MONTH[month - 1];
}

/** Counted from 1. */
export function dayOfYear({ year, month, day }: CivilTime): number {
  return DAYS_BEFORE_MONTH[month - 1] + day + (month > 2 && isLeap(year) ? 1 : 0);
}
