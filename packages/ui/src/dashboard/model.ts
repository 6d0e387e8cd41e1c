import type { Json } from './json.ts';
import type { RawRange } from './time-range.ts';

/** A dashboard in Grafana's own terms. `raw` keeps every field that we do not understand. */
export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly time: RawRange;
  readonly refresh: string;
  readonly refreshIntervals: readonly string[];
  readonly utc: boolean;
  /** Grafana's graphTooltip: 0 alone, 1 shared crosshair, 2 shared tooltip. */
  readonly crosshair: 'alone' | 'shared';
  readonly variables: readonly Variable[];
  readonly rows: readonly Row[];
  readonly links: readonly DashboardLink[];
  readonly annotations: readonly AnnotationQuery[];
  readonly raw: Json;
}

/** An entry of the dashboard's annotations: where they come from, and how they are drawn. */
export interface AnnotationQuery {
  readonly key: string;
  readonly name: string;
  /** As the dashboard file writes a colour. */
  readonly color: string;
  readonly enabled: boolean;
  /** Without a switch above the dashboard. */
  readonly hidden: boolean;
  /** Panels that show it, or, with `exclude`, that do not; undefined for all. */
  readonly panels: { readonly ids: readonly number[]; readonly exclude: boolean } | undefined;
  readonly source: AnnotationSource;
}

export type AnnotationSource =
  | { readonly kind: 'tags'; readonly tags: readonly string[]; readonly matchAny: boolean; readonly limit: number }
  /** Those that were made on this dashboard. */
  | { readonly kind: 'dashboard'; readonly limit: number }
  | PromqlAnnotations;

export interface PromqlAnnotations {
  readonly kind: 'promql';
  readonly expr: string;
  readonly step: string;
  readonly titleFormat: string;
  readonly textFormat: string;
  /** Labels whose values become tags. */
  readonly tagKeys: readonly string[];
  /** A sample's value is the moment, in milliseconds, and not its own time. */
  readonly useValueForTime: boolean;
}

/** A row and the panels under it; the panels above the first row are in one without a title. */
export interface Row {
  readonly key: string;
  readonly title: string;
  readonly collapsed: boolean;
  readonly repeat: string;
  readonly panels: readonly Panel[];
}

/** Grafana's 24-column grid; `h` and `y` in units of 38 pixels with their gap. */
export interface GridPosition {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

export interface Panel {
  readonly key: string;
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description: string;
  readonly position: GridPosition;
  readonly transparent: boolean;
  readonly targets: readonly PanelTarget[];
  readonly defaults: Json;
  readonly overrides: readonly Override[];
  readonly options: Json;
  readonly transformations: readonly Transformation[];
  readonly links: readonly PanelLink[];
  readonly repeat: string;
  readonly repeatDirection: 'h' | 'v';
  readonly repeatMaxPerRow: number;
  readonly maxDataPoints: number | undefined;
  readonly interval: string;
  readonly timeFrom: string;
  readonly timeShift: string;
  /** Variables fixed by a repeat, over the dashboard's own. */
  readonly fixed: Readonly<Record<string, string>>;
  readonly raw: Json;
}

/** A panel's query (Grafana's "target"). */
export interface PanelTarget {
  readonly refId: string;
  readonly expr: string;
  readonly legendFormat: string;
  readonly instant: boolean;
  readonly format: 'time_series' | 'table' | 'heatmap';
  readonly interval: string;
  readonly intervalFactor: number;
  readonly hidden: boolean;
}

export interface Override {
  readonly matcher: { readonly id: string; readonly options: unknown };
  readonly properties: readonly { readonly id: string; readonly value: unknown }[];
}

export interface Transformation {
  readonly id: string;
  readonly options: Json;
}

export interface PanelLink {
  readonly title: string;
  readonly url: string;
  readonly newTab: boolean;
}

export interface DashboardLink extends PanelLink {
  readonly type: 'link' | 'dashboards';
  readonly tags: readonly string[];
  readonly keepTime: boolean;
  readonly includeVars: boolean;
}

export type VariableType = 'query' | 'custom' | 'interval' | 'datasource' | 'constant' | 'textbox' | 'adhoc';

export interface VariableOption {
  readonly text: string;
  readonly value: string;
}

export interface Variable {
  readonly name: string;
  readonly label: string;
  readonly type: VariableType;
  readonly query: string;
  readonly regex: string;
  readonly sort: number;
  readonly multi: boolean;
  readonly includeAll: boolean;
  readonly allValue: string;
  /** 0 shown, 1 without its label, 2 not shown. */
  readonly hide: number;
  readonly current: readonly string[];
  readonly options: readonly VariableOption[];
  readonly auto: { readonly count: number; readonly min: string } | undefined;
}
