import { type CancelSignal, METRIC_NAME, nextTurn, turnIsOver } from '@avalanche/model';
import type { Annotations } from './annotations.ts';
import type { VectorSelector } from './ast.ts';
import {
  ABSENT,
  ColumnTable,
  HISTOGRAM,
  type SeriesMeta,
  StepColumn,
  type Steps,
  type VectorOperator,
} from './columns.ts';
import { executionError, PromQLError } from './error.ts';
import type { Querier, Queryable, QueryableView } from './queryable.ts';
import { SampleCounter } from './sample-counter.ts';

export const TOO_MANY_SAMPLES = 'query processing would load too many samples into memory in query execution';

/** What a query is run with, all of it settled. */
export interface RunOptions {
  readonly lookbackMs: number;
  readonly timeoutMs: number;
  readonly maxSamples: number;
  readonly defaultSubqueryStepMs: number;
  readonly delayedNameRemoval: boolean;
  /** Whether a metric is a counter is told by its `__type__`, not by its name. */
  readonly typeAndUnitLabels: boolean;
  /** Whether to count samples by step. */
  readonly perStepStats: boolean;
  /** Counters are known to begin anew where their samples say when they started. */
  readonly startTimestamps: boolean;
  readonly signal: CancelSignal | undefined;
  /** The end of the query as asked for; the last step may be before it. */
  readonly endMs: number;
}

const NOTHING: readonly never[] = [];
const NO_SELECTORS: ReadonlySet<VectorSelector> = new Set();

/** One query while it runs: its limits, its annotations, what it has opened. */
export class QueryRun {
  private held = 0;
  private readonly deadline: number;
  private readonly queriers: Querier[] = [];
  private readonly view: QueryableView | undefined;
  /** Samples held at once, at most. */
  peakSamples = 0;
  /** Samples decoded from storage. */
  samplesRead = 0;
  readonly counter: SampleCounter;
  /** Lists of series of which no two have the same labels, as far as it is known. */
  readonly distinct = new Set<readonly SeriesMeta[]>();
  private counters: Map<Steps, SampleCounter> | null = null;
  /** Samples held for the tables that an operator reads. */
  private heldFor: WeakMap<VectorOperator, number> | null = null;
  /** The selectors of whose native histograms nothing but count and sum is wanted. */
  statisticsOf = NO_SELECTORS;
  /** Time spent sorting the result, in milliseconds. */
  sortMs = 0;

  constructor(
    private readonly queryable: Queryable,
    /** The steps of the query itself: what `@ start()`, `step()` and `range()` refer to. */
    readonly steps: Steps,
    readonly isRangeQuery: boolean,
    readonly annotations: Annotations,
    readonly options: RunOptions,
  ) {
    this.deadline = performance.now() + options.timeoutMs;
    this.counter = new SampleCounter(steps.count, options.perStepStats);
    this.view = queryable.view?.();
  }

  querier(minTime: number, maxTime: number): Querier {
    const querier = (this.view ?? this.queryable).querier(minTime, maxTime);
    this.queriers.push(querier);
    return querier;
  }

  /** What storage had to say by now. */
  get storageWarnings(): readonly string[] {
    const all = this.queriers.flatMap(({ warnings }) => warnings ?? NOTHING);
    return all.length === 0 ? NOTHING : [...new Set(all)];
  }

  /** What counts the samples that are looked at for these steps. */
  counterOf(steps: Steps): SampleCounter {
    return this.counters?.get(steps) ?? this.counter;
  }

  /** Has other steps than those of the query counted apart. */
  countApart(steps: Steps, counter: SampleCounter): Steps {
    this.counters ??= new Map();
    this.counters.set(steps, counter);
    return steps;
  }

  close(): void {
    for (const querier of this.queriers) querier.close();
    this.view?.close();
  }

  /** Counts `samples` as held in memory. @throws PromQLError beyond `maxSamples` */
  hold(samples: number): void {
    this.held += samples;
    if (this.held > this.options.maxSamples) throw executionError(TOO_MANY_SAMPLES);
    if (this.held > this.peakSamples) this.peakSamples = this.held;
  }

  /** Bounds the cells of a table, of which few may be samples. @throws PromQLError beyond what many samples could explain */
  checkCells(cells: number): void {
    if (cells > 8 * this.options.maxSamples + 1e6) throw executionError(TOO_MANY_SAMPLES);
  }

  release(samples: number): void {
    this.held -= samples;
  }

  /** Says that `op` reads tables which nobody else reads: they are given back once it is computed itself. */
  reads(op: VectorOperator, ...tables: readonly ColumnTable[]): void {
    let samples = 0;
    for (const table of tables) samples += table.heldSamples;
    if (op instanceof ColumnTable) {
      op.heldSamples = samples;
      return;
    }
    this.heldFor ??= new WeakMap();
    this.heldFor.set(op, samples);
  }

  /** Says that `op` has been computed into a table, for which `samples` are held. */
  computed(op: VectorOperator, table: ColumnTable, samples: number): void {
    this.release(op instanceof ColumnTable ? op.heldSamples : (this.heldFor?.get(op) ?? 0));
    table.heldSamples = samples;
  }

  /** A table that several operators read stays to the end of the query. */
  keep(table: ColumnTable): void {
    table.heldSamples = 0;
  }

  /** Whether it is time for `pause`. Loops over series ask this after each, as a promise for each would cost more. */
  due(): boolean {
    return turnIsOver();
  }

  /** As `due`, for loops over small things: looks only once in a few rounds. */
  dueAt(round: number): boolean {
    return (round & 127) === 127 && turnIsOver();
  }

  /** Lets the event loop run. @throws PromQLError where the query is over time or was canceled */
  async pause(): Promise<void> {
    await nextTurn();
    this.check();
  }

  check(): void {
    if (this.options.signal?.aborted) throw new PromQLError('canceled', 'query was canceled in expression evaluation');
    if (performance.now() > this.deadline) throw new PromQLError('timeout', 'query timed out in expression evaluation');
  }

  /** `meta` without its metric name, at once or (delayed name removal) at the end. */
  withoutName(meta: SeriesMeta): SeriesMeta {
    if (this.options.delayedNameRemoval) return meta.dropName ? meta : { labels: meta.labels, dropName: true };
    return { labels: this.nameless(meta), dropName: false };
  }

  async withoutNames(series: readonly SeriesMeta[]): Promise<SeriesMeta[]> {
    const out: SeriesMeta[] = [];
    const name = series.length > 0 ? series[0].labels.metricName : '';
    let mayBecomeEqual = false;
    for (let i = 0; i < series.length; i++) {
      const { labels } = series[i];
      const meta = this.withoutName(series[i]);
      out.push(meta);
      // Labels of one metric that lose only its name stay as distinct as they were.
      if (labels.metricName !== name || meta.labels.size < labels.size - 1) mayBecomeEqual = true;
      if (this.dueAt(i)) await this.pause();
    }
    if (!mayBecomeEqual && this.distinct.has(series)) this.distinct.add(out);
    return out;
  }

  nameless({ labels }: SeriesMeta): SeriesMeta['labels'] {
    return labels.has('__type__') || labels.has('__unit__')
      ? labels.without(METRIC_NAME, '__type__', '__unit__')
      : labels.nameless;
  }
}

/**
 * Computes all of a vector; what the table holds is counted. Series without any sample are left out, but a vector that
 * is a table already comes back as it is, and may have such rows.
 */
export async function materialize(op: VectorOperator, run: QueryRun, count: number): Promise<ColumnTable> {
  if (op instanceof ColumnTable) return op;
  const table = tableFor(op.series.length, count, run);
  const column = new StepColumn(count);
  let samples = 0;
  for (let i = 0; i < op.series.length; i++) {
    op.fill(i, column);
    const points = column.points();
    if (points > 0) {
      run.hold(points);
      samples += points;
      table.append(op.series[i], column);
      run.checkCells(table.series.length * count);
    }
    if (run.due()) await run.pause();
  }
  run.computed(op, table, samples);
  if (run.distinct.has(op.series)) run.distinct.add(table.series);
  return table;
}

/** With room for all rows that may come: pages nobody writes to cost nothing, but copying a large table holds the event loop. */
function tableFor(rows: number, count: number, run: QueryRun): ColumnTable {
  return new ColumnTable(count, Math.min(rows, Math.ceil(run.options.maxSamples / count)));
}

export const SAME_LABELSET = 'vector cannot contain metrics with the same labelset';

/** Whether it needs no look to tell that no two series have the same labels. */
function areKnownDistinct(series: readonly SeriesMeta[], run: QueryRun): boolean {
  return series.length < 2 || run.distinct.has(series);
}

/** Whether no two series have the same labels. Found once for a list. */
export async function areDistinct(series: readonly SeriesMeta[], run: QueryRun): Promise<boolean> {
  if (areKnownDistinct(series, run)) return true;
  const keys = new Set<string>();
  for (let i = 0; i < series.length; i++) {
    keys.add(series[i].labels.key);
    if (run.dueAt(i)) await run.pause();
  }
  if (keys.size < series.length) return false;
  run.distinct.add(series);
  return true;
}

/**
 * Makes labels unique, as what drops or changes labels can make them equal: series that are never there at the same
 * step become one, as upstream's per-step evaluation has it. Costs nothing where the labels are unique anyway.
 * @throws PromQLError where two are there at one step
 */
export function mergeEqualSeries(
  op: VectorOperator,
  run: QueryRun,
  count: number,
): VectorOperator | Promise<VectorOperator> {
  return areKnownDistinct(op.series, run) ? op : mergedWhereEqual(op, run, count);
}

async function mergedWhereEqual(op: VectorOperator, run: QueryRun, count: number): Promise<VectorOperator> {
  if (await areDistinct(op.series, run)) return op;
  const rowOf = new Map<string, number>();
  const column = new StepColumn(count);
  const table = tableFor(op.series.length, count, run);
  let samples = 0;
  for (let i = 0; i < op.series.length; i++) {
    op.fill(i, column);
    const points = column.points();
    if (points > 0) {
      run.hold(points);
      samples += points;
      mergeRow(table, rowOf, op.series[i], column);
      run.checkCells(table.series.length * count);
    }
    if (run.due()) await run.pause();
  }
  run.computed(op, table, samples);
  run.distinct.add(table.series);
  return table;
}

/** Whether a name is dropped of series that become one is told by the one that is there first. */
function startsEarlier({ present }: StepColumn, table: ColumnTable, base: number): boolean {
  const first = present.findIndex((there) => there !== ABSENT);
  return first >= 0 && !table.present.subarray(base, base + first + 1).some((there) => there !== ABSENT);
}

function mergeRow(table: ColumnTable, rowOf: Map<string, number>, meta: SeriesMeta, column: StepColumn): void {
  const row = rowOf.get(meta.labels.key) ?? -1;
  if (row < 0) {
    rowOf.set(meta.labels.key, table.append(meta, column));
    return;
  }
  const base = row * column.count;
  if (meta.dropName !== table.series[row].dropName && startsEarlier(column, table, base)) table.series[row] = meta;
  for (let s = 0; s < column.count; s++) {
    if (!column.present[s]) continue;
    if (table.present[base + s]) throw executionError(SAME_LABELSET);
    table.values[base + s] = column.v[s];
    table.present[base + s] = column.present[s];
    const histogram = column.present[s] === HISTOGRAM ? column.histograms?.[s] : undefined;
    if (histogram) table.setHistogram(base + s, histogram);
  }
}
