import { Button, SegmentedControl, Textarea, TextInput } from '@mantine/core';
import { type FormEvent, type ReactNode, useId, useState } from 'react';
import { useLocation } from 'wouter';
import type { AlertmanagerClient } from '../../api/alertmanager/client.ts';
import { parseMatchers } from '../../api/alertmanager/matcher.ts';
import type { Silence } from '../../api/alertmanager/types.ts';
import { errorMessage } from '../../api/http.ts';
import { useRemote } from '../../api/use-remote.ts';
import { arr, str } from '../../dashboard/json.ts';
import { shortDateTime } from '../../dashboard/time-range.ts';
import { readStored, writeStored } from '../../state/stored.ts';
import { useNow } from '../../state/use-now.ts';
import { needsTick, postableOf, rememberedComments, type SilenceDraft, timesOf } from './silence-model.ts';
import { MatchingAlerts, ReachBox, useReach } from './silence-reach.tsx';

/** Who silenced last from this browser, and why; the doors without a login know nobody. */
const AUTHOR_KEY = 'avalanche.silence.author';
const COMMENTS_KEY = 'avalanche.silence.comments';
const LENGTHS = ['30m', '1h', '2h', '4h', '8h', '1d', '3d'];

export function lastAuthor(): string {
  return str(readStored(AUTHOR_KEY));
}

function lastComments(): readonly string[] {
  return arr(readStored(COMMENTS_KEY)).map((comment) => str(comment));
}

function remember({ author, comment }: SilenceDraft): void {
  writeStored(AUTHOR_KEY, author);
  writeStored(COMMENTS_KEY, rememberedComments(lastComments(), comment));
}

/** Makes a silence, or changes `old`. */
export function SilenceForm(props: {
  readonly alertmanager: AlertmanagerClient;
  readonly initial: SilenceDraft;
  readonly old?: Silence;
}): ReactNode {
  const { alertmanager, old } = props;
  const [, navigate] = useLocation();
  const nowMs = useNow();
  const [draft, setDraft] = useState(props.initial);
  const [tickedFor, setTickedFor] = useState('');
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);
  const alerts = useRemote('silence alerts', (signal) => alertmanager.alerts(signal), { refreshMs: 10_000 });
  const { matchers, bad } = parseMatchers(draft.text);
  const reach = useReach(alertmanager, matchers);
  const times = timesOf(draft, nowMs, old);
  const key = JSON.stringify(matchers);
  const ticked = tickedFor === key;
  const isComplete = matchers.length > 0 && bad.length === 0 && times && draft.author !== '' && draft.comment !== '';
  // Where nobody can count, nobody is kept from silencing: at three in the morning that would be worse.
  const isGuarded = reach.reach ? !needsTick(reach.reach) || ticked : reach.error !== undefined;
  const change = (part: Partial<SilenceDraft>): void => setDraft((last) => ({ ...last, ...part }));
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    const now = timesOf(draft, Date.now(), old);
    if (!now || !isComplete || !isGuarded) return;
    setBusy(true);
    setError('');
    try {
      const id = await alertmanager.setSilence(postableOf(draft, matchers, now, old));
      remember(draft);
      navigate(old && id !== old.id ? `/silences/${id}?replaced=${old.id}` : `/silences/${id}`);
    } catch (cause) {
      setError(errorMessage(cause));
      setBusy(false);
    }
  };
  return (
    <form className="am-card am-pad am-stack" style={{ maxWidth: 720 }} onSubmit={(event) => void submit(event)}>
      <Textarea
        label="Which alerts"
        description={
          'One matcher per line: severity="warning", instance=~"lab-.*", job!="node". All of them must match.'
        }
        autosize
        minRows={2}
        autoFocus={draft.text === '' || draft.author !== ''}
        value={draft.text}
        error={bad.length > 0 ? `Not a matcher: ${bad[0]}` : undefined}
        onChange={(event) => change({ text: event.currentTarget.value })}
      />
      <Times draft={draft} old={old} times={times} onChange={change} />
      <Words draft={draft} onChange={change} />
      <ReachBox of={reach} matchers={matchers} ticked={ticked} onTick={(next) => setTickedFor(next ? key : '')} />
      {error && (
        <div className="am-notice am-crit" style={{ margin: 0 }} role="alert">
          {error}
        </div>
      )}
      <div className="am-row">
        <Button type="submit" disabled={!isComplete || !isGuarded} loading={busy}>
          {old ? 'Change the silence' : 'Silence'}
        </Button>
        <Button variant="subtle" color="gray" onClick={() => navigate(old ? `/silences/${old.id}` : '/silences')}>
          Cancel
        </Button>
      </div>
      <MatchingAlerts matchers={matchers} alerts={alerts.data ?? []} />
    </form>
  );
}

interface PartProps {
  readonly draft: SilenceDraft;
  readonly onChange: (part: Partial<SilenceDraft>) => void;
}

function Times(
  props: PartProps & {
    readonly old: Silence | undefined;
    readonly times: { readonly startMs: number; readonly endMs: number } | undefined;
  },
): ReactNode {
  const { draft, old, times, onChange } = props;
  const offered = [
    ...(old ? [{ value: '', label: 'as it is' }] : []),
    ...LENGTHS.map((value) => ({ value, label: value })),
  ];
  const isOffered = offered.some(({ value }) => value === draft.length);
  return (
    <div>
      <div style={{ fontSize: 14, fontWeight: 500, marginBottom: 4 }}>
        {old?.status.state === 'active' ? 'For how long from now' : 'For how long'}
      </div>
      <div className="am-row">
        <SegmentedControl
          size="xs"
          data={offered}
          value={isOffered ? draft.length : 'other'}
          onChange={(length) => onChange({ length })}
          aria-label="For how long"
        />
        <TextInput
          size="xs"
          w={80}
          aria-label="Another length"
          value={draft.length}
          error={times === undefined}
          onChange={(event) => onChange({ length: event.currentTarget.value })}
        />
        {old?.status.state !== 'active' && (
          <TextInput
            size="xs"
            type="datetime-local"
            aria-label="Starts; empty is now"
            title="When it starts; empty is now"
            value={draft.start}
            onChange={(event) => onChange({ start: event.currentTarget.value })}
          />
        )}
        <span className="am-dim am-small am-num" style={{ minHeight: 18 }}>
          {times
            ? `${draft.start === '' ? '' : `from ${shortDateTime(times.startMs)} `}until ${shortDateTime(times.endMs)}`
            : 'such as 90m, 2h or 1d12h'}
        </span>
      </div>
    </div>
  );
}

function Words({ draft, onChange }: PartProps): ReactNode {
  const id = useId();
  const [comments] = useState(lastComments);
  const [isAuthorKnown] = useState(draft.author !== '');
  return (
    <>
      <TextInput
        label="Your name"
        autoFocus={draft.text !== '' && !isAuthorKnown}
        value={draft.author}
        onChange={(event) => onChange({ author: event.currentTarget.value })}
      />
      <TextInput
        label="Why"
        placeholder="Disk is being replaced"
        list={id}
        value={draft.comment}
        onChange={(event) => onChange({ comment: event.currentTarget.value })}
      />
      <datalist id={id}>
        {comments.map((comment) => (
          <option key={comment} value={comment} />
        ))}
      </datalist>
    </>
  );
}
