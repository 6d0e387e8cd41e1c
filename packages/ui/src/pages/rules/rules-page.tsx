import { SegmentedControl, TextInput } from '@mantine/core';
import { IconSearch } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { Link, useLocation, useSearch } from 'wouter';
import type { Rule, RuleGroup } from '../../api/prometheus/rules.ts';
import { useRemote } from '../../api/use-remote.ts';
import { formatDuration } from '../../dashboard/duration.ts';
import { formatText } from '../../dashboard/units.ts';
import { Ago, LabelList, StateBadge } from '../../shell/badges.tsx';
import { Page } from '../../shell/page.tsx';
import { Empty, Loaded } from '../../shell/pictures.tsx';
import { useApp } from '../../state/app-context.tsx';
import { useNow } from '../../state/use-now.ts';
import { RuleState } from '../alerts/alert-rules.tsx';
import { encodeQueryUrl, newQuery } from '../query/query-url.ts';
import { filterGroups, type RuleFilter } from './rule-filter.ts';

const NO_GROUPS: readonly RuleGroup[] = [];

export function RulesPage(): ReactNode {
  const { prometheus } = useApp();
  const nowMs = useNow();
  const [, navigate] = useLocation();
  const params = new URLSearchParams(useSearch());
  const text = params.get('q') ?? '';
  const which = (params.get('show') ?? 'all') as RuleFilter;
  const remote = useRemote('rules', async (signal) => (prometheus ? prometheus.rules(signal) : NO_GROUPS), {
    refreshMs: 10_000,
  });
  const change = (nextText: string, nextWhich: string): void => {
    const next = new URLSearchParams({
      ...(nextText ? { q: nextText } : {}),
      ...(nextWhich === 'all' ? {} : { show: nextWhich }),
    });
    navigate(`/rules${next.size > 0 ? `?${next}` : ''}`, { replace: true });
  };
  return (
    <Page crumbs={[]} title="Rules">
      <div className="am-row">
        <SegmentedControl
          size="sm"
          aria-label="Which rules"
          data={[
            { value: 'all', label: 'All' },
            { value: 'problems', label: 'Failing' },
            { value: 'alerting', label: 'Alerting' },
            { value: 'recording', label: 'Recording' },
          ]}
          value={which}
          onChange={(next) => change(text, next)}
        />
        <TextInput
          className="am-grow"
          leftSection={<IconSearch size={16} />}
          placeholder="Find by group, file, rule or expression"
          aria-label="Find rules"
          value={text}
          onChange={(event) => change(event.currentTarget.value, which)}
        />
      </div>
      <Loaded remote={remote} what="The rules">
        {(groups) => {
          const shown = filterGroups(groups, text, which);
          if (groups.length === 0) {
            return (
              <Empty title="No rules yet">
                Name rule files under <code>rule_files</code> in prometheus.yml; then reload it.
              </Empty>
            );
          }
          if (shown.length === 0 && which === 'problems' && text === '')
            return <Empty title="No rule fails">Every rule was evaluated without an error the last time.</Empty>;
          if (shown.length === 0) return <Empty title="No rule matches">Try a shorter word.</Empty>;
          return (
            <div className="am-stack">
              {shown.map((group) => (
                <Group key={`${group.file}${group.name}`} group={group} nowMs={nowMs} />
              ))}
            </div>
          );
        }}
      </Loaded>
    </Page>
  );
}

function Group({ group, nowMs }: { readonly group: RuleGroup; readonly nowMs: number }): ReactNode {
  return (
    <section className="am-card">
      <div className="am-row" style={{ padding: '10px 12px', borderBottom: '1px solid var(--am-line)' }}>
        <h2>{group.name}</h2>
        <span className="am-dim am-small am-grow am-break">{group.file}</span>
        <span className="am-dim am-small">
          every {formatDuration(group.interval * 1000)}, run <Ago at={group.lastEvaluation} nowMs={nowMs} />, took{' '}
          {formatDuration(Math.max(1, (group.evaluationTime ?? 0) * 1000))}
        </span>
      </div>
      <table className="am-list am-stacked">
        <tbody>
          {group.rules.map((rule) => (
            <RuleRow key={`${rule.name}${rule.query}`} rule={rule} nowMs={nowMs} />
          ))}
        </tbody>
      </table>
    </section>
  );
}

function RuleRow({ rule, nowMs }: { readonly rule: Rule; readonly nowMs: number }): ReactNode {
  return (
    <tr>
      <td className="am-quarter">
        {rule.type === 'alerting' ? (
          <Link href={`/alerts/${encodeURIComponent(rule.name)}`}>{rule.name}</Link>
        ) : (
          <span className="am-mono am-break">{rule.name}</span>
        )}
        <div>{rule.labels && <LabelList labels={rule.labels} />}</div>
      </td>
      <td className="am-mono am-break am-full">
        <Link
          href={`/query?${encodeQueryUrl([newQuery(rule.query)])}`}
          style={{ color: 'inherit' }}
          title="Open in Query"
        >
          {rule.query}
        </Link>
        {rule.lastError && <div style={{ color: 'var(--am-crit)' }}>{rule.lastError}</div>}
      </td>
      <td style={{ textAlign: 'right', whiteSpace: 'nowrap' }}>
        {rule.type === 'alerting' ? (
          <RuleState rule={rule} />
        ) : (
          <StateBadge
            tone={rule.health === 'ok' ? 'ok' : rule.health === 'err' ? 'crit' : 'unknown'}
            word={rule.health === 'ok' ? 'recorded' : rule.health === 'err' ? 'error' : 'not run yet'}
          />
        )}
        <div className="am-dim am-small am-num">
          <Ago at={rule.lastEvaluation} nowMs={nowMs} />
          {rule.evaluationTime !== undefined && `, took ${formatText(rule.evaluationTime, 's')}`}
        </div>
      </td>
    </tr>
  );
}
