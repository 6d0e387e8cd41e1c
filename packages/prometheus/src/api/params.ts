import { type Matcher, parseDuration } from '@avalanche/model';
import { parseMatchers } from '@avalanche/promql';
import type { FastifyRequest } from 'fastify';
import { ApiError, badParameter } from './errors.ts';

/** Times within what a Date can be, so that every calculation with them is exact; durations as upstream's int64 of ns. */
const TIME_MAX_MS = 8_640_000_000_000_000;
const DURATION_MAX_MS = 9_223_372_036_854;

type Values = Readonly<Record<string, string | readonly string[] | undefined>>;

const NO_VALUES: Values = Object.create(null);

/** The parameters of an API request: of the address and, for POST, of the form. */
export class Params {
  constructor(
    private readonly query: Values,
    private readonly form: Values = NO_VALUES,
  ) {}

  /** A parameter given in both counts as given twice, the form's value first. */
  static of({ body, query }: FastifyRequest): Params {
    const form = typeof body === 'object' && body !== null ? (body as Values) : NO_VALUES;
    return new Params(query as Values, form);
  }

  get(name: string): string {
    const value = this.form[name] ?? this.query[name] ?? '';
    return typeof value === 'string' ? value : value[0];
  }

  all(name: string): readonly string[] {
    return [this.form, this.query].flatMap((values) => values[name] ?? []);
  }

  /** A time in milliseconds. @throws ApiError where it is neither a number of seconds nor RFC 3339 */
  time(name: string): number {
    return this.parsedTime(name, (reason) => reason);
  }

  /** The same for a parameter that may be missing; upstream words its errors otherwise. @throws ApiError */
  optionalTime(name: string, fallback: number): number {
    if (this.get(name) === '') return fallback;
    return this.parsedTime(name, (reason) => `invalid time value for '${name}': ${reason}`);
  }

  private parsedTime(name: string, worded: (reason: string) => string): number {
    const text = this.get(name);
    const time = parseTime(text);
    if (Number.isNaN(time))
      throw badParameter(name, worded(`cannot parse ${JSON.stringify(text)} to a valid timestamp`));
    return time;
  }

  /** A duration in milliseconds, given as seconds or as `1m30s`. @throws ApiError */
  duration(name: string): number {
    try {
      return parseSeconds(this.get(name));
    } catch (error) {
      throw badParameter(name, (error as Error).message);
    }
  }

  /** `lookback_delta` in milliseconds, undefined where it is not given. @throws ApiError */
  lookback(): number | undefined {
    const text = this.get('lookback_delta');
    if (text === '') return undefined;
    try {
      return parseSeconds(text);
    } catch (error) {
      throw new ApiError('bad_data', `error parsing lookback delta duration: ${(error as Error).message}`);
    }
  }

  /** A limit; 0 is none. @throws ApiError */
  limit(): number {
    const text = this.get('limit');
    if (text === '') return 0;
    const limit = Number(text);
    const wrong = !/^[+-]?\d+$/.test(text) ? 'invalid syntax' : Math.abs(limit) > 2 ** 63 ? 'value out of range' : '';
    if (wrong !== '') throw badParameter('limit', `strconv.Atoi: parsing ${JSON.stringify(text)}: ${wrong}`);
    if (limit < 0) throw badParameter('limit', 'limit must be non-negative');
    return limit;
  }

  /** A whole number with any sign. @throws ApiError with this message */
  wholeNumber(name: string, fallback: number, message: string): number {
    const text = this.get(name);
    if (text === '') return fallback;
    if (!/^[+-]?\d+$/.test(text)) throw new ApiError('bad_data', message);
    return Number(text);
  }

  /** The `match[]` selectors. @throws ApiError with the parser's message */
  matcherSets(): Matcher[][] {
    return this.all('match[]').map((text) => {
      const matchers = selector(text);
      if (matchers.every((matcher) => matcher.matches(''))) {
        throw new ApiError('bad_data', 'match[] must contain at least one non-empty matcher');
      }
      return [...matchers];
    });
  }

  /** At least one `match[]` selector; upstream words errors otherwise where they are required. @throws ApiError */
  requiredMatcherSets(): Matcher[][] {
    if (this.all('match[]').length === 0) throw new ApiError('bad_data', 'no match[] parameter provided');
    try {
      return this.matcherSets();
    } catch (error) {
      throw badParameter('match[]', (error as Error).message);
    }
  }
}

/** @throws ApiError */
function selector(text: string): readonly Matcher[] {
  try {
    return parseMatchers(text);
  } catch (error) {
    throw new ApiError('bad_data', (error as Error).message);
  }
}

/** What Go's ParseFloat takes of what a person or a program writes. */
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const RFC3339 = /^(\d{4}-\d\d-\d\d)T(\d\d):\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/;
/** How upstream prints the first and the last of all times. */
const FIRST = '-292273086-05-16T16:47:06Z';
const LAST = '292277025-08-18T07:12:54.999999999Z';

/** Seconds since the epoch or RFC 3339, as milliseconds; NaN for anything else. */
function parseTime(text: string): number {
  if (NUMBER.test(text)) {
    const ms = Math.round(Number(text) * 1000);
    return Math.abs(ms) <= TIME_MAX_MS ? ms : Number.NaN;
  }
  const [, day, hour] = RFC3339.exec(text) ?? [];
  if (day !== undefined) return isDay(day) && hour < '24' ? Date.parse(text) : Number.NaN;
  if (text === FIRST) return -TIME_MAX_MS;
  return text === LAST ? TIME_MAX_MS : Number.NaN;
}

/** `Date.parse` takes the 30th of February for a day in March. */
function isDay(text: string): boolean {
  const ms = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(text);
}

/** Seconds or a duration, as milliseconds. @throws Error in upstream's words */
function parseSeconds(text: string): number {
  if (NUMBER.test(text)) {
    const ms = Math.trunc(Math.trunc(Number(text) * 1e9) / 1e6); // as upstream's whole nanoseconds
    if (Math.abs(ms) <= DURATION_MAX_MS) return ms;
    throw new Error(`cannot parse ${JSON.stringify(text)} to a valid duration. It overflows int64`);
  }
  try {
    return parseDuration(text);
  } catch (error) {
    throw new Error(`cannot parse ${JSON.stringify(text)} to a valid duration`, { cause: error });
  }
}
