import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
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

  /** Ends a job under way; what it has written is removed at the next start. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.worker?.terminate();
  }

  private runInWorker(file: URL, job: WorkerJob, source?: HeadSource): Promise<JobResult> {
    if (this.stopped) return Promise.reject(new CompactionStopped(CLOSING));
    return new Promise((resolve, reject) => {
      const worker = new Worker(file, {
        workerData: job,
        resourceLimits: { maxOldGenerationSizeMb: WORKER_HEAP_MB },
      });
      this.worker = worker;
      worker.on('message', (message: WorkerRequest | WorkerAnswer) => {
        if (message.type === 'done') resolve(message.result);
        else if (message.type === 'failed') reject(new CompactionFailed(message.message, message.name, message.code));
        else if (source) void answer(worker, source, message).catch(reject);
      });
      worker.once('error', reject);
      worker.once('exit', () => {
        this.worker = undefined;
        reject(new CompactionStopped(this.stopped ? CLOSING : 'the compaction thread ended early'));
      });
    });
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

async function answer(worker: Worker, source: HeadSource, request: WorkerRequest): Promise<void> {
  if (request.type === 'series') {
    const series = await source.nextSeries();
    worker.postMessage(series, series ? [series.pairs.buffer, series.lengths.buffer] : []);
  } else {
    const { counts, minTime, maxTime, ends, bytes, deleted } = await source.chunks(request.series);
    const transfer = [counts.buffer, minTime.buffer, maxTime.buffer, ends.buffer, bytes.buffer];
    worker.postMessage({ counts, minTime, maxTime, ends, bytes, deleted }, transfer);
  }
}
