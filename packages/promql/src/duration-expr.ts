import type { ArithmeticOp, DurationExpr } from './ast.ts';
import { executionError } from './error.ts';

/** What `step()` and `range()` mean in a duration: the query's, in milliseconds. */
export interface QueryExtent {
  readonly stepMs: number;
  readonly rangeMs: number;
}

/** The value of a duration that is written as a plain literal, else null: only then it can be checked when parsed. */
export function literalDurationSeconds(expr: DurationExpr): number | null {
  return expr.kind === 'literal' ? expr.seconds : null;
}

/** Works out a duration in whole milliseconds. @throws PromQLError (execution) */
export function durationMs(expr: DurationExpr, extent: QueryExtent): number {
  const seconds = evaluate(expr, extent);
  if (!Number.isFinite(seconds) || Math.abs(seconds) > 9_223_372_036) throw executionError('duration out of range');
  return Math.round(seconds * 1000);
}

/** Like `durationMs`, for ranges and steps. @throws PromQLError where it is not above 0 */
export function positiveDurationMs(expr: DurationExpr, extent: QueryExtent): number {
  const ms = durationMs(expr, extent);
  if (ms <= 0) throw executionError('duration must be greater than 0');
  return ms;
}

function evaluate(expr: DurationExpr, extent: QueryExtent): number {
  switch (expr.kind) {
    case 'literal':
      return expr.seconds;
    case 'step':
      return extent.stepMs / 1000;
    case 'range':
      return extent.rangeMs / 1000;
    case 'paren':
      return evaluate(expr.expr, extent);
    case 'unary':
      return expr.op === '-' ? -evaluate(expr.expr, extent) : evaluate(expr.expr, extent);
    case 'min_of':
      return Math.min(evaluate(expr.lhs, extent), evaluate(expr.rhs, extent));
    case 'max_of':
      return Math.max(evaluate(expr.lhs, extent), evaluate(expr.rhs, extent));
    case 'binary':
      return arithmetic(expr.op, evaluate(expr.lhs, extent), evaluate(expr.rhs, extent));
    default:
      return expr satisfies never;
  }
}

function arithmetic(op: ArithmeticOp, lhs: number, rhs: number): number {
  switch (op) {
    case '+':
      return lhs + rhs;
    case '-':
      return lhs - rhs;
    case '*':
      return lhs * rhs;
    case '/':
      if (rhs === 0) throw executionError('division by zero');
      return lhs / rhs;
    case '%':
      if (rhs === 0) throw executionError('modulo by zero');
      return lhs % rhs;
    case '^':
      return lhs ** rhs;
    default:
      throw executionError(`unexpected operator ${op} in duration expression`);
  }
}
