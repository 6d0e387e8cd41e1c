import type { ReactNode } from 'react';
import { Link } from 'wouter';
import type { AlertmanagerClient } from '../../api/alertmanager/client.ts';
import { useRemote } from '../../api/use-remote.ts';
import { NotificationTable } from '../notifications/notification-table.tsx';

const SHOWN = '5';

/** What was told of an alert that does not fire now; nothing where Alertmanager keeps no log. */
export function LastNotifications(props: {
  readonly name: string;
  readonly alertmanager: AlertmanagerClient;
  readonly nowMs: number;
}): ReactNode {
  const filter = `alertname=${JSON.stringify(props.name)}`;
  const { data } = useRemote(
    `notifications ${filter}`,
    (signal) => props.alertmanager.notifications(new URLSearchParams({ filter, limit: SHOWN }), signal),
    { refreshMs: 15_000 },
  );
  if (!data || data.notifications.length === 0) return null;
  return (
    <section className="am-stack" style={{ gap: 6 }}>
      <h2>What was told of it</h2>
      <NotificationTable records={data.notifications} nowMs={props.nowMs} />
      {data.next !== null && (
        <Link href={`/notifications?${new URLSearchParams({ matchers: filter })}`}>All notifications of it</Link>
      )}
    </section>
  );
}
