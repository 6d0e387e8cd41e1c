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
  const methods = metric as unknown as Record<string, (labels: unknown, value?: unknown) => unknown>;
  if ('observe' in metric) wrap(methods, 'observe', guard, observe);
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

function wrap(
  methods: Record<string, (labels: unknown, value?: unknown) => unknown>,
  name: string,
  guard: SeriesGuard,
  apply: Apply,
): void {
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
  /** What the cells point into: `reset` of the metric puts another one in its place. */
  private map: MetricInternals['hashMap'];
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
    if (this.metric.hashMap !== this.map) this.forget();
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

  /** Lets prom-client have a call whose series is not known here, with the labels that it may have. */
  admit(labels: LabelSet, call: (labels: LabelSet) => unknown): unknown {
    const { sortedLabelNames, labelNames } = this.metric;
    const hash = hashOf(labels, sortedLabelNames);
    const isNew = this.map !== undefined && !(hash in this.map);
    if (isNew && labelNames.length > 0 && Object.keys(this.map ?? {}).length >= this.maxSeries) {
      this.limits.overflows?.inc({ metric: this.metric.name });
      return call(Object.fromEntries(labelNames.map((name) => [name, OVERFLOW])));
    }
    const result = call(labels);
    const entry = this.map?.[hash];
    if (entry !== undefined) this.remember(labels, { entry, hash, usedIn: this.sweep });
    return result;
  }

  private remember(labels: LabelSet, cell: Cell): void {
    const names = this.metric.labelNames;
    if (names.length === 0 || names.some((name) => labels[name] === undefined)) return;
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
    this.map = this.metric.hashMap;
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
    const used = new Set<string>();
    this.dropUnused(this.cells, now - expireAfterMs, used);
    for (const sweep of this.sweptAt.keys()) {
      if ((this.sweptAt.get(sweep) ?? 0) <= now - expireAfterMs && sweep < this.sweep) this.sweptAt.delete(sweep);
    }
    this.sweep++;
  }

  /** A cell that names a sweep was used before it ended. */
  private dropUnused(node: Tree, horizon: number, used: Set<string>): void {
    for (const [key, next] of node) {
      if (next instanceof Map) {
        this.dropUnused(next, horizon, used);
        if (next.size === 0) node.delete(key);
      } else if ((this.sweptAt.get(next.usedIn) ?? Number.NEGATIVE_INFINITY) <= horizon) {
        node.delete(key);
        if (this.map && !used.has(next.hash)) delete this.map[next.hash];
      } else used.add(next.hash);
    }
  }
}
