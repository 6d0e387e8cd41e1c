import { ActionIcon, Button, Menu, SegmentedControl, Switch, TextInput } from '@mantine/core';
import { IconHistory, IconX } from '@tabler/icons-react';
import { lazy, type ReactNode, Suspense, useEffect, useState } from 'react';
import type { ApiError } from '../../api/http.ts';
import type { PrometheusClient } from '../../api/prometheus/client.ts';
import type { Answer, QueryResult } from '../../api/prometheus/query.ts';
import { useRemote } from '../../api/use-remote.ts';
import { formatDuration, parseDuration } from '../../dashboard/duration.ts';
import { intervalMs } from '../../dashboard/query-plan.ts';
import { parseTime, shortDateTime, type TimeRange } from '../../dashboard/time-range.ts';
import { Skeleton } from '../../shell/pictures.tsx';
import { QueryError } from './query-error.tsx';
import { queryHistory, rememberQuery } from './query-history.ts';
import type { QueryState } from './query-url.ts';
import { ResultTable } from './result-table.tsx';

const QueryEditor = lazy(async () => ({ default: (await import('./query-editor.tsx')).QueryEditor }));
const ExplainView = lazy(async () => ({ default: (await import('./explain-view.tsx')).ExplainView }));
const ResultGraph = lazy(async () => ({ default: (await import('./result-graph.tsx')).ResultGraph }));

interface QueryCardProps {
  readonly number: number;
  readonly query: QueryState;
  readonly prometheus: PrometheusClient;
  readonly onChange: (next: QueryState, replace?: boolean) => void;
  readonly onRemove: (() => void) | undefined;
}

const GRAPH_POINTS = 400;
const HOUR_MS = 3_600_000;

interface Timing {
  readonly endMs: number;
  readonly startMs: number;
  readonly stepMs: number;
}

function timing(query: QueryState, nowMs: number): Timing {
  const endMs = query.end === '' ? nowMs : (parseTime(query.end, nowMs, 'end', true) ?? nowMs);
  const startMs = endMs - (parseDuration(query.range) ?? HOUR_MS);
  const auto = Math.max(1000, intervalMs({ fromMs: startMs, toMs: endMs }, GRAPH_POINTS, 1000));
  const asked = (parseDuration(query.step) ?? 0) || 0;
  return { endMs, startMs, stepMs: asked > 0 ? asked : auto };
}

interface Ran {
  readonly answer: Answer<QueryResult>;
  readonly timing: Timing;
  readonly tookMs: number;
}

export function QueryCard(props: QueryCardProps): ReactNode {
  const { query, prometheus, onChange } = props;
  const [draft, setDraft] = useState(query.expr);
  const [round, setRound] = useState(0);
  useEffect(() => setDraft(query.expr), [query.expr]);
  const key = JSON.stringify([query.expr, query.tab, query.range, query.end, query.step, round]);
  const remote = useRemote(key, (signal) => runQuery(prometheus, query, signal), {
    enabled: query.expr.trim() !== '' && query.tab !== 'explain',
    keep: true,
  });
  const run = (): void => {
    rememberQuery(draft);
    if (draft === query.expr) setRound(round + 1);
    else onChange({ ...query, expr: draft });
  };
  const zoom = ({ fromMs, toMs }: TimeRange): void => {
    const range = formatDuration(Math.max(10_000, Math.round((toMs - fromMs) / 1000) * 1000));
    onChange({ ...query, range, end: shortDateTime(toMs, true), step: '' });
  };
  return (
    <section className="am-card am-query" aria-label={`Query ${props.number}`}>
      <div className="am-row" style={{ alignItems: 'flex-start', flexWrap: 'nowrap' }}>
        <Suspense
          fallback={
            <div className="am-editor am-grow am-mono" style={{ padding: '7px 8px' }}>
              {draft || ' '}
            </div>
          }
        >
          <QueryEditor
            value={draft}
            onChange={setDraft}
            onRun={run}
            prometheusUrl={prometheus.baseUrl}
            label={`Expression ${props.number}`}
          />
        </Suspense>
        <HistoryMenu onChoose={(expr) => onChange({ ...query, expr })} />
        <Button onClick={run} loading={remote.loading && query.expr.trim() !== ''} size="sm">
          Run
        </Button>
        {props.onRemove && (
          <ActionIcon variant="subtle" color="gray" size="lg" onClick={props.onRemove} aria-label="Remove this query">
            <IconX size={16} />
          </ActionIcon>
        )}
      </div>
      <Controls query={query} onChange={onChange} ran={remote.data} />
      {query.tab === 'explain' && query.expr.trim() !== '' ? (
        <Suspense fallback={<Skeleton height={120} />}>
          <ExplainView expr={query.expr} prometheus={prometheus} />
        </Suspense>
      ) : (
        <Result query={query} ran={remote.data} error={remote.error} loading={remote.loading} onZoom={zoom} />
      )}
    </section>
  );
}

async function runQuery(prometheus: PrometheusClient, query: QueryState, signal: AbortSignal): Promise<Ran> {
  const when = timing(query, Date.now());
  const started = performance.now();
  const answer =
    query.tab === 'table'
      ? await prometheus.query(query.expr, query.end === '' ? undefined : when.endMs, signal)
      : await prometheus.queryRange({ expr: query.expr, ...when }, signal);
  return { answer, timing: when, tookMs: performance.now() - started };
}

function HistoryMenu({ onChoose }: { readonly onChoose: (expr: string) => void }): ReactNode {
  const [open, setOpen] = useState(false);
  const entries = open ? queryHistory() : [];
  return (
    <Menu opened={open} onChange={setOpen} position="bottom-end" width={480}>
      <Menu.Target>
        <ActionIcon
          variant="default"
          size={34}
          aria-label="Queries that you ran before"
          title="Queries that you ran before"
        >
          <IconHistory size={17} stroke={1.7} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown mah={420} style={{ overflow: 'auto' }}>
        {entries.length === 0 && <Menu.Label>Queries that you run are kept here, in this browser.</Menu.Label>}
        {entries.map((expr) => (
          <Menu.Item key={expr} className="am-mono am-break" onClick={() => onChoose(expr)}>
            {expr}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

const RANGES = ['15m', '1h', '6h', '1d', '1w'];

function Controls({
  query,
  onChange,
  ran,
}: Pick<QueryCardProps, 'query' | 'onChange'> & { readonly ran: Ran | undefined }): ReactNode {
  return (
    <div className="am-row">
      <SegmentedControl
        size="xs"
        aria-label="View"
        data={[
          { value: 'table', label: 'Table' },
          { value: 'graph', label: 'Graph' },
          { value: 'explain', label: 'Explain' },
        ]}
        value={query.tab}
        onChange={(tab) => onChange({ ...query, tab: tab as QueryState['tab'] })}
      />
      {query.tab === 'graph' && (
        <>
          <Committed
            label="Range"
            width={72}
            value={query.range}
            valid={(text) => (parseDuration(text) ?? 0) > 0}
            onCommit={(range) => onChange({ ...query, range })}
          />
          {RANGES.map((range) => (
            <Button
              key={range}
              size="compact-xs"
              variant={range === query.range ? 'light' : 'subtle'}
              color="gray"
              onClick={() => onChange({ ...query, range })}
            >
              {range}
            </Button>
          ))}
        </>
      )}
      {query.tab !== 'explain' && (
        <Committed
          label={query.tab === 'graph' ? 'Until (UTC)' : 'At (UTC)'}
          width={150}
          value={query.end}
          hint="now"
          valid={(text) => text === '' || parseTime(text, 0, 'end', true) !== undefined}
          onCommit={(end) => onChange({ ...query, end: end === 'now' ? '' : end })}
        />
      )}
      {query.tab === 'graph' && (
        <>
          <Committed
            label="Step"
            width={64}
            value={query.step}
            hint="auto"
            valid={(text) => text === '' || (parseDuration(text) ?? 0) > 0}
            onCommit={(step) => onChange({ ...query, step })}
          />
          <Switch
            size="xs"
            label="Stacked"
            checked={query.stacked}
            onChange={(event) => onChange({ ...query, stacked: event.currentTarget.checked })}
          />
        </>
      )}
      {ran && query.tab !== 'explain' && (
        <span className="am-dim am-small am-num" style={{ marginLeft: 'auto' }}>
          {summary(ran)}
        </span>
      )}
    </div>
  );
}

function summary({ answer: { data }, tookMs, timing: { stepMs } }: Ran): string {
  const took = `${Math.round(tookMs)} ms`;
  if (data.resultType === 'scalar' || data.resultType === 'string') return `${data.resultType}, ${took}`;
  const count = `${data.result.length} series`;
  return data.resultType === 'matrix' ? `${count}, step ${formatDuration(stepMs)}, ${took}` : `${count}, ${took}`;
}

/** A small field that takes effect on Enter or when it is left. */
function Committed(props: {
  readonly label: string;
  readonly width: number;
  readonly value: string;
  readonly hint?: string;
  readonly valid: (text: string) => boolean;
  readonly onCommit: (text: string) => void;
}): ReactNode {
  const [text, setText] = useState(props.value);
  useEffect(() => setText(props.value), [props.value]);
  const good = props.valid(text) || text === 'now';
  const commit = (): void => {
    if (good && text !== props.value) props.onCommit(text);
  };
  return (
    <span className="am-row am-small" style={{ gap: 6, flexWrap: 'nowrap' }}>
      <span className="am-dim" style={{ whiteSpace: 'nowrap' }}>
        {props.label}
      </span>
      <TextInput
        size="xs"
        aria-label={props.label}
        w={props.width}
        placeholder={props.hint}
        value={text}
        error={!good}
        onChange={(event) => setText(event.currentTarget.value)}
        onBlur={commit}
        onKeyDown={(event) => event.key === 'Enter' && commit()}
      />
    </span>
  );
}

function Result(props: {
  readonly query: QueryState;
  readonly ran: Ran | undefined;
  readonly error: ApiError | undefined;
  readonly loading: boolean;
  readonly onZoom: (range: TimeRange) => void;
}): ReactNode {
  const { query, ran, error } = props;
  if (query.expr.trim() === '') {
    return (
      <div className="am-dim am-small">
        Type an expression and press Enter. Ctrl-Space completes, Shift-Enter starts a new line.
      </div>
    );
  }
  if (error) return <QueryError expr={query.expr} message={error.message} kind={error.kind} />;
  if (!ran) return <Skeleton height={query.tab === 'graph' ? 380 : 120} />;
  const fits = (ran.answer.data.resultType === 'matrix') === (query.tab === 'graph') || query.tab === 'table';
  if (!fits) return <Skeleton height={380} />;
  return (
    <>
      {[...ran.answer.warnings, ...ran.answer.infos].map((text) => (
        <div key={text} className="am-notice" style={{ margin: 0 }}>
          {text}
        </div>
      ))}
      {query.tab === 'table' ? (
        <ResultTable result={ran.answer.data} />
      ) : (
        <Suspense fallback={<Skeleton height={380} />}>
          <ResultGraph
            expr={query.expr}
            result={ran.answer.data}
            timing={ran.timing}
            stacked={query.stacked}
            onZoom={props.onZoom}
          />
        </Suspense>
      )}
    </>
  );
}
