import { IconAlertTriangle, IconCircleCheck, IconCircleX } from '@tabler/icons-react';
import { type ReactNode, useMemo } from 'react';
import { grafana } from '../../api/grafana/client.ts';
import type { DashboardHit } from '../../api/grafana/types.ts';
import type { PrometheusClient } from '../../api/prometheus/client.ts';
import { sampleValue } from '../../api/prometheus/query.ts';
import { useRemote } from '../../api/use-remote.ts';
import { spokenAgo } from '../../dashboard/duration.ts';
import { Page } from '../../shell/page.tsx';
import { Empty, Loaded, Skeleton } from '../../shell/pictures.tsx';
import { useApp } from '../../state/app-context.tsx';
import { useNow } from '../../state/use-now.ts';
import { AlertCard } from '../alerts/alert-card.tsx';
import { useAlerts } from '../alerts/use-alerts.ts';
import { PasswordNudge } from '../login/password-nudge.tsx';
import { AreaTile } from './area-tile.tsx';
import { AREAS, DISK_FULL_SECONDS, LAST_BACKUP, stateSentence } from './areas.ts';
import { LastEvents } from './last-events.tsx';

const REFRESH_MS = 10_000;

/** What is wrong, since when, how bad: without a click. */
export function HomePage(): ReactNode {
  const { prometheus } = useApp();
  return (
    <Page crumbs={[]} title="Home">
      {prometheus ? (
        <Overview prometheus={prometheus} />
      ) : (
        <Empty title="No Prometheus here">This server does not know one to ask.</Empty>
      )}
    </Page>
  );
}

interface Numbers {
  readonly targets: number;
  readonly targetsUp: number;
  readonly lastBackup: number | undefined;
  readonly diskFullDays: number | undefined;
}

async function loadNumbers(prometheus: PrometheusClient, signal: AbortSignal): Promise<Numbers> {
  const [targets, backup, disk] = await Promise.all([
    prometheus.targets(signal),
    one(prometheus, LAST_BACKUP, signal),
    one(prometheus, DISK_FULL_SECONDS, signal),
  ]);
  return {
    targets: targets.activeTargets.length,
    targetsUp: targets.activeTargets.filter((target) => target.health === 'up').length,
    lastBackup: backup,
    diskFullDays: disk === undefined ? undefined : disk / 86_400,
  };
}

/** The one value of a query; undefined where there is none or the query is not understood. */
async function one(prometheus: PrometheusClient, expr: string, signal: AbortSignal): Promise<number | undefined> {
  try {
    const { data } = await prometheus.query(expr, undefined, signal);
    const text = data.resultType === 'vector' ? data.result[0]?.value?.[1] : undefined;
    return text === undefined ? undefined : sampleValue(text);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof Error && 'status' in error && error.status === 0) throw error;
    return undefined;
  }
}

function Overview({ prometheus }: { readonly prometheus: PrometheusClient }): ReactNode {
  const app = useApp();
  const nowMs = useNow();
  const numbers = useRemote('home numbers', (signal) => loadNumbers(prometheus, signal), { refreshMs: REFRESH_MS });
  const alerts = useAlerts(app);
  const isGrafana = app.boot.door === 'grafana';
  const hits = useRemote('dashboards', (signal) => grafana.search(signal), { enabled: isGrafana });
  const active = alerts.data?.alerts.filter((alert) => !alert.muted) ?? [];
  const muted = (alerts.data?.alerts ?? []).filter((alert) => alert.muted && alert.state === 'firing').length;
  const firing = active.filter((alert) => alert.state === 'firing');
  return (
    <>
      <Loaded remote={numbers} what="The state" height={28}>
        {(known) =>
          alerts.data ? (
            <Sentence
              firing={firing.length}
              muted={muted}
              worst={firing.some((alert) => alert.severity === 'critical')}
              numbers={known}
              nowMs={nowMs}
            />
          ) : (
            <Skeleton height={28} />
          )
        }
      </Loaded>
      {active.length > 0 && (
        <section className="am-card" style={{ overflow: 'hidden' }} aria-label="Alerts">
          {active.slice(0, 8).map((alert) => (
            <AlertCard key={alert.key} alert={alert} nowMs={nowMs} />
          ))}
        </section>
      )}
      <PasswordNudge />
      <section className="am-areas" aria-label="Areas">
        {AREAS.map((area) => (
          <AreaTile
            key={area.title}
            area={area}
            prometheus={prometheus}
            href={
              isGrafana
                ? hrefOf(hits.data ?? [], area.dashboard)
                : app.boot.grafanaUrl === null
                  ? undefined
                  : `${app.boot.grafanaUrl}/dashboards`
            }
            external={!isGrafana}
          />
        ))}
      </section>
      <LastEvents prometheus={prometheus} />
    </>
  );
}

function hrefOf(hits: readonly DashboardHit[], title: RegExp): string | undefined {
  const hit = hits.find((item) => title.test(item.title));
  return hit && `/d/${encodeURIComponent(hit.uid)}`;
}

function Sentence(props: {
  readonly firing: number;
  readonly muted: number;
  readonly worst: boolean;
  readonly numbers: Numbers;
  readonly nowMs: number;
}): ReactNode {
  const { firing, muted, numbers, nowMs } = props;
  const calm = firing === 0 && numbers.targets === numbers.targetsUp;
  const Icon = calm ? IconCircleCheck : props.worst ? IconCircleX : IconAlertTriangle;
  const color = calm ? 'var(--am-ok)' : props.worst ? 'var(--am-crit)' : 'var(--am-warn)';
  const sentence = useMemo(
    () => stateSentence({ firing, muted, ...numbers }, (ms) => spokenAgo(ms, nowMs)),
    [firing, muted, numbers, nowMs],
  );
  return (
    <div className="am-row am-sentence" style={{ flexWrap: 'nowrap', alignItems: 'flex-start' }}>
      <Icon size={26} style={{ color, flex: 'none' }} aria-hidden="true" />
      <span>{sentence}</span>
    </div>
  );
}
