import type { CancelSignal } from '@avalanche/model';
import { Annotations } from './annotations.ts';
import { type Expr, typeOf } from './ast.ts';
import { allowedInRangeQuery, typeName } from './check.ts';
import type { Steps } from './columns.ts';
import type { Dialect } from './dialect.ts';
import { checkDurations } from './duration-expr.ts';
import { PromQLError } from './error.ts';
import { explain } from './explain.ts';
import { finishInstant, finishRange, type Outcome } from './finish.ts';
import { ParsedQueries, type ParsedQuery } from './parsed.ts';
import { Scope } from './plan.ts';
import { type QueryObserver, type QueryReport, QueryTimes } from './query-report.ts';
import { QueryRun, type RunOptions } from './query-run.ts';
import type { Queryable } from './queryable.ts';
import type { InstantResult, QueryStats, RangeResult } from './result.ts';
import { extentOf } from './selector.ts';
import { Slots } from './slots.ts';

/** Steps of one query that upstream's API allows; the engine's own bound is on samples. */
const STEPS_MAX = 10_000_000;

export interface EngineOptions extends Dialect {
  /** How old a sample may be to count for a step. */
  readonly lookbackMs?: number;
  readonly timeoutMs?: number;
  /** Samples that one query may hold in memory. */
  readonly maxSamples?: number;
  /** Queries that run at once; further ones wait. */
  readonly maxConcurrency?: number;
  /** See the field of the engine; default: one minute. */
  readonly defaultSubqueryStepMs?: number;
  /** `--enable-feature=promql-delayed-name-removal` */
  readonly delayedNameRemoval?: boolean;
  /** `--enable-feature=type-and-unit-labels` */
  readonly typeAndUnitLabels?: boolean;
  /** `--enable-feature=use-start-timestamps` */
  readonly startTimestamps?: boolean;
  readonly observer?: QueryObserver;
}

export interface QueryOptions {
  readonly signal?: CancelSignal | undefined;
  readonly lookbackMs?: number | undefined;
  /** May only shorten the engine's. */
  readonly timeoutMs?: number | undefined;
  /** Whether to count samples by step (`stats=all`). */
  readonly perStepStats?: boolean;
  /** Who asks, for the query log. */
  readonly origin?: Readonly<Record<string, unknown>>;
}

export interface RangeWindow {
  readonly startMs: number;
  readonly endMs: number;
  readonly stepMs: number;
}

/** Evaluates queries. Holds no data: every query names the Queryable it reads from. */
export class Engine {
  /** The step of a subquery that names none: upstream's global evaluation interval, which a reload may change. */
  defaultSubqueryStepMs: number;
  private readonly options: Required<Omit<EngineOptions, 'observer' | 'defaultSubqueryStepMs'>>;
  private readonly observer: QueryObserver;
  private readonly slots: Slots;
  private readonly parsed: ParsedQueries;
  private active = 0;

  constructor({ observer = NOBODY, defaultSubqueryStepMs = 60_000, ...options }: EngineOptions = {}) {
    this.observer = observer;
    this.defaultSubqueryStepMs = defaultSubqueryStepMs;
    this.options = {
      lookbackMs: 300_000,
      timeoutMs: 120_000,
      maxSamples: 50_000_000,
      maxConcurrency: 20,
      experimental: false,
      extendedRangeSelectors: false,
      fillModifiers: false,
      delayedNameRemoval: false,
      typeAndUnitLabels: false,
      startTimestamps: false,
      ...options,
    };
    this.slots = new Slots(this.options.maxConcurrency);
    this.parsed = new ParsedQueries(this.options);
  }

  /** Queries that run or wait at the moment. */
  get queries(): number {
    return this.active;
  }

  get maxConcurrency(): number {
    return this.options.maxConcurrency;
  }

  /** Parses with the features this engine has on. @throws ParseError */
  parse(text: string): Expr {
    return this.parsed.get(text).expr;
  }

  /** How this engine would evaluate a query, as text. @throws ParseError, PromQLError */
  explain(text: string): string {
    return explain(text, { ...this.options, defaultSubqueryStepMs: this.defaultSubqueryStepMs });
  }

  /** Evaluates a query at one time. @throws PromQLError */
  async instant(
    queryable: Queryable,
    text: string,
    timeMs: number,
    options: QueryOptions = {},
  ): Promise<InstantResult> {
    const steps = { startMs: timeMs, stepMs: 1, count: 1 };
    const query = { ...this.parsed.get(text), queryable, steps, endMs: timeMs, isRangeQuery: false };
    return this.run(query, options, finishInstant);
  }

  /** Evaluates a query at `startMs`, `startMs + stepMs`, … up to `endMs`. @throws PromQLError */
  async range(
    queryable: Queryable,
    text: string,
    window: RangeWindow,
    options: QueryOptions = {},
  ): Promise<RangeResult> {
    const parsed = this.parsed.get(text);
    const { expr } = parsed;
    if (!allowedInRangeQuery(expr)) {
      const type = typeName(typeOf(expr));
      const allowed = 'must be Scalar or instant Vector';
      throw new PromQLError('bad_data', `invalid expression type "${type}" for range query, ${allowed}`);
    }
    const steps = stepsOf(window);
    const query = { ...parsed, queryable, steps, endMs: window.endMs, isRangeQuery: true };
    return this.run(query, options, finishRange);
  }

  private async run<R>(query: Query, options: QueryOptions, finish: Finish<R>): Promise<R> {
    const times = new QueryTimes();
    const timeoutMs = Math.min(options.timeoutMs ?? this.options.timeoutMs, this.options.timeoutMs);
    let run: QueryRun | null = null;
    let failure: unknown = null;
    this.active++;
    try {
      // The time that a query may take is counted from here, waiting included.
      if (!this.slots.tryAcquire(options.signal)) await this.slots.acquire(timeoutMs, options.signal);
      try {
        times.started();
        const ended = this.observer.started(query.text);
        try {
          run = this.begin(query, options, timeoutMs - times.elapsedMs);
          return await evaluate(query, run, times, finish);
        } finally {
          run?.close();
          ended();
        }
      } finally {
        this.slots.release();
      }
    } catch (error) {
      failure = asQueryError(error);
      throw failure;
    } finally {
      this.active--;
      this.observer.ended(report(query, options, times.stats(run), failure));
    }
  }

  /** @throws PromQLError where there is no time left */
  private begin(query: Query, options: QueryOptions, leftMs: number): QueryRun {
    if (leftMs <= 0) throw new PromQLError('timeout', 'query timed out in query execution');
    const { text, queryable, steps, endMs, isRangeQuery } = query;
    const runOptions = this.runOptions(options, leftMs, endMs);
    return new QueryRun(queryable, steps, isRangeQuery, new Annotations(text), runOptions);
  }

  private runOptions(options: QueryOptions, timeoutMs: number, endMs: number): RunOptions {
    return {
      lookbackMs: options.lookbackMs && options.lookbackMs > 0 ? options.lookbackMs : this.options.lookbackMs,
      timeoutMs,
      maxSamples: this.options.maxSamples,
      defaultSubqueryStepMs: this.defaultSubqueryStepMs,
      delayedNameRemoval: this.options.delayedNameRemoval,
      typeAndUnitLabels: this.options.typeAndUnitLabels,
      perStepStats: options.perStepStats ?? false,
      startTimestamps: this.options.startTimestamps,
      signal: options.signal,
      endMs,
    };
  }
}

interface Query extends ParsedQuery {
  readonly queryable: Queryable;
  readonly steps: Steps;
  /** As asked for; the last step may be before it. */
  readonly endMs: number;
  readonly isRangeQuery: boolean;
}

type Finish<R> = (prepared: Awaited<ReturnType<Scope['prepare']>>, run: QueryRun, outcome: () => Outcome) => Promise<R>;

function stepsOf({ startMs, endMs, stepMs }: RangeWindow): Steps {
  if (!(stepMs > 0))
    throw new PromQLError('bad_data', 'zero or negative query resolution step widths are not accepted');
  if (endMs < startMs) throw new PromQLError('bad_data', 'end timestamp must not be before start time');
  const count = Math.floor((endMs - startMs) / stepMs) + 1;
  if (count > STEPS_MAX) throw new PromQLError('bad_data', `query has more than ${STEPS_MAX} steps`);
  return { startMs, stepMs, count };
}

async function evaluate<R>(query: Query, run: QueryRun, times: QueryTimes, finish: Finish<R>): Promise<R> {
  run.statisticsOf = query.statisticsOf;
  checkDurations(query.expr, extentOf(run));
  const prepared = await new Scope(run, query.steps, query.shared).prepare(query.expr);
  times.prepared();
  const result = await finish(prepared, run, () => {
    return {
      warnings: [...run.storageWarnings, ...run.annotations.warnings],
      infos: run.annotations.infos,
      stats: times.stats(run),
    };
  });
  run.check();
  return result;
}

function report(query: Query, { origin = {} }: QueryOptions, stats: QueryStats, error: unknown): QueryReport {
  const { text, steps, isRangeQuery } = query;
  const stepMs = isRangeQuery ? steps.stepMs : 0;
  return { text, startMs: steps.startMs, endMs: query.endMs, stepMs, stats, error, origin };
}

const NOBODY: QueryObserver = { started: () => () => {}, ended: () => {} };

/** What storage throws is an execution error of the query; a bug stays what it is. */
function asQueryError(error: unknown): unknown {
  if (error instanceof PromQLError || !(error instanceof Error) || error.message.startsWith('BUG:')) return error;
  if (error instanceof RangeError)
    return new PromQLError('execution', 'query needs more memory than there is', { cause: error });
  return new PromQLError('execution', error.message, { cause: error });
}
