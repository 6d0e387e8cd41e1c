import { decodeText, type ExpositionFormat } from './series-text.ts';

/** Upstream's names of the tokens, which stand in its errors. */
export type Token =
  | 'INVALID'
  | 'EOF'
  | 'LINEBREAK'
  | 'WHITESPACE'
  | 'HELP'
  | 'TYPE'
  | 'UNIT'
  | 'EOFWORD'
  | 'TEXT'
  | 'COMMENT'
  | 'MNAME'
  | 'QSTRING'
  | 'BOPEN'
  | 'BCLOSE'
  | 'LNAME'
  | 'LVALUE'
  | 'COMMA'
  | 'EQUAL'
  | 'TIMESTAMP'
  | 'VALUE';

type State =
  | 'init'
  | 'comment'
  | 'name'
  | 'text'
  | 'labels'
  | 'labelValue'
  | 'value'
  | 'timestamp'
  | 'exemplar'
  | 'exemplarValue'
  | 'exemplarTimestamp';

/**
 * The lexical grammar of upstream's `promlex.l` and `openmetricslex.l`. It serves errors, so it need not be fast. A NUL
 * byte is refused where upstream takes it for the end of the body.
 */
export class EntryLexer {
  /** The range of the current token; of one that is invalid, `at` is the byte that no rule allows. */
  start: number;
  at: number;
  private state: State = 'init';
  private readonly isText: boolean;
  /** Text bodies end in a newline, whether it is there or not. */
  private readonly limit: number;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly size: number,
    at: number,
    format: ExpositionFormat,
  ) {
    this.start = at;
    this.at = at;
    this.isText = format === 'text';
    this.limit = this.isText ? size + 1 : size;
  }

  get text(): string {
    return decodeText(this.bytes, this.start, Math.min(this.at, this.size));
  }

  /** The bytes of a range, with the newline that a text body ends in. */
  bytesOf(from: number, to: number): Uint8Array {
    const end = Math.min(to, this.limit);
    if (end <= this.size) return this.bytes.subarray(from, end);
    return Uint8Array.of(...this.bytes.subarray(from, this.size), NEWLINE);
  }

  lex(): Token {
    if (this.at >= this.limit) return 'EOF';
    this.start = this.at;
    const c = this.byte(this.at);
    if (this.isText && isBlank(c) && this.state !== 'text') return this.blanks();
    switch (this.state) {
      case 'init':
        return this.init(c);
      case 'comment':
        return this.comment();
      case 'name':
        return this.metricName(c);
      case 'text':
        return this.restOfLine();
      case 'labels':
        return this.label(c);
      case 'labelValue':
        return c === QUOTE ? this.quoted('LVALUE', 'labels', this.isText) : 'INVALID';
      case 'value':
        return c === BRACE_OPEN ? this.one('BOPEN', 'labels') : this.word('VALUE', 'timestamp');
      case 'timestamp':
        return this.timestamp(c);
      case 'exemplar':
        return this.exemplarLabel(c);
      case 'exemplarValue':
        return c === QUOTE ? this.quoted('LVALUE', 'exemplar', false) : this.word('VALUE', 'exemplarTimestamp');
      case 'exemplarTimestamp':
        return c === NEWLINE ? this.one('LINEBREAK', 'init') : this.word('TIMESTAMP', 'exemplarTimestamp');
      default:
        return this.state satisfies never;
    }
  }

  private byte(at: number): number {
    if (at < this.size) return this.bytes[at];
    return at < this.limit ? NEWLINE : -1;
  }

  private init(c: number): Token {
    if (c === NEWLINE && this.isText) return this.one('LINEBREAK', 'init');
    if (c === BRACE_OPEN) return this.one('BOPEN', 'labels');
    if (c !== HASH) return this.name('MNAME', 'value', true);
    this.at++;
    if (!this.isText) {
      if (this.byte(this.at) !== SPACE) return 'INVALID';
      this.at++;
    } else {
      if (!isBlank(this.byte(this.at))) return this.passComment();
      while (isBlank(this.byte(this.at))) this.at++;
    }
    this.state = 'comment';
    return this.comment();
  }

  private comment(): Token {
    for (const keyword of this.isText ? (['HELP', 'TYPE'] as const) : (['HELP', 'TYPE', 'UNIT'] as const)) {
      if (this.byte(this.at) === keyword.charCodeAt(0)) return this.keyword(keyword);
    }
    if (this.isText) return this.passComment();
    for (const c of 'EOF') {
      if (this.byte(this.at) !== c.charCodeAt(0)) return 'INVALID';
      this.at++;
    }
    if (this.byte(this.at) === NEWLINE) this.at++;
    this.state = 'init';
    return 'EOFWORD';
  }

  private keyword(keyword: 'HELP' | 'TYPE' | 'UNIT'): Token {
    const failed = () => (this.isText ? this.passComment() : 'INVALID');
    for (const c of keyword) {
      if (this.byte(this.at) !== c.charCodeAt(0)) return failed();
      this.at++;
    }
    if (this.byte(this.at) !== SPACE && !(this.isText && this.byte(this.at) === TAB)) return failed();
    this.at++;
    while (this.isText && isBlank(this.byte(this.at))) this.at++;
    this.state = 'name';
    return keyword;
  }

  private passComment(): Token {
    while (this.at < this.limit && this.byte(this.at) !== NEWLINE) this.at++;
    this.state = 'init';
    return 'COMMENT';
  }

  private metricName(c: number): Token {
    return c === QUOTE ? this.quoted('MNAME', 'text', true) : this.name('MNAME', 'text', true);
  }

  private restOfLine(): Token {
    if (this.isText) {
      while (this.at < this.limit && this.byte(this.at) !== NEWLINE) this.at++;
    } else {
      if (this.byte(this.at) !== SPACE) return 'INVALID';
      while (this.at < this.limit && this.byte(this.at) !== NEWLINE) this.at++;
      if (this.at >= this.limit) return 'INVALID';
      this.at++;
    }
    this.state = 'init';
    return 'TEXT';
  }

  private label(c: number): Token {
    if (c === QUOTE) return this.quoted('QSTRING', 'labels', true);
    if (c === BRACE_CLOSE) return this.one('BCLOSE', 'value');
    if (c === EQUAL) return this.one('EQUAL', 'labelValue');
    if (c === COMMA) return this.one('COMMA', 'labels');
    return this.name('LNAME', 'labels', false);
  }

  private exemplarLabel(c: number): Token {
    if (c === QUOTE) return this.quoted('QSTRING', 'exemplar', false);
    if (c === BRACE_CLOSE) return this.one('BCLOSE', 'exemplarValue');
    if (c === EQUAL) return this.one('EQUAL', 'exemplarValue');
    if (c === COMMA) return this.one('COMMA', 'exemplar');
    return this.name('LNAME', 'exemplar', false);
  }

  private timestamp(c: number): Token {
    if (c === NEWLINE) return this.one('LINEBREAK', 'init');
    if (this.isText) {
      while (isDigit(this.byte(this.at))) this.at++;
      return this.at > this.start ? 'TIMESTAMP' : 'INVALID';
    }
    if (this.byte(this.at + 1) === HASH && this.byte(this.at + 2) === SPACE && c === SPACE) {
      this.at += 3;
      return this.byte(this.at) === BRACE_OPEN ? this.one('COMMENT', 'exemplar') : 'INVALID';
    }
    return this.word('TIMESTAMP', 'timestamp');
  }

  /** What reaches to the next blank; in OpenMetrics with the blank before it. */
  private word(token: Token, next: State): Token {
    if (!this.isText) {
      if (this.byte(this.at) !== SPACE) return 'INVALID';
      this.at++;
    }
    const from = this.at;
    for (let c = this.byte(this.at); this.isInWord(c); c = this.byte(++this.at));
    if (this.at === from) return 'INVALID';
    this.state = next;
    return token;
  }

  private isInWord(c: number): boolean {
    if (c <= 0 || c === NEWLINE || c === SPACE) return false;
    return !this.isText || (c !== TAB && c !== BRACE_OPEN);
  }

  private quoted(token: Token, next: State, newlines: boolean): Token {
    this.at++;
    for (;;) {
      let c = this.byte(this.at);
      if (c === BACKSLASH) {
        c = this.byte(++this.at);
        if (c < 0 || c === NEWLINE) return 'INVALID';
      } else if (c === QUOTE) break;
      else if (c < 0 || (c === NEWLINE && !newlines)) return 'INVALID';
      this.at++;
    }
    this.at++;
    this.state = next;
    return token;
  }

  private name(token: Token, next: State, colons: boolean): Token {
    let c = this.byte(this.at);
    if (!isLetter(c) && !(colons && c === COLON)) return 'INVALID';
    while (isLetter(c) || isDigit(c) || (colons && c === COLON)) c = this.byte(++this.at);
    this.state = next;
    return token;
  }

  private one(token: Token, next: State): Token {
    this.at++;
    this.state = next;
    return token;
  }

  private blanks(): Token {
    while (isBlank(this.byte(this.at))) this.at++;
    return 'WHITESPACE';
  }
}

function isBlank(c: number): boolean {
  return c === SPACE || c === TAB;
}

function isLetter(c: number): boolean {
  return (c >= 97 && c <= 122) || (c >= 65 && c <= 90) || c === UNDERSCORE;
}

function isDigit(c: number): boolean {
  return c >= 48 && c <= 57;
}

const TAB = 9;
const NEWLINE = 10;
const SPACE = 32;
const QUOTE = 34;
const HASH = 35;
const COMMA = 44;
const COLON = 58;
const EQUAL = 61;
const BACKSLASH = 92;
const UNDERSCORE = 95;
const BRACE_OPEN = 123;
const BRACE_CLOSE = 125;
