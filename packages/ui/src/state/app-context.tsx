import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useState } from 'react';
import { AlertmanagerClient } from '../api/alertmanager/client.ts';
import { type Boot, fetchBoot } from '../api/boot.ts';
import type { SignedInUser } from '../api/grafana/types.ts';
import { onRefused } from '../api/http.ts';
import { PrometheusClient } from '../api/prometheus/client.ts';

/** What every page may need: where the servers are, and who is signed in (on the Grafana door only). */
export interface App {
  readonly boot: Boot;
  readonly prometheus: PrometheusClient | undefined;
  readonly alertmanager: AlertmanagerClient | undefined;
  readonly user: SignedInUser | undefined;
  /** The session ended by itself, without a sign-out. */
  readonly expired: boolean;
  readonly setUser: (user: SignedInUser | undefined) => void;
}

interface Session {
  readonly user: SignedInUser | undefined;
  readonly expired: boolean;
}

/** A 401 may also come from a server behind ours, or mean a wrong password: only our own server's word ends a session. */
async function whenEnded(set: (session: Session) => void): Promise<void> {
  const boot = await fetchBoot().catch(() => undefined);
  if (boot?.signedIn === false) set({ user: undefined, expired: true });
}

const AppContext = createContext<App | undefined>(undefined);

export function AppProvider(props: { boot: Boot; user: SignedInUser | undefined; children: ReactNode }): ReactNode {
  const { boot } = props;
  const [{ user, expired }, setSession] = useState<Session>({ user: props.user, expired: false });
  const setUser = useCallback((next: SignedInUser | undefined) => setSession({ user: next, expired: false }), []);
  const signedIn = user !== undefined;
  useEffect(() => (signedIn ? onRefused(() => void whenEnded(setSession)) : undefined), [signedIn]);
  const clients = useMemo(
    () => ({
      prometheus: boot.prometheusUrl === null ? undefined : new PrometheusClient(boot.prometheusUrl),
      alertmanager: boot.alertmanagerUrl === null ? undefined : new AlertmanagerClient(boot.alertmanagerUrl),
    }),
    [boot],
  );
  const app = useMemo(() => ({ boot, ...clients, user, expired, setUser }), [boot, clients, user, expired, setUser]);
  return <AppContext value={app}>{props.children}</AppContext>;
}

export function useApp(): App {
  const app = useContext(AppContext);
  if (!app) throw new Error('BUG: useApp outside of AppProvider');
  return app;
}
