import { formatDuration } from '@avalanche/model';
import type { MatrixSelector, TimeShift, VectorSelector } from './ast.ts';
import {
  type Aggregate,
  type Binary,
  type Call,
  childrenOf,
  type Expr,
  isSetOp,
  type Subquery,
  typeOf,
} from './ast.ts';
import type { Dialect } from './dialect.ts';
import { durationMs, positiveDurationMs, type QueryExtent } from './duration-expr.ts';
import { lineColumn } from './error.ts';
import { rescansWindows } from './functions/table.ts';
import { isStepInvariant } from './invariant.ts';
import { parse } from './parse.ts';
import { print } from './printer.ts';
import { SharedExprs } from './shared.ts';

export interface ExplainOptions extends Dialect {
  /** Default: five minutes. */
  readonly lookbackMs?: number;
  /** Of a subquery that names no step; default: one minute. */
  readonly defaultSubqueryStepMs?: number;
  /** What `step()` and `range()` stand for; default: those of an instant query. */
  readonly stepMs?: number;
  readonly rangeMs?: number;
}

/** A node of a plan: where it stands, what it is and how the engine gets its value. */
interface PlanNode {
  readonly depth: number;
  readonly at: string;
  readonly what: string;
  readonly how: string;
}

/**
 * The plan of a query as text, one line a node: position, operation, and how it is computed. The decisions are the
 * engine's own (what is the same at all steps, what is computed once and used again); `t` is the time of a step.
 * @throws ParseError, PromQLError
 */
export function explain(text: string, options: ExplainOptions = {}): string {
  const root = parse(text, options);
  const plan = new Planner(text, root, options);
  plan.visit(root, new Place(0, 't', 0, 0, '', new Map(), false));
  return table(plan.nodes);
}

/** Columns of at most this width are lined up with. */
const WIDTH_MAX = 60;

function table(nodes: readonly PlanNode[]): string {
  const rows = nodes.map(({ depth, at, what, how }) => [at, `${'  '.repeat(depth)}${what}`, how] as const);
  const [atWidth, whatWidth] = [0, 1].map((i) => Math.min(WIDTH_MAX, Math.max(...rows.map((row) => row[i].length))));
  const lines = rows.map(([at, what, how]) => `${at.padEnd(atWidth)}  ${what.padEnd(whatWidth)}  ${how}`);
  return lines.map((line) => `${line.trimEnd()}\n`).join('');
}

/** Where in a query an expression stands, and the times it is evaluated at: anchor + fromMs … anchor + toMs. */
class Place {
  constructor(
    readonly depth: number,
    readonly anchor: string,
    readonly fromMs: number,
    readonly toMs: number,
    /** Tells the insides of subqueries apart. */
    readonly subqueries: string,
    /** What was computed before at the same steps: where it stands. */
    readonly done: Map<string, string>,
    /** Whether it is computed at one step for all. */
    readonly once: boolean,
  ) {}

  below(): Place {
    return new Place(this.depth + 1, this.anchor, this.fromMs, this.toMs, this.subqueries, this.done, this.once);
  }
}

class Planner {
  readonly nodes: PlanNode[] = [];
  private readonly shared: SharedExprs;
  private readonly extent: QueryExtent;

  constructor(
    private readonly text: string,
    root: Expr,
    private readonly options: ExplainOptions,
  ) {
    this.shared = new SharedExprs(text, root);
    this.extent = { stepMs: options.stepMs ?? 0, rangeMs: options.rangeMs ?? 0 };
  }

  visit(expr: Expr, place: Place): void {
    if (expr.kind === 'paren') {
      this.visit(expr.expr, place);
      return;
    }
    const key = this.shared.keyOf(expr, place.subqueries);
    const before = key === null ? undefined : place.done.get(key);
    if (before !== undefined) {
      this.add(expr, place, summary(expr), `the result of ${before}, again`);
      return;
    }
    if (key !== null) place.done.set(key, `${summary(expr)} at ${this.position(expr)}`);
    const notes = key === null ? [] : ['computed once and held'];
    const isOnce = !place.once && isStepInvariant(expr) && expr.kind !== 'number' && expr.kind !== 'string';
    if (isOnce) notes.unshift('the same at all steps: computed at one');
    const inside = isOnce
      ? new Place(place.depth, place.anchor, place.fromMs, place.toMs, place.subqueries, new Map(), true)
      : place;
    this.node(expr, inside, (how) => [how, ...notes].filter(Boolean).join('; '));
  }

  private node(expr: Expr, place: Place, noted: (how: string) => string): void {
    switch (expr.kind) {
      case 'number':
      case 'string':
        this.add(expr, place, print(expr), noted('a constant'));
        return;
      case 'vectorSelector':
        this.add(expr, place, print(expr), noted(this.selected(expr, this.options.lookbackMs ?? 300_000, place)));
        return;
      case 'matrixSelector':
        this.add(expr, place, print(expr), noted(this.selected(expr.selector, this.rangeOf(expr), place)));
        return;
      case 'subquery':
        this.subquery(expr, place, noted);
        return;
      case 'unary':
        this.add(expr, place, expr.op, noted('values stream through'));
        break;
      case 'call':
        this.add(expr, place, `${expr.func.name}()`, noted(howCalled(expr)));
        break;
      case 'aggregate':
        this.add(expr, place, summary(expr), noted(howAggregated(expr)));
        break;
      case 'binary':
        this.add(expr, place, summary(expr), noted(howCombined(expr)));
        break;
      case 'paren':
        return;
      default:
        expr satisfies never;
    }
    for (const child of childrenOf(expr)) this.visit(child, place.below());
  }

  private add(expr: Expr, { depth }: Place, what: string, how: string): void {
    this.nodes.push({ depth, at: this.position(expr), what, how });
  }

  private position({ from }: Expr): string {
    return lineColumn(this.text, from);
  }

  private rangeOf({ range }: MatrixSelector): number {
    return positiveDurationMs(range, this.extent);
  }

  /** What a selector reads: everything that any of its steps needs, at once. */
  private selected(selector: VectorSelector, rangeMs: number, place: Place): string {
    const { anchor, fromMs, toMs } = this.shifted(selector, place);
    const what = selector.extension ? ` (${selector.extension}: and what is next to it)` : '';
    return `reads ${interval(anchor, fromMs - rangeMs, toMs)}${what}, each series once`;
  }

  /** The times that `@` and `offset` make of a place's. */
  private shifted(shift: TimeShift, place: Place): Pick<Place, 'anchor' | 'fromMs' | 'toMs'> {
    const offsetMs = shift.offset ? durationMs(shift.offset, this.extent) : 0;
    if (shift.at === null)
      return { anchor: place.anchor, fromMs: place.fromMs - offsetMs, toMs: place.toMs - offsetMs };
    if (typeof shift.at === 'string') return { anchor: shift.at, fromMs: -offsetMs, toMs: -offsetMs };
    const timeMs = shift.at.timeMs - offsetMs;
    return { anchor: '', fromMs: timeMs, toMs: timeMs };
  }

  /** The inside is evaluated once, at all times that any step looks at. */
  private subquery(expr: Subquery, place: Place, noted: (how: string) => string): void {
    const rangeMs = positiveDurationMs(expr.range, this.extent);
    const { defaultSubqueryStepMs = 60_000 } = this.options;
    const stepMs = expr.step ? positiveDurationMs(expr.step, this.extent) : defaultSubqueryStepMs;
    const { anchor, fromMs, toMs } = this.shifted(expr, place);
    const times = `at multiples of ${formatDuration(stepMs)} in ${interval(anchor, fromMs - rangeMs, toMs)}`;
    this.add(expr, place, summary(expr), noted(`the inside is computed once, ${times}`));
    const subqueries = this.shared.placeOf(expr, place.subqueries);
    this.visit(expr.expr, new Place(place.depth + 1, anchor, fromMs - rangeMs, toMs, subqueries, place.done, false));
  }
}

/** `(t-1h5m, t]` */
function interval(anchor: string, fromMs: number, toMs: number): string {
  return `(${moment(anchor, fromMs)}, ${moment(anchor, toMs)}]`;
}

/** @param anchor what `ms` is counted from; '' for the epoch */
function moment(anchor: string, ms: number): string {
  if (anchor === '') return `${ms / 1000}`;
  return ms === 0 ? anchor : `${anchor}${ms < 0 ? '-' : '+'}${formatDuration(Math.abs(ms))}`;
}

/** A node without its parts. */
function summary(expr: Expr): string {
  switch (expr.kind) {
    case 'call':
      return `${expr.func.name}()`;
    case 'aggregate': {
      const clause = expr.without || expr.grouping.length > 0 ? (expr.without ? ' without' : ' by') : '';
      return `${expr.op}${clause === '' ? '' : `${clause} (${expr.grouping.join(', ')})`}`;
    }
    case 'binary':
      return `${expr.op}${expr.bool ? ' bool' : ''}${matchingText(expr)}`;
    case 'subquery':
      return print(expr).slice(print(expr.expr).length);
    default:
      return print(expr);
  }
}

function matchingText({ matching }: Binary): string {
  if (!matching) return '';
  const { on, labels, cardinality, include } = matching;
  const by = on || labels.length > 0 ? ` ${on ? 'on' : 'ignoring'} (${labels.join(', ')})` : '';
  if (cardinality === 'many-to-one') return `${by} group_left (${include.join(', ')})`;
  return cardinality === 'one-to-many' ? `${by} group_right (${include.join(', ')})` : by;
}

const HOW_CALLED: Readonly<Record<string, string>> = {
  absent: 'the argument streams by; at which steps it is there is held',
  absent_over_time: 'the argument streams by; at which steps it is there is held',
  histogram_fraction: 'the argument is held; which series are buckets of one histogram is settled once',
  histogram_quantile: 'the argument is held; which series are buckets of one histogram is settled once',
  histogram_quantiles: 'the argument is held; which series are buckets of one histogram is settled once',
  info: 'the argument and the info series are held; who belongs to whom is settled once',
  label_join: 'labels change once per series, values stream through',
  label_replace: 'labels change once per series, values stream through',
  scalar: 'the argument streams by; one value of each step is held',
  sort: 'an instant query holds and sorts the argument; in a range query it streams through',
  sort_by_label: 'an instant query holds and sorts the argument; in a range query it streams through',
  sort_by_label_desc: 'an instant query holds and sorts the argument; in a range query it streams through',
  sort_desc: 'an instant query holds and sorts the argument; in a range query it streams through',
};

function howCalled({ func, args }: Call): string {
  const known = HOW_CALLED[func.name];
  if (known) return known;
  const range = args.find((arg) => typeOf(arg) === 'matrix');
  if (range) {
    const anew = rescansWindows(func.name) || (range.kind === 'matrixSelector' && range.selector.extension !== null);
    return anew
      ? 'each window anew, in slices; the result is held'
      : 'series stream through, all windows of one in one pass';
  }
  return args.some((arg) => typeOf(arg) === 'vector') ? 'values stream through' : 'computed for all steps at once';
}

function howAggregated({ op }: Aggregate): string {
  switch (op) {
    case 'quantile':
      return 'the argument is held';
    case 'topk':
    case 'bottomk':
      return 'the argument streams by; the best k of each group and step are held';
    case 'limitk':
      return 'the argument streams by; k of each group and step are held';
    case 'limit_ratio':
      return 'values stream through';
    case 'count_values':
      return 'the argument streams by; groups × values × steps are held';
    default:
      return 'the argument streams by; groups × steps are held';
  }
}

function howCombined({ op, lhs, rhs }: Binary): string {
  const vectors = [lhs, rhs].filter((side) => typeOf(side) === 'vector').length;
  if (vectors === 0) return 'computed for all steps at once';
  if (vectors === 1) return 'values stream through';
  if (!isSetOp(op)) return 'both sides are held; who matches whom is settled once';
  return op === 'or'
    ? 'the left is held, the right streams through'
    : 'the left streams through; at which steps the right is there is held';
}
