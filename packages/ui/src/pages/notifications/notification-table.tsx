import { ActionIcon } from '@mantine/core';
import { IconChevronDown, IconChevronRight } from '@tabler/icons-react';
import { type ReactNode, useState } from 'react';
import { Link } from 'wouter';
import type { NotificationRecord, NotifiedAlert } from '../../api/alertmanager/insight.ts';
import { shortDateTime } from '../../dashboard/time-range.ts';
import { formatText } from '../../dashboard/units.ts';
import { Ago, LabelList, StateBadge } from '../../shell/badges.tsx';

/** Notifications, one a row; behind the arrow its alerts, the reply and the group. */
export function NotificationTable(props: {
  readonly records: readonly NotificationRecord[];
  readonly nowMs: number;
}): ReactNode {
  return (
    <div className="am-card am-scroll-x">
      <table className="am-list am-stacked">
        <thead>
          <tr>
            <th>When</th>
            <th>Outcome</th>
            <th>To</th>
            <th>About</th>
            <th>Why</th>
            <th>Reply</th>
          </tr>
        </thead>
        <tbody>
          {props.records.map((record) => (
            <NotificationRow key={record.id} record={record} nowMs={props.nowMs} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function NotificationRow({
  record,
  nowMs,
}: {
  readonly record: NotificationRecord;
  readonly nowMs: number;
}): ReactNode {
  const [open, setOpen] = useState(false);
  const { at, receiver, integration, index, status, reason, reply } = record;
  const hasFailed = status === 'failed';
  return (
    <>
      <tr className={hasFailed ? 'am-failedrow' : undefined}>
        <td style={{ whiteSpace: 'nowrap' }}>
          <ActionIcon
            variant="subtle"
            color="gray"
            size="sm"
            aria-expanded={open}
            aria-label={`Details of the notification of ${shortDateTime(Date.parse(at))} to ${receiver}`}
            onClick={() => setOpen(!open)}
          >
            {open ? <IconChevronDown size={15} /> : <IconChevronRight size={15} />}
          </ActionIcon>{' '}
          <Ago at={at} nowMs={nowMs} />
        </td>
        <td>
          <StateBadge tone={hasFailed ? 'crit' : 'ok'} word={status} />
        </td>
        <td>
          <b style={{ fontWeight: 600 }}>{receiver}</b>
          <div className="am-dim am-small">
            {integration}[{index}]
          </div>
        </td>
        <td className="am-full">
          <About record={record} />
        </td>
        <td className="am-full am-dim">{reason}</td>
        <td className="am-full am-break" style={hasFailed ? { color: 'var(--am-crit)' } : undefined}>
          <div className="am-clamp">{reply}</div>
        </td>
      </tr>
      {open && (
        <tr>
          <td colSpan={6} className="am-full">
            <NotificationDetail record={record} nowMs={nowMs} />
          </td>
        </tr>
      )}
    </>
  );
}

/** The names of the alerts, with how many fire and how many have ended. */
function About({ record: { alerts, firing, resolved } }: { readonly record: NotificationRecord }): ReactNode {
  const names = [...new Set(alerts.map(({ labels }) => labels.alertname ?? ''))].filter(Boolean);
  const counts = [firing > 0 && `${firing} firing`, resolved > 0 && `${resolved} resolved`].filter(Boolean).join(', ');
  return (
    <>
      {names.slice(0, 3).map((name, i) => (
        <span key={name}>
          {i > 0 && ', '}
          <Link href={`/alerts/${encodeURIComponent(name)}`}>{name}</Link>
        </span>
      ))}
      {names.length > 3 && ` and ${names.length - 3} more`}
      <div className="am-dim am-small am-num">{counts}</div>
    </>
  );
}

function NotificationDetail({
  record,
  nowMs,
}: {
  readonly record: NotificationRecord;
  readonly nowMs: number;
}): ReactNode {
  const { id, at, attempts, durationSeconds, groupKey, groupLabels, reply, category, alerts, otherFingerprints } =
    record;
  return (
    <div className="am-stack" style={{ gap: 10, padding: '2px 0 8px 28px' }}>
      <dl className="am-facts">
        <dt>{record.status === 'failed' ? 'Why it failed' : 'The reply'}</dt>
        <dd>{reply === '' ? <span className="am-dim">the server said nothing more</span> : reply}</dd>
        {category && (
          <>
            <dt>Kind of failure</dt>
            <dd>{category}</dd>
          </>
        )}
        <dt>Sent</dt>
        <dd className="am-num">
          {shortDateTime(Date.parse(at))}, took {formatText(durationSeconds, 's')}
          {attempts === 1 ? ', one attempt' : `, ${attempts} attempts`}
        </dd>
        <dt>Group</dt>
        <dd>
          <LabelList labels={groupLabels} /> <code className="am-dim">{groupKey}</code>
        </dd>
        <dt>Template</dt>
        <dd>
          <Link href={`/templates?notification=${id}`}>Try a template on it</Link>
        </dd>
      </dl>
      <ul className="am-plain am-stack" style={{ gap: 8 }}>
        {alerts.map((alert) => (
          <ToldAlert key={alert.fingerprint} alert={alert} nowMs={nowMs} />
        ))}
      </ul>
      {otherFingerprints.length > 0 && (
        <div className="am-dim am-small">
          and {otherFingerprints.length} more, of which only the fingerprints are kept
        </div>
      )}
    </div>
  );
}

function ToldAlert({ alert, nowMs }: { readonly alert: NotifiedAlert; readonly nowMs: number }): ReactNode {
  const { labels, annotations, status, startsAt, endsAt, fingerprint } = alert;
  const { alertname = '', ...others } = labels;
  return (
    <li className="am-stack" style={{ gap: 3 }}>
      <div className="am-row">
        <StateBadge tone={status === 'firing' ? 'crit' : 'ok'} word={status} />
        <Link href={`/alerts/${encodeURIComponent(alertname)}`}>{alertname}</Link>
        <span className="am-dim am-small">
          began <Ago at={startsAt} nowMs={nowMs} />
          {endsAt !== '' && (
            <>
              , ended <Ago at={endsAt} nowMs={nowMs} />
            </>
          )}
        </span>
        <Link className="am-small" href={`/notifications?fingerprint=${fingerprint}`}>
          all about it
        </Link>
      </div>
      {annotations.summary && <div className="am-break">{annotations.summary}</div>}
      <LabelList labels={others} />
    </li>
  );
}
