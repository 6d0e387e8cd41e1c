import type { RawRange } from './time-range.ts';
import type { ChosenValues } from './variables.ts';

/** All that a dashboard's address says; what is absent comes from the dashboard itself. */
export interface DashboardUrlState {
  readonly range: RawRange | undefined;
  readonly refresh: string | undefined;
  readonly chosen: ChosenValues;
  /** The panel shown alone, by id. */
  readonly viewPanel: number | undefined;
}

/** Reads Grafana's own keys: from, to, refresh, viewPanel, and var-NAME once per value. */
export function decodeDashboardUrl(search: string): DashboardUrlState {
  const params = new URLSearchParams(search);
  const chosen = new Map<string, string[]>();
  for (const [key, value] of params) {
    if (!key.startsWith('var-')) continue;
    const name = key.slice(4);
    chosen.set(name, [...(chosen.get(name) ?? []), value]);
  }
  const from = params.get('from');
  const view = Number.parseInt((params.get('viewPanel') ?? '').replace(/^panel-/, ''), 10);
  return {
    range: from === null ? undefined : { from, to: params.get('to') ?? 'now' },
    refresh: params.get('refresh') ?? undefined,
    chosen,
    viewPanel: Number.isNaN(view) ? undefined : view,
  };
}

/** The search part of the address, without the question mark. Decoding it gives the same state again. */
export function encodeDashboardUrl(state: DashboardUrlState): string {
  const params = new URLSearchParams();
  if (state.range) {
    params.set('from', state.range.from);
    params.set('to', state.range.to);
  }
  if (state.refresh !== undefined) params.set('refresh', state.refresh);
  for (const [name, values] of state.chosen) for (const value of values) params.append(`var-${name}`, value);
  if (state.viewPanel !== undefined) params.set('viewPanel', String(state.viewPanel));
  return params.toString();
}
