import { ActionIcon } from '@mantine/core';
import { IconChevronDown, IconChevronRight } from '@tabler/icons-react';
import { type ReactNode, useState } from 'react';
import type { ActiveTarget } from '../../api/prometheus/targets.ts';
import { formatText } from '../../dashboard/units.ts';
import { Ago, LabelList, StateBadge } from '../../shell/badges.tsx';
import { TargetDetail } from './target-detail.tsx';

const TONE = { up: 'ok', down: 'crit', unknown: 'unknown' } as const;

/** One target; behind the arrow, its last scrapes and how its labels came about. */
export function TargetRow({ target, nowMs }: { readonly target: ActiveTarget; readonly nowMs: number }): ReactNode {
  const [open, setOpen] = useState(false);
  const recent = target.failures?.length ?? 0;
  return (
    <>
      <tr>
        <td style={{ width: 110, whiteSpace: 'nowrap' }}>
          <ActionIcon
            variant="subtle"
            color="gray"
            size="sm"
            aria-expanded={open}
            aria-label={`Details of ${target.scrapeUrl}`}
            onClick={() => setOpen(!open)}
          >
            {open ? <IconChevronDown size={15} /> : <IconChevronRight size={15} />}
          </ActionIcon>
          <StateBadge
            tone={TONE[target.health]}
            word={target.health === 'unknown' ? 'not scraped yet' : target.health}
          />
        </td>
        <td className="am-full" style={{ width: '42%' }}>
          <a
            href={/^https?:/.test(target.scrapeUrl) ? target.scrapeUrl : undefined}
            target="_blank"
            rel="noreferrer"
            className="am-mono am-break"
          >
            {target.scrapeUrl}
          </a>
          {target.lastError && (
            <div className="am-break" style={{ color: 'var(--am-crit)' }}>
              {target.lastError}
            </div>
          )}
          {!target.lastError && recent > 0 && (
            <div className="am-dim am-small">
              failed last <Ago at={target.failures?.[0]?.time} nowMs={nowMs} />
            </div>
          )}
        </td>
        <td className="am-full">
          <LabelList labels={target.labels} />
        </td>
        <td className="am-dim" style={{ textAlign: 'right', whiteSpace: 'nowrap' }}>
          Scraped <Ago at={target.lastScrape} nowMs={nowMs} />
          <div className="am-num am-small">
            took {formatText(target.lastScrapeDuration, 's')}
            {target.scrapeInterval && `, every ${target.scrapeInterval}`}
          </div>
        </td>
      </tr>
      {open && (
        <tr>
          <td colSpan={4}>
            <TargetDetail target={target} nowMs={nowMs} />
          </td>
        </tr>
      )}
    </>
  );
}
