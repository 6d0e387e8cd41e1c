import { Button } from '@mantine/core';
import { IconBellOff, IconBook, IconLayoutDashboard } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { Link } from 'wouter';
import { Ago, LabelList, StateBadge, severityTone } from '../../shell/badges.tsx';
import { useApp } from '../../state/app-context.tsx';
import { type AlertView, areaDashboard, runbookName, valueText } from './alert-model.ts';

/** One alert that is active now: how bad, since when, what it says, and the ways on. */
export function ActiveAlert(props: {
  readonly alert: AlertView;
  readonly nowMs: number;
  /** Below its text, the way it took. */
  readonly children: ReactNode;
}): ReactNode {
  const { alert, nowMs } = props;
  const { summary, description, runbook_url: _runbook, dashboard_url: _dashboard, ...others } = alert.annotations;
  const tone = severityTone(alert.severity);
  return (
    <section className={`am-card am-pad am-stack am-active am-${alert.muted ? 'unknown' : tone}`}>
      <div className="am-row">
        <StateBadge tone={alert.state === 'pending' ? 'warn' : tone} word={alert.state} />
        {alert.severity && <StateBadge tone={tone} word={alert.severity} />}
        {alert.muted && <StateBadge tone="unknown" word={alert.muted} />}
        <span className="am-dim">
          began <Ago at={alert.since} nowMs={nowMs} />
        </span>
        {alert.value !== undefined && (
          <span className="am-dim">
            the expression is <b className="am-num">{valueText(alert.value)}</b>
          </span>
        )}
      </div>
      {summary && <h2 className="am-summary">{summary}</h2>}
      {description && (
        <div className="am-break" style={{ whiteSpace: 'pre-line' }}>
          {description}
        </div>
      )}
      {Object.entries(others).map(([key, value]) => (
        <div key={key} className="am-break">
          <span className="am-dim">{key}:</span> {value}
        </div>
      ))}
      <LabelList labels={alert.labels} leave={['severity']} />
      <Ways alert={alert} />
      {props.children}
    </section>
  );
}

function Ways({ alert }: { readonly alert: AlertView }): ReactNode {
  const app = useApp();
  const runbook = alert.annotations.runbook_url;
  const dashboard = dashboardHref(alert, app.boot.door === 'grafana' ? '' : app.boot.grafanaUrl);
  const silence = new URLSearchParams({
    filter: JSON.stringify({ alertname: alert.name, ...alert.labels }),
    comment: `Looking into ${alert.name}`,
  });
  return (
    <div className="am-row">
      {runbook &&
        /^https?:\/\//.test(runbook) &&
        (runbookName(runbook) === undefined || app.boot.door === 'alertmanager') && (
          <Button
            size="compact-sm"
            component="a"
            href={runbook}
            target="_blank"
            rel="noreferrer"
            leftSection={<IconBook size={15} />}
          >
            Runbook
          </Button>
        )}
      {dashboard?.startsWith('/d/') && (
        <Button
          size="compact-sm"
          variant="default"
          component={Link}
          href={dashboard}
          leftSection={<IconLayoutDashboard size={15} />}
        >
          Dashboard
        </Button>
      )}
      {dashboard && !dashboard.startsWith('/d/') && (
        <Button
          size="compact-sm"
          variant="default"
          component="a"
          href={dashboard}
          leftSection={<IconLayoutDashboard size={15} />}
        >
          Dashboard
        </Button>
      )}
      {alert.muted === 'silenced' && (
        <Button
          size="compact-sm"
          variant="default"
          component={Link}
          href={alert.silence === undefined ? '/silences' : `/silences/${alert.silence}`}
          leftSection={<IconBellOff size={15} />}
        >
          Its silence
        </Button>
      )}
      {app.alertmanager && !alert.muted && alert.state === 'firing' && (
        <Button
          size="compact-sm"
          variant="default"
          component={Link}
          href={`/silences/new?${silence}`}
          leftSection={<IconBellOff size={15} />}
        >
          Silence
        </Button>
      )}
    </div>
  );
}

const BEFORE_MS = 30 * 60_000;

/** The alert's own dashboard, else the one of its `area`, from half an hour before it began. */
function dashboardHref(alert: AlertView, grafanaUrl: string | null): string | undefined {
  const own = alert.annotations.dashboard_url;
  if (own && /^(?:https?:\/\/|\/)/.test(own)) return own;
  const uid = areaDashboard(alert.labels.area);
  if (uid === undefined || grafanaUrl === null) return undefined;
  const sinceMs = Date.parse(alert.since ?? '');
  const range = Number.isFinite(sinceMs) ? `?from=${sinceMs - BEFORE_MS}&to=now` : '';
  return `${grafanaUrl}/d/${uid}${range}`;
}
