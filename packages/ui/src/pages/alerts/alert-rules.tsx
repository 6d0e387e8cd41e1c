import type { ReactNode } from 'react';
import { Link } from 'wouter';
import type { PrometheusClient } from '../../api/prometheus/client.ts';
import type { AlertingRule } from '../../api/prometheus/rules.ts';
import { useRemote } from '../../api/use-remote.ts';
import { formatDuration } from '../../dashboard/duration.ts';
import { StateBadge, severityTone } from '../../shell/badges.tsx';
import { Empty, Loaded } from '../../shell/pictures.tsx';

/** Every alerting rule with its state, loud ones first. */
export function AlertRules(props: {
  readonly prometheus: PrometheusClient;
  readonly text: string;
  readonly nowMs: number;
}): ReactNode {
  const remote = useRemote('rules', (signal) => props.prometheus.rules(signal), { refreshMs: 15_000 });
  return (
    <Loaded remote={remote} what="The rules">
      {(groups) => {
        const rules = groups
          .flatMap((group) =>
            group.rules.filter((rule) => rule.type === 'alerting').map((rule) => ({ rule, group: group.name })),
          )
          .filter(({ rule }) =>
            `${rule.name} ${rule.query} ${JSON.stringify(rule.labels)}`
              .toLowerCase()
              .includes(props.text.toLowerCase()),
          )
          .sort((a, b) => rank(a.rule) - rank(b.rule));
        if (rules.length === 0)
          return (
            <Empty title="No alerting rules">Rules are YAML files that prometheus.yml names under rule_files.</Empty>
          );
        return (
          <div className="am-card am-scroll-x">
            <table className="am-list am-stacked">
              <thead>
                <tr>
                  <th>Rule</th>
                  <th>State</th>
                  <th>Severity</th>
                  <th>Condition</th>
                  <th>For</th>
                </tr>
              </thead>
              <tbody>
                {rules.map(({ rule, group }) => (
                  <tr key={`${group}/${rule.name}/${rule.query}`}>
                    <td>
                      <Link href={`/alerts/${encodeURIComponent(rule.name)}`}>{rule.name}</Link>
                      <div className="am-dim am-small">{group}</div>
                    </td>
                    <td>
                      <RuleState rule={rule} />
                    </td>
                    <td>
                      {rule.labels?.severity && (
                        <StateBadge tone={severityTone(rule.labels.severity)} word={rule.labels.severity} />
                      )}
                    </td>
                    <td className="am-mono am-break am-full">{rule.query}</td>
                    <td className="am-num">{formatDuration(rule.duration * 1000)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        );
      }}
    </Loaded>
  );
}

const RANK: Readonly<Record<string, number>> = { firing: 0, pending: 1, inactive: 2, unknown: 3 };
const rank = (rule: AlertingRule): number => (rule.health === 'err' ? -1 : (RANK[rule.state] ?? 3));

export function RuleState({ rule }: { readonly rule: AlertingRule }): ReactNode {
  if (rule.health === 'err') return <StateBadge tone="crit" word="error" />;
  const active = (rule.alerts ?? []).filter((alert) => alert.state === rule.state).length;
  if (rule.state === 'firing') return <StateBadge tone="crit" word={active > 1 ? `firing ${active}` : 'firing'} />;
  if (rule.state === 'pending') return <StateBadge tone="warn" word="pending" />;
  return rule.state === 'inactive' ? (
    <StateBadge tone="ok" word="quiet" />
  ) : (
    <StateBadge tone="unknown" word="not run yet" />
  );
}
