import type { ChartAxis, ChartSeries, ChartThreshold, LineShape } from '../../chart/chart-model.ts';
import { cssColor, type Scheme } from '../../dashboard/color.ts';
import { thresholdBounds } from '../../dashboard/field-config.ts';
import type { NumberField } from '../../dashboard/frame.ts';
import { type Json, num, obj, str } from '../../dashboard/json.ts';
import { lineColor, type ResolvedField } from '../../dashboard/series.ts';
import { formatText, isBinaryUnit } from '../../dashboard/units.ts';

/** A series with the field that it draws. */
export interface PanelSeries {
  readonly item: ResolvedField;
  readonly chart: ChartSeries;
  readonly inLegend: boolean;
}

const SERIES_MAX = 500;

/** The chart's series and axes for a panel's fields; one axis per unit and side. */
export function seriesOfFields(
  fields: readonly ResolvedField[],
  scheme: Scheme,
): { readonly series: readonly PanelSeries[]; readonly axes: readonly ChartAxis[]; readonly dropped: number } {
  const axisKeys: string[] = [];
  const axes: ChartAxis[] = [];
  const drawn = fields.filter((item) => item.field.kind === 'number' && !isHidden(item.config.custom, 'viz'));
  const lone = drawn.length === 1;
  const series = drawn.slice(0, SERIES_MAX).flatMap((item) => {
    const times = item.frame.fields.find((field) => field.kind === 'time');
    if (!times) return [];
    const key = axisKey(item);
    if (!axisKeys.includes(key)) {
      axes.push(axisOf(item, axes));
      axisKeys.push(key);
    }
    const chart = chartSeries(item, times.values as Float64Array, axisKeys.indexOf(key), scheme, lone);
    return [{ item, chart, inLegend: !isHidden(item.config.custom, 'legend') }];
  });
  return { series, axes, dropped: Math.max(0, drawn.length - SERIES_MAX) };
}

function isHidden(custom: Json, where: 'viz' | 'legend' | 'tooltip'): boolean {
  return obj(custom.hideFrom)[where] === true;
}

function axisKey({ config }: ResolvedField): string {
  return `${config.unit}|${str(config.custom.axisPlacement, 'auto')}|${str(config.custom.axisLabel)}`;
}

function axisOf({ config }: ResolvedField, before: readonly ChartAxis[]): ChartAxis {
  const { custom, unit } = config;
  const placement = str(custom.axisPlacement, 'auto');
  const leftTaken = before.some((axis) => axis.side === 'left');
  const side = placement === 'auto' ? (leftTaken ? 'right' : 'left') : placement;
  const log = num(obj(custom.scaleDistribution).log);
  return {
    side: side === 'hidden' ? 'hidden' : side === 'right' ? 'right' : 'left',
    label: str(custom.axisLabel),
    min: config.min,
    max: config.max,
    softMin: num(custom.axisSoftMin),
    softMax: num(custom.axisSoftMax),
    log: obj(custom.scaleDistribution).type === 'log' ? (log === 2 ? 2 : 10) : undefined,
    binary: isBinaryUnit(unit),
    format: (value, decimals) => formatText(value, unit, { decimals }),
  };
}

const SHAPES: readonly string[] = ['linear', 'smooth', 'stepBefore', 'stepAfter'];

function chartSeries(
  item: ResolvedField,
  times: Float64Array,
  axis: number,
  scheme: Scheme,
  lone: boolean,
): ChartSeries {
  const { custom, unit, decimals } = item.config;
  const field = item.field as NumberField;
  const stacking = obj(custom.stacking);
  const mode = str(stacking.mode, 'none');
  const negative = custom.transform === 'negative-Y';
  const shape = str(custom.lineInterpolation, 'linear');
  const lineStyle = obj(custom.lineStyle);
  const draw = str(custom.drawStyle, 'line');
  const constant = custom.transform === 'constant';
  return {
    name: item.name,
    color: lineColor(item, scheme),
    times,
    values: negative ? field.values.map((value) => -value) : constant ? steady(field.values) : field.values,
    width: Math.max(draw === 'bars' ? 1 : 0, lineWidth(num(custom.lineWidth) ?? 1)),
    fill: fillOpacity(custom, mode, lone),
    draw: draw === 'bars' || draw === 'points' ? draw : 'line',
    shape: (SHAPES.includes(shape) ? shape : 'linear') as LineShape,
    dash: lineStyle.fill === 'dash' ? [8, 6] : lineStyle.fill === 'dot' ? [1, 4] : [],
    points: custom.showPoints === 'always',
    pointSize: num(custom.pointSize) ?? 5,
    spanGaps: custom.spanNulls === true || typeof custom.spanNulls === 'number',
    stack: {
      mode: mode === 'normal' || mode === 'percent' ? mode : 'none',
      group: `${String(stacking.group ?? 'A')}${axis}`,
    },
    axis,
    inTooltip: !isHidden(custom, 'tooltip'),
    format: (value) => formatText(negative ? Math.abs(value) : value, unit, { decimals }),
  };
}

/** Grafana's 1 px is drawn 1.5 px wide, as all our lines are; an explicit other width is kept. */
const lineWidth = (width: number): number => (width === 1 ? 1.5 : width);

function steady(values: Float64Array): Float64Array {
  const first = values.find((value) => !Number.isNaN(value)) ?? Number.NaN;
  return new Float64Array(values.length).fill(first);
}

function fillOpacity(custom: Json, stackMode: string, lone: boolean): number {
  const asked = (num(custom.fillOpacity) ?? 0) / 100;
  // Many overlapping fills hide each other: without a stack they are thinned, as the house's look has it.
  return stackMode === 'none' && !lone ? Math.min(asked, 0.12) : Math.min(asked, 0.85);
}

/** Thresholds to draw across the plot, where the panel asks for it. */
export function chartThresholds(fields: readonly ResolvedField[], scheme: Scheme): readonly ChartThreshold[] {
  const config = fields.find(({ field }) => field.kind === 'number')?.config;
  const style = str(obj(config?.custom.thresholdsStyle).mode, 'off');
  if (!config || style === 'off') return [];
  return thresholdBounds(config.thresholds, config.min, config.max).map(({ value, color }) => ({
    value,
    color: cssColor(color, scheme),
    line: style.includes('line') || style.includes('dashed'),
    dashed: style.includes('dashed'),
    area: style.includes('area'),
  }));
}
