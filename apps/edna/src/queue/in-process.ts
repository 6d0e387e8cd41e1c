import { JobError } from '../errors.ts';
import {
  ATTEMPTS_MAX,
  exceptionName,
  type QueuedTask,
  type QueueState,
  RETRY_DELAY_MS,
  type TaskQueue,
  type TaskQueueOptions,
} from './queue.ts';

interface Waiting {
  readonly task: QueuedTask;
  readonly attempt: number;
  readonly sinceMs: number;
}

/** A bounded first-in, first-out queue within this process. What waits is in the job store too, and so outlives us. */
export class InProcessQueue implements TaskQueue {
  readonly name: string;
  private readonly waiting: Waiting[] = [];
  private readonly known = new Set<string>();
  private readonly retries = new Set<NodeJS.Timeout>();
  private active = 0;
  private stopped = false;

  constructor(private readonly options: TaskQueueOptions) {
    this.name = options.name;
  }

  async enqueue(task: QueuedTask): Promise<void> {
    if (this.stopped) throw new JobError('queue_unavailable', 'the service is stopping');
    if (this.known.has(task.id)) return;
    if (this.waiting.length >= this.options.waitingMax) {
      this.options.events.rejected(task);
      throw new JobError('queue_full', `${this.options.waitingMax} jobs are waiting already; try again later`);
    }
    this.known.add(task.id);
    this.options.events.sent(task);
    this.push({ task, attempt: 1, sinceMs: performance.now() });
  }

  async state(): Promise<QueueState> {
    const { active, stopped } = this;
    const { concurrency } = this.options;
    return { waiting: this.waiting.length, active, workerUp: !stopped, processes: concurrency };
  }

  async stop(): Promise<void> {
    this.stopped = true;
    for (const timer of this.retries) clearTimeout(timer);
    this.waiting.length = 0;
  }

  private push(waiting: Waiting): void {
    this.waiting.push(waiting);
    setImmediate(() => this.takeNext());
  }

  private takeNext(): void {
    while (!this.stopped && this.active < this.options.concurrency) {
      const next = this.waiting.shift();
      if (!next) return;
      this.options.events.received(next.task);
      this.active++;
      void this.work(next).finally(() => {
        this.active--;
        this.takeNext();
      });
    }
  }

  private async work({ task, attempt, sinceMs }: Waiting): Promise<void> {
    const { events, handler } = this.options;
    const startedMs = performance.now();
    events.started(task, (startedMs - sinceMs) / 1000);
    try {
      await handler({ ...task, last: attempt >= ATTEMPTS_MAX });
      events.succeeded(task, (performance.now() - startedMs) / 1000);
      this.known.delete(task.id);
    } catch (error) {
      if (error instanceof JobError && error.retryable && attempt < ATTEMPTS_MAX) {
        events.retried(task);
        this.retryLater(task, attempt);
        return;
      }
      events.failed(task, exceptionName(error));
      this.known.delete(task.id);
    }
  }

  private retryLater(task: QueuedTask, attempt: number): void {
    const timer = setTimeout(
      () => {
        this.retries.delete(timer);
        this.push({ task, attempt: attempt + 1, sinceMs: performance.now() });
      },
      RETRY_DELAY_MS * 2 ** (attempt - 1),
    );
    timer.unref();
    this.retries.add(timer);
  }
}
