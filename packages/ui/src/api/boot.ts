import { fetchJson } from './http.ts';
import { rootPath } from './root.ts';

/** What the server that we were loaded from says of itself at `/ui/boot.json`. */
export interface Boot {
  readonly door: 'grafana' | 'prometheus' | 'alertmanager';
  /** Base URLs without a trailing slash; a path is on this server, null is "not here". */
  readonly prometheusUrl: string | null;
  readonly alertmanagerUrl: string | null;
  readonly grafanaUrl: string | null;
  /** The pushgateway role, which has the runs of jobs. */
  readonly runsUrl?: string | null;
  readonly version: string;
  /** Whether a session is open, on the door that has any; asked here so that nobody meets a 401. */
  readonly signedIn?: boolean;
}

export async function fetchBoot(): Promise<Boot> {
  const boot = (await fetchJson(`${rootPath()}/ui/boot.json`)) as Boot;
  return {
    ...boot,
    prometheusUrl: belowRoot(boot.prometheusUrl),
    alertmanagerUrl: belowRoot(boot.alertmanagerUrl),
    grafanaUrl: belowRoot(boot.grafanaUrl),
    runsUrl: belowRoot(boot.runsUrl ?? null),
  };
}

/** Paths of our own server begin with its root. */
function belowRoot(url: string | null): string | null {
  return url === '' || url?.startsWith('/') ? rootPath() + url : url;
}
