import { childrenOf, type Expr, type TimeShift } from '../ast.ts';

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

const QUERY_DEPENDENT = /\b(?:start|end|step|range)\s*\(/i;

/** What stands in a subquery is evaluated at the subquery's times, which `@` fixes. */
function callsTimeDependent(expr: Expr): boolean {
  if (expr.kind === 'subquery') return false;
  if (expr.kind === 'call' && TIME_DEPENDENT.has(expr.func.name)) return true;
  return childrenOf(expr).some(callsTimeDependent);
}

/** Whether an expression speaks of the range and step of its query, so that an instant query is no part of a range query. */
export function dependsOnQuery(text: string): boolean {
  return QUERY_DEPENDENT.test(text);
}

/** The expression with every free selector and subquery fixed at `timeMs`, or null where that changes its meaning. */
export function fixedAt(text: string, expr: Expr, timeMs: number): Expr | null {
  return dependsOnQuery(text) || callsTimeDependent(expr) ? null : pin(expr, timeMs);
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
