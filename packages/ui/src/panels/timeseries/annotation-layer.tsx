import { type KeyboardEvent, type ReactNode, useState } from 'react';
import type { PlotBox } from '../../chart/time-chart.tsx';
import type { DashboardAnnotation } from '../../dashboard/annotation-query.ts';
import { cssColor } from '../../dashboard/color.ts';
import { spokenDuration } from '../../dashboard/duration.ts';
import { shortDateTime, type TimeRange } from '../../dashboard/time-range.ts';
import { useScheme } from '../../state/use-scheme.ts';

interface Mark {
  readonly annotation: DashboardAnnotation;
  readonly left: number;
  readonly width: number;
  readonly color: string;
}

/** A stretch that would be narrower is drawn as a moment. */
const STRETCH_PX_MIN = 3;
const TOOLTIP_PX = 300;
/** Where they stand closer, they have no lines and bands: the series are what the panel is about. */
const APART_PX_MIN = 24;

/**
 * Annotations over a plot: a line where one begins, a light band where it lasts, and a mark at the bottom that says more
 * when it is pointed at; by keyboard, the arrows go from one to the next.
 */
export function AnnotationLayer(props: {
  readonly annotations: readonly DashboardAnnotation[];
  readonly box: PlotBox;
  readonly range: TimeRange;
  readonly utc: boolean;
}): ReactNode {
  const { box } = props;
  const scheme = useScheme();
  const [shown, setShown] = useState<string | undefined>(undefined);
  const marks = props.annotations
    .flatMap((annotation) => markOf(annotation, box, props.range, cssColor(annotation.query.color, scheme)) ?? [])
    .sort((a, b) => a.left - b.left);
  if (marks.length === 0) return null;
  const at = marks.findIndex(({ annotation }) => annotation.key === shown);
  const onKeyDown = ({ key }: KeyboardEvent): void => {
    const by = key === 'ArrowRight' ? 1 : key === 'ArrowLeft' ? -1 : 0;
    if (key === 'Escape') setShown(undefined);
    if (by !== 0) setShown(marks.at((Math.max(at, by < 0 ? 0 : at) + by) % marks.length)?.annotation.key);
  };
  const { left, top, width, height } = box;
  return (
    <>
      <section
        className={marks.length * APART_PX_MIN > width ? 'am-annotations am-dense' : 'am-annotations'}
        style={{ left, top, width, height }}
        aria-label={`${marks.length} annotations`}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: the arrow keys go through the marks
        tabIndex={0}
        onKeyDown={onKeyDown}
        onBlur={() => setShown(undefined)}
      >
        {marks.map((mark) => (
          <AnnotationMark key={mark.annotation.key} mark={mark} onShow={setShown} />
        ))}
      </section>
      {at >= 0 && <AnnotationTooltip mark={marks[at]!} box={box} utc={props.utc} />}
    </>
  );
}

/** Undefined where it is out of sight. */
function markOf(annotation: DashboardAnnotation, box: PlotBox, range: TimeRange, color: string): Mark | undefined {
  const { fromMs, toMs } = annotation;
  if (toMs < range.fromMs || fromMs > range.toMs) return undefined;
  const scale = box.width / Math.max(1000, range.toMs - range.fromMs);
  const left = Math.max(0, (fromMs - range.fromMs) * scale);
  const width = Math.min(box.width, (toMs - range.fromMs) * scale) - left;
  return { annotation, left, width: width < STRETCH_PX_MIN ? 0 : width, color };
}

function AnnotationMark({
  mark: { annotation, left, width, color },
  onShow,
}: {
  readonly mark: Mark;
  readonly onShow: (key: string | undefined) => void;
}): ReactNode {
  return (
    <div className="am-annotation" style={{ left, width, color }}>
      <div
        className={width > 0 ? 'am-annotation-stretch' : 'am-annotation-mark'}
        onPointerEnter={() => onShow(annotation.key)}
        onPointerLeave={() => onShow(undefined)}
      />
    </div>
  );
}

function AnnotationTooltip(props: { readonly mark: Mark; readonly box: PlotBox; readonly utc: boolean }): ReactNode {
  const { box, utc } = props;
  const { annotation, left, width, color } = props.mark;
  const { fromMs, toMs, title, text, tags } = annotation;
  const x = box.left + left + width / 2;
  const place = { left: Math.max(0, Math.min(x - 20, box.left + box.width - TOOLTIP_PX)) };
  return (
    <div className="am-tooltip" role="status" style={{ ...place, top: box.top + box.height + 4 }}>
      <div className="am-tooltip-time">
        {shortDateTime(fromMs, utc)}
        {toMs > fromMs && ` to ${shortDateTime(toMs, utc).slice(11)} (${spokenDuration(toMs - fromMs)})`}
      </div>
      <div className="am-tooltip-line am-focused">
        <span className="am-swatch" style={{ background: color }} />
        {title}
      </div>
      {text !== '' && <div className="am-annotation-text">{text}</div>}
      {tags.length > 0 && <div className="am-dim">{tags.join(', ')}</div>}
    </div>
  );
}
