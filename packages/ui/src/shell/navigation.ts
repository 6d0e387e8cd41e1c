import {
  IconActivity,
  IconBell,
  IconBellOff,
  IconHome,
  IconInfoCircle,
  IconLayoutDashboard,
  IconListCheck,
  IconMail,
  IconPlayerPlay,
  IconTarget,
} from '@tabler/icons-react';
import type { ComponentType } from 'react';
import type { Boot } from '../api/boot.ts';

export interface NavItem {
  readonly word: string;
  readonly href: string;
  /** On another server, so a plain link and no page of ours. */
  readonly external: boolean;
  readonly icon: ComponentType<{ size?: number; stroke?: number }>;
  /** Second key after `g`. */
  readonly key: string;
  readonly onPhone: boolean;
}

/** What the rail names: only pages that have something behind them on this door. */
export function navigation(boot: Boot): readonly NavItem[] {
  const here = { external: false, onPhone: true };
  const items: (NavItem | false)[] = [
    boot.prometheusUrl !== null && { ...here, word: 'Home', href: '/home', icon: IconHome, key: 'h' },
    boot.door === 'grafana'
      ? { ...here, word: 'Dashboards', href: '/dashboards', icon: IconLayoutDashboard, key: 'd' }
      : boot.grafanaUrl !== null && {
          ...here,
          word: 'Dashboards',
          href: `${boot.grafanaUrl}/dashboards`,
          external: true,
          icon: IconLayoutDashboard,
          key: 'd',
        },
    boot.prometheusUrl !== null && { ...here, word: 'Query', href: '/query', icon: IconActivity, key: 'q' },
    { ...here, word: 'Alerts', href: '/alerts', icon: IconBell, key: 'a' },
    boot.alertmanagerUrl !== null && {
      ...here,
      word: 'Silences',
      href: '/silences',
      icon: IconBellOff,
      key: 's',
      onPhone: boot.door === 'alertmanager',
    },
    boot.alertmanagerUrl !== null && {
      ...here,
      word: 'Notifications',
      href: '/notifications',
      icon: IconMail,
      key: 'n',
      onPhone: boot.door === 'alertmanager',
    },
    boot.prometheusUrl !== null && {
      ...here,
      word: 'Rules',
      href: '/rules',
      icon: IconListCheck,
      key: 'r',
      onPhone: false,
    },
    boot.prometheusUrl !== null && { ...here, word: 'Targets', href: '/targets', icon: IconTarget, key: 't' },
    typeof boot.runsUrl === 'string' && {
      ...here,
      word: 'Runs',
      href: '/runs',
      icon: IconPlayerPlay,
      key: 'u',
      onPhone: false,
    },
    { ...here, word: 'Status', href: '/status', icon: IconInfoCircle, key: 'i', onPhone: boot.door !== 'grafana' },
  ];
  return items.filter((item) => item !== false);
}

/** Whether `item` is the one that the page at `path` belongs to. */
export function isCurrent(item: NavItem, path: string, boot: Boot): boolean {
  const first = { grafana: '/home', prometheus: '/query', alertmanager: '/alerts' }[boot.door];
  const shown = path === '/' ? first : path === '/graph' || path === '/explore' ? '/query' : path;
  if (item.href === '/dashboards' && shown.startsWith('/d/')) return true;
  const page = PAGE_OF[shown] ?? shown;
  return page === item.href || page.startsWith(`${item.href}/`);
}

/** Addresses that upstream has for parts of a page. */
const PAGE_OF: Readonly<Record<string, string>> = {
  '/service-discovery': '/targets',
  '/receivers': '/notifications',
  '/templates': '/notifications',
  '/config': '/status',
  '/flags': '/status',
  '/tsdb-status': '/status',
  '/alertmanager-discovery': '/status',
};
