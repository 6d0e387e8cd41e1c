import type { Aggregate, Binary, Call, Expr, ValueType } from './ast.ts';
import { isComparison, isSetOp, typeOf, unparen } from './ast.ts';
import { literalDurationSeconds } from './duration-expr.ts';
import { ParseError } from './error.ts';
import { quote } from './quote.ts';

/** Which parts of the language that are off by default are allowed. */
export interface Dialect {
  /** `promql-experimental-functions`: experimental functions, `limitk` and `limit_ratio`. */
  readonly experimental: boolean;
}

const TYPE_NAME: Readonly<Record<ValueType, string>> = {
  scalar: 'scalar',
  vector: 'instant vector',
  matrix: 'range vector',
  string: 'string',
};

/** Documented name of a type, as errors print it. */
export function typeName(type: ValueType): string {
  return TYPE_NAME[type];
}

/** Checks the types of the whole tree in upstream's words. @throws ParseError */
export function checkTypes(source: string, root: Expr, dialect: Dialect): Expr {
  return new TypeChecker(source, dialect).check(root);
}

class TypeChecker {
  constructor(
    private readonly source: string,
    private readonly dialect: Dialect,
  ) {}

  /** Returns the node with matchings removed where they mean nothing; children are checked first. */
  check(expr: Expr): Expr {
    switch (expr.kind) {
      case 'paren':
        return { ...expr, expr: this.check(expr.expr) };
      case 'unary': {
        const inner = this.check(expr.expr);
        const type = typeOf(inner);
        if (type !== 'scalar' && type !== 'vector') {
          this.fail(
            expr,
            `unary expression only allowed on expressions of type scalar or instant vector, got ${quote(typeName(type))}`,
          );
        }
        return { ...expr, expr: inner };
      }
      case 'vectorSelector':
        if (expr.matchers.every((matcher) => matcher.matches(''))) {
          this.fail(expr, 'vector selector must contain at least one non-empty matcher');
        }
        return expr;
      case 'matrixSelector':
        this.positive(expr, literalDurationSeconds(expr.range));
        this.check(expr.selector);
        return expr;
      case 'subquery': {
        const inner = this.check(expr.expr);
        if (typeOf(inner) !== 'vector') {
          this.fail(expr, `subquery is only allowed on instant vector, got ${typeName(typeOf(inner))} instead`);
        }
        this.positive(expr, literalDurationSeconds(expr.range));
        if (expr.step) this.positive(expr, literalDurationSeconds(expr.step));
        return { ...expr, expr: inner };
      }
      case 'call':
        return this.call(expr);
      case 'aggregate':
        return this.aggregate(expr);
      case 'binary':
        return this.binary(expr);
      default:
        return expr;
    }
  }

  private fail(at: { from: number }, reason: string): never {
    throw new ParseError(this.source, at.from, reason);
  }

  private positive(at: Expr, seconds: number | null): void {
    if (seconds !== null && !(seconds > 0)) this.fail(at, 'duration must be greater than 0');
  }

  private expect(expr: Expr, wanted: ValueType, context: string): void {
    const type = typeOf(expr);
    if (type !== wanted) this.fail(expr, `expected type ${typeName(wanted)} in ${context}, got ${typeName(type)}`);
  }

  private call(expr: Call): Call {
    const { name, args: types, variadic, experimental } = expr.func;
    if (experimental && !this.dialect.experimental) {
      this.fail(expr, `function ${quote(name)} is not enabled`);
    }
    const count = expr.args.length;
    const atLeast = variadic === 0 ? types.length : variadic < 0 ? types.length - 1 : types.length - variadic;
    if (variadic === 0 && count !== types.length) {
      this.fail(expr, `expected ${types.length} argument(s) in call to ${quote(name)}, got ${count}`);
    }
    if (count < atLeast)
      this.fail(expr, `expected at least ${atLeast} argument(s) in call to ${quote(name)}, got ${count}`);
    if (variadic > 0 && count > types.length) {
      this.fail(expr, `expected at most ${types.length} argument(s) in call to ${quote(name)}, got ${count}`);
    }
    const args = expr.args.map((arg) => this.check(arg));
    args.forEach((arg, i) => {
      this.expect(arg, types[Math.min(i, types.length - 1)], `call to function ${quote(name)}`);
    });
    if (name === 'info' && args[1] && args[1].kind !== 'vectorSelector') {
      this.fail(args[1], 'expected label selectors only');
    }
    return { ...expr, args };
  }

  private aggregate(expr: Aggregate): Aggregate {
    if ((expr.op === 'limitk' || expr.op === 'limit_ratio') && !this.dialect.experimental) {
      this.fail(
        expr,
        `${expr.op}() is experimental and must be enabled with --enable-feature=promql-experimental-functions`,
      );
    }
    const inner = this.check(expr.expr);
    this.expect(inner, 'vector', 'aggregation expression');
    if (!expr.param) return { ...expr, expr: inner };
    const param = this.check(expr.param);
    this.expect(param, expr.op === 'count_values' ? 'string' : 'scalar', 'aggregation parameter');
    return { ...expr, expr: inner, param };
  }

  private binary(expr: Binary): Binary {
    const lhs = this.check(expr.lhs);
    const rhs = this.check(expr.rhs);
    const [left, right] = [typeOf(lhs), typeOf(rhs)];
    const vectors = left === 'vector' && right === 'vector';
    const matching = expr.matching;
    if (expr.bool && !isComparison(expr.op)) this.fail(expr, 'bool modifier can only be used on comparison operators');
    if (isComparison(expr.op) && !expr.bool && left === 'scalar' && right === 'scalar') {
      this.fail(expr, 'comparisons between scalars must use BOOL modifier');
    }
    if (isSetOp(expr.op) && matching && matching.cardinality !== 'many-to-many') {
      this.fail(expr, `no grouping allowed for ${quote(expr.op)} operation`);
    }
    if (matching?.on) {
      const both = matching.labels.find((label) => matching.include.includes(label));
      if (both !== undefined) this.fail(expr, `label ${quote(both)} must not occur in ON and GROUP clause at once`);
    }
    for (const [side, type] of [
      [lhs, left],
      [rhs, right],
    ] as const) {
      if (type !== 'scalar' && type !== 'vector') {
        this.fail(side, 'binary expression must contain only scalar and instant vector types');
      }
    }
    if (!vectors) this.noMatching(expr);
    return { ...expr, lhs, rhs, matching: vectors ? matching : null };
  }

  private noMatching(expr: Binary): void {
    const matching = expr.matching;
    if (
      matching &&
      (matching.labels.length > 0 || matching.on || matching.fillLeft !== null || matching.fillRight !== null)
    ) {
      this.fail(expr, 'vector matching only allowed between instant vectors');
    }
    if (isSetOp(expr.op)) this.fail(expr, `set operator ${quote(expr.op)} not allowed in binary scalar expression`);
  }
}

/** Whether an expression can be the whole of a range query. */
export function allowedInRangeQuery(expr: Expr): boolean {
  const type = typeOf(unparen(expr));
  return type === 'scalar' || type === 'vector';
}
