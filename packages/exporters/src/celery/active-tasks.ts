import type { TaskSeries } from './task-series.ts';

interface ActiveTask {
  readonly series: TaskSeries;
  /** `name@host` of who works on it. */
  readonly worker: string;
  /** Milliseconds, by our clock. */
  readonly startedAt: number;
}

/** What is told of the tasks of one series that are being worked on. */
export interface ActiveSummary {
  count: number;
  /** When the oldest was begun, in milliseconds. */
  oldestAt: number;
}

/** What a worker says it works on. */
export interface ReportedTask {
  readonly id: string;
  readonly series: TaskSeries;
  /** Milliseconds, by our clock. */
  readonly startedAt: number;
}

const ACTIVE_MAX = 10_000;

/**
 * Tasks that are being worked on: begun by their events and ended by them, and set right by what workers say themselves, as
 * events may be lost or switched off.
 */
export class ActiveTasks {
  private readonly tasks = new Map<string, ActiveTask>();

  /** Of an overflow nothing is lost for good: the next report of the worker names its tasks again. */
  begin(id: string, task: ActiveTask): void {
    if (this.tasks.size < ACTIVE_MAX || this.tasks.has(id)) this.tasks.set(id, task);
  }

  end(id: string): void {
    this.tasks.delete(id);
  }

  /** The tasks of a worker that is gone. */
  endAllOf(worker: string): void {
    for (const [id, task] of this.tasks) if (task.worker === worker) this.tasks.delete(id);
  }

  /**
   * A worker's own list. What it does not name has ended, unless it was begun since we asked.
   * @param askedAt milliseconds
   */
  report(worker: string, reported: readonly ReportedTask[], askedAt: number): void {
    const named = new Set(reported.map(({ id }) => id));
    for (const [id, task] of this.tasks) {
      if (task.worker === worker && task.startedAt < askedAt && !named.has(id)) this.tasks.delete(id);
    }
    for (const { id, series, startedAt } of reported) {
      if (!this.tasks.has(id)) this.begin(id, { series, worker, startedAt });
    }
  }

  bySeries(): Map<TaskSeries, ActiveSummary> {
    const out = new Map<TaskSeries, ActiveSummary>();
    for (const { series, startedAt } of this.tasks.values()) {
      const summary = out.get(series);
      if (!summary) out.set(series, { count: 1, oldestAt: startedAt });
      else {
        summary.count++;
        if (startedAt < summary.oldestAt) summary.oldestAt = startedAt;
      }
    }
    return out;
  }
}
