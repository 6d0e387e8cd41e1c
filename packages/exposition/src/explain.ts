import { isUtf8 } from 'node:buffer';
import { quote } from '@avalanche/model';
import { numberProblem } from './decimal.ts';
import { EntryLexer, type Token } from './entry-lexer.ts';
import { decodeText, type ExpositionFormat } from './series-text.ts';

/** What of a line is quoted in an error at most. */
const EXCERPT_BYTES = 400;
/** Upstream goes on after what it takes for the end of a line, and stumbles over the rest at once. */
const ENTRIES_MAX = 3;

const TEXT_TYPES = new Set(['counter', 'gauge', 'histogram', 'summary', 'untyped']);
const OPENMETRICS_TYPES = new Set(
  ['counter', 'gauge', 'histogram', 'gaugehistogram', 'summary', 'info'].concat('stateset', 'unknown'),
);

class Refused extends Error {}

/**
 * Why upstream refuses the entry at `start`, in its words: the grammar of `model/textparse`, token by token. The parser
 * proper only tells that something is wrong. @returns null where nothing is found
 */
export function explainEntry(bytes: Uint8Array, size: number, start: number, format: ExpositionFormat): string | null {
  const walk = new EntryWalk(bytes, size, start, format);
  try {
    for (let i = 0; i < ENTRIES_MAX; i++) if (!walk.entry()) return null;
    return null;
  } catch (error) {
    if (error instanceof Refused) return error.message;
    throw error;
  }
}

class EntryWalk {
  private readonly lexer: EntryLexer;
  private start: number;
  private hasName = false;

  constructor(
    private readonly bytes: Uint8Array,
    size: number,
    start: number,
    private readonly format: ExpositionFormat,
  ) {
    this.lexer = new EntryLexer(bytes, size, start, format);
    this.start = start;
  }

  /** Goes over one entry. @returns false at the end of the body. @throws Refused */
  entry(): boolean {
    this.start = this.lexer.at;
    this.hasName = false;
    const token = this.next();
    if (token === 'EOF') {
      if (this.format === 'openmetrics') throw new Refused('data does not end with # EOF');
      return false;
    }
    if (token === 'EOFWORD') {
      if (this.next() !== 'EOF') throw new Refused('unexpected data after # EOF');
      return false;
    }
    if (token === 'LINEBREAK' && this.format === 'text') return true;
    if (token === 'COMMENT' && this.format === 'text') {
      this.expect('LINEBREAK', 'linebreak expected after comment');
      return true;
    }
    if (token === 'HELP' || token === 'TYPE' || token === 'UNIT') this.description(token);
    else if (token === 'BOPEN') {
      this.labels(false);
      this.endOfLine(this.next());
    } else if (token === 'MNAME') {
      this.hasName = true;
      let after = this.next();
      if (after === 'BOPEN') {
        this.labels(false);
        after = this.next();
      }
      this.endOfLine(after);
    } else throw this.unexpected('expected a valid start token', token);
    return true;
  }

  private description(kind: 'HELP' | 'TYPE' | 'UNIT'): void {
    this.expect('MNAME', `expected metric name after ${kind}`);
    const metric = this.lexer.text;
    const token = this.next();
    if (token !== 'TEXT') {
      throw new Refused(`expected text in ${kind}${this.format === 'text' ? `, got ${token}` : ''}`);
    }
    const { start, at } = this.lexer;
    const end = this.format === 'text' ? at : at - 1;
    const text = decodeText(this.bytes, Math.min(start + 1, end), end);
    if (kind === 'TYPE' && !(this.format === 'text' ? TEXT_TYPES : OPENMETRICS_TYPES).has(text)) {
      throw new Refused(`invalid metric type ${this.excerpt(Math.min(start + 1, end), end)}`);
    }
    if (kind === 'HELP' && !isUtf8(this.bytes.subarray(start + 1, end))) {
      throw new Refused(`help text ${this.excerpt(start + 1, end)} is not a valid utf8 string`);
    }
    if (kind === 'UNIT') {
      const name = metric.replace(/^"(.*)"$/s, '$1');
      if (text !== '' && !name.endsWith(`_${text}`)) {
        throw new Refused(`unit ${this.excerpt(Math.min(start + 1, end), end)} not a suffix of metric ${quote(name)}`);
      }
    }
    if (this.format === 'text') this.expect('LINEBREAK', 'linebreak expected after metadata');
  }

  private labels(isExemplar: boolean): void {
    let token = this.next();
    while (token !== 'BCLOSE') {
      if (token !== 'LNAME' && token !== 'QSTRING') throw this.unexpected('expected label name', token);
      const isQuoted = token === 'QSTRING';
      token = this.next();
      if (isQuoted && (token === 'COMMA' || token === 'BCLOSE')) {
        if (isExemplar) throw this.unexpected('expected label name', token);
        if (this.hasName) throw new Refused(`metric name already set while parsing: ${this.parsed()}`);
        this.hasName = true;
        if (token === 'BCLOSE') return;
        token = this.next();
        continue;
      }
      if (token !== 'EQUAL') throw this.unexpected('expected equal', token);
      this.expect('LVALUE', 'expected label value');
      const { start, at } = this.lexer;
      if (!isUtf8(this.bytes.subarray(start, at))) {
        throw new Refused(`invalid UTF-8 label value: ${this.excerpt(start, at)}`);
      }
      token = this.next();
      if (token === 'COMMA') token = this.next();
      else if (token !== 'BCLOSE' && this.format === 'openmetrics') {
        throw this.unexpected('expected comma or brace close', token);
      }
    }
  }

  private endOfLine(first: Token): void {
    if (!this.hasName) throw new Refused(`metric name not set while parsing: ${this.parsed()}`);
    this.number(first, 'metric');
    const token = this.next();
    if (this.format === 'text') this.endOfTextLine(token);
    else if (token === 'EOF') throw new Refused('data does not end with # EOF');
    else if (token === 'COMMENT') this.exemplar();
    else if (token === 'TIMESTAMP') {
      this.seconds('timestamp');
      const after = this.next();
      if (after === 'COMMENT') this.exemplar();
      else if (after !== 'LINEBREAK') throw this.unexpected('expected next entry after timestamp', after);
    }
  }

  private endOfTextLine(token: Token): void {
    if (token === 'LINEBREAK') return;
    if (token !== 'TIMESTAMP') throw this.unexpected('expected timestamp or new record', token);
    const { text } = this.lexer;
    if (Number(text) >= 2 ** 63) {
      throw new Refused(`strconv.ParseInt: parsing ${quote(text)}: value out of range while parsing: ${this.parsed()}`);
    }
    this.expect('LINEBREAK', 'expected next entry after timestamp');
  }

  private exemplar(): void {
    this.labels(true);
    this.number(this.next(), 'exemplar labels');
    const token = this.next();
    if (token === 'EOF') throw new Refused('data does not end with # EOF');
    if (token === 'LINEBREAK') return;
    if (token !== 'TIMESTAMP') throw this.unexpected('expected timestamp or comment', token);
    this.seconds('exemplar timestamp');
    this.expect('LINEBREAK', 'expected next entry after exemplar timestamp');
  }

  private seconds(what: string): void {
    const text = this.checked();
    if (!Number.isFinite(Number(text))) {
      const kind = /nan/i.test(text) ? 'NaN' : text.startsWith('-') ? '-Inf' : '+Inf';
      throw new Refused(`invalid ${what} ${kind}`);
    }
  }

  private number(token: Token, after: string): void {
    if (token !== 'VALUE') throw this.unexpected(`expected value after ${after}`, token);
    this.checked();
  }

  /** The number that the lexer stands at. */
  private checked(): string {
    const { start, at } = this.lexer;
    const from = this.format === 'text' ? start : start + 1;
    const text = decodeText(this.bytes, from, at);
    const problem = numberProblem(text, this.excerpt(from, at));
    if (problem) throw new Refused(`${problem} while parsing: ${this.parsed()}`);
    return text;
  }

  private next(): Token {
    let token = this.lexer.lex();
    while (token === 'WHITESPACE') token = this.lexer.lex();
    return token;
  }

  private expect(wanted: Token, what: string): void {
    const token = this.next();
    if (token !== wanted) throw this.unexpected(what, token);
  }

  private unexpected(what: string, token: Token): Refused {
    const { start, at } = this.lexer;
    const got = this.excerpt(start, at + 1);
    return new Refused(`${what}, got ${got} ("${token}") while parsing: ${this.excerpt(this.start, at + 1)}`);
  }

  private parsed(): string {
    return this.excerpt(this.start, this.lexer.at);
  }

  private excerpt(from: number, to: number): string {
    const parts = this.lexer.bytesOf(from, Math.min(to, from + EXCERPT_BYTES));
    return quoteBytes(parts) + (to - from > EXCERPT_BYTES ? '...' : '');
  }
}

/** Go's `%q` of bytes: what is not UTF-8 becomes `\xe9`. */
function quoteBytes(bytes: Uint8Array): string {
  if (isUtf8(bytes)) return quote(decodeText(bytes, 0, bytes.length));
  let out = '';
  let from = 0;
  for (let i = 0; i < bytes.length; ) {
    const size = utf8Size(bytes, i);
    if (size > 0) i += size;
    else {
      out += quote(decodeText(bytes, from, i)).slice(1, -1);
      out += `\\x${bytes[i].toString(16).padStart(2, '0')}`;
      from = ++i;
    }
  }
  return `"${out}${quote(decodeText(bytes, from, bytes.length)).slice(1, -1)}"`;
}

/** How many bytes the character at `i` has; 0 where there is none. */
function utf8Size(bytes: Uint8Array, i: number): number {
  const lead = bytes[i];
  const size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  return i + size <= bytes.length && isUtf8(bytes.subarray(i, i + size)) ? size : 0;
}
