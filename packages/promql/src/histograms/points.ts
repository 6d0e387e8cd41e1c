import type { FloatHistogram, SampleColumns } from '@avalanche/model';
import type { Extension } from '../extension.ts';

/** Samples of one kind of one series, and which of them are in the window: those at index `from` … `to`-1. */
interface Points {
  readonly t: Float64Array;
  /** Start timestamps in milliseconds, 0 where there is none; null where they do not count. */
  readonly starts: Float64Array | null;
  from: number;
  to: number;
}

export interface FloatPoints extends Points {
  readonly v: Float64Array;
}

export interface HistogramPoints extends Points {
  readonly h: readonly FloatHistogram[];
  /** Whether all histograms of the series have one schema and none is a gauge, so that a window need not be looked through. */
  readonly alike: boolean;
  /** Whether there was a counter reset between each and the one before: 1, 0, or -1 where nobody has looked yet. */
  readonly resets: Int8Array;
}

/** A series that has native histograms or start timestamps: its two kinds side by side. */
export interface MixedParts {
  readonly floats: FloatPoints;
  readonly histograms: HistogramPoints;
}

/** The window of one step over such a series. */
export interface MixedWindow extends MixedParts {
  /** The window is (endMs - rangeMs, endMs]. */
  endMs: number;
  readonly rangeMs: number;
  /** Of an anchored or smoothed range: `from` … `to` is then what is in its reach. */
  readonly extension: Extension | null;
}

export function size({ from, to }: Points): number {
  return to - from;
}

/** Takes floats and histograms apart. */
export function split(samples: SampleColumns): MixedParts {
  const { length, histograms, starts } = samples;
  const floatAt: number[] = [];
  const histogramAt: number[] = [];
  for (let i = 0; i < length; i++) (histograms?.[i] ? histogramAt : floatAt).push(i);
  const pick = (column: Float64Array, at: readonly number[]): Float64Array => Float64Array.from(at, (i) => column[i]);
  const points = (at: readonly number[]): Points => ({
    t: pick(samples.t, at),
    starts: starts && pick(starts, at),
    from: 0,
    to: 0,
  });
  const h: FloatHistogram[] = [];
  for (const i of histogramAt) h.push(histograms?.[i] as FloatHistogram);
  return {
    floats: { ...points(floatAt), v: pick(samples.v, floatAt) },
    histograms: {
      ...points(histogramAt),
      h,
      alike: h.every(({ schema, counterResetHint }) => schema === h[0].schema && counterResetHint !== 'gauge'),
      resets: new Int8Array(h.length).fill(-1),
    },
  };
}
