import type { Matcher } from '@avalanche/model';
import { childrenOf, type Expr, type VectorSelector } from './ast.ts';
import { checkTypes } from './check.ts';
import type { Dialect } from './dialect.ts';
import { ParseError } from './error.ts';
import { parseSyntax } from './syntax.ts';

/** Parses and type-checks a query. @throws ParseError (`errorType` bad_data), worded as upstream */
export function parse(text: string, dialect: Dialect = {}): Expr {
  try {
    return checkTypes(text, parseSyntax(text, dialect));
  } catch (error) {
    // The limits on nesting leave room on an ordinary stack; how much of it the caller has used up, nobody knows.
    if (!(error instanceof RangeError)) throw error;
    throw new ParseError(text, 0, 'query is nested too deeply');
  }
}

/** Parses the series selector of a `match[]` parameter. @throws ParseError */
export function parseSelector(text: string): readonly Matcher[] {
  return matchersOf(text, parse(text));
}

/**
 * Parses a series selector as promtool takes it: one that matches every series, such as `{}`, is allowed too.
 * @throws ParseError
 */
export function parseMatchers(text: string): readonly Matcher[] {
  return matchersOf(text, parseSyntax(text, {}));
}

function matchersOf(text: string, expr: Expr): readonly Matcher[] {
  if (expr.kind !== 'vectorSelector' || expr.offset || expr.at !== null) {
    throw new ParseError(text, expr.from, 'expected a series selector');
  }
  return expr.matchers;
}

/** Every vector selector in an expression, those of range selectors included, in source order. */
export function selectorsOf(root: Expr): VectorSelector[] {
  const found: VectorSelector[] = [];
  const visit = (expr: Expr): void => {
    if (expr.kind === 'vectorSelector') found.push(expr);
    childrenOf(expr).forEach(visit);
  };
  visit(root);
  return found;
}
