import type { ReactNode } from 'react';
import { Link } from 'wouter';
import { Ago, LabelList, StateBadge, severityTone } from '../../shell/badges.tsx';
import type { AlertView } from './alert-model.ts';

/** One line of the alert list: what, how bad, since when, in the words of its annotation. */
export function AlertCard({ alert, nowMs }: { readonly alert: AlertView; readonly nowMs: number }): ReactNode {
  const tone = alert.muted ? 'unknown' : severityTone(alert.severity);
  const text = alert.annotations.summary ?? alert.annotations.description ?? alert.annotations.message;
  return (
    <Link href={`/alerts/${encodeURIComponent(alert.name)}`} className={`am-alert am-${tone}`}>
      <StateBadge
        tone={alert.state === 'pending' ? 'warn' : tone}
        word={alert.muted ?? (alert.state === 'pending' ? 'pending' : alert.severity || 'firing')}
      />
      <span>
        <b style={{ fontWeight: 600 }}>{alert.name}</b>
        {text && <span className="am-break"> {text}</span>}
      </span>
      <span className="am-dim am-small">
        <Ago at={alert.since} nowMs={nowMs} />
      </span>
      <span />
      <LabelList labels={alert.labels} leave={['severity']} />
    </Link>
  );
}
