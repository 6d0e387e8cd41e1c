import { compareStrings, formatDuration, formatG, METRIC_NAME } from '@avalanche/model';
import type {
  Aggregate,
  AtModifier,
  Binary,
  DurationExpr,
  Expr,
  Subquery,
  TimeShift,
  VectorMatching,
  VectorSelector,
} from './ast.ts';
import { literalMs } from './duration-expr.ts';
import { formatPlain } from './format-plain.ts';
import { quote } from './quote.ts';

/** The canonical text of an expression, on one line: upstream's `String()`. */
export function print(expr: Expr): string {
  return textOf(expr, print);
}

/** The text of a node; those of its children come from `text`. */
function textOf(expr: Expr, text: (child: Expr) => string): string {
  switch (expr.kind) {
    case 'number':
      return numberText(expr.value, expr.duration);
    case 'string':
      return quote(expr.value);
    case 'vectorSelector':
      return `${selectorText(expr)}${atText(expr)}${extensionText(expr)}${offsetText(expr)}`;
    case 'matrixSelector': {
      const { selector } = expr;
      const range = `[${rangeText(expr.range)}]`;
      return `${selectorText(selector)}${range}${extensionText(selector)}${atText(selector)}${offsetText(selector)}`;
    }
    case 'subquery':
      return `${text(expr.expr)}${subquerySuffix(expr)}`;
    case 'call':
      return `${expr.func.name}(${expr.args.map(text).join(', ')})`;
    case 'aggregate':
      return `${aggregateHead(expr)}(${expr.param ? `${text(expr.param)}, ` : ''}${text(expr.expr)})`;
    case 'binary':
      return `${text(expr.lhs)} ${operatorText(expr)} ${text(expr.rhs)}`;
    case 'unary':
      return `${expr.op}${text(expr.expr)}`;
    case 'paren':
      return `(${text(expr.expr)})`;
    default:
      return expr satisfies never;
  }
}

/** Lines longer than this many bytes are split. */
const LINE_BYTES_MAX = 100;

/** The text of an expression over several lines where it is long: upstream's `Prettify`, what `format_query` answers. */
export function format(expr: Expr): string {
  return new Formatter().pretty(expr, 0);
}

class Formatter {
  /** Each node asks for its text to see whether it fits; it is put together once. */
  private readonly texts = new Map<Expr, string>();

  private readonly text = (expr: Expr): string => {
    let text = this.texts.get(expr);
    if (text === undefined) {
      text = textOf(expr, this.text);
      this.texts.set(expr, text);
    }
    return text;
  };

  private fits(expr: Expr): boolean {
    const text = this.text(expr);
    return text.length <= LINE_BYTES_MAX && Buffer.byteLength(text) <= LINE_BYTES_MAX;
  }

  pretty(expr: Expr, level: number): string {
    const margin = '  '.repeat(level);
    switch (expr.kind) {
      case 'unary':
        return `${margin}${expr.op}${this.pretty(expr.expr, level).trim()}`;
      case 'subquery':
        // Upstream does not indent one that fits.
        return this.fits(expr) ? this.text(expr) : `${this.pretty(expr.expr, level)}${subquerySuffix(expr)}`;
      case 'aggregate':
      case 'binary':
      case 'call':
      case 'paren':
        return this.fits(expr) ? `${margin}${this.text(expr)}` : this.split(expr, level, margin);
      default:
        return `${margin}${this.text(expr)}`;
    }
  }

  private split(
    expr: Extract<Expr, { kind: 'aggregate' | 'binary' | 'call' | 'paren' }>,
    level: number,
    margin: string,
  ) {
    const inside = (child: Expr): string => this.pretty(child, level + 1);
    switch (expr.kind) {
      case 'aggregate': {
        const param = expr.param ? `${inside(expr.param)},\n` : '';
        return `${margin}${aggregateHead(expr)}(\n${param}${inside(expr.expr)}\n${margin})`;
      }
      case 'binary':
        return `${inside(expr.lhs)}\n${margin}${operatorText(expr)}\n${inside(expr.rhs)}`;
      case 'call':
        return `${margin}${expr.func.name}(\n${expr.args.map(inside).join(',\n')}\n${margin})`;
      default:
        return `${margin}(\n${inside(expr.expr)}\n${margin})`;
    }
  }
}

function numberText(value: number, duration: boolean): string {
  return duration ? formatDuration(Math.trunc(value * 1000)) : formatPlain(value);
}

const BARE_LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

function labelsText(names: readonly string[]): string {
  return names.map((name) => (BARE_LABEL.test(name) ? name : quote(name))).join(', ');
}

function selectorText({ name, matchers }: VectorSelector): string {
  const inside = matchers
    .filter(
      ({ name: label, type, value }) => !(label === METRIC_NAME && type === '=' && value === name && value !== ''),
    )
    .map(({ name: label, type, value }) => `${labelsText([label])}${type}${quote(value)}`)
    .sort(compareStrings);
  return `${name}${inside.length > 0 ? `{${inside.join(',')}}` : ''}`;
}

function extensionText({ extension }: VectorSelector): string {
  return extension ? ` ${extension}` : '';
}

function atText({ at }: TimeShift): string {
  return at === null ? '' : ` @ ${atModifierText(at)}`;
}

function atModifierText(at: AtModifier): string {
  return typeof at === 'string' ? `${at}()` : (at.timeMs / 1000).toFixed(3);
}

function offsetText({ offset }: TimeShift): string {
  return offset ? ` offset ${rangeText(offset)}` : '';
}

/** A literal on its own is a duration, however it was written; in an expression it stays what it was. */
function rangeText(expr: DurationExpr): string {
  return expr.kind === 'literal' ? formatDuration(literalMs(expr.seconds)) : durationText(expr);
}

function durationText(expr: DurationExpr): string {
  switch (expr.kind) {
    case 'literal':
      return numberText(expr.seconds, expr.duration);
    case 'step':
    case 'range':
      return `${expr.kind}()`;
    case 'paren':
      return `(${durationText(expr.expr)})`;
    case 'unary':
      return `${expr.op === '-' ? '-' : ''}${durationText(expr.expr)}`;
    case 'min_of':
    case 'max_of':
      return `${expr.kind}(${durationText(expr.lhs)}, ${durationText(expr.rhs)})`;
    case 'binary':
      return `${durationText(expr.lhs)} ${expr.op} ${durationText(expr.rhs)}`;
    default:
      return expr satisfies never;
  }
}

function subquerySuffix(expr: Subquery): string {
  return `[${rangeText(expr.range)}:${expr.step ? rangeText(expr.step) : ''}]${atText(expr)}${offsetText(expr)}`;
}

function aggregateHead({ op, grouping, without }: Aggregate): string {
  if (without) return `${op} without (${labelsText(grouping)}) `;
  return grouping.length > 0 ? `${op} by (${labelsText(grouping)}) ` : op;
}

function operatorText({ op, bool, matching }: Binary): string {
  return `${op}${bool ? ' bool' : ''}${matching ? matchingText(matching) : ''}`;
}

function matchingText(matching: VectorMatching): string {
  const { cardinality, on, labels, include } = matching;
  const grouped = cardinality === 'many-to-one' || cardinality === 'one-to-many';
  let out = '';
  if (on || labels.length > 0 || grouped) out += ` ${on ? 'on' : 'ignoring'} (${labelsText(labels)})`;
  if (grouped) out += ` ${cardinality === 'many-to-one' ? 'group_left' : 'group_right'} (${labelsText(include)})`;
  return out + fillText(matching);
}

function fillText({ fillLeft, fillRight }: VectorMatching): string {
  if (fillLeft !== null && fillLeft === fillRight) return ` fill (${formatG(fillLeft)})`;
  const left = fillLeft === null ? '' : ` fill_left (${formatG(fillLeft)})`;
  return left + (fillRight === null ? '' : ` fill_right (${formatG(fillRight)})`);
}
