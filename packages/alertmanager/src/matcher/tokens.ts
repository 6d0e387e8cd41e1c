/** A token of matchers, with its place in characters: `column` where it begins, `end` behind it. */
export interface Token {
  readonly kind: '{' | '}' | ',' | '=' | '!=' | '=~' | '!~' | 'quoted' | 'unquoted' | 'end';
  readonly text: string;
  readonly column: number;
  readonly end: number;
}

/** As Go's unicode.IsSpace. */
const SPACE = /[\t-\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;
const SPACE_AROUND = new RegExp(`^${SPACE.source}+|${SPACE.source}+$`, 'g');
const RESERVED = '{}!=~,\\"\'`';

export function isReserved(character: string): boolean {
  return RESERVED.includes(character) || SPACE.test(character);
}

/** As Go's strings.TrimSpace. */
export function trimSpace(text: string): string {
  return text.replace(SPACE_AROUND, '');
}

/** Reads tokens one by one; errors have upstream's wording and place (upstream matcher/parse lexer). */
export class MatcherLexer {
  private readonly characters: readonly string[];
  private at = 0;
  private peeked: Token | undefined;
  /** The column behind the last token taken. */
  taken = 0;

  constructor(input: string) {
    this.characters = [...input];
  }

  /** The next token, which stays the next one. @throws Error */
  peek(): Token {
    this.peeked ??= this.scan();
    return this.peeked;
  }

  /** @throws Error */
  next(): Token {
    const token = this.peek();
    this.peeked = undefined;
    this.taken = token.end;
    return token;
  }

  private scan(): Token {
    const { characters } = this;
    while (this.at < characters.length && SPACE.test(characters[this.at])) this.at++;
    const start = this.at;
    const first = characters[start];
    if (first === undefined) return { kind: 'end', text: '', column: start, end: start };
    if (first === '{' || first === '}' || first === ',') return this.emit(first, start, start + 1);
    if (first === '=' || first === '!') return this.operator(start);
    if (first === '"') return this.quoted(start);
    if (isReserved(first)) throw new Error(`${start}:${start + 1}: ${first}: invalid input`);
    let end = start + 1;
    while (end < characters.length && !isReserved(characters[end])) end++;
    return this.emit('unquoted', start, end);
  }

  private operator(start: number): Token {
    const [first, second] = [this.characters[start], this.characters[start + 1]];
    if (second === '~') return this.emit(first === '=' ? '=~' : '!~', start, start + 2);
    if (first === '=') return this.emit('=', start, start + 1);
    if (second === '=') return this.emit('!=', start, start + 2);
    const at = `${start}:${start + 1}`;
    if (second === undefined) throw new Error(`${at}: unexpected end of input, expected one of '=~'`);
    throw new Error(`${at}: !: expected one of '=~'`);
  }

  private quoted(start: number): Token {
    const { characters } = this;
    for (let end = start + 1; end < characters.length; end++) {
      if (characters[end] === '\\') end++;
      else if (characters[end] === '"') return this.emit('quoted', start, end + 1);
    }
    throw new Error(`${start}:${characters.length}: ${characters.slice(start).join('')}: missing end "`);
  }

  private emit(kind: Token['kind'], column: number, end: number): Token {
    this.at = end;
    return { kind, text: this.characters.slice(column, end).join(''), column, end };
  }
}
