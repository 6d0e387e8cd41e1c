import { Button } from '@mantine/core';
import { IconChevronDown, IconChevronRight, IconExternalLink } from '@tabler/icons-react';
import { type ReactNode, useEffect, useMemo, useRef, useState } from 'react';
import { Link } from 'wouter';
import { grafana } from '../../api/grafana/client.ts';
import { useRemote } from '../../api/use-remote.ts';
import type { DashboardAnnotation } from '../../dashboard/annotation-query.ts';
import { ColorBook } from '../../dashboard/color.ts';
import { interpolate, type Scope } from '../../dashboard/interpolate.ts';
import { expandRepeats } from '../../dashboard/layout.ts';
import type { Dashboard, Panel, Row } from '../../dashboard/model.ts';
import { parseDashboard } from '../../dashboard/parse.ts';
import { rawOf, type TimeRange, zoomOut } from '../../dashboard/time-range.ts';
import { resolveVariables, scopeOf, type VariableState } from '../../dashboard/variables.ts';
import { Page } from '../../shell/page.tsx';
import { Empty, Failed, Skeleton } from '../../shell/pictures.tsx';
import { useApp } from '../../state/app-context.tsx';
import { AnnotationSwitches, useAnnotations } from './annotation-switches.tsx';
import { PanelFrame, type PanelFrameProps } from './panel-frame.tsx';
import { TimeControls } from './time-controls.tsx';
import { type DashboardState, useDashboardState } from './use-dashboard-state.ts';
import { VariableBar } from './variable-bar.tsx';

const CRUMBS = [{ word: 'Dashboards', href: '/dashboards' }];

export function DashboardPage({ uid }: { readonly uid: string }): ReactNode {
  const remote = useRemote(`dashboard ${uid}`, (signal) => grafana.dashboard(uid, signal));
  const dashboard = useMemo(() => (remote.data ? parseDashboard(remote.data.dashboard) : undefined), [remote.data]);
  if (dashboard) return <DashboardView dashboard={dashboard} />;
  return (
    <Page crumbs={CRUMBS} title={remote.error ? 'Not loaded' : ' '}>
      {remote.error ? (
        <Failed
          title={remote.error.status === 404 ? 'There is no such dashboard' : 'The dashboard could not be loaded'}
          message={remote.error.message}
          onRetry={remote.reload}
        />
      ) : (
        <Skeleton height={420} />
      )}
    </Page>
  );
}

const INTERVALS = ['5s', '10s', '15s', '30s', '1m', '5m', '15m', '1h'];

function DashboardView({ dashboard }: { readonly dashboard: Dashboard }): ReactNode {
  const state = useDashboardState(dashboard);
  const variables = useVariables(dashboard, state);
  const { change } = state;
  return (
    <Page
      crumbs={CRUMBS}
      title={dashboard.title}
      flush
      actions={
        <TimeControls
          raw={state.raw}
          nowMs={state.nowMs}
          utc={dashboard.utc}
          refresh={state.refresh}
          intervals={dashboard.refreshIntervals.length > 0 ? dashboard.refreshIntervals : INTERVALS}
          onRange={(range) => change({ range })}
          onRefresh={(refresh) => change({ refresh })}
          onReload={state.reload}
        />
      }
    >
      {variables ? (
        <DashboardBody dashboard={dashboard} state={state} variables={variables} />
      ) : (
        <Skeleton height={420} />
      )}
    </Page>
  );
}

/** Variables as they are resolved; the former ones stay in force until the next are known, so that nothing jumps. */
function useVariables(dashboard: Dashboard, state: DashboardState): readonly VariableState[] | undefined {
  const { prometheus } = useApp();
  const { url, range, builtins, round } = state;
  const known = useRef<readonly VariableState[] | undefined>(undefined);
  const key = JSON.stringify([dashboard.uid, [...url.chosen], round, state.raw]);
  const remote = useRemote(
    key,
    async (signal) => {
      if (!prometheus) return NO_VARIABLES;
      const states = await resolveVariables(dashboard.variables, url.chosen, builtins, range, prometheus, signal);
      if (!states.some((item) => item.away)) known.current = states;
      return known.current ?? states;
    },
    { keep: true },
  );
  return dashboard.variables.length === 0 ? NO_VARIABLES : remote.data;
}

const NO_VARIABLES: readonly never[] = [];

function DashboardBody(props: {
  readonly dashboard: Dashboard;
  readonly state: DashboardState;
  readonly variables: readonly VariableState[];
}): ReactNode {
  const { dashboard, state, variables } = props;
  const { url, change } = state;
  const scope = useMemo(() => scopeOf(variables, state.builtins), [variables, state.builtins]);
  const { annotations, switches, onSwitch } = useAnnotations(dashboard, state, scope);
  const choose = (name: string, values: readonly string[]): void =>
    change({ chosen: new Map([...url.chosen, [name, values]]) });
  return (
    <>
      <div className="am-row" style={{ alignItems: 'flex-start' }}>
        <div className="am-grow">
          <VariableBar states={variables} onChoose={choose}>
            <AnnotationSwitches switches={switches} onSwitch={onSwitch} />
          </VariableBar>
        </div>
        <DashboardLinks dashboard={dashboard} state={state} scope={scope} />
      </div>
      <Panels dashboard={dashboard} state={state} scope={scope} annotations={annotations} />
    </>
  );
}

function Panels(props: {
  readonly dashboard: Dashboard;
  readonly state: DashboardState;
  readonly scope: Scope;
  readonly annotations: readonly DashboardAnnotation[];
}): ReactNode {
  const { dashboard, state, scope, annotations } = props;
  const { url, change, range } = state;
  const [book] = useState(() => new ColorBook());
  const rows = useMemo(() => expandRepeats(dashboard.rows, scope), [dashboard.rows, scope]);
  const alone = url.viewPanel;
  useEffect(() => {
    if (alone === undefined) return;
    const onKey = (event: KeyboardEvent): void => {
      if (event.key === 'Escape') change({ viewPanel: undefined });
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, [alone, change]);
  const frameProps = (panel: Panel): PanelFrameProps => ({
    panel,
    scope,
    range,
    annotations,
    book,
    round: state.round,
    utc: dashboard.utc,
    syncKey: dashboard.crosshair === 'shared' ? dashboard.uid : undefined,
    alone: alone !== undefined,
    onZoom: (next: TimeRange) => change({ range: rawOf(next) }),
    onZoomOut: () => change({ range: rawOf(zoomOut(range, state.nowMs)) }),
    onAlone: () => change({ viewPanel: alone === undefined ? panel.id : undefined }),
  });
  const lone = alone === undefined ? undefined : rows.flatMap((row) => row.panels).find((panel) => panel.id === alone);
  if (lone) {
    return (
      <div style={{ height: 'calc(100vh - 118px)', minHeight: 300 }}>
        <PanelFrame {...frameProps(lone)} />
      </div>
    );
  }
  if (rows.length === 0) return <Empty title="This dashboard has no panels">Its file lists none.</Empty>;
  return rows.map((row) => <RowView key={row.key} row={row} scope={scope} frameProps={frameProps} />);
}

function RowView(props: {
  readonly row: Row;
  readonly scope: Scope;
  readonly frameProps: (panel: Panel) => PanelFrameProps;
}): ReactNode {
  const { row, scope, frameProps } = props;
  const [open, setOpen] = useState(!row.collapsed);
  const fixed = row.panels[0]?.fixed ?? {};
  const title = interpolate(row.title, scope, 'text');
  const named = Object.values(fixed)[0];
  return (
    <section style={{ marginBottom: 8 }} aria-label={title || undefined}>
      {row.title !== '' && (
        <h2>
          <button type="button" className="am-section" aria-expanded={open} onClick={() => setOpen(!open)}>
            {open ? <IconChevronDown size={16} /> : <IconChevronRight size={16} />}
            {row.repeat !== '' && named ? row.title.replaceAll(/\$\{?\w+(?::\w+)?\}?|\[\[\w+\]\]/g, named) : title}
            {!open && (
              <span className="am-dim">
                ({row.panels.length} {row.panels.length === 1 ? 'panel' : 'panels'})
              </span>
            )}
          </button>
        </h2>
      )}
      {open && (
        <div className="am-grid">
          {row.panels.map((panel) => (
            <PanelFrame key={panel.key} {...frameProps(panel)} />
          ))}
        </div>
      )}
    </section>
  );
}

function DashboardLinks(props: {
  readonly dashboard: Dashboard;
  readonly state: DashboardState;
  readonly scope: Scope;
}): ReactNode {
  const { dashboard, state, scope } = props;
  const byTag = dashboard.links.filter((link) => link.type === 'dashboards');
  const hits = useRemote('dashboard links', (signal) => grafana.search(signal), { enabled: byTag.length > 0 });
  const kept = (link: Dashboard['links'][number]): string => {
    const part = new URLSearchParams(link.keepTime ? { from: state.raw.from, to: state.raw.to } : {});
    if (link.includeVars)
      for (const [name, values] of state.url.chosen) for (const value of values) part.append(`var-${name}`, value);
    return part.size > 0 ? `?${part}` : '';
  };
  const found = byTag.flatMap((link) =>
    (hits.data ?? [])
      .filter((hit) => hit.uid !== dashboard.uid && link.tags.every((tag) => hit.tags.includes(tag)))
      .map((hit) => ({ title: hit.title, href: `/d/${encodeURIComponent(hit.uid)}${kept(link)}` })),
  );
  const outside = dashboard.links.filter((link) => link.type === 'link' && /^(?:https?:\/\/|\/)/.test(link.url));
  if (found.length + outside.length === 0) return null;
  return (
    <div className="am-row am-small">
      {found.slice(0, 8).map((link) => (
        <Link key={link.href} href={link.href}>
          {link.title}
        </Link>
      ))}
      {outside.map((link) => (
        <Button
          key={link.url}
          component="a"
          size="compact-xs"
          variant="subtle"
          href={interpolate(link.url, scope, 'percentencode')}
          target={link.newTab ? '_blank' : undefined}
          rel="noreferrer"
          rightSection={<IconExternalLink size={13} />}
        >
          {interpolate(link.title || link.url, scope, 'text')}
        </Button>
      ))}
    </div>
  );
}
