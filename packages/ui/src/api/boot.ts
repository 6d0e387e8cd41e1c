import { fetchJson } from './http.ts';

/** What the server that we were loaded from says of itself at `/ui/boot.json`. */
export interface Boot {
  readonly door: 'grafana' | 'prometheus' | 'alertmanager';
  /** Base URLs without a trailing slash; '' is this origin, null is "not here". */
  readonly prometheusUrl: string | null;
  readonly alertmanagerUrl: string | null;
  readonly grafanaUrl: string | null;
  readonly version: string;
  /** Whether a session is open, on the door that has any; asked here so that nobody meets a 401. */
  readonly signedIn?: boolean;
}

export async function fetchBoot(): Promise<Boot> {
  return (await fetchJson('/ui/boot.json')) as Boot;
}
