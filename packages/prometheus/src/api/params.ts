import { type Matcher, parseDuration } from '@avalanche/model';
import { parseSelector } from '@avalanche/promql';
import type { FastifyRequest } from 'fastify';
import { badParameter } from './errors.ts';

/** Times within what a Date can be, so that every calculation with them is exact; durations as upstream's int64 of ns. */
const TIME_MAX_MS = 8_640_000_000_000_000;
const DURATION_MAX_MS = 9_223_372_036_854;

/** The parameters of an API request: of the address and, for POST, of the form. */
export class Params {
  constructor(private readonly values: ReadonlyMap<string, readonly string[]>) {}

  /** A parameter given in both counts as given twice, the form's value first. */
  static of(request: FastifyRequest): Params {
    const form = (typeof request.body === 'object' && request.body) || {};
    const values = new Map<string, readonly string[]>();
    for (const source of [form, request.query as object]) {
      for (const [name, value] of Object.entries(source) as [string, string | string[]][]) {
        values.set(name, [...(values.get(name) ?? []), ...[value].flat()]);
      }
    }
    return new Params(values);
  }

  get(name: string): string {
    return this.values.get(name)?.[0] ?? '';
  }

  all(name: string): readonly string[] {
    return this.values.get(name) ?? [];
  }

  /** A time in milliseconds. @throws ApiError where it is neither a number of seconds nor RFC 3339 */
  time(name: string, fallback?: number): number {
    const text = this.get(name);
    if (text === '' && fallback !== undefined) return fallback;
    const time = parseTime(text);
    if (Number.isNaN(time)) throw badParameter(name, `cannot parse ${JSON.stringify(text)} to a valid timestamp`);
    return time;
  }

  /** A duration in milliseconds, given as seconds or as `1m30s`. @throws ApiError */
  duration(name: string, fallback?: number): number {
    const text = this.get(name);
    if (text === '' && fallback !== undefined) return fallback;
    if (/^[+-]?\d*\.?\d+(?:[eE][+-]?\d+)?$/.test(text)) {
      const ms = Math.round(Number(text) * 1000);
      if (Math.abs(ms) <= DURATION_MAX_MS) return ms;
      throw badParameter(name, `cannot parse ${JSON.stringify(text)} to a valid duration. It overflows int64`);
    }
    try {
      return parseDuration(text);
    } catch {
      throw badParameter(name, `cannot parse ${JSON.stringify(text)} to a valid duration`);
    }
  }

  /** A limit; 0 is none. @throws ApiError */
  limit(): number {
    const text = this.get('limit');
    if (text === '') return 0;
    if (!/^\d+$/.test(text)) throw badParameter('limit', 'limit must be non-negative');
    return Number(text);
  }

  /** The `match[]` selectors. @throws ApiError with the parser's message */
  matcherSets(): Matcher[][] {
    return this.all('match[]').map((text) => {
      let matchers: readonly Matcher[];
      try {
        matchers = parseSelector(text);
      } catch (error) {
        throw badParameter('match[]', (error as Error).message);
      }
      if (matchers.every((matcher) => matcher.matches(''))) {
        throw badParameter('match[]', 'match[] must contain at least one non-empty matcher');
      }
      return [...matchers];
    });
  }
}

/** Seconds since the epoch or RFC 3339, as milliseconds; NaN for anything else. */
function parseTime(text: string): number {
  if (/^[+-]?\d*\.?\d+(?:[eE][+-]?\d+)?$/.test(text)) {
    const ms = Math.round(Number(text) * 1000);
    return Math.abs(ms) <= TIME_MAX_MS ? ms : Number.NaN;
  }
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(text)) return Date.parse(text);
  return Number.NaN;
}
