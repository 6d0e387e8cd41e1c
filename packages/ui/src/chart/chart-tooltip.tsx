import type { ReactNode } from 'react';
import { shortDateTime } from '../dashboard/time-range.ts';
import type { Size } from '../state/use-size.ts';
import type { Column } from './align.ts';
import type { ChartSeries } from './chart-model.ts';

export interface Hover {
  /** Index into the shared times. */
  readonly index: number;
  /** Pixels from the chart's top left corner. */
  readonly left: number;
  readonly top: number;
  /** The series nearest to the pointer, or -1. */
  readonly focused: number;
}

interface Line {
  readonly index: number;
  readonly series: ChartSeries;
  readonly value: number;
}

const LINES_MAX = 24;
const WIDTH_PX = 300;

export function ChartTooltip(props: {
  readonly hover: Hover;
  readonly atMs: number;
  readonly series: readonly ChartSeries[];
  readonly columns: readonly Column[];
  readonly single: boolean;
  readonly sort: 'asc' | 'desc' | 'none';
  readonly utc: boolean;
  readonly bounds: Size;
}): ReactNode {
  const { hover, bounds } = props;
  const lines = tooltipLines(props);
  const flip = hover.left > bounds.width - WIDTH_PX;
  const place = flip ? { right: bounds.width - hover.left + 14 } : { left: hover.left + 14 };
  return (
    <div className="am-tooltip" style={{ ...place, top: Math.max(0, Math.min(hover.top - 12, bounds.height - 40)) }}>
      <div className="am-tooltip-time">{shortDateTime(props.atMs, props.utc)}</div>
      {lines.length === 0 && <div className="am-dim">no value here</div>}
      {lines.slice(0, LINES_MAX).map(({ index, series, value }) => (
        <div key={index} className={index === hover.focused ? 'am-tooltip-line am-focused' : 'am-tooltip-line'}>
          <span className="am-swatch" style={{ background: series.color }} />
          <span className="am-tooltip-name">{series.name}</span>
          <span className="am-num">{series.format(value)}</span>
        </div>
      ))}
      {lines.length > LINES_MAX && <div className="am-dim">and {lines.length - LINES_MAX} more</div>}
    </div>
  );
}

function tooltipLines(props: {
  readonly hover: Hover;
  readonly series: readonly ChartSeries[];
  readonly columns: readonly Column[];
  readonly single: boolean;
  readonly sort: 'asc' | 'desc' | 'none';
}): readonly Line[] {
  const { hover, columns, sort } = props;
  const lines = props.series.flatMap((series, index): Line[] => {
    const value = columns[index]?.[hover.index];
    return typeof value === 'number' && series.inTooltip ? [{ index, series, value }] : [];
  });
  if (props.single) return lines.filter(({ index }) => index === hover.focused);
  if (sort === 'none') return lines;
  return lines.sort((a, b) => (sort === 'asc' ? a.value - b.value : b.value - a.value));
}
