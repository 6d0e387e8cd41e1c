import { ParseError } from './error.ts';
import { Lexer } from './lex.ts';
import { durationSeconds, numberValue } from './number-literal.ts';
import { unquote } from './quote.ts';
import { describeToken, type TokenKind } from './token.ts';

/** Deepest nesting of parentheses, calls, signs and powers; the reader of the tokens descends with the stack. */
const NESTING_MAX = 250;

/** A token that has been read. */
export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  readonly from: number;
  readonly to: number;
}

/**
 * The tokens of a query one by one, as late as possible: upstream reports the first error it comes to, and whether that is
 * one of a character or one of the meaning of what came before depends on how far it has read.
 */
export class TokenReader {
  readonly lexer: Lexer;
  private ahead = false;
  private depth = 0;
  /** What an error says of the place it stands in; see `within`. */
  private place = '';

  constructor(readonly source: string) {
    this.lexer = new Lexer(source);
  }

  peek(): TokenKind {
    if (!this.ahead) {
      this.lexer.next();
      this.ahead = true;
    }
    return this.lexer.kind;
  }

  take(): Token {
    this.peek();
    this.ahead = false;
    const { kind, text, from, to } = this.lexer;
    return { kind, text, from, to };
  }

  /** Takes the next token if it is of this kind. */
  accept(kind: TokenKind): boolean {
    if (this.peek() !== kind) return false;
    this.ahead = false;
    return true;
  }

  /** Takes a token of this kind; any other is an error. */
  expect(kind: TokenKind): Token {
    if (this.peek() !== kind) this.unexpected();
    return this.take();
  }

  fail(from: number, reason: string): never {
    throw new ParseError(this.source, from, reason);
  }

  /** Complains about the next token. */
  unexpected(place = this.place): never {
    this.peek();
    return this.fail(this.lexer.from, `unexpected ${describeToken(this.lexer.kind, this.lexer.text)}${place}`);
  }

  /** Reads something inside which an unexpected token is reported with `place`, unless a nearer place is known. */
  within<T>(place: string, read: () => T): T {
    const outer = this.place;
    this.place = place;
    const result = read();
    this.place = outer;
    return result;
  }

  /** Reads something one level deeper. */
  nested<T>(read: () => T): T {
    if (++this.depth > NESTING_MAX) {
      this.fail(this.lexer.from, `query is nested more than ${NESTING_MAX} levels deep`);
    }
    const result = read();
    this.depth--;
    return result;
  }

  /** The value of a number or duration token, in seconds if it is a duration. */
  number({ kind, text, from }: Token): number {
    try {
      return kind === 'duration' ? durationSeconds(text) : numberValue(text);
    } catch (error) {
      return this.fail(from, (error as Error).message);
    }
  }

  /** The value of a string token, whose escapes have been checked when it was read. */
  string({ text }: Token): string {
    return unquote(text);
  }
}
