import { unicodeName } from '@avalanche/model';

export type TokenKind =
  | 'text'
  | 'open'
  | 'close'
  | 'word'
  | 'keyword'
  | 'dot'
  | 'nil'
  | 'bool'
  | 'field'
  | 'variable'
  | 'string'
  | 'number'
  | 'char'
  | 'pipe'
  | 'assign'
  | 'declare'
  | 'openParen'
  | 'closeParen'
  | 'symbol'
  | 'space'
  | 'error'
  | 'eof';

export interface Token {
  readonly kind: TokenKind;
  /** Of an error: what is wrong. */
  readonly text: string;
  /** Where it begins, in code units. */
  readonly at: number;
  /** Counted from 1. */
  readonly line: number;
}

const KEYWORDS: ReadonlySet<string> = new Set([
  ...['block', 'break', 'continue', 'define', 'else', 'end', 'if', 'range', 'template', 'with'],
]);
const LEFT = '{{';
const RIGHT = '}}';
const TRIMS_LEFT = /-[ \t\r\n]/y;
const TRIMS_RIGHT = /[ \t\r\n]-\}\}/y;
const SPACES = /[ \t\r\n]+/y;
const NAME = /[\p{L}\p{Nd}_]+/uy;
const STRING = /"(?:[^"\\\n]|\\[^\n])*"/y;
const RAW_STRING = /`[^`]*`/y;
const CHAR = /'(?:[^'\\\n]|\\[^\n])*'/y;
const NUMBER =
  /[+-]?(?:0[xX][0-9a-fA-F_]*(?:\.[0-9a-fA-F_]*)?(?:[pP][+-]?[0-9_]*)?|0[oO][0-7_]*(?:\.[0-7_]*)?|0[bB][01_]*(?:\.[01_]*)?|[0-9_]*(?:\.[0-9_]*)?(?:[eE][+-]?[0-9_]*)?)i?/y;

/** Cuts a template into text and the tokens of its actions; the last token is `eof` or `error`. Total: never throws. */
export function lex(source: string): Token[] {
  return new Lexer(source).run();
}

class Lexer {
  private readonly tokens: Token[] = [];
  private at = 0;
  private line = 1;
  /** Up to where `line` counts. */
  private counted = 0;

  constructor(private readonly source: string) {}

  run(): Token[] {
    while (this.at < this.source.length) {
      if (!this.text() || !this.action()) return this.tokens;
    }
    this.push('eof', this.source.length, this.source.length);
    return this.tokens;
  }

  /** Text up to the next action. False where there is none. */
  private text(): boolean {
    const { source, at } = this;
    const open = source.indexOf(LEFT, at);
    const end = open < 0 ? source.length : open;
    const trims = open >= 0 && this.matches(TRIMS_LEFT, open + 2) !== null;
    const text = trims ? source.slice(at, end).replace(/[ \t\r\n]+$/, '') : source.slice(at, end);
    if (text !== '') this.push('text', at, at + text.length);
    this.at = end;
    return true;
  }

  /** One action or comment. False after an error. */
  private action(): boolean {
    const { source, at } = this;
    if (at >= source.length) return true;
    const inside = at + (this.matches(TRIMS_LEFT, at + 2) === null ? 2 : 4);
    // The marker is `{{-` and one space; the space of a trim marker belongs to it.
    if (source.startsWith('/*', inside)) return this.comment(inside);
    this.push('open', at, at + 2);
    this.at = inside;
    return this.inside();
  }

  private comment(start: number): boolean {
    const end = this.source.indexOf('*/', start + 2);
    if (end < 0) return this.error('unclosed comment', start);
    const close = this.rightDelimiter(end + 2);
    if (close === 0) return this.error('comment ends before closing delimiter', start);
    this.leaveAction(end + 2, close);
    return true;
  }

  /** Length of a right delimiter at `at`; 0 where there is none. */
  private rightDelimiter(at: number): number {
    if (this.matches(TRIMS_RIGHT, at) !== null) return 4;
    return this.source.startsWith(RIGHT, at) ? 2 : 0;
  }

  private leaveAction(at: number, length: number): void {
    this.at = at + length;
    if (length === 4) this.at += this.matches(SPACES, this.at)?.length ?? 0;
  }

  private inside(): boolean {
    for (let depth = 0; ; ) {
      const { at, source } = this;
      const close = this.rightDelimiter(at);
      if (close > 0) {
        if (depth > 0) return this.error('unclosed left paren', at);
        this.push('close', at + close - 2, at + close);
        this.leaveAction(at, close);
        return true;
      }
      const char = source[at];
      if (char === '(') depth++;
      if (char === ')' && --depth < 0) return this.error('unexpected right paren', at);
      if (!this.token(char)) return false;
    }
  }

  /** One token inside an action. False after an error. */
  private token(char: string | undefined): boolean {
    const { at } = this;
    switch (char) {
      case undefined:
        return this.error('unclosed action', at);
      case ' ':
      case '\t':
      case '\r':
      case '\n':
        return this.space();
      case '=':
        return this.take('assign', '=');
      case ':':
        return this.source[at + 1] === '=' ? this.take('declare', ':=') : this.error('expected :=', at);
      case '|':
        return this.take('pipe', '|');
      case '(':
        return this.take('openParen', '(');
      case ')':
        return this.take('closeParen', ')');
      case '"':
        return this.quoted('string', STRING, 'unterminated quoted string');
      case '`':
        return this.quoted('string', RAW_STRING, 'unterminated raw quoted string');
      case "'":
        return this.quoted('char', CHAR, 'unterminated character constant');
      case '$':
        return this.named('variable', 1);
      default:
        return this.other(char);
    }
  }

  private other(char: string): boolean {
    const { at, source } = this;
    if (char === '.' && !/[0-9]/.test(source[at + 1] ?? '') && at + 1 < source.length) return this.named('field', 1);
    if (/[.+\-0-9]/.test(char)) return this.number();
    if (this.matches(NAME, at) !== null) return this.named('word', 0);
    if (/[!-~]/.test(char)) return this.take('symbol', char);
    const whole = String.fromCodePoint(source.codePointAt(at) as number);
    return this.error(`unrecognized character in action: ${unicodeName(whole)}`, at);
  }

  /** Blanks; the last one may belong to a right delimiter that trims. */
  private space(): boolean {
    const { at } = this;
    const length = this.matches(SPACES, at)?.length ?? 0;
    const kept = this.rightDelimiter(at + length - 1) === 4 ? length - 1 : length;
    return kept === 0 || this.take('space', this.source.slice(at, at + kept));
  }

  private quoted(kind: TokenKind, pattern: RegExp, wrong: string): boolean {
    const text = this.matches(pattern, this.at);
    return text === null ? this.error(wrong, this.at) : this.take(kind, text);
  }

  private number(): boolean {
    const { at, source } = this;
    const text = this.matches(NUMBER, at) ?? '';
    const after = at + text.length;
    const next = /^[\p{L}\p{Nd}_]/u.exec(source.slice(after, after + 2))?.[0];
    if (next !== undefined) return this.error(`bad number syntax: ${JSON.stringify(text + next)}`, at);
    if (/[+-]/.test(source[after] ?? '')) {
      const second = this.matches(NUMBER, after) ?? '';
      const both = text + second;
      if (!second.endsWith('i')) return this.error(`bad number syntax: ${JSON.stringify(both)}`, at);
      return this.take('number', both);
    }
    return this.take('number', text);
  }

  /** A name behind `prefix` characters, at the end of which an identifier may end. */
  private named(kind: 'variable' | 'field' | 'word', prefix: number): boolean {
    const { at, source } = this;
    const name = this.matches(NAME, at + prefix) ?? '';
    const text = source.slice(at, at + prefix + name.length);
    const after = at + text.length;
    if (!this.endsWord(after)) {
      const bad = String.fromCodePoint(source.codePointAt(after) as number);
      return this.error(`bad character ${unicodeName(bad)}`, at);
    }
    if (kind === 'field' && name === '') return this.take('dot', text);
    return this.take(kind === 'word' ? kindOfWord(text) : kind, text);
  }

  private endsWord(at: number): boolean {
    return at >= this.source.length || /[ \t\r\n.,|:)(]/.test(this.source[at]) || this.source.startsWith(RIGHT, at);
  }

  private matches(pattern: RegExp, at: number): string | null {
    pattern.lastIndex = at;
    return pattern.exec(this.source)?.[0] ?? null;
  }

  private take(kind: TokenKind, text: string): true {
    this.push(kind, this.at, this.at + text.length);
    this.at += text.length;
    return true;
  }

  private push(kind: TokenKind, from: number, to: number): void {
    const text = kind === 'eof' ? 'EOF' : this.source.slice(from, to);
    this.tokens.push({ kind, text, at: from, line: this.lineAt(from) });
  }

  private error(text: string, at: number): false {
    this.tokens.push({ kind: 'error', text, at, line: this.lineAt(at) });
    return false;
  }

  /** Counts on from the last call; `at` never goes back. */
  private lineAt(at: number): number {
    const { source } = this;
    for (let i = source.indexOf('\n', this.counted); i >= 0 && i < at; i = source.indexOf('\n', i + 1)) this.line++;
    this.counted = at;
    return this.line;
  }
}

function kindOfWord(text: string): TokenKind {
  if (KEYWORDS.has(text)) return 'keyword';
  if (text === 'nil') return 'nil';
  return text === 'true' || text === 'false' ? 'bool' : 'word';
}
