import { Button } from '@mantine/core';
import { IconActivity } from '@tabler/icons-react';
import { type ReactNode, useEffect, useState } from 'react';
import { Link } from 'wouter';
import type { AlertExplanation } from '../../api/alertmanager/insight.ts';
import type { PrometheusClient } from '../../api/prometheus/client.ts';
import type { AlertingRule, RuleGroup } from '../../api/prometheus/rules.ts';
import { type Remote, useRemote } from '../../api/use-remote.ts';
import { formatDuration } from '../../dashboard/duration.ts';
import { formatText } from '../../dashboard/units.ts';
import { Ago, LabelList, StateBadge } from '../../shell/badges.tsx';
import { Page } from '../../shell/page.tsx';
import { Empty, Loaded, Skeleton } from '../../shell/pictures.tsx';
import { useApp } from '../../state/app-context.tsx';
import { useNow } from '../../state/use-now.ts';
import { encodeQueryUrl, newQuery } from '../query/query-url.ts';
import { RunbookText, useRunbook } from '../runbooks/runbook.tsx';
import { ActiveAlert } from './active-alert.tsx';
import { AlertGraph } from './alert-graph.tsx';
import { AlertHistory } from './alert-history.tsx';
import { type AlertView, alertingRules, runbookName } from './alert-model.ts';
import { RuleState } from './alert-rules.tsx';
import { AlertWay, useExplanations } from './alert-way.tsx';
import { LastNotifications } from './last-notifications.tsx';
import { useAlerts } from './use-alerts.ts';
import { type RuleOfAlert, ruleOf } from './way-model.ts';

const CRUMBS = [{ word: 'Alerts', href: '/alerts' }];
const NO_GROUPS: readonly RuleGroup[] = [];

/** One alert by name: what is wrong, since when, how bad, the numbers behind it, and what to do. */
export function AlertPage({ name }: { readonly name: string }): ReactNode {
  const app = useApp();
  const { prometheus } = app;
  const nowMs = useNow();
  const alerts = useAlerts(app);
  const rules = useRemote('rules', async (signal) => (prometheus ? prometheus.rules(signal) : NO_GROUPS), {
    refreshMs: 15_000,
  });
  const isQuiet = alerts.data !== undefined && !alerts.data.alerts.some((alert) => alert.name === name);
  const explanations = useExplanations(name);
  const annotations = [
    ...(alerts.data?.alerts ?? []).filter((alert) => alert.name === name).map((alert) => alert.annotations),
    ...alertingRules(rules.data ?? NO_GROUPS, name).map(({ rule }) => rule.annotations),
  ];
  const runbook = annotations.map((each) => runbookName(each?.runbook_url ?? '')).find((found) => found !== undefined);
  const isDrawn = useFirstDrawn([alerts, rules, explanations].every(isSettled));
  if (!isDrawn) {
    return (
      <Page crumbs={CRUMBS} title={name}>
        <Skeleton height="70vh" />
      </Page>
    );
  }
  return (
    <Page crumbs={CRUMBS} title={name}>
      <Loaded remote={alerts} what="The alert">
        {(now) => (
          <>
            {now.missing && !explanations.error && (
              <div className="am-notice">{now.missing} Only the other server's view is shown.</div>
            )}
            <Active
              alerts={now.alerts.filter((alert) => alert.name === name)}
              explanations={explanations}
              rules={alertingRules(rules.data ?? NO_GROUPS, name)}
              nowMs={nowMs}
            />
          </>
        )}
      </Loaded>
      {app.alertmanager && isQuiet && <LastNotifications name={name} alertmanager={app.alertmanager} nowMs={nowMs} />}
      <div className="am-beside">
        {prometheus && (
          <Loaded remote={rules} what="The rule" height={320}>
            {(groups) => {
              const found = alertingRules(groups, name);
              if (found.length === 0)
                return <Empty title="No rule has this name">It may have been renamed or removed since.</Empty>;
              return (
                <div className="am-stack">
                  {found.map(({ rule, group }) => (
                    <RuleDetail
                      key={`${group.name}${rule.query}`}
                      rule={rule}
                      group={group}
                      prometheus={prometheus}
                      nowMs={nowMs}
                    />
                  ))}
                </div>
              );
            }}
          </Loaded>
        )}
        {runbook !== undefined && app.boot.door !== 'alertmanager' && <Runbook name={runbook} />}
      </div>
    </Page>
  );
}

/** A server that takes longer does not hold the rest back. */
const AWAITED_MS = 1_500;

/** Parts of the page stand below each other, so that they are drawn together: nothing moves after that. */
function useFirstDrawn(areSettled: boolean): boolean {
  const [isOver, setIsOver] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setIsOver(true), areSettled ? 0 : AWAITED_MS);
    return () => clearTimeout(timer);
  }, [areSettled]);
  return isOver || areSettled;
}

function isSettled({ data, error, loading }: Remote<unknown>): boolean {
  return data !== undefined || error !== undefined || !loading;
}

/** Alerts of one name whose ways are open from the start; of more, their sentences must do. */
const OPEN_MAX = 2;

function Active(props: {
  readonly alerts: readonly AlertView[];
  readonly explanations: Remote<readonly AlertExplanation[]>;
  readonly rules: readonly RuleOfAlert[];
  readonly nowMs: number;
}): ReactNode {
  const { alerts, nowMs } = props;
  if (alerts.length === 0) {
    return (
      <div className="am-notice am-ok" style={{ margin: 0 }}>
        <StateBadge tone="ok" word="quiet" /> This alert is not firing.
      </div>
    );
  }
  return (
    <div className="am-stack">
      {alerts.map((alert) => (
        <ActiveAlert key={alert.key} alert={alert} nowMs={nowMs}>
          <AlertWay
            alert={alert}
            of={ruleOf(alert, props.rules)}
            explanations={props.explanations}
            nowMs={nowMs}
            initiallyOpen={alerts.length <= OPEN_MAX}
          />
        </ActiveAlert>
      ))}
    </div>
  );
}

/** The runbook's text, where this server has it. The door of Alertmanager has none, and links to it instead. */
function Runbook({ name }: { readonly name: string }): ReactNode {
  const { data } = useRunbook(name);
  if (data === undefined) return null;
  return (
    <section className="am-card am-pad am-stack">
      <h2>
        <Link href={`/runbooks/${encodeURIComponent(name)}`}>Runbook</Link>
      </h2>
      <RunbookText markdown={data} />
    </section>
  );
}

function RuleDetail(props: {
  readonly rule: AlertingRule;
  readonly group: RuleGroup;
  readonly prometheus: PrometheusClient;
  readonly nowMs: number;
}): ReactNode {
  const { rule, group, nowMs } = props;
  return (
    <section className="am-card am-pad am-stack">
      <div className="am-row">
        <h2 className="am-grow">The rule</h2>
        <RuleState rule={rule} />
        <Button
          size="compact-sm"
          variant="default"
          leftSection={<IconActivity size={15} />}
          component={Link}
          href={`/query?${encodeQueryUrl([newQuery(rule.query)])}`}
        >
          Query
        </Button>
      </div>
      {rule.lastError && (
        <div className="am-notice am-crit" style={{ margin: 0 }}>
          {rule.lastError}
        </div>
      )}
      <pre className="am-expr">{rule.query}</pre>
      <AlertGraph rule={rule} prometheus={props.prometheus} />
      <AlertHistory rule={rule} group={group} prometheus={props.prometheus} nowMs={nowMs} />
      <dl className="am-facts">
        <dt>Fires after</dt>
        <dd>{rule.duration === 0 ? 'the first evaluation' : formatDuration(rule.duration * 1000)}</dd>
        {(rule.keepFiringFor ?? 0) > 0 && (
          <>
            <dt>Keeps firing for</dt>
            <dd>{formatDuration((rule.keepFiringFor ?? 0) * 1000)} after the condition is gone</dd>
          </>
        )}
        <dt>Evaluated</dt>
        <dd>
          every {formatDuration(group.interval * 1000)}, last <Ago at={rule.lastEvaluation} nowMs={nowMs} />
          {rule.evaluationTime !== undefined && `, took ${formatText(rule.evaluationTime, 's')}`}
        </dd>
        <dt>Group</dt>
        <dd>
          <Link href={`/rules?q=${encodeURIComponent(group.name)}`}>{group.name}</Link>{' '}
          <span className="am-dim">{group.file}</span>
        </dd>
        <dt>Labels</dt>
        <dd>
          <LabelList labels={rule.labels ?? {}} />
        </dd>
      </dl>
    </section>
  );
}
