import { Button, TextInput } from '@mantine/core';
import { type FormEvent, type ReactNode, useEffect, useState } from 'react';
import { Link, useLocation, useSearch } from 'wouter';
import { fetchRuns, type JobRun } from '../../api/runs.ts';
import { useRemote } from '../../api/use-remote.ts';
import { Ago } from '../../shell/badges.tsx';
import { Page } from '../../shell/page.tsx';
import { Empty, Loaded } from '../../shell/pictures.tsx';
import { Select } from '../../shell/select.tsx';
import { useApp } from '../../state/app-context.tsx';
import { useNow } from '../../state/use-now.ts';
import { NoRuns, OutcomeBadge, tookText, troubleText } from './run-words.tsx';

const FILTERS = ['kind', 'name', 'outcome', 'host'] as const;
const OUTCOMES = ['running', 'success', 'failed', 'cancelled', 'lost'];
const PAGE = 50;
const REFRESH_MS = 10_000;

export function RunsPage(): ReactNode {
  const { boot } = useApp();
  return typeof boot.runsUrl === 'string' ? <Runs base={boot.runsUrl} /> : <NoRuns />;
}

/** Runs of jobs, those under way first. The address says which. */
function Runs({ base }: { readonly base: string }): ReactNode {
  const [, navigate] = useLocation();
  const asked = new URLSearchParams(useSearch());
  const offset = Math.max(0, Number(asked.get('offset')) || 0);
  const nowMs = useNow();
  const query = new URLSearchParams({ limit: String(PAGE), offset: String(offset) });
  for (const key of FILTERS) if (asked.get(key)) query.set(key, asked.get(key) ?? '');
  const remote = useRemote(`runs ${query}`, (signal) => fetchRuns(base, query, signal), {
    refreshMs: offset === 0 ? REFRESH_MS : 0,
  });
  const isFiltered = FILTERS.some((key) => asked.get(key));
  const change = (part: Readonly<Record<string, string>>): void => {
    const next = new URLSearchParams();
    const all = { ...Object.fromEntries(FILTERS.map((key) => [key, asked.get(key) ?? ''])), ...part };
    for (const [key, value] of Object.entries(all)) if (value !== '' && value !== '0') next.set(key, value);
    navigate(next.size > 0 ? `/runs?${next}` : '/runs');
  };
  return (
    <Page crumbs={[]} title="Runs">
      <div className="am-row">
        <Select
          label="Outcome"
          value={asked.get('outcome') ?? ''}
          options={[{ value: '', text: 'All outcomes' }, ...OUTCOMES.map((value) => ({ value, text: value }))]}
          onChange={(outcome) => change({ outcome })}
        />
        {(['kind', 'name', 'host'] as const).map((key) => (
          <WordInput key={key} label={key} value={asked.get(key) ?? ''} onCommit={(word) => change({ [key]: word })} />
        ))}
      </div>
      <Loaded remote={remote} what="The list of runs" height={400}>
        {({ runs, more }) => (
          <div className="am-stack">
            {runs.length === 0 ? (
              <Nothing isFiltered={isFiltered || offset > 0} />
            ) : (
              <RunTable runs={runs} nowMs={nowMs} />
            )}
            {(more || offset > 0) && (
              <div className="am-row" style={{ justifyContent: 'flex-end' }}>
                <Button size="compact-sm" variant="default" disabled={offset === 0} onClick={() => change({})}>
                  Newest
                </Button>
                <Button
                  size="compact-sm"
                  variant="default"
                  disabled={!more}
                  onClick={() => change({ offset: String(offset + PAGE) })}
                >
                  Older
                </Button>
              </div>
            )}
          </div>
        )}
      </Loaded>
    </Page>
  );
}

function Nothing({ isFiltered }: { readonly isFiltered: boolean }): ReactNode {
  if (isFiltered) return <Empty title="No run matches">Leave a condition out, or look among the newest.</Empty>;
  return (
    <Empty title="No job has reported a run yet">
      Begin a command with <code>avalanche track KIND NAME --</code>, or report it by one HTTP call, and it stands here
      with its outcome, duration and resources.
    </Empty>
  );
}

function RunTable({ runs, nowMs }: { readonly runs: readonly JobRun[]; readonly nowMs: number }): ReactNode {
  return (
    <div className="am-card am-scroll-x">
      <table className="am-list am-stacked">
        <thead>
          <tr>
            <th>Began</th>
            <th>Outcome</th>
            <th>Job</th>
            <th>Took</th>
            <th>Where</th>
            <th>What went wrong</th>
          </tr>
        </thead>
        <tbody>
          {runs.map((run) => (
            <tr key={run.run_id} className={run.outcome === 'failed' ? 'am-failedrow' : undefined}>
              <td>
                <Ago at={run.started_at} nowMs={nowMs} />
              </td>
              <td>
                <OutcomeBadge run={run} />
              </td>
              <td>
                <Link href={`/runs/${encodeURIComponent(run.run_id)}`}>{run.name}</Link>
                <div className="am-dim am-small">{run.kind}</div>
              </td>
              <td className="am-num" style={{ whiteSpace: 'nowrap' }}>
                {tookText(run, nowMs)}
              </td>
              <td>{run.host}</td>
              <td className="am-full am-break">
                <div className="am-clamp">{troubleText(run)}</div>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Takes effect on Enter and when it is left. */
function WordInput(props: {
  readonly label: string;
  readonly value: string;
  readonly onCommit: (word: string) => void;
}): ReactNode {
  const { label, value, onCommit } = props;
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  const commit = (event: FormEvent): void => {
    event.preventDefault();
    if (text.trim() !== value) onCommit(text.trim());
  };
  return (
    <form onSubmit={commit}>
      <TextInput
        placeholder={label}
        aria-label={label}
        value={text}
        onBlur={commit}
        onChange={(event) => setText(event.currentTarget.value)}
      />
    </form>
  );
}
