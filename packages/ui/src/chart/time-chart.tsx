import 'uplot/dist/uPlot.min.css';
import { type ReactNode, useEffect, useMemo, useRef, useState } from 'react';
import uPlot from 'uplot';
import type { TimeRange } from '../dashboard/time-range.ts';
import { useScheme } from '../state/use-scheme.ts';
import { align } from './align.ts';
import type { ChartAxis, ChartMoment, ChartSeries, ChartThreshold } from './chart-model.ts';
import { ChartTooltip, type Hover } from './chart-tooltip.tsx';
import { stack } from './stack.ts';
import { type ChartColors, plotOptions } from './uplot-options.ts';

export interface TimeChartProps {
  readonly width: number;
  readonly height: number;
  readonly series: readonly ChartSeries[];
  readonly axes: readonly ChartAxis[];
  readonly thresholds?: readonly ChartThreshold[];
  readonly moments?: readonly ChartMoment[];
  readonly range: TimeRange;
  readonly utc?: boolean;
  readonly tooltip?: 'multi' | 'single' | 'none';
  readonly tooltipSort?: 'asc' | 'desc' | 'none';
  /** Charts of one key share their crosshair. */
  readonly syncKey?: string | undefined;
  readonly label: string;
  readonly onZoom?: ((range: TimeRange) => void) | undefined;
  readonly onZoomOut?: (() => void) | undefined;
  /** Drawn over the plot. */
  readonly overlay?: ((box: PlotBox) => ReactNode) | undefined;
}

/** Where the plot is within the chart, in CSS pixels. */
export interface PlotBox {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

const COLORS: Readonly<Record<'light' | 'dark', ChartColors>> = {
  dark: { text: '#d5dae1', grid: 'rgba(150,165,185,0.10)', axis: '#8b95a3' },
  light: { text: '#252b33', grid: 'rgba(60,75,95,0.09)', axis: '#67717e' },
};
const NONE: readonly never[] = [];
const DRAG_PX_MIN = 4;

/** Lines over time on uPlot: crosshair, sorted tooltip, drag to zoom, double click to zoom out. */
export function TimeChart(props: TimeChartProps): ReactNode {
  const { width, height, series, axes, thresholds = NONE, moments = NONE, range, utc = false, syncKey } = props;
  const scheme = useScheme();
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const [hover, setHover] = useState<Hover | undefined>(undefined);
  const [box, setBox] = useState<PlotBox | undefined>(undefined);
  const latest = useRef(props);
  latest.current = props;

  const aligned = useMemo(() => align(series), [series]);
  const stacked = useMemo(
    () =>
      stack(
        aligned.columns,
        series.map((item) => item.stack),
      ),
    [aligned, series],
  );
  const signature = useMemo(
    () => JSON.stringify([series.map(lookOf), axes, thresholds, moments, stacked.below, scheme, utc, syncKey]),
    [series, axes, thresholds, moments, stacked.below, scheme, utc, syncKey],
  );
  const ready = width > 40 && height > 30;

  // biome-ignore lint/correctness/useExhaustiveDependencies: the signature stands for every part of the look
  useEffect(() => {
    if (!host.current || !ready) return;
    const look = {
      width,
      height,
      series,
      axes,
      thresholds,
      moments,
      below: stacked.below,
      colors: COLORS[scheme],
      utc,
      syncKey,
    };
    const created = new uPlot(plotOptions(look, hooksFor(latest, setHover, setBox)), undefined, host.current);
    plot.current = created;
    created.over.addEventListener('dblclick', () => latest.current.onZoomOut?.());
    return () => {
      plot.current = undefined;
      created.destroy();
    };
  }, [signature, ready]);

  useEffect(() => {
    if (ready) plot.current?.setSize({ width, height });
  }, [width, height, ready]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: a new look is a new plot, which needs its data again
  useEffect(() => {
    const current = plot.current;
    if (!current) return;
    current.batch(() => {
      current.setData([aligned.times, ...stacked.columns] as unknown as uPlot.AlignedData, true);
      current.setScale('x', { min: range.fromMs, max: Math.max(range.toMs, range.fromMs + 1000) });
    });
  }, [aligned, stacked, range.fromMs, range.toMs, signature, ready]);

  return (
    <div className="am-chart" style={{ width, height }}>
      <div ref={host} role="img" aria-label={props.label} />
      {box && props.overlay?.(box)}
      {hover && props.tooltip !== 'none' && hover.index < aligned.times.length && (
        <ChartTooltip
          hover={hover}
          atMs={aligned.times[hover.index]!}
          series={series}
          columns={aligned.columns}
          single={props.tooltip === 'single'}
          sort={props.tooltipSort ?? 'desc'}
          utc={utc}
          bounds={{ width, height }}
        />
      )}
    </div>
  );
}

/** What of a series changes the plot itself and not only its data. */
function lookOf({ times: _times, values: _values, ...look }: ChartSeries): unknown {
  return look;
}

function hooksFor(
  latest: { readonly current: TimeChartProps },
  setHover: (hover: Hover | undefined) => void,
  setBox: (change: (old: PlotBox | undefined) => PlotBox) => void,
): uPlot.Hooks.Arrays {
  let focused = -1;
  return {
    drawAxes: [
      ({ bbox }) => {
        const [left, top, width, height] = [bbox.left, bbox.top, bbox.width, bbox.height].map(
          (pixels) => pixels / devicePixelRatio,
        ) as [number, number, number, number];
        const isSame = (old: PlotBox) =>
          old.left === left && old.top === top && old.width === width && old.height === height;
        setBox((old) => (old && isSame(old) ? old : { left, top, width, height }));
      },
    ],
    setSeries: [
      (_plot, index) => {
        focused = index === null ? -1 : index - 1;
      },
    ],
    setCursor: [
      (plot) => {
        const { idx, left = -1, top = -1 } = plot.cursor;
        // A crosshair that follows another chart has no event of its own: the line is shown, the tooltip is not.
        const own = plot.cursor.event != null && plot.over.matches(':hover');
        if (idx == null || left < 0 || !own) return setHover(undefined);
        setHover({ index: idx, left: left + plot.over.offsetLeft, top: top + plot.over.offsetTop, focused });
      },
    ],
    setSelect: [
      (plot) => {
        const { left, width } = plot.select;
        if (width < DRAG_PX_MIN) return;
        const fromMs = plot.posToVal(left, 'x');
        const toMs = plot.posToVal(left + width, 'x');
        plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        latest.current.onZoom?.({ fromMs: Math.round(fromMs), toMs: Math.round(toMs) });
      },
    ],
  };
}
