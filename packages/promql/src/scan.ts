import { ParseError } from './error.ts';

/** No query of a person or a dashboard comes near these; beyond them the answer is an error, not a stack overflow. */
const QUERY_LENGTH_MAX = 1 << 20;
const NESTING_MAX = 400;

const CLOSER: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' };
const OPENER_NAME: Readonly<Record<string, string>> = { '(': 'parenthesis', '[': 'bracket', '{': 'brace' };

export interface Scanned {
  /**
   * The query, as long as it was, in the dialect that the lezer grammar reads: it knows no `2.` (trailing point) and no
   * `min_of`/`max_of` outside durations, so these stand there as ` 2` and as a known function name of the same length.
   */
  readonly text: string;
  /** Where functions that the grammar does not know start, with their real names. */
  readonly renamed: ReadonlyMap<number, string>;
  /** There is nothing but blanks and comments. */
  readonly blank: boolean;
}

/** Stands in for a function that the grammar does not know: same length, any arguments. */
const STAND_IN = 'resets';

/**
 * The pass before the parser: bounds length and nesting, finds open strings and unbalanced brackets.
 * @throws ParseError
 */
export function scan(source: string): Scanned {
  if (source.length > QUERY_LENGTH_MAX) {
    throw new ParseError('', 0, `query is longer than ${QUERY_LENGTH_MAX} characters`);
  }
  const out: string[] = [];
  const renamed = new Map<number, string>();
  const open: OpenBracket[] = [];
  let afterOffset = false;
  let blank = true;
  let i = 0;
  while (i < source.length) {
    const char = source[i];
    let end = i + 1;
    if (char === '#') end = lineEnd(source, i);
    else if (char === '"' || char === "'" || char === '`') end = stringEnd(source, i);
    else if (CLOSER[char]) {
      const duration = char === '[' || afterOffset || (open[open.length - 1]?.duration ?? false);
      push(source, open, { bracket: char, at: i, duration });
    } else if (char === ')' || char === ']' || char === '}') pop(source, open, char, i);
    else if (isWordStart(char)) {
      end = wordEnd(source, i);
      const word = source.slice(i, end);
      if (DURATION_WORD.test(word) && nextIsCall(source, end)) {
        const inDuration = afterOffset || (open[open.length - 1]?.duration ?? false);
        const stands = inDuration ? word.toLowerCase() : EXTREME.test(word) ? STAND_IN : word;
        if (stands === STAND_IN) renamed.set(i, word.toLowerCase());
        out.push(stands);
        blank = false;
        i = end;
        continue;
      }
      afterOffset = word.toLowerCase() === 'offset';
    } else if (isDigit(char)) {
      end = numberEnd(source, i);
      const number = source.slice(i, end);
      if (number.endsWith('.')) {
        out.push(` ${number.slice(0, -1)}`);
        blank = false;
        i = end;
        continue;
      }
    }
    if (char !== '#' && !/\s/.test(char)) blank = false;
    if (!isWordStart(char) && !/[\s+(-]/.test(char)) afterOffset = false;
    out.push(source.slice(i, end));
    i = end;
  }
  const left = open.pop();
  if (left) throw new ParseError(source, source.length, `unclosed left ${OPENER_NAME[left.bracket]}`);
  return { text: out.join(''), renamed, blank };
}

interface OpenBracket {
  readonly bracket: string;
  readonly at: number;
  /** Inside it stands a duration: a range, or what follows `offset`. */
  readonly duration: boolean;
}

/** The words of duration arithmetic, which upstream reads in any case and the grammar only in lower case. */
const DURATION_WORD = /^(step|range|min_of|max_of)$/i;
const EXTREME = /^(min_of|max_of)$/i;

function nextIsCall(source: string, from: number): boolean {
  return /^\s*\(/.test(source.slice(from, from + 100));
}

function push(source: string, open: OpenBracket[], bracket: OpenBracket): void {
  if (open.length >= NESTING_MAX) {
    throw new ParseError(source, bracket.at, `query is nested more than ${NESTING_MAX} levels deep`);
  }
  open.push(bracket);
}

function pop(source: string, open: OpenBracket[], char: string, at: number): void {
  const last = open.pop();
  if (last && CLOSER[last.bracket] === char) return;
  const name = char === ')' ? 'parenthesis' : char === ']' ? 'bracket' : 'brace';
  throw new ParseError(source, at, `unexpected right ${name} '${char}'`);
}

function lineEnd(source: string, from: number): number {
  const end = source.indexOf('\n', from);
  return end < 0 ? source.length : end;
}

function stringEnd(source: string, from: number): number {
  const quote = source[from];
  for (let i = from + 1; i < source.length; i++) {
    if (source[i] === '\\' && quote !== '`') i++;
    else if (source[i] === quote) return i + 1;
    else if (source[i] === '\n' && quote !== '`') break;
  }
  throw new ParseError(source, from, quote === '`' ? 'unterminated raw string' : 'unterminated quoted string');
}

function isWordStart(char: string): boolean {
  return /[a-zA-Z_:]/.test(char);
}

function isDigit(char: string): boolean {
  return char >= '0' && char <= '9';
}

function wordEnd(source: string, from: number): number {
  const pattern = /[a-zA-Z0-9_:]*/y;
  pattern.lastIndex = from;
  return from + (pattern.exec(source)?.[0].length ?? 1);
}

function numberEnd(source: string, from: number): number {
  const pattern = /0[xX][0-9a-fA-F]+|\d[\d_]*(?:\.[\d_]*)?(?:[eE][+-]?\d+)?[a-zA-Z0-9]*/y;
  pattern.lastIndex = from;
  return from + (pattern.exec(source)?.[0].length ?? 1);
}
