import { Matcher, METRIC_NAME } from '@avalanche/model';
import type {
  Aggregate,
  AggregateOp,
  AtModifier,
  BinaryOp,
  Expr,
  MatrixSelector,
  Span,
  Subquery,
  VectorSelector,
} from './ast.ts';
import type { Dialect } from './dialect.ts';
import { readBrackets, readOffset } from './duration-syntax.ts';
import { findFunction } from './functions/table.ts';
import { readMatchers } from './matcher-syntax.ts';
import { readGrouping, readMatching } from './matching-syntax.ts';
import { quote } from './quote.ts';
import { AGGREGATORS, CALLABLE, isMetricName, startsExpression } from './token.ts';
import { type Token, TokenReader } from './token-reader.ts';

/** No query of a person or a dashboard comes near this; beyond it the answer is an error. */
const QUERY_LENGTH_MAX = 1 << 20;
/**
 * Longest chain of operators without parentheses: its tree is as deep as it is long, and everything descends into it. The
 * stack of Node's main thread still holds 2 000, unbundled and on every version that we run on 1 000.
 */
const TREE_DEPTH_MAX = 1_000;

const MULTIPLICATION = 5;
const POWER = 6;

/** Higher binds tighter; all but `^` associate to the left (upstream's generated_parser.y). */
const PRECEDENCE: Readonly<Record<string, number>> = {
  or: 1,
  and: 2,
  unless: 2,
  '==': 3,
  '!=': 3,
  '<': 3,
  '<=': 3,
  '>': 3,
  '>=': 3,
  '</': 3,
  '>/': 3,
  '+': 4,
  '-': 4,
  '*': MULTIPLICATION,
  '/': MULTIPLICATION,
  '%': MULTIPLICATION,
  atan2: MULTIPLICATION,
  '^': POWER,
};

const PARAMETER_OPS: ReadonlySet<string> = new Set([
  'topk',
  'bottomk',
  'quantile',
  'count_values',
  'limitk',
  'limit_ratio',
]);
const EXPERIMENTAL_OPS: ReadonlySet<string> = new Set(['limitk', 'limit_ratio']);
const NEEDS_SELECTOR = 'must be preceded by an instant vector selector or range vector selector or a subquery';

/**
 * Text to AST, without the type check. The reader accepts what upstream's grammar accepts, and where it does not, it
 * stops at the same token with the same words.
 * @throws ParseError
 */
export function parseSyntax(source: string, dialect: Dialect): Expr {
  return new SyntaxReader(readerOf(source), dialect).query();
}

/** A text that is a series selector and nothing else. @throws ParseError */
export function parseSelectorSyntax(source: string): VectorSelector {
  return new SyntaxReader(readerOf(source), {}).selectorOnly();
}

function readerOf(source: string): TokenReader {
  const reader = new TokenReader(source);
  if (source.length > QUERY_LENGTH_MAX) reader.fail(0, `query is longer than ${QUERY_LENGTH_MAX} characters`);
  return reader;
}

class SyntaxReader {
  /** How deep the tree of the expression is that was read last. */
  private height = 0;

  constructor(
    private readonly reader: TokenReader,
    private readonly dialect: Dialect,
  ) {}

  query(): Expr {
    if (this.reader.peek() === 'eof') this.reader.fail(0, 'no expression found in input');
    const expr = this.binary(0);
    if (this.reader.peek() !== 'eof') this.reader.unexpected();
    return expr;
  }

  selectorOnly(): VectorSelector {
    const kind = this.reader.peek();
    if (kind !== '{' && !isMetricName(kind)) this.reader.unexpected();
    const selector = this.selector(kind === '{' ? null : this.reader.take());
    if (this.reader.peek() !== 'eof') this.reader.unexpected();
    return selector;
  }

  private nested(): Expr {
    return this.reader.nested(() => this.binary(0));
  }

  /** Everything from here on that binds at least as tightly as `floor`. */
  private binary(floor: number): Expr {
    let lhs = this.unary();
    for (;;) {
      const precedence = PRECEDENCE[this.reader.peek()];
      if (precedence === undefined || precedence < floor) return lhs;
      const height = this.height;
      const { kind, from } = this.reader.take();
      const { bool, matching } = readMatching(this.reader);
      const rhs = kind === '^' ? this.reader.nested(() => this.binary(POWER)) : this.binary(precedence + 1);
      if (!this.dialect.fillModifiers && (matching.fillLeft !== null || matching.fillRight !== null)) {
        this.reader.fail(lhs.from, 'binop fill modifiers are experimental and not enabled');
      }
      lhs = { kind: 'binary', op: kind as BinaryOp, lhs, rhs, bool, matching, from: lhs.from, to: rhs.to };
      this.grow(from, height);
    }
  }

  /** Counts one level above what was read last, and above a subtree of `height` beside it. */
  private grow(from: number, height = 0): void {
    this.height = Math.max(height, this.height) + 1;
    if (this.height > TREE_DEPTH_MAX) {
      this.reader.fail(from, `query is nested more than ${TREE_DEPTH_MAX} levels deep`);
    }
  }

  /** A sign binds like multiplication, so it takes powers with it: `-1^2` is `-(1^2)`. */
  private unary(): Expr {
    const kind = this.reader.peek();
    if (kind !== '+' && kind !== '-') return this.postfix();
    const { from } = this.reader.take();
    const expr = this.reader.nested(() => this.binary(POWER));
    this.grow(from);
    if (expr.kind === 'number') return { ...expr, value: kind === '-' ? -expr.value : expr.value, from };
    return { kind: 'unary', op: kind, expr, from, to: expr.to };
  }

  private postfix(): Expr {
    this.height = 0;
    let expr = this.operand();
    for (;;) {
      switch (this.reader.peek()) {
        case '[':
          expr = this.brackets(expr);
          break;
        case 'offset':
          expr = this.offset(expr);
          break;
        case '@':
          expr = this.at(expr);
          break;
        case 'anchored':
        case 'smoothed':
          expr = this.extend(expr, this.reader.take());
          break;
        default:
          return expr;
      }
    }
  }

  private operand(): Expr {
    const kind = this.reader.peek();
    switch (kind) {
      case 'number':
      case 'duration': {
        const token = this.reader.take();
        const { from, to } = token;
        return { kind: 'number', value: this.reader.number(token), duration: kind === 'duration', from, to };
      }
      case 'string': {
        const token = this.reader.take();
        return { kind: 'string', value: this.reader.string(token), from: token.from, to: token.to };
      }
      case '(': {
        const { from } = this.reader.take();
        const expr = this.nested();
        this.grow(from);
        return { kind: 'paren', expr, from, to: this.reader.expect(')').to };
      }
      case '{':
        return this.selector(null);
      default:
        return isMetricName(kind) ? this.named(this.reader.take()) : this.reader.unexpected();
    }
  }

  /** What begins with a word: an aggregation, a call or a selector. */
  private named(token: Token): Expr {
    if (AGGREGATORS.has(token.kind)) {
      const after = this.reader.peek();
      if (after === '(' || after === 'by' || after === 'without') {
        return this.reader.within(' in aggregation', () => this.aggregate(token));
      }
    } else if ((token.kind === 'identifier' || CALLABLE.has(token.kind)) && this.reader.peek() === '(') {
      return this.call(token);
    }
    return this.selector(token);
  }

  private call({ text, from }: Token): Expr {
    const args = this.callArguments();
    const func = findFunction(text);
    if (!func) return this.reader.fail(from, `unknown function with name ${quote(text)}`);
    if (func.experimental && !this.dialect.experimental) {
      this.reader.fail(from, `function ${quote(text)} is not enabled`);
    }
    return { kind: 'call', func, args, from, to: this.reader.lexer.lastClosing };
  }

  private callArguments(): Expr[] {
    const args: Expr[] = [];
    this.reader.expect('(');
    if (this.reader.accept(')')) return args;
    let height = 0;
    for (;;) {
      args.push(this.nested());
      height = Math.max(height, this.height);
      if (this.reader.peek() !== ',') break;
      const comma = this.reader.take();
      if (!startsExpression(this.reader.peek())) {
        this.reader.fail(comma.from, 'trailing commas not allowed in function call args');
      }
    }
    const { from } = this.reader.expect(')');
    this.grow(from, height);
    return args;
  }

  private aggregate(token: Token): Aggregate {
    const before = this.clause();
    const args = this.callArguments();
    const after = before ?? this.clause();
    const { lexer } = this.reader;
    const to = before || after ? lexer.lastClosing : this.closingBefore();
    const op = token.kind as AggregateOp;
    const [param, expr] = this.aggregateArguments(op, args, token.from);
    const { labels, without } = before ?? after ?? { labels: [], without: false };
    return { kind: 'aggregate', op, expr, param, grouping: labels, without, from: token.from, to };
  }

  /** `by (…)` or `without (…)`, before or behind the arguments. */
  private clause(): { readonly labels: string[]; readonly without: boolean } | null {
    const kind = this.reader.peek();
    if (kind !== 'by' && kind !== 'without') return null;
    this.reader.take();
    return { labels: readGrouping(this.reader), without: kind === 'without' };
  }

  private aggregateArguments(op: AggregateOp, args: readonly Expr[], from: number): [Expr | null, Expr] {
    if (args.length === 0) this.reader.fail(from, 'no arguments for aggregate expression provided');
    if (EXPERIMENTAL_OPS.has(op) && !this.dialect.experimental) {
      const flag = '--enable-feature=promql-experimental-functions';
      this.reader.fail(from, `${op}() is experimental and must be enabled with ${flag}`);
    }
    const wanted = PARAMETER_OPS.has(op) ? 2 : 1;
    if (args.length !== wanted) {
      const what = 'wrong number of arguments for aggregate expression provided';
      this.reader.fail(from, `${what}, expected ${wanted}, got ${args.length}`);
    }
    return wanted === 2 ? [args[0], args[1]] : [null, args[0]];
  }

  /**
   * Where an aggregation without a clause behind it ends. One more token has been read to find that out; if that was a
   * parenthesis too, the last one is not ours.
   */
  private closingBefore(): number {
    const { lexer, source } = this.reader;
    if (lexer.kind !== ')') return lexer.lastClosing;
    let at = lexer.from;
    while (at > 0 && /\s/.test(source[at - 1])) at--;
    return source[at - 1] === ')' ? at : lexer.lastClosing;
  }

  private selector(name: Token | null): VectorSelector {
    const matchers: Matcher[] = [];
    const from = name?.from ?? this.reader.lexer.from;
    let to = name?.to ?? 0;
    if (this.reader.peek() === '{') to = readMatchers(this.reader, matchers);
    if (name) matchers.push(new Matcher('=', METRIC_NAME, name.text));
    return {
      kind: 'vectorSelector',
      name: name?.text ?? '',
      matchers,
      offset: null,
      at: null,
      extension: null,
      from,
      to,
    };
  }

  private brackets(expr: Expr): MatrixSelector | Subquery {
    const bracket = this.reader.take();
    const { range, step, subquery } = readBrackets(this.reader);
    const span = { from: expr.from, to: this.reader.lexer.lastClosing };
    this.grow(bracket.from);
    if (subquery) return { kind: 'subquery', expr, range, step, offset: null, at: null, ...span };
    if (expr.kind !== 'vectorSelector')
      return this.reader.fail(bracket.from, 'ranges only allowed for vector selectors');
    if (expr.offset) this.reader.fail(bracket.from, 'no offset modifiers allowed before range');
    if (expr.at !== null) this.reader.fail(bracket.from, 'no @ modifiers allowed before range');
    return { kind: 'matrixSelector', selector: expr, range, ...span };
  }

  private offset(expr: Expr): Expr {
    this.reader.take();
    const offset = readOffset(this.reader);
    const none = offset.kind === 'literal' && offset.seconds === 0;
    return this.shift(expr, 'offset modifier', (target) => {
      if (target.offset) this.reader.fail(expr.from, 'offset may not be set multiple times');
      return { ...target, offset: none ? null : offset };
    });
  }

  private at(expr: Expr): Expr {
    this.reader.take();
    const at = this.reader.within(' in @, expected timestamp', () => this.atModifier(expr));
    return this.shift(expr, '@ modifier', (target) => {
      if (target.at !== null) this.reader.fail(expr.from, '@ <timestamp> may not be set multiple times');
      return { ...target, at };
    });
  }

  private atModifier(expr: Expr): AtModifier {
    const kind = this.reader.peek();
    if (kind === 'start' || kind === 'end') {
      this.reader.take();
      this.reader.expect('(');
      this.reader.expect(')');
      return kind;
    }
    const sign = kind === '+' || kind === '-' ? this.reader.take() : null;
    const number = this.reader.peek();
    if (number !== 'number' && number !== 'duration') this.reader.unexpected();
    const seconds = this.reader.number(this.reader.take()) * (sign?.kind === '-' ? -1 : 1);
    if (!(Math.abs(seconds) < 2 ** 63)) {
      this.reader.fail(expr.from, `timestamp out of bounds for @ modifier: ${fixed(seconds)}`);
    }
    return { timeMs: Math.sign(seconds) * Math.round(Math.abs(seconds) * 1000) };
  }

  /** Gives a selector or a subquery a changed time; the node ends behind the modifier then. */
  private shift(
    expr: Expr,
    modifier: string,
    change: <T extends VectorSelector | Subquery>(target: T) => T,
  ): VectorSelector | MatrixSelector | Subquery {
    const span: Span = { from: expr.from, to: this.reader.lexer.lastClosing };
    switch (expr.kind) {
      case 'vectorSelector':
      case 'subquery':
        return { ...change(expr), ...span };
      case 'matrixSelector':
        return { ...expr, selector: change(expr.selector), ...span };
      default:
        return this.reader.fail(expr.from, `${modifier} ${NEEDS_SELECTOR}`);
    }
  }

  private extend(expr: Expr, { kind, to }: Token): Expr {
    const extension = kind as 'anchored' | 'smoothed';
    if (!this.dialect.extendedRangeSelectors) {
      this.reader.fail(expr.from, `${extension} modifier is experimental and not enabled`);
    }
    switch (expr.kind) {
      case 'vectorSelector':
        return { ...this.extended(expr, extension), to };
      case 'matrixSelector':
        return { ...expr, selector: this.extended(expr.selector, extension), to };
      case 'subquery':
        return this.reader.fail(expr.from, `${extension} modifier is not supported for subqueries`);
      default:
        return this.reader.fail(expr.from, `${extension} modifier not implemented`);
    }
  }

  private extended(selector: VectorSelector, extension: 'anchored' | 'smoothed'): VectorSelector {
    if (selector.extension !== null && selector.extension !== extension) {
      this.reader.fail(selector.from, 'anchored and smoothed modifiers cannot be used together');
    }
    return { ...selector, extension };
  }
}

/** Go's `%f`. */
function fixed(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
  return `${BigInt(value)}.000000`;
}
