import { SegmentedControl, Textarea } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { type ReactNode, useState } from 'react';
import { useSearch } from 'wouter';
import type { AlertmanagerClient } from '../../api/alertmanager/client.ts';
import type { NotificationRecord, TemplateTrial } from '../../api/alertmanager/insight.ts';
import { ApiError } from '../../api/http.ts';
import { useRemote } from '../../api/use-remote.ts';
import { str } from '../../dashboard/json.ts';
import { shortDateTime } from '../../dashboard/time-range.ts';
import { Page } from '../../shell/page.tsx';
import { Skeleton } from '../../shell/pictures.tsx';
import { Select } from '../../shell/select.tsx';
import { useApp } from '../../state/app-context.tsx';
import { readStored, writeStored } from '../../state/stored.ts';
import { DeliveryTabs } from '../notifications/delivery-tabs.tsx';
import { NoAlertmanager, NotOurs } from '../notifications/no-log.tsx';
import { EXAMPLE, framedHtml, problemOf } from './template-model.ts';

/** What was tried last in this browser: a template takes more than one visit. */
const TEXT_KEY = 'avalanche.template.text';
const TYPING_MS = 300;
const OFFERED = '50';

export function TemplatesPage(): ReactNode {
  const { alertmanager } = useApp();
  return alertmanager ? <Templates alertmanager={alertmanager} /> : <NoAlertmanager title="Templates" />;
}

/** A template, and what it makes of a notification that was sent. */
function Templates({ alertmanager }: { readonly alertmanager: AlertmanagerClient }): ReactNode {
  const search = useSearch();
  const [text, setText] = useState(() => str(readStored(TEXT_KEY)) || EXAMPLE);
  const [kind, setKind] = useState<TemplateTrial['kind']>('text');
  const [notification, setNotification] = useState(() => new URLSearchParams(search).get('notification') ?? '');
  const log = useRemote('template notifications', (signal) =>
    alertmanager.notifications(new URLSearchParams({ limit: OFFERED }), signal),
  );
  const change = (next: string): void => {
    setText(next);
    writeStored(TEXT_KEY, next);
  };
  if (log.error?.status === 404) {
    return (
      <Page crumbs={[]} title="Templates">
        <NotOurs what="Templates are tried out" />
      </Page>
    );
  }
  return (
    <Page crumbs={[]} title="Templates">
      <div className="am-row">
        <DeliveryTabs />
        <div className="am-grow">
          <Select
            label="Notification to try it on"
            value={notification}
            options={offered(log.data?.notifications ?? [], notification)}
            onChange={setNotification}
          />
        </div>
        <SegmentedControl
          size="sm"
          aria-label="Rendered as"
          data={[
            { value: 'text', label: 'Text' },
            { value: 'html', label: 'HTML' },
          ]}
          value={kind}
          onChange={(next) => setKind(next as TemplateTrial['kind'])}
        />
      </div>
      <div className="am-halves">
        <Textarea
          aria-label="Template"
          description={'As in alertmanager.yml, such as {{ template "slack.default.title" . }}'}
          classNames={{ input: 'am-mono am-templatetext' }}
          spellCheck={false}
          autoFocus
          value={text}
          onChange={(event) => change(event.currentTarget.value)}
        />
        <Preview alertmanager={alertmanager} trial={{ text, kind, ...(notification ? { notification } : {}) }} />
      </div>
    </Page>
  );
}

function offered(records: readonly NotificationRecord[], chosen: string) {
  const options = records.map((record) => ({ value: record.id, text: optionText(record) }));
  const isKnown = chosen === '' || records.some(({ id }) => id === chosen);
  return [
    { value: '', text: 'The newest notification, or an example' },
    ...(isKnown ? [] : [{ value: chosen, text: `Notification ${chosen}` }]),
    ...options,
  ];
}

function optionText({ at, receiver, firing, resolved, alerts }: NotificationRecord): string {
  const names = [...new Set(alerts.map(({ labels }) => labels.alertname ?? ''))].join(', ');
  return `${shortDateTime(Date.parse(at))} to ${receiver}: ${names} (${firing} firing, ${resolved} resolved)`;
}

interface Rendered {
  readonly output: string;
  readonly kind: TemplateTrial['kind'];
  /** The server's words where the template is wrong. */
  readonly problem: string;
}

/** What came out; while it is asked for, what came out before. */
function Preview(props: { readonly alertmanager: AlertmanagerClient; readonly trial: TemplateTrial }): ReactNode {
  const { alertmanager } = props;
  const key = JSON.stringify(props.trial);
  const [asked] = useDebouncedValue(key, TYPING_MS);
  const trial = JSON.parse(asked) as TemplateTrial;
  const remote = useRemote(`preview ${asked}`, (signal) => render(alertmanager, trial, signal), { keep: true });
  const { data, error } = remote;
  if (!data) return error ? <Problem message={error.message} text={trial.text} /> : <Skeleton height={320} />;
  return (
    <div className={asked === key && !remote.loading ? 'am-stack' : 'am-stack am-stale'} style={{ gap: 8 }}>
      {error && <Problem message={error.message} text={trial.text} />}
      {data.problem !== '' && <Problem message={data.problem} text={trial.text} />}
      {data.problem === '' &&
        (data.kind === 'html' ? (
          <iframe className="am-frame" title="Rendered HTML" sandbox="" srcDoc={framedHtml(data.output)} />
        ) : (
          <pre className="am-expr am-output">{data.output}</pre>
        ))}
    </div>
  );
}

/** A template that is wrong is an answer, too: what came out before would not be its output. */
async function render(alertmanager: AlertmanagerClient, trial: TemplateTrial, signal: AbortSignal): Promise<Rendered> {
  try {
    return { output: await alertmanager.previewTemplate(trial, signal), kind: trial.kind, problem: '' };
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 400) throw error;
    return { output: '', kind: trial.kind, problem: error.message };
  }
}

function Problem({ message, text }: { readonly message: string; readonly text: string }): ReactNode {
  const problem = problemOf(message, text);
  return (
    <div className="am-notice am-crit" role="alert" style={{ margin: 0, display: 'block' }}>
      <div className="am-break">{message}</div>
      {problem && (
        <pre className="am-expr" style={{ marginTop: 6 }}>
          <span className="am-dim">{problem.line} </span>
          {problem.text}
        </pre>
      )}
    </div>
  );
}
