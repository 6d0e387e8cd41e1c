import { SegmentedControl, TextInput } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import { useLocation } from 'wouter';
import { useRemote } from '../../api/use-remote.ts';
import { arr, type Json, obj, str } from '../../dashboard/json.ts';
import { shortDateTime } from '../../dashboard/time-range.ts';
import { StateBadge, type Tone } from '../../shell/badges.tsx';
import { Page } from '../../shell/page.tsx';
import { Empty, Loaded, Skeleton } from '../../shell/pictures.tsx';
import { useApp } from '../../state/app-context.tsx';

/** The parts of the page by the addresses that upstream has for them. */
const PARTS: readonly { readonly path: string; readonly label: string }[] = [
  { path: '/status', label: 'Server' },
  { path: '/tsdb-status', label: 'Time series' },
  { path: '/config', label: 'Configuration' },
  { path: '/flags', label: 'Flags' },
  { path: '/alertmanager-discovery', label: 'Alertmanagers' },
];

/** What the servers say of themselves. A part that a server does not have is named as such, the others are shown. */
export function StatusPage(): ReactNode {
  const { prometheus, alertmanager } = useApp();
  const [path, navigate] = useLocation();
  return (
    <Page crumbs={[]} title="Status">
      {prometheus && (
        <div className="am-row am-scroll-x">
          <SegmentedControl
            size="sm"
            aria-label="Part"
            data={PARTS.map(({ path: value, label }) => ({ value, label }))}
            value={path}
            onChange={(next) => navigate(next)}
          />
        </div>
      )}
      {prometheus && path === '/tsdb-status' && <TsdbPart />}
      {prometheus && path === '/config' && <ConfigPart />}
      {prometheus && path === '/flags' && <FlagsPart />}
      {path === '/alertmanager-discovery' && <AlertmanagersPart />}
      {path === '/status' && <ServerParts />}
      {alertmanager && (path === '/status' || path === '/alertmanager-discovery') && <AlertmanagerPart />}
    </Page>
  );
}

function ServerParts(): ReactNode {
  const { boot, prometheus } = useApp();
  return (
    <>
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
          <FactsPart title="Prometheus: runtime" part="runtimeinfo" />
          <FactsPart title="Prometheus: build" part="buildinfo" />
        </>
      )}
    </>
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

/** Where alerts are sent to. */
function AlertmanagersPart(): ReactNode {
  const { prometheus } = useApp();
  const remote = useRemote('alertmanagers', async (signal) => prometheus?.alertmanagers(signal), { refreshMs: 10_000 });
  return (
    <section className="am-card am-pad am-stack" style={{ gap: 8 }}>
      <h2>Alertmanagers that alerts are sent to</h2>
      <Loaded remote={remote} what="The Alertmanagers" height={80}>
        {(found) =>
          found && found.activeAlertmanagers.length + found.droppedAlertmanagers.length > 0 ? (
            <table className="am-list">
              <tbody>
                {found.activeAlertmanagers.map(({ url }) => (
                  <AlertmanagerRow key={url} url={url} tone="ok" word="in use" />
                ))}
                {found.droppedAlertmanagers.map(({ url }) => (
                  <AlertmanagerRow key={url} url={url} tone="unknown" word="dropped by relabelling" />
                ))}
              </tbody>
            </table>
          ) : (
            <Empty title="Nobody is told of alerts">
              Name Alertmanagers under <code>alerting</code> in prometheus.yml.
            </Empty>
          )
        }
      </Loaded>
    </section>
  );
}

function AlertmanagerRow(props: { readonly url: string; readonly tone: Tone; readonly word: string }): ReactNode {
  return (
    <tr>
      <td style={{ width: 90 }}>
        <StateBadge tone={props.tone} word={props.word} />
      </td>
      <td className="am-mono am-break">{props.url}</td>
    </tr>
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
