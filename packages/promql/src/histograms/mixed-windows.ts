import { type FloatHistogram, SampleColumns } from '@avalanche/model';
import type { Span } from '../ast.ts';
import { ABSENT, type SeriesMeta, type StepColumn, type Steps } from '../columns.ts';
import { reachMs } from '../extension.ts';
import type { QueryRun } from '../query-run.ts';
import { type MatrixSource, type Windows, windowsOf } from '../window.ts';
import type { Remarks } from './increase.ts';
import { ignoredInRange } from './notes.ts';
import { type MixedParts, type MixedWindow, split } from './points.ts';
import { remarksOn } from './remarks.ts';

/** The value of a window that has native histograms, or null where it has none. */
export type MixedFunction = (window: MixedWindow, remarks: Remarks) => number | FloatHistogram | null;

/** What a range function does with windows that are not all plain floats. */
export interface MixedTreatment {
  /**
   * Made for each series, and then asked for its windows one after the other. Null: it ignores histograms, and says so
   * where it had floats to work with.
   */
  readonly compute: ((parts: MixedParts) => MixedFunction) | null;
  /** Whether it looks at start timestamps. */
  readonly starts: boolean;
}

/** The windows of series that have native histograms or start timestamps. Most queries never come here. */
export class MixedWindows {
  /** The windows over the floats and over the histograms alone, made when first wanted. */
  private parts: { readonly floats: Windows; readonly histograms: Windows } | null = null;

  constructor(
    private readonly steps: Steps,
    private readonly source: MatrixSource,
    /** What annotations are about. */
    private readonly argument: Span,
    private readonly run: QueryRun,
  ) {}

  /**
   * Computes the steps that `windows` is at. Windows of nothing but floats are left to the float kernel, which does not
   * see the histograms at all; the others are computed one by one.
   */
  compute(
    windows: Windows,
    out: StepColumn,
    series: SeriesMeta,
    treatment: MixedTreatment,
    floatKernel: (floats: Windows) => void,
  ): void {
    const samples = windows.rare as SampleColumns;
    const points = split(samples);
    const { floats, histograms } = this.attached(points.floats.t, points.floats.v, points.histograms.t);
    floats.firstStep = windows.firstStep;
    floats.endStep = windows.endStep;
    if (floats.length > 0) floatKernel(floats);
    const remarks = remarksOn(series.labels.metricName, this.argument, this.run.annotations);
    const { rangeMs, extension } = this.source;
    const window: MixedWindow = { ...points, endMs: 0, rangeMs, extension };
    const starts = treatment.starts && samples.starts !== null;
    const compute = treatment.compute?.(points) ?? null;
    for (let s = windows.firstStep; s < windows.endStep; s++) {
      const hasFloats = floats.to[s] > floats.from[s];
      const hasHistograms = histograms.to[s] > histograms.from[s];
      if (!hasHistograms && !(hasFloats && starts)) continue;
      if (compute === null) {
        if (hasFloats) remarks.note('info', ignoredInRange(remarks.metricName));
        continue;
      }
      window.endMs = windows.endMs(s) - reachMs(extension);
      [window.floats.from, window.floats.to] = [floats.from[s], floats.to[s]];
      [window.histograms.from, window.histograms.to] = [histograms.from[s], histograms.to[s]];
      out.present[s] = ABSENT;
      const value = compute(window, remarks);
      if (typeof value === 'number') out.set(s, value);
      else if (value !== null) out.setHistogram(s, value);
    }
  }

  private attached(floatT: Float64Array, floatV: Float64Array, histogramT: Float64Array) {
    const { steps, source } = this;
    this.parts ??= {
      floats: windowsOf(source, steps),
      histograms: windowsOf(source, steps),
    };
    this.parts.floats.attach(columnsOf(floatT, floatV));
    this.parts.histograms.attach(columnsOf(histogramT, histogramT));
    return this.parts;
  }
}

function columnsOf(t: Float64Array, v: Float64Array): SampleColumns {
  const columns = new SampleColumns(t.length);
  for (let i = 0; i < t.length; i++) columns.push(t[i], v[i]);
  return columns;
}
