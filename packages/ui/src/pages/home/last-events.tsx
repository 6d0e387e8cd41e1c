import type { ReactNode } from 'react';
import { Link } from 'wouter';
import type { PrometheusClient } from '../../api/prometheus/client.ts';
import { useRemote } from '../../api/use-remote.ts';
import { spokenAgo } from '../../dashboard/duration.ts';
import { shortDateTime } from '../../dashboard/time-range.ts';
import { StateBadge, severityTone } from '../../shell/badges.tsx';
import { useNow } from '../../state/use-now.ts';
import { type AlertEvent, eventsOfAlerts } from './events.ts';

const DAY_MS = 86_400_000;
const STEP_MS = 60_000;
const SHOWN = 10;

/** When alerts began and ended in the last day, from Prometheus's own ALERTS series. */
export function LastEvents({ prometheus }: { readonly prometheus: PrometheusClient }): ReactNode {
  const nowMs = useNow(5000);
  const remote = useRemote(
    'events',
    async (signal): Promise<readonly AlertEvent[]> => {
      const endMs = Math.floor(Date.now() / STEP_MS) * STEP_MS;
      const query = { expr: 'ALERTS{alertstate="firing"}', startMs: endMs - DAY_MS, endMs, stepMs: STEP_MS };
      const { data } = await prometheus.queryRange(query, signal);
      return data.resultType === 'matrix' ? eventsOfAlerts(data.result, query) : [];
    },
    { refreshMs: 30_000 },
  );
  if (!remote.data) return null;
  return (
    <section className="am-stack" style={{ gap: 6 }}>
      <h2>Last events</h2>
      <div className="am-card">
        {remote.data.length === 0 ? (
          <div className="am-pad am-dim" style={{ padding: '10px 14px' }}>
            No alert has fired or ended in the last 24 hours.
          </div>
        ) : (
          <table className="am-list">
            <tbody>
              {remote.data.slice(0, SHOWN).map((event) => (
                <tr key={`${event.key}${event.atMs}${event.kind}`}>
                  <td
                    className="am-dim am-num"
                    style={{ width: 120, whiteSpace: 'nowrap' }}
                    title={shortDateTime(event.atMs)}
                  >
                    {spokenAgo(event.atMs, nowMs)}
                  </td>
                  <td style={{ width: 90 }}>
                    <StateBadge tone={event.kind === 'ended' ? 'ok' : severityTone(event.severity)} word={event.kind} />
                  </td>
                  <td>
                    <Link href={`/alerts/${encodeURIComponent(event.name)}`}>{event.name}</Link>{' '}
                    <span className="am-dim">{event.instance}</span>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </div>
    </section>
  );
}
