import { Checkbox } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import type { ReactNode } from 'react';
import type { AlertmanagerClient } from '../../api/alertmanager/client.ts';
import { matchesLabels } from '../../api/alertmanager/matcher.ts';
import type { GettableAlert, SilenceMatcher } from '../../api/alertmanager/types.ts';
import { ApiError } from '../../api/http.ts';
import { useRemote } from '../../api/use-remote.ts';
import { LabelList } from '../../shell/badges.tsx';
import { type KnownReach, needsTick, reachNumbers, reachOfAlerts } from './silence-model.ts';

const TYPING_MS = 250;

export interface ReachOfMatchers {
  /** Of these very matchers; undefined while they are asked about. */
  readonly reach: KnownReach | undefined;
  /** The last answer, perhaps of other matchers: what is shown meanwhile. */
  readonly shown: KnownReach | undefined;
  readonly error: ApiError | undefined;
}

/** What a silence with these matchers touches, asked a moment after the last key. */
export function useReach(alertmanager: AlertmanagerClient, matchers: readonly SilenceMatcher[]): ReachOfMatchers {
  const wanted = JSON.stringify(matchers);
  const [asked] = useDebouncedValue(wanted, TYPING_MS);
  const remote = useRemote(
    `reach ${asked}`,
    async (signal) => ({ asked, reach: await askReach(alertmanager, JSON.parse(asked) as SilenceMatcher[], signal) }),
    { keep: true, enabled: asked !== '[]' },
  );
  const isSettled = asked === wanted && !remote.loading;
  return {
    reach: isSettled && !remote.error && remote.data?.asked === wanted ? remote.data.reach : undefined,
    shown: remote.data?.reach,
    error: isSettled ? remote.error : undefined,
  };
}

/** A real Alertmanager does not know; then the alerts of now must do. */
async function askReach(
  alertmanager: AlertmanagerClient,
  matchers: readonly SilenceMatcher[],
  signal: AbortSignal,
): Promise<KnownReach> {
  try {
    return await alertmanager.silenceReach(matchers, signal);
  } catch (error) {
    if (!(error instanceof ApiError) || (error.status !== 404 && error.status !== 405)) throw error;
    return reachOfAlerts(matchers, await alertmanager.alerts(signal));
  }
}

const SHOWN = 5;

/** What the silence will do, in numbers, before it is made. */
export function ReachBox(props: {
  readonly of: ReachOfMatchers;
  readonly matchers: readonly SilenceMatcher[];
  readonly ticked: boolean;
  readonly onTick: (ticked: boolean) => void;
}): ReactNode {
  const { matchers, of } = props;
  const { shown } = of;
  return (
    <div className="am-reach" aria-live="polite">
      {matchers.length === 0 && <span className="am-dim">What it mutes is counted here while you type.</span>}
      {matchers.length > 0 && shown && <Numbers {...props} shown={shown} />}
      {of.error && <span className="am-dim">How much it mutes could not be counted: {of.error.message}</span>}
    </div>
  );
}

/** Which alerts that fire now the matchers match. */
export function MatchingAlerts(props: {
  readonly matchers: readonly SilenceMatcher[];
  readonly alerts: readonly GettableAlert[];
}): ReactNode {
  const { matchers } = props;
  const muted = matchers.length === 0 ? [] : props.alerts.filter(({ labels }) => matchesLabels(matchers, labels));
  if (muted.length === 0) return null;
  return (
    <div className="am-stack" style={{ gap: 4 }}>
      {muted.slice(0, SHOWN).map((alert) => (
        <LabelList key={alert.fingerprint} labels={alert.labels} />
      ))}
      {muted.length > SHOWN && <span className="am-dim am-small">and {muted.length - SHOWN} more</span>}
    </div>
  );
}

function Numbers(props: {
  readonly of: ReachOfMatchers;
  readonly shown: KnownReach;
  readonly ticked: boolean;
  readonly onTick: (ticked: boolean) => void;
}): ReactNode {
  const { shown, of } = props;
  const receivers = shown.receivers ?? [];
  return (
    <div className={of.reach ? 'am-stack' : 'am-stack am-stale'} style={{ gap: 4 }}>
      <strong className="am-num">{`Mutes ${reachNumbers(shown)}.`}</strong>
      {receivers.length > 0 && <span className="am-dim">{receivers.join(', ')} would hear less.</span>}
      {needsTick(shown) && (
        <div className="am-notice am-crit" style={{ margin: 0 }}>
          <Checkbox
            size="sm"
            checked={props.ticked}
            disabled={!of.reach}
            onChange={(event) => props.onTick(event.currentTarget.checked)}
            label={`${shown.mutesEverything ? 'This mutes everything' : 'This mutes most alerts'}. I have read the numbers: ${reachNumbers(shown)}.`}
          />
        </div>
      )}
    </div>
  );
}
