import { Button, SegmentedControl, TextInput } from '@mantine/core';
import { IconX } from '@tabler/icons-react';
import { type FormEvent, type ReactNode, useEffect, useState } from 'react';
import { useLocation, useSearch } from 'wouter';
import type { AlertmanagerClient } from '../../api/alertmanager/client.ts';
import type { NotificationPage as Answer } from '../../api/alertmanager/insight.ts';
import { type Remote, useRemote } from '../../api/use-remote.ts';
import { Page } from '../../shell/page.tsx';
import { Empty, Loaded } from '../../shell/pictures.tsx';
import { Select } from '../../shell/select.tsx';
import { useApp } from '../../state/app-context.tsx';
import { useNow } from '../../state/use-now.ts';
import { DeliveryTabs } from './delivery-tabs.tsx';
import { NoAlertmanager, NotOurs } from './no-log.tsx';
import { filterOfSearch, type NotificationFilter, queryOfFilter, searchOfFilter } from './notification-filter.ts';
import { NotificationTable } from './notification-table.tsx';

export function NotificationsPage(): ReactNode {
  const { alertmanager } = useApp();
  return alertmanager ? <Log alertmanager={alertmanager} /> : <NoAlertmanager title="Notifications" />;
}

const REFRESH_MS = 10_000;

/** Every notification, newest first. Only the newest page renews itself: what is read does not move away. */
function Log({ alertmanager }: { readonly alertmanager: AlertmanagerClient }): ReactNode {
  const [, navigate] = useLocation();
  const filter = filterOfSearch(useSearch());
  const { query, bad } = queryOfFilter(filter);
  const remote = useRemote(`notifications ${query}`, (signal) => alertmanager.notifications(query, signal), {
    refreshMs: filter.before === '' ? REFRESH_MS : 0,
  });
  const change = (part: Partial<NotificationFilter>): void =>
    navigate(searchOfFilter({ ...filter, before: '', ...part }));
  return (
    <Page crumbs={[]} title="Notifications">
      {remote.error?.status === 404 ? (
        <NotOurs what="The log of notifications is kept" />
      ) : (
        <>
          <Filters filter={filter} bad={bad} alertmanager={alertmanager} onChange={change} />
          <Results remote={remote} filter={filter} onChange={change} />
        </>
      )}
    </Page>
  );
}

function Results(props: {
  readonly remote: Remote<Answer>;
  readonly filter: NotificationFilter;
  readonly onChange: (part: Partial<NotificationFilter>) => void;
}): ReactNode {
  const { filter, onChange } = props;
  const nowMs = useNow();
  return (
    <Loaded remote={props.remote} what="The log of notifications" height={400}>
      {({ notifications, next }) => (
        <div className="am-stack">
          {notifications.length === 0 ? (
            <Nothing filter={filter} />
          ) : (
            <NotificationTable records={notifications} nowMs={nowMs} />
          )}
          {(next !== null || filter.before !== '') && (
            <div className="am-row" style={{ justifyContent: 'flex-end' }}>
              <Button
                size="compact-sm"
                variant="default"
                disabled={filter.before === ''}
                onClick={() => onChange({ before: '' })}
              >
                Newest
              </Button>
              <Button
                size="compact-sm"
                variant="default"
                disabled={next === null}
                onClick={() => onChange({ before: next ?? '' })}
              >
                Older
              </Button>
            </div>
          )}
        </div>
      )}
    </Loaded>
  );
}

function Nothing({ filter }: { readonly filter: NotificationFilter }): ReactNode {
  if (searchOfFilter(filter) !== '/notifications') {
    return <Empty title="No notification matches">Leave a condition out, or look among the newest.</Empty>;
  }
  return (
    <Empty title="Nobody has been told anything yet">
      Every message that Alertmanager sends is kept here: what, to whom, why, and what the server answered. A receiver
      can be tested under “Receivers”.
    </Empty>
  );
}

interface FiltersProps {
  readonly filter: NotificationFilter;
  readonly bad: string;
  readonly alertmanager: AlertmanagerClient;
  readonly onChange: (part: Partial<NotificationFilter>) => void;
}

function Filters({ filter, bad, alertmanager, onChange }: FiltersProps): ReactNode {
  const receivers = useRemote('receivers', (signal) => alertmanager.receivers(signal));
  const names = [...new Set([filter.receiver, ...(receivers.data ?? []).map(({ name }) => name)])].filter(Boolean);
  return (
    <div className="am-row" style={{ alignItems: 'flex-start' }}>
      <DeliveryTabs />
      <Select
        label="Receiver"
        value={filter.receiver}
        options={[{ value: '', text: 'All receivers' }, ...names.map((name) => ({ value: name, text: name }))]}
        onChange={(receiver) => onChange({ receiver })}
      />
      <SegmentedControl
        size="sm"
        aria-label="Outcome"
        data={[
          { value: '', label: 'All' },
          { value: 'failed', label: 'Failed' },
          { value: 'sent', label: 'Sent' },
        ]}
        value={filter.status}
        onChange={(status) => onChange({ status: status as NotificationFilter['status'] })}
      />
      <MatcherInput
        value={filter.matchers}
        error={bad === '' ? undefined : `Not a matcher: ${bad}`}
        onCommit={(matchers) => onChange({ matchers })}
      />
      {filter.fingerprint !== '' && (
        <Button
          size="sm"
          variant="default"
          rightSection={<IconX size={14} />}
          aria-label="Show other alerts, too"
          onClick={() => onChange({ fingerprint: '' })}
        >
          one alert only
        </Button>
      )}
    </div>
  );
}

/** Takes effect on Enter and when it is left. */
function MatcherInput(props: {
  readonly value: string;
  readonly error: string | undefined;
  readonly onCommit: (text: string) => void;
}): ReactNode {
  const { value, onCommit } = props;
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  const commit = (event: FormEvent): void => {
    event.preventDefault();
    if (text !== value) onCommit(text);
  };
  return (
    <form className="am-grow" onSubmit={commit}>
      <TextInput
        placeholder={'alertname="DiskFull", severity=~"critical|page"'}
        aria-label="Labels of the alerts"
        value={text}
        error={props.error}
        onBlur={commit}
        onChange={(event) => setText(event.currentTarget.value)}
      />
    </form>
  );
}
