import { childrenOf, type Expr, type TimeShift, unparen } from '../ast.ts';

/** Functions whose result depends on when they are evaluated, so that `@` cannot fix them (SYNTAX.md section 7). */
const TIME_DEPENDENT = new Set([
  'days_in_month',
  'day_of_month',
  'day_of_week',
  'day_of_year',
  'hour',
  'minute',
  'month',
  'year',
  'time',
  'timestamp',
  'predict_linear',
]);

const QUERY_DEPENDENT = /\b(start|end|step|range)\s*\(/i;

function calls(expr: Expr, names: ReadonlySet<string>): boolean {
  if (expr.kind === 'call' && names.has(expr.func.name)) return true;
  return childrenOf(expr).some((child) => calls(child, names));
}

/** Whether an instant query must give the same as part of a range query. */
export function comparableAsRange(text: string, expr: Expr): boolean {
  return !QUERY_DEPENDENT.test(text) && unparen(expr).kind !== 'string';
}

/** The expression with every free selector and subquery fixed at `timeMs`, or null where that changes its meaning. */
export function fixedAt(text: string, expr: Expr, timeMs: number): Expr | null {
  if (QUERY_DEPENDENT.test(text)) return null;
  return calls(expr, TIME_DEPENDENT) ? null : pin(expr, timeMs);
}

function pin(expr: Expr, timeMs: number): Expr {
  const at = <T extends TimeShift>(target: T): T => (target.at === null ? { ...target, at: { timeMs } } : target);
  switch (expr.kind) {
    case 'vectorSelector':
      return at(expr);
    case 'matrixSelector':
      return { ...expr, selector: at(expr.selector) };
    case 'subquery':
      return at(expr);
    case 'call':
      return { ...expr, args: expr.args.map((arg) => pin(arg, timeMs)) };
    case 'aggregate':
      return { ...expr, expr: pin(expr.expr, timeMs), param: expr.param && pin(expr.param, timeMs) };
    case 'binary':
      return { ...expr, lhs: pin(expr.lhs, timeMs), rhs: pin(expr.rhs, timeMs) };
    case 'unary':
    case 'paren':
      return { ...expr, expr: pin(expr.expr, timeMs) };
    default:
      return expr;
  }
}
