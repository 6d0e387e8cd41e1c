import type { ApplicationMetrics } from '@avalanche/metrics';
import { readIfThere } from '../read-if-there.ts';
import { replaceFile } from '../replace-file.ts';
import { bounded } from './bounded.ts';
import { parse, type RunRecord } from './run-record.ts';

/** Jobs whose last run is known. */
const JOBS_MAX = 10_000;

/** When the last run of a job ended, and the last that succeeded; milliseconds, 0: never. */
interface LastRun {
  readonly succeededAt: number;
  /** Of those that count in our metrics. */
  readonly endedAt: number;
  /** Of those that are lost and were not heard of since. */
  readonly lostAt: number;
}

const NEVER: LastRun = { succeededAt: 0, endedAt: 0, lostAt: 0 };

interface Job {
  readonly kind: string;
  readonly name: string;
}

/** When the jobs last ended and succeeded, in a file: that must be known for longer than so many runs are. */
export class LastRuns {
  /** By job. */
  private readonly jobs = new Map<string, LastRun>();
  private isNew = false;
  private saving: Promise<void> = Promise.resolve();

  /** @param metrics whose gauges are shown again after a start, and go back when a lost run does */
  constructor(
    private readonly file: string,
    private readonly metrics: ApplicationMetrics,
  ) {}

  succeededAt(job: Job): number | undefined {
    return this.jobs.get(keyOf(job))?.succeededAt;
  }

  /** Takes note of a run that has ended or is lost. */
  add(run: RunRecord): void {
    const endedAt = run.ended_at ?? 0;
    const countedAt = run.counted ? 0 : endedAt;
    const isLost = run.outcome === 'lost';
    this.raise(keyOf(run), {
      succeededAt: run.outcome === 'success' ? endedAt : 0,
      endedAt: isLost ? 0 : countedAt,
      lostAt: isLost ? countedAt : 0,
    });
  }

  /** Takes back that a run was the last to end, as it was not lost. @param lost runs that still are, of any job */
  takeBack(run: RunRecord, lost: Iterable<RunRecord>): void {
    const key = keyOf(run);
    const known = this.jobs.get(key);
    if (!known || run.counted) return;
    let lostAt = 0;
    for (const other of lost)
      if (!other.counted && keyOf(other) === key) lostAt = Math.max(lostAt, other.ended_at ?? 0);
    this.set(key, { ...known, lostAt });
    this.show(key);
  }

  /** Reads what was saved, and shows all that is known: alerts ask for it right after a start, too. */
  restore(): void {
    const value = parse(readIfThere(this.file) ?? '');
    const saved = Array.isArray(value) ? (value as [string, number, number?, number?][]) : [];
    for (const [key, succeededAt, endedAt = 0, lostAt = 0] of saved) this.raise(key, { succeededAt, endedAt, lostAt });
    for (const key of this.jobs.keys()) this.show(key);
  }

  /** Whether some are of a time that is still to come: the clock was wrong, or is. */
  isAhead(now: number): boolean {
    for (const lastRun of this.jobs.values()) if (latestOf(lastRun) > now) return true;
    return false;
  }

  /** What is of a time to come was now: else nobody would ask for a run before it. */
  moveBack(now: number): void {
    for (const [key, { succeededAt, endedAt, lostAt }] of [...this.jobs]) {
      const ms = latestOf({ succeededAt, endedAt, lostAt }) - now;
      if (ms <= 0) continue;
      // by the same, as alerts ask which of them was the last
      const back = (time: number) => (time > now ? time - ms : time);
      this.set(key, { succeededAt: back(succeededAt), endedAt: back(endedAt), lostAt: back(lostAt) });
      this.show(key);
    }
  }

  /** Writes what has changed. @throws the system's error, after which the old file is still there */
  save(): Promise<void> {
    this.saving = this.saving.catch(() => {}).then(() => this.saveNow());
    return this.saving;
  }

  private async saveNow(): Promise<void> {
    if (!this.isNew) return;
    this.isNew = false;
    const entries = Array.from(this.jobs, ([job, { succeededAt, endedAt, lostAt }]) => [
      ...[job, succeededAt, endedAt, lostAt],
    ]);
    try {
      await replaceFile(this.file, [JSON.stringify(entries)]);
    } catch (error) {
      this.isNew = true;
      throw error;
    }
  }

  /** Times do not go back. */
  private raise(key: string, { succeededAt, endedAt, lostAt }: LastRun): void {
    const known = this.jobs.get(key) ?? NEVER;
    if (known.succeededAt >= succeededAt && known.endedAt >= endedAt && known.lostAt >= lostAt) return;
    this.set(key, {
      succeededAt: Math.max(known.succeededAt, succeededAt),
      endedAt: Math.max(known.endedAt, endedAt),
      lostAt: Math.max(known.lostAt, lostAt),
    });
  }

  private set(key: string, lastRun: LastRun): void {
    bounded(this.jobs, key, lastRun, JOBS_MAX);
    this.isNew = true;
  }

  private show(key: string): void {
    const { succeededAt, endedAt, lostAt } = this.jobs.get(key) ?? NEVER;
    const { jobs, families } = this.metrics;
    const [kind, name] = JSON.parse(key) as [string, string];
    const lastEnd = Math.max(endedAt, lostAt);
    if (lastEnd > 0) jobs.lastEnd.set({ kind, name }, lastEnd / 1000);
    else jobs.lastEnd.remove({ kind, name });
    if (succeededAt === 0) return;
    jobs.lastSuccess.set({ kind, name }, succeededAt / 1000);
    if (kind === 'backup') families.backupLastSuccess.set({ backup_type: name }, succeededAt / 1000);
  }
}

function latestOf({ succeededAt, endedAt, lostAt }: LastRun): number {
  return Math.max(succeededAt, endedAt, lostAt);
}

function keyOf({ kind, name }: Job): string {
  return JSON.stringify([kind, name]);
}
