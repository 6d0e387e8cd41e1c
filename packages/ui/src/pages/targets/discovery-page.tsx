import { SegmentedControl, TextInput } from '@mantine/core';
import { IconSearch } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { useLocation, useSearch } from 'wouter';
import type { Labels } from '../../api/prometheus/query.ts';
import type { Targets } from '../../api/prometheus/targets.ts';
import { useRemote } from '../../api/use-remote.ts';
import { LabelList, StateBadge } from '../../shell/badges.tsx';
import { Page } from '../../shell/page.tsx';
import { Empty, Loaded } from '../../shell/pictures.tsx';
import { useApp } from '../../state/app-context.tsx';
import { RelabelSteps } from './relabel-steps.tsx';

const NO_TARGETS: Targets = { activeTargets: [] };
const CRUMBS = [{ word: 'Targets', href: '/targets' }];
/** Rows of one job that are drawn; the rest is found by the filter. */
const ROWS_MAX = 200;

/** What discovery found, by job: the labels before relabelling beside what became of them. */
export function DiscoveryPage(): ReactNode {
  const { prometheus } = useApp();
  const [, navigate] = useLocation();
  const params = new URLSearchParams(useSearch());
  const filter: Filter = {
    text: params.get('q') ?? '',
    pool: params.get('pool') ?? '',
    which: params.get('show') === 'dropped' ? 'dropped' : 'all',
  };
  const remote = useRemote('targets', async (signal) => (prometheus ? prometheus.targets(signal) : NO_TARGETS), {
    refreshMs: 10_000,
  });
  const change = (next: Partial<Filter>): void => {
    const { text, pool, which } = { ...filter, ...next };
    const query = new URLSearchParams({
      ...(text ? { q: text } : {}),
      ...(pool ? { pool } : {}),
      ...(which === 'all' ? {} : { show: which }),
    });
    navigate(`/service-discovery${query.size > 0 ? `?${query}` : ''}`, { replace: true });
  };
  return (
    <Page crumbs={CRUMBS} title="Service discovery">
      <div className="am-row">
        <SegmentedControl
          size="sm"
          aria-label="Which targets"
          data={[
            { value: 'all', label: 'All' },
            { value: 'dropped', label: 'Dropped' },
          ]}
          value={filter.which}
          onChange={(which) => change({ which: which as Filter['which'] })}
        />
        <TextInput
          className="am-grow"
          leftSection={<IconSearch size={16} />}
          placeholder="Find by label, before or after relabelling"
          aria-label="Find targets"
          value={filter.text}
          onChange={(event) => change({ text: event.currentTarget.value })}
        />
      </div>
      {filter.pool !== '' && (
        <div>
          Only job <b>{filter.pool}</b>.{' '}
          <button type="button" className="am-linkbutton" onClick={() => change({ pool: '' })}>
            Show all jobs
          </button>
        </div>
      )}
      <Loaded remote={remote} what="What discovery found">
        {(targets) => <Pools targets={targets} filter={filter} />}
      </Loaded>
    </Page>
  );
}

interface Filter {
  readonly text: string;
  readonly pool: string;
  readonly which: 'all' | 'dropped';
}

interface Found {
  readonly discovered: Labels;
  /** Null where relabelling dropped it. */
  readonly labels: Labels | null;
}

function Pools({ targets, filter }: { readonly targets: Targets; readonly filter: Filter }): ReactNode {
  const pools = poolsOf(targets);
  const text = filter.text.toLowerCase();
  const shown = pools
    .filter(({ name }) => filter.pool === '' || filter.pool === name)
    .map(({ name, found, dropped }) => ({
      name,
      dropped,
      total: found.length,
      found: found.filter(
        (one) => (filter.which === 'all' || one.labels === null) && JSON.stringify(one).toLowerCase().includes(text),
      ),
    }))
    .filter(({ found }) => found.length > 0);
  if (shown.length === 0) {
    const nothing = filter.which === 'dropped' && filter.text === '';
    return (
      <Empty title={nothing ? 'Relabelling drops no target' : 'No target matches'}>
        {targets.activeTargets.length} targets are scraped.
      </Empty>
    );
  }
  return (
    <div className="am-stack">
      {shown.map((pool) => (
        <Pool key={pool.name} {...pool} />
      ))}
    </div>
  );
}

function poolsOf({ activeTargets, droppedTargets = [], droppedTargetCounts = {} }: Targets) {
  const names = new Set([...activeTargets.map(({ scrapePool }) => scrapePool), ...Object.keys(droppedTargetCounts)]);
  return [...names].sort().map((name) => ({
    name,
    dropped: droppedTargetCounts[name] ?? 0,
    found: [
      ...activeTargets
        .filter(({ scrapePool }) => scrapePool === name)
        .map(({ discoveredLabels, labels }): Found => ({ discovered: discoveredLabels, labels })),
      ...droppedTargets
        .filter(({ scrapePool, discoveredLabels }) => (scrapePool ?? discoveredLabels.job) === name)
        .map(({ discoveredLabels }): Found => ({ discovered: discoveredLabels, labels: null })),
    ],
  }));
}

function Pool(props: {
  readonly name: string;
  readonly found: readonly Found[];
  readonly total: number;
  readonly dropped: number;
}): ReactNode {
  const { found, dropped, total } = props;
  return (
    <section className="am-card am-scroll-x">
      <div className="am-row" style={{ padding: '10px 12px', borderBottom: '1px solid var(--am-line)' }}>
        <h2 className="am-grow">{props.name}</h2>
        <span className="am-dim am-small am-num">
          {total} found{dropped > 0 && `, ${dropped} dropped by relabelling`}
        </span>
      </div>
      <table className="am-list am-stacked">
        <thead>
          <tr>
            <th>Before relabelling</th>
            <th>Labels of the target</th>
          </tr>
        </thead>
        <tbody>
          {found.slice(0, ROWS_MAX).map(({ discovered, labels }) => (
            <tr key={JSON.stringify(discovered)}>
              <td className="am-full" style={{ width: '55%' }}>
                <LabelList labels={discovered} />
                <div style={{ marginTop: 6 }}>
                  <RelabelSteps pool={props.name} labels={discovered} />
                </div>
              </td>
              <td className="am-full">
                {labels ? <LabelList labels={labels} /> : <StateBadge tone="unknown" word="dropped" />}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {found.length > ROWS_MAX && <div className="am-dim am-pad">{found.length - ROWS_MAX} more: use the filter.</div>}
    </section>
  );
}
