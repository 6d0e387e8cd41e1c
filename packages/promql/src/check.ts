import { METRIC_NAME } from '@avalanche/model';
import type { Aggregate, Binary, Call, Expr, Span, ValueType, VectorSelector } from './ast.ts';
import { isComparison, isSetOp, typeOf, unparen } from './ast.ts';
import { ParseError } from './error.ts';
import { quote } from './quote.ts';

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

/** Checks the types of the whole tree in upstream's order and words. @throws ParseError */
export function checkTypes(source: string, root: Expr): Expr {
  return new TypeChecker(source).check(root).expr;
}

/** A node that has been checked. Its type is kept with it: asking for it again would walk down the tree again. */
interface Checked<T extends Expr = Expr> {
  readonly expr: T;
  readonly type: ValueType;
}

class TypeChecker {
  constructor(private readonly source: string) {}

  /** Returns the node with matchings removed where they mean nothing. */
  check(expr: Expr): Checked {
    switch (expr.kind) {
      case 'number':
        return { expr, type: 'scalar' };
      case 'string':
        return { expr, type: 'string' };
      case 'paren': {
        const { expr: inner, type } = this.check(expr.expr);
        return { expr: { ...expr, expr: inner }, type };
      }
      case 'unary': {
        const { expr: inner, type } = this.check(expr.expr);
        if (type !== 'scalar' && type !== 'vector') {
          const wanted = 'unary expression only allowed on expressions of type scalar or instant vector';
          this.fail(expr, `${wanted}, got ${quote(typeName(type))}`);
        }
        return { expr: { ...expr, expr: inner }, type };
      }
      case 'vectorSelector':
        this.selector(expr, false);
        return { expr, type: 'vector' };
      case 'matrixSelector':
        this.selector(expr.selector, false);
        return { expr, type: 'matrix' };
      case 'subquery': {
        const { expr: inner, type } = this.check(expr.expr);
        if (type !== 'vector') this.fail(expr, `subquery is only allowed on instant vector, got ${type} instead`);
        return { expr: { ...expr, expr: inner }, type: 'matrix' };
      }
      case 'call':
        return { expr: this.call(expr), type: expr.func.returns };
      case 'aggregate':
        return { expr: this.aggregate(expr), type: 'vector' };
      case 'binary':
        return this.binary(expr);
      default:
        return expr satisfies never;
    }
  }

  private fail(at: Pick<Span, 'from'>, reason: string): never {
    throw new ParseError(this.source, at.from, reason);
  }

  private selector(expr: VectorSelector, mayBeEmpty: boolean): void {
    const { name, matchers } = expr;
    if (name !== '') {
      // The last matcher is that of the name itself.
      const other = matchers.slice(0, -1).find((matcher) => matcher.name === METRIC_NAME);
      if (other) this.fail(expr, `metric name must not be set twice: ${quote(name)} or ${quote(other.value)}`);
    } else if (!mayBeEmpty && matchers.every((matcher) => matcher.matches(''))) {
      this.fail(expr, 'vector selector must contain at least one non-empty matcher');
    }
  }

  private expect(expr: Expr, wanted: ValueType, context: string): Expr {
    const checked = this.check(expr);
    if (checked.type !== wanted) {
      this.fail(expr, `expected type ${typeName(wanted)} in ${context}, got ${typeName(checked.type)}`);
    }
    return checked.expr;
  }

  private call(expr: Call): Call {
    this.argumentCount(expr);
    const { name, args: types } = expr.func;
    if (name === 'info' && expr.args.length > 1) return this.info(expr);
    const args = expr.args.map((arg, i) =>
      this.expect(arg, types[Math.min(i, types.length - 1)], `call to function ${quote(name)}`),
    );
    return { ...expr, args };
  }

  private argumentCount(expr: Call): void {
    const { name, args: types, variadic } = expr.func;
    const count = expr.args.length;
    const call = `argument(s) in call to ${quote(name)}, got ${count}`;
    if (variadic === 0) {
      if (count !== types.length) this.fail(expr, `expected ${types.length} ${call}`);
      return;
    }
    const atLeast = types.length - 1;
    const atMost = variadic > 0 ? atLeast + variadic : Number.POSITIVE_INFINITY;
    if (count < atLeast) this.fail(expr, `expected at least ${atLeast} ${call}`);
    if (count > atMost) this.fail(expr, `expected at most ${atMost} ${call}`);
  }

  /** The second argument of `info` is no vector but the braces of a selector, which may match everything. */
  private info(expr: Call): Call {
    const [vector, labels] = expr.args;
    const type = typeOf(labels);
    if (type !== 'vector') {
      this.fail(expr, `expected type instant vector in call to function "info", got ${typeName(type)}`);
    }
    if (labels.kind !== 'vectorSelector') return this.fail(labels, 'expected label selectors only');
    if (labels.name !== '') this.fail(labels, 'expected label selectors only, got vector selector instead');
    const first = this.expect(vector, 'vector', 'call to function "info"');
    this.selector(labels, true);
    return { ...expr, args: [first, labels] };
  }

  private aggregate(expr: Aggregate): Aggregate {
    const inner = this.expect(expr.expr, 'vector', 'aggregation expression');
    if (!expr.param) return { ...expr, expr: inner };
    const wanted = expr.op === 'count_values' ? 'string' : 'scalar';
    return { ...expr, expr: inner, param: this.expect(expr.param, wanted, 'aggregation parameter') };
  }

  private binary(expr: Binary): Checked<Binary> {
    const { expr: lhs, type: left } = this.check(expr.lhs);
    const { expr: rhs, type: right } = this.check(expr.rhs);
    const scalars = left === 'scalar' && right === 'scalar';
    this.operator(expr, scalars);
    for (const [side, type] of [
      [lhs, left],
      [rhs, right],
    ] as const) {
      if (type !== 'scalar' && type !== 'vector') {
        this.fail(side, 'binary expression must contain only scalar and instant vector types');
      }
    }
    const type = scalars ? 'scalar' : 'vector';
    if (left === 'vector' && right === 'vector')
      return { expr: { ...expr, lhs, rhs, matching: this.matching(expr) }, type };
    this.noMatching(expr);
    return { expr: { ...expr, lhs, rhs, matching: null }, type };
  }

  private operator(expr: Binary, scalars: boolean): void {
    const { op, bool, matching } = expr;
    if (bool && !isComparison(op))
      this.fail(this.behind(expr.lhs), 'bool modifier can only be used on comparison operators');
    if (isComparison(op) && !bool && scalars) {
      this.fail(this.behind(expr.lhs), 'comparisons between scalars must use BOOL modifier');
    }
    const both = matching?.on ? matching.labels.find((label) => matching.include.includes(label)) : undefined;
    if (both !== undefined) {
      this.fail(this.behind(expr.lhs), `label ${quote(both)} must not occur in ON and GROUP clause at once`);
    }
  }

  /** The first character behind a node that is no blank: where its operator stands. */
  private behind(expr: Expr): Pick<Span, 'from'> {
    let from = expr.to;
    while (/[ \t\r\n]/.test(this.source[from] ?? '')) from++;
    return { from };
  }

  private matching(expr: Binary): Binary['matching'] {
    const { op, matching } = expr;
    if (!isSetOp(op) || !matching) return matching;
    if (matching.cardinality !== 'one-to-one') this.fail(expr, `no grouping allowed for ${quote(op)} operation`);
    if (matching.fillLeft !== null || matching.fillRight !== null) {
      this.fail(expr, 'filling in missing series not allowed for set operators');
    }
    return { ...matching, cardinality: 'many-to-many' };
  }

  private noMatching(expr: Binary): void {
    const { op, matching } = expr;
    if (matching && matching.labels.length > 0) {
      this.fail(expr, 'vector matching only allowed between instant vectors');
    }
    if (matching && (matching.fillLeft !== null || matching.fillRight !== null)) {
      this.fail(expr, 'filling in missing series only allowed between instant vectors');
    }
    if (isSetOp(op)) this.fail(expr, `set operator ${quote(op)} not allowed in binary scalar expression`);
  }
}

/** Whether an expression can be the whole of a range query. */
export function allowedInRangeQuery(expr: Expr): boolean {
  const type = typeOf(unparen(expr));
  return type === 'scalar' || type === 'vector';
}
