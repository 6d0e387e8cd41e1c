import { SegmentedControl, TextInput } from '@mantine/core';
import { IconSearch } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { Link, useLocation, useSearch } from 'wouter';
import type { ActiveTarget, Targets } from '../../api/prometheus/targets.ts';
import { useRemote } from '../../api/use-remote.ts';
import { StateBadge } from '../../shell/badges.tsx';
import { Page } from '../../shell/page.tsx';
import { Empty, Loaded } from '../../shell/pictures.tsx';
import { useApp } from '../../state/app-context.tsx';
import { useNow } from '../../state/use-now.ts';
import { TargetRow } from './target-row.tsx';

const NO_TARGETS: Targets = { activeTargets: [] };

/** What is scraped, by scrape pool; the filter is in the address. */
export function TargetsPage(): ReactNode {
  const { prometheus } = useApp();
  const nowMs = useNow();
  const [, navigate] = useLocation();
  const params = new URLSearchParams(useSearch());
  const text = params.get('q') ?? '';
  const health = params.get('health') ?? 'all';
  const remote = useRemote('targets', async (signal) => (prometheus ? prometheus.targets(signal) : NO_TARGETS), {
    refreshMs: 5000,
  });
  const change = (nextText: string, nextHealth: string): void => {
    const next = new URLSearchParams({
      ...(nextText ? { q: nextText } : {}),
      ...(nextHealth === 'all' ? {} : { health: nextHealth }),
    });
    navigate(`/targets${next.size > 0 ? `?${next}` : ''}`, { replace: true });
  };
  return (
    <Page crumbs={[]} title="Targets">
      <div className="am-row">
        <SegmentedControl
          size="sm"
          aria-label="State"
          data={[
            { value: 'all', label: 'All' },
            { value: 'down', label: 'Not up' },
          ]}
          value={health}
          onChange={(next) => change(text, next)}
        />
        <TextInput
          className="am-grow"
          leftSection={<IconSearch size={16} />}
          placeholder="Find by job, address, label or error"
          aria-label="Find targets"
          value={text}
          onChange={(event) => change(event.currentTarget.value, health)}
        />
      </div>
      <Loaded remote={remote} what="The targets">
        {(targets) => <Pools targets={targets} text={text} health={health} nowMs={nowMs} />}
      </Loaded>
    </Page>
  );
}

function Pools(props: {
  readonly targets: Targets;
  readonly text: string;
  readonly health: string;
  readonly nowMs: number;
}): ReactNode {
  const { targets, text, health } = props;
  const pools = new Map<string, ActiveTarget[]>();
  for (const target of targets.activeTargets)
    pools.set(target.scrapePool, [...(pools.get(target.scrapePool) ?? []), target]);
  if (pools.size === 0) {
    return (
      <Empty title="Nothing is scraped yet">
        Name targets under <code>scrape_configs</code> in prometheus.yml.
      </Empty>
    );
  }
  const wanted = (target: ActiveTarget): boolean =>
    (health === 'all' || target.health !== 'up') &&
    `${target.scrapeUrl} ${target.scrapePool} ${target.lastError} ${JSON.stringify(target.labels)}`
      .toLowerCase()
      .includes(text.toLowerCase());
  const shown = [...pools].filter(([, members]) => members.some(wanted)).sort(([a], [b]) => a.localeCompare(b));
  if (shown.length === 0) {
    return (
      <Empty title={health === 'down' && text === '' ? 'Every target is up' : 'No target matches'}>
        {targets.activeTargets.length} targets are scraped.
      </Empty>
    );
  }
  return (
    <div className="am-stack">
      {shown.map(([pool, members]) => (
        <Pool
          key={pool}
          pool={pool}
          members={members}
          shown={members.filter(wanted)}
          dropped={targets.droppedTargetCounts?.[pool] ?? 0}
          nowMs={props.nowMs}
        />
      ))}
    </div>
  );
}

function Pool(props: {
  readonly pool: string;
  readonly members: readonly ActiveTarget[];
  readonly shown: readonly ActiveTarget[];
  readonly dropped: number;
  readonly nowMs: number;
}): ReactNode {
  const up = props.members.filter((target) => target.health === 'up').length;
  const all = up === props.members.length;
  return (
    <section className="am-card am-scroll-x">
      <div className="am-row" style={{ padding: '10px 12px', borderBottom: '1px solid var(--am-line)' }}>
        <h2 className="am-grow">{props.pool}</h2>
        <Link className="am-dim am-small" href={`/service-discovery?pool=${encodeURIComponent(props.pool)}`}>
          {props.dropped > 0 ? `${props.dropped} dropped by relabelling` : 'How they were found'}
        </Link>
        <StateBadge tone={all ? 'ok' : up === 0 ? 'crit' : 'warn'} word={`${up} of ${props.members.length} up`} />
      </div>
      <table className="am-list am-stacked">
        <tbody>
          {props.shown.map((target) => (
            <TargetRow
              key={`${target.scrapeUrl}${JSON.stringify(target.labels)}`}
              target={target}
              nowMs={props.nowMs}
            />
          ))}
        </tbody>
      </table>
    </section>
  );
}
