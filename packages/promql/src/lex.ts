import { ParseError } from './error.ts';
import { quote, quoteRune, unicodeName } from './quote.ts';
import { KEYWORDS, type TokenKind } from './token.ts';

const SIGNS = new Set('*/%+-^');
const DURATION_WORDS: ReadonlySet<string> = new Set(['step', 'range', 'max_of', 'min_of']);
const FILL_WORDS: ReadonlySet<string> = new Set(['fill', 'fill_left', 'fill_right']);
/** Tokens at which an expression can end; upstream takes the end of some nodes from the last of them that was read. */
const CLOSING: ReadonlySet<TokenKind> = new Set([')', ']', '}', 'number', 'duration']);
const ESCAPE_LETTERS = 'abfnrtv\\';
const HEX_ESCAPES: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };
/** What needs no look at each character inside quotes. */
const PLAIN_TEXT = /[ !#-&(-[\]-_a-~]*/y;
const REPLACEMENT = '\ufffd';

/**
 * Upstream's lexer: tokens on demand, the next one in `kind`, `from` and `to`. What a character means depends on where it
 * stands: in braces, directly after `[`, or elsewhere. Comments and blanks are skipped.
 */
export class Lexer {
  kind: TokenKind = 'eof';
  from = 0;
  to = 0;
  /** Where the last token ended that can close an expression. */
  lastClosing = 0;

  private pos = 0;
  private start = 0;
  private depth = 0;
  private inBraces = false;
  private inBrackets = false;
  /** Between `[` and the first number after it other characters are allowed than after that number. */
  private inDuration = false;
  private sawColon = false;
  private sawDuration = false;

  constructor(private readonly source: string) {}

  get text(): string {
    return this.source.slice(this.from, this.to);
  }

  /** Reads the next token. @throws ParseError where a character cannot begin or continue one */
  next(): void {
    while (!this.step());
    if (CLOSING.has(this.kind)) this.lastClosing = this.to;
  }

  /** Reads one token or skips one blank or comment; says whether there is a token. */
  private step(): boolean {
    if (this.inDuration) return this.durationToken();
    if (this.source[this.pos] === '#') return this.skipComment();
    return this.inBraces ? this.braceToken() : this.statementToken();
  }

  private emit(kind: TokenKind): true {
    this.kind = kind;
    this.from = this.start;
    this.to = this.pos;
    this.start = this.pos;
    return true;
  }

  private fail(reason: string): never {
    throw new ParseError(this.source, this.start, reason);
  }

  /** The character at `pos`, '' at the end. Half a surrogate pair is what invalid UTF-8 would be to upstream. */
  private peek(): string {
    const code = this.source.codePointAt(this.pos);
    if (code === undefined) return '';
    return code >= 0xd800 && code < 0xe000 ? REPLACEMENT : String.fromCodePoint(code);
  }

  private take(): string {
    const char = this.peek();
    this.pos += char.length;
    return char;
  }

  private accept(chars: string): boolean {
    const char = this.source[this.pos];
    if (char === undefined || !chars.includes(char)) return false;
    this.pos++;
    return true;
  }

  private skipSpaces(): false {
    while (isSpace(this.source[this.pos])) this.pos++;
    this.start = this.pos;
    return false;
  }

  private skipComment(): false {
    while (this.pos < this.source.length && !/[\r\n]/.test(this.source[this.pos])) this.pos++;
    this.start = this.pos;
    return false;
  }

  private statementToken(): boolean {
    const char = this.take();
    if (char === '') return this.end();
    if (isSpace(char)) return this.skipSpaces();
    if (SIGNS.has(char) || char === ',' || char === '@') return this.emit(char);
    if (isDigit(char) || (char === '.' && isDigit(this.source[this.pos]))) return this.numberToken();
    if (char === '"' || char === "'" || char === '`') return this.stringToken(char);
    if (isAlpha(char) || char === ':') return this.inBrackets ? this.bracketWord(char) : this.word();
    switch (char) {
      case '=':
        if (this.peek() === '~') this.fail(`unexpected character after '=': '~'`);
        return this.emit(this.accept('=') ? '==' : '=');
      case '!': {
        const after = this.take();
        if (after !== '=') this.fail(`unexpected character after '!': ${quoteRune(after)}`);
        return this.emit('!=');
      }
      case '<':
      case '>':
        this.accept('=/');
        return this.emit(this.source.slice(this.start, this.pos));
      case '(':
      case ')':
        return this.parenthesis(char);
      case '{':
        this.inBraces = true;
        return this.emit('{');
      case '[':
        return this.leftBracket();
      case ']':
        if (!this.inBrackets) this.fail("unexpected right bracket ']'");
        this.inBrackets = false;
        return this.emit(']');
      default:
        return this.fail(`unexpected character: ${quoteRune(char)}`);
    }
  }

  private end(): boolean {
    if (this.depth !== 0) this.fail('unclosed left parenthesis');
    if (this.inBrackets) this.fail('unclosed left bracket');
    return this.emit('eof');
  }

  private parenthesis(char: '(' | ')'): boolean {
    this.emit(char);
    this.depth += char === '(' ? 1 : -1;
    if (this.depth < 0) this.fail("unexpected right parenthesis ')'");
    return true;
  }

  private leftBracket(): boolean {
    if (this.inBrackets) this.fail("unexpected left bracket '['");
    this.sawColon = false;
    this.emit('[');
    this.skipSpaces();
    this.inBrackets = true;
    this.inDuration = true;
    return true;
  }

  /** A word after the first number in brackets, where none but those of durations is allowed. */
  private bracketWord(char: string): boolean {
    if (char === ':') {
      if (this.sawColon) this.fail("unexpected colon ':'");
      this.sawColon = true;
      return this.emit(':');
    }
    if (this.durationWord(char)) return true;
    return this.fail(`unexpected character: ${quoteRune(char)}, expected ':'`);
  }

  /** Directly after `[`, up to and with the first number. */
  private durationToken(): boolean {
    const char = this.take();
    if (char === '') this.fail('unexpected end of input in duration expression');
    if (isSpace(char)) return this.skipSpaces();
    if (SIGNS.has(char) || char === ',') return this.emit(char);
    if (char === '(' || char === ')') return this.parenthesis(char);
    if (char === ']') {
      this.inBrackets = false;
      this.inDuration = false;
      this.sawColon = false;
      return this.emit(']');
    }
    if (char === ':') {
      this.emit(':');
      if (!this.sawDuration) this.fail('unexpected colon before duration in duration expression');
      if (this.sawColon) this.fail('unexpected repeated colon in duration expression');
      this.sawColon = true;
      return true;
    }
    if (isDigit(char) || (char === '.' && isDigit(this.source[this.pos]))) {
      this.sawDuration = true;
      return this.numberToken();
    }
    if (this.durationWord(char)) return true;
    return this.fail(`unexpected character in duration expression: ${quoteRune(char)}`);
  }

  /** Reads `step`, `range`, `min_of` or `max_of`; false where it is something else. */
  private durationWord(first: string): boolean {
    if (!'srm'.includes(first.toLowerCase())) return false;
    while (isAlpha(this.source[this.pos])) this.pos++;
    const word = this.source.slice(this.start, this.pos).toLowerCase();
    return DURATION_WORDS.has(word) && this.emit(word);
  }

  private braceToken(): boolean {
    const char = this.take();
    if (char === '') this.fail('unexpected end of input inside braces');
    if (isSpace(char)) return this.skipSpaces();
    if (char === '"' || char === "'" || char === '`') return this.stringToken(char);
    if (isAlpha(char)) {
      while (isAlphaNumeric(this.source[this.pos])) this.pos++;
      return this.emit('identifier');
    }
    switch (char) {
      case ',':
        return this.emit(',');
      case '=':
        return this.emit(this.accept('~') ? '=~' : '=');
      case '!': {
        const after = this.take();
        if (after === '~' || after === '=') return this.emit(`!${after}`);
        return this.fail(`unexpected character after '!' inside braces: ${quoteRune(after)}`);
      }
      case '{':
        return this.fail("unexpected left brace '{'");
      case '}':
        this.inBraces = false;
        return this.emit('}');
      default:
        return this.fail(`unexpected character inside braces: ${quoteRune(char)}`);
    }
  }

  private word(): boolean {
    while (isAlphaNumeric(this.source[this.pos]) || this.source[this.pos] === ':') this.pos++;
    const word = this.source.slice(this.start, this.pos);
    const lower = word.toLowerCase();
    if (lower === 'inf' || lower === 'nan') return this.emit('number');
    if (KEYWORDS.has(lower) && !(FILL_WORDS.has(lower) && !this.parenthesisFollows())) return this.emit(lower);
    return this.emit(word.includes(':') ? 'metric identifier' : 'identifier');
  }

  /** `fill` and its like are words of the language only before a parenthesis; they are too good names for metrics. */
  private parenthesisFollows(): boolean {
    let at = this.pos;
    while (isSpace(this.source[at])) at++;
    return this.source[at] === '(';
  }

  private stringToken(quote: string): boolean {
    for (;;) {
      PLAIN_TEXT.lastIndex = this.pos;
      this.pos += PLAIN_TEXT.exec(this.source)?.[0].length ?? 0;
      const char = this.take();
      if (char === quote) break;
      if (char === REPLACEMENT) this.fail('invalid UTF-8 rune');
      if (quote === '`') {
        if (char === '') this.fail('unterminated raw string');
      } else if (char === '' || char === '\n') {
        this.fail('unterminated quoted string');
      } else if (char === '\\') {
        this.escape(quote);
      }
    }
    return this.emit('string');
  }

  private escape(quote: string): void {
    const letter = this.take();
    if (letter === '') this.fail('escape sequence not terminated');
    if (letter === quote || ESCAPE_LETTERS.includes(letter)) return;
    const octal = letter >= '0' && letter <= '7';
    const digits = octal ? 3 : HEX_ESCAPES[letter];
    if (digits === undefined) this.fail(`unknown escape sequence ${unicodeName(letter)}`);
    if (octal) this.pos--;
    const base = octal ? 8 : 16;
    let code = 0;
    for (let i = 0; i < digits; i++) {
      const char = this.take();
      const digit = /^[0-9a-fA-F]$/.test(char) ? Number.parseInt(char, 16) : 16;
      if (char === '') this.fail('escape sequence not terminated');
      if (digit >= base) this.fail(`illegal character ${unicodeName(char)} in escape sequence`);
      code = code * base + digit;
    }
    const max = octal || letter === 'x' ? 255 : 0x10ffff;
    if (code > max || (code >= 0xd800 && code < 0xe000)) this.fail('escape sequence is an invalid Unicode code point');
  }

  /** A number or a duration; its first character has been taken. What it is worth is found when it is used. */
  private numberToken(): boolean {
    this.pos = this.start;
    this.inDuration = false;
    if (this.scanNumber()) return this.emit('number');
    if (this.scanDuration()) return this.emit('duration');
    return this.fail(`bad number or duration syntax: ${quote(this.source.slice(this.start, this.pos))}`);
  }

  /** False where there is no number; `pos` is then behind the first character that could not be part of one. */
  private scanNumber(): boolean {
    let digits = '0123456789';
    const hex = this.accept('0') && this.accept('xX');
    if (hex) {
      this.accept('_');
      digits += 'abcdefABCDEF';
    }
    this.accept('.');
    this.accept(digits);
    let point = false;
    let exponent = false;
    for (;;) {
      const char = this.source[this.pos];
      if (char === '.') {
        this.pos++;
        if (point) return false;
        point = true;
        if (this.accept('_.') || hex) return false;
      } else if (char === 'e' || char === 'E') {
        this.pos++;
        if (exponent) return false;
        exponent = true;
        this.accept('+-');
        if (this.accept('._eE') || this.pos >= this.source.length) return false;
      } else if (char === '_') {
        this.pos++;
        if (this.accept('._eE') || this.pos >= this.source.length) return false;
      } else if (char !== undefined && digits.includes(char)) {
        while (this.accept(digits));
      } else {
        return !isAlphaNumeric(char);
      }
    }
  }

  /** The rest of a duration behind its first digits. */
  private scanDuration(): boolean {
    if (!this.accept('smhdwy')) return false;
    this.accept('s');
    while (this.accept('0123456789')) {
      while (this.accept('0123456789'));
      if (!this.accept('smhdw')) return false;
      this.accept('s');
    }
    if (!isAlphaNumeric(this.source[this.pos])) return true;
    this.pos++;
    return false;
  }
}

function isSpace(char: string | undefined): boolean {
  return char === ' ' || char === '\t' || char === '\n' || char === '\r';
}

function isDigit(char: string | undefined): boolean {
  return char !== undefined && char >= '0' && char <= '9';
}

function isAlpha(char: string | undefined): boolean {
  return char !== undefined && ((char >= 'a' && char <= 'z') || (char >= 'A' && char <= 'Z') || char === '_');
}

function isAlphaNumeric(char: string | undefined): boolean {
  return isAlpha(char) || isDigit(char);
}
