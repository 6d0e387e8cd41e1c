import { isValidLabelName, type Matcher, type MatchType, unquote } from '@avalanche/model';
import { makeMatcher } from './make.ts';
import { MatcherLexer, type Token } from './tokens.ts';

const END_OF_INPUT = 'end of input';

/**
 * Parses `{a="b", "ein Name"=~c}` or the same without braces: names and values stand in double quotes, with Go's
 * escapes, or without where they hold no reserved character (upstream matcher/parse).
 * @throws Error with upstream's wording and place
 */
export function parseUtf8Matchers(input: string): Matcher[] {
  const lexer = new MatcherLexer(input);
  const matchers: Matcher[] = [];
  const isBraced = lexer.peek().kind === '{';
  if (isBraced) lexer.next();
  if (lexer.peek().kind !== 'end' && lexer.peek().kind !== '}') parseList(lexer, matchers);
  const closing = lexer.peek();
  if (isBraced) expect(lexer, ['}'], (reason) => `0:${lexer.taken}: ${reason}: expected close brace`);
  else if (closing.kind === '}') throw new Error(`0:${closing.end}: }: expected opening brace`);
  const { kind, column, end, text } = lexer.next();
  if (kind !== 'end') throw new Error(`${column}:${end}: ${text}: expected end of input`);
  return matchers;
}

/** @throws Error where there are none or several */
export function parseUtf8Matcher(input: string): Matcher {
  const matchers = parseUtf8Matchers(input);
  if (matchers.length === 1) return matchers[0];
  throw new Error(matchers.length === 0 ? 'no matchers' : `expected 1 matcher, found ${matchers.length}`);
}

function parseList(lexer: MatcherLexer, matchers: Matcher[]): void {
  for (;;) {
    matchers.push(parseOne(lexer));
    const separator = expectPeek(lexer, [',', '}', 'end'], (reason) => `${reason}: expected a comma or close brace`);
    if (separator.kind !== ',') return;
    lexer.next();
    const after = expectPeek(
      lexer,
      ['}', 'unquoted', 'quoted', 'end'],
      (reason) => `${reason}: expected a matcher or close brace after comma`,
    );
    if (after.kind === '}' || after.kind === 'end') return;
  }
}

function parseOne(lexer: MatcherLexer): Matcher {
  const name = textOf(expect(lexer, ['quoted', 'unquoted'], (reason) => `${reason}: expected label name`));
  const operator = expect(
    lexer,
    ['=', '!=', '=~', '!~'],
    (reason) => `${reason}: expected an operator such as '=', '!=', '=~' or '!~'`,
  );
  const value = textOf(expect(lexer, ['quoted', 'unquoted'], (reason) => `${reason}: expected label value`));
  try {
    return makeMatcher(operator.kind as MatchType, name, value);
  } catch (error) {
    throw new Error(`failed to create matcher: ${(error as Error).message}`, { cause: error });
  }
}

function textOf({ kind, text, column, end }: Token): string {
  if (kind !== 'quoted') return text;
  try {
    const plain = unquote(text);
    if (plain === '' || isValidLabelName(plain)) return plain;
  } catch {
    // told below
  }
  throw new Error(`${column}:${end}: ${text}: invalid input`);
}

function expect(lexer: MatcherLexer, kinds: readonly Token['kind'][], say: (reason: string) => string): Token {
  expectPeek(lexer, kinds, say);
  return lexer.next();
}

function expectPeek(lexer: MatcherLexer, kinds: readonly Token['kind'][], say: (reason: string) => string): Token {
  let token: Token;
  try {
    token = lexer.peek();
  } catch (error) {
    throw new Error(say((error as Error).message), { cause: error });
  }
  if (kinds.includes(token.kind)) return token;
  const { kind, column, end, text } = token;
  throw new Error(say(kind === 'end' ? END_OF_INPUT : `${column}:${end}: unexpected ${text}`));
}
