import type { ReactNode } from 'react';
import { Link } from 'wouter';
import type { QueryResult } from '../../api/prometheus/query.ts';
import type { ActiveTarget } from '../../api/prometheus/targets.ts';
import { useRemote } from '../../api/use-remote.ts';
import { parseDuration } from '../../dashboard/duration.ts';
import { shortDateTime } from '../../dashboard/time-range.ts';
import { formatText } from '../../dashboard/units.ts';
import { Ago, LabelList } from '../../shell/badges.tsx';
import { useApp } from '../../state/app-context.tsx';
import { encodeQueryUrl, newQuery } from '../query/query-url.ts';
import { RelabelSteps } from './relabel-steps.tsx';
import { failureRuns, lastScrapes, type Scrape, selectorOf } from './scrapes.ts';

const DEFAULT_INTERVAL_MS = 60_000;

/** The last scrapes of a target, why some failed, and its labels before relabelling. */
export function TargetDetail({ target, nowMs }: { readonly target: ActiveTarget; readonly nowMs: number }): ReactNode {
  const { prometheus } = useApp();
  const selector = selectorOf(target.labels);
  const intervalMs = parseDuration(target.scrapeInterval ?? '') ?? DEFAULT_INTERVAL_MS;
  const remote = useRemote(
    `scrapes ${selector}`,
    async (signal) => {
      if (!prometheus) return [];
      const ask = async (metric: string): Promise<QueryResult> =>
        (await prometheus.query(`${metric}${selector}[${Math.ceil((intervalMs * 21) / 1000)}s]`, undefined, signal))
          .data;
      const [up, took, samples] = await Promise.all(
        ['up', 'scrape_duration_seconds', 'scrape_samples_scraped'].map(ask),
      );
      return lastScrapes(up, took, samples);
    },
    { refreshMs: Math.max(5000, intervalMs), keep: true },
  );
  const failures = failureRuns(target.failures ?? []);
  return (
    <div className="am-stack" style={{ gap: 10, padding: '4px 0 8px 28px' }}>
      <div className="am-row">
        <h3>Last scrapes</h3>
        <ScrapeStrip scrapes={remote.data ?? []} />
        <Link href={`/query?${encodeQueryUrl([newQuery(`scrape_duration_seconds${selector}`)])}`}>
          Draw how long they took
        </Link>
        <Link href={`/query?${encodeQueryUrl([newQuery(`scrape_samples_scraped${selector}`)])}`}>How many samples</Link>
      </div>
      {failures.length > 0 && (
        <table className="am-list">
          <tbody>
            {failures.map(({ reason, count, last, first }) => (
              <tr key={last}>
                <td style={{ width: 200, whiteSpace: 'nowrap' }}>
                  <Ago at={last} nowMs={nowMs} />
                  {count > 1 && (
                    <span className="am-dim am-small">
                      {' '}
                      ({count} times since <Ago at={first} nowMs={nowMs} />)
                    </span>
                  )}
                </td>
                <td className="am-break">{reason}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <h3>Labels before relabelling</h3>
      <LabelList labels={target.discoveredLabels} />
      <RelabelSteps pool={target.scrapePool} labels={target.discoveredLabels} />
    </div>
  );
}

/** One bar a scrape, the newest on the right. A failed one is higher and red, so that colour is not alone. */
function ScrapeStrip({ scrapes }: { readonly scrapes: readonly Scrape[] }): ReactNode {
  if (scrapes.length === 0) return <span className="am-dim am-small">none in the database yet</span>;
  const failed = scrapes.filter(({ up }) => !up).length;
  return (
    <>
      <span className="am-scrapes" role="img" aria-label={`${scrapes.length} scrapes, ${failed} failed`}>
        {scrapes.map((scrape) => (
          <span
            key={scrape.atMs}
            className={scrape.up ? 'am-scrape' : 'am-scrape am-crit'}
            title={`${shortDateTime(scrape.atMs)}: ${scrape.up ? `${scrape.samples} samples` : 'failed'} in ${formatText(scrape.seconds, 's')}`}
          />
        ))}
      </span>
      <span className="am-dim am-small am-num">
        {failed === 0 ? `${scrapes.length} of ${scrapes.length} ok` : `${failed} of ${scrapes.length} failed`}
      </span>
    </>
  );
}
