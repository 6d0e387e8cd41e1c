import {
  IconAlertTriangle,
  IconCircleCheck,
  IconCircleX,
  IconClock,
  IconHelpCircle,
  IconInfoCircle,
} from '@tabler/icons-react';
import type { ComponentType, ReactNode } from 'react';
import type { Labels } from '../api/prometheus/query.ts';
import { spokenAgo } from '../dashboard/duration.ts';
import { shortDateTime } from '../dashboard/time-range.ts';

export type Tone = 'ok' | 'warn' | 'crit' | 'info' | 'unknown';

const ICONS: Readonly<Record<Tone, ComponentType<{ size?: number }>>> = {
  ok: IconCircleCheck,
  warn: IconAlertTriangle,
  crit: IconCircleX,
  info: IconInfoCircle,
  unknown: IconHelpCircle,
};

/** A word with its colour and its shape; never colour alone. */
export function StateBadge({ tone, word }: { readonly tone: Tone; readonly word: string }): ReactNode {
  const Icon = word === 'pending' ? IconClock : ICONS[tone];
  return (
    <span className={`am-badge am-${tone}`}>
      <Icon size={13} aria-hidden="true" />
      {word}
    </span>
  );
}

/** The tone of a severity label. */
export function severityTone(severity: string | undefined): Tone {
  if (severity === 'critical' || severity === 'page') return 'crit';
  if (severity === 'warning') return 'warn';
  return severity === 'info' ? 'info' : 'unknown';
}

export function LabelList({
  labels,
  leave = [],
}: {
  readonly labels: Labels;
  readonly leave?: readonly string[];
}): ReactNode {
  const shown = Object.entries(labels).filter(([name]) => !leave.includes(name));
  return (
    <span className="am-labels">
      {shown.map(([name, value]) => (
        <span key={name} className="am-label am-mono">
          <b>{name}=</b>
          {value}
        </span>
      ))}
    </span>
  );
}

/** `3 h ago`, the exact time on hover; nothing for Go's zero time. */
export function Ago({ at, nowMs }: { readonly at: string | undefined; readonly nowMs: number }): ReactNode {
  const ms = at === undefined ? Number.NaN : Date.parse(at);
  if (Number.isNaN(ms) || ms <= 0) return <span className="am-dim">never</span>;
  return (
    <time dateTime={at} title={shortDateTime(ms)} className="am-num" style={{ whiteSpace: 'nowrap' }}>
      {spokenAgo(ms, nowMs)}
    </time>
  );
}
