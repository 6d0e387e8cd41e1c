import { ExpositionError, endOfSeries, skipBlanks, unescapeValue } from './series-text.ts';

export type ExpositionFormat = 'text' | 'openmetrics';

/** What `next` has come to: a sample, a `# TYPE`/`# HELP`/`# UNIT` line, or the end. */
export const ENTRY_END = 0;
export const ENTRY_SAMPLE = 1;
export const ENTRY_TYPE = 2;
export const ENTRY_HELP = 3;
export const ENTRY_UNIT = 4;
export type Entry = typeof ENTRY_END | typeof ENTRY_SAMPLE | typeof ENTRY_TYPE | typeof ENTRY_HELP | typeof ENTRY_UNIT;

/** Which format a Content-Type announces; null where it announces neither. */
export function formatOf(contentType: string | undefined): ExpositionFormat | null {
  const type = contentType?.split(';', 1)[0]?.trim().toLowerCase();
  if (type === 'application/openmetrics-text') return 'openmetrics';
  return type === 'text/plain' ? 'text' : null;
}

/**
 * Walks an exposition body line by line without making an object a line: `next` moves on, the fields describe the
 * entry it came to. The series part stays a range of the body, for the scrape cache to compare.
 *
 * Prometheus text 0.0.4 and OpenMetrics 1.0 (counter `_total` names are not enforced; exemplars are passed over).
 * @throws ExpositionError with the line number, from `next`
 */
export class ExpositionParser {
  /** Of a sample: the range of the name and its braces in `body`. */
  seriesStart = 0;
  seriesEnd = 0;
  value = 0;
  /** Milliseconds since the epoch; meaningful where `hasTimestamp`. */
  timestamp = 0;
  hasTimestamp = false;
  /** Of a TYPE, HELP or UNIT line. */
  metric = '';
  text = '';
  /** Of the current entry, counted from 1. */
  line = 0;
  private position = 0;
  private sawEof = false;

  constructor(
    readonly body: string,
    private readonly format: ExpositionFormat,
  ) {}

  /**
   * Moves to the next entry. `expected` is the series text that stood at this place in the last scrape: where it
   * stands here again, its end is known without looking for it.
   */
  next(expected = ''): Entry {
    for (;;) {
      if (this.position >= this.body.length) return this.end();
      if (this.sawEof) throw this.error('data after # EOF');
      this.line++;
      const start = this.format === 'text' ? skipBlanks(this.body, this.position) : this.position;
      const c = this.body.charCodeAt(start);
      if (start >= this.body.length) return this.end();
      if (c === NEWLINE) {
        if (this.format === 'openmetrics') throw this.error('empty line');
        this.position = start + 1;
      } else if (c === RETURN && this.body.charCodeAt(start + 1) === NEWLINE && this.format === 'text') {
        this.position = start + 2;
      } else if (c === HASH) {
        const entry = this.comment(start);
        if (entry !== ENTRY_END) return entry;
      } else {
        return this.sample(start, expected);
      }
    }
  }

  private end(): Entry {
    if (this.format === 'openmetrics' && !this.sawEof) throw this.error('the body does not end with # EOF');
    return ENTRY_END;
  }

  private sample(start: number, expected: string): Entry {
    const { body } = this;
    const afterExpected = start + expected.length;
    const same = expected !== '' && body.startsWith(expected, start) && isBlank(body.charCodeAt(afterExpected));
    this.seriesStart = start;
    this.seriesEnd = same ? afterExpected : endOfSeries(body, start);
    if (this.seriesEnd === start) throw this.error(`expected a metric name, got ${JSON.stringify(body.charAt(start))}`);
    let valueStart = skipBlanks(body, this.seriesEnd);
    if (same && body.charCodeAt(valueStart) === BRACE_OPEN) {
      // Only the name was expected, and its braces stand after a blank.
      this.seriesEnd = endOfSeries(body, start);
      valueStart = skipBlanks(body, this.seriesEnd);
    }
    let lineEnd = body.indexOf('\n', this.seriesEnd);
    if (lineEnd < 0) lineEnd = body.length;
    const valueEnd = endOfWord(body, valueStart, lineEnd);
    this.value = this.parseValue(valueStart, valueEnd);
    this.parseRest(skipBlanks(body, valueEnd), lineEnd);
    this.position = lineEnd + 1;
    return ENTRY_SAMPLE;
  }

  /** A whole number of up to nine digits, the usual value, is read digit by digit; the rest goes through Number. */
  private parseValue(start: number, end: number): number {
    if (end - start <= 9 && end > start) {
      let value = 0;
      let i = start;
      for (; i < end; i++) {
        const digit = this.body.charCodeAt(i) - 48;
        if (digit < 0 || digit > 9) break;
        value = value * 10 + digit;
      }
      if (i === end) return value;
    }
    return this.parseNumber(this.body.slice(start, end));
  }

  private parseNumber(text: string): number {
    const number = DECIMAL.test(text) ? Number(text) : SPECIAL.get(text.toLowerCase());
    if (number === undefined) throw this.error(`expected a value, got ${JSON.stringify(text)}`);
    return number;
  }

  private parseRest(start: number, lineEnd: number): void {
    this.hasTimestamp = false;
    let at = start;
    const end = this.body.charCodeAt(lineEnd - 1) === RETURN ? lineEnd - 1 : lineEnd;
    if (at < end && this.body.charCodeAt(at) !== HASH) {
      const wordEnd = endOfWord(this.body, at, end);
      this.timestamp = this.parseTimestamp(this.body.slice(at, wordEnd));
      this.hasTimestamp = true;
      at = skipBlanks(this.body, wordEnd);
    }
    const isExemplar = this.format === 'openmetrics' && this.body.charCodeAt(at) === HASH;
    if (at < end && !isExemplar) throw this.error(`unexpected text after the sample: ${this.excerpt(at, end)}`);
  }

  private parseTimestamp(text: string): number {
    if (this.format === 'openmetrics') return Math.round(this.parseNumber(text) * 1000);
    if (!/^-?\d+$/.test(text)) throw this.error(`expected a timestamp in milliseconds, got ${JSON.stringify(text)}`);
    return Number(text);
  }

  private comment(start: number): Entry {
    const { body } = this;
    let lineEnd = body.indexOf('\n', start);
    if (lineEnd < 0) lineEnd = body.length;
    this.position = lineEnd + 1;
    const line = body.slice(start, lineEnd).trimEnd();
    if (this.format === 'openmetrics' && line === '# EOF') {
      this.sawEof = true;
      return ENTRY_END;
    }
    const match = DESCRIPTION.exec(line);
    if (!match) return ENTRY_END;
    const [, keyword, metric = '', text = ''] = match;
    this.metric = metric.startsWith('"') ? unescapeValue(metric.slice(1, -1)) : metric;
    this.text = keyword === 'HELP' ? unescapeValue(text) : text;
    if (keyword === 'HELP') return ENTRY_HELP;
    if (keyword === 'UNIT') return ENTRY_UNIT;
    if (!TYPES.has(text)) throw this.error(`invalid metric type ${JSON.stringify(text)}`);
    return ENTRY_TYPE;
  }

  private excerpt(start: number, end: number): string {
    return JSON.stringify(this.body.slice(start, Math.min(end, start + 40)));
  }

  private error(reason: string): ExpositionError {
    return new ExpositionError(this.line, reason);
  }
}

const NEWLINE = 10;
const RETURN = 13;
const HASH = 35;
const BRACE_OPEN = 123;
const DECIMAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const SPECIAL = new Map([
  ['nan', Number.NaN],
  ['inf', Number.POSITIVE_INFINITY],
  ['+inf', Number.POSITIVE_INFINITY],
  ['-inf', Number.NEGATIVE_INFINITY],
  ['infinity', Number.POSITIVE_INFINITY],
  ['+infinity', Number.POSITIVE_INFINITY],
  ['-infinity', Number.NEGATIVE_INFINITY],
]);
const DESCRIPTION = /^#[ \t]+(HELP|TYPE|UNIT)[ \t]+("(?:[^"\\]|\\.)*"|\S+)(?:[ \t]+(.*))?$/;
const TYPES = new Set([
  'counter',
  'gauge',
  'histogram',
  'gaugehistogram',
  'summary',
  'info',
  'stateset',
  'unknown',
  'untyped',
]);

function isBlank(c: number): boolean {
  return c === 32 || c === 9;
}

function endOfWord(text: string, start: number, lineEnd: number): number {
  let i = start;
  while (i < lineEnd) {
    const c = text.charCodeAt(i);
    if (c === 32 || c === 9 || c === RETURN) break;
    i++;
  }
  return i;
}
