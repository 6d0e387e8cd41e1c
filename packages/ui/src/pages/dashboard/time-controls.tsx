import { ActionIcon, Button, Menu, Popover, TextInput } from '@mantine/core';
import { IconChevronLeft, IconChevronRight, IconClock, IconRefresh, IconZoomOut } from '@tabler/icons-react';
import { type FormEvent, type ReactNode, useState } from 'react';
import {
  describeRange,
  parseTime,
  QUICK_RANGES,
  type RawRange,
  rawOf,
  resolveRange,
  shiftRange,
  shortDateTime,
  zoomOut,
} from '../../dashboard/time-range.ts';

export interface TimeControlsProps {
  readonly raw: RawRange;
  readonly nowMs: number;
  readonly utc: boolean;
  readonly refresh: string;
  readonly intervals: readonly string[];
  readonly onRange: (raw: RawRange) => void;
  readonly onRefresh: (refresh: string) => void;
  readonly onReload: () => void;
}

/** Time range and refresh of a page. */
export function TimeControls(props: TimeControlsProps): ReactNode {
  const { raw, nowMs, utc, onRange } = props;
  const range = resolveRange(raw, nowMs, utc);
  const label = describeRange(raw, nowMs, utc);
  return (
    <div className="am-row" style={{ gap: 4, flexWrap: 'nowrap' }}>
      <ActionIcon
        variant="subtle"
        color="gray"
        aria-label="Earlier"
        title="Earlier"
        onClick={() => onRange(rawOf(shiftRange(range, -1)))}
      >
        <IconChevronLeft size={18} />
      </ActionIcon>
      <RangeButton {...props} label={label} />
      <ActionIcon
        variant="subtle"
        color="gray"
        aria-label="Later"
        title="Later"
        onClick={() => onRange(rawOf(shiftRange(range, 1)))}
      >
        <IconChevronRight size={18} />
      </ActionIcon>
      <ActionIcon
        variant="subtle"
        color="gray"
        aria-label="Zoom out"
        title="Zoom out"
        onClick={() => onRange(rawOf(zoomOut(range, nowMs)))}
      >
        <IconZoomOut size={18} stroke={1.7} />
      </ActionIcon>
      <Button.Group>
        <Button
          size="compact-md"
          variant="default"
          onClick={props.onReload}
          aria-label="Refresh now"
          title="Refresh now"
          px={6}
        >
          <IconRefresh size={16} />
        </Button>
        <Menu position="bottom-end">
          <Menu.Target>
            <Button size="compact-md" variant="default" px={8} aria-label="Refresh by itself">
              {props.refresh === '' ? 'Off' : props.refresh}
            </Button>
          </Menu.Target>
          <Menu.Dropdown>
            {['', ...props.intervals].map((interval) => (
              <Menu.Item
                key={interval}
                onClick={() => props.onRefresh(interval)}
                fw={interval === props.refresh ? 600 : 400}
              >
                {interval === '' ? 'Off' : `Every ${interval}`}
              </Menu.Item>
            ))}
          </Menu.Dropdown>
        </Menu>
      </Button.Group>
    </div>
  );
}

function RangeButton(props: TimeControlsProps & { readonly label: string }): ReactNode {
  const [open, setOpen] = useState(false);
  const choose = (raw: RawRange): void => {
    setOpen(false);
    props.onRange(raw);
  };
  return (
    <Popover opened={open} onChange={setOpen} position="bottom-end" trapFocus>
      <Popover.Target>
        <Button
          size="compact-md"
          variant="default"
          leftSection={<IconClock size={15} />}
          onClick={() => setOpen(!open)}
        >
          {props.label}
        </Button>
      </Popover.Target>
      <Popover.Dropdown p="sm">
        <div style={{ display: 'flex', gap: 16, flexWrap: 'wrap' }}>
          <AbsoluteRange {...props} onRange={choose} />
          <div style={{ display: 'flex', flexDirection: 'column' }}>
            {QUICK_RANGES.map(([from, label]) => (
              <Button
                key={from}
                size="compact-sm"
                variant={props.raw.from === from && props.raw.to === 'now' ? 'light' : 'subtle'}
                color={props.raw.from === from && props.raw.to === 'now' ? 'glacier' : 'gray'}
                justify="flex-start"
                onClick={() => choose({ from, to: 'now' })}
              >
                {label}
              </Button>
            ))}
          </div>
        </div>
      </Popover.Dropdown>
    </Popover>
  );
}

function asTyped(text: string, nowMs: number, edge: 'start' | 'end', utc: boolean): string {
  const ms = text.startsWith('now') ? undefined : parseTime(text, nowMs, edge, utc);
  return ms === undefined ? text : shortDateTime(ms, utc);
}

function AbsoluteRange({ raw, nowMs, utc, onRange }: TimeControlsProps): ReactNode {
  const [from, setFrom] = useState(() => asTyped(raw.from, nowMs, 'start', utc));
  const [to, setTo] = useState(() => asTyped(raw.to, nowMs, 'end', utc));
  const fromMs = parseTime(from, nowMs, 'start', utc);
  const toMs = parseTime(to, nowMs, 'end', utc);
  const swapped = fromMs !== undefined && toMs !== undefined && fromMs >= toMs;
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (fromMs === undefined || toMs === undefined || swapped) return;
    const keep = (text: string, ms: number): string => (text.startsWith('now') ? text : String(ms));
    onRange({ from: keep(from, fromMs), to: keep(to, toMs) });
  };
  return (
    <form onSubmit={submit} className="am-stack" style={{ width: 220 }}>
      <TextInput
        label="From"
        value={from}
        onChange={(event) => setFrom(event.currentTarget.value)}
        error={fromMs === undefined ? 'A time such as 2026-01-31 12:00, or now-3h' : undefined}
      />
      <TextInput
        label={utc ? 'To (UTC)' : 'To'}
        value={to}
        onChange={(event) => setTo(event.currentTarget.value)}
        error={toMs === undefined ? 'A time, or now' : swapped ? 'Before the start' : undefined}
      />
      <Button type="submit" size="compact-md">
        Show
      </Button>
    </form>
  );
}
