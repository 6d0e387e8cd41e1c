import { Matcher, type MatchType, METRIC_NAME } from '@avalanche/model';
import type { SyntaxNode } from '@lezer/common';
import { parser } from '@prometheus-io/lezer-promql';
import type {
  Aggregate,
  AggregateOp,
  AtModifier,
  BinaryOp,
  DurationExpr,
  Expr,
  VectorMatching,
  VectorSelector,
} from './ast.ts';
import { ParseError } from './error.ts';
import { findFunction } from './functions/table.ts';
import { isDurationText, numberValue } from './number-literal.ts';
import { associate, type Term } from './precedence.ts';
import { isValidLabelName, quote, unquote } from './quote.ts';
import { type Scanned, scan } from './scan.ts';
import { syntaxError } from './syntax-error.ts';

/** Deepest tree that is accepted; a chain of operators without parentheses is as deep as it is long. */
const TREE_DEPTH_MAX = 1_000;

/**
 * Text to AST, without the type check. The tree of the lezer grammar is an editor's: it has the terms in their order,
 * but not upstream's precedence of signs and of what follows an expression (`[5m]`, `offset`, `@`). So an expression is
 * read as a flat list of terms, and `associate` puts it together by upstream's rules.
 * @throws ParseError
 */
export function parseSyntax(source: string): Expr {
  const scanned = scan(source);
  const { top, error } = treeOf(source, scanned.text);
  const reader = new TreeReader(source, scanned);
  if (scanned.blank) throw new ParseError(source, 0, 'no expression found in input');
  if (error !== null) throw syntaxError(source, error);
  const root = top.firstChild;
  if (!root) throw new Error('BUG: a tree without an expression and without an error');
  return reader.expr(root);
}

interface ErrorNode {
  readonly at: number;
  readonly inside: string;
}

/** The tree of a text, and its first error node. The library descends with the stack; how deep it comes depends on the day. */
function treeOf(source: string, text: string): { readonly top: SyntaxNode; readonly error: ErrorNode | null } {
  try {
    const top = parser.parse(text).topNode;
    return { top, error: findError(top, source) };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new ParseError(source, 0, `query is nested more than ${TREE_DEPTH_MAX} levels deep`);
  }
}

/** The first error node of the tree, or null; bounds the depth on the way. */
function findError(top: SyntaxNode, source: string): ErrorNode | null {
  let error: { at: number; inside: string } | null = null;
  let depth = 0;
  top.cursor().iterate(
    (node) => {
      if (++depth > TREE_DEPTH_MAX) {
        throw new ParseError(source, node.from, `query is nested more than ${TREE_DEPTH_MAX} levels deep`);
      }
      if (node.type.isError && (error === null || node.from < error.at)) {
        error = { at: node.from, inside: node.node.parent?.name ?? '' };
      }
    },
    () => {
      depth--;
    },
  );
  return error;
}

function children(node: SyntaxNode): SyntaxNode[] {
  const out: SyntaxNode[] = [];
  for (let child = node.firstChild; child; child = child.nextSibling) if (child.name !== 'LineComment') out.push(child);
  return out;
}

/** Reads the nodes of one query's tree. */
class TreeReader {
  constructor(
    private readonly source: string,
    private readonly scanned: Scanned,
  ) {}

  expr(node: SyntaxNode): Expr {
    const terms: Term[] = [];
    this.flatten(node, terms);
    return associate(this.source, terms);
  }

  private text(node: SyntaxNode): string {
    return this.scanned.text.slice(node.from, node.to);
  }

  private fail(node: SyntaxNode, reason: string): never {
    throw new ParseError(this.source, node.from, reason);
  }

  private string(node: SyntaxNode): string {
    try {
      return unquote(this.text(node));
    } catch (error) {
      return this.fail(node, (error as Error).message);
    }
  }

  /** Appends the terms of an expression in the order of the text. */
  private flatten(node: SyntaxNode, terms: Term[]): void {
    const parts = children(node);
    switch (node.name) {
      case 'BinaryExpr':
        this.flatten(parts[0], terms);
        terms.push(this.infix(parts.slice(1, -1)));
        this.flatten(parts[parts.length - 1], terms);
        return;
      case 'UnaryExpr':
        terms.push({ kind: 'prefix', op: this.text(parts[0]) as '+' | '-', from: parts[0].from });
        this.flatten(parts[1], terms);
        return;
      case 'NumberDurationLiteral':
        this.number(node, terms);
        return;
      case 'MatrixSelector':
        this.flatten(parts[0], terms);
        terms.push({ kind: 'range', range: this.duration(parts[1]), from: parts[1].from, to: node.to });
        return;
      case 'SubqueryExpr':
        this.flatten(parts[0], terms);
        terms.push({
          kind: 'subquery',
          range: this.duration(parts[1]),
          step: parts[2] ? this.duration(parts[2]) : null,
          from: parts[1].from,
          to: node.to,
        });
        return;
      case 'OffsetExpr':
        this.flatten(parts[0], terms);
        terms.push({ kind: 'offset', offset: this.duration(parts[2]), from: parts[1].from, to: node.to });
        return;
      case 'StepInvariantExpr':
        this.flatten(parts[0], terms);
        terms.push({ kind: 'at', at: this.atModifier(parts[2]), from: parts[1].from, to: node.to });
        return;
      case 'AnchoredExpr':
      case 'SmoothedExpr':
        this.flatten(parts[0], terms);
        terms.push({
          kind: 'extension',
          extension: node.name === 'AnchoredExpr' ? 'anchored' : 'smoothed',
          from: parts[1].from,
          to: node.to,
        });
        return;
      default:
        terms.push({ kind: 'operand', expr: this.operand(node, parts) });
    }
  }

  private operand(node: SyntaxNode, parts: SyntaxNode[]): Expr {
    const span = { from: node.from, to: node.to };
    switch (node.name) {
      case 'ParenExpr':
        return { kind: 'paren', expr: this.expr(parts[0]), ...span };
      case 'StringLiteral':
        return { kind: 'string', value: this.string(node), ...span };
      case 'VectorSelector':
        return this.vectorSelector(node, parts);
      case 'FunctionCall':
        return this.call(node, parts);
      case 'AggregateExpr':
        return this.aggregate(node, parts);
      default:
        return this.fail(node, `unexpected ${quote(this.text(node))}`);
    }
  }

  /** The grammar takes a sign into the literal, but `-1^2` is `-(1^2)`: the sign becomes a term of its own. */
  private number(node: SyntaxNode, terms: Term[]): void {
    const text = this.text(node);
    const [, sign, digits] = /^([+-]?)\s*(.*)$/s.exec(text) as unknown as [string, string, string];
    if (sign) terms.push({ kind: 'prefix', op: sign as '+' | '-', from: node.from });
    const from = node.to - digits.length;
    terms.push({
      kind: 'operand',
      expr: {
        kind: 'number',
        value: this.numberValue(node, digits),
        duration: isDurationText(digits),
        from,
        to: node.to,
      },
    });
  }

  private numberValue(node: SyntaxNode, text: string): number {
    try {
      return numberValue(text.trim());
    } catch (error) {
      return this.fail(node, (error as Error).message);
    }
  }

  private atModifier(node: SyntaxNode): AtModifier {
    if (node.name !== 'NumberDurationLiteral')
      return this.text(node).toLowerCase().startsWith('start') ? 'start' : 'end';
    const text = this.text(node).replace(/\s+/g, '');
    const seconds = text.startsWith('-')
      ? -this.numberValue(node, text.slice(1))
      : this.numberValue(node, text.replace('+', ''));
    if (!Number.isFinite(seconds) || Math.abs(seconds) > 9.2e15) {
      this.fail(node, `timestamp out of bounds for @ modifier: ${seconds}`);
    }
    return { timeMs: Math.round(seconds * 1000) };
  }

  private infix(parts: SyntaxNode[]): Term {
    const [operator, ...modifiers] = parts;
    const matching: { -readonly [K in keyof VectorMatching]: VectorMatching[K] } = {
      cardinality: 'one-to-one',
      on: false,
      labels: [],
      include: [],
      fillLeft: null,
      fillRight: null,
    };
    let bool = false;
    let explicit = false;
    for (const modifier of modifiers) {
      if (modifier.name === 'BoolModifier') bool = true;
      if (modifier.name === 'MatchingModifierClause') {
        explicit = true;
        this.matchingClause(modifier, matching);
      }
      if (modifier.name === 'FillModifier') this.fillModifier(modifier, matching);
    }
    const op = this.text(operator).toLowerCase() as BinaryOp;
    return { kind: 'infix', op, bool, matching, explicit, from: operator.from };
  }

  private matchingClause(
    node: SyntaxNode,
    matching: { -readonly [K in keyof VectorMatching]: VectorMatching[K] },
  ): void {
    let seenGroup = false;
    for (const part of children(node)) {
      if (part.name === 'On') matching.on = true;
      if (part.name === 'GroupLeft') matching.cardinality = 'many-to-one';
      if (part.name === 'GroupRight') matching.cardinality = 'one-to-many';
      if (part.name === 'GroupLeft' || part.name === 'GroupRight') seenGroup = true;
      if (part.name !== 'GroupingLabels') continue;
      if (seenGroup) matching.include = this.groupingLabels(part);
      else matching.labels = this.groupingLabels(part);
    }
  }

  private fillModifier(node: SyntaxNode, matching: { -readonly [K in keyof VectorMatching]: VectorMatching[K] }): void {
    for (const clause of children(node)) {
      const literal = clause.getChild('NumberDurationLiteral') as SyntaxNode;
      const text = this.text(literal).replace(/\s+/g, '');
      const value = this.numberValue(literal, text.replace(/^[+-]/, '')) * (text.startsWith('-') ? -1 : 1);
      if (clause.name !== 'FillRightClause') matching.fillLeft = value;
      if (clause.name !== 'FillLeftClause') matching.fillRight = value;
    }
  }

  private groupingLabels(node: SyntaxNode): string[] {
    return children(node).map((part) => {
      const name = part.name === 'LabelName' ? this.text(part) : this.string(part);
      if (!isValidLabelName(name)) this.fail(part, `invalid label name ${quote(name)}`);
      return name;
    });
  }

  private duration(node: SyntaxNode): DurationExpr {
    const parts = children(node);
    const binary = /^(Pow|Mul|Div|Mod|Add|Sub)$/;
    if (node.name === 'NumberDurationLiteralInDurationContext') {
      return { kind: 'literal', seconds: this.numberValue(node, this.text(node)) };
    }
    if (parts.length === 3 && binary.test(parts[1].name)) {
      const op = this.text(parts[1]) as '+' | '-' | '*' | '/' | '%' | '^';
      return { kind: 'binary', op, lhs: this.duration(parts[0]), rhs: this.duration(parts[2]) };
    }
    switch (parts[0].name) {
      case 'UnaryOp':
        return { kind: 'unary', op: this.text(parts[0]) as '+' | '-', expr: this.duration(parts[1]) };
      case 'DurationStep':
        return { kind: 'step' };
      case 'DurationRange':
        return { kind: 'range' };
      case 'DurationMinOf':
      case 'DurationMaxOf': {
        const kind = parts[0].name === 'DurationMinOf' ? 'min_of' : 'max_of';
        return { kind, lhs: this.duration(parts[1]), rhs: this.duration(parts[2]) };
      }
      case 'NumberDurationLiteralInDurationContext':
        return this.duration(parts[0]);
      default:
        return { kind: 'paren', expr: this.duration(parts[0]) };
    }
  }

  private vectorSelector(node: SyntaxNode, parts: SyntaxNode[]): VectorSelector {
    let name = '';
    const matchers: Matcher[] = [];
    for (const part of parts) {
      if (part.name === 'Identifier') name = this.text(part);
      else name = this.labelMatchers(part, name, matchers);
    }
    if (name !== '') matchers.push(new Matcher('=', METRIC_NAME, name));
    return {
      kind: 'vectorSelector',
      name,
      matchers,
      offset: null,
      at: null,
      extension: null,
      from: node.from,
      to: node.to,
    };
  }

  /** Appends the matchers between braces; returns the metric name, which may stand there as a bare string. */
  private labelMatchers(node: SyntaxNode, outerName: string, matchers: Matcher[]): string {
    let name = outerName;
    for (const part of children(node)) {
      if (part.name === 'QuotedLabelName') {
        const quoted = this.string(part);
        if (name !== '') this.fail(part, `metric name must not be set twice: ${quote(name)} or ${quote(quoted)}`);
        name = quoted;
      } else {
        matchers.push(this.matcher(part));
      }
    }
    const again = matchers.find((matcher) => matcher.name === METRIC_NAME && matcher.type === '=');
    if (outerName !== '' && again) {
      this.fail(node, `metric name must not be set twice: ${quote(outerName)} or ${quote(again.value)}`);
    }
    return name;
  }

  private matcher(node: SyntaxNode): Matcher {
    const [nameNode, op, value] = children(node);
    const name = nameNode.name === 'LabelName' ? this.text(nameNode) : this.string(nameNode);
    if (!isValidLabelName(name)) this.fail(nameNode, `invalid label name ${quote(name)}`);
    try {
      return new Matcher(this.text(op) as MatchType, name, this.string(value));
    } catch (error) {
      if (error instanceof ParseError) throw error;
      return this.fail(node, (error as Error).message);
    }
  }

  private call(node: SyntaxNode, parts: SyntaxNode[]): Expr {
    const name = this.scanned.renamed.get(node.from) ?? this.text(parts[0]);
    const func = findFunction(name);
    if (!func) this.fail(node, `unknown function with name ${quote(name)}`);
    const args = children(parts[1]).map((arg) => this.expr(arg));
    return { kind: 'call', func, args, from: node.from, to: node.to };
  }

  private aggregate(node: SyntaxNode, parts: SyntaxNode[]): Aggregate {
    const op = this.text(parts[0]).toLowerCase() as AggregateOp;
    const body = parts.find((part) => part.name === 'FunctionCallBody') as SyntaxNode;
    const modifier = parts.find((part) => part.name === 'AggregateModifier');
    const args = children(body).map((arg) => this.expr(arg));
    if (args.length === 0) this.fail(node, 'no arguments for aggregate expression provided');
    const wanted = takesParameter(op) ? 2 : 1;
    if (args.length !== wanted) {
      this.fail(
        node,
        `wrong number of arguments for aggregate expression provided, expected ${wanted}, got ${args.length}`,
      );
    }
    const labelsNode = modifier?.getChild('GroupingLabels');
    return {
      kind: 'aggregate',
      op,
      expr: args[args.length - 1],
      param: wanted === 2 ? args[0] : null,
      grouping: labelsNode ? this.groupingLabels(labelsNode) : [],
      without: modifier?.getChild('Without') != null,
      from: node.from,
      to: node.to,
    };
  }
}

const PARAMETER_OPS: readonly AggregateOp[] = ['topk', 'bottomk', 'quantile', 'count_values', 'limitk', 'limit_ratio'];

function takesParameter(op: AggregateOp): boolean {
  return PARAMETER_OPS.includes(op);
}
