import { Button } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import { Link, useSearch } from 'wouter';
import type { AlertmanagerClient } from '../../api/alertmanager/client.ts';
import type { GettableAlert, Silence } from '../../api/alertmanager/types.ts';
import { useRemote } from '../../api/use-remote.ts';
import { shortDateTime } from '../../dashboard/time-range.ts';
import { Ago, LabelList, StateBadge } from '../../shell/badges.tsx';
import { Page } from '../../shell/page.tsx';
import { Loaded } from '../../shell/pictures.tsx';
import { useApp } from '../../state/app-context.tsx';
import { useNow } from '../../state/use-now.ts';
import { EndDialog, mutedBy } from './end-dialog.tsx';
import { SilenceMatchers } from './silence-matchers.tsx';
import { againHref, useSilence } from './use-silence.ts';

const CRUMBS = [{ word: 'Silences', href: '/silences' }];
const REFRESH_MS = 10_000;
const NO_ALERTS: readonly GettableAlert[] = [];

/** One silence: what it mutes, who made it and why, and how to change it. */
export function SilencePage({ id }: { readonly id: string }): ReactNode {
  const { alertmanager } = useApp();
  const remote = useSilence(id, REFRESH_MS);
  const replaced = new URLSearchParams(useSearch()).get('replaced');
  return (
    <Page crumbs={CRUMBS} title={`Silence ${id.slice(0, 8)}`}>
      {replaced && (
        <div className="am-notice am-ok">
          <span>
            Other matchers make another silence: <Link href={`/silences/${replaced}`}>the old one</Link> has ended, and
            this one took its place.
          </span>
        </div>
      )}
      <Loaded remote={remote} what="The silence" height={260}>
        {(silence) =>
          alertmanager && <SilenceCard silence={silence} alertmanager={alertmanager} onChanged={remote.reload} />
        }
      </Loaded>
    </Page>
  );
}

interface CardProps {
  readonly silence: Silence;
  readonly alertmanager: AlertmanagerClient;
  readonly onChanged: () => void;
}

function SilenceCard({ silence, alertmanager, onChanged }: CardProps): ReactNode {
  const nowMs = useNow();
  const [ending, setEnding] = useState(false);
  const alerts = useRemote('silence alerts', (signal) => alertmanager.alerts(signal), { refreshMs: REFRESH_MS });
  const { state } = silence.status;
  return (
    <section className="am-card am-pad am-stack">
      <div className="am-row">
        <StateBadge tone={state === 'active' ? 'info' : 'unknown'} word={state === 'active' ? 'muting' : state} />
        {state === 'expired' ? (
          <Button ml="auto" size="compact-sm" variant="default" component={Link} href={againHref(silence)}>
            Again
          </Button>
        ) : (
          <>
            <Button
              ml="auto"
              size="compact-sm"
              variant="default"
              component={Link}
              href={`/silences/${silence.id}/edit`}
            >
              Edit
            </Button>
            <Button size="compact-sm" variant="default" onClick={() => setEnding(true)}>
              End it
            </Button>
          </>
        )}
      </div>
      <h2 className="am-summary am-break">{silence.comment}</h2>
      <SilenceMatchers matchers={silence.matchers} />
      <dl className="am-facts">
        <dt>By</dt>
        <dd>{silence.createdBy}</dd>
        <Moment
          word={Date.parse(silence.startsAt) > nowMs ? 'Starts' : 'Started'}
          at={silence.startsAt}
          nowMs={nowMs}
        />
        <Moment word={state === 'expired' ? 'Ended' : 'Ends'} at={silence.endsAt} nowMs={nowMs} />
        <Moment word="Changed" at={silence.updatedAt} nowMs={nowMs} />
        <dt>Id</dt>
        <dd className="am-mono">{silence.id}</dd>
      </dl>
      <Matching silence={silence} alerts={alerts.data ?? NO_ALERTS} />
      {ending && (
        <EndDialog
          silence={silence}
          alerts={alerts.data ?? NO_ALERTS}
          alertmanager={alertmanager}
          onChanged={onChanged}
          onClose={() => setEnding(false)}
        />
      )}
    </section>
  );
}

function Moment(props: { readonly word: string; readonly at: string; readonly nowMs: number }): ReactNode {
  return (
    <>
      <dt>{props.word}</dt>
      <dd className="am-num">
        {shortDateTime(Date.parse(props.at))} <span className="am-dim">(</span>
        <Ago at={props.at} nowMs={props.nowMs} />
        <span className="am-dim">)</span>
      </dd>
    </>
  );
}

const SHOWN = 50;

function Matching(props: { readonly silence: Silence; readonly alerts: readonly GettableAlert[] }): ReactNode {
  const muted = mutedBy(props.silence, props.alerts);
  const verb = props.silence.status.state === 'active' ? 'It mutes' : 'It would mute';
  return (
    <div className="am-stack" style={{ gap: 6 }}>
      <h3>
        {verb} {muted.length === 0 ? 'no alert that fires now' : `${muted.length} of ${props.alerts.length} alerts now`}
      </h3>
      {muted.slice(0, SHOWN).map(({ fingerprint, labels: { alertname = '', ...others } }) => (
        <div key={fingerprint} className="am-row">
          <Link href={`/alerts/${encodeURIComponent(alertname)}`}>{alertname}</Link>
          <LabelList labels={others} />
        </div>
      ))}
      {muted.length > SHOWN && <span className="am-dim am-small">and {muted.length - SHOWN} more</span>}
    </div>
  );
}
