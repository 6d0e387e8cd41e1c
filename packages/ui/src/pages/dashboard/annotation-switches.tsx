import { type ReactNode, useMemo, useState } from 'react';
import { useRemote } from '../../api/use-remote.ts';
import type { DashboardAnnotation } from '../../dashboard/annotation-query.ts';
import { cssColor } from '../../dashboard/color.ts';
import type { Scope } from '../../dashboard/interpolate.ts';
import type { AnnotationQuery, Dashboard } from '../../dashboard/model.ts';
import { useApp } from '../../state/app-context.tsx';
import { useScheme } from '../../state/use-scheme.ts';
import type { DashboardState } from './use-dashboard-state.ts';

/** The switch of one annotation query. */
interface Switch {
  readonly query: AnnotationQuery;
  readonly on: boolean;
  readonly problem: string | undefined;
}

const NONE: readonly never[] = [];

/** The dashboard's annotations in its time range, and the switches of those that can be switched. */
export function useAnnotations(dashboard: Dashboard, state: DashboardState, scope: Scope) {
  const { prometheus } = useApp();
  const [chosen, setChosen] = useState<ReadonlyMap<string, boolean>>(new Map());
  const isOn = ({ key, enabled }: AnnotationQuery): boolean => chosen.get(key) ?? enabled;
  const wanted = dashboard.annotations.filter(isOn);
  const { range, round } = state;
  const variables = JSON.stringify([...scope].map(([name, { values }]) => [name, values]));
  const remote = useRemote(
    JSON.stringify([dashboard.uid, range, round, wanted.map(({ key }) => key), variables]),
    async (signal) => {
      const { loadAnnotations } = await import('../../dashboard/load-annotations.ts');
      return loadAnnotations(wanted, { dashboardUid: dashboard.uid, range, scope, prometheus }, signal);
    },
    { keep: true, enabled: wanted.length > 0 },
  );
  const data = wanted.length > 0 ? remote.data : undefined;
  const annotations: readonly DashboardAnnotation[] = useMemo(
    () => data?.annotations.filter(({ query }) => chosen.get(query.key) ?? query.enabled) ?? NONE,
    [data, chosen],
  );
  const switches = dashboard.annotations
    .filter(({ hidden }) => !hidden)
    .map((query): Switch => ({ query, on: isOn(query), problem: data?.problems.get(query.key) }));
  const onSwitch = (key: string, on: boolean): void => setChosen((old) => new Map([...old, [key, on]]));
  return { annotations, switches, onSwitch };
}

/** A switch for each annotation query of the dashboard. */
export function AnnotationSwitches(props: {
  readonly switches: readonly Switch[];
  readonly onSwitch: (key: string, on: boolean) => void;
}): ReactNode {
  const scheme = useScheme();
  return props.switches.map(({ query, on, problem }) => (
    <button
      key={query.key}
      type="button"
      className={on ? 'am-annotation-switch' : 'am-annotation-switch am-off'}
      aria-pressed={on}
      title={problem ?? `${on ? 'Hide' : 'Show'} ${query.name}`}
      onClick={() => props.onSwitch(query.key, !on)}
    >
      <span className="am-annotation-mark" style={{ color: cssColor(query.color, scheme) }} />
      {query.name}
      {on && problem && <span className="am-dim"> (partial)</span>}
    </button>
  ));
}
