import { Button } from '@mantine/core';
import { lazy, type ReactNode, Suspense, useEffect, useState } from 'react';
import { Redirect, Route, Switch } from 'wouter';
import { type Boot, fetchBoot } from './api/boot.ts';
import { grafana } from './api/grafana/client.ts';
import type { SignedInUser } from './api/grafana/types.ts';
import { ApiError, errorMessage } from './api/http.ts';
import { LoginPage } from './pages/login/login-page.tsx';
import { Page } from './shell/page.tsx';
import { Skeleton } from './shell/pictures.tsx';
import { Shell } from './shell/shell.tsx';
import { AppProvider, useApp } from './state/app-context.tsx';

const HomePage = lazy(async () => ({ default: (await import('./pages/home/home-page.tsx')).HomePage }));
const DashboardsPage = lazy(async () => ({
  default: (await import('./pages/dashboards/dashboards-page.tsx')).DashboardsPage,
}));
const DashboardPage = lazy(async () => ({
  default: (await import('./pages/dashboard/dashboard-page.tsx')).DashboardPage,
}));
const QueryPage = lazy(async () => ({ default: (await import('./pages/query/query-page.tsx')).QueryPage }));
const AlertsPage = lazy(async () => ({ default: (await import('./pages/alerts/alerts-page.tsx')).AlertsPage }));
const AlertPage = lazy(async () => ({ default: (await import('./pages/alerts/alert-page.tsx')).AlertPage }));
const RulesPage = lazy(async () => ({ default: (await import('./pages/rules/rules-page.tsx')).RulesPage }));
const RunsPage = lazy(async () => ({ default: (await import('./pages/runs/runs-page.tsx')).RunsPage }));
const RunPage = lazy(async () => ({ default: (await import('./pages/runs/run-page.tsx')).RunPage }));
const TargetsPage = lazy(async () => ({ default: (await import('./pages/targets/targets-page.tsx')).TargetsPage }));
const DiscoveryPage = lazy(async () => ({
  default: (await import('./pages/targets/discovery-page.tsx')).DiscoveryPage,
}));
const SilencesPage = lazy(async () => ({ default: (await import('./pages/silences/silences-page.tsx')).SilencesPage }));
const NewSilencePage = lazy(async () => ({
  default: (await import('./pages/silences/new-silence-page.tsx')).NewSilencePage,
}));
const SilencePage = lazy(async () => ({ default: (await import('./pages/silences/silence-page.tsx')).SilencePage }));
const EditSilencePage = lazy(async () => ({
  default: (await import('./pages/silences/edit-silence-page.tsx')).EditSilencePage,
}));
const NotificationsPage = lazy(async () => ({
  default: (await import('./pages/notifications/notifications-page.tsx')).NotificationsPage,
}));
const ReceiversPage = lazy(async () => ({
  default: (await import('./pages/receivers/receivers-page.tsx')).ReceiversPage,
}));
const TemplatesPage = lazy(async () => ({
  default: (await import('./pages/templates/templates-page.tsx')).TemplatesPage,
}));
const StatusPage = lazy(async () => ({ default: (await import('./pages/status/status-page.tsx')).StatusPage }));
const RunbookPage = lazy(async () => ({
  default: (await import('./pages/runbooks/runbook-page.tsx')).RunbookPage,
}));
const AccountPage = lazy(async () => ({ default: (await import('./pages/login/account-page.tsx')).AccountPage }));

type Started = { readonly boot: Boot; readonly user: SignedInUser | undefined } | { readonly error: string };

/** Asks the server what it is and who we are, then shows the application. */
export function Start(): ReactNode {
  const [started, setStarted] = useState<Started | undefined>(undefined);
  const [round, setRound] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: `round` is how a retry asks for another run
  useEffect(() => {
    start().then(setStarted, (error: unknown) => setStarted({ error: errorMessage(error) }));
  }, [round]);
  if (!started) return null;
  if ('error' in started) {
    return (
      <div className="am-empty">
        <h2>Avalanche Monitor does not answer</h2>
        <p className="am-dim">{started.error}</p>
        <Button onClick={() => setRound(round + 1)}>Try again</Button>
      </div>
    );
  }
  return (
    <AppProvider boot={started.boot} user={started.user}>
      <Doors />
    </AppProvider>
  );
}

async function start(): Promise<Started> {
  const boot = await fetchBoot();
  return { boot, user: boot.signedIn ? await signedIn() : undefined };
}

async function signedIn(): Promise<SignedInUser | undefined> {
  try {
    return await grafana.user();
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) return undefined;
    throw error;
  }
}

function Doors(): ReactNode {
  const { boot, user } = useApp();
  if (boot.door === 'grafana' && !user) return <LoginPage />;
  return (
    <Shell>
      <Suspense
        fallback={
          <Page crumbs={[]} title=" ">
            <Skeleton height={160} />
          </Page>
        }
      >
        <Pages door={boot.door} />
      </Suspense>
    </Shell>
  );
}

const FIRST_PAGE = { grafana: HomePage, prometheus: QueryPage, alertmanager: AlertsPage } as const;

function Pages({ door }: { readonly door: Boot['door'] }): ReactNode {
  const First = FIRST_PAGE[door];
  return (
    <Switch>
      <Route path="/" component={First} />
      <Route path="/home" component={HomePage} />
      <Route path="/login">
        <Redirect to="/" replace />
      </Route>
      {door === 'grafana' && <Route path="/dashboards" component={DashboardsPage} />}
      {door === 'grafana' && <Route path="/account" component={AccountPage} />}
      {door === 'grafana' && <Route path="/d/:uid/:slug?">{({ uid }) => <DashboardPage key={uid} uid={uid} />}</Route>}
      <Route path="/query" component={QueryPage} />
      <Route path="/graph" component={QueryPage} />
      <Route path="/explore" component={QueryPage} />
      <Route path="/alerts" component={AlertsPage} />
      <Route path="/alerts/:name">{({ name }) => <AlertPage name={decodeURIComponent(name)} />}</Route>
      <Route path="/runbooks/:name">{({ name }) => <RunbookPage name={decodeURIComponent(name)} />}</Route>
      <Route path="/rules" component={RulesPage} />
      <Route path="/runs" component={RunsPage} />
      <Route path="/runs/:id">{({ id }) => <RunPage key={id} id={decodeURIComponent(id)} />}</Route>
      <Route path="/targets" component={TargetsPage} />
      <Route path="/service-discovery" component={DiscoveryPage} />
      <Route path="/silences" component={SilencesPage} />
      <Route path="/silences/new" component={NewSilencePage} />
      <Route path="/silences/:id">{({ id }) => <SilencePage key={id} id={id} />}</Route>
      <Route path="/silences/:id/edit">{({ id }) => <EditSilencePage key={id} id={id} />}</Route>
      <Route path="/notifications" component={NotificationsPage} />
      <Route path="/receivers" component={ReceiversPage} />
      <Route path="/templates" component={TemplatesPage} />
      <Route path="/status" component={StatusPage} />
      <Route path="/config" component={StatusPage} />
      <Route path="/flags" component={StatusPage} />
      <Route path="/tsdb-status" component={StatusPage} />
      <Route path="/alertmanager-discovery" component={StatusPage} />
      <Route>
        <Page crumbs={[]} title="Not here">
          <div className="am-empty">
            <h2>There is no page at this address</h2>
            <p className="am-dim">Search with / or choose one on the left.</p>
          </div>
        </Page>
      </Route>
    </Switch>
  );
}
