import type { TaskSeries } from './task-series.ts';

/** An entry of a BullMQ queue's stream of events. */
export interface BullEvent {
  readonly event: string;
  readonly jobId: string;
  /** When Redis wrote it, in milliseconds. */
  readonly at: number;
  readonly fields: ReadonlyMap<string, string>;
}

/** What the job itself says, where it is asked. */
export interface BullJobDetails {
  readonly name: string | null;
  /** JSON: the stacks of the attempts that failed. */
  readonly stacktrace: string | null;
}

interface BullJob {
  name: string;
  state: 'waiting' | 'delayed' | 'active' | 'failed' | 'unknown';
  /** When it could have been begun, in milliseconds; NaN while that is not known. */
  dueAt: number;
  /** In milliseconds; NaN while that is not known. */
  activeSince: number;
}

const JOBS_MAX = 10_000;
const UNKNOWN_NAME = 'None';

/** Jobs of one queue, as its events tell of them, counted as Celery's tasks are. */
export class BullJobs {
  private readonly jobs = new Map<string, BullJob>();

  /** @param seriesOf the series of a job's name */
  constructor(private readonly seriesOf: (name: string) => TaskSeries) {}

  /** Whether the job itself must be asked before the event can be counted. */
  needsDetails({ event, jobId }: BullEvent): boolean {
    if (event === 'failed') return true;
    return !this.jobs.has(jobId) && ['waiting', 'delayed', 'active', 'completed', 'removed'].includes(event);
  }

  take(event: BullEvent, details: BullJobDetails | undefined): void {
    const kind = event.event;
    if (kind === 'added') {
      const job = this.touch(event.jobId, event.fields.get('name'), event.at);
      this.seriesOf(job.name).count('sent');
    } else if (kind === 'waiting' || kind === 'delayed') this.takeQueued(event, details);
    else if (kind === 'active') this.takeActive(event, details);
    else if (kind === 'completed') this.takeCompleted(event, details);
    else if (kind === 'failed') this.takeFailed(event, details);
    else if (kind === 'removed') this.takeRemoved(event, details);
  }

  /** A job that was active and waits again is tried again. */
  private takeQueued(event: BullEvent, details: BullJobDetails | undefined): void {
    const job = this.touch(event.jobId, details?.name, Number.NaN);
    const wasActive = job.state === 'active' || (job.state === 'unknown' && event.fields.get('prev') === 'active');
    if (wasActive) this.seriesOf(job.name).count('retried');
    if (event.event === 'delayed') {
      job.state = 'delayed';
      job.dueAt = Number(event.fields.get('delay') ?? Number.NaN);
      return;
    }
    if (job.state !== 'delayed' || !(job.dueAt <= event.at)) job.dueAt = event.at;
    job.state = 'waiting';
  }

  private takeActive(event: BullEvent, details: BullJobDetails | undefined): void {
    const job = this.touch(event.jobId, details?.name, Number.NaN);
    const series = this.seriesOf(job.name);
    series.count('received');
    series.count('started');
    if (!Number.isNaN(job.dueAt)) series.observeWait(Math.max(0, event.at - job.dueAt) / 1000);
    job.state = 'active';
    job.activeSince = event.at;
  }

  private takeCompleted(event: BullEvent, details: BullJobDetails | undefined): void {
    const job = this.touch(event.jobId, details?.name, Number.NaN);
    const series = this.seriesOf(job.name);
    series.count('succeeded');
    if (!Number.isNaN(job.activeSince)) series.observeRuntime(Math.max(0, event.at - job.activeSince) / 1000);
    this.jobs.delete(event.jobId);
  }

  private takeFailed(event: BullEvent, details: BullJobDetails | undefined): void {
    const job = this.touch(event.jobId, details?.name, Number.NaN);
    this.seriesOf(job.name).count('failed', errorName(details?.stacktrace ?? null));
    job.state = 'failed';
    job.dueAt = Number.NaN;
  }

  private takeRemoved(event: BullEvent, details: BullJobDetails | undefined): void {
    const job = this.touch(event.jobId, details?.name, Number.NaN);
    const ended = job.state === 'failed' || ['completed', 'failed'].includes(event.fields.get('prev') ?? '');
    if (!ended) this.seriesOf(job.name).count('revoked');
    this.jobs.delete(event.jobId);
  }

  /** The job, as the one touched last; those not touched for longest are forgotten. */
  private touch(id: string, name: string | null | undefined, dueAt: number): BullJob {
    const job = this.jobs.get(id) ?? {
      name: name ?? UNKNOWN_NAME,
      state: 'unknown',
      dueAt,
      activeSince: Number.NaN,
    };
    this.jobs.delete(id);
    this.jobs.set(id, job);
    if (this.jobs.size > JOBS_MAX) this.jobs.delete(this.jobs.keys().next().value as string);
    return job;
  }
}

/** `TypeError` of the stack of the last attempt. */
function errorName(stacktrace: string | null): string {
  try {
    const stacks: unknown = JSON.parse(stacktrace ?? '[]');
    const last: unknown = Array.isArray(stacks) ? stacks.at(-1) : undefined;
    return /^(?:Uncaught )?([\w$]+)(?::|\n|$)/.exec(typeof last === 'string' ? last : '')?.[1] ?? 'UnknownException';
  } catch {
    return 'UnknownException';
  }
}
