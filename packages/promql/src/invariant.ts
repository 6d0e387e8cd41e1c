import { childrenOf, type Expr } from './ast.ts';

/** Functions whose result depends on the time of the step even where their arguments do not. */
const TIME_DEPENDENT = new Set([
  'days_in_month',
  'day_of_month',
  'day_of_week',
  'day_of_year',
  'hour',
  'minute',
  'month',
  'year',
  'predict_linear',
  'time',
  'timestamp',
]);

const known = new WeakMap<Expr, boolean>();

/** Whether an expression has the same value at every step, so that one step is enough. */
export function isStepInvariant(expr: Expr): boolean {
  let invariant = known.get(expr);
  if (invariant === undefined) {
    invariant = decide(expr);
    known.set(expr, invariant);
  }
  return invariant;
}

function decide(expr: Expr): boolean {
  switch (expr.kind) {
    case 'number':
    case 'string':
      return true;
    case 'vectorSelector':
    case 'subquery':
      return expr.at !== null;
    case 'call':
      return !TIME_DEPENDENT.has(expr.func.name) && expr.args.every(isStepInvariant);
    default:
      return childrenOf(expr).every(isStepInvariant);
  }
}
