import type { FloatHistogram, SampleColumns } from '@avalanche/model';
import { prepareAggregate } from './aggregate.ts';
import type { Annotation } from './annotations.ts';
import type { Expr, Subquery, ValueType, VectorSelector } from './ast.ts';
import { prepareBinary } from './binary.ts';
import { EMPTY_VECTOR, FLOAT, HISTOGRAM, StepColumn, type Steps, type VectorOperator } from './columns.ts';
import { positiveDurationMs } from './duration-expr.ts';
import { executionError } from './error.ts';
import { checkExtensions } from './extension.ts';
import { implementationOf } from './functions/table.ts';
import { isStepInvariant } from './invariant.ts';
import { mapColumns } from './operators.ts';
import { materialize, mergeEqualSeries, type QueryRun, TOO_MANY_SAMPLES } from './query-run.ts';
import { RepeatedCounter, SampleCounter } from './sample-counter.ts';
import { extentOf, references, selectMatrix, selectSmoothed, selectVector } from './selector.ts';
import type { SharedExprs } from './shared.ts';
import type { MatrixSource } from './window.ts';

/** An expression made ready: scalars are computed, vectors know their series and compute values on demand. */
export type Prepared =
  | { readonly type: 'scalar'; readonly values: Float64Array }
  | { readonly type: 'vector'; readonly op: VectorOperator }
  | { readonly type: 'matrix'; readonly source: MatrixSource }
  | { readonly type: 'string'; readonly value: string };

/** Prepares the subexpressions of one node at its steps. What function and operator implementations work with. */
export class Scope {
  private readonly done = new Map<string, Shared>();
  private readonly insides = new Map<string, Scope>();

  constructor(
    readonly run: QueryRun,
    readonly steps: Steps,
    private readonly shared: SharedExprs,
    /** Tells which subquery's inside this is. */
    private readonly place = '',
  ) {}

  prepare(expr: Expr): Promise<Prepared> {
    const key = this.shared.keyOf(expr, this.place);
    return key === null ? this.prepareNew(expr) : this.prepareShared(expr, key);
  }

  /** Computes what is used more than once the first time, and keeps it. */
  private async prepareShared(expr: Expr, key: string): Promise<Prepared> {
    const { annotations } = this.run;
    const before = this.done.get(key);
    const counter = this.run.counterOf(this.steps);
    if (before) {
      annotations.repeat(before.annotations, expr.from - before.from);
      counter.repeat(before.counted, before.countedBefore);
      return before.prepared;
    }
    const countedBefore = counter.copy();
    const prepared = await this.prepareNew(expr);
    if (prepared.type !== 'vector') return prepared;
    const op = await materialize(prepared.op, this.run, this.steps.count);
    this.run.keep(op);
    const table = { type: 'vector', op } as const;
    const counted = counter.copy();
    const said = annotations.within(expr);
    this.done.set(key, { prepared: table, from: expr.from, annotations: said, counted, countedBefore });
    return table;
  }

  private async prepareNew(expr: Expr): Promise<Prepared> {
    if (this.steps.count > 1 && isStepInvariant(expr)) return this.once(expr);
    switch (expr.kind) {
      case 'number':
        return { type: 'scalar', values: new Float64Array(this.steps.count).fill(expr.value) };
      case 'string':
        return { type: 'string', value: expr.value };
      case 'paren':
        return this.prepare(expr.expr);
      case 'vectorSelector':
        return { type: 'vector', op: await this.selector(expr) };
      case 'matrixSelector':
        return { type: 'matrix', source: await selectMatrix(expr, this.steps, this.run) };
      case 'subquery':
        return { type: 'matrix', source: await this.subquery(expr) };
      case 'call':
        checkExtensions(expr);
        return implementationOf(expr.func.name)(expr, this);
      case 'aggregate':
        return { type: 'vector', op: await prepareAggregate(expr, this) };
      case 'binary':
        return prepareBinary(expr, this);
      case 'unary':
        return this.unary(await this.prepare(expr.expr), expr.op);
      default:
        return expr satisfies never;
    }
  }

  async vector(expr: Expr): Promise<VectorOperator> {
    const prepared = await this.prepare(expr);
    return prepared.type === 'vector' ? prepared.op : this.mistyped('vector', prepared);
  }

  async scalar(expr: Expr): Promise<Float64Array> {
    const prepared = await this.prepare(expr);
    return prepared.type === 'scalar' ? prepared.values : this.mistyped('scalar', prepared);
  }

  async string(expr: Expr): Promise<string> {
    const prepared = await this.prepare(expr);
    return prepared.type === 'string' ? prepared.value : this.mistyped('string', prepared);
  }

  async matrix(expr: Expr): Promise<MatrixSource> {
    const prepared = await this.prepare(expr);
    return prepared.type === 'matrix' ? prepared.source : this.mistyped('matrix', prepared);
  }

  private mistyped(wanted: ValueType, got: Prepared): never {
    throw new Error(`BUG: the type check let a ${got.type} through where a ${wanted} is wanted`);
  }

  /** `anchored` means something for ranges only. */
  private selector(expr: VectorSelector): Promise<VectorOperator> {
    const select = expr.extension === 'smoothed' ? selectSmoothed : selectVector;
    return select(expr, this.steps, this.run);
  }

  /** Evaluates what is the same at every step at one step, and repeats it. */
  private async once(expr: Expr): Promise<Prepared> {
    const counter = new RepeatedCounter(this.run.counterOf(this.steps));
    const steps = this.run.countApart({ ...this.steps, count: 1 }, counter);
    const atOne = new Scope(this.run, steps, this.shared, this.place);
    const prepared = await atOne.prepareNew(expr);
    if (prepared.type === 'scalar') {
      return { type: 'scalar', values: new Float64Array(this.steps.count).fill(prepared.values[0]) };
    }
    // The windows of a matrix with a fixed end are the same at every step: its references do not move.
    if (prepared.type !== 'vector') return prepared;
    const single = new StepColumn(1);
    const { op } = prepared;
    const repeated: VectorOperator = {
      series: op.series,
      fill(i, out) {
        op.fill(i, single);
        out.present.fill(single.present[0]);
        out.v.fill(single.v[0]);
        const histogram = single.histograms?.[0];
        out.histograms = histogram ? new Array(out.count).fill(histogram) : null;
      },
    };
    return { type: 'vector', op: repeated };
  }

  private async unary(prepared: Prepared, op: '+' | '-'): Promise<Prepared> {
    if (op === '+') return prepared;
    if (prepared.type === 'scalar') return { type: 'scalar', values: prepared.values.map((value) => -value) };
    if (prepared.type !== 'vector') return this.mistyped('vector', prepared);
    const series = await this.run.withoutNames(prepared.op.series);
    const negated = mapColumns(prepared.op, series, (column) => {
      const { v, count } = column;
      for (let s = 0; s < count; s++) v[s] = -v[s];
      if (column.histograms !== null) column.histograms = column.histograms.map((histogram) => histogram?.times(-1));
    });
    return { type: 'vector', op: await mergeEqualSeries(negated, this.run, this.steps.count) };
  }

  /** The inside of a subquery, which equal subqueries share: they have the same steps. */
  private inside(subquery: Subquery, steps: Steps): Scope {
    const place = this.shared.placeOf(subquery, this.place);
    let scope = this.insides.get(place);
    if (!scope) {
      // What is looked at inside is no sample of the query: those are the results, when a function goes through them.
      const apart = this.run.countApart(steps, new SampleCounter(steps.count, false));
      scope = new Scope(this.run, apart, this.shared, place);
      this.insides.set(place, scope);
    }
    return scope;
  }

  /** A subquery evaluates its expression once, at the aligned steps of all its windows together. */
  private async subquery(expr: Subquery): Promise<MatrixSource> {
    const { run } = this;
    const refs = references(expr, this.steps, run);
    const rangeMs = positiveDurationMs(expr.range, extentOf(run));
    const stepMs = expr.step ? positiveDurationMs(expr.step, extentOf(run)) : run.options.defaultSubqueryStepMs;
    const leftMs = refs.firstMs - rangeMs;
    const startMs = (Math.floor(leftMs / stepMs) + 1) * stepMs;
    const count = Math.max(0, Math.floor((refs.lastMs - startMs) / stepMs) + 1);
    if (count > run.options.maxSamples) throw executionError(TOO_MANY_SAMPLES);
    const scope = this.inside(expr, { startMs, stepMs, count });
    const { steps } = scope;
    const op = count === 0 ? EMPTY_VECTOR : await scope.vector(expr.expr);
    const column = new StepColumn(count);
    return {
      series: op.series,
      refs,
      rangeMs,
      extension: null,
      load(i, into) {
        op.fill(i, column);
        compact(column, steps, into);
      },
    };
  }
}

interface Shared {
  readonly prepared: Prepared;
  readonly from: number;
  readonly annotations: readonly Annotation[];
  /** The samples counted after and before it was computed. */
  readonly counted: SampleCounter;
  readonly countedBefore: SampleCounter;
}

function compact(column: StepColumn, { startMs, stepMs, count }: Steps, into: SampleColumns): void {
  into.clear();
  into.reserve(count);
  const { v, present, histograms } = column;
  for (let s = 0; s < count; s++) {
    if (present[s] === FLOAT) into.push(startMs + s * stepMs, v[s]);
    else if (present[s] === HISTOGRAM)
      into.pushHistogram(startMs + s * stepMs, unhinted(histograms?.[s] as FloatHistogram));
  }
}

/** A subquery may leave samples out or repeat them, so what they say about counter resets between them does not hold. */
function unhinted(histogram: FloatHistogram): FloatHistogram {
  return histogram.counterResetHint === 'gauge' ? histogram : histogram.withHint('unknown');
}
