import { formatDuration } from '@avalanche/model';
import type { RunRecord } from '../registry/run-record.ts';

/** A run as an annotation on dashboards. Times in milliseconds. */
export interface RunAnnotation {
  readonly time: number;
  readonly timeEnd: number;
  readonly tags: readonly string[];
  readonly text: string;
}

const ERROR_CHARACTERS_MAX = 300;
/** Grafana takes 500 of all tags. */
const TAG_CHARACTERS_MAX = 100;

/** `backup nightly failed after 3m20s on lab1: no space left`, over the time that the run took. */
export function runAnnotation(run: RunRecord): RunAnnotation {
  const { kind, name, outcome, host, error, exit_status: exitStatus, signal } = run;
  const timeEnd = run.ended_at ?? run.reported_at;
  const tookMs = timeEnd - run.started_at;
  const took = formatDuration(tookMs < 10_000 ? tookMs : Math.round(tookMs / 1000) * 1000);
  const word = outcome === 'success' ? 'succeeded' : outcome === 'lost' ? 'was lost' : outcome;
  const reason = error ?? signal ?? (exitStatus ? `exit status ${exitStatus}` : '');
  const [line = ''] = reason.trim().split('\n');
  const why = line === '' ? '' : `: ${line.slice(0, ERROR_CHARACTERS_MAX)}`;
  // a colon would part a tag into key and value
  const tags = [kind, name].map((tag) => tag.replaceAll(':', '_').slice(0, TAG_CHARACTERS_MAX));
  return {
    ...{ time: run.started_at, timeEnd, tags: ['run', ...tags, outcome] },
    text: `${kind} ${name} ${word} after ${took}${host ? ` on ${host}` : ''}${why}`,
  };
}
