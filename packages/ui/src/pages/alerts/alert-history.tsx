import type { ReactNode } from 'react';
import type { PrometheusClient } from '../../api/prometheus/client.ts';
import { withoutName } from '../../api/prometheus/client.ts';
import type { AlertingRule, RuleGroup } from '../../api/prometheus/rules.ts';
import { useRemote } from '../../api/use-remote.ts';
import { Ago, LabelList, StateBadge, type Tone } from '../../shell/badges.tsx';
import { valueText } from './alert-model.ts';

const TONES: Readonly<Record<string, Tone>> = { firing: 'crit', pending: 'warn', inactive: 'ok' };
const WORDS: Readonly<Record<string, string>> = { inactive: 'quiet' };
/** The server keeps more. */
const SHOWN = 20;

/** How the alerts of a rule came to their state, newest first; nothing where the server does not tell. */
export function AlertHistory(props: {
  readonly rule: AlertingRule;
  readonly group: RuleGroup;
  readonly prometheus: PrometheusClient;
  readonly nowMs: number;
}): ReactNode {
  const { rule, group, nowMs } = props;
  const { data } = useRemote(
    `rule history ${group.file} ${group.name} ${rule.name}`,
    (signal) => props.prometheus.ruleHistory(rule.name, signal),
    { refreshMs: 15_000, keep: true },
  );
  const history = data?.find(
    (found) => found.group === group.name && found.file === group.file && found.query === rule.query,
  );
  if (!history?.changes) return null;
  return (
    <div className="am-stack" style={{ gap: 6 }}>
      <h3>Why it is in its state</h3>
      <div className="am-dim am-small">
        The last evaluation, <Ago at={history.lastEvaluation} nowMs={nowMs} />, found{' '}
        {history.lastResultSize === 0 ? 'nothing' : `${history.lastResultSize} series`}.
        {history.lastError !== '' && (
          <>
            {' '}
            The last error was <Ago at={history.lastErrorTime} nowMs={nowMs} />: {history.lastError}
          </>
        )}
      </div>
      {history.changes.length === 0 ? (
        <div className="am-dim am-small">It has not changed its state since the server started.</div>
      ) : (
        <div className="am-scroll-x">
          <table className="am-list am-stacked">
            <tbody>
              {history.changes.slice(0, SHOWN).map((change) => (
                <tr key={`${change.time}${JSON.stringify(change.labels)}${change.to}`}>
                  <td style={{ whiteSpace: 'nowrap' }}>
                    <Ago at={change.time} nowMs={nowMs} />
                  </td>
                  <td>
                    <StateBadge tone={TONES[change.to] ?? 'unknown'} word={WORDS[change.to] ?? change.to} />
                  </td>
                  <td className="am-full am-break">
                    {change.reason}
                    {change.value !== null && <span className="am-dim"> (value {valueText(change.value)})</span>}
                  </td>
                  <td className="am-full">
                    <LabelList labels={withoutName(change.labels)} leave={['severity']} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </div>
  );
}
