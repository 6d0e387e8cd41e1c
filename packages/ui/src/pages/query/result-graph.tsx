import { type ReactNode, useMemo, useState } from 'react';
import { type QueryResult, seriesName } from '../../api/prometheus/query.ts';
import type { ChartAxis, ChartMoment, ChartSeries, ChartThreshold } from '../../chart/chart-model.ts';
import { TimeChart } from '../../chart/time-chart.tsx';
import { type Scheme, seriesColor } from '../../dashboard/color.ts';
import type { Frame, NumberField } from '../../dashboard/frame.ts';
import { framesOfResult } from '../../dashboard/frames-of-result.ts';
import type { TimeRange } from '../../dashboard/time-range.ts';
import { formatText } from '../../dashboard/units.ts';
import { useScheme } from '../../state/use-scheme.ts';
import { useSize } from '../../state/use-size.ts';

const SERIES_MAX = 200;
const LEGEND_MAX = 100;

export interface ResultGraphProps {
  readonly expr: string;
  readonly result: QueryResult;
  readonly timing: { readonly startMs: number; readonly endMs: number; readonly stepMs: number };
  readonly stacked?: boolean;
  readonly height?: number;
  readonly legend?: boolean;
  readonly thresholds?: readonly ChartThreshold[];
  readonly moments?: readonly ChartMoment[];
  readonly onZoom?: (range: TimeRange) => void;
}

/** A range query's answer as a chart with its series listed below. */
export function ResultGraph(props: ResultGraphProps): ReactNode {
  const { expr, result, timing, stacked = false, height = 380 } = props;
  const scheme = useScheme();
  const [ref, size] = useSize();
  const [alone, setAlone] = useState<number | undefined>(undefined);
  const all = useMemo(
    () => chartSeries(expr, result, timing, stacked, scheme),
    [expr, result, timing, stacked, scheme],
  );
  const shown = useMemo(
    () => (alone === undefined || !all[alone] ? all.slice(0, SERIES_MAX) : [all[alone]]),
    [all, alone],
  );
  const range = useMemo(() => ({ fromMs: timing.startMs, toMs: timing.endMs }), [timing]);
  const width = timing.endMs - timing.startMs;
  if (all.length === 0)
    return <div className="am-picture">The query is good, and no series matches it in this time.</div>;
  return (
    <div>
      <div ref={ref} style={{ height }}>
        <TimeChart
          width={size.width}
          height={size.height}
          series={shown}
          axes={AXES}
          thresholds={props.thresholds ?? NONE}
          moments={props.moments ?? NONE}
          range={range}
          label={`Graph of ${expr}`}
          onZoom={props.onZoom}
          onZoomOut={
            props.onZoom &&
            (() => props.onZoom?.({ fromMs: timing.startMs - width / 2, toMs: timing.endMs + width / 2 }))
          }
        />
      </div>
      {all.length > SERIES_MAX && (
        <div className="am-notice">
          {all.length - SERIES_MAX} of {all.length} series are not drawn. Aggregate, or select fewer.
        </div>
      )}
      {props.legend !== false && (
        <div className="am-legend" style={{ maxHeight: 220 }}>
          {all.slice(0, LEGEND_MAX).map(({ name, color }, i) => (
            <div key={name}>
              <button
                type="button"
                className={alone !== undefined && alone !== i ? 'am-legend-name am-off' : 'am-legend-name'}
                aria-pressed={alone === undefined || alone === i}
                onClick={() => setAlone(alone === i ? undefined : i)}
              >
                <span className="am-swatch" style={{ background: color, borderColor: color }} />
                <span className="am-legend-text am-mono">{name}</span>
              </button>
            </div>
          ))}
          {all.length > LEGEND_MAX && <div className="am-dim">and {all.length - LEGEND_MAX} more</div>}
        </div>
      )}
    </div>
  );
}

const NONE: readonly never[] = [];
const AXES: readonly ChartAxis[] = [
  {
    side: 'left',
    label: '',
    min: undefined,
    max: undefined,
    softMin: undefined,
    softMax: undefined,
    log: undefined,
    binary: false,
    format: (value, decimals) => formatText(value, 'short', { decimals }),
  },
];

function chartSeries(
  expr: string,
  result: QueryResult,
  timing: ResultGraphProps['timing'],
  stacked: boolean,
  scheme: Scheme,
): readonly ChartSeries[] {
  const target = {
    refId: 'A',
    expr,
    legendFormat: '',
    instant: false,
    format: 'time_series',
    interval: '',
    intervalFactor: 1,
    hidden: false,
  } as const;
  const frames = framesOfResult({ target, expr, kind: 'range', ...timing }, result, 0);
  const lone = frames.length === 1;
  return frames.map((frame, i) => oneSeries(frame, seriesColor(i, scheme), lone, stacked));
}

function oneSeries(frame: Frame, color: string, lone: boolean, stacked: boolean): ChartSeries {
  const [time, value] = frame.fields as readonly [NumberField, NumberField];
  return {
    name: seriesName(value.labels),
    color,
    times: time.values,
    values: value.values,
    width: 1.5,
    fill: stacked ? 0.3 : lone ? 0.08 : 0,
    draw: 'line',
    shape: 'linear',
    dash: [],
    points: false,
    pointSize: 5,
    spanGaps: false,
    stack: { mode: stacked ? 'normal' : 'none', group: 'A' },
    axis: 0,
    inTooltip: true,
    format: (number) => formatText(number, 'short'),
  };
}
