import uPlot from 'uplot';
import { withAlpha } from '../dashboard/color.ts';
import { shortDateTime } from '../dashboard/time-range.ts';
import type { ChartAxis, ChartMoment, ChartSeries, ChartThreshold } from './chart-model.ts';

export interface ChartColors {
  readonly text: string;
  readonly grid: string;
  readonly axis: string;
}

export interface ChartLook {
  readonly width: number;
  readonly height: number;
  readonly series: readonly ChartSeries[];
  readonly axes: readonly ChartAxis[];
  readonly thresholds: readonly ChartThreshold[];
  readonly moments: readonly ChartMoment[];
  readonly below: readonly number[];
  readonly colors: ChartColors;
  readonly utc: boolean;
  readonly syncKey: string | undefined;
}

const FONT = '11px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';
const scaleKey = (axis: number): string => `y${axis}`;

/** Options of uPlot for a look; data and the x range come separately. */
export function plotOptions(look: ChartLook, hooks: uPlot.Hooks.Arrays): uPlot.Options {
  return {
    width: look.width,
    height: look.height,
    ms: 1,
    padding: [8, 8, 0, 0],
    legend: { show: false },
    ...(look.utc ? { tzDate: (ms: number) => uPlot.tzDate(new Date(ms), 'Etc/UTC') } : {}),
    cursor: {
      y: false,
      points: { size: 7, width: 2 },
      drag: { x: true, y: false, setScale: false },
      focus: { prox: 24 },
      ...(look.syncKey ? { sync: { key: look.syncKey, scales: ['x', null] as [string, null], setSeries: false } } : {}),
    },
    focus: { alpha: 1 },
    scales: { x: { time: true }, ...Object.fromEntries(look.axes.map((axis, i) => [scaleKey(i), scale(axis)])) },
    axes: [timeAxis(look), ...look.axes.map((axis, i) => valueAxis(axis, i, look))],
    series: [{}, ...look.series.map(plotSeries)],
    bands: look.below.flatMap((below, i) =>
      below < 0 ? [] : [{ series: [i + 1, below + 1] as [number, number], fill: fillOf(look.series[i]!) }],
    ),
    hooks: {
      ...hooks,
      drawClear: [(plot) => drawThresholds(plot, look.thresholds)],
      draw: [(plot) => drawMoments(plot, look.moments)],
    },
  };
}

function scale(axis: ChartAxis): uPlot.Scale {
  return {
    distr: axis.log ? 3 : 1,
    ...(axis.log ? { log: axis.log } : {}),
    range: (plot, dataMin, dataMax) => {
      if (axis.log) return uPlot.rangeLog(dataMin || 1, dataMax || 10, axis.log, true);
      const low = axis.min ?? Math.min(dataMin ?? 0, axis.softMin ?? Number.POSITIVE_INFINITY);
      const high = axis.max ?? Math.max(dataMax ?? 1, axis.softMax ?? Number.NEGATIVE_INFINITY);
      if (low === high) return aroundFlat(low, axis);
      const [niceLow, niceHigh] = uPlot.rangeNum(low, high, {
        min: { pad: 0.08, soft: 0, mode: 3 },
        max: { pad: 0.08, soft: 0, mode: 3 },
      });
      void plot;
      return [axis.min ?? Math.min(niceLow ?? low, low), axis.max ?? Math.max(niceHigh ?? high, high)];
    },
  };
}

/** A flat line sits on zero's side of the middle rather than on the frame. */
function aroundFlat(value: number, axis: ChartAxis): [number, number] {
  if (value === 0) return [axis.min ?? 0, axis.max ?? 1];
  return value > 0 ? [axis.min ?? 0, axis.max ?? value * 1.5] : [axis.min ?? value * 1.5, axis.max ?? 0];
}

function timeAxis({ colors, width, utc }: ChartLook): uPlot.Axis {
  return {
    stroke: colors.axis,
    font: FONT,
    size: 26,
    gap: 4,
    space: width < 360 ? 60 : 84,
    grid: { show: true, stroke: colors.grid, width: 1 },
    ticks: { show: false },
    values: (plot, splits) => {
      const span = (plot.scales.x!.max ?? 0) - (plot.scales.x!.min ?? 0);
      const everyMs = (splits[1] ?? 0) - (splits[0] ?? 0);
      return splits.map((ms, i) => tickText(ms, i > 0 ? splits[i - 1]! : undefined, { spanMs: span, everyMs, utc }));
    },
  };
}

/** `15:04`, with seconds where ticks are closer than a minute, and the date where the day changes. */
export function tickText(
  ms: number,
  beforeMs: number | undefined,
  { spanMs, everyMs, utc }: { readonly spanMs: number; readonly everyMs: number; readonly utc: boolean },
): string {
  const text = shortDateTime(ms, utc);
  const [day, clock, seconds] = [text.slice(5, 10), text.slice(11, 16), text.slice(17, 19)];
  if (everyMs > 0 && everyMs < 60_000) return `${clock}:${seconds}`;
  if (spanMs < 26 * 3_600_000) return clock;
  const newDay = beforeMs === undefined || shortDateTime(beforeMs, utc).slice(5, 10) !== day;
  return newDay ? (clock === '00:00' ? day : `${day} ${clock}`) : clock;
}

function valueAxis(axis: ChartAxis, index: number, { colors, height }: ChartLook): uPlot.Axis {
  return {
    scale: scaleKey(index),
    show: axis.side !== 'hidden',
    side: axis.side === 'right' ? 1 : 3,
    stroke: colors.axis,
    font: FONT,
    gap: 6,
    space: height < 140 ? 24 : 36,
    ...(axis.label === '' ? {} : { label: axis.label, labelFont: FONT, labelSize: 18 }),
    ...(axis.binary ? { incrs: BINARY_STEPS } : {}),
    size: axisSize,
    grid: { show: index === 0, stroke: colors.grid, width: 1 },
    ticks: { show: false },
    values: (_plot, splits) => tickTexts(splits, axis),
  };
}

const BINARY_STEPS = Array.from({ length: 60 }, (_, i) => 2 ** (i - 4));

/** Neighbouring ticks must not read the same: digits are added until they differ. */
function tickTexts(splits: readonly (number | null)[], axis: ChartAxis): string[] {
  const shown = splits.filter((value) => value !== null);
  for (const decimals of [undefined, 1, 2, 3, 4]) {
    const texts = shown.map((value) => axis.format(value, decimals));
    if (decimals === 4 || new Set(texts).size === texts.length) {
      return splits.map((value) => (value === null ? '' : axis.format(value, decimals)));
    }
  }
  return [];
}

function axisSize(plot: uPlot, values: string[] | null): number {
  if (!values) return 44;
  plot.ctx.save();
  plot.ctx.font = FONT;
  const widest = Math.max(0, ...values.map((text) => plot.ctx.measureText(text).width));
  plot.ctx.restore();
  return Math.max(32, Math.ceil(widest) + 14);
}

const fillOf = (series: ChartSeries): string => withAlpha(series.color, series.fill);

function plotSeries(series: ChartSeries): uPlot.Series {
  const paths = pathsOf(series);
  return {
    label: series.name,
    scale: scaleKey(series.axis),
    stroke: series.color,
    width: series.draw === 'points' ? 0 : series.width,
    ...(series.fill > 0 && series.draw !== 'points' ? { fill: fillOf(series) } : {}),
    ...(series.dash.length > 0 ? { dash: [...series.dash] } : {}),
    spanGaps: series.spanGaps,
    ...(paths ? { paths } : {}),
    points: series.points || series.draw === 'points' ? { show: true, size: series.pointSize } : lonePoints(series),
  };
}

function pathsOf(series: ChartSeries): uPlot.Series.PathBuilder | undefined {
  const { bars, linear, spline, stepped } = uPlot.paths;
  if (series.draw === 'bars') return bars!({ size: [0.7, 40, 1] });
  if (series.draw === 'points') return () => null;
  if (series.shape === 'smooth') return spline!();
  if (series.shape === 'stepAfter') return stepped!({ align: 1 });
  if (series.shape === 'stepBefore') return stepped!({ align: -1 });
  return linear!();
}

/** A sample between two gaps is no line; it is shown as a dot so that it is not lost. */
function lonePoints(series: ChartSeries): uPlot.Series.Points {
  return {
    show: true,
    size: Math.max(4, series.width * 2.5),
    filter: (plot, index) => {
      const values = plot.data[index]!;
      const alone: number[] = [];
      for (let i = 0; i < values.length; i++) {
        if (values[i] != null && values[i - 1] == null && values[i + 1] == null) alone.push(i);
      }
      return alone;
    },
  };
}

function drawThresholds(plot: uPlot, thresholds: readonly ChartThreshold[]): void {
  const { ctx, bbox } = plot;
  const dpr = devicePixelRatio;
  thresholds.forEach((threshold, i) => {
    const y = plot.valToPos(threshold.value, scaleKey(0), true);
    const next = thresholds[i + 1];
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    if (threshold.area) {
      const top = next ? plot.valToPos(next.value, scaleKey(0), true) : bbox.top;
      ctx.fillStyle = withAlpha(threshold.color, 0.1);
      ctx.fillRect(bbox.left, top, bbox.width, y - top);
    }
    if (threshold.line) {
      ctx.strokeStyle = threshold.color;
      ctx.lineWidth = 1.5 * dpr;
      if (threshold.dashed) ctx.setLineDash([6 * dpr, 5 * dpr]);
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(bbox.left + bbox.width, y);
      ctx.stroke();
    }
    ctx.restore();
  });
}

function drawMoments(plot: uPlot, moments: readonly ChartMoment[]): void {
  const { ctx, bbox } = plot;
  const dpr = devicePixelRatio;
  for (const [i, { atMs, color, label }] of moments.entries()) {
    const x = plot.valToPos(atMs, 'x', true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.save();
    ctx.strokeStyle = color;
    ctx.fillStyle = color;
    ctx.lineWidth = dpr;
    ctx.setLineDash([4 * dpr, 3 * dpr]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.font = `${11 * dpr}px system-ui, sans-serif`;
    const width = ctx.measureText(label).width;
    const end = moments[i + 1] ? plot.valToPos(moments[i + 1]!.atMs, 'x', true) : bbox.left + bbox.width;
    const fits = end < x || x + width + 8 * dpr <= end;
    ctx.textAlign = 'left';
    const left = fits || x - width - 4 * dpr < bbox.left ? x + 4 * dpr : x - width - 4 * dpr;
    ctx.fillText(label, left, bbox.top + (11 + 13 * (i % 4)) * dpr);
    ctx.restore();
  }
}
