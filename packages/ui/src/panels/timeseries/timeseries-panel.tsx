import { lazy, type ReactNode, Suspense, useMemo, useState } from 'react';
import { TimeChart } from '../../chart/time-chart.tsx';
import { arr, obj, str, strings } from '../../dashboard/json.ts';
import { useScheme } from '../../state/use-scheme.ts';
import { useSize } from '../../state/use-size.ts';
import type { PanelProps } from '../panel-props.ts';
import { ChartLegend } from './chart-legend.tsx';
import { chartThresholds, seriesOfFields } from './series-of-fields.ts';

const RIGHT_LEGEND_PX_MIN = 420;

const AnnotationLayer = lazy(async () => ({ default: (await import('./annotation-layer.tsx')).AnnotationLayer }));

/** Which series a person has switched off or singled out by a click on the legend. */
function toggle(hidden: ReadonlySet<string>, all: readonly string[], name: string, add: boolean): ReadonlySet<string> {
  if (add) {
    const next = new Set(hidden);
    if (!next.delete(name)) next.add(name);
    return next;
  }
  const alone = hidden.size === all.length - 1 && !hidden.has(name);
  return new Set(alone ? [] : all.filter((other) => other !== name));
}

export function TimeseriesPanel(props: PanelProps): ReactNode {
  const { panel, fields, width, height, range, annotations } = props;
  const scheme = useScheme();
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const [plotRef, plotSize] = useSize();
  const { series, axes, dropped } = useMemo(() => seriesOfFields(fields, scheme), [fields, scheme]);
  const thresholds = useMemo(() => chartThresholds(fields, scheme), [fields, scheme]);
  const shown = useMemo(
    () => series.filter(({ chart }) => !hidden.has(chart.name)).map(({ chart }) => chart),
    [series, hidden],
  );
  const legend = obj(panel.options.legend);
  const tooltip = obj(panel.options.tooltip);
  const withLegend = legend.showLegend !== false && legend.displayMode !== 'hidden' && height > 110;
  const right = legend.placement === 'right' && width > RIGHT_LEGEND_PX_MIN;
  const names = series.map(({ chart }) => chart.name);
  return (
    <div className={`am-timeseries ${right ? 'am-legend-right' : ''}`} style={{ width, height }}>
      <div className="am-plot" ref={plotRef}>
        <TimeChart
          width={plotSize.width}
          height={plotSize.height}
          series={shown}
          axes={axes}
          thresholds={thresholds}
          range={range}
          utc={props.utc}
          tooltip={tooltip.mode === 'single' ? 'single' : tooltip.mode === 'none' ? 'none' : 'multi'}
          tooltipSort={tooltip.sort === 'asc' ? 'asc' : 'desc'}
          syncKey={props.syncKey}
          label={panel.title || 'Chart'}
          onZoom={props.onZoom}
          onZoomOut={props.onZoomOut}
          overlay={
            annotations.length === 0
              ? undefined
              : (box) => (
                  <Suspense fallback={null}>
                    <AnnotationLayer annotations={annotations} box={box} range={range} utc={props.utc} />
                  </Suspense>
                )
          }
        />
      </div>
      {dropped > 0 && <div className="am-partial">{dropped} more series are not drawn</div>}
      {withLegend && (
        <ChartLegend
          series={series.filter((item) => item.inLegend)}
          table={legend.displayMode === 'table'}
          calcs={strings(arr(legend.calcs))}
          sortBy={str(legend.sortBy)}
          sortDescending={legend.sortDesc !== false}
          hidden={hidden}
          maxHeight={right ? height : Math.max(22, Math.floor(height * 0.35))}
          onToggle={(name, add) => setHidden((old) => toggle(old, names, name, add))}
        />
      )}
    </div>
  );
}
