import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '@avalanche/model';
import { JobError } from '../errors.ts';
import { isFinished, type Job } from '../jobs/job.ts';
import { writeFileAtomically } from './atomic-file.ts';
import { JOBS_KEPT, type JobStore, type ListOptions } from './store.ts';

const JOB_FILE = /^[0-9a-f-]{36}\.json$/;

/** One JSON file per job. Results stay on disk; the rest of each job is kept in memory for lists. */
export class FileJobStore implements JobStore {
  private readonly jobs = new Map<string, Job>();
  /** The end of the last write of each job: writes of one job follow one another. */
  private readonly writing = new Map<string, Promise<void>>();

  private constructor(
    private readonly directory: string,
    private readonly kept: number,
  ) {}

  static async open(directory: string, log: Logger, kept = JOBS_KEPT): Promise<FileJobStore> {
    await mkdir(directory, { recursive: true });
    const store = new FileJobStore(directory, kept);
    const found: Job[] = [];
    for (const name of await readdir(directory)) {
      if (name.endsWith('.tmp')) await rm(join(directory, name), { force: true });
      if (!JOB_FILE.test(name)) continue;
      const path = join(directory, name);
      try {
        found.push(withoutResult(JSON.parse(await readFile(path, 'utf8')) as Job));
      } catch (error) {
        log.warn('a job file cannot be read and is left alone', { path, error });
      }
    }
    for (const job of found.sort(byCreation)) store.jobs.set(job.id, job);
    return store;
  }

  async save(job: Job): Promise<void> {
    this.jobs.set(job.id, withoutResult(job));
    const before = this.writing.get(job.id) ?? Promise.resolve();
    const write = before.then(() => writeFileAtomically(this.path(job.id), JSON.stringify(job)));
    const settled = write.catch(() => {});
    this.writing.set(job.id, settled);
    try {
      await write;
    } catch (error) {
      throw new JobError('store_unavailable', 'the job cannot be written to disk', { cause: error });
    } finally {
      if (this.writing.get(job.id) === settled) this.writing.delete(job.id);
    }
    await this.forgetOldest();
  }

  async load(id: string): Promise<Job | undefined> {
    const job = this.jobs.get(id);
    if (!job || !isFinished(job)) return job;
    try {
      return JSON.parse(await readFile(this.path(id), 'utf8')) as Job;
    } catch {
      return job;
    }
  }

  async list({ limit, kind }: ListOptions): Promise<Job[]> {
    const newest = [...this.jobs.values()].reverse();
    return newest.filter((job) => kind === undefined || job.kind === kind).slice(0, limit);
  }

  async unfinished(): Promise<Job[]> {
    return [...this.jobs.values()].filter((job) => !isFinished(job));
  }

  async stop(): Promise<void> {
    await Promise.all(this.writing.values());
  }

  private async forgetOldest(): Promise<void> {
    for (const job of this.jobs.values()) {
      if (this.jobs.size <= this.kept) return;
      if (!isFinished(job)) continue;
      this.jobs.delete(job.id);
      await rm(this.path(job.id), { force: true });
    }
  }

  private path(id: string): string {
    return join(this.directory, `${id}.json`);
  }
}

function withoutResult(job: Job): Job {
  const { result: _, ...rest } = job;
  return rest;
}

function byCreation(a: Job, b: Job): number {
  return a.createdAt < b.createdAt ? -1 : 1;
}
