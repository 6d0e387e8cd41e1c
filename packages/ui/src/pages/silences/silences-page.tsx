import { Button } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { type ReactNode, useState } from 'react';
import { Link, useLocation } from 'wouter';
import type { AlertmanagerClient } from '../../api/alertmanager/client.ts';
import type { GettableAlert, Silence } from '../../api/alertmanager/types.ts';
import { useRemote } from '../../api/use-remote.ts';
import { Ago, StateBadge } from '../../shell/badges.tsx';
import { Page } from '../../shell/page.tsx';
import { Empty, Loaded } from '../../shell/pictures.tsx';
import { useApp } from '../../state/app-context.tsx';
import { useNow } from '../../state/use-now.ts';
import { EndDialog, mutedBy } from './end-dialog.tsx';
import { SilenceMatchers } from './silence-matchers.tsx';
import { againHref } from './use-silence.ts';

interface Silences {
  readonly silences: readonly Silence[];
  readonly alerts: readonly GettableAlert[];
}

export function SilencesPage(): ReactNode {
  const { alertmanager } = useApp();
  if (!alertmanager) {
    return (
      <Page crumbs={[]} title="Silences">
        <Empty title="No Alertmanager here">
          Silences are kept by Alertmanager, and this server does not know one.
        </Empty>
      </Page>
    );
  }
  return <SilenceList alertmanager={alertmanager} />;
}

const EXPIRED_SHOWN = 30;
const STATES = ['active', 'pending', 'expired'] as const;
const TITLES = { active: 'In force', pending: 'Later', expired: 'Expired' } as const;

function SilenceList({ alertmanager }: { readonly alertmanager: AlertmanagerClient }): ReactNode {
  const [, navigate] = useLocation();
  const remote = useRemote(
    'silences',
    async (signal): Promise<Silences> => {
      const [silences, alerts] = await Promise.all([alertmanager.silences(signal), alertmanager.alerts(signal)]);
      return { silences, alerts };
    },
    { refreshMs: 10_000 },
  );
  const create = (
    <Button size="compact-md" leftSection={<IconPlus size={15} />} onClick={() => navigate('/silences/new')}>
      New silence
    </Button>
  );
  return (
    <Page crumbs={[]} title="Silences" actions={create}>
      <Loaded remote={remote} what="The silences">
        {({ silences, alerts }) =>
          silences.length === 0 ? (
            <Empty title="No silences yet">
              <p>
                A silence mutes notifications for the alerts that it matches, for a while: during maintenance, or while
                you are already working on it. The alerts stay visible here.
              </p>
              {create}
            </Empty>
          ) : (
            <div className="am-stack">
              {STATES.map((state) => (
                <SilenceGroup
                  key={state}
                  title={TITLES[state]}
                  silences={silences.filter((silence) => silence.status.state === state).slice(0, EXPIRED_SHOWN)}
                  alerts={alerts}
                  alertmanager={alertmanager}
                  onChanged={remote.reload}
                />
              ))}
            </div>
          )
        }
      </Loaded>
    </Page>
  );
}

interface GroupProps {
  readonly title: string;
  readonly silences: readonly Silence[];
  readonly alerts: readonly GettableAlert[];
  readonly alertmanager: AlertmanagerClient;
  readonly onChanged: () => void;
}

function SilenceGroup(props: GroupProps): ReactNode {
  const nowMs = useNow();
  const [ending, setEnding] = useState<Silence | undefined>(undefined);
  if (props.silences.length === 0) return null;
  return (
    <section className="am-stack" style={{ gap: 6 }}>
      <h2>
        {props.title} <span className="am-dim">{props.silences.length}</span>
      </h2>
      <div className="am-card am-scroll-x">
        <table className="am-list am-stacked">
          <tbody>
            {props.silences.map((silence) => (
              <SilenceRow
                key={silence.id}
                silence={silence}
                alerts={props.alerts}
                nowMs={nowMs}
                onEnd={() => setEnding(silence)}
              />
            ))}
          </tbody>
        </table>
      </div>
      {ending && <EndDialog {...props} silence={ending} onClose={() => setEnding(undefined)} />}
    </section>
  );
}

function SilenceRow(props: {
  readonly silence: Silence;
  readonly alerts: readonly GettableAlert[];
  readonly nowMs: number;
  readonly onEnd: () => void;
}): ReactNode {
  const { silence, nowMs } = props;
  const [, navigate] = useLocation();
  const { state } = silence.status;
  return (
    <tr>
      <td style={{ width: 90 }}>
        <StateBadge tone={state === 'active' ? 'info' : 'unknown'} word={state === 'active' ? 'muting' : state} />
      </td>
      <td className="am-full">
        <SilenceMatchers matchers={silence.matchers} />
        <div className="am-break">
          <Link href={`/silences/${silence.id}`}>{silence.comment || 'no comment'}</Link>
        </div>
        <div className="am-dim am-small">by {silence.createdBy}</div>
      </td>
      <td className="am-dim" style={{ whiteSpace: 'nowrap' }}>
        {state === 'pending' ? 'starts ' : state === 'active' ? 'ends ' : 'ended '}
        <Ago at={state === 'pending' ? silence.startsAt : silence.endsAt} nowMs={nowMs} />
        {state === 'active' && <div className="am-small">{mutesText(mutedBy(silence, props.alerts).length)}</div>}
      </td>
      <td style={{ textAlign: 'right' }}>
        {state === 'expired' ? (
          <Button size="compact-xs" variant="default" onClick={() => navigate(againHref(silence))}>
            Again
          </Button>
        ) : (
          <span className="am-row" style={{ justifyContent: 'flex-end' }}>
            <Button size="compact-xs" variant="default" onClick={() => navigate(`/silences/${silence.id}/edit`)}>
              Edit
            </Button>
            <Button size="compact-xs" variant="default" onClick={props.onEnd}>
              End it
            </Button>
          </span>
        )}
      </td>
    </tr>
  );
}

function mutesText(count: number): string {
  return count === 0 ? 'mutes nothing now' : `mutes ${count} ${count === 1 ? 'alert' : 'alerts'} now`;
}
