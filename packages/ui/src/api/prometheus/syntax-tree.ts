/** A node of `/api/v1/parse_query`'s answer. What is not known of a node's type is passed over. */
export type SyntaxNode =
  | { readonly type: 'numberLiteral' | 'stringLiteral'; readonly val: string }
  | { readonly type: 'parenExpr'; readonly expr: SyntaxNode }
  | { readonly type: 'unaryExpr'; readonly op: string; readonly expr: SyntaxNode }
  | ({ readonly type: 'vectorSelector' } & Selector)
  | ({ readonly type: 'matrixSelector' } & Selector & Duration<'range'>)
  | ({ readonly type: 'subquery'; readonly expr: SyntaxNode } & Shift & Duration<'range'> & Duration<'step'>)
  | { readonly type: 'call'; readonly func: { readonly name: string }; readonly args: readonly SyntaxNode[] }
  | {
      readonly type: 'aggregation';
      readonly op: string;
      readonly expr: SyntaxNode;
      readonly param: SyntaxNode | null;
      readonly grouping: readonly string[];
      readonly without: boolean;
    }
  | {
      readonly type: 'binaryExpr';
      readonly op: string;
      readonly lhs: SyntaxNode;
      readonly rhs: SyntaxNode;
      readonly bool: boolean;
      readonly matching: Matching | null;
    };

export interface LabelMatcher {
  readonly name: string;
  readonly type: '=' | '!=' | '=~' | '!~';
  readonly value: string;
}

interface Matching {
  readonly card: 'one-to-one' | 'many-to-one' | 'one-to-many' | 'many-to-many';
  readonly labels: readonly string[];
  readonly on: boolean;
  readonly include: readonly string[];
}

/** Milliseconds; an expression of durations is 0 here and stands beside it. */
type Duration<Key extends string> = { readonly [key in Key]: number } & {
  readonly [key in `${Key}Expr`]?: DurationExpr | null;
};

export type DurationExpr =
  | { readonly type: 'numberLiteral'; readonly val: string; readonly duration?: boolean }
  | {
      readonly type: 'durationExpr';
      readonly op: string;
      readonly lhs: DurationExpr | null;
      readonly rhs: DurationExpr | null;
      readonly wrapped: boolean;
    };

export type Shift = Duration<'offset'> & {
  /** Milliseconds. */
  readonly timestamp: number | null;
  readonly startOrEnd: 'start' | 'end' | null;
};

interface SelectorOwn {
  readonly name: string;
  readonly matchers: readonly LabelMatcher[];
  readonly anchored?: boolean;
  readonly smoothed?: boolean;
}
export type Selector = SelectorOwn & Shift;
