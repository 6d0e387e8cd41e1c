import { ActionIcon, Menu, Tooltip } from '@mantine/core';
import {
  IconActivity,
  IconArrowsMaximize,
  IconArrowsMinimize,
  IconChartLine,
  IconDotsVertical,
  IconExternalLink,
  IconInfoCircle,
} from '@tabler/icons-react';
import { type ReactNode, Suspense, useMemo } from 'react';
import { useLocation } from 'wouter';
import { type DashboardAnnotation, isShownOn } from '../../dashboard/annotation-query.ts';
import type { ColorBook } from '../../dashboard/color.ts';
import { formatDuration } from '../../dashboard/duration.ts';
import { interpolate, type Scope, verbatim } from '../../dashboard/interpolate.ts';
import { str } from '../../dashboard/json.ts';
import { GAP_PX, UNIT_PX } from '../../dashboard/layout.ts';
import type { Panel } from '../../dashboard/model.ts';
import { panelRange, planQueries } from '../../dashboard/query-plan.ts';
import { resolveFields } from '../../dashboard/series.ts';
import type { TimeRange } from '../../dashboard/time-range.ts';
import { PanelPlaceholder } from '../../panels/placeholder.tsx';
import { needsData, rendererOf } from '../../panels/registry.ts';
import { Failed, Skeleton } from '../../shell/pictures.tsx';
import { useApp } from '../../state/app-context.tsx';
import { useInView, useSize } from '../../state/use-size.ts';
import { encodeQueryUrl, newQuery } from '../query/query-url.ts';
import { usePanelData } from './use-panel-data.ts';

export interface PanelFrameProps {
  readonly panel: Panel;
  readonly scope: Scope;
  readonly range: TimeRange;
  readonly annotations: readonly DashboardAnnotation[];
  readonly round: number;
  readonly utc: boolean;
  readonly book: ColorBook;
  readonly syncKey: string | undefined;
  readonly alone: boolean;
  readonly onZoom: (range: TimeRange) => void;
  readonly onZoomOut: () => void;
  readonly onAlone: () => void;
}

/** Panels of at most a quarter's width stand in pairs on a phone. */
const HALF_ON_PHONE = 6;

/** A panel with its title, menu and one of its four pictures: loading, no data, error, or the data. */
export function PanelFrame(props: PanelFrameProps): ReactNode {
  const { panel, alone } = props;
  const [bodyRef, size] = useSize();
  const [viewRef, inView] = useInView();
  const scope = useMemo(() => withFixed(props.scope, panel), [props.scope, panel]);
  const title = interpolate(panel.title, scope, 'text');
  const { position } = panel;
  const place = alone
    ? { height: '100%' }
    : {
        gridColumn: `${position.x + 1} / span ${position.w}`,
        gridRow: `${position.y + 1} / span ${position.h}`,
        minHeight: position.h * UNIT_PX + (position.h - 1) * GAP_PX,
      };
  const half = !alone && position.w <= HALF_ON_PHONE ? ' am-half' : '';
  const kind = `am-panel${half}${panel.transparent ? ' am-clear' : ''}${title === '' ? ' am-panel-bare' : ''}`;
  return (
    <section ref={viewRef} className={kind} style={place} aria-label={title || panel.type}>
      <header className="am-panel-head">
        <h2 className="am-panel-title" title={title}>
          {title}
        </h2>
        <span className="am-panel-tools">
          {panel.description !== '' && <Description text={interpolate(panel.description, scope, 'text')} />}
          <PanelMenu {...props} scope={scope} width={size.width} />
        </span>
      </header>
      <div className="am-panel-body" ref={bodyRef}>
        {size.width > 0 && (
          <PanelBody {...props} scope={scope} width={size.width} height={size.height} inView={inView || alone} />
        )}
      </div>
    </section>
  );
}

function withFixed(scope: Scope, panel: Panel): Scope {
  const fixed = Object.entries(panel.fixed);
  if (fixed.length === 0) return scope;
  return new Map([...scope, ...fixed.map(([name, value]) => [name, verbatim(value)] as const)]);
}

function Description({ text }: { readonly text: string }): ReactNode {
  return (
    <Tooltip
      label={text.replaceAll(/[*_`#]+/g, '')}
      multiline
      maw={340}
      events={{ hover: true, focus: true, touch: true }}
    >
      <ActionIcon variant="transparent" color="gray" size="xs" aria-label={`About: ${text}`}>
        <IconInfoCircle size={14} />
      </ActionIcon>
    </Tooltip>
  );
}

type BodyProps = PanelFrameProps & { readonly width: number; readonly height: number; readonly inView: boolean };

function PanelBody(props: BodyProps): ReactNode {
  const { panel, scope, width, height } = props;
  const { prometheus } = useApp();
  const range = useMemo(() => panelRange(panel, props.range), [panel, props.range]);
  const Renderer = rendererOf(panel.type);
  const annotations = useMemo(
    () => props.annotations.filter((annotation) => isShownOn(annotation, panel.id)),
    [props.annotations, panel.id],
  );
  const queries = useMemo(() => planQueries(panel, range, width, scope), [panel, range, width, scope]);
  const wanted = props.inView && Renderer !== undefined && needsData(panel.type) && queries.length > 0;
  const remote = usePanelData(panel, queries, prometheus, wanted, props.round);
  const frames = remote.data?.frames ?? NO_FRAMES;
  const fields = useMemo(() => resolveFields(panel, frames, scope, props.book), [panel, frames, scope, props.book]);
  if (!Renderer) return <PanelPlaceholder type={panel.type} queries={panel.targets.length} />;
  if (needsData(panel.type) && queries.length === 0)
    return <NoData height={height} text="This panel has no query that can run here." />;
  if (needsData(panel.type) && !remote.data) {
    if (remote.error) return <Failed title="The query failed" message={remote.error.message} onRetry={remote.reload} />;
    return <Skeleton height={height} />;
  }
  const empty = needsData(panel.type) && !fields.some(({ field }) => field.kind !== 'time' && field.values.length > 0);
  return (
    <>
      {remote.loading && needsData(panel.type) && <div className="am-progress" />}
      {empty ? (
        <NoData height={height} text={noDataText(panel, range)} expr={queries[0]?.expr} />
      ) : (
        <div className={remote.error ? 'am-stale' : undefined}>
          <Suspense fallback={<Skeleton height={height} />}>
            <Renderer
              panel={panel}
              frames={frames}
              fields={fields}
              scope={scope}
              width={width}
              height={height}
              range={range}
              annotations={annotations}
              utc={props.utc}
              syncKey={props.syncKey}
              onZoom={props.onZoom}
              onZoomOut={props.onZoomOut}
            />
          </Suspense>
        </div>
      )}
      <Partial error={remote.error?.message} notes={remote.data?.partial ?? []} />
    </>
  );
}

/** What the dashboard's author says of an empty panel, else the plain fact. */
function noDataText(panel: Panel, range: TimeRange): string {
  return (
    str(panel.defaults.noValue) || `Nothing in the last ${formatDuration(roundToMinute(range.toMs - range.fromMs))}.`
  );
}

const NO_FRAMES: readonly never[] = [];
const roundToMinute = (ms: number): number => Math.max(60_000, Math.round(ms / 60_000) * 60_000);

const FULL_PICTURE_PX = 96;

/** In a small panel the two words stand alone, the rest is their tooltip. */
function NoData(props: {
  readonly text: string;
  readonly height: number;
  readonly expr?: string | undefined;
}): ReactNode {
  const { text, expr } = props;
  const [, navigate] = useLocation();
  if (props.height < FULL_PICTURE_PX) {
    return (
      <div className="am-picture" style={{ padding: 0 }} title={text}>
        No data
      </div>
    );
  }
  return (
    <div className="am-picture">
      <IconChartLine size={20} aria-hidden="true" />
      <strong>No data</strong>
      <div className="am-small">{text}</div>
      {expr !== undefined && (
        <button
          type="button"
          className="am-more"
          style={{ padding: 0 }}
          onClick={() => navigate(`/query?${encodeQueryUrl([newQuery(expr)])}`)}
        >
          Why? Open the query
        </button>
      )}
    </div>
  );
}

/** What is missing from a picture that is otherwise there, in its corner. */
function Partial({
  error,
  notes,
}: {
  readonly error: string | undefined;
  readonly notes: readonly string[];
}): ReactNode {
  const all = error ? [`Not renewed: ${error}`, ...notes] : notes;
  if (all.length === 0) return null;
  return (
    <Tooltip label={all.join('\n')} multiline maw={360} style={{ whiteSpace: 'pre-line' }}>
      <button type="button" className="am-partial" style={{ border: 0 }} aria-label={all.join('; ')}>
        {error ? 'away' : 'partial'}
      </button>
    </Tooltip>
  );
}

function PanelMenu(props: PanelFrameProps & { readonly width: number }): ReactNode {
  const { panel, scope, alone } = props;
  const [, navigate] = useLocation();
  const openQueries = (): void => {
    const planned = planQueries(panel, panelRange(panel, props.range), props.width || 600, scope);
    const width = formatDuration(roundToMinute(props.range.toMs - props.range.fromMs));
    const queries = planned.map(({ expr }) => ({ ...newQuery(expr), tab: 'graph' as const, range: width }));
    navigate(`/query?${encodeQueryUrl(queries)}`);
  };
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <ActionIcon
          variant="subtle"
          color="gray"
          size="sm"
          className="am-panel-menu"
          aria-label={`Menu of ${panel.title || 'panel'}`}
        >
          <IconDotsVertical size={15} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item
          leftSection={alone ? <IconArrowsMinimize size={15} /> : <IconArrowsMaximize size={15} />}
          onClick={props.onAlone}
        >
          {alone ? 'Back to the dashboard' : 'Show alone'}
        </Menu.Item>
        {panel.targets.length > 0 && (
          <Menu.Item leftSection={<IconActivity size={15} />} onClick={openQueries}>
            Open in Query
          </Menu.Item>
        )}
        {panel.links.map((link) => (
          <Menu.Item
            key={link.url}
            component="a"
            href={safeUrl(interpolate(link.url, scope, 'percentencode'))}
            target={link.newTab ? '_blank' : undefined}
            rel="noreferrer"
            leftSection={<IconExternalLink size={15} />}
          >
            {interpolate(link.title || link.url, scope, 'text')}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

/** A dashboard file's link may lead anywhere on the web, but never run as script. */
function safeUrl(url: string): string {
  return /^(?:https?:|\/|\?|#|\.)/i.test(url) || !url.includes(':') ? url : '#';
}
