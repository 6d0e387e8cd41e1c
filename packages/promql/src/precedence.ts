import type {
  AtModifier,
  BinaryOp,
  DurationExpr,
  Expr,
  MatrixSelector,
  Span,
  Subquery,
  VectorMatching,
  VectorSelector,
} from './ast.ts';
import { isSetOp, unparen } from './ast.ts';
import { ParseError } from './error.ts';

/** An expression as it stands in the text: operands, signs, operators, and what follows an operand. */
export type Term =
  | { readonly kind: 'operand'; readonly expr: Expr }
  | { readonly kind: 'prefix'; readonly op: '+' | '-'; readonly from: number }
  | {
      readonly kind: 'infix';
      readonly op: BinaryOp;
      readonly bool: boolean;
      readonly matching: VectorMatching;
      /** `on` or `ignoring` was written. */
      readonly explicit: boolean;
      readonly from: number;
    }
  | Postfix;

type Postfix = Span &
  (
    | { readonly kind: 'range'; readonly range: DurationExpr }
    | { readonly kind: 'subquery'; readonly range: DurationExpr; readonly step: DurationExpr | null }
    | { readonly kind: 'offset'; readonly offset: DurationExpr }
    | { readonly kind: 'at'; readonly at: AtModifier }
    | { readonly kind: 'extension'; readonly extension: 'anchored' | 'smoothed' }
  );

const POWER = 6;
const MULTIPLICATION = 5;

/** Higher binds tighter; all but `^` associate to the left (upstream's generatedParser.y). */
const PRECEDENCE: Readonly<Record<BinaryOp, number>> = {
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

/** Builds the tree of a flat list of terms by upstream's precedence. @throws ParseError */
export function associate(source: string, terms: readonly Term[]): Expr {
  return new Associator(source, terms).binary(0);
}

class Associator {
  private next = 0;

  constructor(
    private readonly source: string,
    private readonly terms: readonly Term[],
  ) {}

  /** Everything from here on that binds at least as tightly as `floor`. */
  binary(floor: number): Expr {
    let lhs = this.unary();
    for (;;) {
      const term = this.terms[this.next];
      if (term?.kind !== 'infix' || PRECEDENCE[term.op] < floor) return lhs;
      this.next++;
      const rhs = this.binary(term.op === '^' ? POWER : PRECEDENCE[term.op] + 1);
      const cardinality = isSetOp(term.op) && term.matching.cardinality === 'one-to-one';
      const matching = cardinality ? { ...term.matching, cardinality: 'many-to-many' as const } : term.matching;
      lhs = { kind: 'binary', op: term.op, lhs, rhs, bool: term.bool, matching, from: lhs.from, to: rhs.to };
    }
  }

  /** A sign binds like multiplication, so it takes powers with it: `-1^2` is `-(1^2)`. */
  private unary(): Expr {
    const term = this.terms[this.next];
    if (term?.kind !== 'prefix') return this.postfix();
    this.next++;
    const expr = this.binary(POWER);
    if (expr.kind === 'number') {
      return { ...expr, value: term.op === '-' ? -expr.value : expr.value, from: term.from };
    }
    return { kind: 'unary', op: term.op, expr, from: term.from, to: expr.to };
  }

  private postfix(): Expr {
    const first = this.terms[this.next++];
    if (first?.kind !== 'operand') throw new Error('BUG: the grammar let an expression start without an operand');
    let expr = first.expr;
    for (;;) {
      const term = this.terms[this.next];
      if (!term || term.kind === 'infix' || term.kind === 'prefix' || term.kind === 'operand') return expr;
      this.next++;
      expr = this.apply(expr, term);
    }
  }

  private apply(expr: Expr, term: Postfix): Expr {
    const span = { from: expr.from, to: term.to };
    switch (term.kind) {
      case 'range':
        return { kind: 'matrixSelector', selector: this.rangeable(expr), range: term.range, ...span };
      case 'subquery':
        return { kind: 'subquery', expr, range: term.range, step: term.step, offset: null, at: null, ...span };
      case 'offset':
        return this.shift(expr, span, (target) => {
          if (target.offset) this.fail(expr, 'offset may not be set multiple times');
          return { ...target, offset: term.offset };
        });
      case 'at':
        return this.shift(expr, span, (target) => {
          if (target.at !== null) this.fail(expr, '@ <timestamp> may not be set multiple times');
          return { ...target, at: term.at };
        });
      default:
        return this.extend(expr, term.extension, span);
    }
  }

  private rangeable(expr: Expr): VectorSelector {
    if (expr.kind !== 'vectorSelector') this.fail(expr, 'ranges only allowed for vector selectors');
    if (expr.offset) this.fail(expr, 'no offset modifiers allowed before range');
    if (expr.at !== null) this.fail(expr, 'no @ modifiers allowed before range');
    return expr;
  }

  private shift(
    expr: Expr,
    span: Span,
    change: <T extends VectorSelector | Subquery>(target: T) => T,
  ): VectorSelector | MatrixSelector | Subquery {
    switch (expr.kind) {
      case 'vectorSelector':
      case 'subquery':
        return { ...change(expr), ...span };
      case 'matrixSelector':
        return { ...expr, selector: change(expr.selector), ...span };
      default:
        return this.fail(
          expr,
          `modifier must be preceded by an instant vector selector or range vector selector or a subquery, but follows a ${unparen(expr).kind} instead`,
        );
    }
  }

  private extend(expr: Expr, extension: 'anchored' | 'smoothed', span: Span): Expr {
    if (expr.kind === 'vectorSelector') return { ...expr, extension, ...span };
    if (expr.kind === 'matrixSelector') return { ...expr, selector: { ...expr.selector, extension }, ...span };
    return this.fail(expr, `${extension} modifier must be preceded by a vector selector or range vector selector`);
  }

  private fail(span: Span, reason: string): never {
    throw new ParseError(this.source, span.from, reason);
  }
}
