import { Modal, TextInput } from '@mantine/core';
import { IconActivity, IconBell, IconLayoutDashboard, IconSearch, IconTarget } from '@tabler/icons-react';
import { type ReactNode, useMemo, useState } from 'react';
import { useLocation } from 'wouter';
import { grafana } from '../api/grafana/client.ts';
import { useRemote } from '../api/use-remote.ts';
import { encodeQueryUrl, newQuery } from '../pages/query/query-url.ts';
import { type App, useApp } from '../state/app-context.tsx';
import { rank } from './rank.ts';

interface Found {
  readonly kind: 'Dashboard' | 'Metric' | 'Alert' | 'Target';
  readonly text: string;
  readonly href: string;
}

const ICONS = { Dashboard: IconLayoutDashboard, Metric: IconActivity, Alert: IconBell, Target: IconTarget } as const;
const SHOWN_MAX = 12;

/** Finds dashboards, metrics, alerts and targets by a part of their name. */
export function SearchDialog({ onClose }: { readonly onClose: () => void }): ReactNode {
  const app = useApp();
  const [, navigate] = useLocation();
  const [text, setText] = useState('');
  const [at, setAt] = useState(0);
  const everything = useRemote('search', (signal) => collect(app, signal));
  const found = useMemo(() => rank(everything.data ?? [], text, SHOWN_MAX), [everything.data, text]);
  const go = (item: Found | undefined): void => {
    if (!item) return;
    onClose();
    navigate(item.href);
  };
  return (
    <Modal opened onClose={onClose} withCloseButton={false} size="lg" yOffset="12vh" padding="xs" aria-label="Search">
      <TextInput
        data-autofocus
        size="md"
        variant="unstyled"
        leftSection={<IconSearch size={18} />}
        placeholder="Dashboards, metrics, alerts, targets"
        aria-label="Search"
        value={text}
        onChange={(event) => {
          setText(event.currentTarget.value);
          setAt(0);
        }}
        onKeyDown={(event) => {
          if (event.key === 'Enter') return go(found[at]);
          if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
          event.preventDefault();
          setAt((old) => Math.max(0, Math.min(found.length - 1, old + (event.key === 'ArrowDown' ? 1 : -1))));
        }}
      />
      <div
        role="listbox"
        aria-label="Found"
        style={{ borderTop: '1px solid var(--am-line)', paddingTop: 4, minHeight: 60 }}
      >
        {found.map((item, i) => {
          const Icon = ICONS[item.kind];
          return (
            <button
              key={`${item.kind}${item.href}`}
              type="button"
              role="option"
              aria-selected={i === at}
              className="am-found"
              onMouseMove={() => setAt(i)}
              onClick={() => go(item)}
            >
              <Icon size={16} stroke={1.7} aria-hidden="true" />
              <span className="am-break">{item.text}</span>
              <span className="am-dim">{item.kind}</span>
            </button>
          );
        })}
        {found.length === 0 && (
          <div className="am-picture">{everything.loading ? 'Looking…' : `Nothing is called “${text}”.`}</div>
        )}
      </div>
    </Modal>
  );
}

/** Everything that can be found; a server that is away only leaves out its part. */
async function collect({ boot, prometheus }: App, signal: AbortSignal): Promise<readonly Found[]> {
  const parts = await Promise.allSettled([
    boot.door === 'grafana' ? dashboards(signal) : [],
    prometheus ? rules(prometheus, signal) : [],
    prometheus ? targets(prometheus, signal) : [],
    prometheus ? metrics(prometheus, signal) : [],
  ]);
  return parts.flatMap((part) => (part.status === 'fulfilled' ? part.value : []));
}

type Prometheus = NonNullable<App['prometheus']>;

async function dashboards(signal: AbortSignal): Promise<Found[]> {
  const hits = await grafana.search(signal);
  return hits.map(({ uid, title }) => ({ kind: 'Dashboard', text: title, href: `/d/${encodeURIComponent(uid)}` }));
}

async function rules(prometheus: Prometheus, signal: AbortSignal): Promise<Found[]> {
  const groups = await prometheus.rules(signal);
  const names = groups.flatMap((group) =>
    group.rules.filter((rule) => rule.type === 'alerting').map((rule) => rule.name),
  );
  return [...new Set(names)].map((name) => ({
    kind: 'Alert',
    text: name,
    href: `/alerts/${encodeURIComponent(name)}`,
  }));
}

async function targets(prometheus: Prometheus, signal: AbortSignal): Promise<Found[]> {
  const { activeTargets } = await prometheus.targets(signal);
  return activeTargets.map((target) => ({
    kind: 'Target',
    text: `${target.labels.job ?? target.scrapePool} ${target.labels.instance ?? target.scrapeUrl}`,
    href: `/targets?q=${encodeURIComponent(target.labels.instance ?? target.scrapeUrl)}`,
  }));
}

async function metrics(prometheus: Prometheus, signal: AbortSignal): Promise<Found[]> {
  const names = await prometheus.metricNames(signal);
  return names.map((name) => ({ kind: 'Metric', text: name, href: `/query?${encodeQueryUrl([newQuery(name)])}` }));
}
