import type { Job, JobKind } from '../jobs/job.ts';

export interface ListOptions {
  readonly limit: number;
  readonly kind?: JobKind;
}

/** Where jobs and their results are kept. Every method throws JobError store_unavailable when it cannot. */
export interface JobStore {
  save(job: Job): Promise<void>;
  load(id: string): Promise<Job | undefined>;
  /** Newest first, without results. */
  list(options: ListOptions): Promise<Job[]>;
  /** Jobs that a former process left queued or running, oldest first. */
  unfinished(): Promise<Job[]>;
  stop(): Promise<void>;
}

/** Jobs kept; beyond that the oldest finished ones are forgotten. */
export const JOBS_KEPT = 1_000;
