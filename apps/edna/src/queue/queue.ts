import type { JobError } from '../errors.ts';

export interface QueuedTask {
  /** The job's id: a task that is queued already is not queued again. */
  readonly id: string;
  /** The task's name, as the metrics show it: `edna.analysis`. */
  readonly name: string;
}

/** One attempt at a task. */
export interface TaskAttempt extends QueuedTask {
  /** Whether a retryable error would be tried again. */
  readonly last: boolean;
}

/** Does the work of a task. A rejection is the task's failure; a {@link JobError} says whether to try again. */
export type TaskHandler = (attempt: TaskAttempt) => Promise<void>;

/** What happens to tasks, in the words of Celery's events; the metrics listen. Times are in seconds. */
export interface TaskEvents {
  sent(task: QueuedTask): void;
  received(task: QueuedTask): void;
  started(task: QueuedTask, waitedSeconds: number): void;
  succeeded(task: QueuedTask, runtimeSeconds: number): void;
  failed(task: QueuedTask, exception: string): void;
  retried(task: QueuedTask): void;
  rejected(task: QueuedTask): void;
}

export interface QueueState {
  /** Tasks that wait for a worker. */
  readonly waiting: number;
  readonly active: number;
  /** Whether a worker takes tasks just now. */
  readonly workerUp: boolean;
  /** How many tasks the worker does at once. */
  readonly processes: number;
}

export interface TaskQueue {
  readonly name: string;
  /** @throws JobError queue_full or queue_unavailable; then nothing was queued */
  enqueue(task: QueuedTask): Promise<void>;
  /** @throws Error where the queue's server does not answer */
  state(): Promise<QueueState>;
  /** Takes no more tasks. What is running is left to end with the process, and stays unfinished in the store. */
  stop(): Promise<void>;
}

export interface TaskQueueOptions {
  readonly name: string;
  /** Tasks done at the same time. */
  readonly concurrency: number;
  /** Most tasks that may wait. */
  readonly waitingMax: number;
  readonly handler: TaskHandler;
  readonly events: TaskEvents;
}

/** A retryable task is tried this often in all, after 1 s, then 2 s. */
export const ATTEMPTS_MAX = 3;
export const RETRY_DELAY_MS = 1_000;

/** The label `exception`: the error's code where it has one of ours, else its class. */
export function exceptionName(error: unknown): string {
  if (!(error instanceof Error)) return 'Error';
  return (error as Partial<JobError>).name === 'JobError' ? (error as JobError).code : error.constructor.name;
}
