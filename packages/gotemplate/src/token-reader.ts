import { quote, unquote } from '@avalanche/model';
import { TemplateError } from './ast.ts';
import { lex, type Token, type TokenKind } from './lex.ts';

/** Reads tokens one after the other, with a look ahead; words errors as Go does. */
export class TokenReader {
  private readonly tokens: readonly Token[];
  private index = 0;
  /** The last token looked at: errors name its line. */
  private furthest = 0;
  /** The line on which the action under way began; 0 outside actions. */
  actionLine = 0;

  constructor(
    private readonly name: string,
    source: string,
  ) {
    this.tokens = lex(source);
  }

  /** Where the next token is, to come back to it by `back`. */
  get position(): number {
    return this.index;
  }

  back(position: number): void {
    this.index = position;
  }

  peek(): Token {
    const last = this.tokens.length - 1;
    const index = Math.min(this.index, last);
    this.furthest = Math.max(this.furthest, index);
    const token = this.tokens[index];
    // Behind an error there is nothing more.
    return this.index > last && token.kind === 'error' ? { ...token, kind: 'eof', text: 'EOF' } : token;
  }

  next(): Token {
    const token = this.peek();
    this.index++;
    return token;
  }

  skipSpace(): void {
    while (this.peek().kind === 'space') this.index++;
  }

  peekNonSpace(): Token {
    this.skipSpace();
    return this.peek();
  }

  nextNonSpace(): Token {
    this.skipSpace();
    return this.next();
  }

  expect(kind: TokenKind, context: string): Token {
    const token = this.nextNonSpace();
    if (token.kind !== kind) throw this.unexpected(token, context);
    return token;
  }

  /** Whether the next token is this keyword. */
  atKeyword(word: string): boolean {
    const token = this.peekNonSpace();
    return token.kind === 'keyword' && token.text === word;
  }

  unexpected(token: Token, context: string): TemplateError {
    if (token.kind !== 'error') return this.error(`unexpected ${shown(token)} in ${context}`);
    if (this.actionLine === 0 || this.actionLine === token.line) return this.error(token.text);
    const started = ` started at ${this.name}:${this.actionLine}`;
    return this.error(token.text + (token.text.endsWith(' action') ? started : ` in action${started}`));
  }

  error(reason: string): TemplateError {
    return new TemplateError(`template: ${this.name}:${this.tokens[this.furthest].line}: ${reason}`);
  }

  /** @throws TemplateError */
  unquoted({ text }: Token): string {
    try {
      if (text.startsWith('`')) return text.slice(1, -1).replaceAll('\r', '');
      if (/(?:^|[^\\])(?:\\\\)*\\'/.test(text)) throw new Error("\\' stands only in characters");
      return unquote(text);
    } catch {
      throw this.error('invalid syntax');
    }
  }
}

const MANY = 10;

/** A token as Go's errors show it. */
function shown({ kind, text }: Token): string {
  if (kind === 'eof') return 'EOF';
  if (kind === 'keyword' || kind === 'dot' || kind === 'nil') return `<${text}>`;
  const bytes = Buffer.from(text);
  return bytes.length > MANY ? `${quote([...text].slice(0, MANY).join(''))}...` : quote(text);
}
