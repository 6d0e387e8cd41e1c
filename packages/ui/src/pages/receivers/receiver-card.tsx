import { Button } from '@mantine/core';
import { IconSend } from '@tabler/icons-react';
import { type ReactNode, useState } from 'react';
import { Link } from 'wouter';
import type { AlertmanagerClient } from '../../api/alertmanager/client.ts';
import type { NotificationRecord, TestResult } from '../../api/alertmanager/insight.ts';
import { errorMessage } from '../../api/http.ts';
import { type Remote, useRemote } from '../../api/use-remote.ts';
import { formatText } from '../../dashboard/units.ts';
import { Ago, StateBadge, type Tone } from '../../shell/badges.tsx';
import { useNow } from '../../state/use-now.ts';
import type { ConfiguredReceiver } from './config-receivers.ts';

interface LastTwo {
  readonly last: NotificationRecord | undefined;
  readonly failed: NotificationRecord | undefined;
}

export function ReceiverCard(props: {
  readonly receiver: ConfiguredReceiver;
  readonly alertmanager: AlertmanagerClient;
}): ReactNode {
  const { receiver, alertmanager } = props;
  const { name, integrations } = receiver;
  const remote = useRemote(`last of ${name}`, (signal) => lastTwo(alertmanager, name, signal), { refreshMs: 15_000 });
  const test = useTest(alertmanager, name, remote.reload);
  const isTestable = integrations.length > 0 && remote.error?.status !== 404;
  return (
    <section className="am-card am-pad am-stack" aria-label={`Receiver ${name}`}>
      <div className="am-row">
        <h2 className="am-break">{name}</h2>
        <span className="am-labels am-grow">
          {integrations.map((integration) => (
            <span key={integration} className="am-label am-mono">
              {integration}
            </span>
          ))}
          {integrations.length === 0 && <span className="am-dim am-small">has nobody to tell</span>}
        </span>
        <Button
          size="compact-sm"
          variant="default"
          leftSection={<IconSend size={15} />}
          disabled={!isTestable}
          loading={test.busy}
          onClick={() => void test.run()}
        >
          Send a test
        </Button>
      </div>
      <LastLine remote={remote} receiver={name} />
      <div aria-live="polite">
        {test.error && (
          <div className="am-notice am-crit" style={{ margin: 0 }}>
            {test.error}
          </div>
        )}
        {test.results?.map((result) => (
          <TestOutcome key={result.integration} result={result} />
        ))}
      </div>
    </section>
  );
}

async function lastTwo(alertmanager: AlertmanagerClient, receiver: string, signal: AbortSignal): Promise<LastTwo> {
  const ask = async (more: Record<string, string>): Promise<NotificationRecord | undefined> => {
    const page = await alertmanager.notifications(new URLSearchParams({ receiver, limit: '1', ...more }), signal);
    return page.notifications[0];
  };
  const [last, failed] = await Promise.all([ask({}), ask({ status: 'failed' })]);
  return { last, failed };
}

function useTest(alertmanager: AlertmanagerClient, receiver: string, onDone: () => void) {
  const [busy, setBusy] = useState(false);
  const [results, setResults] = useState<readonly TestResult[] | undefined>(undefined);
  const [error, setError] = useState('');
  const run = async (): Promise<void> => {
    setBusy(true);
    setError('');
    setResults(undefined);
    try {
      setResults(await alertmanager.testReceiver(receiver));
      onDone();
    } catch (cause) {
      setError(errorMessage(cause));
    }
    setBusy(false);
  };
  return { busy, results, error, run };
}

function LastLine({ remote, receiver }: { readonly remote: Remote<LastTwo>; readonly receiver: string }): ReactNode {
  const nowMs = useNow();
  const { data, error } = remote;
  if (!data) {
    const text = error?.status === 404 ? 'This Alertmanager does not tell what it sent.' : (error?.message ?? ' ');
    return <div className="am-dim am-small am-lastline">{text}</div>;
  }
  const { last, failed } = data;
  if (!last) return <div className="am-dim am-small am-lastline">Nothing has been sent to it yet.</div>;
  return (
    <div className="am-row am-small am-lastline">
      <StateBadge tone={last.status === 'sent' ? 'ok' : 'crit'} word={last.status} />
      <Link href={`/notifications?${new URLSearchParams({ receiver })}`}>
        <Ago at={last.at} nowMs={nowMs} />
      </Link>
      <span className="am-dim am-break">{last.reply}</span>
      {failed && failed.id !== last.id && (
        <span className="am-dim am-break">
          The last failure was{' '}
          <Link href={`/notifications?${new URLSearchParams({ receiver, status: 'failed' })}`}>
            <Ago at={failed.at} nowMs={nowMs} />
          </Link>
          : {failed.reply}
        </span>
      )}
    </div>
  );
}

const TONES: Readonly<Record<TestResult['status'], Tone>> = { sent: 'ok', failed: 'crit', 'not-configured': 'warn' };
const WORDS: Readonly<Record<TestResult['status'], string>> = {
  sent: 'sent',
  failed: 'failed',
  'not-configured': 'not configured',
};

function TestOutcome({ result }: { readonly result: TestResult }): ReactNode {
  const { integration, status, reply, durationSeconds, talk } = result;
  return (
    <div className="am-stack" style={{ gap: 6, marginTop: 6 }}>
      <div className="am-row">
        <StateBadge tone={TONES[status]} word={WORDS[status]} />
        <code>{integration}</code>
        <span className="am-break">{reply}</span>
        <span className="am-dim am-small am-num">took {formatText(durationSeconds, 's')}</span>
      </div>
      {talk.length > 0 && <pre className="am-expr">{talk.join('\n')}</pre>}
    </div>
  );
}
