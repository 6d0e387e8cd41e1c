import type { HeadJob, JobResult, MergeJob } from './jobs.ts';

/** What a compaction worker is started with. */
export type WorkerJob =
  | { readonly type: 'head'; readonly head: HeadJob }
  | { readonly type: 'merge'; readonly merge: MergeJob };

/** What it asks of the main thread, which answers with SourceSeries (or null) or SourceChunks. */
export type WorkerRequest = { readonly type: 'series' } | { readonly type: 'chunks'; readonly series: Uint32Array };

/** How it ends. */
export type WorkerAnswer =
  | { readonly type: 'done'; readonly result: JobResult }
  | { readonly type: 'failed'; readonly name: string; readonly message: string; readonly code?: string };
