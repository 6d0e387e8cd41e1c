import type { DashboardAnnotation } from '../dashboard/annotation-query.ts';
import type { Frame } from '../dashboard/frame.ts';
import type { Scope } from '../dashboard/interpolate.ts';
import type { Panel } from '../dashboard/model.ts';
import type { ResolvedField } from '../dashboard/series.ts';
import type { TimeRange } from '../dashboard/time-range.ts';

/** What a renderer gets: columns, a size in pixels, and nothing that fetches. */
export interface PanelProps {
  readonly panel: Panel;
  readonly frames: readonly Frame[];
  readonly fields: readonly ResolvedField[];
  readonly scope: Scope;
  readonly width: number;
  readonly height: number;
  readonly range: TimeRange;
  readonly annotations: readonly DashboardAnnotation[];
  readonly utc: boolean;
  readonly syncKey: string | undefined;
  readonly onZoom: (range: TimeRange) => void;
  readonly onZoomOut: () => void;
}
