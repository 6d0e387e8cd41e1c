import { quote } from './quote.ts';

/**
 * What a token is: one of the words of the language and its signs, written as themselves, or a class of texts.
 * Keywords are read in any case; their kind is in lower case.
 */
export type TokenKind = string;

/** The classes, as upstream's errors call them. */
const CLASSES: ReadonlyMap<TokenKind, string> = new Map([
  ['identifier', 'identifier'],
  ['metric identifier', 'metric identifier'],
  ['string', 'string'],
  ['number', 'number'],
  ['duration', 'duration'],
]);

/** Aggregations. */
export const AGGREGATORS: ReadonlySet<TokenKind> = new Set(
  'sum avg count min max group stddev stdvar topk bottomk count_values quantile limitk limit_ratio'.split(' '),
);

/** Words of selectors, groupings and matchings. */
export const MODIFIERS: ReadonlySet<TokenKind> = new Set(
  'offset smoothed anchored by without on ignoring group_left group_right fill fill_left fill_right bool'.split(' '),
);

/** Words that are functions where a parenthesis follows, and otherwise names. */
export const CALLABLE: ReadonlySet<TokenKind> = new Set('start end step range max_of min_of'.split(' '));

const WORD_OPERATORS = ['and', 'or', 'unless', 'atan2'];

/** Signs and words between expressions. */
export const OPERATORS: ReadonlySet<TokenKind> = new Set([
  ...WORD_OPERATORS,
  ...'+ / == =~ >= > </ >/ < <= % * != !~ ^ - @'.split(' '),
]);

/** Words that stand for themselves wherever no name is read. */
export const KEYWORDS: ReadonlySet<string> = new Set([...AGGREGATORS, ...MODIFIERS, ...CALLABLE, ...WORD_OPERATORS]);

const NEVER_METRICS = new Set(['bool', 'on', 'ignoring', 'group_left', 'group_right', 'atan2']);
const NEVER_LABELS = new Set(['without']);

/** Whether a token can be the name of a metric at the start of a selector. */
export function isMetricName(kind: TokenKind): boolean {
  if (kind === 'identifier' || kind === 'metric identifier') return true;
  return KEYWORDS.has(kind) && !NEVER_METRICS.has(kind);
}

/** Whether a token can be a label in `by (…)`, `on (…)` and the like. */
export function isGroupingLabel(kind: TokenKind): boolean {
  if (kind === 'identifier' || kind === 'metric identifier') return true;
  return KEYWORDS.has(kind) && !NEVER_LABELS.has(kind);
}

const STARTERS = new Set(['number', 'duration', 'string', '(', '{', '+', '-']);

/** Whether an expression can begin with this token. */
export function startsExpression(kind: TokenKind): boolean {
  return STARTERS.has(kind) || isMetricName(kind);
}

/** Names a token as upstream's errors do: `identifier "foo"`, `<op:+>`, `end of input`. */
export function describeToken(kind: TokenKind, text: string): string {
  if (kind === 'eof') return 'end of input';
  const name = CLASSES.get(kind);
  if (name === undefined) return fixedToken(kind, text);
  if (kind === 'identifier' || kind === 'metric identifier') return `${name} ${quote(text)}`;
  return `${name} ${shortQuoted(text)}`;
}

function fixedToken(kind: TokenKind, text: string): string {
  if (MODIFIERS.has(kind)) return `<${text}>`;
  if (OPERATORS.has(kind)) return `<op:${text}>`;
  if (AGGREGATORS.has(kind)) return `<aggr:${text}>`;
  return shortQuoted(text);
}

/** Quotes a text, or the first ten characters of one of more than ten bytes. */
function shortQuoted(text: string): string {
  if (Buffer.byteLength(text) <= 10) return quote(text);
  return `${quote([...text].slice(0, 10).join(''))}...`;
}
