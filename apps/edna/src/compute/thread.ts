import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { JobError, type JobFailure } from '../errors.ts';
import { type ComputationName, type Computations, compute } from './computations.ts';
import type { TaskContext } from './task.ts';

export interface ThreadRequest {
  readonly id: number;
  readonly name: ComputationName;
  readonly task: Computations[ComputationName]['task'];
}

export type ThreadReply =
  | { readonly id: number; readonly kind: 'progress'; readonly done: number }
  | { readonly id: number; readonly kind: 'result'; readonly result: unknown }
  | { readonly id: number; readonly kind: 'failure'; readonly failure: JobFailure };

interface Pending {
  resolve(result: unknown): void;
  reject(error: unknown): void;
  readonly context: TaskContext;
}

/** Most memory of the compute thread's own heap: it ends, and its jobs fail, rather than taking the service along. */
const THREAD_HEAP_MB = 1024;

/**
 * One worker thread for CPU work, started when it is first needed and again after it died. Without a built worker
 * script (when running from source) the work is done in this thread, in slices of a few milliseconds.
 */
export class ComputeThread {
  private worker: Worker | undefined;
  private readonly pending = new Map<number, Pending>();
  private nextId = 1;
  private stopped = false;

  /** `script` is the bundled `worker.ts`. */
  constructor(private readonly script: string | undefined = findWorkerScript()) {}

  run<Name extends ComputationName>(
    name: Name,
    task: Computations[Name]['task'],
    context: TaskContext,
  ): Promise<Computations[Name]['result']> {
    if (this.stopped) return Promise.reject(stopping());
    if (this.script === undefined) return compute(name, task, this.untilStopped(context));
    const worker = this.running(this.script);
    const request: ThreadRequest = { id: this.nextId++, name, task };
    return new Promise((resolve, reject) => {
      this.pending.set(request.id, {
        resolve: (result) => resolve(result as Computations[Name]['result']),
        reject,
        context,
      });
      worker.postMessage(request);
    });
  }

  async stop(): Promise<void> {
    const { worker } = this;
    this.stopped = true;
    this.worker = undefined;
    this.fail(stopping());
    await worker?.terminate();
  }

  /** Work in this thread cannot be terminated: it ends where it next tells how far it is. */
  private untilStopped(context: TaskContext): TaskContext {
    return {
      progress: (done) => {
        if (this.stopped) throw stopping();
        context.progress(done);
      },
    };
  }

  private running(script: string): Worker {
    if (this.worker) return this.worker;
    const worker = new Worker(script, { resourceLimits: { maxOldGenerationSizeMb: THREAD_HEAP_MB } });
    worker.on('message', (reply: ThreadReply) => this.take(reply));
    const lost = (why: string) => {
      if (this.worker !== worker) return;
      this.worker = undefined;
      this.fail(new JobError('internal', `the compute thread ended: ${why}`));
    };
    worker.on('error', (error) => lost(error.message));
    worker.on('exit', (code) => lost(`exit code ${code}`));
    this.worker = worker;
    return worker;
  }

  private take(reply: ThreadReply): void {
    const pending = this.pending.get(reply.id);
    if (!pending) return;
    if (reply.kind === 'progress') {
      pending.context.progress(reply.done);
      return;
    }
    this.pending.delete(reply.id);
    if (reply.kind === 'result') pending.resolve(reply.result);
    else pending.reject(new JobError(reply.failure.code, reply.failure.message));
  }

  private fail(error: JobError): void {
    for (const pending of this.pending.values()) pending.reject(error);
    this.pending.clear();
  }
}

function stopping(): JobError {
  return new JobError('interrupted', 'the service is stopping');
}

/** The build puts the worker beside the program that it belongs to. */
function findWorkerScript(): string | undefined {
  const script = fileURLToPath(new URL('./edna-worker.js', import.meta.url));
  return existsSync(script) ? script : undefined;
}
