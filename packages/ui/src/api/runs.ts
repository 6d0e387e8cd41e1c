import { fetchJson } from './http.ts';

export type Outcome = 'running' | 'success' | 'failed' | 'cancelled' | 'lost';

/** A number, or a word for one that is not finite. */
export type Measure = number | string;

/** A run of a job, as the pushgateway role shows it. */
export interface JobRun {
  readonly run_id: string;
  readonly kind: string;
  readonly name: string;
  readonly outcome: Outcome;
  readonly started_at: string;
  readonly ended_at?: string;
  readonly duration_seconds?: number;
  readonly host?: string;
  readonly user?: string;
  readonly command?: string;
  readonly error?: string;
  readonly exit_status?: number;
  readonly signal?: string;
  readonly progress?: number;
  readonly sequences?: number;
  readonly bytes?: number;
  readonly size_bytes?: number;
  readonly cpu_seconds?: number;
  readonly peak_memory_bytes?: number;
  readonly read_bytes?: number;
  readonly written_bytes?: number;
  readonly loss?: Measure;
  readonly accuracy?: Measure;
  readonly problems?: readonly string[];
  readonly parameters?: Readonly<Record<string, unknown>>;
  readonly curve?: readonly CurvePoint[];
}

export interface CurvePoint {
  readonly epoch: number;
  readonly loss?: Measure;
  readonly accuracy?: Measure;
}

export interface RunList {
  readonly runs: readonly JobRun[];
  readonly more: boolean;
}

/** Those under way first, then the ended ones, newest first. */
export async function fetchRuns(base: string, query: URLSearchParams, signal?: AbortSignal): Promise<RunList> {
  return ((await fetchJson(`${base}/api/v1/runs?${query}`, signal ? { signal } : {})) as { data: RunList }).data;
}

/** One run with its curve. */
export async function fetchRun(base: string, id: string, signal?: AbortSignal): Promise<JobRun> {
  const address = `${base}/api/v1/runs/${encodeURIComponent(id)}`;
  return ((await fetchJson(address, signal ? { signal } : {})) as { data: JobRun }).data;
}
