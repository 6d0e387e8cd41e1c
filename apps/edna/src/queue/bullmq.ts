import type { Logger } from '@avalanche/model';
import { type Job, Queue, UnrecoverableError, Worker } from 'bullmq';
import { Redis } from 'ioredis';
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

export interface BullQueueOptions extends TaskQueueOptions {
  readonly redisUrl: string;
  readonly log: Logger;
}

/** Redis must answer within this time, or the queue counts as unavailable. */
const ANSWER_TIMEOUT_MS = 3_000;
/** Finished tasks that stay in Redis for people who look there. */
const FINISHED_KEPT = 200;

/** A queue on Redis by BullMQ, with its worker in this process. Tasks outlive us, and a task of a dead worker is redone. */
export class BullQueue implements TaskQueue {
  readonly name: string;
  private readonly connections: Redis[] = [];
  private readonly client: Redis;
  private readonly queue: Queue;
  private readonly worker: Worker;
  private active = 0;
  private failing = false;

  /** A queue whose connection is up, or will come up later where Redis is away just now. */
  static async open(options: BullQueueOptions): Promise<BullQueue> {
    const queue = new BullQueue(options);
    await withTimeout(queue.queue.waitUntilReady()).catch((error: Error) => queue.reportOnce(error));
    return queue;
  }

  private constructor(private readonly options: BullQueueOptions) {
    this.name = options.name;
    this.client = this.connect({});
    this.queue = new Queue(options.name, {
      connection: this.client,
      prefix: 'edna',
      defaultJobOptions: {
        attempts: ATTEMPTS_MAX,
        backoff: { type: 'exponential', delay: RETRY_DELAY_MS },
        removeOnComplete: { count: FINISHED_KEPT },
        removeOnFail: { count: FINISHED_KEPT },
      },
    });
    this.worker = new Worker(options.name, (job) => this.work(job), {
      connection: this.connect({ maxRetriesPerRequest: null }),
      prefix: 'edna',
      concurrency: options.concurrency,
    });
    this.queue.on('error', (error) => this.reportOnce(error));
    this.worker.on('error', (error) => this.reportOnce(error));
  }

  async enqueue(task: QueuedTask): Promise<void> {
    const { waiting } = await this.state().catch((error: unknown) => {
      throw new JobError('queue_unavailable', 'the task queue does not answer; try again later', { cause: error });
    });
    if (waiting >= this.options.waitingMax) {
      this.options.events.rejected(task);
      throw new JobError('queue_full', `${this.options.waitingMax} jobs are waiting already; try again later`);
    }
    try {
      await withTimeout(this.add(task));
    } catch (error) {
      throw new JobError('queue_unavailable', 'the task queue does not answer; try again later', { cause: error });
    }
    this.options.events.sent(task);
  }

  /** Redis keeps finished tasks for a while, and would take a new one with the same id for a repetition. */
  private async add(task: QueuedTask): Promise<void> {
    const before = await this.queue.getJob(task.id);
    if (before?.finishedOn !== undefined) await before.remove();
    await this.queue.add(task.name, {}, { jobId: task.id });
  }

  async state(): Promise<QueueState> {
    // Asked at once: a command that waited for Redis to come back would be done after the client was refused.
    if (this.client.status !== 'ready') throw new Error(`Redis is ${this.client.status}`);
    const waiting = await withTimeout(this.queue.getJobCountByTypes('waiting', 'prioritized'));
    this.failing = false;
    const { active } = this;
    return { waiting, active, workerUp: this.worker.isRunning(), processes: this.options.concurrency };
  }

  async stop(): Promise<void> {
    await Promise.allSettled([withTimeout(this.worker.close(true)), withTimeout(this.queue.close())]);
    for (const connection of this.connections) connection.disconnect();
  }

  private connect(options: { maxRetriesPerRequest?: null }): Redis {
    const connection = new Redis(this.options.redisUrl, {
      ...options,
      retryStrategy: (attempts) => Math.min(100 * attempts, 2_000),
    });
    connection.on('error', (error) => this.reportOnce(error));
    this.connections.push(connection);
    return connection;
  }

  private async work(job: Job): Promise<void> {
    const { events, handler } = this.options;
    const task = { id: String(job.id), name: job.name };
    const startedMs = Date.now();
    events.received(task);
    events.started(task, Math.max(0, startedMs - job.timestamp) / 1000);
    this.active++;
    const attempt = job.attemptsMade + 1;
    try {
      await handler({ ...task, last: attempt >= ATTEMPTS_MAX });
      events.succeeded(task, (Date.now() - startedMs) / 1000);
    } catch (error) {
      if (error instanceof JobError && error.retryable && attempt < ATTEMPTS_MAX) {
        events.retried(task);
        throw error;
      }
      events.failed(task, exceptionName(error));
      throw new UnrecoverableError(error instanceof Error ? error.message : String(error));
    } finally {
      this.active--;
    }
  }

  /** A Redis that is away makes an error at every attempt to reconnect; the first one says it all. */
  private reportOnce(error: Error): void {
    if (this.failing) return;
    this.failing = true;
    this.options.log.warn('the task queue has trouble with Redis', { queue: this.name, error });
  }
}

function withTimeout<T>(promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer within ${ANSWER_TIMEOUT_MS} ms`)), ANSWER_TIMEOUT_MS);
    timer.unref();
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
