import type { StackRule } from './stack.ts';

export type LineShape = 'linear' | 'smooth' | 'stepBefore' | 'stepAfter';

/** One series to draw; sizes in CSS pixels, times in epoch milliseconds. */
export interface ChartSeries {
  readonly name: string;
  readonly color: string;
  readonly times: Float64Array;
  readonly values: Float64Array;
  readonly width: number;
  /** Opacity of the fill, 0 to 1. */
  readonly fill: number;
  readonly draw: 'line' | 'bars' | 'points';
  readonly shape: LineShape;
  readonly dash: readonly number[];
  readonly points: boolean;
  readonly pointSize: number;
  readonly spanGaps: boolean;
  readonly stack: StackRule;
  /** Which of the chart's axes it is measured on. */
  readonly axis: number;
  readonly inTooltip: boolean;
  readonly format: (value: number) => string;
}

export interface ChartAxis {
  readonly side: 'left' | 'right' | 'hidden';
  readonly label: string;
  readonly min: number | undefined;
  readonly max: number | undefined;
  readonly softMin: number | undefined;
  readonly softMax: number | undefined;
  /** Base of a logarithmic scale. */
  readonly log: 2 | 10 | undefined;
  readonly binary: boolean;
  readonly format: (value: number, decimals: number | undefined) => string;
}

/** A level drawn across the plot. */
export interface ChartThreshold {
  readonly value: number;
  readonly color: string;
  readonly line: boolean;
  readonly dashed: boolean;
  readonly area: boolean;
}

/** A moment marked on the time axis. */
export interface ChartMoment {
  readonly atMs: number;
  readonly color: string;
  readonly label: string;
}
