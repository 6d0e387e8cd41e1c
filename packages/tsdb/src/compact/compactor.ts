import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { TEMPORARY_SUFFIX } from '../block/block-writer.ts';
import { writeHeadBlock } from './head-block.ts';
import type { HeadSource } from './head-source.ts';
import type { HeadJob, JobResult, MergeJob, Pace } from './jobs.ts';
import { mergeBlocks } from './merge.ts';
import type { WorkerAnswer, WorkerJob, WorkerRequest } from './worker-messages.ts';

/** What a compaction may take of memory beyond its buffers, in MiB. */
const WORKER_HEAP_MB = 512;
const SLICE_MS = 5;
const CLOSING = 'the database is being closed';

/** Built beside the bundle of whoever uses this package; there is none where the source runs as it is, as in tests. */
const WORKER_FILE = new URL('./compaction-worker.js', import.meta.url);

/** Writes and merges blocks, one job at a time, in a worker thread where its file has been built. */
export class Compactor {
  private worker: Worker | undefined;
  private stopped = false;

  constructor(private readonly workerFile: URL | null = existsSync(fileURLToPath(WORKER_FILE)) ? WORKER_FILE : null) {}

  /** @throws the file system's error, with nothing left behind */
  writeHead(source: HeadSource, head: HeadJob): Promise<JobResult> {
    if (this.workerFile) return this.runInWorker(this.workerFile, { type: 'head', head }, source);
    return writeHeadBlock(source, head, this.sharedLoopPace());
  }

  /** @throws BlockCorruption, UnsupportedChunk or the file system's error, with nothing left behind */
  merge(merge: MergeJob): Promise<JobResult> {
    if (this.workerFile) return this.runInWorker(this.workerFile, { type: 'merge', merge });
    return mergeBlocks(merge, this.sharedLoopPace());
  }

  /** Ends a job under way. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.worker?.terminate();
  }

  private async runInWorker(file: URL, job: WorkerJob, source?: HeadSource): Promise<JobResult> {
    if (this.stopped) throw new CompactionStopped(CLOSING);
    const worker = new Worker(file, { workerData: job, resourceLimits: { maxOldGenerationSizeMb: WORKER_HEAP_MB } });
    this.worker = worker;
    const answer = await lastAnswer(worker, source);
    this.worker = undefined;
    if (answer.type === 'done') return answer.result;
    if (answer.type === 'failed') throw new CompactionFailed(answer.message, answer.name, answer.code);
    const { parent, ulid } = job.type === 'head' ? job.head : job.merge;
    await rm(join(parent, ulid + TEMPORARY_SUFFIX), { recursive: true, force: true });
    throw this.stopped ? new CompactionStopped(CLOSING) : answer.error;
  }

  /** Gives the event loop a turn every few milliseconds. */
  private sharedLoopPace(): Pace {
    let sliceEnd = performance.now() + SLICE_MS;
    return () => {
      if (this.stopped) throw new CompactionStopped(CLOSING);
      if (performance.now() < sliceEnd) return undefined;
      return new Promise<void>((resolve) =>
        setImmediate(() => {
          sliceEnd = performance.now() + SLICE_MS;
          resolve();
        }),
      );
    };
  }
}

/** The reason of a compaction that failed in its thread. */
export class CompactionFailed extends Error {
  constructor(
    message: string,
    override readonly name: string,
    readonly code: string | undefined,
  ) {
    super(message);
  }
}

/** A compaction was given up. */
export class CompactionStopped extends Error {
  override readonly name = 'CompactionStopped';
}

/** A thread that has ended without an answer: killed, out of memory, or broken. */
interface NoAnswer {
  readonly type: 'died';
  readonly error: Error;
}

/** Gives the thread what it asks for, until it has ended. */
function lastAnswer(worker: Worker, source: HeadSource | undefined): Promise<WorkerAnswer | NoAnswer> {
  return new Promise((resolve) => {
    let last: WorkerAnswer | NoAnswer | undefined;
    const fail = (error: Error) => {
      last ??= { type: 'died', error };
    };
    worker.on('message', (message: WorkerRequest | WorkerAnswer) => {
      if (message.type === 'done' || message.type === 'failed') last = message;
      else if (source)
        answer(worker, source, message).catch((error: Error) => {
          fail(error);
          void worker.terminate();
        });
    });
    worker.once('error', fail);
    worker.once('exit', () => {
      fail(new CompactionFailed('the compaction thread ended early', 'CompactionFailed', undefined));
      resolve(last as WorkerAnswer | NoAnswer);
    });
  });
}

async function answer(worker: Worker, source: HeadSource, request: WorkerRequest): Promise<void> {
  if (request.type === 'series') {
    const series = await source.nextSeries();
    worker.postMessage(series, series ? [series.pairs.buffer, series.lengths.buffer] : []);
  } else {
    const chunks = await source.chunks(request.series);
    const { counts, minTime, maxTime, encodings, ends, bytes } = chunks;
    worker.postMessage(
      chunks,
      [counts, minTime, maxTime, encodings, ends, bytes].map(({ buffer }) => buffer),
    );
  }
}
