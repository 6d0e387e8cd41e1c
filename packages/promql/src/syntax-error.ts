import { ParseError } from './error.ts';
import { quote } from './quote.ts';

/** What upstream calls the place an error stands in, by the grammar's node. */
const PLACES: Readonly<Record<string, string>> = {
  LabelMatchers: ' in label matching, expected identifier or "}"',
  UnquotedLabelMatcher: ' in label matching, expected string',
  QuotedLabelMatcher: ' in label matching, expected string',
  GroupingLabels: ' in grouping opts, expected label',
  AggregateExpr: ' in aggregation',
  OffsetExpr: ' in offset, expected number, duration, step(), or range()',
  OffsetDurationExpr: ' in offset, expected number, duration, step(), or range()',
  StepInvariantExpr: ' in @, expected timestamp',
  MatrixSelector: ' in subquery or range, expected number, duration, step(), or range()',
  DurationExpr: ' in subquery or range, expected number, duration, step(), or range()',
  SubqueryExpr: ' in subquery selector',
};

const TOKEN =
  /\s*(?:(?<number>\d[\w.]*|\.\d[\w.]*)|(?<word>[a-zA-Z_:][\w:]*)|(?<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)|(?<op>==|!=|<=|>=|=~|!~|[-+*/%^<>=@(){}[\],:])|(?<other>.))/suy;

const KEYWORDS = /^(and|or|unless|atan2|by|without|on|ignoring|group_left|group_right|bool|offset)$/i;

const PUNCTUATION: Readonly<Record<string, string>> = {
  '(': 'left parenthesis "("',
  ')': 'right parenthesis ")"',
  '{': 'left brace "{"',
  '}': 'right brace "}"',
  '[': 'left bracket "["',
  ']': 'right bracket "]"',
  ',': 'comma ","',
  ':': 'colon ":"',
};

/** Words the parser's first error in upstream's manner: `unexpected <token> in <place>`. */
export function syntaxError(source: string, error: { readonly at: number; readonly inside: string }): ParseError {
  TOKEN.lastIndex = error.at;
  const match = TOKEN.exec(source);
  const place = PLACES[error.inside] ?? '';
  if (!match) return new ParseError(source, error.at, `unexpected end of input${place}`);
  const token = match[0].trim();
  const at = error.at + match[0].length - token.length;
  const called = token === '(' ? /([a-zA-Z_:][\w:]*)\s*$/.exec(source.slice(Math.max(0, at - 200), at)) : null;
  if (called && !KEYWORDS.test(called[1])) {
    return new ParseError(source, at - called[0].length, `unknown function with name ${quote(called[1])}`);
  }
  return new ParseError(source, at, `unexpected ${describe(token, match.groups ?? {})}${place}`);
}

function describe(token: string, groups: Record<string, string | undefined>): string {
  if (groups.number) return `number ${quote(token)}`;
  if (groups.word) return KEYWORDS.test(token) ? `<${token.toLowerCase()}>` : `identifier ${quote(token)}`;
  if (groups.string) return `string ${token}`;
  if (groups.op) return PUNCTUATION[token] ?? `<op:${token}>`;
  return `character: '${token}'`;
}
