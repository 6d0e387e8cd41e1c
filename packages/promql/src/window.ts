import { SampleColumns } from '@avalanche/model';
import type { SeriesMeta, StepColumn, Steps, VectorOperator } from './columns.ts';
import type { QueryRun } from './query-run.ts';
import type { References } from './selector.ts';

/** A range vector at all steps: a range selector or a subquery. */
export interface MatrixSource {
  readonly series: readonly SeriesMeta[];
  /** The right ends of the windows. */
  readonly refs: References;
  readonly rangeMs: number;
  /** Replaces `into` by all samples of series `i` in the windows of all steps, without staleness markers. */
  load(i: number, into: SampleColumns): void;
}

/**
 * The samples of one series with the window of one step over them: those at index `from` … `to`-1. The window is
 * (endMs - rangeMs, endMs], never empty when a function sees it. One object serves all steps of a query.
 */
export class Window {
  t: Float64Array = new Float64Array(0);
  v: Float64Array = new Float64Array(0);
  from = 0;
  to = 0;
  endMs = 0;
  rangeMs = 0;
  step = 0;
  /** The time the step is evaluated at; `@` and `offset` do not move it. */
  evalMs = 0;
  private drops: number[] | null = null;
  private dropsLength = 0;

  attach(samples: SampleColumns): void {
    this.t = samples.t;
    this.v = samples.v;
    this.dropsLength = samples.length;
    this.drops = null;
  }

  get size(): number {
    return this.to - this.from;
  }

  get first(): number {
    return this.v[this.from];
  }

  get last(): number {
    return this.v[this.to - 1];
  }

  /**
   * Where the series falls (v[i] < v[i-1]), for the whole series, found once: counters rarely do, so `rate` looks at
   * two samples per step instead of at all of them.
   */
  falls(): readonly number[] {
    if (this.drops === null) {
      this.drops = [];
      for (let i = 1; i < this.dropsLength; i++) if (this.v[i] < this.v[i - 1]) this.drops.push(i);
    }
    return this.drops;
  }
}

/** Applies `compute` to every window of every series. */
export function overWindows(
  source: MatrixSource,
  series: readonly SeriesMeta[],
  steps: Steps,
  run: QueryRun,
  compute: (window: Window, out: StepColumn, series: SeriesMeta) => void,
): VectorOperator {
  const samples = new SampleColumns();
  const window = new Window();
  window.rangeMs = source.rangeMs;
  return {
    series,
    fill(i, out) {
      source.load(i, samples);
      run.hold(samples.length);
      out.clear();
      window.attach(samples);
      slide(window, samples, source, steps, () => compute(window, out, source.series[i]));
      run.release(samples.length);
    },
  };
}

/** Moves the window over the steps; both of its ends only ever go forward. */
function slide(
  window: Window,
  { t, length }: SampleColumns,
  { refs, rangeMs }: MatrixSource,
  steps: Steps,
  visit: () => void,
): void {
  let from = 0;
  let to = 0;
  for (let s = 0; s < steps.count; s++) {
    const end = refs.firstMs + s * refs.stepMs;
    while (to < length && t[to] <= end) to++;
    while (from < to && t[from] <= end - rangeMs) from++;
    if (from === to) continue;
    window.from = from;
    window.to = to;
    window.endMs = end;
    window.step = s;
    window.evalMs = steps.startMs + s * steps.stepMs;
    visit();
  }
}
