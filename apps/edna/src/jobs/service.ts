import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import type { ApplicationMetrics } from '@avalanche/metrics';
import type { Logger } from '@avalanche/model';
import type { AnalysisResult } from '../compute/analysis.ts';
import type { ComputeThread } from '../compute/thread.ts';
import type { TrainingResult } from '../compute/training.ts';
import type { DataFolder } from '../data-folder.ts';
import { failureOf, JobError } from '../errors.ts';
import type { TaskAttempt, TaskQueue } from '../queue/queue.ts';
import type { InputLimits } from '../sequences/read.ts';
import type { JobStore, ListOptions } from '../store/store.ts';
import type { AddressPolicy } from './address.ts';
import { backUp } from './backup.ts';
import { download } from './download.ts';
import { isFinished, type Job, type JobKind, type JobParameters, QUEUE_OF, taskName } from './job.ts';

export interface JobServiceOptions {
  readonly data: DataFolder;
  readonly store: JobStore;
  readonly compute: ComputeThread;
  readonly metrics: ApplicationMetrics;
  readonly log: Logger;
  readonly limits: InputLimits;
  readonly downloadBytesMax: number;
  readonly addressPolicy: AddressPolicy;
}

/** Takes jobs in, runs them when the queue says so, and knows how far each one is. */
export class JobService {
  /** Progress of the jobs that run now; the store learns only of their beginning and end. */
  private readonly progress = new Map<string, number>();
  private readonly stopping = new AbortController();
  private queues: Record<'compute' | 'transfer', TaskQueue> | undefined;
  private readonly run: { readonly [Kind in JobKind]: (job: Job<Kind>, last: boolean) => Promise<unknown> };

  constructor(private readonly options: JobServiceOptions) {
    const { metrics } = options;
    this.run = {
      analysis: (job) => this.analyse(job),
      training: metrics.trackTraining<TrainingResult & { runId: string }>(
        'naive_bayes',
        ({ runId, accuracy, loss }) => ({
          runId,
          accuracy,
          loss,
        }),
      )((job: Job<'training'>) => this.train(job)),
      download: (job, last) => this.download(job, last),
      backup: (job) => this.backUp(job),
    };
  }

  /** Starts to queue, and queues again what a former process left unfinished. */
  async start(queues: Record<'compute' | 'transfer', TaskQueue>): Promise<void> {
    this.queues = queues;
    for (const job of await this.options.store.unfinished()) {
      const waiting: Job = { ...job, status: 'queued', progress: 0 };
      await this.queueOf(job.kind)
        .enqueue({ id: job.id, name: taskName(job.kind) })
        .then(
          () => this.options.store.save(waiting),
          (error: unknown) => this.finish(job, { status: 'failed', error: failureOf(error) }),
        );
    }
  }

  /** @throws JobError queue_full, queue_unavailable or store_unavailable; then there is no such job */
  async submit<Kind extends JobKind>(kind: Kind, parameters: JobParameters[Kind], id = randomUUID() as string) {
    const { store } = this.options;
    const job: Job<Kind> = {
      id,
      kind,
      parameters,
      status: 'queued',
      progress: 0,
      createdAt: new Date().toISOString(),
    };
    await store.save(job);
    try {
      await this.queueOf(kind).enqueue({ id, name: taskName(kind) });
    } catch (error) {
      await store.save({ ...job, status: 'failed', finishedAt: new Date().toISOString(), error: failureOf(error) });
      throw error;
    }
    return job;
  }

  async job(id: string): Promise<Job | undefined> {
    const job = await this.options.store.load(id);
    return job && this.withProgress(job);
  }

  async jobs(options: ListOptions): Promise<Job[]> {
    return (await this.options.store.list(options)).map((job) => this.withProgress(job));
  }

  /** The queue's handler. A rejection is the task's failure, and has been written to the job. */
  async handle({ id, last }: TaskAttempt): Promise<void> {
    const { store, log } = this.options;
    const job = await store.load(id);
    if (!job || isFinished(job)) return;
    const running: Job = { ...job, status: 'running', startedAt: job.startedAt ?? new Date().toISOString() };
    await store.save(running);
    this.progress.set(id, 0);
    try {
      const result = await (this.run[job.kind] as (job: Job, last: boolean) => Promise<unknown>)(running, last);
      await this.finish(running, { status: 'succeeded', progress: 1, result });
    } catch (error) {
      if (this.stopping.signal.aborted) throw error;
      if (error instanceof JobError && error.retryable && !last) throw error;
      if (!(error instanceof JobError)) log.error('a job failed unexpectedly', { job: id, kind: job.kind, error });
      await this.finish(running, { status: 'failed', error: failureOf(error) });
      throw error;
    } finally {
      this.progress.delete(id);
    }
  }

  /** Ends transfers; the jobs stay unfinished in the store and begin again with the next start. */
  stop(): void {
    this.stopping.abort();
  }

  private queueOf(kind: JobKind): TaskQueue {
    if (!this.queues) throw new JobError('queue_unavailable', 'the service is starting');
    return this.queues[QUEUE_OF[kind]];
  }

  private withProgress(job: Job): Job {
    const progress = this.progress.get(job.id);
    return progress === undefined || isFinished(job) ? job : { ...job, status: 'running', progress };
  }

  private async finish(job: Job, end: Pick<Job, 'status' | 'result' | 'error'> & { progress?: number }): Promise<void> {
    const progress = end.progress ?? this.progress.get(job.id) ?? job.progress;
    await this.options.store.save({ ...job, ...end, progress, finishedAt: new Date().toISOString() });
    const { uploaded, path } = job.parameters as Partial<JobParameters['analysis']>;
    if (uploaded && path !== undefined) await rm(this.options.data.path(path), { force: true });
  }

  private context(job: Job) {
    return { progress: (done: number) => void this.progress.set(job.id, done) };
  }

  private analyse(job: Job<'analysis'>): Promise<AnalysisResult> {
    const { metrics, data, compute, limits } = this.options;
    const { type, path, reference } = job.parameters;
    const tracked = metrics.trackAnalysis<AnalysisResult>(type, ({ reads }) => ({ sequences: reads }));
    return tracked(async () => {
      const inputPath = await data.existingFile(path);
      const referencePath = await data.existingFile(reference);
      return compute.run('analysis', { inputPath, referencePath, limits }, this.context(job));
    })();
  }

  private async train(job: Job<'training'>): Promise<TrainingResult & { runId: string }> {
    const { data, compute } = this.options;
    const { reference, folds, seed } = job.parameters;
    const referencePath = await data.existingFile(reference);
    const result = await compute.run('training', { referencePath, folds, seed }, this.context(job));
    return { ...result, runId: job.id };
  }

  /** A download that will be tried again is not one that ended: only the last attempt counts, with all its time. */
  private async download(job: Job<'download'>, last: boolean): Promise<unknown> {
    const { metrics, data, addressPolicy, downloadBytesMax } = this.options;
    const { url, source } = job.parameters;
    const { downloadActive, downloadBytes } = metrics.families;
    const ended = (status: 'success' | 'failed') => {
      const durationSeconds = Math.max(0, Date.now() - Date.parse(job.startedAt ?? job.createdAt)) / 1000;
      metrics.recordDownload({ source, status, durationSeconds });
    };
    downloadActive.inc({ source });
    try {
      const result = await download({
        url,
        directory: data.path('downloads'),
        policy: addressPolicy,
        bytesMax: downloadBytesMax,
        signal: this.stopping.signal,
        onProgress: this.context(job).progress,
        onBytes: (bytes) => downloadBytes.inc({ source }, bytes),
      });
      ended('success');
      return { ...result, path: `downloads/${result.file}` };
    } catch (error) {
      if (last || !(error instanceof JobError && error.retryable)) ended('failed');
      throw error;
    } finally {
      downloadActive.dec({ source });
    }
  }

  private async backUp(job: Job<'backup'>): Promise<unknown> {
    const { metrics, data } = this.options;
    const { type } = job.parameters;
    const startedMs = performance.now();
    const seconds = () => (performance.now() - startedMs) / 1000;
    try {
      const result = await backUp({
        root: data.root,
        folders: type === 'jobs' ? ['jobs'] : ['jobs', 'references', 'downloads'],
        directory: data.path('backups'),
        name: `${new Date().toISOString().replace(/[:.]/g, '-')}-${type}`,
        onProgress: this.context(job).progress,
      });
      metrics.recordBackup({ type, status: 'success', durationSeconds: seconds(), sizeBytes: result.sizeBytes });
      return result;
    } catch (error) {
      metrics.recordBackup({ type, status: 'failed', durationSeconds: seconds() });
      throw error;
    }
  }
}
