import { Button, SegmentedControl, TextInput } from '@mantine/core';
import { IconBellOff, IconSearch } from '@tabler/icons-react';
import { type ReactNode, useState } from 'react';
import { Link, useLocation, useSearch } from 'wouter';
import { Page } from '../../shell/page.tsx';
import { Empty, Loaded } from '../../shell/pictures.tsx';
import { useApp } from '../../state/app-context.tsx';
import { useNow } from '../../state/use-now.ts';
import { AlertCard } from './alert-card.tsx';
import { type AlertView, matchesText } from './alert-model.ts';
import { AlertRules } from './alert-rules.tsx';
import { useAlerts } from './use-alerts.ts';

type Shown = 'now' | 'rules';

export function AlertsPage(): ReactNode {
  const app = useApp();
  const remote = useAlerts(app);
  const nowMs = useNow();
  const params = new URLSearchParams(useSearch());
  const [text, setText] = useState(params.get('filter') ?? '');
  const [, navigate] = useLocation();
  const shown: Shown = params.get('show') === 'rules' && app.prometheus ? 'rules' : 'now';
  return (
    <Page crumbs={[]} title="Alerts">
      <div className="am-row">
        {app.prometheus && (
          <SegmentedControl
            size="sm"
            aria-label="What to show"
            data={[
              { value: 'now', label: 'Now' },
              { value: 'rules', label: 'All rules' },
            ]}
            value={shown}
            onChange={(next) => navigate(next === 'rules' ? '/alerts?show=rules' : '/alerts', { replace: true })}
          />
        )}
        <TextInput
          className="am-grow"
          leftSection={<IconSearch size={16} />}
          placeholder={'Find by name, label or text, or {severity="critical"}'}
          aria-label="Find alerts"
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
        />
        {app.alertmanager && (
          <Button variant="default" component={Link} href="/silences" leftSection={<IconBellOff size={16} />}>
            Silences
          </Button>
        )}
      </div>
      {shown === 'rules' && app.prometheus ? (
        <AlertRules prometheus={app.prometheus} text={text} nowMs={nowMs} />
      ) : (
        <Loaded remote={remote} what="The alerts">
          {({ alerts, missing }) => (
            <>
              {missing && <div className="am-notice">{missing} Only the other server's view is shown.</div>}
              <AlertList
                alerts={alerts.filter((alert) => matchesText(alert, text))}
                filtered={text !== ''}
                nowMs={nowMs}
              />
            </>
          )}
        </Loaded>
      )}
    </Page>
  );
}

function AlertList(props: {
  readonly alerts: readonly AlertView[];
  readonly filtered: boolean;
  readonly nowMs: number;
}): ReactNode {
  const { alerts, nowMs } = props;
  if (alerts.length === 0) {
    return props.filtered ? (
      <Empty title="No alert matches">Try a shorter word.</Empty>
    ) : (
      <Empty title="Nothing is firing">All alerting rules are quiet. They are listed under “All rules”.</Empty>
    );
  }
  const parts = [
    { title: 'Firing', members: alerts.filter((alert) => alert.state === 'firing' && !alert.muted) },
    { title: 'Pending', members: alerts.filter((alert) => alert.state === 'pending') },
    { title: 'Muted', members: alerts.filter((alert) => alert.state === 'firing' && alert.muted) },
  ];
  return (
    <div className="am-stack">
      {parts
        .filter(({ members }) => members.length > 0)
        .map(({ title, members }) => (
          <section key={title} className="am-stack" style={{ gap: 6 }}>
            <h2>
              {title} <span className="am-dim">{members.length}</span>
            </h2>
            <div className="am-card" style={{ overflow: 'hidden' }}>
              {members.map((alert) => (
                <AlertCard key={alert.key} alert={alert} nowMs={nowMs} />
              ))}
            </div>
          </section>
        ))}
    </div>
  );
}
