import { Counter, type Gauge, type Histogram, type Registry } from 'prom-client';
import {
  type HistogramEntry,
  hashOf,
  internalsOf,
  type LabelSet,
  type MetricInternals,
  type ValueEntry,
} from './internals.ts';

/** The value of every label of the series that takes what is too much. */
export const OVERFLOW = '__overflow__';

export interface SeriesLimits {
  /** So many label sets have a series of their own; what comes after them is counted under `__overflow__`. Default 2000. */
  readonly maxSeries?: number;
  /** A label set that was not used for so long goes, in milliseconds. It is looked at when the metric is scraped. */
  readonly expireAfterMs?: number;
  /** Counts label sets that got no series of their own, by metric. */
  readonly overflows?: Counter<'metric'>;
  /** Milliseconds; for tests. */
  readonly now?: () => number;
}

const SERIES_MAX = 2_000;
/** Fewer cells are not worth looking through. */
const CELLS_MIN = 1_000;
/** Objects would be kept for ever, as each is another one. */
const FOUND_BY = new Set(['string', 'number']);

type LimitedMetric = Counter | Gauge | Histogram;
type Entry = ValueEntry | HistogramEntry;
/** Map by the first label's value, of maps by the second's, … of cells. */
type Tree = Map<string | number, Tree | Cell>;

interface Cell {
  readonly entry: Entry;
  readonly hash: string;
  /** The sweep before which it was used last. */
  usedIn: number;
}

/**
 * Bounds the series of a prom-client metric, wherever it is registered, and lets unused ones go. The metric stays what it
 * is; its methods find a series that they have seen without validating and hashing its labels again.
 */
export function limitSeries<Metric extends LimitedMetric>(metric: Metric, limits: SeriesLimits = {}): Metric {
  const guard = new SeriesGuard(internalsOf(metric), limits);
  const methods = metric as unknown as Methods;
  wrapForgetting(methods, guard);
  if ('observe' in metric) guardLabels(methods);
  if (guard.metric.enableExemplars) wrapWithExemplars(methods, 'observe' in metric ? 'observe' : 'inc', guard);
  else if ('observe' in metric) wrap(methods, 'observe', guard, observe);
  else if ('set' in metric) {
    wrap(methods, 'set', guard, (entry, value) => set(entry, value));
    wrap(methods, 'inc', guard, (entry, value = 1) =>
      set(entry, typeof value === 'number' ? currentValue(entry) + value : value),
    );
    wrap(methods, 'dec', guard, (entry, value = 1) =>
      set(entry, typeof value === 'number' ? currentValue(entry) - value : value),
    );
  } else wrap(methods, 'inc', guard, increase);
  return metric;
}

/** The counter of label sets that got no series of their own, made once in each registry. */
export function overflowCounter(registry: Registry): Counter<'metric'> {
  const name = 'metrics_series_overflow_total';
  const known = registry.getSingleMetric(name);
  if (known) return known as Counter<'metric'>;
  const help = 'Uses of label sets that were too many to have a series of their own.';
  return new Counter({ name, help, labelNames: ['metric'], registers: [registry] });
}

/** Applies a call to a series. @returns false where prom-client should have it, which says what is wrong */
type Apply = (entry: Entry, value: unknown, metric: MetricInternals) => boolean;

const increase: Apply = (entry, value = 1) => {
  if (typeof value !== 'number' || !(value >= 0 && value < Infinity)) return false;
  (entry as ValueEntry).value += value;
  return true;
};

const observe: Apply = (given, value, { upperBounds = [] }) => {
  if (typeof value !== 'number' || !Number.isFinite(value)) return false;
  const entry = given as HistogramEntry;
  entry.sum += value;
  entry.count++;
  for (const bound of upperBounds) {
    if (value > bound) continue;
    entry.bucketValues[bound]++;
    break;
  }
  return true;
};

function currentValue(entry: Entry): number {
  return (entry as ValueEntry).value;
}

function set(entry: Entry, value: unknown): boolean {
  if (typeof value !== 'number') return false;
  (entry as ValueEntry).value = value;
  return true;
}

type Methods = Record<string, (...given: unknown[]) => unknown>;

/** prom-client's exemplars: labels and value come as one object. */
function wrapWithExemplars(methods: Methods, name: string, guard: SeriesGuard): void {
  const original = methods[name].bind(methods);
  methods[name] = (given) => {
    const { labels, ...rest } = (given ?? {}) as { readonly labels?: LabelSet };
    if (typeof labels !== 'object' || labels === null) return original(given);
    guard.refresh();
    return guard.admit(labels, (admitted) => original({ ...rest, labels: admitted }));
  };
}

/** prom-client's own `labels` of a histogram goes round `observe`. */
function guardLabels(methods: Methods): void {
  const original = methods.labels.bind(methods);
  const { enableExemplars, labelNames } = methods as unknown as MetricInternals;
  methods.labels = (...given) => {
    const its = original(...given) as Record<string, unknown>;
    const [first] = given;
    const labels =
      typeof first === 'object' && first !== null
        ? first
        : Object.fromEntries(labelNames.map((name, i) => [name, given[i]]));
    const observe = (value: unknown) =>
      enableExemplars ? methods.observe({ labels, value }) : methods.observe(labels, value);
    return { ...its, observe };
  };
}

/** Series that are removed leave room for others. */
function wrapForgetting(methods: Methods, guard: SeriesGuard): void {
  for (const name of ['remove', 'zero']) {
    if (typeof methods[name] !== 'function') continue;
    const original = methods[name].bind(methods);
    methods[name] = (...given) => {
      guard.recount();
      return original(...given);
    };
  }
}

function wrap(methods: Methods, name: string, guard: SeriesGuard, apply: Apply): void {
  const original = methods[name].bind(methods);
  methods[name] = (labels, value) => {
    if (typeof labels !== 'object' || labels === null) return original(labels, value);
    const cell = guard.find(labels as LabelSet);
    if (cell !== undefined && apply(cell.entry, value, guard.metric)) return undefined;
    return guard.admit(labels as LabelSet, (admitted) => original(admitted, value));
  };
}

class SeriesGuard {
  private cells: Tree = new Map();
  /** Cells in the tree, and how many make it worth while to look for those whose series were removed. */
  private remembered = 0;
  private purgeAt = CELLS_MIN;
  /** Those whose labels cannot be found by their values: some are left out, or are no texts and numbers. By hash. */
  private readonly others = new Map<string, Cell>();
  /** What the cells point into: `reset` of the metric puts another one in its place. */
  private map: MetricInternals['hashMap'];
  /** Series of the metric; -1: to be counted. */
  private count = -1;
  private sweep = 0;
  /** When each sweep was, for those that a cell may still name. */
  private readonly sweptAt = new Map<number, number>();
  private readonly maxSeries: number;
  private readonly now: () => number;

  constructor(
    readonly metric: MetricInternals,
    private readonly limits: SeriesLimits,
  ) {
    this.maxSeries = limits.maxSeries ?? SERIES_MAX;
    this.now = limits.now ?? Date.now;
    this.map = metric.hashMap;
    if (limits.expireAfterMs !== undefined) this.expireWhenCollected(limits.expireAfterMs);
  }

  /** The series of labels that were seen before, whatever their order; all of the metric's labels and no others. */
  find(labels: LabelSet): Cell | undefined {
    this.refresh();
    const names = this.metric.labelNames;
    let node: Tree | Cell | undefined = this.cells;
    for (const name of names) {
      node = (node as Tree).get(labels[name]);
      if (node === undefined) return undefined;
    }
    let count = 0;
    for (const _ in labels) count++;
    const cell = node as Cell;
    if (count !== names.length || names.length === 0 || this.map?.[cell.hash] !== cell.entry) return undefined;
    cell.usedIn = this.sweep;
    return cell;
  }

  /** To be called before `admit`. */
  refresh(): void {
    if (this.metric.hashMap !== this.map) this.forget();
  }

  recount(): void {
    this.count = -1;
  }

  /** Lets prom-client have a call whose series is not known here, with the labels that it may have. */
  admit(labels: LabelSet, call: (labels: LabelSet) => unknown): unknown {
    const { sortedLabelNames, labelNames } = this.metric;
    const hash = hashOf(labels, sortedLabelNames);
    const isNew = this.map !== undefined && !(hash in this.map);
    if (isNew && labelNames.length > 0 && this.isFull()) {
      this.limits.overflows?.inc({ metric: this.metric.name });
      return call(Object.fromEntries(labelNames.map((name) => [name, OVERFLOW])));
    }
    const result = call(labels);
    const entry = this.map?.[hash];
    if (entry === undefined) return result;
    if (isNew && this.count >= 0) this.count++;
    this.remember(labels, { entry, hash, usedIn: this.sweep });
    return result;
  }

  private isFull(): boolean {
    if (this.count < 0) this.count = Object.keys(this.map ?? {}).length;
    return this.count >= this.maxSeries;
  }

  private remember(labels: LabelSet, cell: Cell): void {
    const names = this.metric.labelNames;
    if (names.length === 0) return;
    if (names.some((name) => !FOUND_BY.has(typeof labels[name]))) {
      if (this.limits.expireAfterMs !== undefined) this.others.set(cell.hash, cell);
      return;
    }
    if (++this.remembered > this.purgeAt) this.purge();
    let node = this.cells;
    for (const name of names.slice(0, -1)) {
      const next = (node.get(labels[name]) as Tree | undefined) ?? new Map();
      node.set(labels[name], next);
      node = next;
    }
    node.set(labels[names[names.length - 1]], cell);
  }

  private forget(): void {
    this.cells = new Map();
    this.others.clear();
    this.remembered = 0;
    this.count = -1;
    this.map = this.metric.hashMap;
  }

  /** Drops cells whose series were removed. */
  private purge(): void {
    const { map } = this;
    this.remembered = drop(this.cells, (cell) => map?.[cell.hash] !== cell.entry);
    this.purgeAt = Math.max(CELLS_MIN, 2 * this.remembered);
  }

  private expireWhenCollected(expireAfterMs: number): void {
    const { metric } = this;
    const before = metric.collect?.bind(metric);
    metric.collect = () => {
      this.expire(expireAfterMs);
      return before?.();
    };
  }

  private expire(expireAfterMs: number): void {
    const now = this.now();
    this.sweptAt.set(this.sweep, now);
    this.dropUnused(now - expireAfterMs);
    for (const sweep of this.sweptAt.keys()) {
      if ((this.sweptAt.get(sweep) ?? 0) <= now - expireAfterMs && sweep < this.sweep) this.sweptAt.delete(sweep);
    }
    this.sweep++;
  }

  /** A cell that names a sweep was used before it ended. */
  private dropUnused(horizon: number): void {
    const used = new Set<string>();
    const unused = new Set<string>();
    const isUnused = (cell: Cell): boolean => {
      const is = (this.sweptAt.get(cell.usedIn) ?? Number.NEGATIVE_INFINITY) <= horizon;
      (is ? unused : used).add(cell.hash);
      return is;
    };
    this.remembered = drop(this.cells, isUnused);
    for (const [hash, cell] of this.others) if (isUnused(cell)) this.others.delete(hash);
    // the same series may be known by a number and by its text
    for (const hash of unused) if (this.map && !used.has(hash)) delete this.map[hash];
    this.recount();
  }
}

/** Drops cells of a tree. @returns how many there are left */
function drop(node: Tree, isDropped: (cell: Cell) => boolean): number {
  let left = 0;
  for (const [key, next] of node) {
    const count = next instanceof Map ? drop(next, isDropped) : Number(!isDropped(next));
    if (count === 0) node.delete(key);
    left += count;
  }
  return left;
}
