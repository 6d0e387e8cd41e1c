import { argumentSpan } from '../annotations.ts';
import type { Call, ValueType } from '../ast.ts';
import { ABSENT, HISTOGRAM, type SeriesMeta, type StepColumn, type VectorOperator } from '../columns.ts';
import { executionError } from '../error.ts';
import { type MixedTreatment, MixedWindows } from '../histograms/mixed-windows.ts';
import { mapColumns } from '../operators.ts';
import type { Prepared, Scope } from '../plan.ts';
import { areDistinct, mergeEqualSeries, SAME_LABELSET } from '../query-run.ts';
import { type MatrixSource, overWindows, overWindowsInSlices, type Windows } from '../window.ts';
import type { FunctionSignature } from './signature.ts';

export type Implementation = (call: Call, scope: Scope) => Promise<Prepared>;

/** One function: what the type check knows of it, and what it does. */
export interface FunctionSpec extends FunctionSignature {
  readonly prepare: Implementation;
  /** Goes through the samples of every window anew, so that the work is samples × steps. */
  readonly rescans: boolean;
}

type Options = Partial<Pick<FunctionSpec, 'variadic' | 'experimental' | 'rescans'>>;

export function define(
  name: string,
  args: readonly ValueType[],
  returns: ValueType,
  prepare: Implementation,
  { variadic = 0, experimental = false, rescans = false }: Options = {},
): FunctionSpec {
  return { name, args, returns, variadic, experimental, prepare, rescans };
}

/** A function of each float of an instant vector, with further scalar arguments; it drops the metric name. */
export function perSample(
  name: string,
  scalars: number,
  change: (column: StepColumn, scalars: readonly Float64Array[]) => void,
  options: Options = {},
): FunctionSpec {
  const args: ValueType[] = ['vector', ...new Array<ValueType>(scalars).fill('scalar')];
  const prepare: Implementation = async (call, scope) => {
    const op = await scope.vector(call.args[0]);
    // One after the other: what still ran after another has failed would open queriers that nobody closes.
    const rest: Float64Array[] = [];
    for (const arg of call.args.slice(1)) rest.push(await scope.scalar(arg));
    return vectorResult(
      await nameless(op, scope, (column) => {
        change(column, rest);
        if (column.histograms !== null) dropHistograms(column);
      }),
      scope,
    );
  };
  return define(name, args, 'vector', prepare, options);
}

/** Functions of numbers give nothing for native histograms. */
export function dropHistograms(column: StepColumn): void {
  const { present, count } = column;
  for (let s = 0; s < count; s++) if (present[s] === HISTOGRAM) present[s] = ABSENT;
  column.histograms = null;
}

/** A function of one number, applied to each float. */
export function ofNumber(name: string, compute: (value: number) => number): FunctionSpec {
  return perSample(name, 0, ({ v, count }) => {
    for (let s = 0; s < count; s++) v[s] = compute(v[s]);
  });
}

/** The values of a vector changed, and its metric names dropped. */
export async function nameless(
  op: VectorOperator,
  { run }: Scope,
  change: (column: StepColumn) => void,
): Promise<VectorOperator> {
  return mapColumns(op, await run.withoutNames(op.series), change);
}

export async function vectorResult(op: VectorOperator, scope: Scope): Promise<Prepared> {
  return { type: 'vector', op: await mergeEqualSeries(op, scope.run, scope.steps.count) };
}

/** What a range function gets beside the window: the call, its scalar arguments at all steps, and the scope. */
export interface RangeCall {
  readonly call: Call;
  readonly scalars: readonly Float64Array[];
  readonly scope: Scope;
  readonly source: MatrixSource;
}

export interface RangeOptions extends Options {
  /** Which argument is the range vector (default 0); the others are scalars. */
  readonly matrixAt?: number;
  readonly scalars?: number;
  readonly keepName?: boolean;
  /** What it does with windows that are not all plain floats; left out, it ignores native histograms. */
  readonly mixed?: MixedTreatment;
  /** What is computed of `anchored` and `smoothed` ranges; these go through each window anew. */
  readonly extended?: { readonly compute: RangeFunction; readonly mixed: MixedTreatment };
  /** Called with the values of each series. */
  readonly remark?: (out: StepColumn, series: SeriesMeta, range: RangeCall) => void;
  /** Called once per query, before any window. */
  readonly check?: (range: RangeCall) => void;
}

/** Computes the values of the windows from `firstStep` to `endStep`-1 into `out`, or leaves them absent. */
export type RangeFunction = (windows: Windows, out: StepColumn, range: RangeCall, series: SeriesMeta) => void;

const FLOATS_ONLY: MixedTreatment = { compute: null, starts: false };

/** A function of a range vector that gives one number per window. */
export function overRange(name: string, compute: RangeFunction, options: RangeOptions = {}): FunctionSpec {
  const {
    matrixAt = 0,
    scalars = 0,
    keepName = false,
    rescans = false,
    mixed = FLOATS_ONLY,
    extended,
    remark,
    check,
  } = options;
  const args: ValueType[] = new Array<ValueType>(scalars).fill('scalar');
  args.splice(matrixAt, 0, 'matrix');
  const prepare: Implementation = async (call, scope) => {
    const source = await scope.matrix(call.args[matrixAt]);
    const others = call.args.filter((_, i) => i !== matrixAt);
    const values: Float64Array[] = [];
    for (const arg of others) values.push(await scope.scalar(arg));
    const range: RangeCall = { call, scalars: values, scope, source };
    check?.(range);
    const { steps, run } = scope;
    const series = keepName ? source.series : await run.withoutNames(source.series);
    const mixedWindows = new MixedWindows(steps, source, argumentSpan(call.args[0]), run);
    const chosen = (source.extension && extended) ?? { compute, mixed };
    const kernel = (windows: Windows, out: StepColumn, meta: SeriesMeta): void => {
      if (windows.rare === null) chosen.compute(windows, out, range, meta);
      else mixedWindows.compute(windows, out, meta, chosen.mixed, (floats) => chosen.compute(floats, out, range, meta));
      remark?.(out, meta, range);
    };
    const inSlices = (rescans || source.extension !== null) && steps.count > 1;
    const op = inSlices
      ? await overWindowsInSlices(source, series, steps, run, kernel)
      : overWindows(source, series, steps, run, kernel);
    return { type: 'vector', op: await refuseEqualSeries(op, scope) };
  };
  return define(name, args, 'vector', prepare, options);
}

/** Range functions do not merge series whose labels have become equal, even where they never meet, as upstream. */
async function refuseEqualSeries(op: VectorOperator, scope: Scope): Promise<VectorOperator> {
  if (await areDistinct(op.series, scope.run)) return op;
  const seen = new Set<string>();
  const strict = mapColumns(op, op.series, (column, i) => {
    if (column.points() === 0) return;
    const { key } = op.series[i].labels;
    if (seen.has(key)) throw executionError(SAME_LABELSET);
    seen.add(key);
  });
  return mergeEqualSeries(strict, scope.run, scope.steps.count);
}
