import type { AtModifier, DurationExpr, Expr, TimeShift, VectorMatching, VectorSelector } from './ast.ts';
import { literalMs } from './duration-expr.ts';
import { formatPlain } from './format-plain.ts';
import { wellFormed } from './quote.ts';

/** A value as JSON has it. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/**
 * The tree as `/api/v1/parse_query` answers it, in upstream's words and in the order of the keys. Durations are
 * milliseconds; one that is an expression is 0 there and stands beside it.
 */
export function astJson(expr: Expr): Json {
  switch (expr.kind) {
    case 'number':
      return { type: 'numberLiteral', val: formatPlain(expr.value) };
    case 'string':
      return { type: 'stringLiteral', val: wellFormed(expr.value) };
    case 'paren':
      return { expr: astJson(expr.expr), type: 'parenExpr' };
    case 'unary':
      return { expr: astJson(expr.expr), op: expr.op, type: 'unaryExpr' };
    case 'vectorSelector':
      return selectorJson('vectorSelector', expr, {});
    case 'matrixSelector':
      return selectorJson('matrixSelector', expr.selector, durationJson('range', expr.range));
    case 'subquery':
      return {
        expr: astJson(expr.expr),
        ...durationJson('offset', expr.offset),
        ...durationJson('range', expr.range),
        startOrEnd: startOrEnd(expr.at),
        ...durationJson('step', expr.step),
        timestamp: timestamp(expr),
        type: 'subquery',
      };
    case 'call': {
      const { name, args, variadic, returns } = expr.func;
      return {
        args: expr.args.map(astJson),
        func: { argTypes: args, name, returnType: returns, variadic },
        type: 'call',
      };
    }
    case 'aggregate':
      return {
        expr: astJson(expr.expr),
        grouping: expr.grouping,
        op: expr.op,
        param: expr.param ? astJson(expr.param) : null,
        type: 'aggregation',
        without: expr.without,
      };
    case 'binary':
      return {
        bool: expr.bool,
        lhs: astJson(expr.lhs),
        matching: expr.matching ? matchingJson(expr.matching) : null,
        op: expr.op,
        rhs: astJson(expr.rhs),
        type: 'binaryExpr',
      };
    default:
      return expr satisfies never;
  }
}

function matchingJson({ cardinality, labels, on, include, fillLeft, fillRight }: VectorMatching): Json {
  return { card: cardinality, fillValues: { lhs: fillLeft, rhs: fillRight }, include, labels, on };
}

type JsonObject = { readonly [key: string]: Json };

function selectorJson(type: string, selector: VectorSelector, range: JsonObject): Json {
  return {
    anchored: selector.extension === 'anchored',
    matchers: selector.matchers.map(({ name, type: op, value }) => ({
      name: wellFormed(name),
      type: op,
      value: wellFormed(value),
    })),
    name: selector.name,
    ...durationJson('offset', selector.offset),
    ...range,
    smoothed: selector.extension === 'smoothed',
    startOrEnd: startOrEnd(selector.at),
    timestamp: timestamp(selector),
    type,
  };
}

function startOrEnd(at: AtModifier | null): Json {
  return typeof at === 'string' ? at : null;
}

function timestamp({ at }: TimeShift): Json {
  return at === null || typeof at === 'string' ? null : at.timeMs;
}

/** A duration and, beside it, the expression that it is if it is no literal. */
function durationJson(key: 'offset' | 'range' | 'step', expr: DurationExpr | null): JsonObject {
  if (expr?.kind === 'literal') return { [key]: literalMs(expr.seconds), [`${key}Expr`]: null };
  return { [key]: 0, [`${key}Expr`]: expr && durationExprJson(expr, false) };
}

function durationExprJson(expr: DurationExpr, wrapped: boolean): Json {
  switch (expr.kind) {
    case 'literal': {
      const literal = { duration: expr.duration, type: 'numberLiteral', val: formatPlain(expr.seconds) };
      // Upstream marks parentheses on operations only, so a number in parentheses is a sum of one.
      return wrapped ? operationJson('+', null, literal, true) : literal;
    }
    case 'paren':
      return durationExprJson(expr.expr, true);
    case 'step':
    case 'range':
      return operationJson(expr.kind, null, null, wrapped);
    case 'unary':
      return operationJson(expr.op, null, durationExprJson(expr.expr, false), wrapped);
    case 'min_of':
    case 'max_of':
    case 'binary': {
      const op = expr.kind === 'binary' ? expr.op : expr.kind;
      return operationJson(op, durationExprJson(expr.lhs, false), durationExprJson(expr.rhs, false), wrapped);
    }
    default:
      return expr satisfies never;
  }
}

function operationJson(op: string, lhs: Json, rhs: Json, wrapped: boolean): Json {
  return { lhs, op, rhs, type: 'durationExpr', wrapped };
}
