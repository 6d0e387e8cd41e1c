import { Fragment, type ReactNode } from 'react';
import { Link } from 'wouter';
import type { PrometheusClient } from '../../api/prometheus/client.ts';
import { type QueryResult, sampleValue } from '../../api/prometheus/query.ts';
import { useRemote } from '../../api/use-remote.ts';
import { Sparkline } from '../../chart/sparkline.tsx';
import { formatText, formatUnit } from '../../dashboard/units.ts';
import { StateBadge } from '../../shell/badges.tsx';
import { Skeleton } from '../../shell/pictures.tsx';
import { useSize } from '../../state/use-size.ts';
import type { Area } from './areas.ts';

const HOUR_MS = 3_600_000;
const STEP_MS = 30_000;
const REFRESH_MS = 15_000;

interface AreaData {
  readonly state: 'here' | 'away' | 'not connected';
  readonly now: number;
  readonly values: Float64Array;
  readonly facts: readonly string[];
}

async function loadArea(area: Area, prometheus: PrometheusClient, signal: AbortSignal): Promise<AreaData> {
  const endMs = Math.floor(Date.now() / STEP_MS) * STEP_MS;
  const timing = { startMs: endMs - HOUR_MS, endMs, stepMs: STEP_MS };
  const [present, targets, now, history, ...facts] = await Promise.all([
    prometheus.query(`count(${area.present})`, undefined, signal),
    prometheus.query(`count(up{job="${area.job}"})`, undefined, signal),
    prometheus.query(area.golden, undefined, signal),
    prometheus.queryRange({ expr: area.golden, ...timing }, signal),
    ...area.facts.map(({ expr }) => prometheus.query(expr, undefined, signal)),
  ]);
  return {
    state: has(present.data) ? 'here' : has(targets.data) ? 'away' : 'not connected',
    now: firstValue(now.data),
    values: history.data.resultType === 'matrix' ? column(history.data, timing) : new Float64Array(),
    facts: area.facts.flatMap(({ unit, say }, i) => {
      const value = firstValue(facts[i]!.data);
      return Number.isNaN(value) ? [] : [say(formatText(value, unit, { nowMs: Date.now() }))];
    }),
  };
}

const has = (result: QueryResult): boolean => !Number.isNaN(firstValue(result));

function firstValue(result: QueryResult): number {
  const text = result.resultType === 'vector' ? result.result[0]?.value?.[1] : undefined;
  return text === undefined ? Number.NaN : sampleValue(text);
}

function column(
  result: Extract<QueryResult, { resultType: 'matrix' }>,
  timing: { startMs: number; stepMs: number },
): Float64Array {
  const values = new Float64Array(HOUR_MS / STEP_MS + 1).fill(Number.NaN);
  for (const [seconds, text] of result.result[0]?.values ?? []) {
    values[Math.round((seconds * 1000 - timing.startMs) / timing.stepMs)] = sampleValue(text);
  }
  return values;
}

/** The area's golden number with its last hour; what is not connected says the one line that connects it. */
export function AreaTile(props: {
  readonly area: Area;
  readonly prometheus: PrometheusClient;
  readonly href: string | undefined;
  readonly external: boolean;
}): ReactNode {
  const { area, prometheus, href } = props;
  const remote = useRemote(`area ${area.title}`, (signal) => loadArea(area, prometheus, signal), {
    refreshMs: REFRESH_MS,
  });
  const { data } = remote;
  const connected = data !== undefined && data.state !== 'not connected';
  const className = `am-card am-area${remote.error && data ? ' am-stale' : ''}`;
  const body = (
    <>
      <h2>{area.title}</h2>
      {!data &&
        (remote.error ? <div className="am-dim am-small">{remote.error.message}</div> : <Skeleton height={90} />)}
      {data && !connected && <NotConnected area={area} />}
      {data?.state === 'away' && <Away data={data} />}
      {data?.state === 'here' && <AreaNumbers area={area} data={data} />}
    </>
  );
  if (!href || !connected) return <div className={className}>{body}</div>;
  return props.external ? (
    <a href={href} className={className}>
      {body}
    </a>
  ) : (
    <Link href={href} className={className}>
      {body}
    </Link>
  );
}

/** Where a long address may go on in the next line: after `=` and `//`, before `@` and `/name`. */
const BREAKS = /(?<=[=:]\/?\/?)(?!\/)|(?=@)|(?<=\w)(?=\/)/;

function NotConnected({ area }: { readonly area: Area }): ReactNode {
  return (
    <div className="am-small am-stack" style={{ gap: 6, paddingBottom: 12 }}>
      <span className="am-dim">Not connected. This connects it:</span>
      <code className="am-connect">
        {area.connect.split(BREAKS).map((part) => (
          <Fragment key={part}>
            {part}
            <wbr />
          </Fragment>
        ))}
      </code>
    </div>
  );
}

/** A target is configured and gives no numbers: the last hour shows when it went. */
function Away({ data }: { readonly data: AreaData }): ReactNode {
  return (
    <>
      <div style={{ padding: '6px 0 2px' }}>
        <StateBadge tone="crit" word="does not answer" />
      </div>
      <Spark values={data.values} />
    </>
  );
}

function Spark({ values }: { readonly values: Float64Array }): ReactNode {
  const [ref, size] = useSize();
  return (
    <div className="am-area-spark" ref={ref}>
      <Sparkline values={values} width={size.width} height={36} color="var(--am-accent)" min={0} />
    </div>
  );
}

function AreaNumbers({ area, data }: { readonly area: Area; readonly data: AreaData }): ReactNode {
  const { prefix, number, suffix } = formatUnit(data.now, area.unit);
  return (
    <>
      <div>
        <span className="am-area-number am-num">
          {Number.isNaN(data.now) ? '–' : `${prefix}${number}`}
          {suffix !== '' && <span className="am-stat-unit">{suffix}</span>}
        </span>{' '}
        <span className="am-dim am-caption">{area.caption}</span>
      </div>
      <div className="am-dim am-small am-num">{data.facts.join(', ')}</div>
      <Spark values={data.values} />
    </>
  );
}
