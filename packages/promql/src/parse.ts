import type { Matcher } from '@avalanche/model';
import { childrenOf, type Expr, type VectorSelector } from './ast.ts';
import { checkTypes } from './check.ts';
import type { Dialect } from './dialect.ts';
import { ParseError } from './error.ts';
import { parseSelectorSyntax, parseSyntax } from './syntax.ts';

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

/** Parses a series selector that does not match just everything. @throws ParseError */
export function parseSelector(text: string): readonly Matcher[] {
  return (checkTypes(text, parseSelectorSyntax(text)) as VectorSelector).matchers;
}

/** Parses a series selector; one that matches every series, such as `{}`, is allowed too. @throws ParseError */
export function parseMatchers(text: string): readonly Matcher[] {
  return parseSelectorSyntax(text).matchers;
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
