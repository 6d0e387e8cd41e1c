import { childrenOf, type Expr, typeOf } from './ast.ts';

/** Longer queries are not searched for equal parts: the search reads each part once for every level it is nested in. */
const TEXT_MAX = 10_000;

/**
 * The subexpressions that stand more than once in a query, letter by letter, and would be computed at the same steps. Each
 * is computed once. What stands only inside of such a one is not among them.
 */
export class SharedExprs {
  private readonly counts = new Map<string, number>();

  constructor(
    private readonly text: string,
    root: Expr,
  ) {
    if (text.length <= TEXT_MAX) this.count(root, '');
  }

  /** What equal subexpressions have in common, or null where there is no other. @param place `placeOf` the subquery around */
  keyOf(expr: Expr, place: string): string | null {
    if (this.counts.size === 0 || !isWorthSharing(expr)) return null;
    const key = place + this.text.slice(expr.from, expr.to);
    return (this.counts.get(key) ?? 0) > 1 ? key : null;
  }

  /** Tells apart the steps that the inside of a subquery is computed at from those of the query and of other subqueries. */
  placeOf(subquery: Expr, place: string): string {
    return `${place}${this.text.slice(subquery.from, subquery.to)}\0`;
  }

  private count(expr: Expr, place: string): void {
    if (isWorthSharing(expr)) {
      const key = place + this.text.slice(expr.from, expr.to);
      const before = this.counts.get(key) ?? 0;
      this.counts.set(key, before + 1);
      if (before > 0) return;
    }
    if (expr.kind === 'matrixSelector') return; // its selector is never computed by itself
    const inside = expr.kind === 'subquery' ? this.placeOf(expr, place) : place;
    for (const child of childrenOf(expr)) this.count(child, inside);
  }
}

/** Literals cost nothing, and a range vector is cheaper to read again than to hold. */
function isWorthSharing(expr: Expr): boolean {
  return expr.kind !== 'paren' && expr.kind !== 'number' && typeOf(expr) === 'vector';
}
