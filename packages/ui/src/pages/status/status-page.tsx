import { TextInput } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import { useRemote } from '../../api/use-remote.ts';
import { arr, type Json, obj, str } from '../../dashboard/json.ts';
import { shortDateTime } from '../../dashboard/time-range.ts';
import { Page } from '../../shell/page.tsx';
import { Loaded, Skeleton } from '../../shell/pictures.tsx';
import { useApp } from '../../state/app-context.tsx';

/** What the servers say of themselves. A part that a server does not have is named as such, the others are shown. */
export function StatusPage(): ReactNode {
  const { boot, prometheus, alertmanager } = useApp();
  return (
    <Page crumbs={[]} title="Status">
      <section className="am-card am-pad">
        <dl className="am-facts">
          <dt>Avalanche Monitor</dt>
          <dd>{boot.version}</dd>
          <dt>This door</dt>
          <dd>{boot.door}</dd>
        </dl>
      </section>
      {prometheus && (
        <>
          <FactsPart title="Prometheus: build" part="buildinfo" />
          <FactsPart title="Prometheus: runtime" part="runtimeinfo" />
          <TsdbPart />
          <ConfigPart />
          <FlagsPart />
        </>
      )}
      {alertmanager && <AlertmanagerPart />}
    </Page>
  );
}

/** A part of the Prometheus API's status; its own skeleton, its own "not there". */
function Part(props: {
  readonly title: string;
  readonly part: string;
  readonly children: (data: unknown) => ReactNode;
}): ReactNode {
  const { prometheus } = useApp();
  const remote = useRemote(`status ${props.part}`, async (signal) => prometheus?.status(props.part, signal));
  return (
    <section className="am-card am-pad am-stack" style={{ gap: 8 }}>
      <h2>{props.title}</h2>
      {remote.data !== undefined && props.children(remote.data)}
      {remote.loading && remote.data === undefined && <Skeleton height={80} />}
      {remote.error && (
        <div className="am-dim">
          {remote.error.status === 404 ? `This server does not offer status/${props.part}.` : remote.error.message}
        </div>
      )}
    </section>
  );
}

const words = (key: string): string =>
  key
    .replaceAll(/([a-z])([A-Z])/g, '$1 $2')
    .replaceAll('_', ' ')
    .toLowerCase();

/** A moment, which the API writes as RFC 3339 or in epoch milliseconds, as people write it; anything else as it is. */
function factText(key: string, value: unknown): string {
  if (typeof value === 'object') return JSON.stringify(value);
  const isMoment = /time$/i.test(key) && (typeof value === 'number' || /^\d{4}-\d\d-\d\dT/.test(String(value)));
  const ms = isMoment ? new Date(value as string | number).getTime() : Number.NaN;
  return Number.isFinite(ms) && ms > 0 ? shortDateTime(ms) : String(value);
}

function Facts({ facts }: { readonly facts: Json }): ReactNode {
  return (
    <dl className="am-facts">
      {Object.entries(facts)
        .filter(([, value]) => value !== '' && value !== null)
        .map(([key, value]) => (
          <div key={key} style={{ display: 'contents' }}>
            <dt>{words(key)}</dt>
            <dd className="am-num">{factText(key, value)}</dd>
          </div>
        ))}
    </dl>
  );
}

function FactsPart({ title, part }: { readonly title: string; readonly part: string }): ReactNode {
  return (
    <Part title={title} part={part}>
      {(data) => <Facts facts={obj(data)} />}
    </Part>
  );
}

const TOPS = [
  ['seriesCountByMetricName', 'Metrics with the most series'],
  ['labelValueCountByLabelName', 'Labels with the most values'],
  ['memoryInBytesByLabelName', 'Labels that take the most bytes'],
  ['seriesCountByLabelValuePair', 'Label pairs with the most series'],
] as const;

function TsdbPart(): ReactNode {
  return (
    <Part title="Prometheus: time series in the head" part="tsdb">
      {(data) => (
        <>
          <Facts facts={obj(obj(data).headStats)} />
          <div style={{ display: 'grid', gridTemplateColumns: 'repeat(auto-fill, minmax(280px, 1fr))', gap: 16 }}>
            {TOPS.map(([key, title]) => (
              <div key={key}>
                <h3>{title}</h3>
                <table className="am-list">
                  <tbody>
                    {arr(obj(data)[key]).map((item) => (
                      <tr key={str(obj(item).name)}>
                        <td className="am-mono am-break">{str(obj(item).name)}</td>
                        <td className="am-num" style={{ textAlign: 'right' }}>
                          {str(obj(item).value)}
                        </td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </div>
            ))}
          </div>
        </>
      )}
    </Part>
  );
}

function ConfigPart(): ReactNode {
  return (
    <Part title="Prometheus: configuration" part="config">
      {(data) => <pre className="am-expr">{str(obj(data).yaml)}</pre>}
    </Part>
  );
}

function FlagsPart(): ReactNode {
  const [text, setText] = useState('');
  return (
    <Part title="Prometheus: flags" part="flags">
      {(data) => (
        <>
          <TextInput
            size="xs"
            placeholder="Find a flag"
            aria-label="Find a flag"
            value={text}
            onChange={(event) => setText(event.currentTarget.value)}
          />
          <table className="am-list">
            <tbody>
              {Object.entries(obj(data))
                .filter(([key, value]) => `${key} ${String(value)}`.includes(text))
                .map(([key, value]) => (
                  <tr key={key}>
                    <td className="am-mono">--{key}</td>
                    <td className="am-mono am-break">{String(value)}</td>
                  </tr>
                ))}
            </tbody>
          </table>
        </>
      )}
    </Part>
  );
}

function AlertmanagerPart(): ReactNode {
  const { alertmanager } = useApp();
  const remote = useRemote('alertmanager status', async (signal) => alertmanager?.status(signal));
  return (
    <section className="am-card am-pad am-stack" style={{ gap: 8 }}>
      <h2>Alertmanager</h2>
      <Loaded remote={remote} what="Alertmanager's status" height={100}>
        {(status) =>
          status && (
            <div className="am-stack">
              <Facts
                facts={{ ...status.versionInfo, uptime: status.uptime, cluster: status.cluster?.status ?? 'none' }}
              />
              <pre className="am-expr">{status.config.original}</pre>
            </div>
          )
        }
      </Loaded>
    </section>
  );
}
