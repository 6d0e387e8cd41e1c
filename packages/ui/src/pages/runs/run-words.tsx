import type { ReactNode } from 'react';
import type { JobRun, Outcome } from '../../api/runs.ts';
import { spokenDuration } from '../../dashboard/duration.ts';
import { StateBadge, type Tone } from '../../shell/badges.tsx';
import { Page } from '../../shell/page.tsx';
import { Empty } from '../../shell/pictures.tsx';

const TONES: Readonly<Record<Outcome, Tone>> = {
  running: 'info',
  success: 'ok',
  failed: 'crit',
  cancelled: 'warn',
  lost: 'crit',
};

export function OutcomeBadge({ run }: { readonly run: JobRun }): ReactNode {
  const { outcome, progress } = run;
  const isUnderWay = outcome === 'running' && progress !== undefined;
  return <StateBadge tone={TONES[outcome]} word={isUnderWay ? `running, ${Math.round(progress * 100)} %` : outcome} />;
}

/** How long it took, or takes so far. */
export function tookText({ started_at, duration_seconds }: JobRun, nowMs: number): string {
  return spokenDuration(duration_seconds === undefined ? nowMs - Date.parse(started_at) : duration_seconds * 1000);
}

/** What went wrong, in one line; '' where nothing did. */
export function troubleText({ error, signal, exit_status, problems = [] }: JobRun): string {
  const status = exit_status ? `exit status ${exit_status}` : '';
  return (error ?? (signal ? `signal ${signal}` : status)) || problems.join(', ');
}

export function NoRuns(): ReactNode {
  return (
    <Page crumbs={[]} title="Runs">
      <Empty title="There is no registry of runs here">
        Runs of jobs are kept by the pushgateway role, and shown on the Grafana door that knows where it is.
      </Empty>
    </Page>
  );
}
