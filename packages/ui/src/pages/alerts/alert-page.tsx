import { Button } from '@mantine/core';
import { IconActivity, IconBellOff, IconBook, IconLayoutDashboard } from '@tabler/icons-react';
import { lazy, type ReactNode, Suspense } from 'react';
import { Link, useLocation } from 'wouter';
import type { PrometheusClient } from '../../api/prometheus/client.ts';
import type { AlertingRule, RuleGroup } from '../../api/prometheus/rules.ts';
import { useRemote } from '../../api/use-remote.ts';
import { cssColor } from '../../dashboard/color.ts';
import { formatDuration } from '../../dashboard/duration.ts';
import { Ago, LabelList, StateBadge, severityTone } from '../../shell/badges.tsx';
import { Page } from '../../shell/page.tsx';
import { Empty, Failed, Loaded, Skeleton } from '../../shell/pictures.tsx';
import { useApp } from '../../state/app-context.tsx';
import { useNow } from '../../state/use-now.ts';
import { useScheme } from '../../state/use-scheme.ts';
import { encodeQueryUrl, newQuery } from '../query/query-url.ts';
import { type AlertView, alertingRules, comparedLevel } from './alert-model.ts';
import { RuleState } from './alert-rules.tsx';
import { useAlerts } from './use-alerts.ts';

const ResultGraph = lazy(async () => ({ default: (await import('../query/result-graph.tsx')).ResultGraph }));

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
  return (
    <Page crumbs={CRUMBS} title={name}>
      <Loaded remote={alerts} what="The alert">
        {(now) => <Active alerts={now.alerts.filter((alert) => alert.name === name)} nowMs={nowMs} />}
      </Loaded>
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
    </Page>
  );
}

function Active({ alerts, nowMs }: { readonly alerts: readonly AlertView[]; readonly nowMs: number }): ReactNode {
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
        <ActiveAlert key={alert.key} alert={alert} nowMs={nowMs} />
      ))}
    </div>
  );
}

function ActiveAlert({ alert, nowMs }: { readonly alert: AlertView; readonly nowMs: number }): ReactNode {
  const app = useApp();
  const [, navigate] = useLocation();
  const { summary, description, runbook_url: runbook, dashboard_url: dashboard, ...others } = alert.annotations;
  const tone = severityTone(alert.severity);
  const silence = new URLSearchParams({ filter: JSON.stringify({ alertname: alert.name, ...alert.labels }) });
  return (
    <section
      className={`am-card am-pad am-stack am-notice ${tone === 'crit' ? 'am-crit' : ''}`}
      style={{ margin: 0, alignItems: 'stretch' }}
    >
      <div className="am-row">
        <StateBadge tone={alert.state === 'pending' ? 'warn' : tone} word={alert.state} />
        {alert.severity && <StateBadge tone={tone} word={alert.severity} />}
        {alert.muted && <StateBadge tone="unknown" word={alert.muted} />}
        <span className="am-dim">
          since <Ago at={alert.since} nowMs={nowMs} />
        </span>
      </div>
      {summary && <div style={{ fontSize: 16, fontWeight: 600 }}>{summary}</div>}
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
      <LabelList labels={alert.labels} />
      {alert.receivers.length > 0 && <div className="am-dim am-small">Goes to {alert.receivers.join(', ')}</div>}
      <div className="am-row">
        {runbook && /^https?:\/\//.test(runbook) && (
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
        {app.alertmanager && !alert.muted && (
          <Button
            size="compact-sm"
            variant="default"
            leftSection={<IconBellOff size={15} />}
            onClick={() => navigate(`/silences/new?${silence}`)}
          >
            Silence
          </Button>
        )}
        {dashboard && /^(?:https?:\/\/|\/)/.test(dashboard) && (
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
      </div>
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
  const [, navigate] = useLocation();
  const runbook = rule.annotations?.runbook_url;
  return (
    <section className="am-card am-pad am-stack">
      <div className="am-row">
        <h2 className="am-grow">The rule</h2>
        <RuleState rule={rule} />
        <Button
          size="compact-sm"
          variant="default"
          leftSection={<IconActivity size={15} />}
          onClick={() => navigate(`/query?${encodeQueryUrl([newQuery(rule.query)])}`)}
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
      <ExpressionGraph rule={rule} prometheus={props.prometheus} />
      <dl className="am-facts">
        <dt>Fires after</dt>
        <dd>{rule.duration === 0 ? 'the first evaluation' : formatDuration(rule.duration * 1000)}</dd>
        <dt>Evaluated</dt>
        <dd>
          every {formatDuration(group.interval * 1000)}, last <Ago at={rule.lastEvaluation} nowMs={nowMs} />
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
        {runbook && (
          <>
            <dt>Runbook</dt>
            <dd>
              {/^https?:\/\//.test(runbook) ? (
                <a href={runbook} target="_blank" rel="noreferrer">
                  {runbook}
                </a>
              ) : (
                runbook
              )}
            </dd>
          </>
        )}
      </dl>
    </section>
  );
}

const HISTORY_MS = 6 * 3_600_000;
const STEP_MS = 30_000;

/** The expression over the last hours; where it ends in a comparison, the left side with the level as a line. */
function ExpressionGraph({
  rule,
  prometheus,
}: {
  readonly rule: AlertingRule;
  readonly prometheus: PrometheusClient;
}): ReactNode {
  const scheme = useScheme();
  const compared = comparedLevel(rule.query);
  const expr = compared?.left ?? rule.query;
  const remote = useRemote(
    `alert graph ${expr}`,
    async (signal) => {
      const endMs = Math.ceil(Date.now() / STEP_MS) * STEP_MS;
      const timing = { startMs: endMs - HISTORY_MS, endMs, stepMs: STEP_MS };
      return { timing, result: (await prometheus.queryRange({ expr, ...timing }, signal)).data };
    },
    { refreshMs: 30_000 },
  );
  if (!remote.data) {
    if (!remote.error) return <Skeleton height={220} />;
    return <Failed title="The expression could not be drawn" message={remote.error.message} onRetry={remote.reload} />;
  }
  const color = cssColor('red', scheme);
  const thresholds = compared ? [{ value: compared.level, color, line: true, dashed: true, area: false }] : [];
  const moments = (rule.alerts ?? [])
    .slice(0, 3)
    .map((alert) => ({ atMs: Date.parse(alert.activeAt ?? ''), color: cssColor('orange', scheme), label: 'pending' }));
  const fired = moments.flatMap(({ atMs }, i) =>
    rule.alerts?.[i]?.state === 'firing' && rule.duration > 0
      ? [{ atMs: atMs + rule.duration * 1000, color, label: 'firing' }]
      : [],
  );
  return (
    <Suspense fallback={<Skeleton height={220} />}>
      <ResultGraph
        expr={expr}
        result={remote.data.result}
        timing={remote.data.timing}
        height={220}
        thresholds={thresholds}
        moments={[...moments, ...fired]}
        legend={remote.data.result.resultType === 'matrix' && remote.data.result.result.length > 1}
      />
    </Suspense>
  );
}
