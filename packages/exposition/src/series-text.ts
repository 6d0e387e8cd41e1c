import { isUtf8 } from 'node:buffer';
import { Labels, METRIC_NAME, quote } from '@avalanche/model';

export type ExpositionFormat = 'text' | 'openmetrics';

/** A line that is not valid exposition text. */
export class ExpositionError extends Error {
  override readonly name = 'ExpositionError';

  constructor(
    /** Counted from 1. */
    readonly line: number,
    readonly reason: string,
  ) {
    super(`line ${line}: ${reason}`);
  }
}

/**
 * Where the series part (name and braces) of a sample line ends: the index after it; `start` where there is none.
 * Knows quotes and escapes, so a `}` or a blank inside a label value does not end it, nor does in text a newline there.
 */
export function endOfSeries(bytes: Uint8Array, start: number, limit: number, format: ExpositionFormat): number {
  let i = start;
  while (i < limit && isNameChar(bytes[i], i > start, true)) i++;
  const brace = format === 'text' ? endOfBlanks(bytes, i, limit) : i;
  return brace < limit && bytes[brace] === BRACE_OPEN ? endOfBraces(bytes, brace + 1, limit, format) : i;
}

function endOfBraces(bytes: Uint8Array, start: number, limit: number, format: ExpositionFormat): number {
  let i = start;
  while (i < limit) {
    const c = bytes[i];
    if (c === BRACE_CLOSE) return i + 1;
    if (c === NEWLINE) return i;
    i = c === QUOTE ? endOfQuotedBytes(bytes, i + 1, limit, format) : i + 1;
  }
  return i;
}

function endOfQuotedBytes(bytes: Uint8Array, start: number, limit: number, format: ExpositionFormat): number {
  let i = start;
  while (i < limit) {
    const c = bytes[i];
    if (c === BACKSLASH) {
      if (i + 1 < limit && bytes[i + 1] === NEWLINE) return i + 1;
      i += 2;
    } else if (c === QUOTE) return i + 1;
    else if (c === NEWLINE && format === 'openmetrics') return i;
    else i++;
  }
  return limit;
}

/** The index of the first byte from `start` that is neither a space nor a tab. */
export function endOfBlanks(bytes: Uint8Array, start: number, limit: number): number {
  let i = start;
  while (i < limit && (bytes[i] === SPACE || bytes[i] === TAB)) i++;
  return i;
}

/** Bytes as text; what is not UTF-8 becomes U+FFFD. */
export function decodeText(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8');
}

/** Parses the bytes of a series. @throws Error saying what was expected, or that a label's value is not UTF-8 */
export function parseSeriesBytes(
  bytes: Uint8Array,
  start: number,
  end: number,
  format: ExpositionFormat,
): ReadonlyMap<string, string> {
  const labels = parseSeriesMap(decodeText(bytes, start, end), format);
  if (!isUtf8(bytes.subarray(start, end))) throw new Error('invalid UTF-8 label value');
  return labels;
}

/**
 * Parses `name{label="value",…}`, `{label="value"}` or `{"quoted.name",label="value"}` into labels, the name included.
 * @throws Error saying what was expected
 */
export function parseSeriesText(text: string): Labels {
  return Labels.fromMap(parseSeriesMap(text));
}

/**
 * As `parseSeriesText`, with labels whose value is empty: a target that is honoured can say that there is none. In text
 * commas may be missing and blanks may stand between all parts, in OpenMetrics neither.
 */
export function parseSeriesMap(text: string, format: ExpositionFormat = 'text'): ReadonlyMap<string, string> {
  return new SeriesScanner(text, format).parse();
}

class SeriesScanner {
  private at = 0;
  private readonly labels = new Map<string, string>();

  constructor(
    private readonly text: string,
    private readonly format: ExpositionFormat,
  ) {}

  parse(): ReadonlyMap<string, string> {
    const name = this.identifier(true);
    if (name !== '') this.labels.set(METRIC_NAME, name);
    this.blanks();
    if (this.peek() === '{') this.braces();
    this.blanks();
    if (this.at < this.text.length) throw this.unexpected('the end of the series');
    if (!this.labels.has(METRIC_NAME)) throw new Error('the metric name is missing');
    return this.labels;
  }

  private braces(): void {
    this.at++;
    for (;;) {
      this.blanks();
      if (this.peek() === '}') break;
      this.label();
      this.blanks();
      if (this.peek() === ',') this.at++;
      else if (this.peek() !== '}' && this.format === 'openmetrics') throw this.unexpected("',' or '}'");
    }
    this.at++;
  }

  private label(): void {
    const quoted = this.peek() === '"';
    const name = quoted ? this.quoted() : this.identifier(false);
    this.blanks();
    if (quoted && this.peek() !== '=') {
      if (this.labels.has(METRIC_NAME)) throw new Error('metric name already set');
      this.labels.set(METRIC_NAME, name);
      return;
    }
    if (name === '') throw this.unexpected('a label name');
    if (this.peek() !== '=') throw this.unexpected("'='");
    this.at++;
    this.blanks();
    if (this.peek() !== '"') throw this.unexpected('a quoted label value');
    // Upstream's storage refuses these.
    if (name === METRIC_NAME || this.labels.has(name))
      throw new Error(`label name ${quote(name)} is not unique: invalid sample`);
    this.labels.set(name, this.quoted());
  }

  private identifier(allowColon: boolean): string {
    const start = this.at;
    while (this.at < this.text.length && isNameChar(this.text.charCodeAt(this.at), this.at > start, allowColon)) {
      this.at++;
    }
    return this.text.slice(start, this.at);
  }

  private quoted(): string {
    const end = endOfQuoted(this.text, this.at + 1);
    const raw = this.text.slice(this.at + 1, end - 1);
    if (this.text.charCodeAt(end - 1) !== QUOTE || end === this.at + 1) throw new Error('unterminated quoted string');
    this.at = end;
    return unescapeValue(raw);
  }

  private blanks(): void {
    if (this.format === 'text') this.at = skipBlanks(this.text, this.at);
  }

  private peek(): string {
    return this.text.charAt(this.at);
  }

  private unexpected(expected: string): Error {
    const found = this.at < this.text.length ? JSON.stringify(this.peek()) : 'the end of the line';
    return new Error(`expected ${expected}, got ${found}`);
  }
}

function endOfQuoted(text: string, start: number): number {
  let i = start;
  while (i < text.length) {
    const c = text.charCodeAt(i);
    if (c === BACKSLASH) i += 2;
    else if (c === QUOTE) return i + 1;
    else i++;
  }
  return text.length;
}

/** `\\`, `\"` and `\n` are escapes; a backslash before anything else stays. */
export function unescapeValue(raw: string): string {
  if (!raw.includes('\\')) return raw;
  return raw.replace(/\\([\\"n])/g, (_all, c: string) => (c === 'n' ? '\n' : c));
}

/** As `unescapeValue`, but a quote needs no escape in a help text of the text format. */
export function unescapeHelp(raw: string): string {
  if (!raw.includes('\\')) return raw;
  return raw.replace(/\\([\\n])/g, (_all, c: string) => (c === 'n' ? '\n' : c));
}

function skipBlanks(text: string, start: number): number {
  let i = start;
  for (let c = text.charCodeAt(i); c === SPACE || c === TAB; c = text.charCodeAt(++i));
  return i;
}

function isNameChar(c: number, notFirst: boolean, allowColon: boolean): boolean {
  return (
    (c >= 97 && c <= 122) ||
    (c >= 65 && c <= 90) ||
    c === 95 ||
    (allowColon && c === 58) ||
    (notFirst && c >= 48 && c <= 57)
  );
}

const SPACE = 32;
const TAB = 9;
const NEWLINE = 10;
const QUOTE = 34;
const BACKSLASH = 92;
const BRACE_OPEN = 123;
const BRACE_CLOSE = 125;
