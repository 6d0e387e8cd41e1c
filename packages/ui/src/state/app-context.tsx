import { createContext, type ReactNode, useContext, useMemo, useState } from 'react';
import { AlertmanagerClient } from '../api/alertmanager/client.ts';
import type { Boot } from '../api/boot.ts';
import type { SignedInUser } from '../api/grafana/types.ts';
import { PrometheusClient } from '../api/prometheus/client.ts';

/** What every page may need: where the servers are, and who is signed in (on the Grafana door only). */
export interface App {
  readonly boot: Boot;
  readonly prometheus: PrometheusClient | undefined;
  readonly alertmanager: AlertmanagerClient | undefined;
  readonly user: SignedInUser | undefined;
  readonly setUser: (user: SignedInUser | undefined) => void;
}

const AppContext = createContext<App | undefined>(undefined);

export function AppProvider(props: { boot: Boot; user: SignedInUser | undefined; children: ReactNode }): ReactNode {
  const { boot } = props;
  const [user, setUser] = useState(props.user);
  const clients = useMemo(
    () => ({
      prometheus: boot.prometheusUrl === null ? undefined : new PrometheusClient(boot.prometheusUrl),
      alertmanager: boot.alertmanagerUrl === null ? undefined : new AlertmanagerClient(boot.alertmanagerUrl),
    }),
    [boot],
  );
  const app = useMemo(() => ({ boot, ...clients, user, setUser }), [boot, clients, user]);
  return <AppContext value={app}>{props.children}</AppContext>;
}

export function useApp(): App {
  const app = useContext(AppContext);
  if (!app) throw new Error('BUG: useApp outside of AppProvider');
  return app;
}
