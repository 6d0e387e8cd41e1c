import { formatDuration, formatValue, METRIC_NAME } from '@avalanche/model';
import type {
  Aggregate,
  AtModifier,
  Binary,
  DurationExpr,
  Expr,
  TimeShift,
  VectorMatching,
  VectorSelector,
} from './ast.ts';
import { quote } from './quote.ts';

/** The canonical text of an expression, on one line, as upstream's `String()` prints it. */
export function format(expr: Expr): string {
  switch (expr.kind) {
    case 'number':
      return expr.duration ? formatDuration(Math.round(expr.value * 1000)) : formatValue(expr.value);
    case 'string':
      return quote(expr.value);
    case 'vectorSelector':
      return `${selectorText(expr)}${extensionText(expr)}${shiftText(expr)}`;
    case 'matrixSelector': {
      const { selector } = expr;
      return `${selectorText(selector)}[${durationText(expr.range)}]${extensionText(selector)}${shiftText(selector)}`;
    }
    case 'subquery':
      return `${format(expr.expr)}[${durationText(expr.range)}:${expr.step ? durationText(expr.step) : ''}]${shiftText(expr)}`;
    case 'call':
      return `${expr.func.name}(${expr.args.map(format).join(', ')})`;
    case 'aggregate':
      return aggregateText(expr);
    case 'binary':
      return `${format(expr.lhs)} ${operatorText(expr)} ${format(expr.rhs)}`;
    case 'unary':
      return `${expr.op}${format(expr.expr)}`;
    case 'paren':
      return `(${format(expr.expr)})`;
    default:
      return expr satisfies never;
  }
}

const BARE_LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const BARE_METRIC = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;

function labelText(name: string): string {
  return BARE_LABEL.test(name) ? name : quote(name);
}

function selectorText({ name, matchers }: VectorSelector): string {
  const inside = matchers
    .filter(
      (matcher) => !(name !== '' && matcher.name === METRIC_NAME && matcher.type === '=' && matcher.value === name),
    )
    .map((matcher) => `${labelText(matcher.name)}${matcher.type}${quote(matcher.value)}`);
  const bare = BARE_METRIC.test(name);
  if (name !== '' && !bare) inside.unshift(quote(name));
  return `${bare ? name : ''}${inside.length > 0 ? `{${inside.join(',')}}` : ''}`;
}

function extensionText({ extension }: VectorSelector): string {
  return extension ? ` ${extension}` : '';
}

function shiftText({ at, offset }: TimeShift): string {
  const atText = at === null ? '' : ` @ ${atModifierText(at)}`;
  return `${atText}${offset ? ` offset ${durationText(offset)}` : ''}`;
}

function atModifierText(at: AtModifier): string {
  return typeof at === 'string' ? `${at}()` : (at.timeMs / 1000).toFixed(3);
}

function durationText(expr: DurationExpr): string {
  switch (expr.kind) {
    case 'literal':
      return formatDuration(Math.round(expr.seconds * 1000));
    case 'step':
    case 'range':
      return `${expr.kind}()`;
    case 'paren':
      return `(${durationText(expr.expr)})`;
    case 'unary':
      return `${expr.op}${durationText(expr.expr)}`;
    case 'min_of':
    case 'max_of':
      return `${expr.kind}(${durationText(expr.lhs)}, ${durationText(expr.rhs)})`;
    case 'binary':
      return `${durationText(expr.lhs)} ${expr.op} ${durationText(expr.rhs)}`;
    default:
      return expr satisfies never;
  }
}

function aggregateText({ op, expr, param, grouping, without }: Aggregate): string {
  const labels = grouping.map(labelText).join(', ');
  const clause = without ? ` without (${labels}) ` : grouping.length > 0 ? ` by (${labels}) ` : '';
  return `${op}${clause}(${param ? `${format(param)}, ` : ''}${format(expr)})`;
}

function operatorText({ op, bool, matching }: Binary): string {
  return `${op}${bool ? ' bool' : ''}${matching ? matchingText(matching) : ''}`;
}

function matchingText(matching: VectorMatching): string {
  let out = '';
  const grouped = matching.cardinality === 'many-to-one' || matching.cardinality === 'one-to-many';
  if (matching.on || matching.labels.length > 0 || grouped) {
    out += ` ${matching.on ? 'on' : 'ignoring'} (${matching.labels.map(labelText).join(', ')})`;
  }
  if (grouped) {
    const side = matching.cardinality === 'many-to-one' ? 'group_left' : 'group_right';
    out += ` ${side} (${matching.include.map(labelText).join(', ')})`;
  }
  return out + fillText(matching);
}

function fillText({ fillLeft, fillRight }: VectorMatching): string {
  if (fillLeft !== null && Object.is(fillLeft, fillRight)) return ` fill (${formatValue(fillLeft)})`;
  const left = fillLeft === null ? '' : ` fill_left (${formatValue(fillLeft)})`;
  return left + (fillRight === null ? '' : ` fill_right (${formatValue(fillRight)})`);
}
