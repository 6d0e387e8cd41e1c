// The thread in which blocks are written and merged. It gets one job, asks the main thread for what it needs of the head,
// answers with the result and ends.
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { writeHeadBlock } from './head-block.ts';
import type { HeadSource, SourceChunks, SourceSeries } from './head-source.ts';
import { mergeBlocks } from './merge.ts';
import type { WorkerAnswer, WorkerJob, WorkerRequest } from './worker-messages.ts';

const port = parentPort as MessagePort;
const noPace = () => undefined;

/** A part of the head that lives in the main thread. */
class RemoteSource implements HeadSource {
  nextSeries(): Promise<SourceSeries | null> {
    return this.ask({ type: 'series' }) as Promise<SourceSeries | null>;
  }

  chunks(series: Uint32Array): Promise<SourceChunks> {
    return this.ask({ type: 'chunks', series }) as Promise<SourceChunks>;
  }

  private ask(request: WorkerRequest): Promise<unknown> {
    return new Promise((resolve) => {
      port.once('message', resolve);
      port.postMessage(request);
    });
  }
}

async function run(job: WorkerJob): Promise<WorkerAnswer> {
  try {
    const result =
      job.type === 'head'
        ? await writeHeadBlock(new RemoteSource(), job.head, noPace)
        : await mergeBlocks(job.merge, noPace);
    return { type: 'done', result };
  } catch (error) {
    const { name, message, code } = error as NodeJS.ErrnoException;
    return { type: 'failed', name, message, ...(code ? { code } : {}) };
  }
}

port.postMessage(await run(workerData as WorkerJob));
port.close();
