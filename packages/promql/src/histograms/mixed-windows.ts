import { type FloatHistogram, SampleColumns } from '@avalanche/model';
import { ABSENT, type StepColumn, type Steps } from '../columns.ts';
import type { References } from '../selector.ts';
import { Windows } from '../window.ts';
import type { Remarks } from './increase.ts';
import { ignoredInRange } from './notes.ts';
import { type MixedWindow, split } from './points.ts';

/** The value of a window that has native histograms, or null where it has none. */
export type MixedFunction = (window: MixedWindow, remarks: Remarks) => number | FloatHistogram | null;

/** What a range function does with the windows that plain floats are not all of. */
export interface MixedTreatment {
  /** Null: it ignores histograms, and says so where it had floats to work with. */
  readonly compute: MixedFunction | null;
  /** Whether it looks at start timestamps. */
  readonly starts: boolean;
}

/** The windows of series that have native histograms or start timestamps. Most queries never need one. */
export class MixedWindows {
  private readonly floats: Windows;
  private readonly histograms: Windows;

  constructor(
    steps: Steps,
    refs: References,
    private readonly rangeMs: number,
  ) {
    this.floats = new Windows(steps, refs, rangeMs);
    this.histograms = new Windows(steps, refs, rangeMs);
  }

  /**
   * Computes the steps that `windows` is at. Windows of nothing but floats are left to the float kernel, which does not
   * see the histograms at all; the others are computed one by one.
   */
  compute(
    samples: SampleColumns,
    windows: Windows,
    out: StepColumn,
    floatKernel: (floats: Windows, out: StepColumn) => void,
    { compute, starts }: MixedTreatment,
    remarks: Remarks,
  ): void {
    const parts = split(samples);
    const { floats, histograms } = this;
    floats.attach(columnsOf(parts.floats.t, parts.floats.v));
    histograms.attach(columnsOf(parts.histograms.t, parts.histograms.t));
    const { firstStep, endStep } = windows;
    floats.firstStep = firstStep;
    floats.endStep = endStep;
    if (floats.length > 0) floatKernel(floats, out);
    const window: MixedWindow = { ...parts, endMs: 0, rangeMs: this.rangeMs };
    for (let s = firstStep; s < endStep; s++) {
      const hasFloats = floats.to[s] > floats.from[s];
      const hasHistograms = histograms.to[s] > histograms.from[s];
      if (!hasHistograms && !(hasFloats && starts && samples.starts !== null)) continue;
      if (compute === null) {
        if (hasFloats) remarks.note('info', ignoredInRange(remarks.metricName));
        continue;
      }
      window.endMs = windows.endMs(s);
      [window.floats.from, window.floats.to] = [floats.from[s], floats.to[s]];
      [window.histograms.from, window.histograms.to] = [histograms.from[s], histograms.to[s]];
      out.present[s] = ABSENT;
      const value = compute(window, remarks);
      if (typeof value === 'number') out.set(s, value);
      else if (value !== null) out.setHistogram(s, value);
    }
  }
}

function columnsOf(t: Float64Array, v: Float64Array): SampleColumns {
  const columns = new SampleColumns(t.length);
  for (let i = 0; i < t.length; i++) columns.push(t[i], v[i]);
  return columns;
}
