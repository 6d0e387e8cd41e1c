import { type ComponentType, lazy } from 'react';
import { BargaugePanel } from './bargauge/bargauge-panel.tsx';
import { GaugePanel } from './gauge/gauge-panel.tsx';
import type { PanelProps } from './panel-props.ts';
import { StatPanel } from './stat/stat-panel.tsx';
import { TablePanel } from './table/table-panel.tsx';

/** Charts and text bring libraries of their own and load when a dashboard first has one. */
const TimeseriesPanel = lazy(async () => ({
  default: (await import('./timeseries/timeseries-panel.tsx')).TimeseriesPanel,
}));
const TextPanel = lazy(async () => ({ default: (await import('./text/text-panel.tsx')).TextPanel }));

const RENDERERS: Readonly<Record<string, ComponentType<PanelProps>>> = {
  timeseries: TimeseriesPanel,
  stat: StatPanel,
  gauge: GaugePanel,
  bargauge: BargaugePanel,
  table: TablePanel,
  text: TextPanel,
};

/** The renderer of a Grafana panel type; undefined where we have none. */
export function rendererOf(type: string): ComponentType<PanelProps> | undefined {
  return RENDERERS[type];
}

/** Types that draw without any data. */
export function needsData(type: string): boolean {
  return type !== 'text';
}
