import type { JobFailure } from '../errors.ts';

export const JOB_KINDS = ['analysis', 'training', 'download', 'backup'] as const;
export type JobKind = (typeof JOB_KINDS)[number];
export type JobStatus = 'queued' | 'running' | 'succeeded' | 'failed';

/** Paths are relative to the data folder, so that the folder may move. */
export interface JobParameters {
  readonly analysis: {
    readonly type: string;
    readonly path: string;
    readonly reference: string;
    /** The input was uploaded for this job, and goes with it. */
    readonly uploaded: boolean;
  };
  readonly training: {
    readonly modelType: string;
    readonly reference: string;
    readonly folds: number;
    readonly seed: number;
  };
  readonly download: { readonly url: string; readonly source: string };
  readonly backup: { readonly type: string };
}

export interface Job<Kind extends JobKind = JobKind> {
  readonly id: string;
  readonly kind: Kind;
  readonly parameters: JobParameters[Kind];
  readonly status: JobStatus;
  /** 0 to 1. */
  readonly progress: number;
  /** ISO 8601, as all times of a job. */
  readonly createdAt: string;
  readonly startedAt?: string;
  readonly finishedAt?: string;
  readonly result?: unknown;
  readonly error?: JobFailure;
}

export function isFinished(job: Job): boolean {
  return job.status === 'succeeded' || job.status === 'failed';
}

export function taskName(kind: JobKind): string {
  return `edna.${kind}`;
}

/** Computing jobs wait for the CPU, transfers for disk and network: neither holds up the other. */
export const QUEUE_OF: Record<JobKind, 'compute' | 'transfer'> = {
  analysis: 'compute',
  training: 'compute',
  download: 'transfer',
  backup: 'transfer',
};
