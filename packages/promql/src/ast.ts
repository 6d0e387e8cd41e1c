import type { Matcher } from '@avalanche/model';
import type { FunctionSignature } from './functions/signature.ts';

/** The four types of a PromQL expression. `vector` is an instant vector, `matrix` a range vector. */
export type ValueType = 'scalar' | 'vector' | 'matrix' | 'string';

/** Where a node stands: character offsets into the query text, the end excluded. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

export interface NumberLiteral extends Span {
  readonly kind: 'number';
  readonly value: number;
  /** Written as a duration (`5m`); the printer keeps that. */
  readonly duration: boolean;
}

interface StringLiteral extends Span {
  readonly kind: 'string';
  readonly value: string;
}

/** The `@` modifier: a fixed time in milliseconds, or the start or end of the query. */
export type AtModifier = { readonly timeMs: number } | 'start' | 'end';

/** What `offset` and `@` do to a selector or a subquery. */
export interface TimeShift {
  readonly offset: DurationExpr | null;
  readonly at: AtModifier | null;
}

export interface VectorSelector extends Span, TimeShift {
  readonly kind: 'vectorSelector';
  /** The name written before the braces, or ''; one in quotes is a matcher only. */
  readonly name: string;
  /** All matchers, that of the name included. */
  readonly matchers: readonly Matcher[];
  readonly extension: 'anchored' | 'smoothed' | null;
}

export interface MatrixSelector extends Span {
  readonly kind: 'matrixSelector';
  readonly selector: VectorSelector;
  readonly range: DurationExpr;
}

export interface Subquery extends Span, TimeShift {
  readonly kind: 'subquery';
  readonly expr: Expr;
  readonly range: DurationExpr;
  /** null: the engine's default step. */
  readonly step: DurationExpr | null;
}

export interface Call extends Span {
  readonly kind: 'call';
  readonly func: FunctionSignature;
  readonly args: readonly Expr[];
}

export type AggregateOp =
  | 'sum'
  | 'avg'
  | 'min'
  | 'max'
  | 'count'
  | 'group'
  | 'stddev'
  | 'stdvar'
  | 'topk'
  | 'bottomk'
  | 'quantile'
  | 'count_values'
  | 'limitk'
  | 'limit_ratio';

export interface Aggregate extends Span {
  readonly kind: 'aggregate';
  readonly op: AggregateOp;
  readonly expr: Expr;
  readonly param: Expr | null;
  readonly grouping: readonly string[];
  readonly without: boolean;
}

export type ArithmeticOp = '+' | '-' | '*' | '/' | '%' | '^' | 'atan2';
export type ComparisonOp = '==' | '!=' | '>' | '<' | '>=' | '<=';
export type SetOp = 'and' | 'or' | 'unless';
export type BinaryOp = ArithmeticOp | ComparisonOp | SetOp | '</' | '>/';

type Cardinality = 'one-to-one' | 'many-to-one' | 'one-to-many' | 'many-to-many';

/** How the series of two vectors find each other. */
export interface VectorMatching {
  readonly cardinality: Cardinality;
  /** `on`: match by these labels only; else by all but these. */
  readonly on: boolean;
  readonly labels: readonly string[];
  /** Labels that `group_left` or `group_right` takes over from the "one" side. */
  readonly include: readonly string[];
  readonly fillLeft: number | null;
  readonly fillRight: number | null;
}

export interface Binary extends Span {
  readonly kind: 'binary';
  readonly op: BinaryOp;
  readonly lhs: Expr;
  readonly rhs: Expr;
  readonly bool: boolean;
  /** null unless both sides are vectors. */
  readonly matching: VectorMatching | null;
}

export interface Unary extends Span {
  readonly kind: 'unary';
  readonly op: '+' | '-';
  readonly expr: Expr;
}

interface Paren extends Span {
  readonly kind: 'paren';
  readonly expr: Expr;
}

export type Expr =
  | NumberLiteral
  | StringLiteral
  | VectorSelector
  | MatrixSelector
  | Subquery
  | Call
  | Aggregate
  | Binary
  | Unary
  | Paren;

/** A duration as written: arithmetic may need the query's step and range, so it is worked out when the query runs. */
export type DurationExpr = Span &
  (
    | {
        readonly kind: 'literal';
        readonly seconds: number;
        /** Written as a duration (`5m`), not as a number of seconds. */
        readonly duration: boolean;
      }
    | { readonly kind: 'step' | 'range' }
    | { readonly kind: 'unary'; readonly op: '+' | '-'; readonly expr: DurationExpr }
    | { readonly kind: 'paren'; readonly expr: DurationExpr }
    | { readonly kind: 'min_of' | 'max_of'; readonly lhs: DurationExpr; readonly rhs: DurationExpr }
    | { readonly kind: 'binary'; readonly op: DurationOp; readonly lhs: DurationExpr; readonly rhs: DurationExpr }
  );

export type DurationOp = Exclude<ArithmeticOp, 'atan2'>;

const COMPARISONS = new Set<BinaryOp>(['==', '!=', '>', '<', '>=', '<=']);
const SET_OPS = new Set<BinaryOp>(['and', 'or', 'unless']);

export function isComparison(op: BinaryOp): op is ComparisonOp {
  return COMPARISONS.has(op);
}

export function isSetOp(op: BinaryOp): op is SetOp {
  return SET_OPS.has(op);
}

/** The type of an expression that has passed the type check. */
export function typeOf(expr: Expr): ValueType {
  switch (expr.kind) {
    case 'number':
      return 'scalar';
    case 'string':
      return 'string';
    case 'vectorSelector':
    case 'aggregate':
      return 'vector';
    case 'matrixSelector':
    case 'subquery':
      return 'matrix';
    case 'call':
      return expr.func.returns;
    case 'binary':
      return typeOf(expr.lhs) === 'scalar' && typeOf(expr.rhs) === 'scalar' ? 'scalar' : 'vector';
    case 'unary':
    case 'paren':
      return typeOf(expr.expr);
    default:
      return expr satisfies never;
  }
}

/** The direct subexpressions of a node, in source order. */
export function childrenOf(expr: Expr): readonly Expr[] {
  switch (expr.kind) {
    case 'matrixSelector':
      return [expr.selector];
    case 'subquery':
    case 'unary':
    case 'paren':
      return [expr.expr];
    case 'call':
      return expr.args;
    case 'aggregate':
      return expr.param ? [expr.param, expr.expr] : [expr.expr];
    case 'binary':
      return [expr.lhs, expr.rhs];
    default:
      return [];
  }
}

/** The expression inside any number of parentheses. */
export function unparen(expr: Expr): Expr {
  let inner = expr;
  while (inner.kind === 'paren') inner = inner.expr;
  return inner;
}
