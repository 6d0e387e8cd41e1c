import { useCallback, useEffect, useMemo, useState } from 'react';
import { useLocation, useSearch } from 'wouter';
import { type DashboardUrlState, decodeDashboardUrl, encodeDashboardUrl } from '../../dashboard/dashboard-url.ts';
import { parseDuration } from '../../dashboard/duration.ts';
import type { Scope } from '../../dashboard/interpolate.ts';
import type { Dashboard } from '../../dashboard/model.ts';
import { rangeBuiltins } from '../../dashboard/query-plan.ts';
import { type RawRange, rawOf, resolveRange, type TimeRange } from '../../dashboard/time-range.ts';

export interface DashboardState {
  readonly url: DashboardUrlState;
  readonly raw: RawRange;
  readonly range: TimeRange;
  readonly nowMs: number;
  readonly refresh: string;
  /** Grows with every refresh. */
  readonly round: number;
  readonly builtins: Scope;
  readonly change: (part: Partial<DashboardUrlState>) => void;
  readonly reload: () => void;
}

/** The address is the state of the page; only "now" and the refresh counter live here. */
export function useDashboardState(dashboard: Dashboard): DashboardState {
  const search = useSearch();
  const [path, navigate] = useLocation();
  const [now, setNow] = useState(() => ({ ms: Date.now(), round: 0 }));
  const url = useMemo(() => decodeDashboardUrl(search), [search]);
  const raw = url.range ?? dashboard.time;
  const refresh = url.refresh ?? dashboard.refresh;
  const reload = useCallback(() => setNow((old) => ({ ms: Date.now(), round: old.round + 1 })), []);
  const range = useMemo(() => resolveRange(raw, now.ms, dashboard.utc), [raw, now.ms, dashboard.utc]);
  const change = useCallback(
    (part: Partial<DashboardUrlState>) => {
      const next = encodeDashboardUrl({ ...decodeDashboardUrl(location.search), ...part });
      if (part.range) setNow((old) => ({ ms: Date.now(), round: old.round + 1 }));
      navigate(next === '' ? path : `${path}?${next}`, {
        replace: part.range === undefined && part.viewPanel === undefined,
      });
    },
    [navigate, path],
  );
  useRefresh(refresh, reload);
  const builtins = useMemo(() => {
    const { from, to } = rawOf(range);
    return rangeBuiltins(range, `from=${from}&to=${to}`, dashboard.title);
  }, [range, dashboard.title]);
  return { url, raw, range, nowMs: now.ms, refresh, round: now.round, builtins, change, reload };
}

const REFRESH_MS_MIN = 1000;

function useRefresh(refresh: string, reload: () => void): void {
  useEffect(() => {
    const everyMs = parseDuration(refresh);
    if (everyMs === undefined || everyMs <= 0) return;
    const timer = setInterval(
      () => {
        if (document.visibilityState === 'visible') reload();
      },
      Math.max(REFRESH_MS_MIN, everyMs),
    );
    return () => clearInterval(timer);
  }, [refresh, reload]);
}
