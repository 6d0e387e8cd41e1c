import type { DurationExpr, LabelMatcher, Selector, Shift, SyntaxNode } from '../../api/prometheus/syntax-tree.ts';
import { formatDuration } from '../../dashboard/duration.ts';

const KINDS: Readonly<Record<SyntaxNode['type'], string>> = {
  numberLiteral: 'number',
  stringLiteral: 'string',
  parenExpr: 'parentheses',
  unaryExpr: 'sign',
  vectorSelector: 'instant selector',
  matrixSelector: 'range selector',
  subquery: 'subquery',
  call: 'function',
  aggregation: 'aggregation',
  binaryExpr: 'operator',
};

/** What a node is, in a word or two. */
export function kindOf(node: SyntaxNode): string {
  return KINDS[node.type] ?? node.type;
}

/** The parts of a node, in the order of Prometheus's own tree view. */
export function childrenOf(node: SyntaxNode): readonly SyntaxNode[] {
  switch (node.type) {
    case 'parenExpr':
    case 'unaryExpr':
    case 'subquery':
      return [node.expr];
    case 'call':
      return node.args;
    case 'aggregation':
      return node.param ? [node.param, node.expr] : [node.expr];
    case 'binaryExpr':
      return [node.lhs, node.rhs];
    default:
      return [];
  }
}

/** The matchers of a selector beside its name. */
export function matchersOf(node: SyntaxNode): readonly LabelMatcher[] {
  if (node.type !== 'vectorSelector' && node.type !== 'matrixSelector') return [];
  const isName = ({ name, type, value }: LabelMatcher) => name === '__name__' && type === '=' && value === node.name;
  return node.matchers.filter((matcher) => !isName(matcher));
}

/** A node as it is written, `…` standing for its parts. */
export function textOf(node: SyntaxNode): string {
  switch (node.type) {
    case 'numberLiteral':
      return node.val;
    case 'stringLiteral':
      return JSON.stringify(node.val);
    case 'parenExpr':
      return '(…)';
    case 'unaryExpr':
      return `${node.op}…`;
    case 'vectorSelector':
      return `${selectorText(node)}${shiftText(node)}`;
    case 'matrixSelector':
      return `${selectorText(node)}[${durationText(node.range, node.rangeExpr)}]${shiftText(node)}`;
    case 'subquery': {
      const step = node.step || node.stepExpr ? durationText(node.step, node.stepExpr) : '';
      return `…[${durationText(node.range, node.rangeExpr)}:${step}]${shiftText(node)}`;
    }
    case 'call':
      return `${node.func.name}(${node.args.map(() => '…').join(', ')})`;
    case 'aggregation': {
      const { op, grouping, without, param } = node;
      const clause = without || grouping.length > 0 ? ` ${without ? 'without' : 'by'} (${grouping.join(', ')}) ` : '';
      return `${op}${clause}(${param ? '…, ' : ''}…)`;
    }
    case 'binaryExpr':
      return `… ${node.op}${node.bool ? ' bool' : ''}${matchingText(node)} …`;
    default:
      return (node satisfies never as SyntaxNode).type;
  }
}

const BARE = /^[a-zA-Z_:][\w:]*$/;

function selectorText(node: SyntaxNode & Selector): string {
  const inside = matchersOf(node).map(({ name, type, value }) => {
    return `${BARE.test(name) ? name : JSON.stringify(name)}${type}${JSON.stringify(value)}`;
  });
  const bare = node.name === '' || BARE.test(node.name);
  if (!bare) inside.unshift(JSON.stringify(node.name));
  const extension = node.anchored ? ' anchored' : node.smoothed ? ' smoothed' : '';
  return `${bare ? node.name : ''}${inside.length > 0 ? `{${inside.join(', ')}}` : ''}${extension}`;
}

function shiftText({ timestamp, startOrEnd, offset, offsetExpr }: Shift): string {
  const at = startOrEnd ? ` @ ${startOrEnd}()` : timestamp === null ? '' : ` @ ${(timestamp / 1000).toFixed(3)}`;
  return offset || offsetExpr ? `${at} offset ${durationText(offset, offsetExpr)}` : at;
}

function durationText(ms: number, expr: DurationExpr | null | undefined): string {
  return expr ? durationExprText(expr) : formatDuration(ms);
}

function durationExprText(expr: DurationExpr): string {
  if (expr.type === 'numberLiteral') return expr.duration ? formatDuration(Number(expr.val) * 1000) : expr.val;
  const { op, lhs, rhs, wrapped } = expr;
  const [left, right] = [lhs && durationExprText(lhs), rhs && durationExprText(rhs)];
  if (op === 'step' || op === 'range') return `${op}()`;
  const text = op.endsWith('_of')
    ? `${op}(${left}, ${right})`
    : left === null
      ? `${op}${right}`
      : `${left} ${op} ${right}`;
  return wrapped ? `(${text})` : text;
}

function matchingText({ matching }: SyntaxNode & { readonly type: 'binaryExpr' }): string {
  if (!matching) return '';
  const { card, labels, on, include } = matching;
  const grouped = card === 'many-to-one' ? 'group_left' : card === 'one-to-many' ? 'group_right' : '';
  if (!on && labels.length === 0 && grouped === '') return '';
  const group = grouped === '' ? '' : ` ${grouped} (${include.join(', ')})`;
  return ` ${on ? 'on' : 'ignoring'} (${labels.join(', ')})${group}`;
}
