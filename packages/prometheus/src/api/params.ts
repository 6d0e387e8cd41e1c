import { type Matcher, parseDuration } from '@avalanche/model';
import { parseSelector } from '@avalanche/promql';
import type { FastifyRequest } from 'fastify';
import { badParameter } from './errors.ts';

/** The parameters of an API request: of the address and, for POST, of the form. */
export class Params {
  constructor(private readonly values: Readonly<Record<string, string | readonly string[]>>) {}

  static of(request: FastifyRequest): Params {
    return new Params({
      ...(request.body as Record<string, string> | null),
      ...(request.query as Record<string, string>),
    });
  }

  get(name: string): string {
    const value = this.values[name];
    return typeof value === 'string' ? value : (value?.[0] ?? '');
  }

  all(name: string): readonly string[] {
    const value = this.values[name];
    return value === undefined ? [] : typeof value === 'string' ? [value] : value;
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
    if (/^[+-]?\d*\.?\d+(?:[eE][+-]?\d+)?$/.test(text)) return Number(text) * 1000;
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
  if (/^[+-]?\d*\.?\d+(?:[eE][+-]?\d+)?$/.test(text)) return Math.round(Number(text) * 1000);
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(text)) return Date.parse(text);
  return Number.NaN;
}
