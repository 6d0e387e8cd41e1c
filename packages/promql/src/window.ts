import { SampleColumns } from '@avalanche/model';
import { ColumnTable, type SeriesMeta, StepColumn, type Steps, type VectorOperator } from './columns.ts';
import { type Extension, extraMs, reachMs } from './extension.ts';
import type { QueryRun } from './query-run.ts';
import type { References } from './selector.ts';

/** A range vector at all steps: a range selector or a subquery. */
export interface MatrixSource {
  readonly series: readonly SeriesMeta[];
  /** The right ends of the windows. */
  readonly refs: References;
  readonly rangeMs: number;
  /** Of an `anchored` or `smoothed` selector; its windows reach further than its range. */
  readonly extension: Extension | null;
  /** Replaces `into` by all samples of series `i` in the windows of all steps, without staleness markers. */
  load(i: number, into: SampleColumns): void;
}

/** Samples in the windows of one call of a kernel that works through them again and again; about a millisecond. */
const RESCANNED_A_CALL = 200_000;

/**
 * The samples of one series and, over them, the windows of all steps: window s is (endMs(s) - rangeMs, endMs(s)] and holds
 * the samples from[s] … to[s]-1, none where these are equal. One object serves all series of a query.
 */
export class Windows {
  t: Float64Array = new Float64Array(0);
  v: Float64Array = new Float64Array(0);
  /** Samples of the series. */
  length = 0;
  /** Samples of all windows together, those in several counted as often. */
  total = 0;
  /** The samples themselves where they are not all plain floats: native histograms, or floats with start timestamps. */
  rare: SampleColumns | null = null;
  readonly from: Int32Array;
  readonly to: Int32Array;
  /** The steps a kernel is to compute: firstStep … endStep-1. */
  firstStep = 0;
  endStep: number;

  constructor(
    readonly steps: Steps,
    readonly refs: References,
    readonly rangeMs: number,
  ) {
    this.endStep = steps.count;
    this.from = new Int32Array(steps.count);
    this.to = new Int32Array(steps.count);
  }

  /** Moves over the samples of a series; both ends of the window only ever go forward. */
  attach(samples: SampleColumns): void {
    const { t, v, length } = samples;
    this.t = t;
    this.v = v;
    this.length = length;
    this.rare = samples.histograms === null && samples.starts === null ? null : samples;
    const { from, to, rangeMs, refs } = this;
    const { firstMs, stepMs } = refs;
    let a = 0;
    let b = 0;
    let total = 0;
    for (let s = 0; s < to.length; s++) {
      const end = firstMs + s * stepMs;
      const start = end - rangeMs;
      while (b < length && t[b] <= end) b++;
      while (a < b && t[a] <= start) a++;
      from[s] = a;
      to[s] = b;
      total += b - a;
    }
    this.total = total;
  }

  endMs(step: number): number {
    return this.refs.firstMs + step * this.refs.stepMs;
  }

  /** The time the step is evaluated at; `@` and `offset` do not move it. */
  evalMs(step: number): number {
    return this.steps.startMs + step * this.steps.stepMs;
  }
}

/** The windows of a source at all steps; those of an extended selector hold all that is in its reach. */
export function windowsOf({ refs, rangeMs, extension }: MatrixSource, steps: Steps): Windows {
  if (extension === null) return new Windows(steps, refs, rangeMs);
  const reach = reachMs(extension);
  const { firstMs, stepMs, lastMs } = refs;
  const shifted = { firstMs: firstMs + reach, stepMs, lastMs: lastMs + reach };
  return new Windows(steps, shifted, rangeMs + extraMs(extension));
}

/** Computes the values of the windows from `firstStep` on into `out`; steps that are left alone stay absent. */
export type Kernel = (windows: Windows, out: StepColumn, series: SeriesMeta) => void;

/** Applies a kernel to the windows of each series. */
export function overWindows(
  source: MatrixSource,
  series: readonly SeriesMeta[],
  steps: Steps,
  run: QueryRun,
  kernel: Kernel,
): VectorOperator {
  const samples = new SampleColumns();
  const windows = windowsOf(source, steps);
  const counter = run.counterOf(steps);
  return {
    series,
    fill(i, out) {
      source.load(i, samples);
      run.hold(samples.length);
      out.clear();
      windows.attach(samples);
      counter.windows(windows);
      kernel(windows, out, source.series[i]);
      run.release(samples.length);
    },
  };
}

/**
 * As `overWindows`, for kernels that go through each window anew: the work may be samples × steps, so it is done at once and
 * in slices, where a column computed on demand could not be interrupted.
 */
export async function overWindowsInSlices(
  source: MatrixSource,
  series: readonly SeriesMeta[],
  steps: Steps,
  run: QueryRun,
  kernel: Kernel,
): Promise<VectorOperator> {
  const samples = new SampleColumns();
  const windows = windowsOf(source, steps);
  const counter = run.counterOf(steps);
  const table = new ColumnTable(steps.count, series.length);
  const out = new StepColumn(steps.count);
  for (let i = 0; i < series.length; i++) {
    source.load(i, samples);
    run.hold(samples.length);
    out.clear();
    windows.attach(samples);
    counter.windows(windows);
    for (windows.endStep = 0; windows.endStep < steps.count; ) {
      windows.firstStep = windows.endStep;
      windows.endStep = sliceEnd(windows);
      kernel(windows, out, source.series[i]);
      if (run.due()) await run.pause();
    }
    run.release(samples.length);
    run.hold(out.points());
    table.append(series[i], out);
  }
  return table;
}

function sliceEnd({ from, to, firstStep }: Windows): number {
  let step = firstStep;
  for (let work = 0; step < to.length && work < RESCANNED_A_CALL; step++) work += to[step] - from[step];
  return step;
}
