import { childrenOf, type DurationExpr, type DurationOp, type Expr, type Span } from './ast.ts';
import { executionError } from './error.ts';
import { goMax, goMin } from './functions/go-math.ts';

/** What `step()` and `range()` mean in a duration: the query's, in milliseconds. */
export interface QueryExtent {
  readonly stepMs: number;
  readonly rangeMs: number;
}

/** Seconds that fit into 64 bits of nanoseconds. */
const SECONDS_MAX = 2 ** 63 / 1e9;

/** A literal in whole milliseconds, as it is used and printed; what is less than one is cut off. */
export function literalMs(seconds: number): number {
  return Math.trunc(Math.round(seconds * 1e9) / 1e6);
}

/** Works out a duration in whole milliseconds. @throws PromQLError (execution) */
export function durationMs(expr: DurationExpr, extent: QueryExtent): number {
  return expr.kind === 'literal' ? literalMs(expr.seconds) : wholeMs(expr, evaluate(expr, extent));
}

/** Like `durationMs`, for ranges and steps. @throws PromQLError where it is not above 0 */
export function positiveDurationMs(expr: DurationExpr, extent: QueryExtent): number {
  if (expr.kind === 'literal') return literalMs(expr.seconds);
  const seconds = evaluate(expr, extent);
  if (seconds <= 0) throw failure(expr, 'duration must be greater than 0');
  return wholeMs(expr, seconds);
}

/**
 * Works out every duration of a query, as upstream does before it evaluates anything.
 * @throws PromQLError where one cannot be
 */
export function checkDurations(expr: Expr, extent: QueryExtent): void {
  if (expr.kind === 'vectorSelector' || expr.kind === 'subquery') {
    if (expr.offset) durationMs(expr.offset, extent);
  }
  if (expr.kind === 'subquery' && expr.step) positiveDurationMs(expr.step, extent);
  if (expr.kind === 'subquery' || expr.kind === 'matrixSelector') positiveDurationMs(expr.range, extent);
  for (const child of childrenOf(expr)) checkDurations(child, extent);
}

function wholeMs(expr: DurationExpr, seconds: number): number {
  if (!Number.isFinite(seconds)) throw failure(expr, 'duration is NaN or infinite');
  if (Math.abs(seconds) > SECONDS_MAX) throw failure(expr, 'duration is out of range');
  return Math.trunc(seconds * 1000);
}

function failure({ from, to }: Span, reason: string): Error {
  return executionError(`${from}:${to}: ${reason}`);
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
      return goMin(evaluate(expr.lhs, extent), evaluate(expr.rhs, extent));
    case 'max_of':
      return goMax(evaluate(expr.lhs, extent), evaluate(expr.rhs, extent));
    case 'binary': {
      const [lhs, rhs] = [evaluate(expr.lhs, extent), evaluate(expr.rhs, extent)];
      if (rhs === 0 && expr.op === '/') throw failure(expr, 'division by zero');
      if (rhs === 0 && expr.op === '%') throw failure(expr, 'modulo by zero');
      return arithmetic(expr.op, lhs, rhs);
    }
    default:
      return expr satisfies never;
  }
}

function arithmetic(op: DurationOp, lhs: number, rhs: number): number {
  switch (op) {
    case '+':
      return lhs + rhs;
    case '-':
      return lhs - rhs;
    case '*':
      return lhs * rhs;
    case '/':
      return lhs / rhs;
    case '%':
      return lhs % rhs;
    case '^':
      return lhs ** rhs;
    default:
      return op satisfies never;
  }
}
