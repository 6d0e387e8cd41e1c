import { Button, SegmentedControl, Textarea, TextInput } from '@mantine/core';
import { type FormEvent, type ReactNode, useState } from 'react';
import { useLocation, useSearch } from 'wouter';
import type { AlertmanagerClient } from '../../api/alertmanager/client.ts';
import { formatMatcher, matchesLabels, parseMatcher } from '../../api/alertmanager/matcher.ts';
import type { GettableAlert, SilenceMatcher } from '../../api/alertmanager/types.ts';
import { errorMessage } from '../../api/http.ts';
import { useRemote } from '../../api/use-remote.ts';
import { parseDuration } from '../../dashboard/duration.ts';
import { obj, str } from '../../dashboard/json.ts';
import { shortDateTime } from '../../dashboard/time-range.ts';
import { LabelList } from '../../shell/badges.tsx';
import { Page } from '../../shell/page.tsx';
import { Empty } from '../../shell/pictures.tsx';
import { useApp } from '../../state/app-context.tsx';
import { readStored, writeStored } from '../../state/stored.ts';
import { useNow } from '../../state/use-now.ts';

const CRUMBS = [{ word: 'Silences', href: '/silences' }];
/** Who silenced last from this browser; the doors without a login know nobody. */
const AUTHOR_KEY = 'avalanche.silence.author';
const DURATIONS = ['30m', '1h', '2h', '4h', '8h', '1d', '3d'];

export function NewSilencePage(): ReactNode {
  const { alertmanager } = useApp();
  return (
    <Page crumbs={CRUMBS} title="New silence">
      {alertmanager ? (
        <SilenceForm alertmanager={alertmanager} />
      ) : (
        <Empty title="No Alertmanager here">Silences are kept by Alertmanager.</Empty>
      )}
    </Page>
  );
}

/** Matchers that the address brings along: `matchers`, one per line, or `filter`, labels as JSON or in upstream's braces. */
export function initialMatchers(search: string): string {
  const params = new URLSearchParams(search);
  const filter = params.get('filter');
  if (filter === null) return params.get('matchers') ?? '';
  if (filter.startsWith('{"')) {
    const labels = Object.entries(obj(JSON.parse(filter) as unknown));
    return labels.map(([name, value]) => formatMatcher({ name, value: str(value), isRegex: false })).join('\n');
  }
  return filter
    .replaceAll(/^\{|\}$/g, '')
    .split(/,\s*(?=[\w.:-]+\s*[=!])/)
    .join('\n');
}

function safeInitial(search: string): string {
  try {
    return initialMatchers(search);
  } catch {
    return '';
  }
}

interface Parsed {
  readonly matchers: readonly SilenceMatcher[];
  readonly bad: readonly string[];
}

function parseLines(text: string): Parsed {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean);
  const read = lines.map((line) => ({ line, matcher: parseMatcher(line) }));
  return {
    matchers: read.flatMap(({ matcher }) => (matcher ? [matcher] : [])),
    bad: read.filter(({ matcher }) => !matcher).map(({ line }) => line),
  };
}

function SilenceForm({ alertmanager }: { readonly alertmanager: AlertmanagerClient }): ReactNode {
  const { user } = useApp();
  const search = useSearch();
  const [, navigate] = useLocation();
  const nowMs = useNow();
  const [text, setText] = useState(() => safeInitial(search));
  const [duration, setDuration] = useState('2h');
  const [author, setAuthor] = useState(() => user?.login ?? str(readStored(AUTHOR_KEY)));
  const [comment, setComment] = useState(() => new URLSearchParams(search).get('comment') ?? '');
  const [error, setError] = useState('');
  const [busy, setBusy] = useState(false);
  const alerts = useRemote('silence alerts', (signal) => alertmanager.alerts(signal), { refreshMs: 10_000 });
  const { matchers, bad } = parseLines(text);
  const lengthMs = parseDuration(duration) ?? 0;
  const ready = matchers.length > 0 && bad.length === 0 && lengthMs > 0 && author !== '' && comment !== '';
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setError('');
    const startMs = Date.now();
    const times = { startsAt: new Date(startMs).toISOString(), endsAt: new Date(startMs + lengthMs).toISOString() };
    try {
      await alertmanager.createSilence({ matchers, createdBy: author, comment, ...times });
      writeStored(AUTHOR_KEY, author);
      navigate('/silences');
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
        autoFocus={text === '' || author !== ''}
        value={text}
        error={bad.length > 0 ? `Not a matcher: ${bad[0]}` : undefined}
        onChange={(event) => setText(event.currentTarget.value)}
      />
      <div>
        <div style={{ fontSize: 14, fontWeight: 500, marginBottom: 4 }}>For how long</div>
        <div className="am-row">
          <SegmentedControl
            size="xs"
            data={DURATIONS}
            value={DURATIONS.includes(duration) ? duration : ''}
            onChange={setDuration}
            aria-label="For how long"
          />
          <TextInput
            size="xs"
            w={80}
            aria-label="Another length"
            value={duration}
            error={lengthMs <= 0}
            onChange={(event) => setDuration(event.currentTarget.value)}
          />
          {lengthMs > 0 && <span className="am-dim am-small am-num">until {shortDateTime(nowMs + lengthMs)}</span>}
        </div>
      </div>
      <TextInput
        label="Your name"
        autoFocus={text !== '' && author === ''}
        value={author}
        onChange={(event) => setAuthor(event.currentTarget.value)}
      />
      <TextInput
        label="Why"
        placeholder="Disk is being replaced"
        value={comment}
        onChange={(event) => setComment(event.currentTarget.value)}
      />
      <Muted matchers={matchers} alerts={alerts.data ?? []} />
      {error && (
        <div className="am-notice am-crit" style={{ margin: 0 }}>
          {error}
        </div>
      )}
      <div className="am-row">
        <Button type="submit" disabled={!ready} loading={busy}>
          Silence
        </Button>
        <Button variant="subtle" color="gray" onClick={() => navigate('/silences')}>
          Cancel
        </Button>
      </div>
    </form>
  );
}

/** What the silence will do, in numbers, before it is made. */
function Muted({
  matchers,
  alerts,
}: {
  readonly matchers: readonly SilenceMatcher[];
  readonly alerts: readonly GettableAlert[];
}): ReactNode {
  if (matchers.length === 0) return null;
  const muted = alerts.filter((alert) => matchesLabels(matchers, alert.labels));
  return (
    <div className="am-stack" style={{ gap: 4 }}>
      <strong>
        {muted.length === 0
          ? 'Mutes no alert that is active now.'
          : `Mutes ${muted.length} of ${alerts.length} active alerts now.`}
      </strong>
      {muted.slice(0, 5).map((alert) => (
        <LabelList key={alert.fingerprint} labels={alert.labels} />
      ))}
      {muted.length > 5 && <span className="am-dim am-small">and {muted.length - 5} more</span>}
    </div>
  );
}
